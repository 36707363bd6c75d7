// The chat page's behaviour: chips open the reading pane, keys walk through citations, answers can be copied and judged.
// Gradio calls this once for the pane with element, trigger and server. All HTML that it inserts was rendered and
// escaped by ui/render.py; text that it inserts itself goes in as text. It fetches nothing but server.open and texts.
const all = props.texts;
const language = (navigator.language || 'en').toLowerCase().startsWith('de') ? 'de' : 'en';
const say = (name, values = {}) =>
  all[language][name].replace(/\{(\w+)\}/g, (_, key) => (key in values ? values[key] : ''));
const body = () => element.querySelector('.nd-body');
const narrow = () => window.matchMedia('(max-width: 900px)').matches;
const isChip = (link) => link && (link.getAttribute('href') || '').startsWith('#cite~');
document.documentElement.lang = language;

// --- the reading pane: trail is the citations of the answer that was opened, at is where we are in it
let trail = [], at = -1, opener = null, asked = 0, listed = null;
const linkTo = (href) => [...document.querySelectorAll('#nd-chat a')].find((a) => a.getAttribute('href') === href);

function setTrail(href, link) {
  const answer = link && link.closest('.nd-answer');
  const found = answer ? [...answer.querySelectorAll('a.nd-cite, a.nd-source')].map((a) => a.getAttribute('href')) : [];
  if (!found.includes(href)) { if (!trail.includes(href)) trail = [href]; }
  else trail = [...new Set(found)];
  at = trail.indexOf(href);
}

async function open(href, link, focus) {
  setTrail(href, link);
  if (link && link.closest('#nd-chat')) opener = href;
  const mine = ++asked;
  element.classList.add('nd-loading');
  const reply = await server.open({ refs: [href, ...trail.filter((r) => r !== href)].slice(0, 40), language });
  if (mine !== asked) return;  // a later click was quicker
  element.classList.remove('nd-loading');
  body().innerHTML = (reply && reply.html) || '';
  listed = null;
  if (!reply || !reply.html) body().append(note(say(reply ? 'missing' : 'unloaded')));
  element.classList.add('nd-has-article');
  position();
  if (!document.body.classList.contains('nd-open')) {
    document.body.classList.add('nd-open');
    if (narrow() && location.hash !== href) history.pushState({ newsdesk: 'pane' }, '', location.pathname + location.search + href);
  }
  if (!narrow()) history.replaceState(history.state, '', location.pathname + location.search + href);
  document.querySelectorAll('.nd-current').forEach((a) => a.classList.remove('nd-current'));
  document.querySelectorAll('a.nd-cite').forEach((a) => a.classList.toggle('nd-current', a.getAttribute('href') === href));
  const mark = element.querySelector('#nd-mark');
  const scroller = body();
  if (mark) {
    const box = mark.getBoundingClientRect(), frame = scroller.getBoundingClientRect();
    scroller.scrollTop += box.top - frame.top - Math.max(24, (frame.height - box.height) / 3);
  } else scroller.scrollTop = 0;
  // In the same turn: a frame later the pane may be closed again, and would take the focus from the chip.
  if (focus || narrow()) (mark || element.querySelector('h2') || scroller).focus({ preventScroll: true });
}

function note(text) {
  const made = document.createElement('p');
  made.className = 'nd-note';
  made.textContent = text;
  return made;
}

function position() {
  const bar = element.querySelector('.nd-bar');
  bar.querySelector('.nd-position').textContent =
    trail.length > 1 ? say('position', { number: at + 1, count: trail.length }) : '';
  bar.querySelectorAll('[data-step]').forEach((button) => { button.hidden = trail.length < 2; });
}

function step(by) {
  if (trail.length < 2) return;
  open(trail[(at + by + trail.length) % trail.length], null, element.contains(document.activeElement));
}

async function contents() {
  const mine = ++asked;
  const reply = await server.open({ refs: [], language });
  if (mine !== asked) return;
  element.classList.remove('nd-has-article', 'nd-loading');
  const html = (reply && reply.html) || '';
  if (html === listed) return;
  body().innerHTML = listed = html;
  body().scrollTop = 0;
}

function close(fromHistory) {
  if (narrow() && !fromHistory && history.state && history.state.newsdesk === 'pane') { history.back(); return; }
  document.body.classList.remove('nd-open');
  document.querySelectorAll('.nd-current').forEach((a) => a.classList.remove('nd-current'));
  if (!fromHistory) history.replaceState(null, '', location.pathname + location.search);
  const back = opener && linkTo(opener);
  if (back) back.focus({ preventScroll: true });
  trail = []; at = -1; opener = null;
  position();
  contents();
}

// The address has changed without us: by going back or forward, or by a link that was put into it.
function follow() {
  const href = location.hash;
  if (!isChip({ getAttribute: () => href })) { if (trail.length) close(true); }
  else if (trail[at] !== href) open(href, linkTo(href), false);
}
window.addEventListener('popstate', follow);
window.addEventListener('hashchange', follow);
element.querySelectorAll('[data-step]').forEach((button) => {
  const name = button.dataset.step === '1' ? 'next' : 'previous';
  button.setAttribute('aria-label', say(name));
  button.title = say(name) + (name === 'next' ? ' (n)' : ' (p)');
  button.addEventListener('click', () => step(Number(button.dataset.step)));
});
element.querySelectorAll('[data-close]').forEach((button) => {
  button.setAttribute('aria-label', say(button.dataset.close));
  button.title = say(button.dataset.close) + ' (Esc)';
  button.addEventListener('click', () => close(false));
});
element.querySelector('.nd-back-text').textContent = say('back');
position();

// --- acting on links: while an answer streams its links are redrawn between mousedown and mouseup, so no click comes
let pressed = null;
const busy = () => document.querySelector('#nd-box .stop-button') !== null;
const typed = () => document.querySelector('#nd-box textarea');
let sent = null;  // a question stays in its field until its answer has begun: Gradio drops what is sent amid a stop
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.target !== typed()) return;
  if (busy()) { event.preventDefault(); event.stopPropagation(); } else sent = typed().value;
}, true);
document.addEventListener('click', (event) => {
  if (event.target.closest('#nd-box .submit-button')) sent = typed().value;
}, true);
function type(text) {
  typed().value = text;
  typed().dispatchEvent(new Event('input', { bubbles: true }));
}
let draft = sessionStorage.getItem('newsdesk-draft');  // Gradio loads the page anew when its server comes back
document.addEventListener('input', (event) => {
  if (event.target === typed()) sessionStorage.setItem('newsdesk-draft', typed().value);
});
let answering = false, pinned = false;
new MutationObserver(() => {
  if (draft !== null && typed()) { if (!typed().value) type(draft); draft = null; }
  if (busy() && sent !== null) { if (typed().value === sent) type(''); sent = null; }
  if (busy() === answering) return;
  answering = busy();
  if (answering) pinned = true;
  else if (!trail.length) contents();  // there may be more articles by now
}).observe(document.body, { childList: true, subtree: true });
document.addEventListener('click', (event) => {  // the button goes away, and the focus with it
  if (event.target.closest('#nd-box .stop-button') && !narrow()) typed().focus();
});

function act(link, byKey) {
  const href = link.getAttribute('href') || '';
  if (isChip(link)) { hideCard(); open(href, link, byKey); return; }
  if (busy() && /^#(ask$|again|edit)/.test(href)) return;  // one answer at a time: Stop is in sight
  if (href === '#ask') { trigger('asked', { question: link.textContent }); return; }
  const [, name, number] = href.match(/^#(copy|again|whole|edit|like|dislike)-(\d+)$/) || [];
  const turn = Number(number);
  if (name === 'copy') copy(link);
  if (name === 'again') trigger('again', { turn });
  if (name === 'whole') {
    const whole = link.closest('.nd-question').classList.toggle('nd-whole');
    link.textContent = say(whole ? 'less' : 'whole');
    link.setAttribute('aria-expanded', whole);
  }
  if (name === 'edit') edit(link, turn);
  if (name === 'like') judge(link, turn, true, '');
  if (name === 'dislike') reasons(link, turn);
}

const ours = (target) => {
  const link = target instanceof Element ? target.closest('a[href^="#"]') : null;
  return link && (link.closest('#nd-chat') || element.contains(link)) ? link : null;
};
document.addEventListener('pointerdown', (event) => {
  const link = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey ? ours(event.target) : null;
  pressed = link && { href: link.getAttribute('href'), x: event.clientX, y: event.clientY };
});
document.addEventListener('pointerup', (event) => {
  const was = pressed;
  pressed = null;
  if (!was || Math.hypot(event.clientX - was.x, event.clientY - was.y) > 8) return;
  const link = ours(document.elementFromPoint(event.clientX, event.clientY));
  if (link && link.getAttribute('href') === was.href) act(link, false);
});
document.addEventListener('pointercancel', () => { pressed = null; });
document.addEventListener('click', (event) => {
  const link = ours(event.target);
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();  // Gradio's <base href> would turn the fragment into a reload
  event.stopPropagation();
  if (event.detail === 0) act(link, true);  // from the keyboard or a screen reader
}, true);
document.addEventListener('keydown', (event) => {
  const inField = event.target instanceof Element && event.target.closest('input, textarea, select, [contenteditable]');
  if (event.key === 'Escape') {
    if (!card.hidden) hideCard();
    else if (document.body.classList.contains('nd-open') && !inField) close(false);
    return;
  }
  if (event.key === ' ' && ours(event.target) && ours(event.target).getAttribute('role') === 'button') {
    event.preventDefault();
    act(ours(event.target), true);
    return;
  }
  if (inField || event.ctrlKey || event.metaKey || event.altKey || !document.body.classList.contains('nd-open')) return;
  if (event.key === 'n') step(1);
  if (event.key === 'p') step(-1);
});

// --- the filter: what is chosen is written down in a hidden field, which goes with every question
const filter = () => document.querySelector('#nd-filter details');
const day = (text) =>
  new Date(text + 'T12:00').toLocaleDateString(language === 'de' ? 'de' : 'en-GB', { day: 'numeric', month: 'long', year: 'numeric' });

function choose() {
  const form = filter();
  const sources = [...form.querySelectorAll('input[type=checkbox]:checked')].map((box) => box.value);
  const [first, last] = ['from', 'to'].map((side) => form.querySelector(`[data-day=${side}]`));
  const from = first ? first.value : '', to = last ? last.value : '';
  const days = from && to ? say('between', { first: day(from), last: day(to) })
    : from ? say('since', { day: day(from) }) : to ? say('until', { day: day(to) }) : '';
  const what = [...(sources.length > 3 ? [...sources.slice(0, 2), '… ' + sources.length] : sources), days].filter(Boolean);
  const words = what.length ? say('only', { what: what.join(', ') }) : say('filter_all');
  form.querySelector('.nd-filter-text').textContent = words.charAt(0).toUpperCase() + words.slice(1);
  form.classList.toggle('nd-chosen', what.length > 0);
  const field = document.querySelector('#nd-chosen textarea, #nd-chosen input');
  field.value = what.length ? JSON.stringify({ sources, from, to }) : '';
  field.dispatchEvent(new Event('input', { bubbles: true }));
}
document.addEventListener('change', (event) => { if (filter() && filter().contains(event.target)) choose(); });
document.addEventListener('click', (event) => {
  const form = filter();
  if (!form || !(event.target instanceof Element)) return;
  if (event.target.closest('[data-clear]') && form.contains(event.target)) {
    form.querySelectorAll('input').forEach((input) => { input.checked = false; if (input.type === 'date') input.value = ''; });
    choose();
    form.querySelector('summary').focus();
  } else if (form.contains(event.target)) return;
  form.open = false;
});
document.addEventListener('keydown', (event) => {
  const form = filter();
  if (!form || !form.open || event.key !== 'Escape') return;
  event.stopPropagation();
  form.open = false;
  form.querySelector('summary').focus();
}, true);
document.addEventListener('focusin', (event) => {
  const form = filter();
  if (form && form.open && !form.contains(event.target)) form.open = false;
});

// --- what a chip stands for, on hover and focus
const card = document.createElement('div');
card.className = 'nd-card';
card.hidden = true;
card.setAttribute('role', 'tooltip');
card.id = 'nd-card';
document.body.append(card);

function showCard(chip) {
  const answer = chip.closest('.nd-answer');
  const href = chip.getAttribute('href');
  const source = answer && [...answer.querySelectorAll('a.nd-source')].find((a) => a.getAttribute('href') === href);
  if (!source) return;
  card.replaceChildren(...[...source.children].slice(1).map((child) => child.cloneNode(true)));
  card.hidden = false;
  const box = chip.getBoundingClientRect(), width = Math.min(360, innerWidth - 24);
  card.style.width = width + 'px';
  card.style.left = Math.max(12, Math.min(box.left - 24, innerWidth - width - 12)) + 'px';
  const below = box.bottom + 8 + card.offsetHeight < innerHeight;
  card.style.top = (below ? box.bottom + 8 : Math.max(8, box.top - 8 - card.offsetHeight)) + 'px';
  chip.setAttribute('aria-describedby', 'nd-card');
}
function hideCard() { card.hidden = true; }
const chipOf = (event) => (event.target instanceof Element ? event.target.closest('#nd-chat a.nd-cite') : null);
document.addEventListener('pointerover', (event) => {
  if (event.pointerType === 'touch') return;
  const chip = chipOf(event);
  if (chip) showCard(chip); else if (!card.hidden && !card.contains(event.target)) hideCard();
});
document.addEventListener('focusin', (event) => {
  const chip = chipOf(event);
  if (chip && chip.matches(':focus-visible')) showCard(chip); else hideCard();
});
document.addEventListener('scroll', hideCard, true);

// --- copy, edit, judge
async function copy(link) {
  const answer = link.closest('.nd-answer').cloneNode(true);
  answer.querySelectorAll('.nd-sr, .nd-acts, .nd-struck').forEach((part) => part.remove());
  answer.querySelectorAll('a.nd-cite').forEach((chip) => chip.replaceWith(` [${chip.textContent.trim()}]`));
  answer.querySelectorAll('.nd-when').forEach((when) => when.append(': '));
  answer.querySelectorAll('.nd-versus .nd-by').forEach((by) => by.remove());
  const lines = [...answer.querySelectorAll('.nd-prose > p, .nd-versus li, .nd-refused, .nd-note')]
    .map((part) => part.textContent.trim());
  const sources = [...answer.querySelectorAll('a.nd-source')].map((source) => {
    const [number, title, by, quote] = [...source.children].map((part) => part.textContent.trim());
    return `[${number}] ${title} (${by}): “${quote}”`;
  });
  const text = [...lines, '', ...sources].join('\n').replace(/\u2060/g, '').trim();
  try { await navigator.clipboard.writeText(text); } catch {
    const area = document.createElement('textarea');  // pages that are not served securely have no clipboard
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  const was = link.textContent;
  link.textContent = say('copied');
  setTimeout(() => { link.textContent = was; }, 1600);
}

function button(text, action, kind) {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = kind || 'nd-quiet';
  made.textContent = text;
  made.addEventListener('click', action);
  return made;
}

function edit(link, turn) {
  const question = link.closest('.nd-question');
  const shown = question.querySelector('.nd-asked');
  const field = document.createElement('textarea');
  field.className = 'nd-field';
  field.value = shown.innerText.trim();
  field.rows = Math.min(8, Math.max(2, Math.ceil(field.value.length / 50)));
  field.setAttribute('aria-label', say('edit'));
  const form = document.createElement('div');
  form.className = 'nd-form';
  const done = () => { form.remove(); question.classList.remove('nd-editing'); link.focus({ preventScroll: true }); };
  const save = () => {
    const text = field.value.trim();
    done();
    if (!text) return;
    trigger('edited', { turn, question: text });
    if (!narrow()) typed().focus();
  };
  field.addEventListener('keydown', (event) => {
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey) { event.preventDefault(); save(); }
    if (event.key === 'Escape') done();
  });
  form.append(field, button(say('save'), save, 'nd-go'), button(say('cancel'), done));
  question.classList.add('nd-editing');
  question.append(form);
  field.focus();
}

function judge(link, turn, liked, reason) {
  const acts = link.closest('.nd-acts');
  trigger('judged', { turn, liked, reason: reason.slice(0, 1000) });
  acts.querySelectorAll('.nd-form').forEach((form) => form.remove());
  const thanks = document.createElement('span');
  thanks.className = 'nd-thanks';
  thanks.setAttribute('role', 'status');
  thanks.textContent = say('thanks');
  acts.querySelectorAll('.nd-thanks').forEach((old) => old.remove());
  acts.append(thanks);
  link.focus({ preventScroll: true });
}

function reasons(link, turn) {
  const acts = link.closest('.nd-acts');
  const old = acts.querySelector('.nd-form');
  if (old) { old.remove(); return; }
  const form = document.createElement('div');
  form.className = 'nd-form nd-reasons';
  const label = document.createElement('p');
  label.textContent = say('reason');
  form.append(label);
  for (const name of ['reason_wrong', 'reason_quote', 'reason_missed', 'reason_old'])
    form.append(button(say(name), () => judge(link, turn, false, all.en[name])));
  const field = document.createElement('input');
  field.className = 'nd-field';
  field.maxLength = 1000;
  field.placeholder = say('reason_other');
  field.setAttribute('aria-label', say('reason_other'));
  const send = () => judge(link, turn, false, field.value.trim());
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.isComposing) { event.preventDefault(); send(); }
  });
  form.append(field, button(say('reason_send'), send, 'nd-go'));
  acts.append(form);
  form.scrollIntoView({ block: 'nearest' });
  if (!narrow()) field.focus({ preventScroll: true });
}

// --- a new question goes to the top and stays there while its answer comes in, until the reader scrolls
// (Gradio mounts the conversation in its own time, so it is looked up whenever the page changes.)
let count = 0;
new MutationObserver(() => {
  // Gradio labels each message with its own HTML source, which a screen reader would spell out.
  document.querySelectorAll('#nd-chat [aria-label*="<"]').forEach((message) => message.removeAttribute('aria-label'));
  const questions = document.querySelectorAll('#nd-chat .nd-question');
  if (questions.length !== count) { pinned = questions.length > 0; count = questions.length; }
  const frame = pinned && questions[count - 1].closest('.panel-wrap');
  if (!frame) return;
  const by = questions[count - 1].getBoundingClientRect().top - frame.getBoundingClientRect().top - 24;
  if (Math.abs(by) > 2) frame.scrollTop += by;
  const last = [...frame.querySelectorAll('.nd-answer')].pop();
  if (!busy() && last && last.compareDocumentPosition(questions[count - 1]) & 2) pinned = false;
}).observe(document.body, { childList: true, subtree: true });
const release = (event) => { if (event.target.closest('#nd-chat')) pinned = false; };
for (const kind of ['wheel', 'touchmove', 'pointerdown', 'keydown'])
  document.addEventListener(kind, release, { passive: true });

// --- start
const probe = document.createElement('div');  // beside the conversation is a scrollbar: the fields keep as much free
probe.style.cssText = 'position: absolute; width: 6rem; overflow-y: auto; scrollbar-gutter: stable; visibility: hidden';
document.body.append(probe);
document.documentElement.style.setProperty('--nd-scrollbar', probe.offsetWidth - probe.clientWidth + 'px');
probe.remove();
if (isChip({ getAttribute: () => location.hash })) {
  const href = location.hash;
  history.replaceState(null, '', location.pathname + location.search);
  open(href, null, false);
} else contents();

"""Answers and articles as HTML for the chat page.

Everything that comes from an article, a question or a model is escaped here, and marking is done here in code points:
before, mark, after are slices of `article.text`. An answer's HTML is one line without blank lines, so that a Markdown
renderer passes it through untouched. Links leave the page only to an article's own http(s) address. It imports no
Gradio, reads no store and decides nothing about an answer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from index.types import Article
from rag.types import Answer, Citation, Copy, Statement
from ui.notes import beside, note, understood
from ui.texts import Texts

MAX_REFERENCE = 6_000
"""Characters of a reference that a browser may send."""
LONG_SECTION = 60
"""A longer section name is a deck: a sentence of its own, which would drown the source and the date."""
LONG_QUESTION = 500
"""Characters: a longer question is shown cut to eight lines at first."""
STAGES = ("understanding", "searching", "reading", "answering")
_ENGLISH = Texts("en")


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a citation points: `#cite~<article, base64url>~<start>-<end>`, `~<start>-<end>` of a short answer, and
    `~<eight hex digits>` of the quote's hash, by which a link knows that its article has changed since."""

    article_id: str
    start: int = 0
    end: int = 0
    answer_start: int | None = None
    answer_end: int | None = None
    quote: str = ""

    @classmethod
    def from_citation(cls, citation: Citation) -> Reference:
        start, end, quote = citation.start, citation.end, short_hash(citation.quote)
        return cls(citation.article_id, start, end, citation.answer_start, citation.answer_end, quote)

    @classmethod
    def from_text(cls, text: str) -> Reference | None:
        """The reference that a browser sent, or None for anything that isn't one.

        >>> Reference("a.txt", 3, 9).text, Reference.from_text("#cite~YS50eHQ~3-9") == Reference("a.txt", 3, 9)
        ('#cite~YS50eHQ~3-9', True)
        """
        span = r"~(\d{1,9})-(\d{1,9})"
        found = re.fullmatch(rf"#?cite~([\w-]{{1,5000}}){span}(?:{span})?(?:~([0-9a-f]{{8}}))?", text, re.ASCII)
        if len(text) > MAX_REFERENCE or not found:
            return None
        encoded, start, end, answer_start, answer_end, quote = found.groups()
        try:
            article_id = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None
        first, last = (int(answer_start), int(answer_end)) if answer_start and answer_end else (None, None)
        return cls(article_id, int(start), int(end), first, last, quote or "")

    @property
    def text(self) -> str:
        """The address fragment, of URL-safe characters only."""
        encoded = base64.urlsafe_b64encode(self.article_id.encode()).decode().rstrip("=")
        inner = "" if self.answer_start is None else f"~{self.answer_start}-{self.answer_end}"
        return f"#cite~{encoded}~{self.start}-{self.end}{inner}{'~' if self.quote else ''}{self.quote}"

    def fits(self, article: Article) -> bool:
        """Whether the article still says there what was cited, as far as the reference knows."""
        return not self.quote or self.quote == short_hash(article.text[self.start : self.end])


def short_hash(quote: str) -> str:
    return hashlib.sha256(quote.encode("utf-8", "replace")).hexdigest()[:8]


def one_line(text: str) -> str:
    """Escaped, and on one line: a blank line would end an HTML block in Markdown."""
    return re.sub(r"\s+", " ", escape(re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text)))


def safe_url(url: str | None) -> tuple[str, str] | None:
    """An article's address and its host, both escaped; None unless it is plain http(s) with a host.

    >>> safe_url("https://example.org/a?b=1&c"), safe_url("javascript:alert(1)")
    (('https://example.org/a?b=1&amp;c', 'example.org'), None)
    """
    if not url or len(url) > 2_000 or re.search(r"[\s\x00-\x1f\x7f\\<>\"'`]", url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        return None
    return escape(url), escape(host.removeprefix("www."))


def byline(source: str | None, day: str, section: str = "", page: str = "") -> str:
    """Source, date, section, page, each on its own so that right-to-left text stays in its place."""
    parts = [part for part in (source, day, section, page) if part]
    return " · ".join(f'<span class="nd-iso">{one_line(part)}</span>' for part in parts)


# --- the conversation -------------------------------------------------------------------------------------------------


def question_html(question: str, number: int, *, texts: Texts = _ENGLISH) -> str:
    """A question as asked; `number` is its place in the conversation, from 0."""
    lines = [one_line(line) for line in question.strip().splitlines()]
    long = len(question) > LONG_QUESTION or len(lines) > 8
    return (
        f'<div class="nd-question{" nd-long" if long else ""}"><span class="nd-sr">{texts("you_asked")}: </span>'
        f'<div class="nd-asked nd-iso">{"<br>".join(lines) or "&nbsp;"}</div>'
        f'<div class="nd-acts">{_act("whole", number, texts) if long else ""}{_act("edit", number, texts)}</div></div>'
    )


def stages_html(
    timings: dict[str, float],
    *,
    done: bool,
    refused: bool = False,
    scope: str = "",
    texts: Texts = _ENGLISH,
) -> str:
    """What was done so far, with milliseconds, and where it was looked; while work goes on, the next stage is named."""
    if not timings and done:
        return ""
    scope = f'<span class="nd-scope"> · {one_line(scope)}</span>' if scope else ""
    names = {"reading": "reading_stage"}
    rows = "".join(
        f"<li><span>{one_line(texts(names.get(name, name)) if name in STAGES else name)}</span>"
        f"<span>{texts.duration(spent)}</span></li>"
        for name, spent in timings.items()
    )
    if done:
        total = texts.duration(sum(timings.values()))
        summary = texts("stages_refused" if refused else "stages", time=total)
        return f'<details class="nd-stages"><summary>{summary}{scope}</summary><ol>{rows}</ol></details>'
    ahead = next((name for name in STAGES if name not in timings), "answering")
    summary = texts(names.get(ahead, ahead)) + " …"
    return f'<details class="nd-stages nd-busy"><summary>{summary}{scope}</summary><ol>{rows}</ol></details>'


def answer_html(answer: Answer, number: int, *, done: bool = True, texts: Texts = _ENGLISH) -> str:
    """One answer: its statements with their chips, what disagrees, sources, notes and what can be done with it."""
    if answer.answerer == "about":
        return (
            f'<div class="nd-answer nd-about"><p>{one_line(" ".join(note(n, texts) for n in answer.notes))}</p></div>'
        )
    acts = _acts(("copy", "again", "like", "dislike"), number, texts) if done else ""
    alone = understood(answer, texts)
    first = f'<p class="nd-note nd-understood nd-iso">{one_line(alone)}</p>' if alone else ""
    if answer.refused:
        return f'<div class="nd-answer nd-refusal">{first}{_refusal(answer, texts)}{acts}</div>'
    standing = [statement for statement in answer.statements if not statement.struck]
    struck = [statement for statement in answer.statements if statement.struck]
    short = ""
    if answer.short_answer and not answer.disagreement and len(answer.short_answer) <= 160:
        short = f'<p class="nd-short nd-iso">{one_line(answer.short_answer)}</p>'
    body = "".join(_statement(statement, texts) for statement in standing)
    if struck:
        said = texts("struck_one") if len(struck) == 1 else texts("struck", count=len(struck))
        lines = "".join(f"<li><s>{one_line(statement.text)}</s></li>" for statement in struck)
        body += f'<details class="nd-struck"><summary>{said}</summary><ul>{lines}</ul></details>'
    if answer.disagreement:
        body += _disagreement(answer, texts)
    citations = answer.citations or _distinct(statement.citations for statement in standing)
    sources = f'<p class="nd-label">{texts("sources")}</p>{_sources(citations, texts)}' if citations else ""
    notes = _notes(answer, texts, struck=not struck)
    return f'<div class="nd-answer">{first}<div class="nd-prose">{short}{body}</div>{notes}{sources}{acts}</div>'


def failure_html(message: str, number: int, *, texts: Texts = _ENGLISH) -> str:
    """An error's one line where the answer would stand, and the way to try once more."""
    return f'<div class="nd-answer nd-failure"><p>{one_line(message)}</p>{_acts(("again",), number, texts)}</div>'


def chip(citation: Citation, *, texts: Texts = _ENGLISH) -> str:
    """The number that opens the reading pane. Hovering shows what `_sources` lists under the same reference."""
    href = Reference.from_citation(citation).text
    return f'<a class="nd-cite" href="{href}"><span class="nd-sr">{texts("source")} </span>{citation.number}</a>'


def _statement(statement: Statement, texts: Texts) -> str:
    """The sentence with its chips before its full stop's end; a quote is set as one, its short answer marked."""
    text = statement.text.strip()
    first = statement.citations[0] if statement.citations else None
    if first and text == first.quote.strip() and first.answer_start is not None and first.answer_end is not None:
        lead = len(first.quote) - len(first.quote.lstrip())
        at, to = first.answer_start - first.start - lead, first.answer_end - first.start - lead
        if 0 <= at < to <= len(text):
            shown = f"{one_line(text[:at])}<strong>{one_line(text[at:to])}</strong>{one_line(text[to:])}"
        else:
            shown = one_line(text)
    else:
        shown = one_line(text)
    chips = "".join(chip(citation, texts=texts) for citation in statement.citations)
    doubt = (
        f' <em class="nd-doubt">{texts(statement.support)}</em>'
        if statement.support in ("partly", "unsupported")
        else ""
    )
    kind = "nd-quoted" if statement.support == "quoted" else "nd-written"
    return f'<p class="{kind} nd-iso">{shown}&#8288;<span class="nd-chips">{chips}</span>{doubt}</p>'


def _sources(citations: Sequence[Citation], texts: Texts) -> str:
    items = []
    for citation in citations:
        href = Reference.from_citation(citation).text
        page = texts("page", number=citation.page) if citation.page else ""
        section = citation.section if len(citation.section) <= LONG_SECTION else ""
        items.append(
            f'<li><a class="nd-source" href="{href}"><span class="nd-number">{citation.number}</span>'
            f'<span class="nd-iso nd-title">{one_line(citation.title or citation.article_id)}</span>'
            f'<span class="nd-by">{byline(citation.source, texts.date(citation.published), section, page)}</span>'
            f'<span class="nd-iso nd-quote">{one_line(citation.quote)}</span></a>'
            f"{_also_in(citation.also_in, texts)}</li>"
        )
    return f'<ol class="nd-sources">{"".join(items)}</ol>'


def _also_in(copies: Sequence[Copy], texts: Texts) -> str:
    if not copies:
        return ""
    links = ", ".join(
        f'<a class="nd-copy" href="{Reference(copy.article_id).text}"><span class="nd-iso">'
        f"{one_line(copy.source or copy.title or copy.article_id)}</span>"
        + (f" ({texts.date(copy.published)})" if copy.published else "")
        + "</a>"
        for copy in copies[:12]
    )
    more = f", {texts('more', count=len(copies) - 12)}" if len(copies) > 12 else ""
    return f'<p class="nd-also">{texts("also_in")} {links}{more}</p>'


def _disagreement(answer: Answer, texts: Texts) -> str:
    cards = "".join(
        f'<li><p class="nd-when">{texts.date(alternative.published)}</p>'
        f'<p class="nd-alternative nd-iso">{one_line(alternative.text)}'
        f'<span class="nd-chips">{"".join(chip(c, texts=texts) for c in alternative.citations)}</span></p>'
        f'<p class="nd-by">{byline(alternative.citations[0].source or alternative.citations[0].title, "")}</p></li>'
        for alternative in answer.disagreement
        if alternative.citations
    )
    return f'<p class="nd-label">{texts("disagreement")}</p><ul class="nd-versus">{cards}</ul>'


def _refusal(answer: Answer, texts: Texts) -> str:
    closest = f'<p class="nd-label">{texts("closest")}</p>{_sources(answer.closest, texts)}' if answer.closest else ""
    return f'<p class="nd-refused">{texts("refused")}</p>{_notes(answer, texts)}{closest}'


def _notes(answer: Answer, texts: Texts, *, struck: bool = True) -> str:
    said = beside(answer, texts, struck=struck)
    return "".join(f'<p class="nd-note nd-iso">{one_line(text)}</p>' for text in said)


def _act(name: str, number: int, texts: Texts) -> str:
    return f'<a class="nd-act" role="button" href="#{name}-{number}">{texts(name)}</a>'


def _acts(names: Iterable[str], number: int, texts: Texts) -> str:
    return f'<div class="nd-acts">{"".join(_act(name, number, texts) for name in names)}</div>'


def _distinct(groups: Iterable[Sequence[Citation]]) -> tuple[Citation, ...]:
    return tuple({citation.number: citation for group in groups for citation in group}.values())


def welcome_html(examples: Sequence[str], articles: int, *, texts: Texts = _ENGLISH) -> str:
    """The page before the first question; each example asks itself. How many articles there are is for a page without
    the reading pane beside it, which says that too."""
    asks = "".join(f'<li><a role="button" class="nd-ask nd-iso" href="#ask">{one_line(e)}</a></li>' for e in examples)
    shown = f'<p class="nd-label">{texts("examples")}</p><ul class="nd-examples">{asks}</ul>' if asks else ""
    held = texts.articles(articles) if articles else texts("empty")
    return (
        f'<div class="nd-welcome"><h2>{texts("welcome")}</h2><p>{texts("welcome_more")}</p>'
        f'<p class="nd-held">{held}</p>{shown}</div>'
    )


# --- the reading pane -------------------------------------------------------------------------------------------------


def collection_html(articles: Sequence[Article], total: int, *, texts: Texts = _ENGLISH) -> str:
    """The pane before anything is opened: what there is to read."""
    if not total:
        return f'<div class="nd-contents"><p class="nd-note">{texts("empty")}</p></div>'
    items = "".join(
        f'<li><a href="{Reference(article.id).text}">'
        f'<span class="nd-title nd-iso">{one_line(article.title or article.id)}</span>'
        f'<span class="nd-by">{byline(article.source, texts.date(article.published))}</span></a></li>'
        for article in articles
    )
    left = total - len(articles)
    more = f'<p class="nd-note">{texts("more", count=f"{left:,}")}</p>' if left > 0 else ""
    return (
        f'<div class="nd-contents"><p class="nd-label">{texts("collection")}</p>'
        f'<p class="nd-count">{texts.articles(total)}</p><ul>{items}</ul>{more}</div>'
    )


def article_html(
    article: Article, cited: Reference | None = None, others: Sequence[Reference] = (), *, texts: Texts = _ENGLISH
) -> str:
    """The whole article; `cited` is marked exactly (id nd-mark), its short answer stronger, `others` lighter.

    References that reach outside the text are cut to it, empty ones mark nothing. Where the article no longer says what
    was cited, nothing is marked and a line says so.
    """
    changed = ""
    if cited and not cited.fits(article):
        cited, others = None, ()
        changed = f'<p class="nd-changed" role="status">{texts("changed")}</p>'
    marks = [(r.start, r.end, "nd-other") for r in others if r.fits(article)]
    if cited:
        marks.append((cited.start, cited.end, "nd-main"))
        if cited.answer_start is not None and cited.answer_end is not None:
            marks.append((max(cited.answer_start, cited.start), min(cited.answer_end, cited.end), "nd-exact"))
    link = safe_url(article.url)
    original = (
        f'<p class="nd-original"><a href="{link[0]}" target="_blank" rel="noopener noreferrer nofollow">'
        f'{texts("original")} <span class="nd-iso">{link[1]}</span></a></p>'
        if link
        else ""
    )
    author = f'<p class="nd-by nd-iso">{one_line(article.author)}</p>' if article.author else ""
    page = article.page_of(cited.start) if cited and cited.end > cited.start else None
    head = byline(article.source, texts.date(article.published), "", texts("page", number=page) if page else "")
    seen = {"main": False}
    blocks = "".join(_block(article.text, start, end, kind, marks, seen) for start, end, kind in blocks_of(article))
    return (
        f'<article class="nd-article"><header><p class="nd-by">{head}</p>'
        f'<h2 class="nd-iso" tabindex="-1">{one_line(article.title or article.id)}</h2>{author}{original}'
        f"{changed}</header>{blocks}</article>"
    )


def blocks_of(article: Article) -> list[tuple[int, int, str]]:
    """The text cut into "deck", "heading", "paragraph", "rows" and "aside" (outside every section), in order.

    A line is a paragraph where the text has no blank lines; otherwise blank lines part them, and "rows" keep their
    lines (tables, lists, verse).
    """
    text = article.text
    headings = {section.heading.strip() for section in article.sections if section.heading.strip()}
    deck = article.sections[0].heading.strip() if article.sections else ""
    by_blank_lines = bool(re.search(r"\n[ \t]*\n", text))
    blocks: list[tuple[int, int, str]] = []
    open_paragraph = False
    for line in re.finditer(r"[^\n]*\n?", text):
        start, end = line.start(), line.start() + len(line.group().rstrip())
        if end <= start:
            open_paragraph = False
            continue
        shown = line.group().strip()
        inside = not article.sections or any(s.start < end and start < s.end for s in article.sections)
        if not inside and (shown in headings or shown.lstrip("# ") in headings):
            kind = "deck" if shown == deck and not blocks else "heading"
        else:
            kind = "paragraph" if inside else "aside"
        if open_paragraph and by_blank_lines and kind in ("paragraph", "aside") and blocks[-1][2] == kind:
            blocks[-1] = (blocks[-1][0], end, kind)
        else:
            blocks.append((start, end, kind))
        open_paragraph = kind in ("paragraph", "aside")
    return [(s, e, "rows" if k == "paragraph" and _keeps_lines(text[s:e]) else k) for s, e, k in blocks]


def _keeps_lines(text: str) -> bool:
    """Lines that mean something: table rows, list items, or lines too short to have been wrapped."""
    lines = text.split("\n")
    if len(lines) < 2:
        return False
    listed = sum(bool(re.match(r"\s*([-*•|]|\d+[.)])\s", line)) or " | " in line for line in lines)
    return listed * 2 >= len(lines) or max(len(line) for line in lines) < 45


def _block(
    text: str, start: int, end: int, kind: str, marks: Sequence[tuple[int, int, str]], seen: dict[str, bool]
) -> str:
    tag = {"heading": "h3", "deck": "p"}.get(kind, "p")
    return f'<{tag} class="nd-{kind}">{_marked(text, start, end, marks, seen)}</{tag}>'


def _marked(text: str, start: int, end: int, marks: Sequence[tuple[int, int, str]], seen: dict[str, bool]) -> str:
    """`text[start:end]` escaped, cut at every mark's ends; the first piece of the main mark gets the id nd-mark."""
    cuts = sorted({start, end, *(edge for a, b, _ in marks for edge in (a, b) if start < edge < end)})
    pieces = []
    for a, b in zip(cuts, cuts[1:], strict=False):
        kinds = {kind for first, last, kind in marks if first <= a and b <= last and first < last}
        piece = escape(re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", " ", text[a:b]))
        if "nd-main" in kinds:
            anchor = "" if seen["main"] else ' id="nd-mark" tabindex="-1"'
            seen["main"] = True
            exact = " nd-exact" if "nd-exact" in kinds else ""
            pieces.append(f'<mark class="nd-main{exact}"{anchor}>{piece}</mark>')
        elif "nd-other" in kinds:
            pieces.append(f'<mark class="nd-other">{piece}</mark>')
        else:
            pieces.append(piece)
    return "".join(pieces)

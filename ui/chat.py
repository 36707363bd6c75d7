"""The chat page: a conversation beside a reading pane. `make_app(bot)` builds it, `serve(bot, ...)` serves it.

It only asks `bot` and shows what `ui.render` makes of the answer; it has no retrieval logic. A conversation lives in
the browser (encrypted by Gradio in its local storage) and comes back with every question, so it is checked each time.
Each tab keeps its own until it is closed (`TAB_SCRIPT`); a new tab begins with the one that was written last.
Judgements are appended to feedback.jsonl in the index folder. Nothing is fetched from elsewhere: system fonts, no
analytics, and a content policy that names only this server.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["HF_HUB_OFFLINE"] = "1"  # read when Gradio is imported
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

from index.errors import ArticleMissing, NewsdeskError
from ui import render
from ui.conversation import answered, conversation, loaded, state_of
from ui.export import conversation_markdown
from ui.filters import filter_html, filter_of
from ui.guard import middleware
from ui.kept import append_feedback, storage_secret
from ui.texts import IN_SCRIPT, LANGUAGES, Texts, language_of

if TYPE_CHECKING:
    from rag.bot import Bot
    from rag.types import Turn

log = logging.getLogger(__name__)
HERE = Path(__file__).parent
MAX_QUESTION = 20_000
SHOWN_ARTICLES = 60
CLIENTS = 32
STOP_SECONDS = 3.0
PANE = """<div class="nd-pane" role="region"><div class="nd-bar">
<button type="button" class="nd-back" data-close="back"><span aria-hidden="true">←</span>
<span class="nd-back-text"></span></button>
<span class="nd-position" aria-live="polite"></span>
<button type="button" class="nd-step" data-step="-1"><span aria-hidden="true">‹</span></button>
<button type="button" class="nd-step" data-step="1"><span aria-hidden="true">›</span></button>
<button type="button" class="nd-x" data-close="close"><span aria-hidden="true">×</span></button>
</div><div class="nd-body" tabindex="0"></div></div>"""
# Gradio keeps a conversation in the local storage only, which all tabs share: the last one to write would overwrite the
# others. So a tab's session storage, which lasts through reloads, holds a copy, which this tab reads first.
TAB_SCRIPT = """(() => {
  const { getItem, setItem } = Storage.prototype;
  const shared = (storage, key) => storage === localStorage && key === 'newsdesk-conversation';
  Storage.prototype.getItem = function (key) {
    return (shared(this, key) && getItem.call(sessionStorage, key)) || getItem.call(this, key);
  };
  Storage.prototype.setItem = function (key, value) {
    if (shared(this, key)) setItem.call(sessionStorage, key, value);
    setItem.call(this, key, value);
  };
})()"""
THEME_SCRIPT = """() => {
  const dark = document.body.classList.toggle('dark');
  localStorage.setItem('newsdesk-theme', dark ? 'dark' : 'light');
}"""
START_SCRIPT = """() => {
  const asked = new URLSearchParams(location.search).get('__theme');
  const kept = asked || localStorage.getItem('newsdesk-theme');
  if (kept === 'dark' || kept === 'light') document.body.classList.toggle('dark', kept === 'dark');
}"""
DOWNLOAD_SCRIPT = """(text) => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/markdown' }));
  link.download = 'newsdesk.md';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}"""


class Running:
    """Which sessions' answers are on their way.

    Gradio cancels whatever answers for a session when the cancelling arrives. Were the page free before that, the
    answer to the next question would be cut off: a stop waits until the answer that it stops has ended.
    """

    def __init__(self) -> None:
        self._sessions: Counter[str | None] = Counter()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def one(self, session: str | None) -> Iterator[None]:
        with self._changed:
            self._sessions[session] += 1
        try:
            yield
        finally:
            with self._changed:
                self._sessions -= Counter({session: 1})
                self._changed.notify_all()

    def wait(self, session: str | None, seconds: float = STOP_SECONDS) -> None:
        """Until nothing runs for the session, but no longer than so many seconds: a model may be slow to let go."""
        with self._changed:
            self._changed.wait_for(lambda: not self._sessions[session], seconds)


def make_app(bot: Bot, *, folder: Path | None = None) -> gr.Blocks:
    """The page. `folder` keeps feedback.jsonl and the browser storage's secret; by default it is the index folder."""
    folder = folder or Path(bot.store.folder)
    i18n = translations()
    running = Running()
    page = gr.Blocks(title="newsdesk", analytics_enabled=False, fill_width=True)
    with page:
        kept = gr.BrowserState({"turns": []}, storage_key="newsdesk-conversation", secret=storage_secret(folder))
        with gr.Row(elem_id="nd-head"):
            gr.HTML("<h1>newsdesk</h1>", elem_id="nd-name")
            new = gr.Button(i18n("new"), elem_id="nd-new", elem_classes="nd-tool", size="sm")
            export = gr.Button(i18n("export"), elem_id="nd-export", elem_classes="nd-tool", size="sm")
            theme = gr.Button(i18n("theme"), elem_id="nd-theme", elem_classes="nd-tool", size="sm")
        with gr.Row(elem_id="nd-desk", equal_height=True):
            with gr.Column(elem_id="nd-left", min_width=320):
                chat = gr.Chatbot(
                    elem_id="nd-chat",
                    label=i18n("conversation"),
                    show_label=False,
                    container=False,
                    height=None,
                    buttons=[],
                    latex_delimiters=[],
                    layout="panel",
                    sanitize_html=True,
                    line_breaks=False,
                    allow_tags=False,
                    feedback_options=None,
                    autoscroll=False,  # chat.js keeps the question in sight instead of the answer's end
                    group_consecutive_messages=False,
                )
                choice = gr.HTML(elem_id="nd-filter", apply_default_css=False)
                mode = gr.Radio(
                    [(i18n("mode_quote"), "quote"), (i18n("mode_write"), "write")],
                    value="write",
                    elem_id="nd-mode",
                    label=i18n("mode"),
                    show_label=False,
                    container=False,
                    visible=bot.writer is not None,
                )
                box = gr.Textbox(
                    elem_id="nd-box",
                    label=i18n("ask_label"),
                    show_label=False,
                    container=False,
                    placeholder=i18n("ask_placeholder"),
                    lines=1,
                    max_lines=6,
                    max_length=MAX_QUESTION,
                    submit_btn=True,
                    autofocus=True,
                )
            with gr.Column(elem_id="nd-right", min_width=320):
                pane = gr.HTML(
                    elem_id="nd-pane",
                    html_template=PANE,
                    js_on_load=(HERE / "chat.js").read_text(encoding="utf-8"),
                    apply_default_css=False,
                    server_functions=[opener(bot)],
                    texts={name: {key: texts[key] for key in IN_SCRIPT} for name, texts in LANGUAGES.items()},
                )
        download = gr.Textbox(visible="hidden", elem_id="nd-download")
        chosen = gr.Textbox(visible="hidden", elem_id="nd-chosen")  # chat.js writes the filter here

        def run(
            state: Any, filter: str | None, mode: str, question: str, number: int | None, request: gr.Request
        ) -> Iterator[tuple[Any, Any, Any]]:
            """`number` is the turn that is asked anew: the last one is replaced, an earlier one asked at the end."""
            texts = texts_of(request)
            turns = loaded(state)
            if turns and number == len(turns) - 1:
                turns.pop()
            question = question.strip()[:MAX_QUESTION]
            if not question:
                yield gr.skip(), gr.skip(), gr.skip()
                return
            # Gradio sends a difference to the message before and works it into that one, shown or not: what only an
            # earlier message says is lost on a page that is behind. So each says all.
            with running.one(request.session_hash):
                for shown in answered(
                    bot, question, turns, filter=filter_of(filter), write=mode != "quote", texts=texts
                ):
                    yield conversation(shown, texts=texts), state_of(shown), buttons(busy=not shown[-1].done)

        def on_submit(
            question: str, state: Any, filter: str | None, mode: str, request: gr.Request
        ) -> Iterator[tuple[Any, Any, Any]]:
            yield from run(state, filter, mode, question or "", None, request)

        def on_asked(
            state: Any, filter: str | None, mode: str, request: gr.Request, event: gr.EventData
        ) -> Iterator[tuple[Any, Any, Any]]:
            yield from run(state, filter, mode, str(event._data.get("question", "")), None, request)

        def on_edited(
            state: Any, filter: str | None, mode: str, request: gr.Request, event: gr.EventData
        ) -> Iterator[tuple[Any, Any, Any]]:
            yield from run(state, filter, mode, str(event._data.get("question", "")), number_of(event), request)

        def on_again(
            state: Any, filter: str | None, mode: str, request: gr.Request, event: gr.EventData
        ) -> Iterator[tuple[Any, Any, Any]]:
            number = number_of(event)
            turn = turn_of(state, number)
            yield from run(state, filter, mode, turn.question if turn else "", number, request)

        def on_judged(state: Any, event: gr.EventData) -> Any:
            if turn := turn_of(state, number_of(event)):
                liked, reason = event._data.get("liked") is True, str(event._data.get("reason", ""))[:1000]
                append_feedback(folder / "feedback.jsonl", turn, liked=liked, reason=reason)

        def on_stop(state: Any, request: gr.Request) -> tuple[Any, Any, Any]:
            running.wait(request.session_hash)
            shown = loaded(state)
            return conversation(shown, texts=texts_of(request)), state_of(shown), buttons(busy=False)

        def on_new(request: gr.Request) -> tuple[Any, Any, Any]:
            running.wait(request.session_hash)
            return [], {"turns": []}, buttons(busy=False)

        def on_load(state: Any, request: gr.Request) -> tuple[Any, Any]:
            texts = texts_of(request)
            # At once: a question that is asked before this arrives would be drawn over. Examples may take seconds.
            talk = gr.Chatbot(value=conversation(loaded(state), texts=texts), placeholder=welcome(bot, (), texts))
            return talk, filter_of_store(bot, texts)

        def on_loaded(request: gr.Request) -> Any:
            return gr.Chatbot(placeholder=welcome(bot, examples_of(bot), texts_of(request)))

        def on_export(state: Any, request: gr.Request) -> str:
            texts = texts_of(request)
            return conversation_markdown([shown.said(texts) for shown in loaded(state)], texts=texts)

        hidden: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        asking: dict[str, Any] = {
            "outputs": [chat, kept, box],
            "concurrency_limit": 8,
            "concurrency_id": "ask",
            **hidden,
        }
        runs = [
            box.submit(on_submit, [box, kept, chosen, mode], **asking),
            pane.asked(on_asked, [kept, chosen, mode], **asking),
            pane.edited(on_edited, [kept, chosen, mode], **asking),
            pane.again(on_again, [kept, chosen, mode], **asking),
        ]
        # Cancelled first: what the run had still to say would else be drawn over what on_stop draws.
        box.stop(None, None, None, cancels=runs, **hidden).then(on_stop, [kept], [chat, kept, box], **hidden)
        pane.judged(on_judged, [kept], None, **hidden)
        emptied = new.click(None, None, None, cancels=runs, **hidden).then(on_new, None, [chat, kept, box], **hidden)
        emptied.then(on_loaded, None, [chat], **hidden)  # the collection may have changed since the page was loaded
        export.click(on_export, [kept], [download], **hidden).then(None, [download], None, js=DOWNLOAD_SCRIPT)
        theme.click(None, None, None, js=THEME_SCRIPT)
        page.load(on_load, [kept], [chat, choice], **hidden).then(on_loaded, None, [chat], **hidden)
        page.load(None, None, None, js=START_SCRIPT)
    page.queue(default_concurrency_limit=CLIENTS, max_size=256)
    return page


def translations() -> gr.I18n:
    """The page's texts for Gradio's own translator, which goes by the browser's language."""
    return gr.I18n(**{name: dict(texts) for name, texts in LANGUAGES.items()})


def buttons(*, busy: bool) -> Any:
    """The question's field with the button to stop, or the one to ask."""
    return gr.Textbox(submit_btn=not busy, stop_btn=busy)


def number_of(event: gr.EventData) -> int:
    value = event._data.get("turn")
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def turn_of(state: Any, number: int) -> Turn | None:
    """The turn with that number, counted as the page counts what it shows."""
    turns = loaded(state)
    return turns[number].turn if 0 <= number < len(turns) else None


def texts_of(request: gr.Request | None) -> Texts:
    return Texts(language_of(request.headers.get("accept-language") if request else None))


def examples_of(bot: Bot) -> list[str]:
    """The bot's example questions; none where they can't be found."""
    try:
        return bot.examples(4)
    except Exception:  # a page without examples is a page
        log.exception("no example questions were found")
        return []


def welcome(bot: Bot, examples: Sequence[str], texts: Texts) -> str:
    return render.welcome_html(examples, bot.store.status().articles, texts=texts)


def filter_of_store(bot: Bot, texts: Texts) -> str:
    status = bot.store.status()
    return filter_html(status.sources, status.published_from, status.published_to, texts=texts)


# --- the reading pane -------------------------------------------------------------------------------------------------


def opener(bot: Bot) -> Callable[[Any], dict[str, str]]:
    """What the pane calls: `{"refs": [...], "language": "de"}` -> `{"html": ...}`; the first reference is opened."""

    def open(asked: Any) -> dict[str, str]:
        wanted = asked if isinstance(asked, dict) else {}
        texts = Texts("de" if wanted.get("language") == "de" else "en")
        sent = wanted.get("refs")
        references = [
            found
            for text in (sent[:40] if isinstance(sent, list) else ())
            if isinstance(text, str) and (found := render.Reference.from_text(text))
        ]
        if not sent:
            articles = list(bot.store.articles(limit=SHOWN_ARTICLES))
            return {"html": render.collection_html(articles, bot.store.status().articles, texts=texts)}
        if not references:
            return {"html": ""}
        try:
            article = bot.store.article(references[0].article_id)
        except ArticleMissing:
            return {"html": ""}
        others = [r for r in references[1:] if r.article_id == article.id]
        return {"html": render.article_html(article, references[0], others, texts=texts)}

    return open


# --- serving ----------------------------------------------------------------------------------------------------------


def launch_options(host: str, port: int) -> dict[str, Any]:
    """What `Blocks.launch` needs for this page on that address; port 0 takes a free one."""
    theme = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    return {
        "server_name": host,
        "server_port": port or free_port(host),
        "theme": theme,
        "head": f"{stylesheet()}<script>{TAB_SCRIPT}</script>",
        "i18n": translations(),
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "share": False,
        "ssr_mode": False,
        "show_error": False,
        "quiet": True,
        "max_file_size": 1,
        "app_kwargs": {"middleware": middleware(host), "docs_url": None, "redoc_url": None},
    }


def stylesheet() -> str:
    """chat.css as a style element: Gradio's own `css` option prefixes every selector, those for body and html too."""
    return f"<style>{(HERE / 'chat.css').read_text(encoding='utf-8')}</style>"


def free_port(host: str) -> int:
    import socket

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def serve(bot: Bot, host: str, port: int, *, open_browser: bool = False, folder: Path | None = None) -> None:
    """Serve the page until interrupted and print its address once it answers. Raises NewsdeskError for a taken port."""
    page = make_app(bot, folder=folder)
    options = launch_options(host, port)
    try:
        page.launch(prevent_thread_lock=True, inbrowser=open_browser, **options)
    except OSError as error:
        raise NewsdeskError(f"cannot listen on {host}:{port}: {error}; choose another with --port") from None
    threading.Thread(target=examples_of, args=(bot,), daemon=True).start()  # the first visitor finds them found
    shown = "127.0.0.1" if host == "0.0.0.0" else host
    try:
        print(f"newsdesk is at http://{shown}:{options['server_port']}", flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print("newsdesk has stopped", flush=True)  # the way to end it, not a failure
    finally:
        page.close(verbose=False)

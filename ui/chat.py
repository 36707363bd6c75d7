"""The chat page: a conversation beside a reading pane. `make_app(bot)` builds it, `serve(bot, ...)` serves it.

It only asks `bot` and shows what `ui.render` makes of the answer; it has no retrieval logic. A conversation lives in
the browser (encrypted by Gradio in its local storage) and comes back with every question, so it is checked each time.
Judgements are appended to feedback.jsonl in the index folder. Nothing is fetched from elsewhere: system fonts, no
analytics, and a content policy that names only this server.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["HF_HUB_OFFLINE"] = "1"  # read when Gradio is imported
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
from pydantic import ValidationError

from index.errors import ArticleMissing, NewsdeskError
from rag.types import Answer, Done, Stage, StatementReady, Turn
from ui import render
from ui.guard import middleware
from ui.texts import IN_SCRIPT, LANGUAGES, Texts, language_of

if TYPE_CHECKING:
    from rag.bot import Bot

log = logging.getLogger(__name__)
HERE = Path(__file__).parent
MAX_TURNS = 60
MAX_QUESTION = 20_000
MAX_TURN = 300_000
MAX_FEEDBACK = 50_000_000
SHOWN_ARTICLES = 60
CLIENTS = 32
PANE = """<div class="nd-pane" role="region"><div class="nd-bar">
<button type="button" class="nd-back" data-close="back"><span aria-hidden="true">←</span>
<span class="nd-back-text"></span></button>
<span class="nd-position" aria-live="polite"></span>
<button type="button" class="nd-step" data-step="-1"><span aria-hidden="true">‹</span></button>
<button type="button" class="nd-step" data-step="1"><span aria-hidden="true">›</span></button>
<button type="button" class="nd-x" data-close="close"><span aria-hidden="true">×</span></button>
</div><div class="nd-body" tabindex="0"></div></div>"""
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


def make_app(bot: Bot, *, folder: Path | None = None) -> gr.Blocks:
    """The page. `folder` keeps feedback.jsonl and the browser storage's secret; by default it is the index folder."""
    folder = folder or Path(bot.store.folder)
    i18n = translations()
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

        def run(state: Any, question: str, keep: int | None, request: gr.Request) -> Iterator[tuple[Any, Any, Any]]:
            texts = texts_of(request)
            turns = turns_of(state)[: keep if keep is not None else MAX_TURNS]
            question = question.strip()[:MAX_QUESTION]
            if not question:
                yield gr.skip(), gr.skip(), gr.skip()
                return
            busy: Any = (
                gr.Textbox(value="", submit_btn=False, stop_btn=True)
                if keep is None
                else gr.Textbox(submit_btn=False, stop_btn=True)
            )
            for shown in answered(bot, question, turns, texts=texts):
                yield conversation(shown, texts=texts), state_of(shown), busy
                busy = gr.skip()
            yield gr.skip(), gr.skip(), gr.Textbox(submit_btn=True, stop_btn=False)

        def on_submit(question: str, state: Any, request: gr.Request) -> Iterator[tuple[Any, Any, Any]]:
            yield from run(state, question or "", None, request)

        def on_asked(state: Any, request: gr.Request, event: gr.EventData) -> Iterator[tuple[Any, Any, Any]]:
            yield from run(state, str(event._data.get("question", "")), None, request)

        def on_edited(state: Any, request: gr.Request, event: gr.EventData) -> Iterator[tuple[Any, Any, Any]]:
            yield from run(state, str(event._data.get("question", "")), number_of(event), request)

        def on_again(state: Any, request: gr.Request, event: gr.EventData) -> Iterator[tuple[Any, Any, Any]]:
            turns, number = turns_of(state), number_of(event)
            yield from run(state, turns[number].question if 0 <= number < len(turns) else "", number, request)

        def on_judged(state: Any, event: gr.EventData) -> Any:
            turns, number = turns_of(state), number_of(event)
            if 0 <= number < len(turns):
                liked, reason = event._data.get("liked") is True, str(event._data.get("reason", ""))[:1000]
                append_feedback(folder / "feedback.jsonl", turns[number], liked=liked, reason=reason)

        def on_stop(state: Any, request: gr.Request) -> tuple[Any, Any, Any]:
            texts = texts_of(request)
            shown = [shown_turn(turn, stopped=texts("stopped")) for turn in loaded(state)]
            return conversation(shown, texts=texts), state_of(shown), gr.Textbox(submit_btn=True, stop_btn=False)

        def on_load(state: Any, request: gr.Request) -> Any:
            texts = texts_of(request)
            shown = [shown_turn(turn, stopped=texts("stopped")) for turn in loaded(state)]
            welcome = render.welcome_html(examples_of(bot), texts=texts)
            return gr.Chatbot(value=conversation(shown, texts=texts), placeholder=welcome)

        def on_export(state: Any, request: gr.Request) -> str:
            return render.conversation_markdown(turns_of(state), texts=texts_of(request))

        hidden: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        asking: dict[str, Any] = {
            "outputs": [chat, kept, box],
            "concurrency_limit": 8,
            "concurrency_id": "ask",
            **hidden,
        }
        runs = [
            box.submit(on_submit, [box, kept], **asking),
            pane.asked(on_asked, [kept], **asking),
            pane.edited(on_edited, [kept], **asking),
            pane.again(on_again, [kept], **asking),
        ]
        box.stop(on_stop, [kept], [chat, kept, box], cancels=runs, **hidden)
        pane.judged(on_judged, [kept], None, **hidden)
        new.click(lambda: ([], {"turns": []}), None, [chat, kept], cancels=runs, **hidden)
        export.click(on_export, [kept], [download], **hidden).then(None, [download], None, js=DOWNLOAD_SCRIPT)
        theme.click(None, None, None, js=THEME_SCRIPT)
        page.load(on_load, [kept], [chat], js=None, **hidden)
        page.load(None, None, None, js=START_SCRIPT)
    page.queue(default_concurrency_limit=CLIENTS, max_size=256)
    return page


def translations() -> gr.I18n:
    """The page's texts for Gradio's own translator, which goes by the browser's language."""
    return gr.I18n(**{name: dict(texts) for name, texts in LANGUAGES.items()})


# --- a conversation, there and back -----------------------------------------------------------------------------------


class Shown:
    """One question and what is known of its answer so far; `failed` is an error's line in its place."""

    def __init__(self, question: str, answer: Answer | None = None, *, done: bool = False, failed: str = "") -> None:
        self.question = question
        self.answer = answer or Answer(question)
        self.done = done
        self.failed = failed


def answered(bot: Bot, question: str, before: Sequence[Turn], *, texts: Texts) -> Iterator[list[Shown]]:
    """The conversation as it grows while the bot answers `question`; an error becomes the answer's text."""
    earlier = [Shown(turn.question, turn.answer, done=True) for turn in before]
    current = Shown(question)
    yield [*earlier, current]
    drawn = time.monotonic()
    statements: list[Any] = []
    timings: dict[str, float] = {}
    try:
        for event in bot.stream(question, history=tuple(before)):
            if isinstance(event, Stage):
                timings[event.name] = event.milliseconds
            elif isinstance(event, StatementReady):
                statements.append(event.statement)
            elif isinstance(event, Done):
                current = Shown(question, event.answer, done=True)
                break
            current = Shown(question, Answer(question, statements=tuple(statements), timings=dict(timings)))
            if time.monotonic() - drawn > 0.1 or statements:  # a redraw costs the browser about ten milliseconds
                drawn = time.monotonic()
                yield [*earlier, current]
    except NewsdeskError as error:
        current = Shown(question, done=True, failed=str(error))
    except Exception:
        log.exception("the question could not be answered")
        current = Shown(question, done=True, failed=texts("failed"))
    yield [*earlier, current]


def conversation(shown: Sequence[Shown], *, texts: Texts) -> Any:
    """Gradio's messages: a question, and an answer in two blocks (what was done, what came of it)."""
    messages: list[dict[str, Any]] = []
    for number, turn in enumerate(shown):
        messages.append({"role": "user", "content": render.question_html(turn.question, number, texts=texts)})
        if turn.failed:
            blocks = [render.failure_html(turn.failed)]
        else:
            answer = turn.answer
            liked = None
            stages = render.stages_html(answer.timings, done=turn.done, refused=answer.refused, texts=texts)
            body = ""
            if turn.done or answer.statements:
                body = render.answer_html(answer, number, done=turn.done, liked=liked, texts=texts)
            blocks = [block for block in (stages, body) if block]
        messages.append({"role": "assistant", "content": blocks})
    return messages


def state_of(shown: Sequence[Shown]) -> dict[str, Any]:
    """What the browser keeps: answers without the passages that were read, which make up most of their size."""
    return {
        "turns": [
            {
                "answer": replace(turn.answer, question=turn.question, passages=()).to_json(),
                "done": turn.done,
                "failed": turn.failed,
            }
            for turn in shown[-MAX_TURNS:]
        ]
    }


def loaded(state: Any) -> list[dict[str, Any]]:
    """The turns of what a browser sent that can be read; the rest is dropped. It may have been written by anyone."""
    found = []
    turns = state.get("turns") if isinstance(state, dict) else None
    for turn in turns[-MAX_TURNS:] if isinstance(turns, list) else ():
        try:
            text = turn["answer"]
            if isinstance(text, str) and len(text) <= MAX_TURN:
                found.append(
                    {
                        "answer": Answer.from_json(text),
                        "done": turn.get("done") is True,
                        "failed": str(turn.get("failed") or "")[:500],
                    }
                )
        except (KeyError, TypeError, AttributeError, ValidationError):
            log.warning("a turn that the browser sent could not be read")
    return found


def turns_of(state: Any) -> list[Turn]:
    return [Turn(turn["answer"].question, turn["answer"]) for turn in loaded(state)]


def shown_turn(turn: dict[str, Any], *, stopped: str) -> Shown:
    """A kept turn; one that was stopped before it was done says so."""
    answer: Answer = turn["answer"]
    if not turn["done"]:
        answer = replace(answer, notes=(*answer.notes, stopped))
    return Shown(answer.question, answer, done=True, failed=turn["failed"])


def number_of(event: gr.EventData) -> int:
    value = event._data.get("turn")
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else MAX_TURNS


def texts_of(request: gr.Request | None) -> Texts:
    return Texts(language_of(request.headers.get("accept-language") if request else None))


def examples_of(bot: Bot) -> list[str]:
    try:
        return bot.examples(4)
    except NewsdeskError:
        return []


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


# --- what is kept on disk ---------------------------------------------------------------------------------------------


def append_feedback(path: Path, turn: Turn, *, liked: bool, reason: str) -> None:
    """One line `{"at", "question", "liked", "reason", "answer"}`; nothing is written once the file is very large."""
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "question": turn.question,
        "liked": liked,
        "reason": reason,
        "answer": json.loads(turn.answer.to_json()),
    }
    if path.exists() and path.stat().st_size > MAX_FEEDBACK:
        log.warning("%s is larger than %s bytes; move it away to record more", path, f"{MAX_FEEDBACK:,}")
        return
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def storage_secret(folder: Path) -> str:
    """The key of the browser's stored conversation: made once, so that a restart doesn't lose it."""
    path = folder / "chat-secret"
    try:
        return path.read_text(encoding="ascii").strip() or secrets.token_hex(16)
    except FileNotFoundError:
        pass
    made = secrets.token_hex(16)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(made)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        log.warning("%s cannot be written: conversations will not outlive this server", path)
    return made


# --- serving ----------------------------------------------------------------------------------------------------------


def launch_options(host: str, port: int) -> dict[str, Any]:
    """What `Blocks.launch` needs for this page on that address; port 0 takes a free one."""
    theme = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    return {
        "server_name": host,
        "server_port": port or free_port(host),
        "theme": theme,
        "head": stylesheet(),
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
    print(f"newsdesk is at http://{'127.0.0.1' if host == '0.0.0.0' else host}:{options['server_port']}", flush=True)
    try:
        page.block_thread()
    finally:
        page.close()

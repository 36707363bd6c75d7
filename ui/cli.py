"""newsdesk on the command line: index, ask, serve, status, check, compact, export, import, evaluate.

Each command opens what it needs, calls one method and hands the result to `ui.terminal`. Heavy libraries are imported
inside commands, so `newsdesk --help` stays quick. It leaves out conversations (that's the chat, `newsdesk serve`) and
any logic of retrieval or storage.

Exit codes: 0 done or answered, 1 an error in one line, 2 a wrong option, 3 refused, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from index.errors import IndexLocked, NewsdeskError
from ui import terminal

if TYPE_CHECKING:
    from watchfiles import Change

    from index.reports import IngestReport
    from index.store import PassageStore
    from rag.settings import Settings

REFUSED = 3
INTERRUPTED = 130

app = typer.Typer(
    name="newsdesk",
    help="Answers questions from a collection of articles; every answer cites exact characters of an article.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks print local variables, which hold article text
)

Index = Annotated[
    Path | None,
    typer.Option("--index", metavar="DIR", help="The index folder.  [default: $NEWSDESK_INDEX or newsdesk-data]"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on standard output.")]
Llm = Annotated[
    str | None,
    typer.Option(metavar="PROVIDER:MODEL", help="A language model that writes the answer, e.g. ollama:llama3.2."),
]


@app.command()
def index(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, or http(s) addresses.")],
    index: Index = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove articles of the files and folders given that are gone.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and keep the index in step with PATH.")] = False,
    embedder: Annotated[str | None, typer.Option(metavar="NAME", help="Only for a new index.")] = None,
    json: Json = False,
) -> None:
    """Read articles into the index; what hasn't changed is left as it is."""
    from rag.settings import load_settings

    settings = load_settings(index=index, embedder=embedder)
    if not all(paths):
        raise NewsdeskError("an empty path: give files of articles, or folders of them")
    local = [Path(path) for path in paths if "://" not in path]
    for path in local:
        if not path.exists():
            fix = "give the folder above it to remove its articles" if prune else "give files of articles, or folders"
            raise NewsdeskError(f"{path}: no such file or folder; {fix}")
    if watch and len(local) < len(paths):
        raise NewsdeskError("only files and folders can be watched: give addresses without --watch")
    report = _ingest(paths, local, settings, prune=prune or watch, json=json)
    if watch:
        if not json:
            terminal.say(f"watching {', '.join(paths)}; Ctrl-C ends it")
        own = settings.index.resolve()
        ready = False
        with contextlib.suppress(KeyboardInterrupt):  # the way to end it; an ingest that was cut off goes on next time
            for changed in _changes(local):
                # The first time-out says that the watcher listens: what changed before it did is taken up then.
                if ready and all(own in Path(path).resolve().parents for _, path in changed):
                    continue
                with contextlib.suppress(IndexLocked):  # someone else writes: again at the next time-out
                    # The store is opened for each change only, so that others can write in between.
                    ready = False
                    report = _ingest(paths, local, settings, prune=True, json=json, before=report)
                    ready = True


def _changes(paths: list[Path]) -> Iterator[set[tuple[Change, str]]]:
    """What changes below the paths, and an empty set each second. A path that is replaced is watched anew, and counts
    as changed: the system reports on the folder that it was."""
    from watchfiles import Change, watch

    def places() -> list[tuple[int, int] | None]:
        return [(path.stat().st_dev, path.stat().st_ino) if path.exists() else None for path in paths]

    anew: set[tuple[Change, str]] = set()
    while True:
        watched = places()
        if None in watched:
            time.sleep(1)
            continue
        for changed in watch(*paths, yield_on_timeout=True, rust_timeout=1_000):
            yield changed | anew
            anew = set()
            if places() != watched:
                anew = {(Change.modified, str(path)) for path in paths}
                break


def _ingest(
    paths: list[str],
    local: list[Path],
    settings: Settings,
    *,
    prune: bool,
    json: bool,
    before: IngestReport | None = None,
) -> IngestReport:
    """before: the last report; what tells no more than it is not shown."""
    from index.articles import read_articles
    from index.store import PassageStore
    from ui.progress import ingest_progress

    with PassageStore.open(settings.index, settings=settings, create=True, read_only=False) as store:
        with ingest_progress(local, quiet=json or before is not None) as progress:
            items = read_articles(*paths, settings=settings)
            report = store.add_articles(items, progress=progress, roots=paths, prune=prune)
        total = store.status().articles
    written = report.added or report.changed or report.renamed or report.removed
    if before and not written and report.rejected == before.rejected:
        return report
    terminal.show_json(report) if json else terminal.show_ingest(report, total=total, folder=settings.index)
    if before is None and report.rejected and not (written or report.unchanged):
        state = "as it was" if total else "empty"
        raise NewsdeskError(
            f"nothing could be read, so the index in {settings.index} is {state}; the reasons are above"
        )
    return report


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    index: Index = None,
    published_from: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], metavar="DAY", help="Only articles of 2026-01-31, say, or later."),
    ] = None,
    published_to: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], metavar="DAY", help="Only articles of 2026-01-31, say, or earlier."),
    ] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only articles of this source; may be repeated.")] = None,
    llm: Llm = None,
    json: Json = False,
) -> None:
    """Answer one question. Exit code 3: the collection doesn't answer it."""
    from index.types import Filter
    from rag.bot import Bot
    from rag.settings import load_settings

    settings = load_settings(index=index, llm=llm)
    chosen = Filter(
        published_from=published_from.date() if published_from else None,
        published_to=published_to.date() if published_to else None,
        sources=tuple(source or ()),
    )
    with Bot.open(settings.index, settings=settings) as bot:
        answer = bot.ask(question, filter=chosen or None)
    if json:
        print(answer.to_json())
    else:
        terminal.show_answer(answer)
    if answer.refused:
        raise typer.Exit(REFUSED)


@app.command()
def serve(
    index: Index = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.  [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.  [default: 7860]")] = None,
    llm: Llm = None,
) -> None:
    """Start the chat page and print its address."""
    from rag.bot import Bot
    from rag.settings import load_settings

    settings = load_settings(index=index, host=host, port=port, llm=llm)
    # Opened before the page's libraries are imported, so that a missing index is said at once.
    with Bot.open(settings.index, settings=settings) as bot:
        from ui.chat import serve as serve_chat

        serve_chat(bot, settings.host, settings.port)


@app.command()
def status(index: Index = None, json: Json = False) -> None:
    """What the index holds."""
    with _store(index) as store:
        found = store.status()
    terminal.show_json(found) if json else terminal.show_status(found)


@app.command()
def check(
    index: Index = None,
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild what is damaged and can be rebuilt.")] = False,
    json: Json = False,
) -> None:
    """Verify every part of the index against the others. Exit code 1: something is wrong."""
    with _store(index, read_only=not repair) as store:
        found = store.check(repair=repair)
    terminal.show_json(found) if json else terminal.show_check(found)
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def compact(index: Index = None, json: Json = False) -> None:
    """Rewrite the search files without what was deleted."""
    with _store(index, read_only=False) as store:
        before = store.status().bytes
        store.compact()
        after = store.status().bytes
    if json:
        terminal.show_json({"bytes_before": before, "bytes_after": after})
    else:
        terminal.say(f"compacted: {terminal.size(before)} before, {terminal.size(after)} now")


@app.command("export")
def export_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that is empty or doesn't exist yet.")],
    index: Index = None,
    json: Json = False,
) -> None:
    """Write articles, passages and vectors to a folder in open formats."""
    from index.backup import export_index

    with _store(index) as store:
        found = export_index(store, folder)
    terminal.show_json(found) if json else terminal.say(
        f"{terminal.plural(found.articles, 'article')} written to {folder}"
    )


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that `newsdesk export` wrote.")],
    index: Index = None,
    json: Json = False,
) -> None:
    """Make an index from an exported folder; nothing is embedded again."""
    from index.backup import import_index
    from rag.settings import load_settings

    settings = load_settings(index=index)
    found = import_index(folder, settings.index, settings=settings)
    terminal.show_json(found) if json else terminal.say(
        f"{terminal.plural(found.articles, 'article')} read into {settings.index}"
    )


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    options_metavar="DATASET [OPTIONS]",
)
def evaluate(context: typer.Context) -> None:
    """Measure answers on a data set with gold quotes; `newsdesk evaluate --help` lists its options."""
    from rag.evaluate import main as run

    raise typer.Exit(run(context.args) or 0)


def _store(folder: Path | None, *, read_only: bool = True) -> PassageStore:
    """The index folder's PassageStore, opened; a context manager."""
    from index.store import PassageStore
    from rag.settings import load_settings

    settings = load_settings(index=folder)
    return PassageStore.open(settings.index, settings=settings, read_only=read_only)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Ctrl-C. Amid an import it waits until after: native libraries that it leaves half imported fail in ways of their
    own, or have Python end by the signal."""
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            again = threading.Timer(0.05, signal.raise_signal, [number])
            again.daemon = True
            again.start()
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors become one line on standard error, never a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that isn't UTF-8 gets "?" for what it lacks
    try:
        code = app(args=list(arguments) if arguments is not None else None, prog_name="newsdesk", standalone_mode=False)
        if sys.stdout:  # None where a shell has closed it
            sys.stdout.flush()
        if code == INTERRUPTED:  # typer turns Ctrl-C into this code and says nothing
            return terminal.fail("interrupted", code=INTERRUPTED, label="")
        return code if isinstance(code, int) else 0
    except NewsdeskError as error:
        return terminal.fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        return terminal.fail("interrupted", code=INTERRUPTED, label="")
    except BrokenPipeError:
        # The reader of a pipe left (`newsdesk status | head -1`); the interpreter must not complain at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return terminal.fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:
        if hasattr(error, "exit_code") and hasattr(error, "show"):  # a usage error of click's, with its own text
            error.show()
            return int(error.exit_code)
        raise


if __name__ == "__main__":
    sys.exit(main())

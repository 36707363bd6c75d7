"""The bar of an ingest: articles done, passages embedded, their rate, the time left. Nothing where no one looks on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from index.reports import IngestProgress


@contextmanager
def ingest_progress(paths: Iterable[Path], *, quiet: bool = False) -> Iterator[Callable[[IngestProgress], None] | None]:
    """A callback for `PassageStore.add_articles`, drawn on standard error; None where that is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    expected = count_articles(paths)
    began = time.monotonic()
    columns = (
        TextColumn("indexing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("articles, {task.fields[rate]:.0f} passages/s, left"),
        TimeRemainingColumn(),
    )
    # transient: the table that follows says everything that stays true.
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=expected, rate=0.0)

        def show(progress: IngestProgress) -> None:
            total = progress.articles_total or max(expected, progress.articles_done)
            rate = progress.passages_embedded / max(time.monotonic() - began, 1e-9)
            bar.update(task, completed=progress.articles_done, total=total, rate=rate)

        yield show


def count_articles(paths: Iterable[Path]) -> int:
    """About how many articles the paths hold, for the bar only: one a file, one a line of JSON Lines."""
    count = 0
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if not file.is_file() or file.name.startswith("."):
                continue
            if file.suffix == ".jsonl":
                try:
                    with file.open("rb") as lines:
                        count += sum(1 for _ in lines)
                except OSError:  # reading it for real says what is wrong with it
                    count += 1
            else:
                count += 1
    return count

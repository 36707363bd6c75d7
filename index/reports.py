"""What the store tells about its work: progress and report of an ingest, its state, the result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from index.types import Rejected


@dataclass(frozen=True, slots=True)
class IngestProgress:
    """articles_total is None while it isn't known; current: the id of the article that was done last, or a path.

    What is reported as done is on record: it outlasts a crash.
    """

    articles_done: int
    articles_total: int | None
    passages_embedded: int
    current: str


@dataclass(frozen=True, slots=True)
class IngestReport:
    """Ids of articles by what became of them; `embedded` counts passages that the model had to read."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    renamed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    embedded: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """What an index holds; notes are lines for its owner, such as files that wait to be rebuilt."""

    articles: int
    passages: int
    sources: tuple[str, ...]
    published_from: date | None
    published_to: date | None
    embedder: str
    bytes: int
    generation: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckReport:
    """ok: nothing is wrong, or nothing is any more. problems: all that was found; repaired: what was mended."""

    ok: bool
    problems: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()

"""What the store's tests share: a counting bag-of-words embedder, small articles, a wait for other processes."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings

from index.settings import IndexSettings
from index.store import PassageStore
from index.types import Article, Filter

WORDS = "river bridge mayor flood council storm harbour train strike vote museum school market fire rescue bank".split()
SMALL = IndexSettings(passage_tokens=48)
QUERIES = ["the mayor near the river", "correction storm", "case 3", "bank museum vote"]


class HashEmbeddings(Embeddings):
    """Each word adds 1 to one of 64 places; `embedded` lists every text that was embedded."""

    name = "hashing"
    digest = "hashing-1"
    dimension = 64
    max_tokens = 256

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        vector = np.zeros(self.dimension)
        for word in re.findall(r"\w+", text.lower()):
            vector[place_of(word) % self.dimension] += 1
        return vector.tolist()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.embedded += texts
        return [self.embed_query(text) for text in texts]


@cache
def place_of(word: str) -> int:
    return int(hashlib.md5(word.encode()).hexdigest(), 16)


def memory_folder() -> Iterator[Path]:
    """A temporary folder, in memory where the system has such: an index syncs each commit, and disks are slow at it."""
    shared = Path("/dev/shm")
    where = shared if os.access(shared, os.W_OK) else None
    # tantivy looks at a folder that it opened once more, from a thread that nobody can wait for, and makes a lock file.
    with tempfile.TemporaryDirectory(dir=where, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def opened(folder: Path, embeddings: HashEmbeddings | None = None, *, read_only: bool = False) -> PassageStore:
    return PassageStore.open(
        folder, embeddings=embeddings or HashEmbeddings(), settings=SMALL, create=not read_only, read_only=read_only
    )


def built_index(folder: Path) -> Path:
    """An index of 28 articles, of which the last three came after its snapshot."""
    with opened(folder) as store:
        store.add_articles([article_of(n) for n in range(25)])
        store.compact()
        store.add_articles([article_of(n) for n in range(25, 28)])
    return folder


def answers(store: PassageStore, filter: Filter | None = None) -> list[list[tuple[str, str, float]]]:
    """What both searches give to all queries."""
    return [
        [(passage.id, passage.text, round(score, 5)) for passage, score in search(query, 10, filter)]
        for query in QUERIES
        for search in (store.search_dense, store.search_lexical)
    ]


def text_of(number: int, *, sentences: int = 8, edit: int = 0) -> str:
    """A text of distinct sentences; `edit` changes the last one."""
    made = []
    for i in range(sentences):
        a, b, c = (WORDS[(number * k + i * m) % len(WORDS)] for k, m in ((1, 3), (5, 7), (11, 1)))
        made.append(f"In case {number} the {a} near the {b} was moved to the {c} after {i + 2} days of talks.")
    if edit:
        made[-1] = f"Correction {edit}: the {WORDS[edit % len(WORDS)]} stayed where it was."
    return " ".join(made)


def article_of(
    number: int, *, edit: int = 0, sentences: int = 8, folder: Path | None = None, name: str | None = None
) -> Article:
    """Article `number`, read from `folder` where one is given (nothing is written)."""
    id_ = name or f"{number:04}.txt"
    return Article(
        id=id_,
        title=f"Case {number}",
        text=text_of(number, sentences=sentences, edit=edit),
        source=("Harbour Wire", "Meridian Post")[number % 2],
        published=date(2025, 1 + number % 12, 1 + number % 28),
        metadata={"path": str(folder / id_), "root": str(folder)} if folder else {},
    )

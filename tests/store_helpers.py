"""What the store's tests share: a counting bag-of-words embedder, small articles, a wait for other processes."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings

from index.types import Article

WORDS = "river bridge mayor flood council storm harbour train strike vote museum school market fire rescue bank".split()


class HashEmbeddings(Embeddings):
    """Each word adds 1 to one of 64 places. `log`: a file that gets a line for every text that is embedded."""

    name = "hashing"
    digest = "hashing-1"
    dimension = 64
    max_tokens = 256

    def __init__(self, log: Path | None = None) -> None:
        self.log = log
        self.embedded: list[str] = []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        vector = np.zeros(self.dimension)
        for word in re.findall(r"\w+", text.lower()):
            vector[int(hashlib.md5(word.encode()).hexdigest(), 16) % self.dimension] += 1
        return vector.tolist()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.embedded += texts
        if self.log:
            lines = "".join(hashlib.sha256(text.encode()).hexdigest() + "\n" for text in texts)
            handle = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(handle, lines.encode())
            os.close(handle)
        return [self.embed_query(text) for text in texts]


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

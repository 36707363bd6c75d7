"""Embeddings kept by text, so that no text is embedded twice, whichever pipeline or run asks for it.

Used by newsdesk's side of the comparison and inside every peer's environment, so it needs numpy alone. How a text is
embedded is the caller's: each pipeline brings its own function, and what it gave is kept under the pipeline's name.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

BATCH = 128
"""Texts embedded between two commits; a run that was stopped loses no more than these."""


class Vectors:
    """A file of vectors. `kind` names whose they are: vectors of two kinds never stand in for each other."""

    def __init__(self, path: Path, kind: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._kind = kind
        self._database = sqlite3.connect(path, timeout=120, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)")

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self._kind}\0{text}".encode("utf-8", "surrogatepass")).digest()

    def embed(
        self, texts: Sequence[str], function: Callable[[list[str]], Sequence[Sequence[float]]]
    ) -> list[list[float]]:
        """A vector for each text, in order; `function` embeds those that are not kept yet."""
        keys = [self._key(text) for text in texts]
        found: dict[bytes, list[float]] = {}
        missing: dict[bytes, str] = {}
        for key, text in zip(keys, texts, strict=True):
            row = self._database.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
            if row:
                found[key] = np.frombuffer(row[0], dtype="<f4").tolist()
            else:
                missing[key] = text
        # Texts of like length share a batch: padding costs as much as text.
        waiting = sorted(missing, key=lambda key: len(missing[key]))
        for at in range(0, len(waiting), BATCH):
            some = waiting[at : at + BATCH]
            made = np.asarray(function([missing[key] for key in some]), dtype="<f4")
            with self._database:
                self._database.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                    [(key, vector.tobytes()) for key, vector in zip(some, made, strict=True)],
                )
            found |= {key: vector.tolist() for key, vector in zip(some, made, strict=True)}
            if len(waiting) > BATCH:
                print(f"\r{self._kind}: {at + len(some)} of {len(waiting)} embedded", end="", file=sys.stderr)
        if len(waiting) > BATCH:
            print(file=sys.stderr)
        return [found[key] for key in keys]

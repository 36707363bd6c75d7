"""Near-duplicate articles (syndicated copies, corrections) by MinHash over word triples. `rag.retrieve` folds.

datasketch makes the signatures; its bands are rows in SQLite, so that nothing is pickled and nothing has to be loaded.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from index.errors import IndexDamaged
from index.rows import vector_seal
from index.schema import Database

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERMUTATIONS = 128
BANDS = 32
"""32 bands of 4: two articles of similarity .7 share a band with probability .9998, of .3 with .23."""

SIMILAR = 0.6
"""Articles are copies from this estimated Jaccard similarity of their word triples on."""

TRIPLES_FROM = 20
"""Shorter articles have too few triples to tell a copy from a formula."""


def signature(text: str) -> NDArray[np.uint64] | None:
    """The MinHash of a text, shape (128,); None for one too short to compare."""
    words = re.findall(r"\w+", text.lower())
    shingles = {" ".join(words[i : i + 3]).encode() for i in range(len(words) - 2)}
    if len(shingles) < TRIPLES_FROM:
        return None
    from datasketch import MinHash

    found = MinHash(num_perm=PERMUTATIONS, hashfunc=xxhash.xxh32_intdigest)
    found.update_batch(sorted(shingles))
    values: NDArray[np.uint64] = np.asarray(found.hashvalues, dtype=np.uint64)
    return values


def bands_of(values: NDArray[np.uint64]) -> list[int]:
    """One number a band: articles that share one are compared."""
    rows = values.astype("<u8").reshape(BANDS, -1)
    return [xxhash.xxh3_64_intdigest(row.tobytes(), seed=number) >> 1 for number, row in enumerate(rows)]


def remember(connection: sqlite3.Connection, article: int, text: str) -> None:
    """Stores the article's signature and bands in place of its old ones, in the caller's transaction."""
    forget(connection, article)
    values = signature(text)
    if values is None:
        return
    blob = values.astype("<u4").tobytes()
    connection.execute("INSERT INTO signatures VALUES (?, ?, ?)", (article, blob, vector_seal(blob)))
    connection.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?)", [(band, article) for band in bands_of(values)])


def altered(database: Database) -> list[int]:
    """Keys of articles whose signature or bands are not those of their text; absent ones count too."""
    found: list[int] = []
    bands: dict[int, set[int]] = {}
    for article, band in database.rows("SELECT article, band FROM bands"):
        bands.setdefault(article, set()).add(band)
    for key, blob, sealed in database.rows(
        "SELECT a.key, s.signature, s.sealed FROM articles a LEFT JOIN signatures s ON s.article = a.key ORDER BY a.key"
    ):
        if blob is None:
            text = database.value("SELECT text FROM articles WHERE key = ?", key)
            whole = key not in bands and signature(text) is None
        else:
            whole = isinstance(blob, bytes) and vector_seal(blob) == sealed and len(blob) == 4 * PERMUTATIONS
            whole = whole and set(bands_of(np.frombuffer(blob, dtype="<u4").astype(np.uint64))) == bands.get(key)
        if not whole:
            found.append(key)
    return found


def forget(connection: sqlite3.Connection, article: int) -> None:
    connection.execute("DELETE FROM signatures WHERE article = ?", (article,))
    connection.execute("DELETE FROM bands WHERE article = ?", (article,))


def copies_of(database: Database, article_ids: Sequence[str], folder: Path) -> dict[str, tuple[str, ...]]:
    """The copies of each article that has any, in the order in which they came. Raises IndexDamaged."""
    rows = database.rows(
        "SELECT DISTINCT mine.id, s.signature, s.sealed, others.id, t.signature, t.sealed, others.key "
        "FROM json_each(?) j JOIN articles mine ON mine.id = j.value JOIN bands b ON b.article = mine.key "
        "JOIN bands c ON c.band = b.band AND c.article <> b.article JOIN articles others ON others.key = c.article "
        "JOIN signatures s ON s.article = mine.key JOIN signatures t ON t.article = others.key ORDER BY others.key",
        json.dumps(list(article_ids)),
    )
    found: dict[str, tuple[str, ...]] = {}
    for mine, one, seal_of_one, other, two, seal_of_two, _ in rows:
        if vector_seal(one) != seal_of_one or vector_seal(two) != seal_of_two:
            raise IndexDamaged(f"{folder} holds an altered signature: `newsdesk check --repair` mends it")
        alike = np.mean(np.frombuffer(one, dtype="<u4") == np.frombuffer(two, dtype="<u4"))
        if alike >= SIMILAR:
            found[mine] = (*found.get(mine, ()), other)
    return found

"""What a search sees: the dense and lexical index of one generation, brought up to date from SQLite.

It reads derived files and never writes one. A derived file that is absent, damaged or behind is made good in memory, so
answers are always those of SQLite's own generation; what was wrong is kept as a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from index.dense import DenseIndex, Vectors, read_snapshot
from index.lexical import LexicalIndex, open_lexical
from index.manifest import Manifest
from index.rows import passages_by_key, vectors_from_rows
from index.schema import Database

TAIL_PASSAGES = 2_000
"""So many passages that BM25's files lack are scored in Python; more are indexed in memory."""

PAGE = 5_000


@dataclass(frozen=True)
class View:
    """generation: what all of it stands at. lexical_tail: texts that `lexical` lacks; lexical_dead: keys it still has."""

    generation: int
    manifest: Manifest | None
    dense: DenseIndex
    lexical: LexicalIndex
    lexical_tail: dict[int, str] = field(default_factory=dict)
    lexical_dead: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Viewer:
    """Makes views of one index folder."""

    folder: Path
    database: Database
    dimension: int
    embedder: str
    threads: int = 1

    def open(self, manifest: Manifest | None) -> View:
        """A view from the files on. The caller holds no transaction."""
        notes: list[str] = []
        generation = int(self.database.meta("generation"))
        mapped = None
        since = -1
        if manifest is None:
            notes.append("manifest.json is missing or damaged: passages are found from SQLite alone")
        elif manifest.snapshot is not None:
            mapped = read_snapshot(self.folder / manifest.snapshot.file, manifest.snapshot)
            if mapped is None:
                notes.append(f"{manifest.snapshot.file} is missing or damaged: nearest passages come from SQLite")
            else:
                since = manifest.snapshot.generation
        lexical = open_lexical(self.folder / manifest.lexical, threads=self.threads) if manifest and manifest.lexical else None
        if lexical is not None and lexical.generation > generation:
            lexical = None
        if lexical is None:
            if manifest is not None and manifest.lexical:
                notes.append(f"{manifest.lexical} is missing or damaged: BM25 was rebuilt in memory")
            lexical = LexicalIndex(None, threads=self.threads)
        view = View(-1, manifest, DenseIndex.of(mapped, self.dimension), lexical, notes=tuple(notes))
        view = self.update(view, dense_since=since)
        expected = int(self.database.value("SELECT count(*) FROM passages"))
        if mapped is not None and len(view.dense.keys) != expected and view.generation == self.database.meta("generation"):
            notes.append("the FAISS snapshot doesn't hold what SQLite holds: nearest passages come from SQLite")
            fresh = View(-1, manifest, DenseIndex.of(None, self.dimension), lexical, notes=tuple(notes))
            view = self.update(fresh, dense_since=-1)
        return view

    def update(self, view: View, *, dense_since: int | None = None) -> View:
        """The view at the database's generation. dense_since: the generation that the dense index stands at."""
        since = view.generation if dense_since is None else dense_since
        with self.database.transaction(write=False):
            generation = int(self.database.meta("generation"))
            gone = [key for (key,) in self.database.rows("SELECT passage FROM tombstones WHERE generation > ?", since)]
            rows = self.database.rows(
                "SELECT p.key, v.vector, v.sealed FROM passages p LEFT JOIN vectors v ON v.hash = p.hash "
                "WHERE p.born > ? ORDER BY p.key",
                since,
            )
            vectors = vectors_from_rows([(blob, sealed) for _, blob, sealed in rows], self.dimension, self.folder)
            dense = view.dense.changed(removed=gone, keys=[key for key, _, _ in rows], vectors=vectors)
            lexical, tail, dead = self._lexical(view.lexical)
        return replace(
            view, generation=generation, dense=dense, lexical=lexical, lexical_tail=tail, lexical_dead=dead
        )

    def _lexical(self, lexical: LexicalIndex) -> tuple[LexicalIndex, dict[int, str], frozenset[int]]:
        at = lexical.generation
        born = [key for (key,) in self.database.rows("SELECT key FROM passages WHERE born > ? ORDER BY key", at)]
        dead = [key for (key,) in self.database.rows("SELECT passage FROM tombstones WHERE generation > ?", at)]
        if len(born) > TAIL_PASSAGES or (lexical.folder is None and (born or dead)):
            if lexical.folder is not None:
                lexical, born, at = LexicalIndex(None, threads=self.threads), self.all_keys(), -1
            lexical.remove(dead)
            fill(lexical, self.database, born, self.embedder, self.folder)
            lexical.commit(int(self.database.meta("generation")))
            return lexical, {}, frozenset()
        passages = passages_by_key(self.database, born, self.embedder, self.folder) if born else {}
        return lexical, {key: passages[key].indexed_text for key in born}, frozenset(dead)

    def all_keys(self) -> list[int]:
        return [key for (key,) in self.database.rows("SELECT key FROM passages ORDER BY key")]


def fill(lexical: LexicalIndex, database: Database, keys: Sequence[int], embedder: str, folder: Path) -> None:
    """Adds passages to a BM25 index, a page at a time; nothing is committed."""
    for at in range(0, len(keys), PAGE):
        page = keys[at : at + PAGE]
        passages = passages_by_key(database, page, embedder, folder)
        lexical.add((key, passages[key].indexed_text) for key in page if key in passages)


def all_vectors(database: Database, dimension: int, folder: Path) -> tuple[list[int], Vectors]:
    """Every passage's key, ascending, and its vector."""
    rows = database.rows(
        "SELECT p.key, v.vector, v.sealed FROM passages p LEFT JOIN vectors v ON v.hash = p.hash ORDER BY p.key"
    )
    vectors = vectors_from_rows([(blob, sealed) for _, blob, sealed in rows], dimension, folder)
    return [key for key, _, _ in rows], np.ascontiguousarray(vectors)

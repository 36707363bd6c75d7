"""What a search sees: the dense and lexical index of one generation, brought up to date from SQLite.

It reads derived files and never writes one. A derived file that is absent, damaged or behind is made good in memory, so
answers are always those of SQLite's own generation; what was wrong is kept as a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from index.dense import DenseIndex, Vectors, read_snapshot
from index.lexical import LexicalIndex, Words, open_lexical
from index.manifest import Manifest
from index.rows import passages_by_key, vectors_from_rows
from index.schema import Database

TAIL_PASSAGES = 2_000
"""So many passages that BM25's files lack are scored in Python; more are indexed in memory."""

PAGE = 5_000


@dataclass(frozen=True)
class View:
    """generation: what all of it stands at. tail: texts that `words` lacks; dead: keys that it still has."""

    generation: int
    manifest: Manifest | None
    dense: DenseIndex
    lexical: LexicalIndex
    words: Words
    tail: dict[int, str] = field(default_factory=dict)
    dead: frozenset[int] = frozenset()
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
        """A view from the files on."""
        notes: list[str] = []
        with self.database.transaction(write=False):
            lexical = self._open_lexical(manifest, notes)
            dense, since = self._open_dense(manifest, notes)
            view = View(-1, manifest, dense, lexical, lexical.words(), notes=tuple(notes))
            return self._update(view, since)

    def update(self, view: View) -> View:
        """The view at the database's generation."""
        view.lexical.reload()
        with self.database.transaction(write=False):
            return self._update(view, view.generation)

    def _open_dense(self, manifest: Manifest | None, notes: list[str]) -> tuple[DenseIndex, int]:
        """What the snapshot holds and the generation that it stands at, -1 without one."""
        empty = DenseIndex.of(None, self.dimension), -1
        if manifest is None:
            notes.append("manifest.json is missing or damaged: passages are found from SQLite alone")
            return empty
        snapshot = manifest.snapshot
        if snapshot is None:
            return empty
        mapped = read_snapshot(self.folder / snapshot.file, snapshot, threads=self.threads)
        held = self._held_at(snapshot.generation)
        if mapped is None or len(mapped.keys) != held:
            notes.append(f"{snapshot.file} is missing or damaged: nearest passages come from SQLite")
            return empty
        return DenseIndex.of(mapped, self.dimension), snapshot.generation

    def _open_lexical(self, manifest: Manifest | None, notes: list[str]) -> LexicalIndex:
        name = manifest.lexical if manifest else None
        lexical = open_lexical(self.folder / name, threads=self.threads) if name else None
        if lexical is not None:
            words = lexical.words()
            if words.generation <= self.database.number("generation") and words.count == self._held_at(
                words.generation
            ):
                return lexical
            lexical.close()
        if name:
            notes.append(f"{name} is missing or damaged: BM25 is made in memory")
        return LexicalIndex(None, threads=self.threads)

    def _held_at(self, generation: int) -> int:
        """How many passages there were at a generation; not known for one from before the last compact."""
        if generation < self.database.number("tombstones_from"):
            return -1
        alive = self.database.value("SELECT count(*) FROM passages WHERE born <= ?", generation)
        dead = self.database.value(
            "SELECT count(*) FROM tombstones WHERE generation > ? AND born <= ?", generation, generation
        )
        return int(alive) + int(dead)

    def _update(self, view: View, dense_since: int) -> View:
        generation = self.database.number("generation")
        gone = [
            key for (key,) in self.database.rows("SELECT passage FROM tombstones WHERE generation > ?", dense_since)
        ]
        rows = self.database.rows(
            "SELECT p.key, v.vector, v.sealed FROM passages p LEFT JOIN vectors v ON v.hash = p.hash "
            "WHERE p.born > ? ORDER BY p.key",
            dense_since,
        )
        vectors = vectors_from_rows([(blob, sealed) for _, blob, sealed in rows], self.dimension, self.folder)
        dense = view.dense.changed(removed=gone, keys=[key for key, _, _ in rows], vectors=vectors)
        lexical, words, tail, dead = self._words(view.lexical, generation)
        return View(generation, view.manifest, dense, lexical, words, tail, dead, view.notes)

    def _words(
        self, lexical: LexicalIndex, generation: int
    ) -> tuple[LexicalIndex, Words, dict[int, str], frozenset[int]]:
        words = lexical.words()
        at = words.generation
        born = [key for (key,) in self.database.rows("SELECT key FROM passages WHERE born > ? ORDER BY key", at)]
        dead = [key for (key,) in self.database.rows("SELECT passage FROM tombstones WHERE generation > ?", at)]
        if len(born) > TAIL_PASSAGES or (lexical.folder is None and (born or dead)):
            if lexical.folder is not None:
                lexical, born, dead = LexicalIndex(None, threads=self.threads), self.all_keys(), []
            lexical.remove(dead)
            fill(lexical, self.database, born, self.embedder, self.folder)
            lexical.commit(generation)
            return lexical, lexical.words(), {}, frozenset()
        passages = passages_by_key(self.database, born, self.embedder, self.folder) if born else {}
        return lexical, words, {key: passages[key].indexed_text for key in born}, frozenset(dead)

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

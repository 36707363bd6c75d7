"""What a search sees: the dense and lexical index of one generation, brought up to date from SQLite.

It reads derived files and never writes one. A derived file that is absent, damaged or behind is made good in memory, so
answers are always those of SQLite's own generation; what was wrong is kept as a note.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from index.dense import DenseIndex, Keys, Mapped, Vectors, read_snapshot
from index.lexical import LexicalIndex, Words, open_lexical, permitted
from index.manifest import MANIFEST, Manifest
from index.rows import passages_by_key, vectors_from_rows
from index.schema import Database

TAIL_PASSAGES = 2_000
"""So many passages that BM25's files lack are scored in Python; more are indexed in memory."""

PAGE = 5_000
ATTEMPTS = 5
"""A writer may replace files while they are read: then they are read again, at most so often."""

MENDS = "`newsdesk check --repair` mends it"


@dataclass(frozen=True)
class Files:
    """Derived files as they were found: `lexical` and `mapped` are None where a file is absent or damaged."""

    manifest: Manifest | None
    lexical: LexicalIndex | None
    mapped: Mapped | None
    stamp: tuple[int, int]


@dataclass(frozen=True)
class View:
    """generation: what all of it stands at. tail: texts that `words` lacks; dead: keys that it still has."""

    generation: int
    files: Files
    dense: DenseIndex
    lexical: LexicalIndex
    words: Words
    tail: dict[int, str] = field(default_factory=dict)
    dead: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()

    @property
    def manifest(self) -> Manifest | None:
        return self.files.manifest


class Viewer:
    """Keeps the view of one index folder up to date. Safe to use from several threads."""

    def __init__(self, folder: Path, database: Database, *, dimension: int, embedder: str, threads: int = 1) -> None:
        self.folder = folder
        self.database = database
        self.dimension = dimension
        self.embedder = embedder
        self.threads = threads
        self._mutex = threading.RLock()
        self._view: View | None = None
        self._inside = threading.local()

    @contextmanager
    def reading(self) -> Iterator[View]:
        """The view of one moment; whatever this thread reads from SQLite inside is of that moment too."""
        outer: View | None = getattr(self._inside, "view", None)
        if outer is not None:
            yield outer
            return
        with ExitStack() as stack:
            with self._mutex:
                view = self._begin(stack)
            self._inside.view = view
            try:
                yield view
            finally:
                self._inside.view = None

    def forget(self) -> None:
        """Makes the next search read the files again."""
        with self._mutex:
            view, self._view = self._view, None
            if view is not None:
                view.lexical.close()

    def _begin(self, stack: ExitStack) -> View:
        """Begins a read transaction on `stack` and makes a view of its moment.

        Files are read before it begins: what they hold is then never newer than what SQLite shows.
        """
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            view, stamp = self._view, _stamp(self.folder)
            files = None
            if view is None or view.files.stamp != stamp or last:
                files = self._read_files(stamp)
            elif self._behind(view):
                try:
                    view.lexical.reload()
                except ValueError:  # a compact has just removed its folder
                    continue
            with ExitStack() as transaction:
                transaction.enter_context(self.database.transaction(write=False))
                self.database.number("generation")  # SQLite's moment is that of its first read
                # Where the files were replaced meanwhile, SQLite may no longer know what died since the old ones.
                if _stamp(self.folder) == stamp or last:
                    if files is not None:
                        view = self._open(files)
                    elif view is not None and self._behind(view):
                        view = self._update(view, view.generation)
                    if view is not None:
                        self._view = view
                        stack.enter_context(transaction.pop_all())
                        return view
            if files is not None and files.lexical is not None:
                files.lexical.close()
        raise AssertionError("the last attempt takes what it finds")

    def _behind(self, view: View) -> bool:
        # What BM25 lacked when the view was made may have been committed since.
        return bool(view.generation != self.database.number("generation") or view.tail or view.dead)

    def _read_files(self, stamp: tuple[int, int]) -> Files:
        manifest = Manifest.read(self.folder)
        lexical = mapped = None
        if manifest is not None and manifest.lexical:
            lexical = open_lexical(self.folder / manifest.lexical, threads=self.threads)
        if manifest is not None and manifest.snapshot:
            snapshot = manifest.snapshot
            mapped = read_snapshot(self.folder / snapshot.file, snapshot, threads=self.threads)
        return Files(manifest, lexical, mapped, stamp)

    def _open(self, files: Files) -> View:
        """A view from the files on."""
        notes: list[str] = []
        generation = self.database.number("generation")
        lexical = self._open_lexical(files, generation, notes)
        dense, since = self._open_dense(files, generation, notes)
        view = View(-1, files, dense, lexical, lexical.words(), notes=tuple(dict.fromkeys(notes)))
        return self._update(view, since)

    def _open_dense(self, files: Files, generation: int, notes: list[str]) -> tuple[DenseIndex, int]:
        """What the snapshot holds and the generation that it stands at, -1 without one."""
        empty = DenseIndex.of(None, self.dimension), -1
        if files.manifest is None:
            notes.append(f"manifest.json is missing or damaged: passages are found from SQLite alone; {MENDS}")
            return empty
        snapshot = files.manifest.snapshot
        if snapshot is None:
            return empty
        if snapshot.generation > generation:
            notes.append(_lost(snapshot.generation, generation))
            return empty
        if files.mapped is None or len(files.mapped.keys) != self._held_at(snapshot.generation):
            notes.append(f"{snapshot.file} is missing or damaged: nearest passages come from SQLite; {MENDS}")
            return empty
        return DenseIndex.of(files.mapped, self.dimension), snapshot.generation

    def _open_lexical(self, files: Files, generation: int, notes: list[str]) -> LexicalIndex:
        name = files.manifest.lexical if files.manifest else None
        if files.lexical is not None:
            words = files.lexical.words()
            if words.generation > generation:
                notes.append(_lost(words.generation, generation))
            elif words.count == self._held_at(words.generation):
                return files.lexical
            files.lexical.close()
        if name:
            notes.append(
                f"{name} is missing or damaged: BM25 is made in memory; {MENDS}"
                if permitted(self.folder / name)
                else f"{name} can be opened only by who may read and write in it: BM25 is made in memory, at each start"
            )
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
        return View(generation, view.files, dense, lexical, words, tail, dead, view.notes)

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


def all_vectors(database: Database, dimension: int, folder: Path) -> tuple[Keys, Vectors]:
    """Every passage's key and vector, in an order that depends on what is held and not on when it came.

    An HNSW graph depends on the order in which it is built: this way it is a clean build's.
    """
    rows = database.rows(
        "SELECT p.key, v.vector, v.sealed FROM passages p JOIN articles a ON a.key = p.article "
        "LEFT JOIN vectors v ON v.hash = p.hash ORDER BY p.hash, a.id, p.start, p.end"
    )
    vectors = vectors_from_rows([(blob, sealed) for _, blob, sealed in rows], dimension, folder)
    return np.array([key for key, _, _ in rows], dtype=np.int64), np.ascontiguousarray(vectors)


def _lost(files: int, database: int) -> str:
    return (
        f"newsdesk.sqlite lost its last changes (the search files know of change {files}, it of {database}): it is an "
        "old copy, or its -wal file was damaged or removed; index the articles again"
    )


def _stamp(folder: Path) -> tuple[int, int]:
    try:
        found = (folder / MANIFEST).stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_ino

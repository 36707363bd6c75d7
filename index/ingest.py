"""Taking articles up, changing and deleting them: one SQLite transaction an article, the derived files after it.

Vectors are kept by the hash of what was embedded, so an edit embeds only the passages that changed and a rename, a
crash or a deletion taken back embed nothing. It leaves out reading files and making passages.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from index import copies
from index.dense import write_snapshot
from index.errors import IndexFolderError
from index.lexical import LexicalIndex, damage
from index.manifest import Manifest
from index.reports import IngestProgress, IngestReport
from index.rows import article_values, text_hash, to_half, vector_seal
from index.schema import FORMAT
from index.types import Article, Passage, Rejected, passage_id
from index.view import all_vectors, fill

if TYPE_CHECKING:
    from index.store import PassageStore

EMBED_TOGETHER = 64
"""Passages that are gathered, over articles, before the model is called."""

SNAPSHOT_FROM = 256
"""Up to so many newer or deleted passages are never worth a new snapshot."""

STALE = 0.1


def _require_writer(store: PassageStore) -> None:
    if store.lock is None:
        raise IndexFolderError(f"{store.folder} was opened for reading: open it with read_only=False to change it")


@dataclass
class Pending:
    """An article whose passages wait to be embedded."""

    article: Article
    values: dict[str, Any]
    passages: list[Passage]
    hashes: list[bytes]
    kind: str


@dataclass
class Tally:
    """What an ingest has done so far."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    embedded: int = 0

    def note(self, kind: str, article_id: str) -> None:
        self.ids.setdefault(kind, []).append(article_id)

    @property
    def done(self) -> int:
        return sum(map(len, self.ids.values())) + len(self.rejected)


class Writing:
    """One call of `add_articles` or `delete_articles`: SQLite first, BM25 at intervals, a snapshot when it pays."""

    def __init__(self, store: PassageStore) -> None:
        _require_writer(store)
        self.store = store
        self.database = store.database
        self.lexical = store.view().lexical
        self.tally = Tally()
        self.waiting: list[Pending] = []
        self._last_commit = time.monotonic()
        self._uncommitted = False

    # Articles

    def take(self, article: Article, *, document: bool) -> None:
        """Stores the article at once where nothing must be embedded, else with the next batch."""
        from index import passages as splitting

        store, id_ = self.store, article.id
        try:
            values = article_values(article) | {"document": int(document)}
        except (TypeError, ValueError) as error:
            self.reject(article, f"its metadata can't be kept as JSON ({error})")
            return
        row = self._row(values["id"])
        if row and row["content"] == values["content"] and row["document"] == values["document"]:
            if row["sealed"] != values["sealed"]:
                with self._change(content=False):
                    self._write_article(row["key"], values)
            self.tally.note("unchanged", id_)
            return
        if row is None and (old := self._moved(article, values)) is not None:
            self._rename(old, values)
            self.tally.note("renamed", id_)
            return
        if document:
            made = [Passage(passage_id(id_, 0, len(article.text)), id_, 0, len(article.text), values["text"], "", values["title"])]
        else:
            made = splitting.split(article, count_tokens=store.index_embeddings.count_tokens, settings=store.settings)
        hashes = [text_hash(passage.indexed_text, store.embeddings_digest) for passage in made]
        self.waiting.append(Pending(article, values, made, hashes, "changed" if row else "added"))
        if sum(len(pending.passages) for pending in self.waiting) >= EMBED_TOGETHER:
            self.flush()

    def reject(self, article: Article, reason: str) -> None:
        self.tally.rejected.append(Rejected(str(article.metadata.get("path") or article.id), reason))

    def flush(self) -> None:
        """Embeds what waits, keeps the vectors, then stores the articles, each in its own transaction."""
        wanted = {h: p.indexed_text for w in self.waiting for h, p in zip(w.hashes, w.passages, strict=True)}
        for hash_ in list(wanted):
            if self.database.value("SELECT 1 FROM vectors WHERE hash = ?", hash_):
                del wanted[hash_]
        if wanted:
            halves = to_half(self.store.index_embeddings.embed_documents(list(wanted.values())))
            if halves.shape[1] != self.store.index_embeddings.dimension or not np.isfinite(halves).all():
                raise IndexFolderError(f"the embedder {self.store.index_embeddings.name!r} gave vectors that can't be kept")
            with self.database.transaction() as connection:
                blobs = [half.astype("<f2").tobytes() for half in halves]
                connection.executemany(
                    "INSERT INTO vectors VALUES (?, ?, ?)",
                    [(hash_, blob, vector_seal(blob)) for hash_, blob in zip(wanted, blobs, strict=True)],
                )
            self.tally.embedded += len(wanted)
        for pending in self.waiting:
            self._store(pending)
            self.tally.note(pending.kind, pending.article.id)
        self.waiting.clear()

    def _row(self, article_id: str) -> dict[str, Any] | None:
        rows = self.database.rows("SELECT key, id, content, sealed, path, document FROM articles WHERE id = ?", article_id)
        return dict(zip(("key", "id", "content", "sealed", "path", "document"), rows[0], strict=True)) if rows else None

    def _moved(self, article: Article, values: dict[str, Any]) -> int | None:
        """The key of the same article under the path that it had before, when that path is gone."""
        if values["path"] is None:
            return None
        for key, path in self.database.rows("SELECT key, path FROM articles WHERE content = ?", values["content"]):
            if path is not None and path != values["path"] and not os.path.exists(path):
                return int(key)
        return None

    def _rename(self, key: int, values: dict[str, Any]) -> None:
        with self._change():
            self._write_article(key, values)

    def _store(self, pending: Pending) -> None:
        row = self._row(pending.values["id"])
        key = row["key"] if row else None
        old = {}
        if key is not None:
            old = {
                (start, end, title, section, hash_): passage
                for passage, start, end, title, section, hash_ in self.database.rows(
                    "SELECT key, start, end, title, section, hash FROM passages WHERE article = ?", key
                )
            }
        new = {
            (p.start, p.end, p.title, p.section, h): p for p, h in zip(pending.passages, pending.hashes, strict=True)
        }
        gone = [passage for place, passage in old.items() if place not in new]
        with self._change() as (connection, generation):
            key = self._write_article(key, pending.values)
            self._bury(connection, gone, generation)
            born: list[tuple[int, str]] = []
            for place, passage in new.items():
                if place not in old:
                    cursor = connection.execute(
                        "INSERT INTO passages (article, start, end, title, section, hash, born) VALUES (?, ?, ?, ?, ?, ?, ?)",
                        (key, *place, generation),
                    )
                    born.append((int(cursor.lastrowid or 0), passage.indexed_text))
            copies.remember(connection, key, pending.values["text"])
        self._index(gone, born)

    def _write_article(self, key: int | None, values: dict[str, Any]) -> int:
        connection = self.database.connection
        if key is None:
            names = ", ".join(values)
            marks = ", ".join("?" for _ in values)
            cursor = connection.execute(f"INSERT INTO articles ({names}) VALUES ({marks})", tuple(values.values()))
            return int(cursor.lastrowid or 0)
        names = ", ".join(f"{name} = ?" for name in values)
        connection.execute(f"UPDATE articles SET {names} WHERE key = ?", (*values.values(), key))
        return key

    def _bury(self, connection: sqlite3.Connection, keys: Sequence[int], generation: int) -> None:
        connection.executemany("INSERT INTO tombstones VALUES (?, ?)", [(key, generation) for key in keys])
        connection.executemany("DELETE FROM passages WHERE key = ?", [(key,) for key in keys])

    def delete(self, article_id: str) -> bool:
        row = self._row(article_id)
        if row is None:
            return False
        gone = [key for (key,) in self.database.rows("SELECT key FROM passages WHERE article = ?", row["key"])]
        with self._change() as (connection, generation):
            self._bury(connection, gone, generation)
            copies.forget(connection, row["key"])
            connection.execute("DELETE FROM articles WHERE key = ?", (row["key"],))
        self._index(gone, [])
        return True

    # The parts in step

    def _change(self, *, content: bool = True) -> Any:
        return _Change(self, content=content)

    def _index(self, gone: Sequence[int], born: Sequence[tuple[int, str]]) -> None:
        self.lexical.remove(gone)
        self.lexical.add(born)
        self._uncommitted = True
        if time.monotonic() - self._last_commit >= self.store.settings.lexical_commit_seconds:
            self.commit()

    def commit(self) -> None:
        """BM25 reaches SQLite's generation."""
        generation = int(self.database.meta("generation"))
        if self._uncommitted or self.lexical.generation != generation:
            self.lexical.commit(generation)
        self._uncommitted = False
        self._last_commit = time.monotonic()

    def finish(self) -> None:
        self.commit()
        dense = self.store.view().dense
        changed = len(dense.tail_keys) + int((~dense.alive).sum())
        if changed >= SNAPSHOT_FROM and dense.stale > STALE:
            publish(self.store)


class _Change:
    """A transaction that raises the generation by one."""

    def __init__(self, writing: Writing, *, content: bool) -> None:
        self._writing = writing
        self._transaction = writing.database.transaction()

    def __enter__(self) -> tuple[sqlite3.Connection, int]:
        connection = self._transaction.__enter__()
        connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'generation'")
        return connection, int(self._writing.database.meta("generation"))

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            database = self._writing.database
            for table in ("articles", "passages"):
                database.connection.execute(
                    f"UPDATE meta SET value = (SELECT count(*) FROM {table}) WHERE name = ?", (table,)
                )
        self._transaction.__exit__(*error)


def add_articles(
    store: PassageStore,
    items: Iterable[Article | Rejected],
    *,
    progress: Callable[[IngestProgress], None] | None = None,
    roots: Sequence[str] = (),
    prune: bool = False,
    documents: bool = False,
) -> IngestReport:
    """`PassageStore.add_articles`; documents: articles are LangChain Documents of one passage."""
    began = time.monotonic()
    writing = Writing(store)
    tally = writing.tally
    seen: dict[str, str | None] = {}
    total = len(items) if isinstance(items, Sequence) else None
    removed: list[str] = []
    try:
        for item in items:
            if isinstance(item, Rejected):
                tally.rejected.append(item)
                current = item.path
            else:
                current = item.id
                if item.id in seen:
                    writing.reject(item, f"its id {item.id!r} was already taken by {seen[item.id]}")
                else:
                    path = item.metadata.get("path")
                    seen[item.id] = str(path) if path else "an earlier article"
                    writing.take(item, document=documents)
            if progress:
                progress(IngestProgress(tally.done, total, tally.embedded, current))
        writing.flush()
        if prune:
            removed = [id_ for id_ in _under(store, roots) if id_ not in seen]
            for id_ in removed:
                writing.delete(id_)
    finally:
        writing.waiting.clear()
        writing.finish()
    if progress:
        progress(IngestProgress(tally.done, tally.done, tally.embedded, ""))
    return IngestReport(
        **{kind: tuple(tally.ids.get(kind, ())) for kind in ("added", "changed", "unchanged", "renamed")},
        removed=tuple(removed),
        rejected=tuple(tally.rejected),
        embedded=tally.embedded,
        seconds=time.monotonic() - began,
    )


def _under(store: PassageStore, roots: Sequence[str]) -> list[str]:
    """Ids of articles that were read from the roots."""
    wanted = [Path(os.path.abspath(root)) for root in roots]
    rows = store.database.rows("SELECT id, path FROM articles WHERE path IS NOT NULL ORDER BY key")
    return [id_ for id_, path in rows if any(Path(path).is_relative_to(root) for root in wanted)]


def delete_articles(store: PassageStore, article_ids: Sequence[str]) -> int:
    writing = Writing(store)
    try:
        return sum(writing.delete(id_) for id_ in dict.fromkeys(article_ids))
    finally:
        writing.finish()


def prepare(store: PassageStore) -> None:
    """What a writer does on opening: the derived files catch up with SQLite, damaged ones are made anew."""
    manifest = Manifest.read(store.folder)
    made_with = _made_with(store)
    name = manifest.lexical if manifest else None
    if manifest is None or name is None or damage(store.folder / name) is not None:
        rebuild(store)
    _sweep(store)
    view = store.view()
    if view.lexical.folder is None or (view.manifest and view.manifest.made_with != made_with) or view.notes:
        rebuild(store)
        view = store.view()
    if view.lexical_tail or view.lexical_dead or view.lexical.generation != view.generation:
        view.lexical.remove(view.lexical_dead)
        view.lexical.add(view.lexical_tail.items())
        view.lexical.commit(view.generation)
        store.forget_view()


def _made_with(store: PassageStore) -> dict[str, Any]:
    names = ("embedder", "precision", "dimension", "chunking")
    return {"format": FORMAT} | {name: json.loads(store.database.meta(name)) for name in names}


def publish(store: PassageStore) -> None:
    """A new FAISS snapshot of SQLite's generation."""
    manifest = Manifest.read(store.folder)
    with store.database.transaction(write=False):
        generation = int(store.database.meta("generation"))
        keys, vectors = all_vectors(store.database, store.index_embeddings.dimension, store.folder)
    snapshot = write_snapshot(
        store.folder,
        generation=generation,
        keys=np.asarray(keys, dtype=np.int64),
        vectors=vectors,
        hnsw_from=store.settings.hnsw_from,
    )
    Manifest(_made_with(store), snapshot, manifest.lexical if manifest else None).write(store.folder)
    store.forget_view()
    _sweep(store)


def rebuild(store: PassageStore) -> None:
    """FAISS and BM25 files anew from SQLite, beside the old ones until the manifest names them."""
    store.forget_view()
    with store.database.transaction(write=False):
        generation = int(store.database.meta("generation"))
        keys, vectors = all_vectors(store.database, store.index_embeddings.dimension, store.folder)
        number = 1 + max(
            (int(p.name[8:]) for p in store.folder.glob("lexical-*") if p.name[8:].isdigit()), default=0
        )
        folder = store.folder / f"lexical-{number}"
        lexical = LexicalIndex(folder, threads=1)
        fill(lexical, store.database, keys, store.embeddings_digest, store.folder)
    lexical.commit(generation)
    lexical.close()
    snapshot = write_snapshot(
        store.folder,
        generation=generation,
        keys=np.asarray(keys, dtype=np.int64),
        vectors=vectors,
        hnsw_from=store.settings.hnsw_from,
    )
    Manifest(_made_with(store), snapshot, folder.name).write(store.folder)
    _sweep(store)


def compact(store: PassageStore) -> None:
    """`PassageStore.compact`."""
    _require_writer(store)
    rebuild(store)
    with store.database.transaction() as connection:
        connection.execute("DELETE FROM vectors WHERE hash NOT IN (SELECT hash FROM passages)")
        connection.execute("DELETE FROM tombstones")
        connection.execute("UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'generation') WHERE name = 'tombstones_from'")
    store.database.connection.execute("VACUUM")
    store.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _sweep(store: PassageStore) -> None:
    """Removes derived files that the manifest doesn't name: a killed writer's, and those that were replaced."""
    manifest = Manifest.read(store.folder)
    if manifest is None:
        return
    kept = {manifest.lexical, manifest.snapshot.file if manifest.snapshot else None}
    for path in [*store.folder.glob("dense-*"), *store.folder.glob("lexical-*"), *store.folder.glob("*.new")]:
        if path.name not in kept:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

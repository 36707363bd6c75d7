"""Taking articles up, changing and deleting them: one SQLite transaction an article, the derived files after it.

Vectors are kept by the hash of what was embedded, so an edit embeds only the passages that changed and a rename, a
crash or a deletion taken back embed nothing. It leaves out reading files and making passages.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from index import copies
from index.reports import IngestProgress, IngestReport
from index.rows import article_values, clean, text_hash
from index.types import Article, Passage, Rejected, passage_id
from index.upkeep import embed, keep, publish, require_writer, writing_files

if TYPE_CHECKING:
    from index.store import PassageStore

EMBED_TOGETHER = 64
"""Passages that are gathered, over articles, before the model is called."""

SNAPSHOT_FROM = 256
"""Up to so many newer or deleted passages are never worth a new snapshot."""

STALE = 0.1


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
        require_writer(store)
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

        store = self.store
        article = replace(article, id=clean(article.id), title=clean(article.title), text=clean(article.text))
        id_ = article.id
        try:
            values = article_values(article) | {"document": int(document)}
        except (TypeError, ValueError) as error:
            self.reject(article, f"its metadata can't be kept as JSON ({error})")
            return
        row = self._row(values["id"])
        if row and (taken := _taken(row, values)):
            self.reject(article, f"its id {id_!r} is that of {taken}: index a folder that holds both")
            return
        if row and row["content"] == values["content"] and row["document"] == values["document"]:
            if row["sealed"] != values["sealed"]:  # only where it lies has changed
                with self._change():
                    self._write_article(row["key"], values)
            self.tally.note("unchanged", id_)
            return
        if row is None and (old := self._moved(article, values)) is not None:
            with self._change():
                self._write_article(old, values)
            self.tally.note("renamed", id_)
            return
        if document:
            made = [
                Passage(
                    passage_id(id_, 0, len(article.text)), id_, 0, len(article.text), article.text, "", article.title
                )
            ]
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
            embed(self.store, wanted)
            self.tally.embedded += len(wanted)
        for pending in self.waiting:
            self._store(pending)
            self.tally.note(pending.kind, pending.article.id)
        self.waiting.clear()

    def store_with_vectors(self, pending: Pending, rows: Sequence[int], vectors: NDArray[np.float16]) -> None:
        """Stores an article whose passages' vectors are known: the `rows` of `vectors`."""
        keep(self.store, {hash_: vectors[row] for hash_, row in zip(pending.hashes, rows, strict=True)})
        self._store(pending)

    def _row(self, article_id: str) -> dict[str, Any] | None:
        rows = self.database.rows(
            "SELECT key, id, content, sealed, path, document FROM articles WHERE id = ?", article_id
        )
        return dict(zip(("key", "id", "content", "sealed", "path", "document"), rows[0], strict=True)) if rows else None

    def _moved(self, article: Article, values: dict[str, Any]) -> int | None:
        """The key of the same article under the path that it had before, when that path is gone."""
        if values["path"] is None:
            return None
        for key, path in self.database.rows("SELECT key, path FROM articles WHERE content = ?", values["content"]):
            if path is not None and path != values["path"] and not os.path.exists(path):
                return int(key)
        return None

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
                        "INSERT INTO passages (article, start, end, title, section, hash, born) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?)",
                        (key, *place, generation),
                    )
                    born.append((int(cursor.lastrowid or 0), passage.indexed_text))
            self._count(passages=len(born))
            copies.remember(connection, key, pending.values["text"])
        self._index(gone, born)

    def _write_article(self, key: int | None, values: dict[str, Any]) -> int:
        connection = self.database.connection
        if key is None:
            names = ", ".join(values)
            marks = ", ".join("?" for _ in values)
            cursor = connection.execute(f"INSERT INTO articles ({names}) VALUES ({marks})", tuple(values.values()))
            self._count(articles=1)
            return int(cursor.lastrowid or 0)
        names = ", ".join(f"{name} = ?" for name in values)
        connection.execute(f"UPDATE articles SET {names} WHERE key = ?", (*values.values(), key))
        return key

    def _bury(self, connection: sqlite3.Connection, keys: Sequence[int], generation: int) -> None:
        connection.executemany(
            "INSERT INTO tombstones SELECT key, born, ? FROM passages WHERE key = ?",
            [(generation, key) for key in keys],
        )
        connection.executemany("DELETE FROM passages WHERE key = ?", [(key,) for key in keys])
        self._count(passages=-len(keys))

    def _count(self, *, articles: int = 0, passages: int = 0) -> None:
        """Keeps the counts that an opening is checked against."""
        for name, change in (("articles", articles), ("passages", passages)):
            if change:
                self.database.connection.execute("UPDATE meta SET value = value + ? WHERE name = ?", (change, name))

    def delete(self, article_id: str) -> bool:
        row = self._row(article_id)
        if row is None:
            return False
        gone = [key for (key,) in self.database.rows("SELECT key FROM passages WHERE article = ?", row["key"])]
        with self._change() as (connection, generation):
            self._bury(connection, gone, generation)
            copies.forget(connection, row["key"])
            connection.execute("DELETE FROM articles WHERE key = ?", (row["key"],))
            self._count(articles=-1)
        self._index(gone, [])
        return True

    # The parts in step

    @contextmanager
    def _change(self) -> Iterator[tuple[sqlite3.Connection, int]]:
        """A transaction that raises the generation by one."""
        with self.database.transaction() as connection:
            connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'generation'")
            yield connection, self.database.number("generation")

    def _index(self, gone: Sequence[int], born: Sequence[tuple[int, str]]) -> None:
        self._uncommitted = True
        with writing_files(self.store):
            self.lexical.remove(gone)
            self.lexical.add(born)
        if time.monotonic() - self._last_commit >= self.store.settings.lexical_commit_seconds:
            self.commit()

    def commit(self) -> None:
        """BM25 reaches SQLite's generation."""
        if self._uncommitted:
            with writing_files(self.store):
                self.lexical.commit(self.database.number("generation"))
        self._uncommitted = False
        self._last_commit = time.monotonic()

    def close(self) -> None:
        """BM25 is committed, and a new snapshot written where the old one lacks much."""
        self.commit()
        dense = self.store.view().dense
        changed = len(dense.tail_keys) + int((~dense.alive).sum())
        if changed >= SNAPSHOT_FROM and dense.stale > STALE:
            publish(self.store)


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
            removed = [id_ for id_ in _under(store, roots, tally.rejected) if id_ not in seen]
            for id_ in removed:
                writing.delete(id_)
    finally:
        writing.waiting.clear()
        writing.close()
    if progress:
        progress(IngestProgress(tally.done, tally.done, tally.embedded, ""))
    return IngestReport(
        **{kind: tuple(tally.ids.get(kind, ())) for kind in ("added", "changed", "unchanged", "renamed")},
        removed=tuple(removed),
        rejected=tuple(tally.rejected),
        embedded=tally.embedded,
        seconds=time.monotonic() - began,
    )


def _under(store: PassageStore, roots: Sequence[str], rejected: Sequence[Rejected]) -> list[str]:
    """Ids of articles that were read from the roots, but for files that can't be read just now: those aren't gone."""
    wanted = [Path(os.path.abspath(root)) for root in roots]
    unread = {os.path.abspath(item.path) for item in rejected} | {
        os.path.abspath(item.path.rpartition(":")[0]) for item in rejected if ":" in item.path
    }
    rows = store.database.rows("SELECT id, path FROM articles WHERE path IS NOT NULL ORDER BY key")
    return [id_ for id_, path in rows if path not in unread and any(Path(path).is_relative_to(root) for root in wanted)]


def _taken(row: dict[str, Any], values: dict[str, Any]) -> str | None:
    """The other file that an id belongs to, where ids are relative paths and two folders hold the same one."""
    old, new, id_ = row["path"], values["path"], values["id"]
    if not old or not new or old == new or not (old.endswith(id_) and new.endswith(id_)) or not os.path.exists(old):
        return None
    return str(old)


def delete_articles(store: PassageStore, article_ids: Sequence[str]) -> int:
    writing = Writing(store)
    try:
        return sum(writing.delete(id_) for id_ in dict.fromkeys(article_ids))
    finally:
        writing.close()

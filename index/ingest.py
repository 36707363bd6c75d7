"""Taking articles up, changing and deleting them: SQLite transactions of whole articles, the derived files after them.

Vectors are kept by the hash of what was embedded, and as soon as they are there: an edit embeds only the passages that
changed, a rename or a deletion taken back nothing, and a crash repeats at most one call of the model. It leaves out
reading files and making passages.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from index import copies
from index.decode import shown_path
from index.errors import IndexFolderError
from index.reports import IngestProgress, IngestReport
from index.rows import article_values, clean, text_hash
from index.types import Article, Passage, Rejected, passage_id
from index.upkeep import catch_up, embed, keep, publish, require_writer, writing_files

if TYPE_CHECKING:
    from index.store import PassageStore

EMBED_TOGETHER = 64
"""Passages that are gathered, over articles, before the model is called; what it made of so many is kept at once."""

DELETE_TOGETHER = 500
"""Articles that are deleted in one transaction."""

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
    """What an ingest has done so far. `progress` is called after each article that is done, and so on record."""

    progress: Callable[[IngestProgress], None] | None = None
    total: int | None = None
    ids: dict[str, list[str]] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    embedded: int = 0

    def note(self, kind: str, article_id: str) -> None:
        self.ids.setdefault(kind, []).append(article_id)
        self.tell(article_id)

    def reject(self, item: Rejected) -> None:
        self.rejected.append(item)
        self.tell(item.path)

    def tell(self, current: str) -> None:
        if self.progress:
            self.progress(IngestProgress(self.done, self.total, self.embedded, current))

    @property
    def done(self) -> int:
        return sum(map(len, self.ids.values())) + len(self.rejected)


class Writing:
    """One call of `add_articles` or `delete_articles`: SQLite first, BM25 at intervals, a snapshot when it pays."""

    def __init__(self, store: PassageStore, tally: Tally | None = None) -> None:
        require_writer(store)
        self.store = store
        self.database = store.database
        self.tally = tally or Tally()
        self.waiting: list[Pending] = []
        with writing_files(store):
            catch_up(store)  # a call that failed may have left something
        self.lexical = store.view().lexical
        self._last_commit = time.monotonic()
        self._uncommitted = False

    # Articles

    def named(self, article: Article) -> Article:
        """The article under the id that its file has here, where ids are made of files' paths.

        The same file keeps its id, whichever folder above it is given; a file whose id is that of another, which is
        still there, takes the names of folders above it in.
        """
        path = str(article.metadata.get("path") or "")
        parts = Path(path).parts
        names = [os.path.join(*parts[at:]) for at in reversed(range(len(parts)))]  # from its name to its whole path
        marks = (mark.start() for mark in re.finditer("#", article.id))  # "all.jsonl#7" is a record's
        cuts = (len(article.id), *marks)
        at = next((at for at in cuts if article.id[:at] in names), None)
        if at is None:
            return article
        relative, record = article.id[:at], article.id[at:]
        wanted = [clean(name + record) for name in names]
        places = ", ".join("?" for _ in wanted)
        owners = dict(self.database.rows(f"SELECT id, path FROM articles WHERE id IN ({places})", *wanted))
        own = [id_ for id_ in wanted if id_ in owners and owners[id_] == clean(path)]
        free = [id_ for id_ in wanted[names.index(relative) :] if id_ not in owners or _gone(owners[id_])]
        return replace(article, id=(own or free or [article.id])[0])

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
        count_tokens = store.index_embeddings.count_tokens
        whole = Passage(
            passage_id(id_, 0, len(article.text)), id_, 0, len(article.text), article.text, "", article.title
        )
        if document and count_tokens([whole.indexed_text])[0] <= store.settings.passage_tokens:
            made = [whole]
        else:
            made = splitting.split(article, count_tokens=count_tokens, settings=store.settings)
        hashes = [text_hash(passage.indexed_text, store.embeddings_digest) for passage in made]
        self.waiting.append(Pending(article, values, made, hashes, "changed" if row else "added"))
        self.flush_when_full()

    def flush_when_full(self) -> None:
        if sum(len(pending.passages) for pending in self.waiting) >= EMBED_TOGETHER:
            self.flush()

    def reject(self, article: Article, reason: str) -> None:
        self.tally.reject(Rejected(str(article.metadata.get("path") or article.id), reason))

    def flush(self) -> None:
        """Embeds what waits and keeps the vectors, then stores the articles, all in one transaction."""
        wanted = {h: p.indexed_text for w in self.waiting for h, p in zip(w.hashes, w.passages, strict=True)}
        for hash_ in list(wanted):
            if self.database.value("SELECT 1 FROM vectors WHERE hash = ?", hash_):
                del wanted[hash_]
        texts = list(wanted.items())
        for at in range(0, len(texts), EMBED_TOGETHER):
            together = dict(texts[at : at + EMBED_TOGETHER])
            embed(self.store, together)
            self.tally.embedded += len(together)
        gone: list[int] = []
        born: list[tuple[int, str]] = []
        if self.waiting:
            with self._change() as (connection, generation):
                for pending in self.waiting:
                    self._store(pending, connection, generation, gone, born)
            self._index(gone, born)
        stored = self.waiting
        self.waiting = []
        for pending in stored:
            self.tally.note(pending.kind, pending.article.id)

    def store_with_vectors(self, pending: Pending, rows: Sequence[int], vectors: NDArray[np.float16]) -> None:
        """Stores an article, with others, whose passages' vectors are known: the `rows` of `vectors`."""
        keep(self.store, {hash_: vectors[row] for hash_, row in zip(pending.hashes, rows, strict=True)})
        self.waiting.append(pending)
        self.flush_when_full()

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

    def _store(
        self,
        pending: Pending,
        connection: sqlite3.Connection,
        generation: int,
        gone: list[int],
        born: list[tuple[int, str]],
    ) -> None:
        """Writes an article's rows in the caller's transaction; gone and born get what BM25 must drop and take up."""
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
        left = [passage for place, passage in old.items() if place not in new]
        key = self._write_article(key, pending.values)
        self._bury(connection, left, generation)
        gone += left
        added = 0
        for place, passage in new.items():
            if place not in old:
                cursor = connection.execute(
                    "INSERT INTO passages (article, start, end, title, section, hash, born) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (key, *place, generation),
                )
                born.append((int(cursor.lastrowid or 0), passage.indexed_text))
                added += 1
        self._count(passages=added)
        copies.remember(connection, key, pending.values["text"])

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

    def delete(self, article_ids: Sequence[str]) -> int:
        """How many articles were there and are gone now."""
        count = 0
        for at in range(0, len(article_ids), DELETE_TOGETHER):
            gone: list[int] = []
            with self._change() as (connection, generation):
                for row in filter(None, map(self._row, article_ids[at : at + DELETE_TOGETHER])):
                    key = row["key"]
                    passages = self.database.rows("SELECT key FROM passages WHERE article = ?", key)
                    gone += (left := [passage for (passage,) in passages])
                    self._bury(connection, left, generation)
                    copies.forget(connection, key)
                    connection.execute("DELETE FROM articles WHERE key = ?", (key,))
                    self._count(articles=-1)
                    count += 1
            self._index(gone, [])
        return count

    # The parts in step

    @contextmanager
    def _change(self) -> Iterator[tuple[sqlite3.Connection, int]]:
        """A transaction that raises the generation by one."""
        with self.database.transaction() as connection:
            connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'generation'")
            yield connection, self.database.number("generation")

    def _index(self, gone: Sequence[int], born: Sequence[tuple[int, str]]) -> None:
        self._uncommitted = True
        with self._writing_words():
            self.lexical.remove(gone)
            self.lexical.add(born)
        if time.monotonic() - self._last_commit >= self.store.settings.lexical_commit_seconds:
            self.commit()

    def commit(self) -> None:
        """BM25 reaches SQLite's generation."""
        if self._uncommitted:
            with self._writing_words():
                self.lexical.commit(self.database.number("generation"))
        self._uncommitted = False
        self._last_commit = time.monotonic()

    @contextmanager
    def _writing_words(self) -> Iterator[None]:
        with writing_files(self.store):
            try:
                yield
            except BaseException:
                # What came after its last commit is incomplete: none of it may be committed as SQLite's generation.
                self.lexical.drop()
                self._uncommitted = False
                raise

    def close(self) -> None:
        """BM25 is committed, and a new snapshot written where the old one lacks much."""
        self.commit()
        dense = self.store.view().dense
        changed = len(dense.tail_keys) + int((~dense.alive).sum())
        if changed >= SNAPSHOT_FROM and dense.stale > STALE:
            publish(self.store)

    def __enter__(self) -> Writing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """After an error what is on record stays so; a snapshot, which takes long, is left to the next call."""
        self.waiting.clear()
        if kind is None:
            self.close()
        else:
            with suppress(IndexFolderError):  # SQLite has it all; the error that came first is the one to tell
                self.commit()


def add_articles(
    store: PassageStore,
    items: Iterable[Article | Rejected],
    *,
    progress: Callable[[IngestProgress], None] | None = None,
    roots: Sequence[str] = (),
    prune: bool = False,
    documents: bool = False,
) -> IngestReport:
    """`PassageStore.add_articles`; documents: articles are LangChain Documents, of one passage where it holds them."""
    began = time.monotonic()
    tally = Tally(progress, total=len(items) if isinstance(items, Sequence) else None)
    seen: dict[str, str | None] = {}
    removed: list[str] = []
    with Writing(store, tally) as writing:
        for item in items:
            if isinstance(item, Rejected):
                tally.reject(item)
                continue
            item = writing.named(item)
            if item.id in seen:
                writing.reject(item, f"its id {item.id!r} was already taken by {seen[item.id]}")
            else:
                path = item.metadata.get("path")
                seen[item.id] = str(path) if path else "an earlier article"
                writing.take(item, document=documents)
        writing.flush()
        if prune:
            removed = [id_ for id_ in _under(store, roots, tally.rejected) if id_ not in seen]
            writing.delete(removed)
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
    """Ids of articles that were read from the roots. What can't be read just now (a file, a line of one, what lies
    below a folder) isn't gone."""
    wanted = [Path(shown_path(os.path.abspath(root))) for root in roots]
    unread = {os.path.abspath(item.path) for item in rejected}
    rows = store.database.rows(
        "SELECT id, path, json_extract(metadata, '$.line') FROM articles WHERE path IS NOT NULL ORDER BY key"
    )
    return [
        id_
        for id_, path, line in rows
        if any(Path(path).is_relative_to(root) for root in wanted)
        and unread.isdisjoint((path, f"{path}:{line}", *map(str, Path(path).parents)))
    ]


def _gone(path: str | None) -> bool:
    return path is None or not os.path.exists(path)


def delete_articles(store: PassageStore, article_ids: Sequence[str]) -> int:
    with Writing(store) as writing:
        return writing.delete(list(dict.fromkeys(article_ids)))

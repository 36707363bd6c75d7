"""PassageStore: SQLite, dense and lexical index in one folder, kept in step; searches and filters.

SQLite is the truth (`index.schema`), FAISS and tantivy files are derived from it (`index.view`), and adding is
`index.ingest`'s. It leaves out fusing the two searches and everything about answers.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from index import check, copies, ingest, schema, upkeep
from index.dense import Keys, Vectors
from index.embedding import IndexEmbeddings, as_index_embeddings, load_embeddings
from index.errors import ArticleMissing, IndexMissing
from index.langchain_store import DocumentStore
from index.lock import WriterLock
from index.manifest import MANIFEST, Manifest
from index.match import about_index, check_match, check_name
from index.reports import CheckReport, IngestProgress, IngestReport, StoreStatus
from index.rows import ARTICLE, article_from_row, clean, filter_sql, passages_by_key, vectors_from_rows
from index.settings import IndexSettings
from index.types import Article, Filter, Passage, Rejected
from index.view import View, Viewer

__all__ = ["CheckReport", "IngestProgress", "IngestReport", "PassageStore", "StoreStatus"]

REMEMBERED_QUERIES = 256
MARGIN = 8
"""Candidates beyond k, so that equal scores are ordered by passage id and not by where a passage lies."""


class PassageStore(DocumentStore):
    """A folder of articles that can be searched. `open` it; close it or use it as a context manager.

    Read-only stores may be many, in any process, and see what a writer has finished at their next search. One store may
    be opened for writing (IndexLocked names the holder). Safe to search from several threads.
    """

    def __init__(
        self,
        folder: Path,
        database: schema.Database,
        embeddings: IndexEmbeddings,
        settings: IndexSettings,
        lock: WriterLock | None,
    ) -> None:
        self.folder = folder
        self.database = database
        self.settings = settings
        self.index_embeddings = embeddings
        self.lock = lock
        self.mutex = threading.RLock()
        self.viewer = Viewer(folder, database, embeddings.dimension, embeddings.digest, settings.threads)
        self._view: View | None = None
        self._stamp: tuple[int, int] = (0, 0)
        self._queries: OrderedDict[str, Vectors] = OrderedDict()
        self.mended: tuple[str, ...] = ()

    # Opening and closing

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        embeddings: Embeddings | None = None,
        settings: IndexSettings = IndexSettings(),
        create: bool = False,
        read_only: bool = True,
    ) -> PassageStore:
        """The index in a folder. create: make one where there is none, which is then open for writing.

        Raises IndexMissing, IndexMismatch, IndexLocked, IndexDamaged.
        """
        folder = Path(path)
        exists = (folder / schema.DATABASE).is_file()
        if not exists and not create:
            raise IndexMissing(f"{folder} holds no index: make one with `newsdesk index PATH --index {folder}`")
        lock = None
        if not read_only or not exists:
            folder.mkdir(parents=True, exist_ok=True)
            lock = WriterLock(folder)
        database = schema.Database(folder, read_only=lock is None)
        try:
            with schema.telling_damage(folder):
                embedder = as_index_embeddings(embeddings) if embeddings else None
                if (folder / schema.DATABASE).is_file():
                    check_name(database, folder, embedder.name if embedder else settings.embedder)
                embedder = embedder or load_embeddings(settings.embedder, threads=settings.threads)
                about = about_index(embedder, settings)
                if not (folder / schema.DATABASE).is_file():
                    schema.create(folder, {name: json.dumps(value) for name, value in about.items()})
                check_match(database, folder, about, writing=lock is not None)
                for table in ("articles", "passages"):
                    if database.meta(table) != database.value(f"SELECT count(*) FROM {table}"):
                        raise schema.damaged(folder, f"its number of {table} is not what was written")
                store = cls(folder, database, embedder, settings, lock)
                if lock is not None:
                    upkeep.prepare(store)
                else:
                    store.view()
                return store
        except BaseException:
            database.close()
            if lock is not None:
                lock.release()
            raise

    def close(self) -> None:
        """Lets go of files and of the writer's lock; a closed store can't be used."""
        with self.mutex:
            view, self._view = self._view, None
            if view is not None:
                view.lexical.close()
            self.database.close()
            if self.lock is not None:
                self.lock.release()
                self.lock = None

    def __enter__(self) -> PassageStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        with schema.telling_damage(self.folder):
            yield

    def view(self) -> View:
        """What a search sees now: the files as they are, and what SQLite has beyond them."""
        with self.mutex:
            view, generation = self._view, self.database.number("generation")
            floor = self.database.number("tombstones_from")
            if view is not None and _stamp(self.folder) == self._stamp and view.generation >= floor:
                # What BM25 lacked when the view was made may have been committed since.
                if view.generation != generation or view.tail or view.dead:
                    view = self._view = self.viewer.update(view)
                return view
            for _ in range(5):
                self._stamp = _stamp(self.folder)
                found = self.viewer.open(Manifest.read(self.folder))
                # A writer may have replaced files while they were read: then what seems damaged is only gone.
                if self._stamp == _stamp(self.folder):
                    break
                found.lexical.close()
            self._view = found
            return found

    def forget_view(self) -> None:
        """Makes the next search read the files again."""
        with self.mutex:
            view, self._view = self._view, None
            if view is not None:
                view.lexical.close()

    # What the index holds

    @property
    def embeddings(self) -> Embeddings:
        found: Any = self.index_embeddings
        return found if isinstance(found, Embeddings) else None  # type: ignore[return-value]

    @property
    def embeddings_digest(self) -> str:
        """The digest of the embedder's weights."""
        return self.index_embeddings.digest

    @property
    def generation(self) -> int:
        """A number that changes whenever content does."""
        with self._guarded():
            return self.database.number("generation")

    def article(self, article_id: str) -> Article:
        """The article of that id. Raises ArticleMissing."""
        with self._guarded():
            rows = self.database.rows(f"SELECT {ARTICLE} FROM articles WHERE id = ?", article_id)
            if not rows:
                raise ArticleMissing(f"no article {article_id!r} in {self.folder}")
            return article_from_row(rows[0], self.folder)

    def article_ids(self) -> list[str]:
        """Every article's id, in the order in which they came."""
        with self._guarded():
            return [id_ for (id_,) in self.database.rows("SELECT id FROM articles ORDER BY key")]

    def articles(self, limit: int | None = None) -> Iterator[Article]:
        """The articles in the order in which they came, one read at a time."""
        with self._guarded():
            keys = self.database.rows("SELECT key FROM articles ORDER BY key LIMIT ?", -1 if limit is None else limit)
            for (key,) in keys:
                for row in self.database.rows(f"SELECT {ARTICLE} FROM articles WHERE key = ?", key):
                    yield article_from_row(row, self.folder)

    def sources(self) -> list[str]:
        """The sources that articles name, sorted."""
        with self._guarded():
            rows = self.database.rows("SELECT DISTINCT source FROM articles WHERE source IS NOT NULL ORDER BY source")
            return [source for (source,) in rows]

    def passages_of(self, article_id: str) -> list[Passage]:
        """The article's passages, in order."""
        with self._guarded():
            rows = self.database.rows(
                "SELECT p.key FROM passages p JOIN articles a ON a.key = p.article WHERE a.id = ? "
                "ORDER BY p.start, p.end",
                article_id,
            )
            return list(self._ordered([key for (key,) in rows]))

    def passage(self, passage_id: str) -> Passage | None:
        """The passage of that public id."""
        with self._guarded():
            key = self._key_of(passage_id)
            return next(self._ordered([key]), None) if key is not None else None

    def is_document(self, article_id: str) -> bool:
        """Whether the article came as a LangChain Document."""
        with self._guarded():
            return bool(self.database.value("SELECT document FROM articles WHERE id = ?", article_id))

    def copies(self, article_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The near-duplicates of each article that has any, by id."""
        with self._guarded():
            return copies.copies_of(self.database, article_ids)

    def status(self) -> StoreStatus:
        """What the index holds, and how it is."""
        with self._guarded():
            view = self.view()
            articles, first, last = self.database.rows("SELECT count(*), min(published), max(published) FROM articles")[
                0
            ]
            return StoreStatus(
                articles=articles,
                passages=int(self.database.value("SELECT count(*) FROM passages")),
                sources=tuple(self.sources()),
                published_from=date.fromisoformat(first) if first else None,
                published_to=date.fromisoformat(last) if last else None,
                embedder=self.index_embeddings.name,
                bytes=sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file()),
                generation=view.generation,
                notes=(*self.mended, *view.notes),
            )

    # Searching

    def query_vector(self, query: str) -> Vectors:
        """The query's unit vector; one question is embedded once."""
        query = clean(query)
        with self.mutex:
            if query in self._queries:
                self._queries.move_to_end(query)
                return self._queries[query]
        vector = _unit(self.index_embeddings.embed_query(query))
        with self.mutex:
            self._queries[query] = vector
            while len(self._queries) > REMEMBERED_QUERIES:
                self._queries.popitem(last=False)
        return vector

    def search_dense(self, query: str, k: int, filter: Filter | None = None) -> list[tuple[Passage, float]]:
        """The k passages nearest to the query with their cosines, best first; fewer only where fewer may answer."""
        return self._nearest(self.query_vector(query), k, filter)

    def search_vector(self, vector: Vectors, k: int, filter: Filter | None = None) -> list[tuple[Passage, float]]:
        """`search_dense` for a vector of any length."""
        return self._nearest(_unit(vector), k, filter)

    def _nearest(self, vector: Vectors, k: int, filter: Filter | None) -> list[tuple[Passage, float]]:

        def find(view: View, allowed: Keys | None) -> list[tuple[int, float]]:
            exact = allowed is not None and len(allowed) <= self.settings.exact_filter_limit
            keys = [key for key, _ in view.dense.search(vector, k + MARGIN, allowed=allowed, exact=exact)]
            # Scored again from what SQLite keeps, so that a score doesn't depend on which index found the passage.
            return self._scored(keys, vector)

        return self._search(find, k, filter)

    def search_lexical(self, query: str, k: int, filter: Filter | None = None) -> list[tuple[Passage, float]]:
        """The k passages with the best BM25 scores, best first. Any text is a query; it has no syntax."""
        query = clean(query)

        def find(view: View, allowed: Keys | None) -> list[tuple[int, float]]:
            wanted = k + MARGIN
            among = None if allowed is None else {int(key) for key in allowed}
            in_query = among is not None and len(among) <= self.settings.exact_filter_limit
            limit = wanted + len(view.dead)
            while True:
                hits = view.words.search(
                    query, limit, allowed=sorted(among) if among is not None and in_query else None
                )
                kept = [hit for hit in hits if hit[0] not in view.dead and (among is None or hit[0] in among)]
                # Until what is left out scores less than the k-th: which of equals is found must not be chance.
                if len(hits) < limit or (len(kept) >= wanted and kept[-1][1] < kept[k - 1][1]):
                    break
                limit *= 4
            kept += [hit for hit in view.words.tail_scores(query, view.tail) if among is None or hit[0] in among]
            kept.sort(key=lambda hit: (-hit[1], hit[0]))
            return [hit for hit in kept if len(kept) <= wanted or hit[1] >= kept[k - 1][1]]

        return self._search(find, k, filter)

    def cosines(self, query: str, passage_ids: Sequence[str]) -> list[float]:
        """The exact cosine of the query and each passage, in their order; 0 for a passage that is gone."""
        with self._guarded():
            keys = {id_: self._key_of(id_) for id_ in passage_ids}
            scores = dict(self._scored([key for key in keys.values() if key is not None], self.query_vector(query)))
            return [scores.get(keys[id_] or -1, 0.0) for id_ in passage_ids]

    def _search(
        self, find: Callable[[View, Keys | None], list[tuple[int, float]]], k: int, filter: Filter | None
    ) -> list[tuple[Passage, float]]:
        if k < 1:
            return []
        found: list[tuple[Passage, float]] = []
        with self._guarded():
            for _ in range(5):
                view = self.view()
                allowed = self._allowed(filter) if filter else None
                hits = [] if allowed is not None and not len(allowed) else find(view, allowed)
                passages = passages_by_key(self.database, [key for key, _ in hits], self.embeddings_digest, self.folder)
                found = [(passages[key], score) for key, score in hits if key in passages]
                # A writer may have replaced an article between the search and the reading: then both are done again.
                if len(found) == len(hits):
                    break
        return sorted(found, key=lambda pair: (-pair[1], pair[0].id))[:k]

    def _allowed(self, wanted: Filter) -> Keys:
        where, values = filter_sql(wanted)
        rows = self.database.rows(
            f"SELECT p.key FROM articles a JOIN passages p ON p.article = a.key WHERE {where} ORDER BY p.key", *values
        )
        return np.fromiter((key for (key,) in rows), dtype=np.int64, count=len(rows))

    def _scored(self, keys: Sequence[int], vector: Vectors) -> list[tuple[int, float]]:
        rows = self.database.rows(
            "SELECT p.key, v.vector, v.sealed FROM json_each(?) j JOIN passages p ON p.key = j.value "
            "LEFT JOIN vectors v ON v.hash = p.hash",
            json.dumps(list(keys)),
        )
        blobs = [(blob, sealed) for _, blob, sealed in rows]
        vectors = vectors_from_rows(blobs, self.index_embeddings.dimension, self.folder)
        # In double precision and rounded, so that a score doesn't depend on how many are computed together.
        scores = np.round(vectors.astype(np.float64) @ vector.astype(np.float64), 8)
        return [(int(key), float(score)) for (key, _, _), score in zip(rows, scores, strict=True)]

    def _key_of(self, passage: str) -> int | None:
        article_id, _, place = passage.rpartition("#")
        start, _, end = place.partition("-")
        if not (start.isdigit() and end.isdigit()):
            return None
        key: int | None = self.database.value(
            "SELECT p.key FROM articles a JOIN passages p ON p.article = a.key WHERE a.id = ? AND p.start = ? "
            "AND p.end = ?",
            article_id,
            int(start),
            int(end),
        )
        return key

    def _ordered(self, keys: Sequence[int]) -> Iterator[Passage]:
        passages = passages_by_key(self.database, keys, self.embeddings_digest, self.folder)
        return (passages[key] for key in keys if key in passages)

    # Changing

    def add_articles(
        self,
        items: Iterable[Article | Rejected],
        *,
        progress: Callable[[IngestProgress], None] | None = None,
        roots: Sequence[str] = (),
        prune: bool = False,
    ) -> IngestReport:
        """Takes articles up, each whole or not at all; only passages whose text is new are embedded.

        prune: remove articles that came from `roots` and are not among `items`. An interruption (Ctrl-C, a full disk, a
        kill) leaves every article that was taken up in order, and the next call goes on from there.
        """
        with self._guarded(), self.mutex:
            return ingest.add_articles(self, items, progress=progress, roots=roots, prune=prune)

    def delete_articles(self, article_ids: Iterable[str]) -> int:
        """How many articles were there and are gone now. Their vectors are kept until `compact`."""
        with self._guarded(), self.mutex:
            return ingest.delete_articles(self, list(article_ids))

    def compact(self) -> None:
        """Writes FAISS and BM25 files anew and drops what deleted articles left; then all is as if built cleanly."""
        with self._guarded(), self.mutex:
            upkeep.compact(self)

    def check(self, repair: bool = False) -> CheckReport:
        """Verifies every part. repair (a store open for writing): mends what SQLite can give back."""
        with self._guarded(), self.mutex:
            return check.check(self, repair=repair)

    def put_documents(self, articles: Iterable[Article]) -> IngestReport:
        """Takes up articles that came as Documents, each as one passage."""
        with self._guarded(), self.mutex:
            return ingest.add_articles(self, articles, documents=True)

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        path: str | Path | None = None,
        **kwargs: Any,
    ) -> PassageStore:
        """A store of these texts in the folder `path`, open for writing."""
        if path is None:
            raise ValueError("from_texts needs path=, the folder that the index is kept in")
        store = cls.open(path, embeddings=embedding, create=True, read_only=False, **kwargs)
        store.add_texts(texts, metadatas, ids=ids)
        return store


def _unit(vector: Any) -> Vectors:
    """The vector at length 1, or zero where it is zero."""
    array = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(array))
    return array / length if length else array


def _stamp(folder: Path) -> tuple[int, int]:
    try:
        found = (folder / MANIFEST).stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_ino

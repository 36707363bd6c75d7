"""PassageStore: SQLite, dense and lexical index in one folder, kept in step; searches and filters.

SQLite is the truth (`index.schema`), FAISS and tantivy files are derived from it (`index.view`); searching is
`index.search`'s, adding `index.ingest`'s. It leaves out fusing the two searches and everything about answers.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from index import check, copies, ingest, migrate, schema, search, upkeep
from index.decode import shown_path
from index.dense import Vectors
from index.embedding import IndexEmbeddings, as_index_embeddings, load_embeddings
from index.errors import ArticleMissing, IndexFolderError, IndexMissing
from index.langchain_store import DocumentStore
from index.lock import LOCK, WriterLock
from index.manifest import MANIFEST
from index.match import about_index, check_match, check_name
from index.reports import CheckReport, IngestProgress, IngestReport, StoreStatus
from index.rows import ARTICLE, article_from_row, clean, passages_by_key
from index.settings import IndexSettings
from index.types import Article, Filter, Passage, Rejected
from index.view import View, Viewer

__all__ = ["CheckReport", "IngestProgress", "IngestReport", "PassageStore", "StoreStatus"]

REMEMBERED_QUERIES = 256


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
        self.viewer = Viewer(
            folder, database, dimension=embeddings.dimension, embedder=embeddings.digest, threads=settings.threads
        )
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
            schema.make_folder(folder)
            if not exists:
                _require_own_folder(folder)
            lock = WriterLock(folder)
            exists = (folder / schema.DATABASE).is_file()  # another writer may have made it meanwhile
        database = schema.Database(folder, read_only=lock is None)
        try:
            with schema.telling_damage(folder):
                embedder = as_index_embeddings(embeddings) if embeddings else None
                if exists:
                    migrate.bring_up(folder, database, locked=lock is not None)
                    check_name(database, folder, embedder.name if embedder else settings.embedder)
                embedder = embedder or load_embeddings(settings.embedder, threads=settings.threads)
                about = about_index(embedder, settings)
                if not exists:
                    schema.create(folder, {name: json.dumps(value) for name, value in about.items()})
                check_match(database, folder, about, writing=lock is not None)
                with database.transaction(write=False):  # a writer may be adding
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
            self.viewer.forget()
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

    def _guarded(self) -> AbstractContextManager[None]:
        return schema.telling_damage(self.folder)

    def view(self) -> View:
        """What a search sees now: the files as they are, and what SQLite has beyond them."""
        with self.viewer.reading() as view:
            return view

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What this thread asks of the store inside is all of one moment, whatever a writer does. Keep it short."""
        with self._guarded(), self.viewer.reading():
            yield

    # What the index holds

    @property
    def embeddings(self) -> Embeddings:
        found: Any = self.index_embeddings
        return found if isinstance(found, Embeddings) else None  # type: ignore[return-value]

    @property
    def embeddings_digest(self) -> str:
        """The digest of the embedder's weights."""
        return self.index_embeddings.digest

    def articles_digest(self) -> str:
        """A digest of which articles the index holds, and of what each says."""
        with self._guarded():
            rows = self.database.rows("SELECT id, content FROM articles ORDER BY id")
        return hashlib.sha256(repr(rows).encode()).hexdigest()

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
        with self._guarded(), self.database.transaction(write=False):
            rows = self.database.rows(
                "SELECT p.key FROM passages p JOIN articles a ON a.key = p.article WHERE a.id = ? "
                "ORDER BY p.start, p.end",
                article_id,
            )
            return self._ordered([key for (key,) in rows])

    def passage(self, passage_id: str) -> Passage | None:
        """The passage of that public id."""
        with self._guarded(), self.database.transaction(write=False):
            key = search.key_of(self, passage_id)
            return self._ordered([key])[0] if key is not None else None

    def _ordered(self, keys: Sequence[int]) -> list[Passage]:
        passages = passages_by_key(self.database, keys, self.embeddings_digest, self.folder)
        return [passages[key] for key in keys if key in passages]

    def is_document(self, article_id: str) -> bool:
        """Whether the article came as a LangChain Document."""
        with self._guarded():
            return bool(self.database.value("SELECT document FROM articles WHERE id = ?", article_id))

    def copies(self, article_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The near-duplicates of each article that has any, by id."""
        with self._guarded():
            return copies.copies_of(self.database, article_ids, self.folder)

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines on files that are absent or damaged and made good in memory, which takes longer."""
        with self._guarded(), self.viewer.reading() as view:
            return (*self.mended, *view.notes)

    def status(self) -> StoreStatus:
        """What the index holds, and how it is."""
        with self._guarded(), self.viewer.reading() as view:
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
                bytes=_size_of(self.folder),
                generation=view.generation,
                notes=self.notes,
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
        with self._guarded():
            return search.nearest(self, self.query_vector(query), k, filter)

    def search_vector(self, vector: Vectors, k: int, filter: Filter | None = None) -> list[tuple[Passage, float]]:
        """`search_dense` for a vector of any length."""
        with self._guarded():
            return search.nearest(self, _unit(vector), k, filter)

    def search_lexical(self, query: str, k: int, filter: Filter | None = None) -> list[tuple[Passage, float]]:
        """The k passages with the best BM25 scores, best first. Any text is a query; it has no syntax."""
        with self._guarded():
            return search.by_words(self, clean(query), k, filter)

    def cosines(self, query: str, passage_ids: Sequence[str]) -> list[float]:
        """The exact cosine of the query and each passage, in their order; 0 for a passage that is gone."""
        with self._guarded():
            return search.cosines(self, self.query_vector(query), passage_ids)

    def similarities(self, query: str, texts: Sequence[str]) -> list[float]:
        """The cosine of the query and each text, embedded now."""
        if not texts:
            return []
        asked = self.query_vector(query)
        return [float(asked @ _unit(vector)) for vector in self.index_embeddings.embed_documents(list(texts))]

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
        """Takes up articles that came as Documents; one that the embedder reads whole is one passage."""
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


def _size_of(folder: Path) -> int:
    """Bytes of all files in the folder; one that a writer deletes meanwhile counts nothing."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += (Path(parent) / name).stat().st_size
    return size


def _unit(vector: Any) -> Vectors:
    """The vector at length 1, or zero where it is zero."""
    array = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(array))
    return array / length if length else array


def _require_own_folder(folder: Path) -> None:
    """Raises IndexFolderError where a new index would lie among other files: they could not be told apart later."""
    own = (schema.DATABASE, MANIFEST, LOCK, "dense-", "lexical-", "chat-secret", "feedback.jsonl", ".", "lost+found")
    for name in sorted(os.listdir(folder)):
        if not name.startswith(own):
            raise IndexFolderError(
                f"{folder} holds other files ({shown_path(Path(name))}): an index needs a folder of its own, "
                "a new one for example"
            )

"""LangChain's VectorStore over what PassageStore offers. It knows Documents, not SQLite, FAISS or tantivy.

A Document becomes an article under the Document's id. One that the embedder can't read whole is split as articles are;
it is found by its best passage, and comes back whole and once. Other articles' passages go by their own ids.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from langchain_core.documents import Document
from langchain_core.vectorstores import VectorStore

from index.dense import Vectors
from index.documents import article_from_document, passage_document
from index.reports import IngestReport
from index.types import Article, Filter, Passage


class DocumentStore(VectorStore):
    """`PassageStore`'s LangChain half; the abstract methods are its other half."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[None]: ...

    @abstractmethod
    def put_documents(self, articles: Iterable[Article]) -> IngestReport: ...

    @abstractmethod
    def delete_articles(self, article_ids: Iterable[str]) -> int: ...

    @abstractmethod
    def article_ids(self) -> list[str]: ...

    @abstractmethod
    def article(self, article_id: str) -> Article: ...

    @abstractmethod
    def is_document(self, article_id: str) -> bool: ...

    @abstractmethod
    def passage(self, passage_id: str) -> Passage | None: ...

    @abstractmethod
    def passages_of(self, article_id: str) -> list[Passage]: ...

    @abstractmethod
    def search_dense(self, query: str, k: int, filter: Filter | None = None) -> list[tuple[Passage, float]]: ...

    @abstractmethod
    def search_vector(self, vector: Vectors, k: int, filter: Filter | None = None) -> list[tuple[Passage, float]]: ...

    def add_documents(self, documents: list[Document], **kwargs: Any) -> list[str]:
        """Each Document becomes an article, its metadata kept as it is. Ids are the articles' ids.

        One of more than `settings.passage_tokens` word pieces is split into passages.
        """
        ids = kwargs.get("ids") or [document.id for document in documents]
        if len(ids) != len(documents):
            raise ValueError(f"{len(ids)} ids for {len(documents)} documents: give one each, or none")
        articles = [article_from_document(document, id_) for document, id_ in zip(documents, ids, strict=True)]
        report = self.put_documents({article.id: article for article in articles}.values())
        if report.rejected:
            raise ValueError(f"{report.rejected[0].path}: {report.rejected[0].reason}")
        return [article.id for article in articles]

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        texts = list(texts)
        about = metadatas or [{} for _ in texts]
        documents = [Document(page_content=text, metadata=data) for text, data in zip(texts, about, strict=True)]
        return self.add_documents(documents, **({"ids": ids} if ids else {}))

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """Deletes articles; None deletes all."""
        self.delete_articles(self.article_ids() if ids is None else ids)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Documents of passages, or of articles that came as Documents; ids that are not there are left out."""
        found: list[Document] = []
        with self.reading():
            for id_ in ids:
                passage = self.passages_of(id_)[0] if self.is_document(id_) else self.passage(id_)
                found += [self._document(passage)] if passage else []
        return found

    def similarity_search_with_score(
        self, query: str, k: int = 4, filter: Filter | None = None, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Documents with their cosines, best first."""
        return self._documents(lambda wanted: self.search_dense(query, wanted, filter), k)

    def similarity_search(self, query: str, k: int = 4, filter: Filter | None = None, **kwargs: Any) -> list[Document]:
        return [document for document, _ in self.similarity_search_with_score(query, k, filter)]

    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, filter: Filter | None = None, **kwargs: Any
    ) -> list[Document]:
        vector = np.asarray(embedding, dtype=np.float32)
        return [document for document, _ in self._documents(lambda n: self.search_vector(vector, n, filter), k)]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return lambda cosine: min(max((cosine + 1) / 2, 0.0), 1.0)

    def _documents(self, search: Callable[[int], list[tuple[Passage, float]]], k: int) -> list[tuple[Document, float]]:
        """The k best Documents; one of several passages counts once, with its best score."""
        with self.reading():
            wanted = k
            while True:
                hits = search(wanted)
                found: dict[str | None, tuple[Document, float]] = {}
                for passage, score in hits:
                    document = self._document(passage)
                    found.setdefault(document.id, (document, score))
                if len(found) >= k or len(hits) < wanted:
                    return list(found.values())[:k]
                wanted *= 2

    def _document(self, passage: Passage) -> Document:
        article = self.article(passage.article_id)
        return passage_document(passage, article, is_document=self.is_document(article.id))

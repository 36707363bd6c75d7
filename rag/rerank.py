"""Reranking as LangChain's own type: the bundled reader, or any sentence-transformers CrossEncoder by name.

The bot doesn't need it (its answerer reads anyway); LangChain pipelines and `PassageRetriever(reranker=)` do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ConfigDict

from index.types import Passage


class ReaderReranker(BaseDocumentCompressor):
    """Documents by how likely they answer the query, best first; the probability is put into metadata["relevance"].

    reader: a rag.read.Reader. top_n: how many are kept; None keeps all.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    reader: Any
    top_n: int | None = None

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        passages = [Passage.from_document(_with_id(document, i)) for i, document in enumerate(documents)]
        relevance = [reading.relevance for reading in self.reader.read(query, passages)]
        return _best_first(documents, relevance, self.top_n)


class CrossEncoderReranker(BaseDocumentCompressor):
    """The same by a sentence-transformers CrossEncoder, named or given as `model`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: Any
    top_n: int | None = None

    @classmethod
    def from_name(cls, name: str, *, top_n: int | None = None) -> CrossEncoderReranker:
        """Loads the model; a name that isn't on this machine is looked up on the hub."""
        from sentence_transformers import CrossEncoder

        return cls(model=CrossEncoder(name), top_n=top_n)

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        scores = self.model.predict([(query, document.page_content) for document in documents]) if documents else []
        return _best_first(documents, [float(score) for score in scores], self.top_n)


def _with_id(document: Document, number: int) -> Document:
    return document if document.id else document.model_copy(update={"id": str(number)})


def _best_first(documents: Sequence[Document], scores: Sequence[float], top_n: int | None) -> list[Document]:
    order = sorted(range(len(documents)), key=lambda i: -scores[i])[:top_n]
    return [
        documents[i].model_copy(update={"metadata": {**documents[i].metadata, "relevance": scores[i]}}) for i in order
    ]

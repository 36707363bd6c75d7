"""Which passages may answer: dense and BM25 fused, near-duplicates folded. Says nothing about whether they do answer.

Fusion is the average of both lists' min-max-scaled scores over the top `candidates` of each; on SciFact it gave nDCG@10
.727 where reciprocal rank fusion gave .711, dense alone .645 and BM25 alone .684.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from pydantic import ConfigDict

from index.errors import NewsdeskError
from index.types import Article, Filter, Passage
from rag.types import Retrieved
from rag.words import words

SAME_TEXT = 0.8
"""Passages of copied articles that share this much of their words are one passage."""


class FusedStore(Protocol):
    """What the fusion asks of a store; `index.store.PassageStore` is one."""

    def search_dense(self, query: str, k: int, filter: Filter | None = None) -> list[tuple[Passage, float]]: ...
    def search_lexical(self, query: str, k: int, filter: Filter | None = None) -> list[tuple[Passage, float]]: ...
    def cosines(self, query: str, passage_ids: Sequence[str]) -> list[float]: ...
    def copies(self, article_ids: Sequence[str]) -> dict[str, tuple[str, ...]]: ...
    def article(self, article_id: str) -> Article: ...


def min_max(scores: Mapping[str, float]) -> dict[str, float]:
    """Scores on [0, 1]; all 1 where they are alike.

    >>> min_max({"a": 3.0, "b": 1.0, "c": 2.0})
    {'a': 1.0, 'b': 0.0, 'c': 0.5}
    """
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    return {key: (score - low) / (high - low) if high > low else 1.0 for key, score in scores.items()}


def fuse(dense: Mapping[str, float], lexical: Mapping[str, float], *, dense_weight: float = 0.5) -> dict[str, float]:
    """The weighted average of both lists' min-max scores, best first; what a list lacks counts 0 there.

    >>> fuse({"a": 0.9, "b": 0.1}, {"b": 7.0})
    {'a': 0.5, 'b': 0.5}
    """
    near, matching = min_max(dense), min_max(lexical)
    fused = {
        key: dense_weight * near.get(key, 0.0) + (1 - dense_weight) * matching.get(key, 0.0)
        for key in {**dense, **lexical}
    }
    return dict(sorted(fused.items(), key=lambda item: (-item[1], item[0])))


class PassageRetriever(BaseRetriever):
    """Passages of a store, best first.

    store: a PassageStore, or any LangChain VectorStore (then dense only, which `notes` says). A Bot cites from its own
    index: what it takes from another store must be that index's passages as `Passage.to_document` writes them.
    reranker: reorders or drops what comes out of the fusion, with LangChain's own type.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    store: Any
    candidates: int = 100
    dense_weight: float = 0.5
    k: int = 8
    reranker: BaseDocumentCompressor | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the answers should know about this retriever."""
        if not self.fuses:
            return (f"{type(self.store).__name__} has no BM25: passages were found by embedding alone.",)
        return tuple(getattr(self.store, "notes", ()))

    @property
    def fuses(self) -> bool:
        """Whether the store finds by words too, as a PassageStore does."""
        return hasattr(self.store, "search_lexical")

    def retrieve(self, query: str, *, filter: Filter | None = None, k: int | None = None) -> list[Retrieved]:
        """At most k passages (default: the retriever's own), best first, copies of a text folded into the best one."""
        k = self.k if k is None else max(k, 0)
        found = self._fused(query, filter) if self.fuses else self._dense(query, filter)
        folded = self._fold(found, k)
        return self._rerank(query, folded) if self.reranker and folded else folded

    def _fused(self, query: str, filter: Filter | None) -> list[Retrieved]:
        store = cast(FusedStore, self.store)
        dense = store.search_dense(query, self.candidates, filter)
        lexical = store.search_lexical(query, self.candidates, filter)
        passages = {p.id: p for p, _ in (*dense, *lexical)}
        cosine, bm25 = {p.id: s for p, s in dense}, {p.id: s for p, s in lexical}
        fused = fuse(cosine, bm25, dense_weight=self.dense_weight)
        # What only BM25 found needs its cosine too: a refusal goes by raw scores.
        missing = [key for key in list(fused)[: 2 * self.k] if key not in cosine]
        near = cosine | dict(zip(missing, store.cosines(query, missing), strict=True)) if missing else cosine
        return [Retrieved(passages[key], near.get(key), bm25.get(key), score) for key, score in fused.items()]

    def _dense(self, query: str, filter: Filter | None) -> list[Retrieved]:
        store = cast(VectorStore, self.store)
        if filter:
            raise ValueError(f"{type(self.store).__name__} cannot be filtered by newsdesk: use a PassageStore")
        scored = store.similarity_search_with_score(query, k=self.candidates)
        found = [(Passage.from_document(document), float(score)) for document, score in scored]
        return [Retrieved(p, None, None, 1.0 - rank / max(len(found), 1)) for rank, (p, _) in enumerate(found)]

    def _fold(self, found: Sequence[Retrieved], k: int) -> list[Retrieved]:
        """The first k distinct passages; copies of a kept one are named in its `duplicates`."""
        if not self.fuses:
            return list(found[:k])
        pool = found[: 4 * k]
        copies = cast(FusedStore, self.store).copies(sorted({r.passage.article_id for r in pool}))
        kept: list[Retrieved] = []
        for candidate in pool:
            twin = next((i for i, r in enumerate(kept) if _same_text(r.passage, candidate.passage, copies)), None)
            if twin is not None:
                first = kept[twin]
                ids = (*first.duplicates, candidate.passage.id)
                kept[twin] = Retrieved(first.passage, first.dense, first.lexical, first.fused, ids)
            elif len(kept) < k:
                kept.append(candidate)
        return kept

    def _rerank(self, query: str, retrieved: Sequence[Retrieved]) -> list[Retrieved]:
        assert self.reranker is not None
        given = {_place(r.passage.to_document()): r for r in retrieved}
        by_id = {r.passage.id: r for r in retrieved}
        ranked: dict[str, Retrieved] = {}  # one that comes back in pieces counts once
        for document in self.reranker.compress_documents([r.passage.to_document() for r in retrieved], query):
            found = by_id.get(document.id or "") or given.get(_place(document))
            if found is None:
                who, what = type(self.reranker).__name__, document.page_content[:40]
                raise NewsdeskError(
                    f"{who} returned a Document that it was not given ({what!r}): "
                    "a reranker keeps a Document's id, or article_id, start and end in its metadata"
                )
            ranked.setdefault(found.passage.id, found)
        return list(ranked.values())

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        found = self.retrieve(query)
        if not self.fuses:
            return [r.passage.to_document() for r in found]
        return [r.passage.to_document(self.store.article(r.passage.article_id)) for r in found]


def _place(document: Document) -> tuple[str, ...]:
    return tuple(str(document.metadata.get(key)) for key in ("article_id", "start", "end"))


def _same_text(one: Passage, other: Passage, copies: Mapping[str, tuple[str, ...]]) -> bool:
    if other.article_id not in copies.get(one.article_id, ()):
        return False
    a, b = set(words(one.text)), set(words(other.text))
    return len(a & b) >= SAME_TEXT * len(a | b)

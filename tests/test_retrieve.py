from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.vectorstores import InMemoryVectorStore

from index.errors import NewsdeskError
from index.types import Article, Filter, Passage
from rag.retrieve import PassageRetriever, fuse

TEXTS = {
    "a": "The flood rose on Monday.",
    "b": "The flood rose on Monday, again.",
    "c": "A comet passed.",
    "d": "Flood aid came.",
}
PASSAGES = {
    key: Passage(f"{key}#0-{len(text)}", key, 0, len(text), text, title=f"Title {key}") for key, text in TEXTS.items()
}


class FewScores:
    """A store whose scores are given: what is fused from them can be checked by hand."""

    def __init__(
        self, dense: dict[str, float], lexical: dict[str, float], copies: dict[str, tuple[str, ...]] | None = None
    ) -> None:
        self.dense, self.lexical, self.twins = dense, lexical, copies or {}

    def search_dense(self, query: str, k: int, filter: Filter | None = None) -> list[tuple[Passage, float]]:
        return [(PASSAGES[key], score) for key, score in self.dense.items()][:k]

    def search_lexical(self, query: str, k: int, filter: Filter | None = None) -> list[tuple[Passage, float]]:
        return [(PASSAGES[key], score) for key, score in self.lexical.items()][:k]

    def cosines(self, query: str, passage_ids: Sequence[str]) -> list[float]:
        return [0.25 for _ in passage_ids]

    def copies(self, article_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return {key: self.twins.get(key, ()) for key in article_ids}

    def article(self, article_id: str) -> Article:
        return Article(article_id, f"Title {article_id}", TEXTS[article_id])


def test_fusion_is_the_average_of_min_max_scores() -> None:
    assert fuse({"a": 0.9, "b": 0.5, "c": 0.1}, {"b": 8.0, "d": 4.0}) == pytest.approx(
        {"b": 0.75, "a": 0.5, "c": 0.0, "d": 0.0}
    )


scores = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-1, 50), max_size=8)


@given(scores, scores)
def test_fused_scores_are_sorted_and_within_bounds(dense: dict[str, float], lexical: dict[str, float]) -> None:
    fused = fuse(dense, lexical)
    assert set(fused) == set(dense) | set(lexical)
    assert list(fused.values()) == sorted(fused.values(), reverse=True)
    assert all(0 <= score <= 1 for score in fused.values())


def test_raw_scores_travel_and_a_missing_cosine_is_filled_in() -> None:
    retriever = PassageRetriever(store=FewScores({"a": 0.9, "c": 0.1}, {"d": 5.0, "a": 2.0}))
    by_id = {r.passage.article_id: r for r in retriever.retrieve("flood")}
    assert (by_id["a"].dense, by_id["a"].lexical) == (0.9, 2.0)
    assert (by_id["d"].dense, by_id["c"].lexical) == (0.25, None)


def test_copies_are_folded_into_the_best() -> None:
    store = FewScores({"a": 0.9, "b": 0.8, "c": 0.1}, {}, {"a": ("b",), "b": ("a",)})
    first, second = PassageRetriever(store=store).retrieve("flood")
    assert first.duplicates == (PASSAGES["b"].id,)
    assert second.passage.article_id == "c"


def test_k_counts_distinct_passages() -> None:
    store = FewScores({"a": 0.9, "b": 0.8, "c": 0.1}, {}, {"a": ("b",), "b": ("a",)})
    assert [r.passage.article_id for r in PassageRetriever(store=store).retrieve("flood", k=2)] == ["a", "c"]


def test_it_is_a_langchain_retriever() -> None:
    documents = PassageRetriever(store=FewScores({"a": 0.9}, {})).invoke("flood")
    assert documents[0].page_content == TEXTS["a"] and documents[0].metadata["title"] == "Title a"


class Backwards(BaseDocumentCompressor):
    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: object = None
    ) -> Sequence[Document]:
        return list(reversed(documents))


def test_a_langchain_reranker_reorders() -> None:
    retriever = PassageRetriever(store=FewScores({"a": 0.9, "c": 0.1}, {}), reranker=Backwards())
    assert [r.passage.article_id for r in retriever.retrieve("flood")] == ["c", "a"]


class Fresh(BaseDocumentCompressor):
    """Returns Documents of its own, as rerankers behind an API do; `keeps`: which metadata they carry on."""

    keeps: tuple[str, ...] = ("article_id", "start", "end")
    times: int = 1

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: object = None
    ) -> Sequence[Document]:
        kept = [{key: document.metadata[key] for key in self.keeps} for document in reversed(documents)]
        return [Document(page_content="words", metadata=metadata) for metadata in kept for _ in range(self.times)]


@pytest.mark.parametrize("times", [1, 2])
def test_a_rerankers_own_documents_are_known_by_their_place_and_count_once(times: int) -> None:
    retriever = PassageRetriever(store=FewScores({"a": 0.9, "c": 0.1}, {}), reranker=Fresh(times=times))
    assert [r.passage.article_id for r in retriever.retrieve("flood")] == ["c", "a"]


def test_a_rerankers_document_that_is_not_known_is_a_clear_error() -> None:
    retriever = PassageRetriever(store=FewScores({"a": 0.9}, {}), reranker=Fresh(keeps=("article_id",)))
    with pytest.raises(NewsdeskError, match="Fresh returned a Document that it was not given"):
        retriever.retrieve("flood")


@pytest.mark.parametrize("k", [0, -1])
def test_none_are_found_where_none_are_wanted(k: int) -> None:
    assert PassageRetriever(store=FewScores({"a": 0.9, "c": 0.1}, {})).retrieve("flood", k=k) == []


def test_any_langchain_store_works_dense_only_and_says_so() -> None:
    from langchain_core.embeddings import DeterministicFakeEmbedding

    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    store.add_documents([Document(id="x", page_content="A comet passed.")])
    retriever = PassageRetriever(store=store)
    assert [r.passage.text for r in retriever.retrieve("comet")] == ["A comet passed."]
    assert "no BM25" in retriever.notes[0]
    with pytest.raises(ValueError, match="cannot be filtered"):
        retriever.retrieve("comet", filter=Filter(sources=("Wire",)))

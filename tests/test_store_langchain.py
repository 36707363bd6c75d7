"""PassageStore passes LangChain's own suite for vector stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import VectorStoreIntegrationTests
from store_helpers import HashEmbeddings

from index.store import PassageStore


class TestPassageStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:  # type: ignore[override]
        with PassageStore.open(tmp_path / "index", embeddings=self.get_embeddings(), create=True) as store:
            yield store


def test_a_document_keeps_its_metadata_and_id(tmp_path: Path) -> None:
    given = [
        Document(id="a", page_content="The bridge fell.", metadata={"title": "Bridge", "nested": {"x": [1, None]}}),
        Document(id="b", page_content="", metadata={}),
    ]
    with PassageStore.open(tmp_path / "index", embeddings=HashEmbeddings(), create=True) as store:
        assert store.add_documents(given) == ["a", "b"]
        assert store.get_by_ids(["a", "b", "c"]) == given
        assert store.similarity_search("bridge", k=1) == [given[0]]
        assert store.similarity_search_by_vector(HashEmbeddings().embed_query("bridge"), k=1) == [given[0]]
        assert store.article("a").title == "Bridge"
        assert store.delete() and store.article_ids() == []


def test_from_texts_and_as_retriever(tmp_path: Path) -> None:
    with PassageStore.from_texts(
        ["a storm at sea", "a vote in the council"], HashEmbeddings(), [{"n": 1}, {"n": 2}], path=tmp_path / "index"
    ) as store:
        found = store.as_retriever(search_kwargs={"k": 1}).invoke("the council's vote")
        assert [document.metadata for document in found] == [{"n": 2}]
        assert 0 <= store.similarity_search_with_relevance_scores("storm", k=1)[0][1] <= 1
    with pytest.raises(ValueError, match="path="):
        PassageStore.from_texts(["x"], HashEmbeddings())


def test_a_document_longer_than_the_embedder_reads_is_split_and_comes_back_whole(tmp_path: Path) -> None:
    embeddings = HashEmbeddings()
    text = " ".join(f"The harbour council met on day {n}." for n in range(150)) + " A comet fell into the sea."
    with PassageStore.open(tmp_path / "index", embeddings=embeddings, create=True) as store:
        store.add_documents(
            [Document(id="long", page_content=text, metadata={"n": 1}), Document(id="b", page_content="A vote.")]
        )
        passages = store.passages_of("long")
        assert len(passages) > 3 and all(text[p.start : p.end] == p.text for p in passages)
        assert max(embeddings.count_tokens(embeddings.embedded)) <= 256
        assert "comet" in store.search_dense("a comet fell into the sea", 1)[0][0].text
        found = store.similarity_search_with_score("council harbour day", k=2)
        assert [document.id for document, _ in found] == ["long", "b"] and found[0][0].page_content == text
        assert store.get_by_ids(["long"]) == [found[0][0]]
        assert store.add_documents([Document(id="long", page_content=text, metadata={"n": 1})]) == ["long"]
        assert len(embeddings.embedded) == len(set(embeddings.embedded))

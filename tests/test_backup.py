"""Export and import: the same articles, passages, vectors and answers; damage and mismatches are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from langchain_core.documents import Document

from index.backup import export_index, import_index
from index.errors import IndexFolderError, IndexMismatch, IndexMissing, NewsdeskError
from index.store import PassageStore
from index.types import Article, Section

NAMES = ["about.json", "articles.jsonl", "vectors.npy"]
QUERY = "When was the lighthouse lit?"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original") / "index"
    text = "The lighthouse was lit on 3 May 1911.\n\nKeepers\n\nNine keepers served until 1978, Élodie Roux last."
    start = text.index("Nine")
    sections = (Section("", 0, 37), Section("Keepers", start, len(text)))
    came = {"path": "/a/light.txt"}
    article = Article("light.txt", "The light", text, source="Coast", sections=sections, metadata=came)
    with PassageStore.open(folder, create=True, read_only=False) as store:
        store.add_articles([article, Article("fog", "Fog", "Fog came in from the sea. The horn sounded all night.")])
        store.add_documents([Document(id="note", page_content="A note about a lamp.", metadata={"kind": "note"})])
        store.compact()  # BM25's scores are those of a clean build from here on
    return folder


def test_a_round_trip_is_equal(original: Path, tmp_path: Path) -> None:
    with PassageStore.open(original) as store:
        written = export_index(store, tmp_path / "export")
        read = import_index(tmp_path / "export", tmp_path / "index")
        assert written == read and written.articles == 3
        with PassageStore.open(tmp_path / "index") as copy:
            assert {a.id: a for a in copy.articles()} == {a.id: a for a in store.articles()}
            for article_id in store.article_ids():
                assert copy.passages_of(article_id) == store.passages_of(article_id)
            assert copy.search_dense(QUERY, 10) == store.search_dense(QUERY, 10)
            assert copy.search_lexical(QUERY, 10) == store.search_lexical(QUERY, 10)
            assert copy.check().ok
            export_index(copy, tmp_path / "again")
    for name in NAMES:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "export" / name).read_bytes()


def test_nothing_is_overwritten(original: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with PassageStore.open(original) as store:
        with pytest.raises(IndexFolderError, match="not empty"):
            export_index(store, tmp_path)
        export_index(store, tmp_path / "export")
    with pytest.raises(IndexFolderError, match="already holds"):
        import_index(tmp_path / "export", original)


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_export_leaves_no_index(name: str, original: Path, tmp_path: Path) -> None:
    with PassageStore.open(original) as store:
        export_index(store, tmp_path / "export")
    file = tmp_path / "export" / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(NewsdeskError, match="not a whole export"):
        import_index(tmp_path / "export", tmp_path / "index")
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_another_format_is_a_mismatch(original: Path, tmp_path: Path) -> None:
    with PassageStore.open(original) as store:
        export_index(store, tmp_path / "export")
    about = tmp_path / "export" / "about.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"export": 99}))
    with pytest.raises(IndexMismatch, match="format 99"):
        import_index(tmp_path / "export", tmp_path / "index")


def test_a_folder_without_an_export(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match="holds no export"):
        import_index(tmp_path, tmp_path / "index")

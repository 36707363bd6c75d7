"""PassageStore: incremental ingest, filters, opening, backup. Crashes, damage and readers beside a writer have files of
their own, and so has LangChain's suite."""

from __future__ import annotations

import json
import random
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from langchain_core.documents import Document
from store_helpers import (
    QUERIES,
    SMALL,
    WORDS,
    HashEmbeddings,
    answers,
    article_of,
    built_index,
    memory_folder,
    opened,
    place_of,
)

from index.articles import read_articles
from index.backup import export_index, import_index
from index.errors import (
    ArticleMissing,
    IndexFolderError,
    IndexMismatch,
    IndexMissing,
)
from index.settings import IndexSettings
from index.store import IngestProgress, PassageStore
from index.types import Article, Filter, Rejected, Section


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    yield from memory_folder()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return built_index(tmp_path / "built")


def test_a_store_finds_what_it_was_given(folder: Path) -> None:
    with opened(folder) as store:
        report = store.add_articles([article_of(n) for n in range(5)])
        assert report.added == tuple(f"{n:04}.txt" for n in range(5)) and report.embedded > 5
        for search in (store.search_dense, store.search_lexical):
            found = search("case 3", 3)
            assert found[0][0].article_id == "0003.txt" and [s for _, s in found] == sorted(
                (s for _, s in found), reverse=True
            )
        passage, score = store.search_dense("case 3", 1)[0]
        assert store.cosines("case 3", [passage.id, "none#0-1"]) == [score, 0.0]
        assert store.similarities("case 3", [passage.indexed_text]) == pytest.approx(
            [score], abs=1e-3
        )  # kept in half precision
        assert store.similarities("case 3", []) == []
        article = store.article("0003.txt")
        assert article == article_of(3)
        assert all(article.text[p.start : p.end] == p.text for p in store.passages_of("0003.txt"))
        with pytest.raises(ArticleMissing, match=r"no\.txt"):
            store.article("no.txt")
        assert [a.id for a in store.articles(limit=2)] == ["0000.txt", "0001.txt"]
        status = store.status()
        assert (status.articles, status.sources, status.notes) == (5, ("Harbour Wire", "Meridian Post"), ())
        assert status.passages == sum(len(store.passages_of(id_)) for id_ in store.article_ids())
        assert status.published_from == date(2025, 1, 1) and store.sources() == list(status.sources)


def test_only_changed_passages_are_embedded(folder: Path) -> None:
    embeddings = HashEmbeddings()
    with opened(folder, embeddings) as store:
        first = store.add_articles([article_of(n) for n in range(6)])
        again = store.add_articles([article_of(n) for n in range(6)])
        assert again.unchanged == first.added and again.embedded == 0
        generation = store.generation
        edit = store.add_articles([article_of(2, edit=1)])
        assert edit.changed == ("0002.txt",) and 1 <= edit.embedded <= 2 and store.generation > generation
        back = store.add_articles([article_of(2)])
        assert back.changed == ("0002.txt",) and back.embedded == 0
        store.delete_articles(["0002.txt"])
        assert store.add_articles([article_of(2)]).embedded == 0
    assert len(embeddings.embedded) == len(set(embeddings.embedded)) == first.embedded + edit.embedded


def test_a_renamed_file_embeds_nothing_and_is_found_under_its_new_name(folder: Path, tmp_path: Path) -> None:
    files = tmp_path / "files"
    with opened(folder) as store:
        store.add_articles([article_of(n, folder=files) for n in range(3)])
        renamed = store.add_articles([article_of(1, folder=files, name="new.txt")], roots=[str(files)])
        assert (renamed.renamed, renamed.embedded) == (("new.txt",), 0)
        assert store.article_ids() == ["0000.txt", "new.txt", "0002.txt"]
        assert store.search_lexical("case 1", 1)[0][0].article_id == "new.txt"
        store.compact()
        assert store.search_dense("case 1", 1)[0][0].article_id == "new.txt"


def test_a_copy_of_a_file_that_is_still_there_is_an_article_of_its_own(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "0001.txt").write_text("there")
    with opened(folder) as store:
        store.add_articles([article_of(1, folder=tmp_path)])
        report = store.add_articles([article_of(1, folder=tmp_path, name="copy.txt")])
        assert (report.added, report.embedded) == (("copy.txt",), 0)


def test_prune_removes_only_what_came_from_the_roots_and_is_gone(folder: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with opened(folder) as store:
        store.add_articles([article_of(n, folder=one) for n in range(4)])
        store.add_articles([article_of(n, folder=two) for n in range(4, 6)])
        kept = [article_of(0, folder=one), Rejected(str(one / "0002.txt"), "locked by another program")]
        report = store.add_articles(kept, roots=[str(one)], prune=True)
        assert report.removed == ("0001.txt", "0003.txt")
        assert store.article_ids() == ["0000.txt", "0002.txt", "0004.txt", "0005.txt"]
        assert store.add_articles([], roots=[str(two)], prune=False).removed == ()


def test_prune_keeps_only_the_lines_of_a_file_that_cannot_be_read(folder: Path, tmp_path: Path) -> None:
    lines = tmp_path / "all.jsonl"
    records = [{"id": n, "text": f"The harbour was shut on day {n}."} for n in range(5)]
    lines.write_text("\n".join(map(json.dumps, records)))
    with opened(folder) as store:
        store.add_articles(read_articles(lines))
        records[2]["text"] = ""
        lines.write_text("\n".join(map(json.dumps, records[:4])))
        report = store.add_articles(read_articles(lines), roots=[str(lines)], prune=True)
        assert (report.removed, [item.path for item in report.rejected]) == (("4",), [f"{lines}:3"])
        assert store.article_ids() == ["0", "1", "2", "3"]


def test_a_source_is_found_however_it_is_written(folder: Path) -> None:
    with opened(folder) as store:
        store.add_articles([replace(article_of(1), source="Reuters"), replace(article_of(2), source="AP")])
        found = store.search_lexical("case", 5, filter=Filter(sources=("reuters",)))
        assert {passage.article_id for passage, _ in found} == {"0001.txt"}


def test_an_id_that_comes_twice_is_rejected_with_both_names(folder: Path, tmp_path: Path) -> None:
    with opened(folder) as store:
        twice = store.add_articles([article_of(1, folder=tmp_path), article_of(2, folder=tmp_path, name="0001.txt")])
        assert len(twice.added) == 1 and "already taken" in twice.rejected[0].reason
        assert store.article("0001.txt").title == "Case 1"


@pytest.mark.parametrize("order", list(permutations(["", "one", "two", "one/sub"])))
def test_a_file_is_one_article_whichever_folder_above_it_is_given(
    folder: Path, tmp_path: Path, order: tuple[str, ...]
) -> None:
    files = tmp_path / "files"
    texts = {"one/a.txt": "rain", "one/sub/a.txt": "snow", "two/a.txt": "wind"}
    for name, text in texts.items():
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_text(f"The {text} of {name} kept the harbour shut.")
        (files / name).with_name("all.jsonl").write_text(json.dumps({"text": f"{text} again in the port"}))
    with opened(folder) as store:
        for given in order:
            report = store.add_articles(read_articles(files / given), roots=[str(files / given)], prune=True)
            assert report.rejected == report.changed == report.renamed == report.removed == ()
        assert store.status().articles == 6
        assert {a.metadata["path"] for a in store.articles()} == {
            str(p) for p in files.rglob("*") if p.suffix in (".txt", ".jsonl")
        }
        for name, text in texts.items():
            (files / name).write_text(f"The {text} of {name} has ended.")
        report = store.add_articles(read_articles(files), roots=[str(files)])
        assert (len(report.changed), len(report.unchanged), store.status().articles) == (3, 3, 6)


def test_a_folder_that_was_moved_keeps_its_ids(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.txt").write_text("The harbour was shut.")
    with opened(folder) as store:
        store.add_articles(read_articles(tmp_path / "old"))
        (tmp_path / "old").rename(tmp_path / "new")
        assert store.add_articles(read_articles(tmp_path / "new")).unchanged == ("a.txt",)


class ScatteredEmbeddings(HashEmbeddings):
    """Each text in a direction of its own: neighbours are many and far, so a graph finds not all of them."""

    def embed_query(self, text: str) -> list[float]:
        return np.random.default_rng(place_of(text) % 2**32).normal(size=self.dimension).tolist()


@pytest.mark.parametrize(
    ("embeddings", "settings"),
    [
        (HashEmbeddings(), SMALL),
        (ScatteredEmbeddings(), SMALL.model_copy(update={"hnsw_from": 200, "exact_filter_limit": 1})),
    ],
    ids=["exact", "hnsw"],
)
def test_after_compact_answers_equal_a_clean_builds(
    tmp_path: Path, embeddings: HashEmbeddings, settings: IndexSettings
) -> None:
    def store_in(name: str) -> PassageStore:
        return PassageStore.open(tmp_path / name, embeddings=embeddings, settings=settings, create=True)

    with store_in("used") as store:
        store.add_articles([article_of(n) for n in range(100, 0, -1)])
        store.add_articles([article_of(n, edit=n) for n in range(0, 100, 3)])
        store.delete_articles([f"{n:04}.txt" for n in range(5, 70, 5)])
        kept = {p.id for n in store.article_ids() for p in store.passages_of(n)}
        before = answers(store)
        assert {id_ for found in before for id_, _, _ in found} <= kept
        store.compact()
        # HNSW's graph doesn't depend on the order in which articles came either.
        for order in (1, -1):
            with store_in(f"clean-{order}") as clean:
                clean.add_articles(list(store.articles())[::order])
                clean.compact()
                mapped = clean.view().dense.mapped
                assert mapped is not None and mapped.hnsw == (settings.hnsw_from < len(kept))
                for wanted in (None, Filter(sources=("Meridian Post",))):
                    assert answers(store, wanted) == answers(clean, wanted)
        if settings is SMALL:
            assert [[id_ for id_, _, _ in found] for found in before[::2]] == [
                [id_ for id_, _, _ in found] for found in answers(store)[::2]
            ]
        held = store.database.value("SELECT count(*) FROM vectors")
        assert held == store.database.value("SELECT count(DISTINCT hash) FROM passages")


@pytest.mark.parametrize("settings", [SMALL, SMALL.model_copy(update={"hnsw_from": 1, "exact_filter_limit": 1})])
def test_filters_allow_what_they_say_and_never_too_few(folder: Path, settings: IndexSettings) -> None:
    with PassageStore.open(folder, embeddings=HashEmbeddings(), settings=settings, create=True) as store:
        store.add_articles([replace(article_of(n), published=None) if n == 7 else article_of(n) for n in range(30)])
        store.compact()
        store.add_articles([article_of(n) for n in range(30, 34)])
        store.delete_articles(["0004.txt"])
        all_of = {p.id: store.article(p.article_id) for n in store.article_ids() for p in store.passages_of(n)}
        cases: list[tuple[Filter, Callable[[Article], bool]]] = [
            (Filter(sources=("Meridian Post",)), lambda a: a.source == "Meridian Post"),
            (Filter(article_ids=("0003.txt", "0031.txt")), lambda a: a.id in ("0003.txt", "0031.txt")),
            (Filter(published_from=date(2025, 6, 1)), lambda a: bool(a.published and a.published >= date(2025, 6, 1))),
            (Filter(published_to=date(2025, 3, 4)), lambda a: bool(a.published and a.published <= date(2025, 3, 4))),
            (Filter(sources=("Nobody",)), lambda a: False),
        ]
        for wanted, allows in cases:
            allowed = {id_ for id_, article in all_of.items() if allows(article)}
            for query in QUERIES:
                dense = [p.id for p, _ in store.search_dense(query, len(all_of), wanted)]
                assert set(dense) == allowed and len(dense) == len(allowed)
                assert len(store.search_dense(query, 3, wanted)) == min(3, len(allowed))
                lexical = [p.id for p, _ in store.search_lexical(query, len(all_of), wanted)]
                plain = [p.id for p, _ in store.search_lexical(query, len(all_of))]
                assert set(lexical) == set(plain) & allowed


@pytest.mark.parametrize(
    "query",
    [
        "",
        " ",
        "AND (",
        'a OR "',
        "title:x^3 [1 TO",
        "the of and",
        "🙂" * 50,
        "x" * 10_000,
        "word " * 2_000,
        "'; DROP TABLE",
        "\x00\ud800",
        "Wer war es? 誰",
    ],
    ids=range(12),
)
def test_any_text_is_a_query(folder: Path, query: str) -> None:
    with opened(folder) as store:
        store.add_articles([article_of(1)])
        assert len(store.search_dense(query, 2)) == 2
        store.search_lexical(query, 2)


def test_articles_of_any_text_come_back_as_they_can_be_stored(folder: Path) -> None:
    odd = Article("odd\x00id", "a\ud800b", "One 🙂 two. Three\x00four.", metadata={"pages": [0, 3]})
    with opened(folder) as store:
        assert (
            store.add_articles([odd, Article("bad", "", "Text.", metadata={"x": object()})]).rejected[0].path == "bad"
        )
        article = store.article("odd\ufffdid")
        assert article.title == "a\ufffdb" and len(article.text) == len(odd.text) and article.metadata == odd.metadata
        assert store.passages_of(article.id)[0].text in article.text
        assert store.check().ok


def test_sections_and_passage_titles_survive(folder: Path) -> None:
    text = "Lead text here. Second part."
    article = Article("a", "Title", text, sections=(Section("", 0, 15), Section("Aftermath", 16, 28)))
    with opened(folder) as store:
        store.add_articles([article])
        assert [(p.section, p.title) for p in store.passages_of("a")] == [("", "Title"), ("Aftermath", "Title")]
        assert store.article("a") == article


def test_copies_are_recognised(folder: Path) -> None:
    words = [f"{a}{b}" for a in ("sand", "wind", "rain", "salt") for b in WORDS]
    chance = random.Random(1)
    text, other = (" ".join(chance.choices(words, k=120)) + "." for _ in range(2))
    with opened(folder) as store:
        store.add_articles(
            [
                Article("original", "Case", text),
                Article("syndicated", "Another title", text + " Reporting by agencies."),
                Article("corrected", "Case", text.replace(words[0], "sixteen")),
                Article("other", "Case", other),
                Article("short", "", "Too short."),
            ]
        )
        found = store.copies(store.article_ids())
        assert found["original"] == ("syndicated", "corrected") and found["corrected"] == ("original", "syndicated")
        assert "other" not in found and "short" not in found
        store.delete_articles(["syndicated"])
        assert store.copies(["original", "none"]) == {"original": ("corrected",)}


def test_progress_counts_articles_and_passages(folder: Path) -> None:
    seen: list[IngestProgress] = []
    with opened(folder) as store:
        report = store.add_articles([article_of(0), Rejected("x.bin", "not text"), article_of(1)], progress=seen.append)
    assert [p.articles_done for p in seen][-1] == 3 and seen[-1].passages_embedded == report.embedded
    assert seen[0].articles_total == 3 and seen[0].current == "x.bin" and report.rejected[0].path == "x.bin"


def test_an_interruption_leaves_whole_articles(folder: Path) -> None:
    def items() -> Iterator[Article]:
        for n in range(40):
            yield article_of(n)
        raise KeyboardInterrupt

    embeddings = HashEmbeddings()
    with opened(folder, embeddings) as store:
        with pytest.raises(KeyboardInterrupt):
            store.add_articles(items())
        done = store.article_ids()
        assert 0 < len(done) <= 40 and store.check().ok
        before = len(embeddings.embedded)
        assert (
            store.add_articles([article_of(n) for n in range(len(done))]).embedded
            == 0
            == len(embeddings.embedded) - before
        )


# Opening


def test_opening_says_what_is_wrong(folder: Path) -> None:
    with pytest.raises(IndexMissing, match="newsdesk index"):
        opened(folder, read_only=True)
    opened(folder).close()
    other = HashEmbeddings()
    other.name = "another"
    with pytest.raises(IndexMismatch, match="'hashing', not 'another'"):
        opened(folder, other)
    other.name, other.digest = "hashing", "hashing-2"
    with pytest.raises(IndexMismatch, match="hashing-1.*hashing-2"):
        opened(folder, other, read_only=True)
    with pytest.raises(IndexMismatch, match="chunking"):
        PassageStore.open(folder, embeddings=HashEmbeddings(), read_only=False)
    PassageStore.open(folder, embeddings=HashEmbeddings()).close()
    with sqlite3.connect(folder / "newsdesk.sqlite") as connection:
        connection.execute("UPDATE meta SET value = 3 WHERE name = 'format'")
    connection.close()
    with pytest.raises(IndexMismatch, match="format 3"):
        opened(folder, read_only=True)


def test_a_reading_store_cannot_write(folder: Path) -> None:
    opened(folder).close()
    with opened(folder, read_only=True) as store:
        for change in (lambda: store.add_articles([]), lambda: store.delete_articles(["x"]), store.compact):
            with pytest.raises(IndexFolderError, match="read_only=False"):
                change()
        with pytest.raises(IndexFolderError, match="read_only=False"):
            store.check(repair=True)


def test_a_read_only_folder_can_be_asked(folder: Path) -> None:
    with opened(folder) as store:
        store.add_articles([article_of(n) for n in range(3)])
        expected = answers(store)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    try:
        with opened(folder, read_only=True) as store:
            assert answers(store) == expected
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755)


# Backup


def test_export_and_import_are_a_round_trip(built: Path, tmp_path: Path) -> None:
    embeddings = HashEmbeddings()
    with opened(built, embeddings) as store:
        store.add_documents([Document(id="d", page_content="A storm.", metadata={"n": 1})])
        embeddings.embedded.clear()
        report = export_index(store, tmp_path / "export")
        with pytest.raises(IndexFolderError, match="not empty"):
            export_index(store, tmp_path / "export")
        made = import_index(tmp_path / "export", tmp_path / "again", settings=SMALL, embeddings=embeddings)
        assert report == made and not embeddings.embedded
        store.compact()
        with opened(tmp_path / "again", embeddings, read_only=True) as again:
            assert answers(again) == answers(store) and list(again.articles()) == list(store.articles())
            assert again.get_by_ids(["d"]) == store.get_by_ids(["d"]) and again.check().ok
            export_index(again, tmp_path / "second")
    for name in ("articles.jsonl", "vectors.npy"):
        assert (tmp_path / "export" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    assert np.load(tmp_path / "export" / "vectors.npy", allow_pickle=False).dtype == np.float16


def test_import_refuses_what_is_not_whole(built: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match="about"):
        import_index(tmp_path, tmp_path / "x", embeddings=HashEmbeddings())
    with opened(built, read_only=True) as store:
        export_index(store, tmp_path / "export")
    lines = (tmp_path / "export" / "articles.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "export" / "articles.jsonl").write_text("".join(lines[:-1]))
    with pytest.raises(IndexFolderError, match="not a whole export"):
        import_index(tmp_path / "export", tmp_path / "x", embeddings=HashEmbeddings())
    assert not (tmp_path / "x").exists()
    about = json.loads((tmp_path / "export" / "about.json").read_text())
    about["embedder"]["digest"] = "other"
    (tmp_path / "export" / "about.json").write_text(json.dumps(about))
    with pytest.raises(IndexMismatch, match="other"):
        import_index(tmp_path / "export", tmp_path / "y", embeddings=HashEmbeddings())


def test_nothing_is_pickled() -> None:
    for file in (Path(__file__).resolve().parent.parent / "index").glob("*.py"):
        assert "import pickle" not in file.read_text() and "allow_pickle=True" not in file.read_text()
    assert WORDS

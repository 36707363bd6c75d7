"""Damage: to each derived file, to SQLite's file and its -wal, and what `check` and `check --repair` say and do."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from crash_helpers import Forker
from store_helpers import HashEmbeddings, answers, article_of, built_index, memory_folder, opened

from index.errors import IndexDamaged, NewsdeskError
from index.store import PassageStore
from ui.cli import main


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    yield from memory_folder()


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return built_index(tmp_path / "built")


SHARPLESS = (".json", ".lock")
"""Files that hold things nothing hangs on: numbers in meta.json, who held a lock."""


def derived(folder: Path) -> list[Path]:
    """A file of each kind that SQLite can give back."""
    found = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("newsdesk.sqlite"))
    return list({p.name if p.suffix in SHARPLESS else p.suffix: p for p in found}.values())


def cut(data: bytearray) -> bytearray:
    return data[: len(data) // 2]


def flip(at: float) -> Callable[[bytearray], bytearray]:
    def flipped(data: bytearray) -> bytearray:
        # The last 100 bytes of tantivy's files are a footer, whose version number means nothing to a search.
        data[int(at * max(len(data) - 100, 1))] ^= 4
        return data

    return flipped


@pytest.mark.parametrize("how", [None, cut, flip(0), flip(0.37)], ids=["delete", "cut", "flip 0", "flip 37"])
def test_damage_to_any_derived_file_is_noticed_and_made_good(
    built: Path, tmp_path: Path, how: Callable[[bytearray], bytearray] | None
) -> None:
    with opened(built, read_only=True) as store:
        expected = answers(store)
    shutil.copytree(built, tmp_path / "compact")
    with opened(tmp_path / "compact") as store:
        store.compact()
        # BM25 made anew no longer counts what was deleted: its answers are those of a clean build.
        either = [[hits, clean] for hits, clean in zip(expected, answers(store), strict=True)]
    files = derived(built)
    assert {p.suffix or p.name for p in files} >= {
        ".faiss",
        ".json",
        ".idx",
        ".term",
        ".pos",
        ".store",
        ".fast",
        ".lock",
    }
    for number, file in enumerate(files):
        folder = tmp_path / f"damaged-{number}"
        shutil.copytree(built, folder)
        target = folder / file.relative_to(built)
        if how is None:
            target.unlink()
        elif target.stat().st_size:
            target.write_bytes(how(bytearray(target.read_bytes())))
        with opened(folder, read_only=True) as store:
            found = answers(store)
            noticed = bool(store.notes)
            assert found[::2] == expected[::2], target
            assert all(hits in allowed for hits, allowed in zip(found, either, strict=True)), target
            assert noticed or target.suffix in SHARPLESS, target
            assert store.check().ok != noticed, target
            assert all("check --repair" in note for note in store.notes)
        embeddings = HashEmbeddings()
        with opened(folder, embeddings) as store:
            report = store.check(repair=True)
            assert report.ok and bool(report.repaired) == noticed, (target, report)
            assert not embeddings.embedded
        with opened(folder, read_only=True) as store:
            assert store.check().ok and not store.notes
            assert all(hits in allowed for hits, allowed in zip(answers(store), either, strict=True)), target


def test_a_running_reader_survives_damage(built: Path) -> None:
    """Files that are damaged under a reader are mapped or already read; after a repair it reads the new ones."""
    with opened(built, read_only=True) as reader:
        expected = answers(reader)
        for path in built.rglob("*"):
            if path.is_file() and not path.name.startswith("newsdesk.sqlite"):
                path.unlink()
        assert answers(reader)[::2] == expected[::2]
        with opened(built) as store:
            assert store.check(repair=True).ok
            assert answers(reader) == answers(store) and not reader.notes


def test_a_lost_wal_is_told(tmp_path: Path) -> None:
    """Changes that only the -wal file held are gone with it: the search files still know of them."""
    folder = tmp_path / "index"
    with Forker() as forker:
        # Killed when BM25 has committed what SQLite holds in its -wal.
        forker.run(folder, seed=1, plan=["put", "put", "put"], at="tantivy", nth=3, when="after")
    (folder / "newsdesk.sqlite-wal").write_bytes(b"")
    with opened(folder, read_only=True) as store:
        assert any("lost its last changes" in note for note in store.notes)
        assert not store.check().ok
    with opened(folder) as store:
        assert any("lost its last changes" in note for note in store.notes)
        store.add_articles([article_of(n) for n in range(60)])
    with opened(folder, read_only=True) as store:
        assert store.check().ok and not store.notes


def test_a_damaged_wal_never_answers_wrongly(tmp_path: Path) -> None:
    with Forker() as forker:
        forker.run(tmp_path / "index", seed=1, plan=["put"] * 5, at="tantivy", nth=5, when="after")
    data = (tmp_path / "index" / "newsdesk.sqlite-wal").read_bytes()
    chance = random.Random(3)
    for turn in range(6):
        folder = tmp_path / f"flipped-{turn}"
        shutil.copytree(tmp_path / "index", folder)
        changed = bytearray(data)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        (folder / "newsdesk.sqlite-wal").write_bytes(changed)
        try:
            with opened(folder, read_only=True) as store:
                passages = sorted(p.id for id_ in store.article_ids() for p in store.passages_of(id_))
                for search in (store.search_dense, store.search_lexical):
                    assert sorted(p.id for p, _ in search("case correction", 10_000)) == passages
                assert store.check().ok or store.notes
        except IndexDamaged as error:
            assert "newsdesk import" in str(error)


def test_a_damaged_database_never_answers_wrongly(built: Path, tmp_path: Path) -> None:
    with opened(built, read_only=True) as store:
        expected = answers(store)
        texts = {id_: store.article(id_).text for id_ in store.article_ids()}
    data = (built / "newsdesk.sqlite").read_bytes()
    chance = random.Random(4)
    noticed = 0
    for turn in range(60):
        folder = tmp_path / f"flipped-{turn}"
        shutil.copytree(built, folder)
        changed = bytearray(data)
        for _ in range(1 if turn % 2 else 40):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        (folder / "newsdesk.sqlite").write_bytes(changed)
        try:
            with opened(folder, read_only=True) as store:
                found = answers(store)
                assert found == expected
                for id_ in store.article_ids():
                    assert id_ not in texts or store.article(id_).text == texts[id_]
        except IndexDamaged as error:
            noticed += 1
            assert "newsdesk" in str(error)
        except NewsdeskError:
            noticed += 1
    assert noticed > 20


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write everywhere")
def test_files_that_may_not_be_opened_are_not_called_damaged(built: Path) -> None:
    lexical = next(built.glob("lexical-*"))
    files = (lexical, *lexical.iterdir())
    assert all((lexical / name).stat().st_mode & 0o044 for name in ("meta.json", ".managed.json"))
    for path in files:
        path.chmod(path.stat().st_mode & ~0o222)
    code = f"from store_helpers import opened; print(opened({str(built)!r}, read_only=True).status().notes)"
    powers = "-dac_override,-dac_read_search"
    without = ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}"] if os.geteuid() == 0 else []
    run = subprocess.run(
        [*without, sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    assert "can be opened only by who may read and write in it" in run.stdout and "damaged" not in run.stdout, run
    for path in files:
        path.chmod(path.stat().st_mode | 0o200)


def test_a_database_that_is_none_says_how_to_recover(built: Path) -> None:
    (built / "newsdesk.sqlite").write_bytes(b"nothing of the kind" * 300)
    with pytest.raises(IndexDamaged, match="newsdesk import"):
        opened(built, read_only=True)


def test_check_finds_and_mends_vectors_and_orphans(built: Path) -> None:
    with sqlite3.connect(built / "newsdesk.sqlite") as connection:
        connection.execute(
            "UPDATE vectors SET vector = zeroblob(128) WHERE rowid IN (SELECT rowid FROM vectors LIMIT 2)"
        )
        connection.execute("DELETE FROM vectors WHERE rowid IN (SELECT rowid FROM vectors LIMIT 1 OFFSET 5)")
        connection.execute("INSERT INTO bands VALUES (1, 999)")
    connection.close()
    embeddings = HashEmbeddings()
    with opened(built, embeddings) as store:
        report = store.check(repair=True)
        assert report.ok and len(embeddings.embedded) == 3 and any("orphan" in line for line in report.repaired)
        assert store.check().problems == store.mended
    with opened(built, read_only=True) as store:
        assert store.check().problems == ()


def test_check_reports_an_altered_article(built: Path) -> None:
    with sqlite3.connect(built / "newsdesk.sqlite") as connection:
        connection.execute("UPDATE articles SET text = replace(text, 'days', 'years') WHERE id = '0003.txt'")
    connection.close()
    with opened(built) as store:
        report = store.check(repair=True)
        assert not report.ok and "0003.txt" in " ".join(report.problems)
        with pytest.raises(IndexDamaged, match=r"0003\.txt"):
            store.article("0003.txt")


def test_check_finds_and_mends_signatures(built: Path) -> None:
    with closing(sqlite3.connect(built / "newsdesk.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE signatures SET signature = zeroblob(512) WHERE article = 2")
        connection.execute("DELETE FROM signatures WHERE article = 5")
        connection.execute("UPDATE bands SET band = band + 1 WHERE article = 7")
    with opened(built) as store:
        assert store.check().problems == ("3 articles have no signature for finding copies, or an altered one",)
        report = store.check(repair=True)
        assert report.ok and "computed again" in " ".join(report.repaired)
        assert store.check().problems == ()


def test_an_altered_signature_folds_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "index") as store:
        one = article_of(1, sentences=12)
        store.add_articles([one, type(one)("copy", one.title, one.text)])
        assert store.copies([one.id]) == {one.id: ("copy",)}
        store.database.connection.execute("UPDATE signatures SET signature = randomblob(512) WHERE article = 2")
        with pytest.raises(IndexDamaged, match="check --repair"):
            store.copies([one.id])
        assert store.check(repair=True).ok and store.copies([one.id]) == {one.id: ("copy",)}


def test_exit_codes_of_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "index"
    with PassageStore.open(folder, create=True) as store:
        store.add_articles([article_of(n, sentences=1) for n in range(2)])
        store.compact()
    check, repair = ["check", "--index", str(folder)], ["check", "--repair", "--index", str(folder)]
    assert main(check) == 0 and "whole" in capsys.readouterr().out
    [snapshot] = folder.glob("dense-*")
    snapshot.write_bytes(snapshot.read_bytes()[:-1])
    assert main(check) == 1 and f"problem: {snapshot.name} is missing or damaged" in capsys.readouterr().out
    assert main(repair) == 0 and "repaired: " in capsys.readouterr().out
    assert main(check) == 0
    with closing(sqlite3.connect(folder / "newsdesk.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE articles SET text = replace(text, 'days', 'years')")
    # An article's text can't be made from anything else.
    assert main(check) == main(repair) == 1 and "is not what was written" in capsys.readouterr().out
    (folder / "newsdesk.sqlite").write_bytes(b"nothing of the kind" * 300)
    capsys.readouterr()
    assert main(repair) == 1
    said = capsys.readouterr().err
    assert "newsdesk import" in said and said.count("\n") == 1

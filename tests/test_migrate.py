"""Formats of the SQLite file: an index of format 1 opens, newer ones are refused, a step that fails changes nothing.

format_1.sql is the dump of an index that the newsdesk of format 1 made.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from store_helpers import HashEmbeddings, article_of, memory_folder, opened

from index import migrate
from index.errors import IndexLocked, IndexMismatch
from index.lock import WriterLock
from index.schema import DATABASE, FORMAT, Database


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Path]:
    for folder in memory_folder():
        with closing(sqlite3.connect(folder / DATABASE)) as connection:
            connection.executescript(Path(__file__).with_name("format_1.sql").read_text(encoding="utf-8"))
        yield folder


def format_of(folder: Path) -> int:
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        return int(connection.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()[0])


@pytest.mark.parametrize("read_only", [True, False])
def test_an_index_of_format_1_opens_and_goes_on(old: Path, read_only: bool) -> None:
    embeddings = HashEmbeddings()
    with opened(old, embeddings, read_only=read_only) as store:
        assert store.article_ids() == ["0001.txt", "a", "copy-1", "copy-2", "d"]
        assert store.article("0001.txt") == article_of(1, sentences=4)
        assert [p.section for p in store.passages_of("a")] == ["", "Aftermath"]
        assert store.search_lexical("storm at sea", 1)[0][0].article_id == "d"
        assert store.search_dense("storm at sea", 1)[0][0].article_id == "d"
        assert store.copies(["copy-1"]) == {"copy-1": ("copy-2",)}
        assert store.get_by_ids(["d"])[0].metadata == {"n": 1}
    assert format_of(old) == FORMAT == 2
    with opened(old, embeddings) as store:
        assert store.check(repair=True).ok and store.check().ok and not embeddings.embedded
        report = store.add_articles([article_of(1, sentences=4), article_of(2, sentences=2)])
        # Its vectors were kept when it was deleted, under format 1.
        assert (report.unchanged, report.added, report.embedded) == (("0001.txt",), ("0002.txt",), 0)
        assert not [line for line in store.check().problems if line not in store.mended]


def test_a_newer_format_is_refused(old: Path) -> None:
    with closing(sqlite3.connect(old / DATABASE, isolation_level=None)) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'format'", (FORMAT + 1,))
    for read_only in (True, False):
        with pytest.raises(IndexMismatch, match=f"format {FORMAT + 1}, this newsdesk reads formats up to {FORMAT}"):
            opened(old, read_only=read_only)


def test_no_other_writer_may_be_at_work(old: Path) -> None:
    with WriterLock(old), pytest.raises(IndexLocked, match="being written by process"):
        opened(old, read_only=True)
    assert format_of(old) == 1


def test_steps_are_taken_in_order_and_all_or_none(old: Path) -> None:
    def two(connection: sqlite3.Connection) -> None:
        assert [row[1] for row in connection.execute("PRAGMA table_info(signatures)")][-1] == "sealed"
        connection.execute("CREATE TABLE later (x)")

    def three(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE later")
        connection.execute("CREATE TABLE latest (x)")
        if failing:
            raise sqlite3.OperationalError("disk is full")

    steps = {**migrate.STEPS, 2: two, 3: three}
    database = Database(old, read_only=True)
    failing = True
    with pytest.raises(sqlite3.OperationalError):
        migrate.bring_up(old, database, locked=False, to=4, steps=steps)
    assert format_of(old) == 1 and not database.rows("SELECT * FROM sqlite_master WHERE name IN ('later', 'latest')")
    failing = False
    migrate.bring_up(old, database, locked=False, to=4, steps=steps)
    assert format_of(old) == 4
    assert [name for (name,) in database.rows("SELECT name FROM sqlite_master WHERE name LIKE 'late%'")] == ["latest"]
    migrate.bring_up(old, database, locked=False, to=4, steps=steps)
    with pytest.raises(IndexMismatch, match="formats up to 6"):
        migrate.bring_up(old, database, locked=False, to=6, steps={**steps, 4: two})
    database.close()

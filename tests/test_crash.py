"""A process ingests, changes, deletes, prunes and compacts, and is killed: at random moments and on purpose inside
FAISS's and tantivy's writing, within transactions, and between the steps of compact. And: a disk that fills up.

After each kill `crash_helpers.Oracle` knows exactly what must be there. bench/crash.py does it 300 times.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from crash_helpers import (
    PLAN,
    SETTINGS,
    Forker,
    Oracle,
    after_a_kill,
    equals_a_clean_build,
    kill_points,
    limited_files,
)
from store_helpers import HashEmbeddings, article_of, memory_folder

from index.errors import IndexFolderError
from index.ingest import EMBED_TOGETHER
from index.store import PassageStore

KILLS = 15


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    yield from memory_folder()


def test_fifteen_kills_at_random_moments(tmp_path: Path) -> None:
    oracle, chance = Oracle(), random.Random(5)
    with Forker() as forker:
        for kill in range(KILLS):
            told, ended_by = forker.run(
                tmp_path / "index", seed=kill, after=chance.randrange(60), wait=chance.uniform(0, 0.03)
            )
            assert ended_by == signal.SIGKILL
            oracle.hear(told)
            after_a_kill(oracle, tmp_path / "index", writing=bool(kill % 2))
    assert oracle.reported > 100
    # A kill costs at most the call of the model that it cuts off; `Oracle.hear` has seen that no other text came twice.
    assert oracle.repeated <= KILLS * EMBED_TOGETHER
    equals_a_clean_build(tmp_path / "index", tmp_path / "clean")


def test_kills_inside_and_between_the_writing_of_files(tmp_path: Path) -> None:
    oracle = Oracle()
    with Forker() as forker:
        for number, kill in enumerate(kill_points(random.Random(7))):
            told, ended_by = forker.run(tmp_path / "index", seed=number, plan=PLAN, **kill)
            expected = signal.SIGXFSZ if kill["when"] == "inside" else signal.SIGKILL
            assert ended_by == expected, (kill, told)
            oracle.hear(told)
            after_a_kill(oracle, tmp_path / "index", writing=bool(number % 2))
    equals_a_clean_build(tmp_path / "index", tmp_path / "clean")


def fill(folder: Path, done: list[str]) -> None:
    """Adds articles one by one and compacts now and then, until the disk is full; `done` gets what was reported."""
    with PassageStore.open(
        folder, embeddings=HashEmbeddings(), settings=SETTINGS, create=True, read_only=False
    ) as store:
        for number in range(3_000):
            done += store.add_articles([article_of(number)]).added
            if number % 10 == 9:
                store.compact()


def goes_on(folder: Path, done: list[str]) -> None:
    """There is room again: all that was reported is there, and the rest is taken up; nothing is embedded twice."""
    embeddings = HashEmbeddings()
    with PassageStore.open(folder, embeddings=embeddings, settings=SETTINGS, create=True, read_only=False) as store:
        whole(store, done)
        before = {p.indexed_text for id_ in store.article_ids() for p in store.passages_of(id_)}
        report = store.add_articles([article_of(n) for n in range(len(done) + 5)])
        assert len(report.unchanged) >= len(done) and not before & set(embeddings.embedded)
        whole(store, [f"{n:04}.txt" for n in range(len(done) + 5)])
    equals_a_clean_build(folder, folder.with_name("clean"))


def whole(store: PassageStore, done: list[str]) -> None:
    held = store.article_ids()
    # SQLite may have had room for one article more whose BM25 files had none.
    assert held[: len(done)] == done and len(held) <= len(done) + 1
    passages = sorted(p.id for id_ in held for p in store.passages_of(id_))
    for search in (store.search_dense, store.search_lexical):
        assert sorted(p.id for p, _ in search("case", len(passages) + 100)) == passages
    assert store.check().ok


@pytest.mark.parametrize("limit", [60_000, 120_000, 200_000, 400_000, 900_000])
def test_a_file_that_may_not_grow_is_said_and_loses_nothing(tmp_path: Path, limit: int) -> None:
    folder, done = tmp_path / "index", list[str]()
    with limited_files(limit), pytest.raises(IndexFolderError, match="disk|free some space") as caught:
        fill(folder, done)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)
    goes_on(folder, done)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of that size on the folder; skips the test where none may be mounted."""
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root may mount a small tmpfs")
    command = [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if (made := subprocess.run(command, capture_output=True, text=True)).returncode:
        pytest.skip(f"no tmpfs may be mounted here: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("size", ["1100k", "1500k", "2600k"])
def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path, size: str) -> None:
    disk, done = tmp_path / "disk", list[str]()
    with small_disk(disk, size):
        with pytest.raises(IndexFolderError, match="disk|free some space") as caught:
            fill(disk / "index", done)
        assert str(disk) in str(caught.value) and "\n" not in str(caught.value)
        # As full as it is, it can be asked.
        with PassageStore.open(disk / "index", embeddings=HashEmbeddings(), settings=SETTINGS) as store:
            assert store.article_ids()[: len(done)] == done
            if done:
                assert store.search_lexical("case 0", 1)[0][0].article_id == "0000.txt"
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        goes_on(disk / "index", done)


def test_the_same_writer_goes_on_when_there_is_room(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with PassageStore.open(folder, embeddings=HashEmbeddings(), settings=SETTINGS, create=True) as store:
        store.add_articles([article_of(n) for n in range(40)])
        with limited_files(300), pytest.raises(IndexFolderError, match="disk|free some space"):
            store.add_articles([article_of(40)])
        with limited_files(300), pytest.raises(IndexFolderError, match="disk|free some space"):
            store.compact()
        store.add_articles([article_of(n) for n in range(45)])
        whole(store, [f"{n:04}.txt" for n in range(45)])
    goes_on(folder, [f"{n:04}.txt" for n in range(45)])

"""One writer, many readers: locks across processes, and readers that ask all the time while a writer works."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from store_helpers import QUERIES, SMALL, HashEmbeddings, answers, article_of, memory_folder, opened

from index.errors import ArticleMissing, IndexLocked
from index.lock import LOCK
from index.passages import split
from index.store import PassageStore
from index.types import Article

ROOT = Path(__file__).resolve().parent.parent
ARTICLES, EDITS = 16, 6


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    yield from memory_folder()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


def test_a_second_writer_is_told_who_the_first_is(folder: Path) -> None:
    with opened(folder):
        with pytest.raises(IndexLocked, match=f"process {os.getpid()} on "):
            opened(folder)
    opened(folder).close()


def test_a_dead_writers_lock_is_taken_over(folder: Path) -> None:
    code = (
        "import os, sys; sys.path[:0] = ['.', 'tests']; from store_helpers import opened; from pathlib import Path\n"
        "store = opened(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdin and child.stdout and child.stdout.readline() == b"open\n"
    with pytest.raises(IndexLocked, match=f"process {child.pid} on "):
        opened(folder)
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    opened(folder).close()


def test_what_the_lock_file_holds_locks_nobody_out(folder: Path) -> None:
    opened(folder).close()
    for text in ("", "nobody", '{"pid": 1, "host": "elsewhere", "since": "2001-01-01"}'):
        (folder / LOCK).write_text(text)
        opened(folder).close()


def test_a_reader_sees_each_finished_article_at_its_next_search(folder: Path) -> None:
    with opened(folder) as writer, opened(folder, read_only=True) as reader:
        for n in range(4):
            writer.add_articles([article_of(n)])
            for search in (reader.search_dense, reader.search_lexical):
                assert search(f"case {n}", 1)[0][0].article_id == f"{n:04}.txt"
        writer.compact()
        assert answers(reader) == answers(writer)
        writer.delete_articles(["0002.txt"])
        assert not [
            p
            for p, _ in reader.search_lexical("case 2", 50) + reader.search_dense("case 2", 50)
            if p.article_id == "0002.txt"
        ]
        writer.compact()
        assert answers(reader) == answers(writer) and reader.status().notes == ()


def test_a_reader_finds_what_bm25_has_not_committed(folder: Path) -> None:
    settings = SMALL.model_copy(update={"lexical_commit_seconds": 1000.0})
    with PassageStore.open(folder, embeddings=HashEmbeddings(), settings=settings, create=True) as writer:
        writer.add_articles([article_of(n) for n in range(10)])
        with opened(folder, read_only=True) as reader:

            def items() -> Iterator[Article]:
                for n in range(10, 60):
                    yield article_of(n)
                found = reader.article_ids()
                assert len(found) > 20
                hits = reader.search_lexical(f"case {len(found) - 1}", 5)
                assert hits[0][0].article_id == found[-1]

            writer.add_articles(items())


def test_readers_in_threads_while_a_writer_works(folder: Path) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    with opened(folder) as writer:
        writer.add_articles([article_of(n) for n in range(20)])
        with opened(folder, read_only=True) as reader:

            def ask() -> None:
                number = 0
                try:
                    while not stop.is_set():
                        number += 1
                        for search in (reader.search_dense, reader.search_lexical):
                            found = [p for p, _ in search(QUERIES[number % len(QUERIES)], 10)]
                            assert len({p.id for p in found}) == len(found) == 10
                            for passage in found:
                                assert passage.title and len(passage.text) == passage.end - passage.start
                except BaseException as error:
                    failures.append(error)

            threads = [threading.Thread(target=ask) for _ in range(2)]
            for thread in threads:
                thread.start()
            for turn in range(1, 9):
                writer.add_articles([article_of(n, edit=turn) for n in range(turn, 20, 4)])
                writer.delete_articles([f"{turn:04}.txt"])
                writer.add_articles([article_of(turn)])
                if turn % 3 == 0:
                    writer.compact()
            stop.set()
            for thread in threads:
                thread.join()
            assert not failures
            writer.compact()  # BM25's merges, which drop what was deleted from the counts, run when tantivy likes
            assert answers(reader) == answers(writer)


def test_a_check_beside_a_writer_sees_no_damage(folder: Path) -> None:
    stop = threading.Event()
    with opened(folder) as writer, opened(folder, read_only=True) as reader:
        writer.add_articles([article_of(n) for n in range(20)])

        def write() -> None:
            turn = 0
            while not stop.is_set():
                turn += 1
                writer.add_articles([article_of(n, edit=turn) for n in range(turn % 4, 20, 4)])
                writer.delete_articles([f"{turn % 20:04}.txt"])
                if turn % 4 == 0:
                    writer.compact()

        thread = threading.Thread(target=write)
        thread.start()
        try:
            for _ in range(15):
                report = reader.check()
                assert report.ok, report.problems
        finally:
            stop.set()
            thread.join()


def test_readers_in_other_processes_while_a_writer_works(folder: Path) -> None:
    """Every answer of each reader holds whole articles, each in one of its versions, and no error comes."""
    with opened(folder) as writer, ExitStack() as leaving:
        writer.add_articles([article_of(n) for n in range(ARTICLES)])
        code = "import sys, test_store_readers as t; t.ask_until_told_to_stop(t.Path(sys.argv[1]))"
        path = os.pathsep.join([str(ROOT / "tests"), str(ROOT)])
        readers = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": path},
            )
            for _ in range(2)
        ]
        told: list[list[str]] = [[] for _ in readers]
        for reader, lines in zip(readers, told, strict=True):
            leaving.enter_context(reader)
            leaving.callback(reader.kill)
            threading.Thread(target=listen, args=(reader, lines)).start()
        turn = 0
        while turn < 30 or min(map(len, told)) < 8:
            turn += 1
            writer.add_articles([article_of(n, edit=1 + turn % (EDITS - 1)) for n in range(turn % 3, ARTICLES, 3)])
            writer.delete_articles([f"{turn % ARTICLES:04}.txt"])
            if turn % 2:
                writer.add_articles([article_of(turn % ARTICLES)])
            if turn % 7 == 0:
                writer.compact()
            assert all(reader.poll() is None for reader in readers), told
        for reader, lines in zip(readers, told, strict=True):
            assert reader.stdin
            reader.stdin.close()
            assert reader.wait() == 0, lines
            assert int(lines[-1]) > 2, "the readers met one state only"


def listen(reader: subprocess.Popen[bytes], lines: list[str]) -> None:
    assert reader.stdout
    with reader.stdout:
        lines += (line.decode().strip() for line in iter(reader.stdout.readline, b""))


def ask_until_told_to_stop(folder: Path) -> None:
    """A reader's process: tells again and again how many states of the collection it has met."""
    versions = {
        f"{n:04}.txt": [
            {(p.id, p.text) for p in split(article, count_tokens=HashEmbeddings().count_tokens, settings=SMALL)}
            for article in (article_of(n, edit=edit) for edit in range(EDITS))
        ]
        for n in range(ARTICLES)
    }
    texts = {f"{n:04}.txt": [article_of(n, edit=edit).text for edit in range(EDITS)] for n in range(ARTICLES)}
    stopped = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
    asked, states = 0, set()
    with opened(folder, read_only=True) as store:
        while not stopped.is_set():
            for search in (store.search_dense, store.search_lexical):
                found: dict[str, set[tuple[str, str]]] = {}
                hits = [passage for passage, _ in search("case correction", 10_000)]
                for passage in hits:
                    found.setdefault(passage.article_id, set()).add((passage.id, passage.text))
                assert len(hits) == sum(map(len, found.values())), "a passage came twice"
                for id_, held in found.items():
                    assert held in versions[id_], f"half of {id_}: {sorted(held)}"
                states.add(tuple(versions[id_].index(held) for id_, held in sorted(found.items())))
                asked += 1
            for id_ in versions:
                held = {(p.id, p.text) for p in store.passages_of(id_)}
                assert held in (*versions[id_], set()), f"half of {id_}: {sorted(held)}"
                with suppress(ArticleMissing):
                    assert store.article(id_).text in texts[id_]
            documents = store.similarity_search(QUERIES[asked % len(QUERIES)], k=5)
            assert len(documents) == 5 and store.get_by_ids([d.id for d in documents if d.id]) is not None
            with PassageStore.open(folder, embeddings=HashEmbeddings(), settings=SMALL) as another:
                assert another.status().articles >= ARTICLES - 2
            assert store.notes == (), store.notes
            print(len(states), flush=True)


def test_a_thread_that_has_ended_leaves_no_connection(folder: Path) -> None:
    with opened(folder) as store:
        store.add_articles([article_of(1)])
        for _ in range(30):
            thread = threading.Thread(target=store.status)
            thread.start()
            thread.join()
        assert open_files(folder) < 10  # this thread's, and those of the last that ended


def open_files(folder: Path) -> int:
    """How often this process has files of the database open."""
    found = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
    return sum(path.startswith(str(folder.resolve())) and "newsdesk.sqlite" in path for path in found)


def test_closing_amid_other_threads_readings_is_no_crash(folder: Path) -> None:
    """In a process of its own: what went wrong here was a segmentation fault."""
    code = f"""
import threading
from index.errors import IndexFolderError
from store_helpers import article_of, opened
with opened({str(folder)!r}) as store:
    store.add_articles([article_of(n) for n in range(200)])
def read(store, begun):
    try:
        while True:
            store.database.rows("SELECT count(*), min(text), max(text) FROM articles")
            begun.set()
    except IndexFolderError:
        pass
for _ in range(40):
    store = opened({str(folder)!r}, read_only=True)
    begun = [threading.Event() for _ in range(4)]
    threads = [threading.Thread(target=read, args=(store, one)) for one in begun]
    for thread in threads:
        thread.start()
    for one in begun:
        one.wait()
    store.close()
    for thread in threads:
        thread.join()
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent)
    assert (run.returncode, run.stderr) == (0, "")

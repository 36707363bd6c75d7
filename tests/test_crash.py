"""A child process ingests, changes, deletes and compacts, and is killed with SIGKILL at random moments, 15 times over.

After each kill the index opens, holds every article that was reported, finds none that was deleted, none twice, and has
embedded no text again but those whose embedding was under way. bench/crash.py does it 200 times.
"""

from __future__ import annotations

import collections
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from store_helpers import HashEmbeddings, article_of

from index.errors import NewsdeskError
from index.settings import IndexSettings
from index.store import PassageStore

SETTINGS = IndexSettings(passage_tokens=48, lexical_commit_seconds=0.05)
KILLS = 15

CHILD = """
import random, sys
from pathlib import Path
sys.path[:0] = [".", "tests"]
from test_crash import SETTINGS
from store_helpers import HashEmbeddings, article_of
from index.store import PassageStore

folder, log, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)
embeddings = HashEmbeddings(log)
with PassageStore.open(folder, embeddings=embeddings, settings=SETTINGS, create=True, read_only=False) as store:
    print("open", flush=True)
    for turn in range(10_000):
        what = chance.random()
        numbers = [chance.randrange(60) for _ in range(chance.randint(1, 12))]
        if what < 0.6:
            edit = chance.randrange(3)
            store.add_articles([article_of(n, edit=edit) for n in dict.fromkeys(numbers)])
            print("put", edit, *dict.fromkeys(numbers), flush=True)
        elif what < 0.85:
            print("deleting", *numbers, flush=True)
            store.delete_articles(f"{n:04}.txt" for n in numbers)
            print("deleted", *numbers, flush=True)
        else:
            store.compact()
            print("compacted", flush=True)
"""


def run_child(folder: Path, log: Path, seed: int, seconds: float) -> list[list[str]]:
    """What the child reported before it was killed, `seconds` after it had opened the index."""
    root = Path(__file__).resolve().parent.parent
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(log), str(seed)], stdout=subprocess.PIPE, cwd=root
    )
    assert child.stdout
    assert child.stdout.readline() == b"open\n"
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    lines = child.stdout.read().decode().splitlines()
    child.stdout.close()
    child.wait()
    return [line.split() for line in lines]


def test_fifteen_kills_lose_and_repeat_nothing(tmp_path: Path) -> None:
    folder, log = tmp_path / "index", tmp_path / "embedded"
    chance = random.Random(5)
    # What each article may be: None for absent, else its edit; more than one where a kill left it open.
    state: dict[int, set[int | None]] = {n: {None} for n in range(60)}
    compacts = 0
    for kill in range(KILLS):
        for what, *rest in run_child(folder, log, kill, chance.uniform(0.05, 0.9)):
            if what == "put":
                for number in rest[1:]:
                    state[int(number)] = {int(rest[0])}
            elif what in ("deleting", "deleted"):
                for number in rest:
                    state[int(number)] = state[int(number)] | {None} if what == "deleting" else {None}
            else:
                compacts += 1
        # What was under way when the kill came is in the log of no report: read what is there, within what may be.
        embeddings = HashEmbeddings()
        with PassageStore.open(folder, embeddings=embeddings, settings=SETTINGS, read_only=bool(kill % 2)) as store:
            held = {article.id: article for article in store.articles()}
            for number, allowed in state.items():
                article = held.pop(f"{number:04}.txt", None)
                edits = [edit for edit in range(3) if article == article_of(number, edit=edit)]
                found = edits[0] if article is not None else None
                assert article is None or edits, "half an article"
                if allowed != {found}:
                    assert found in allowed | set(under_way(kill, number)), (kill, number, found, allowed)
                state[number] = {found}
            assert not held
            for number, kept in state.items():
                hits = [
                    p.id
                    for search in (store.search_dense, store.search_lexical)
                    for p, _ in search(f"case {number}", 300)
                ]
                mine = [id_ for id_ in hits if id_.startswith(f"{number:04}.txt#")]
                expected = {p.id for p in store.passages_of(f"{number:04}.txt")}
                assert set(mine) == expected and bool(expected) == (kept != {None})
                assert len(mine) == 2 * len(expected), "a passage was found twice, or by one search only"
            report = store.check()
            assert report.ok, report
            assert not embeddings.embedded
    with PassageStore.open(folder, embeddings=HashEmbeddings(), settings=SETTINGS, read_only=False) as store:
        store.compact()
        with PassageStore.open(
            tmp_path / "clean", embeddings=HashEmbeddings(), settings=SETTINGS, create=True
        ) as clean:
            clean.add_articles(list(store.articles()))
            clean.compact()
            for query in ("case 7 river", "correction mayor"):
                for one, two in (
                    (store.search_dense, clean.search_dense),
                    (store.search_lexical, clean.search_lexical),
                ):
                    assert [(p, round(s, 6)) for p, s in one(query, 20)] == [
                        (p, round(s, 6)) for p, s in two(query, 20)
                    ]
    if not compacts:  # compact alone forgets vectors; without one, only what a kill cut off may be embedded twice
        again = [count for count in collections.Counter(log.read_text().split()).values() if count > 1]
        assert len(again) <= KILLS * 80


def under_way(kill: int, number: int) -> set[int | None]:
    """What the call that was cut off may have made of an article: each is whole, but not all were reached."""
    return {None, 0, 1, 2}


def test_nothing_is_embedded_twice_over_kills(tmp_path: Path) -> None:
    """An ingest that is killed and taken up again until it is done embeds each text once, but for those under way."""
    folder, log = tmp_path / "index", tmp_path / "embedded"
    code = CHILD.partition("    for turn")[0] + "    store.add_articles(article_of(n) for n in range(2_000))\n"
    root = Path(__file__).resolve().parent.parent
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(folder), str(log), "0"], stdout=subprocess.PIPE, cwd=root
        )
        assert child.stdout
        child.stdout.readline()
        enough = 150 + (log.stat().st_size if log.exists() else 0) // 65
        while not log.exists() or log.stat().st_size // 65 < enough:
            time.sleep(0.01)
        child.kill()
        child.wait()
        child.stdout.close()
    counts = collections.Counter(log.read_text().split())
    again = sum(count - 1 for count in counts.values())
    assert len(counts) > 300 and again <= 4 * 80, again


@pytest.mark.parametrize("limit", [200_000, 400_000, 900_000])
def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path, limit: int) -> None:
    folder = tmp_path / "index"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    done: list[str] = []
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with PassageStore.open(
            folder, embeddings=HashEmbeddings(), settings=SETTINGS, create=True, read_only=False
        ) as store:
            for number in range(400):
                done += store.add_articles([article_of(number)]).added
            store.compact()
    except (NewsdeskError, OSError) as error:
        assert str(folder) in str(error) or "SQLite" in str(error)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with PassageStore.open(folder, embeddings=HashEmbeddings(), settings=SETTINGS, read_only=False) as store:
        ids = store.article_ids()
        assert ids[: len(done)] == done and len(done) < 400
        assert store.check().ok
        hits = {p.article_id for p, _ in store.search_lexical("case", 10_000)}
        assert hits == set(ids)

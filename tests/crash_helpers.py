"""What the crash tests and bench/crash.py share: a writer to be killed, where to kill it, and an oracle that is exact.

The writer tells all that it does on one pipe, each line written at once: what it begins, every text that the model
reads, every article that the store reports as done. So the oracle knows for every kill what must be there and which
texts the model may still be asked for. `Forker` keeps one process with everything imported, which forks a writer for
each kill; `python -m crash_helpers` is that process.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from store_helpers import HashEmbeddings, article_of

from index import copies, ingest, passages, upkeep
from index.lexical import LexicalIndex
from index.manifest import Manifest
from index.rows import text_hash
from index.schema import DATABASE
from index.settings import IndexSettings
from index.store import PassageStore
from index.types import Article, Passage

SETTINGS = IndexSettings(passage_tokens=48, lexical_commit_seconds=0.02)
ARTICLES = 60
FILES = Path("/nowhere/files")
"""Where articles are said to come from. It doesn't exist, so the same text under another name is a renamed file."""

WEIGHTS = {"put": 60, "prune": 5, "delete": 20, "compact": 15}

PLAN = ("put", "delete", "put", "compact", "put", "prune", "put", "compact")
"""Reaches every point at least twice."""

Spec = tuple[int, int]
"""Which article, in which edit."""

POINTS: dict[str, tuple[Any, str]] = {
    "faiss": (upkeep, "write_snapshot"),
    "tantivy": (LexicalIndex, "commit"),
    "manifest": (Manifest, "write"),
    "sweep": (upkeep, "sweep"),
    "rebuild": (upkeep, "rebuild"),
    "vectors": (upkeep, "keep"),
    "words": (LexicalIndex, "add"),
    "article": (copies, "remember"),
    "delete": (copies, "forget"),
    "drop": (upkeep, "drop_dead"),
    "shrink": (upkeep, "shrink"),
}
"""What can be the moment of a kill: before, after or (by a limit on file sizes, in bytes) inside its nth call.

"article" and "delete" lie within SQLite transactions, before their commit.
"""


# The writer that is killed


def tell(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class ToldEmbeddings(HashEmbeddings):
    """Tells each text before its vector is given out."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        tell("embedding", *(text_hash(text, self.digest).hex()[:16] for text in texts))
        return super().embed_documents(texts)


def article(id_: str, spec: Spec) -> Article:
    return article_of(spec[0], edit=spec[1], folder=FILES, name=id_)


def write(folder: Path, *, seed: int, plan: Sequence[str]) -> None:
    """Opens the index and changes it: articles of the plan's kinds of change are chosen at random."""
    chance = random.Random(seed)
    with PassageStore.open(
        folder, embeddings=ToldEmbeddings(), settings=SETTINGS, create=True, read_only=False
    ) as store:
        tell("open")
        for what in plan or chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=10_000):
            numbers = chance.sample(range(ARTICLES), 12 if plan else chance.choice((1, 3, 12, 40)))
            specs = {f"{n:04}{chance.choice('ab')}.txt": (n, chance.randrange(3)) for n in numbers}
            if what in ("put", "prune"):
                tell(
                    "pruning" if what == "prune" else "putting",
                    *(f"{id_}:{n}:{edit}" for id_, (n, edit) in specs.items()),
                )
                store.add_articles(
                    [article(*item) for item in specs.items()],
                    progress=lambda p: tell("done", p.current) if p.current else None,
                    roots=[str(FILES)],
                    prune=what == "prune",
                )
                tell("put")
            elif what == "delete":
                tell("deleting", *specs)
                store.delete_articles(specs)
                tell("deleted")
            else:
                tell("compacting")
                store.compact()
                tell("compacted")
        tell("finished")


def arm(kill: dict[str, Any]) -> None:
    """Makes this process die at the nth call of a point: before it, after it, or in the middle of its writing."""
    owner, name = POINTS[kill["at"]]
    real = getattr(owner, name)
    calls = 0

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def called(*values: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls != kill["nth"]:
            return real(*values, **named)
        if kill["when"] == "before":
            die()
        if kill["when"] == "inside":
            # The kernel ends the process within the write that passes the limit.
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (kill["bytes"], resource.RLIM_INFINITY))
        result = real(*values, **named)
        if kill["when"] == "inside":
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            return result
        die()

    setattr(owner, name, called)
    if owner is upkeep and hasattr(ingest, name):
        setattr(ingest, name, called)


def serve() -> None:
    """Forks a writer for each line of JSON on standard input, and tells how it ended."""
    import datasketch  # noqa: F401
    import faiss  # noqa: F401

    passages.sentences("Warm. Now.")
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            try:
                tell("pid", os.getpid())
                if "at" in order:
                    arm(order)
                write(Path(order["folder"]), seed=order["seed"], plan=order["plan"])
            except BaseException as error:
                tell("failed", type(error).__name__, str(error).replace("\n", " ")[:3000])
            finally:
                os._exit(0)
        tell("ended", -os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


class Forker:
    """Runs writers and kills them. A context manager."""

    def __enter__(self) -> Forker:
        here = Path(__file__).resolve().parent
        path = os.pathsep.join([str(here), str(here.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "crash_helpers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        return self

    def __exit__(self, *about: object) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(
        self,
        folder: Path,
        *,
        seed: int,
        after: int | None = None,
        wait: float = 0,
        plan: Sequence[str] = (),
        **kill: Any,
    ) -> tuple[list[str], int]:
        """What a writer told, and the signal that ended it (0: none).

        after, wait: SIGKILL so many seconds after so many lines, so that a slow machine is killed at its work too.
        """
        assert self._process.stdin and self._process.stdout
        order = {"folder": str(folder), "seed": seed, "plan": plan} | kill
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        told: list[str] = []
        pid = 0
        for raw in self._process.stdout:
            word, _, rest = raw.decode().rstrip("\n").partition(" ")
            if word == "ended":
                return told, int(rest)
            assert word != "failed", rest
            if word == "pid":
                pid = int(rest)
            else:
                told.append(raw.decode().rstrip("\n"))
            if after is not None and len(told) >= after:
                time.sleep(wait)
                os.kill(pid, signal.SIGKILL)
                after = None
        raise AssertionError("the forking process ended")


# What must be there


@cache
def expected_passages(id_: str, spec: Spec) -> tuple[Passage, ...]:
    count = HashEmbeddings().count_tokens
    return tuple(passages.split(article(id_, spec), count_tokens=count, settings=SETTINGS))


def hashes_of(state: dict[str, Spec]) -> set[str]:
    """The texts that the state's passages need vectors of, as `ToldEmbeddings` tells them."""
    texts = {p.indexed_text for item in state.items() for p in expected_passages(*item)}
    return {text_hash(text, HashEmbeddings.digest).hex()[:16] for text in texts}


def put(state: dict[str, Spec], id_: str, spec: Spec) -> dict[str, Spec]:
    """The state with an article taken up: one of the same text under a name that is gone is that article, renamed."""
    renamed = next((old for old, held in state.items() if held == spec), None) if id_ not in state else None
    return {old: held for old, held in state.items() if old != renamed} | {id_: spec}


class Oracle:
    """Follows what a writer tells, and knows what an index must hold after it was killed.

    state: every article on record. under_way: what the one call that was cut off may or may not have done to single
    articles. kept: texts whose vectors are on record; fresh: those of the model's last call, which may not be.
    """

    def __init__(self) -> None:
        self.state: dict[str, Spec] = {}
        self.kept: set[str] = set()
        self.fresh: set[str] = set()
        self.embedded = self.repeated = self.forgotten = self.compacts = self.reported = 0
        self._begin()

    def _begin(self) -> None:
        self.puts: dict[str, Spec] = {}
        self.deletes: set[str] = set()
        self.compacting = False

    def hear(self, lines: Iterable[str]) -> None:
        for line in lines:
            what, *rest = line.split(" ")
            if what in ("putting", "pruning"):
                self._begin()
                self.puts = {id_: (int(n), int(edit)) for id_, n, edit in (entry.split(":") for entry in rest)}
                if what == "pruning":
                    self.deletes = {f"{n:04}{side}.txt" for n in range(ARTICLES) for side in "ab"} - set(self.puts)
            elif what == "embedding":
                self._on_record()
                again = self.kept & set(rest)
                assert not again, f"embedded again although on record: {again}"
                assert len(set(rest)) == len(rest) <= ingest.EMBED_TOGETHER
                self.fresh = set(rest)
                self.embedded += len(rest)
            elif what == "done":
                self._on_record()
                self.state = put(self.state, rest[0], self.puts.pop(rest[0]))
                self.reported += 1
            elif what == "put":
                assert not self.puts
                self._delete()
            elif what == "deleting":
                self._begin()
                self.deletes = set(rest)
            elif what == "deleted":
                self._delete()
            elif what == "compacting":
                self._begin()
                self.compacting = True
            elif what == "compacted":
                self.compacts += 1
                self._begin()
                self._forget(self.kept & hashes_of(self.state))

    def _on_record(self) -> None:
        self.kept |= self.fresh
        self.fresh = set()

    def _delete(self) -> None:
        self.state = {id_: spec for id_, spec in self.state.items() if id_ not in self.deletes}
        self._begin()

    def _forget(self, kept: set[str]) -> None:
        self.forgotten += len(self.kept - kept)
        self.kept = kept

    def settle(self, folder: Path) -> None:
        """After a kill: what the call under way has done is read from the index, within what it may have done."""
        if not (folder / DATABASE).exists():
            assert not self.state and not self.kept
            return
        with closing(sqlite3.connect(folder / DATABASE)) as connection:
            vectors = {blob.hex()[:16] for (blob,) in connection.execute("SELECT hash FROM vectors")}
            texts = dict(connection.execute("SELECT id, text FROM articles"))
        for id_, spec in self.puts.items():
            after = put(self.state, id_, spec)
            if texts.get(id_) == article(id_, spec).text and not (set(self.state) - set(after)) & set(texts):
                self.state = after
        gone = {id_ for id_ in self.deletes & set(self.state) if id_ not in texts}
        assert gone in (set(), self.deletes & set(self.state)), "a deletion was half done"
        self.state = {id_: spec for id_, spec in self.state.items() if id_ not in gone}
        needed = hashes_of(self.state)
        assert needed <= vectors, "an article without its vectors"
        assert vectors <= self.kept | self.fresh
        if self.compacting:
            self._forget(self.kept & (vectors | needed))
        assert self.kept <= vectors, "a vector that was on record is gone"
        self.repeated += len(self.fresh - vectors)
        self.kept, self.fresh = vectors, set()
        self._begin()

    def verify(self, store: PassageStore) -> None:
        """Every article whole and in its version, in SQLite, dense and lexical index; none twice, none that is gone."""
        assert {a.id: a for a in store.articles()} == {id_: article(id_, spec) for id_, spec in self.state.items()}
        every = []
        for id_, spec in self.state.items():
            assert tuple(store.passages_of(id_)) == expected_passages(id_, spec)
            every += [passage.id for passage in expected_passages(id_, spec)]
        for search in (store.search_dense, store.search_lexical):
            assert sorted(p.id for p, _ in search("case correction", len(every) + 100)) == sorted(every), search
        report = store.check()
        assert report.ok, report


def after_a_kill(oracle: Oracle, folder: Path, *, writing: bool) -> None:
    """A reader, then perhaps a writer, opens what a kill left; neither embeds anything."""
    oracle.settle(folder)
    if not (folder / DATABASE).exists():
        return
    for read_only in (True, False) if writing else (True,):
        embeddings = HashEmbeddings()
        with PassageStore.open(folder, embeddings=embeddings, settings=SETTINGS, read_only=read_only) as store:
            oracle.verify(store)
        assert not embeddings.embedded


def equals_a_clean_build(folder: Path, other: Path, *, settings: IndexSettings = SETTINGS) -> None:
    """Compacts the index and compares its answers with those of one that is built from its articles."""
    embeddings = HashEmbeddings()
    with (
        PassageStore.open(folder, embeddings=embeddings, settings=settings, read_only=False) as store,
        PassageStore.open(other, embeddings=HashEmbeddings(), settings=settings, create=True) as clean,
    ):
        store.compact()
        assert not embeddings.embedded
        # Without paths, since one text under two names that don't exist is one article, renamed.
        clean.add_articles([replace(a, metadata={}) for a in store.articles()])
        assert clean.article_ids() == store.article_ids()
        clean.compact()
        assert [answers(store, k) for k in (3, 20)] == [answers(clean, k) for k in (3, 20)]


def answers(store: PassageStore, k: int) -> list[list[tuple[Passage, float]]]:
    queries = [f"case {n} river" for n in range(0, ARTICLES, 7)] + ["correction mayor", "bank museum vote"]
    return [
        [(p, round(score, 6)) for p, score in search(query, k)]
        for query in queries
        for search in (store.search_dense, store.search_lexical)
    ]


def kill_points(chance: random.Random) -> list[dict[str, Any]]:
    """A kill before, after and (where it writes files) inside each point, each at one of its calls."""
    found: list[dict[str, Any]] = []
    for name in POINTS:
        found += [{"at": name, "nth": chance.choice((1, 2)), "when": when} for when in ("before", "after")]
    for name, size in {"faiss": 20_000, "tantivy": 900, "manifest": 400, "vectors": 4_000, "shrink": 20_000}.items():
        found += [{"at": name, "nth": 1, "when": "inside", "bytes": b} for b in (1, chance.randrange(2, size))]
    return found


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """A disk that takes no file larger than so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


if __name__ == "__main__":
    serve()

"""Random sequences of what can be done to a store, crashes among it, against a plain dictionary."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from crash_helpers import POINTS
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from store_helpers import HashEmbeddings, article_of, memory_folder

from index import ingest, upkeep
from index.settings import IndexSettings
from index.store import PassageStore
from index.types import Article, Filter

NUMBERS = st.integers(0, 7)
SETTINGS = IndexSettings(passage_tokens=48)


class Crashed(BaseException):
    """Stands for the death of the process; what the index folder held then lies aside."""


def copy_if_there(source: str, target: str) -> None:
    """Copies a file; tantivy's merging threads may delete a temporary one while the folder is copied."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)


class StoreMachine(RuleBasedStateMachine):
    """`model` maps ids to articles; the embedder lists the texts that were embedded since vectors were last dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = memory_folder()
        self.base = next(self.memory)
        self.files = self.base / "files"
        self.crashes = 0
        self.embeddings = HashEmbeddings()
        self.model: dict[str, Article] = {}
        self.names: dict[int, str] = {}
        self.store = self.open(read_only=False)
        self.reader = self.open(read_only=True)

    @property
    def folder(self) -> Path:
        return self.base / f"index-{self.crashes}"

    def open(self, *, read_only: bool) -> PassageStore:
        return PassageStore.open(
            self.folder, embeddings=self.embeddings, settings=SETTINGS, create=not read_only, read_only=read_only
        )

    def article(self, number: int, edit: int) -> Article:
        return article_of(number, edit=edit, folder=self.files, name=self.names.get(number))

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=4, unique=True), edit=st.integers(0, 2))
    def put(self, numbers: list[int], edit: int) -> None:
        articles = [self.article(n, edit) for n in numbers]
        report = self.store.add_articles(articles)
        assert set(report.unchanged) == {a.id for a in articles if self.model.get(a.id) == a}
        self.model |= {a.id: a for a in articles}

    @rule(numbers=st.lists(NUMBERS, max_size=4))
    def delete(self, numbers: list[int]) -> None:
        ids = {self.article(n, 0).id for n in numbers}
        assert self.store.delete_articles(ids) == len(ids & set(self.model))
        for id_ in ids:
            self.model.pop(id_, None)

    @rule(number=NUMBERS, name=st.sampled_from(["x.txt", "y.txt", "z.txt"]))
    def rename(self, number: int, name: str) -> None:
        old = self.article(number, 0).id
        if old not in self.model or name in self.names.values():
            return
        edits = [edit for edit in range(3) if self.article(number, edit) == self.model[old]]
        self.names[number] = name
        before = len(self.embeddings.embedded)
        article = self.article(number, edits[0])
        assert self.store.add_articles([article]).renamed == (name,)
        assert len(self.embeddings.embedded) == before
        del self.model[old]
        self.model[name] = article

    @rule(numbers=st.lists(NUMBERS, max_size=3, unique=True))
    def prune(self, numbers: list[int]) -> None:
        kept = [self.model[i] for i in (self.article(n, 0).id for n in numbers) if i in self.model]
        report = self.store.add_articles(kept, roots=[str(self.files)], prune=True)
        assert set(report.removed) == set(self.model) - {a.id for a in kept} and report.embedded == 0
        self.model = {a.id: a for a in kept}

    @rule()
    def compact(self) -> None:
        self.store.compact()
        self.embeddings.embedded.clear()

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self.open(read_only=False)

    @rule(
        what=st.sampled_from(["put", "delete", "compact"]),
        numbers=st.lists(NUMBERS, min_size=1, max_size=4, unique=True),
        edit=st.integers(0, 2),
        point=st.sampled_from(sorted(POINTS)),
        after=st.booleans(),
    )
    def crash(self, what: str, numbers: list[int], edit: int, point: str, after: bool) -> None:
        """The folder as it is at that point is what a process that dies there leaves; the store goes on with it."""
        articles = {a.id: a for a in (self.article(n, edit) for n in numbers)}
        changes: dict[str, tuple[Callable[[], Any], dict[str, Article]]] = {
            "put": (lambda: self.store.add_articles(list(articles.values())), self.model | articles),
            "delete": (
                lambda: self.store.delete_articles(articles),
                {id_: a for id_, a in self.model.items() if id_ not in articles},
            ),
            "compact": (self.store.compact, self.model),
        }
        change, model = changes[what]
        died = False
        with self.dying(point, after=after):
            try:
                change()
            except Crashed:
                died = True
        if not died:  # that point wasn't on the way
            self.model = model
            if what == "compact":
                self.embeddings.embedded.clear()
            return
        self.store.close()
        self.reader.close()
        self.crashes += 1
        self.embeddings.embedded.clear()
        self.reader = self.open(read_only=True)
        held = {a.id: a for a in self.reader.articles()}
        assert held in (self.model, model), "the call that was cut off is neither done nor undone"
        self.model = held
        self.reader_and_writer_hold_the_model(stores=(self.reader,))
        self.store = self.open(read_only=False)
        assert not self.embeddings.embedded

    @contextmanager
    def dying(self, point: str, *, after: bool) -> Iterator[None]:
        owner, name = POINTS[point]
        real = getattr(owner, name)
        died = False

        def called(*values: Any, **named: Any) -> Any:
            nonlocal died
            if died:  # clearing up after an exception is nothing that a dead process does
                return real(*values, **named)
            if after:
                real(*values, **named)
            died = True
            shutil.copytree(self.folder, self.base / f"index-{self.crashes + 1}", copy_function=copy_if_there)
            raise Crashed

        with ExitStack() as stack:
            stack.enter_context(patch.object(owner, name, called))
            if owner is upkeep and hasattr(ingest, name):
                stack.enter_context(patch.object(ingest, name, called))
            yield

    @invariant()
    def reader_and_writer_hold_the_model(self, stores: tuple[PassageStore, ...] = ()) -> None:
        for store in stores or (self.store, self.reader):
            assert {a.id: a for a in store.articles()} == self.model
            expected = sorted(p.id for id_ in self.model for p in store.passages_of(id_))
            assert sorted(p.id for p, _ in store.search_dense("case", 1_000)) == expected
            assert sorted(p.id for p, _ in store.search_lexical("case correction talks", 1_000)) == expected
            wanted = Filter(sources=("Harbour Wire",))
            allowed = sorted(p for p in expected if self.model[p.partition("#")[0]].source == "Harbour Wire")
            assert sorted(p.id for p, _ in store.search_dense("river", 1_000, wanted)) == allowed
        assert len(self.embeddings.embedded) == len(set(self.embeddings.embedded)), "a text was embedded twice"

    def teardown(self) -> None:
        assert self.store.check().ok
        self.reader.close()
        self.store.close()
        self.memory.close()


TestStoreStates = StoreMachine.TestCase
TestStoreStates.settings = settings(max_examples=12, stateful_step_count=15, suppress_health_check=list(HealthCheck))

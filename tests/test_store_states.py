"""Random sequences of adding, changing, deleting, renaming, compacting and reopening, against a plain dictionary."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from store_helpers import HashEmbeddings, article_of

from index.settings import IndexSettings
from index.store import PassageStore
from index.types import Article, Filter

NUMBERS = st.integers(0, 7)
SETTINGS = IndexSettings(passage_tokens=48)


class StoreMachine(RuleBasedStateMachine):
    """`model` maps ids to articles; `texts` counts how often each text was embedded since the last compact."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.files = Path(self.folder.name) / "files"
        self.embeddings = HashEmbeddings()
        self.model: dict[str, Article] = {}
        self.names: dict[int, str] = {}
        self.store = self.open(read_only=False)
        self.reader = self.open(read_only=True)

    def open(self, *, read_only: bool) -> PassageStore:
        return PassageStore.open(
            Path(self.folder.name) / "index",
            embeddings=self.embeddings,
            settings=SETTINGS,
            create=not read_only,
            read_only=read_only,
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

    @invariant()
    def reader_and_writer_hold_the_model(self) -> None:
        for store in (self.store, self.reader):
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
        self.folder.cleanup()


TestStoreStates = StoreMachine.TestCase
TestStoreStates.settings = settings(
    max_examples=8, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)

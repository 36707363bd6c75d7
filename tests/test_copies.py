"""What the index knows and an answer shows: near-duplicates as one citation, damaged files as a line of its notes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from index.store import PassageStore
from index.types import Article
from rag import Bot

QUESTION = "Who commanded the Apollo 11 flight?"


@pytest.fixture
def folder(tmp_path: Path, articles: tuple[Article, ...]) -> Path:
    """Two articles of seeds/, and one of them twice more: syndicated, and corrected."""
    original = replace(next(a for a in articles if a.id == "02-apollo-11.txt"), metadata={})
    syndicated = replace(original, id="agency", source="Agency", text=original.text + "\nReporting by agencies.")
    last = original.text.rindex(" ")
    corrected = replace(original, id="corrected", text=original.text[:last] + " indeed" + original.text[last:])
    with PassageStore.open(tmp_path / "index", create=True) as store:
        store.add_articles([original, articles[0], syndicated, corrected])
        store.compact()
    return tmp_path / "index"


def test_copies_are_one_citation(folder: Path) -> None:
    with Bot.open(folder) as bot:
        answer = bot.ask(QUESTION)
        assert not answer.refused and "Armstrong" in answer.text
        family = {"02-apollo-11.txt", "agency", "corrected"}
        cited = [c for c in answer.citations if c.article_id in family]
        assert cited and len({c.article_id for c in cited}) == 1
        assert {cited[0].article_id, *(copy.article_id for copy in cited[0].also_in)} == family


def test_an_answer_from_a_damaged_index_says_so(folder: Path) -> None:
    with Bot.open(folder) as bot:
        whole = bot.ask(QUESTION)
    for path in (*folder.glob("dense-*"), *folder.glob("lexical-*/*.idx")):
        path.write_bytes(path.read_bytes()[:-200])
    with Bot.open(folder) as bot:
        answer = bot.ask(QUESTION)
    assert answer.text == whole.text and [c.quote for c in answer.citations] == [c.quote for c in whole.citations]
    said = [note for note in answer.notes if "missing or damaged" in note]
    assert len(said) == 2 and all("newsdesk check --repair" in note for note in said)

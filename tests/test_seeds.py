"""The seed collection and its questions: shape, exact gold offsets, and that questions don't copy their answers."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from index.articles import read_articles
from index.types import Article, Rejected
from rag.words import coverage

SEEDS = Path(__file__).parent.parent / "seeds"
FIELDS = {"id", "question", "answers", "gold", "answerable", "two_articles", "history", "date"}


@pytest.fixture(scope="module")
def seeds() -> dict[str, Article]:
    items = list(read_articles(*sorted(SEEDS.glob("*.txt"))))
    assert [item for item in items if isinstance(item, Rejected)] == []
    return {item.id: item for item in items if isinstance(item, Article)}


@pytest.fixture(scope="module")
def questions() -> list[dict[str, Any]]:
    lines = (SEEDS / "questions.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_there_are_enough_articles_of_a_newspaper_length(seeds: dict[str, Article]) -> None:
    assert len(seeds) >= 15
    lengths = {name: len((SEEDS / name).read_text("utf-8").split()) for name in seeds}
    assert {name: words for name, words in lengths.items() if not 300 <= words <= 900} == {}


def test_every_head_is_understood(seeds: dict[str, Article]) -> None:
    for name, article in seeds.items():
        title, deck, _, dateline = (SEEDS / name).read_text("utf-8").split("\n")[:4]
        source, day = dateline.split(" | ")
        assert article.title == title, name
        assert article.source == source, name
        assert isinstance(article.published, date), name
        assert f"{article.published.day} {article.published:%B} {article.published.year}" == day, name
        assert article.sections[0].heading == deck, name
        assert len(article.sections) >= 4, name


def test_heads_and_copyright_lie_outside_the_sections(seeds: dict[str, Article]) -> None:
    for name, article in seeds.items():
        quotable = "\n".join(article.text[part.start : part.end] for part in article.sections)
        assert "©" not in quotable, name
        assert " | " not in quotable, name


def test_there_are_enough_questions_of_each_kind(questions: list[dict[str, Any]]) -> None:
    assert len(questions) >= 100
    assert sum(not question["answerable"] for question in questions) >= 30
    assert sum(question["two_articles"] for question in questions) >= 10


def test_questions_are_well_formed_and_distinct(questions: list[dict[str, Any]]) -> None:
    assert len({question["id"] for question in questions}) == len(questions)
    assert len({question["question"].casefold() for question in questions}) == len(questions)
    for question in questions:
        assert set(question) == FIELDS, question["id"]
        assert question["answerable"] == bool(question["gold"]) == bool(question["answers"]), question["id"]
        named = {gold["article"] for gold in question["gold"]}
        assert question["two_articles"] == (len(named) == 2), question["id"]


def test_gold_quotes_stand_exactly_where_they_say(seeds: dict[str, Article], questions: list[dict[str, Any]]) -> None:
    for question in questions:
        for gold in question["gold"]:
            article, start, end = seeds[gold["article"]], gold["start"], gold["end"]
            assert article.text[start:end] == gold["quote"], question["id"]
            assert article.text.count(gold["quote"]) == 1, question["id"]
            assert any(part.start <= start and end <= part.end for part in article.sections), question["id"]


def test_an_answer_stands_in_its_gold_quote(questions: list[dict[str, Any]]) -> None:
    for question in questions:
        quotes = " ".join(gold["quote"] for gold in question["gold"]).casefold()
        if len(question["gold"]) == 1:
            assert any(answer.casefold() in quotes for answer in question["answers"]), question["id"]


def test_questions_are_asked_in_other_words_than_their_gold(questions: list[dict[str, Any]]) -> None:
    shares = [
        coverage(question["question"], " ".join(gold["quote"] for gold in question["gold"]))
        for question in questions
        if question["gold"]
    ]
    mean = sum(shares) / len(shares)
    print(f"mean share of a question's content words in its gold: {mean:.3f} over {len(shares)} questions")
    assert mean <= 0.5

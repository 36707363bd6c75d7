"""The written training articles: how they are read, and that those shipped are in order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench.reader.data import ARTICLES, written_articles, written_examples
from bench.reader.written import Asked, Written, read

FERRY = """\
# Harbour ferry runs aground off Velmere
The car ferry Sanna struck a sandbank on Tuesday with 212 people on board. Nobody was hurt.

A tug from Norhaven freed her at dawn. On Sunday the tug had freed another ship.

Q: How many were aboard the vessel?
A: 212 | 212 people
Q: What pulled the stranded vessel free?
A: tug
IN: at dawn
U: What did the ferry cost?
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "x.txt"
    path.write_text(text, "utf-8")
    return path


def test_an_article_and_its_questions(tmp_path: Path) -> None:
    (ferry,) = read(written(tmp_path, FERRY))
    assert (ferry.title, ferry.at) == ("Harbour ferry runs aground off Velmere", "x.txt:1")
    assert ferry.text.count("\n\n") == 1 and "Q:" not in ferry.text
    how_many, what, cost = ferry.asked
    assert how_many.answers == ("212", "212 people") and cost == Asked("What did the ferry cost?")
    assert what.answer and ferry.text[slice(*what.answer)] == "tug" and ferry.text[what.answer[1] :].startswith(" from")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("IN: at dawn\n", "", "'tug' stands in 2 places"),
        ("A: 212 |", "A: 213 |", "'213' stands in 0 places"),
        ("| 212 people", "| 212 souls", "'212 souls' isn't in the article"),
        ("A: 212 | 212 people\n", "", "no answer for 'How many were aboard the vessel?'"),
        ("How many were aboard the vessel?", "How many people on board the ferry Sanna?", "copies its sentence"),
        ("U: What", "What", "x.txt:11: text behind the questions"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    path = written(tmp_path, FERRY.replace(old, new))
    with pytest.raises(ValueError, match="x.txt:"):
        list(read(path))
    problems: list[str] = []
    assert len(list(read(path, problems))) == 1
    assert [problem in told for told in problems] == [True]


def test_questions_stand_with_what_answers_and_against_what_does_not() -> None:
    body = " ".join(f"In year {n} the council met {n + 3} times and nobody minded." for n in range(60))
    text = f"{body}\n\nThe mayor is Ada Holm."
    start = text.index("Ada")
    asked = [Asked("Who leads the town?", (start, start + 8), ("Ada Holm",)), Asked("Who led it before?")]
    ((positive, against),) = written_examples([Written("A town", "x.txt:1", text, asked)])
    assert positive.answer and positive.text[slice(*positive.answer)] == "Ada Holm"
    assert all(negative.answer is None for negative in against)
    other_questions = [n for n in against if n.question != positive.question]
    assert [(n.question, n.text) for n in other_questions] == [("Who led it before?", positive.text)]
    other_passages = [n for n in against if n.question == positive.question]
    assert other_passages and not any("Ada Holm" in n.text for n in other_passages)


def test_the_articles_shipped_are_in_order() -> None:
    trained, held = written_articles(held=False), written_articles(held=True)
    assert len(held) > 30 and len(trained) > 4 * len(held)
    titles = Counter(article.title for article in (*trained, *held))
    assert titles.most_common(1)[0][1] == 1
    assert len(list(ARTICLES.glob("*.txt"))) > 50

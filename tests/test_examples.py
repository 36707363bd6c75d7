"""Example questions: the rules that turn a sentence round, what they leave alone, and that each is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.types import Article
from rag.examples import ExampleQuestions, examples_from, questions_of
from rag.types import Answer, Citation, Statement


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        ("More than 20,000 people died in the floods, the government said.", "How many people died in the floods?"),
        ("All 33 miners were brought up alive.", "How many miners were brought up alive?"),
        ("The Berlin Wall was opened on 9 November 1989.", "When was the Berlin Wall opened?"),
        ("In 1912 the Titanic left Southampton.", "When did the Titanic leave Southampton?"),
        ("The Titanic left Southampton on 10 April 1912.", "When did the Titanic leave Southampton?"),
        ("Lava has been seen at Mount Etna since 2001.", None),
        ("Neil Armstrong stepped onto the Moon that night.", None),
        ("Robert Ballard led the team of the Knorr.", "Who led the team of the Knorr?"),
        ("Luis Urzúa, the shift foreman, came up last.", "Who is Luis Urzúa?"),
        (
            "Sofia Lindqvist won the presidency of Valdoria with 52.3 percent of the votes.",
            "Who won the presidency of Valdoria with 52.3 percent of the votes?",
        ),
        ("Amara Okoye won the race in Lisbon in 2:19:08.", "Who won the race in Lisbon in 2:19:08?"),
        ("More than 40 miners were brought up from 2,300 feet.", "How many miners were brought up from 2,300 feet?"),
        ("In 1912 the mast was built 2.5 metres higher, some say.", "When was the mast built 2.5 metres higher?"),
        ("Sofia Lindqvist won Sunday's runoff for the presidency of Valdoria with 52.3 percent of the votes.", None),
        ("It was opened on 9 November 1989.", None),
        ("He died in 1912.", None),
        ("Where others were built in 1912, these were not.", None),
        ("Die Mauer wurde am 9. November 1989 geöffnet.", None),
        ("", None),
    ],
)
def test_a_sentence_is_turned_round_or_left_alone(sentence: str, question: str | None) -> None:
    assert list(questions_of(sentence)) == ([question] if question else [])


def test_a_question_about_anything_is_left_out_and_a_capital_is_kept_for_names_only() -> None:
    text = "Buses arrived on 27 April 1986.\n\nScheduled flights to New York began on 21 January 1976."
    (found,) = examples_from(Article("a", "T", text))
    assert found.question == "When did scheduled flights to New York begin?"
    assert text[found.start : found.end].startswith("Scheduled")


class Shelf:
    """Two articles; `generation` is turned by hand."""

    generation = 1
    kept = (
        Article("a", "T", "The Berlin Wall was opened on 9 November 1989."),
        Article("b", "Etna", "Robert Ballard led the team of the Knorr."),
    )

    def article_ids(self) -> list[str]:
        return [article.id for article in self.kept]

    def article(self, article_id: str) -> Article:
        return next(article for article in self.kept if article.id == article_id)


def test_questions_are_asked_once_for_each_state_and_only_what_their_sentence_answers_is_shown() -> None:
    asked: list[str] = []

    def ask(question: str) -> Answer:
        asked.append(question)
        article = Shelf.kept[0]
        citation = Citation(1, article.id, "T", 0, len(article.text), article.text, "a#0-46")
        return Answer(question, statements=(Statement(article.text, (citation,)),), citations=(citation,))

    shelf = Shelf()
    examples = ExampleQuestions(shelf, ask)
    # The second article's question is "answered" by the first article: not shown.
    assert examples.find(4) == ["When was the Berlin Wall opened?"]
    before = len(asked)
    assert examples.find(4) == examples.find(2) == ["When was the Berlin Wall opened?"]
    assert examples.find(0) == examples.find(-1) == []
    assert len(asked) == before
    shelf.generation = 2
    examples.find(4)
    assert len(asked) == 2 * before


def test_every_example_of_the_seeds_is_answered(seeds_index: Path) -> None:
    from rag.bot import Bot

    with Bot.open(seeds_index) as bot:
        found = bot.examples(4)
        assert len(set(found)) == 4
        assert not any(bot.ask(question).refused for question in found)

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest

from index.types import Article, Passage
from rag.answer import COUNTED, ExtractiveAnswerer, is_yes_no
from rag.candidates import Candidate, compared, same_answer, sentence_of
from rag.confidence import Evidence, Fitted, fit_confidence, fit_rank, fit_sentence
from rag.types import Answer, Done, Reading, Retrieved, Span, StatementReady

ARTICLES = {
    "early": Article(
        "early",
        "Wave strikes",
        "The wave struck at dawn. At least 22,000 people died, officials said.",
        published=date(2004, 12, 27),
    ),
    "late": Article(
        "late", "A year on", "A year has passed. The toll stands at 227,898 people.", published=date(2005, 12, 26)
    ),
    "again": Article(
        "again", "The count", "Counting is over. In all 227,898 people lost their lives.", published=date(2006, 1, 2)
    ),
}
RANK = {"fused": 4.0, "relevance": 0.4, "span": 0.0, "cosine": 0.0, "sentence": 0.0}
FITTED = Fitted("", "", RANK, {"intercept": 0.0, "relevance": 1.0, "span": 0.0, "cosine": 0.0, "sentence": 0.0}, 0.5)


class Source:
    def article(self, article_id: str) -> Article:
        return ARTICLES[article_id]

    def similarities(self, query: str, texts: Sequence[str]) -> list[float]:
        """1 for a sentence that repeats the question's last word, 0 for others."""
        return [float(query.rstrip("?").split()[-1] in text) for text in texts]


class Finds:
    """A reader that finds given words: relevance .9 where they stand, .1 elsewhere."""

    digest = "finds"

    def __init__(self, *answers: str) -> None:
        self.answers = answers
        self.read_passages = 0

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        self.read_passages += len(passages)
        return [self.reading(p) for p in passages]

    def reading(self, passage: Passage) -> Reading:
        for answer in self.answers:
            at = passage.text.find(answer)
            if at >= 0:
                return Reading(passage.id, 0.9, (Span(passage.start + at, passage.start + at + len(answer), 5.0),))
        return Reading(passage.id, 0.1, (Span(passage.start, passage.start + 3, -5.0),))


def retrieved(*ids: str) -> list[Retrieved]:
    texts = {key: ARTICLES[key].text for key in ids}
    return [
        Retrieved(Passage(f"{key}#0-{len(t)}", key, 0, len(t), t), 0.6, 3.0, 1.0 - 0.01 * i)
        for i, (key, t) in enumerate(texts.items())
    ]


def ask(reader: Finds, *ids: str, question: str = "How many died?") -> Answer:
    *events, last = ExtractiveAnswerer(Source(), reader, fitted=FITTED).answer(question, retrieved(*ids))
    assert isinstance(last, Done)
    assert [e.statement for e in events if isinstance(e, StatementReady)] == list(last.answer.statements)
    return last.answer


def test_the_sentence_is_quoted_and_the_span_marked() -> None:
    answer = ask(Finds("22,000 people"), "early")
    (citation,) = answer.citations
    assert answer.text == citation.quote == "At least 22,000 people died, officials said."
    text = ARTICLES["early"].text
    assert text[citation.start : citation.end] == citation.quote
    assert citation.answer_start is not None
    assert text[citation.answer_start : citation.answer_end] == answer.short_answer == "22,000 people"


def test_agreement_is_one_statement_with_both_citations() -> None:
    answer = ask(Finds("227,898"), "late", "again")
    assert len(answer.statements) == 1 and [c.article_id for c in answer.citations] == ["late", "again"]
    assert not answer.disagreement


def test_disagreement_shows_each_figure_newest_first() -> None:
    answer = ask(Finds("22,000 people", "227,898"), "early", "late", question="How many people?")
    assert [a.text for a in answer.disagreement] == ["227,898", "22,000 people"]
    assert [c.number for a in answer.disagreement for c in a.citations] == [2, 1]


def test_of_an_article_with_several_figures_the_surest_speaks() -> None:
    class Both(Finds):
        """Finds two figures in "late", the second more surely."""

        def reading(self, passage: Passage) -> Reading:
            found = super().reading(passage)
            if passage.article_id != "late":
                return found
            spans = [
                (passage.text.index(word), len(word), score) for word, score in (("A year", 4.0), ("227,898", 4.5))
            ]
            return Reading(passage.id, 0.9, tuple(Span(at, at + size, score) for at, size, score in spans))

    closer = replace(FITTED, rank={**RANK, "sentence": 0.6})
    *_, last = ExtractiveAnswerer(Source(), Both("22,000 people"), fitted=closer).answer(
        "How many people has?", retrieved("late", "early")
    )
    assert isinstance(last, Done) and last.answer.citations[0].quote == "A year has passed."
    assert [a.text for a in last.answer.disagreement] == ["227,898", "22,000 people"]


def test_a_figure_for_something_else_is_no_disagreement() -> None:
    assert not ask(Finds("22,000 people", "227,898"), "early", "late", question="How many died at dawn?").disagreement


def test_what_is_not_there_is_refused_with_the_closest() -> None:
    answer = ask(Finds("nothing"), "early", "late")
    assert answer.refused and not answer.citations and not answer.statements
    assert [c.article_id for c in answer.closest] == ["early", "late"]
    assert all(ARTICLES[c.article_id].text[c.start : c.end] == c.quote for c in answer.closest)


def test_a_yes_no_question_gets_a_sentence_and_no_invented_yes() -> None:
    answer = ask(Finds("22,000 people"), "early", question="Did 22,000 people die?")
    assert answer.short_answer is None and answer.statements


@pytest.mark.parametrize(
    ("question", "yes_no"),
    [
        ("Did she know the man who won?", True),
        ("Do you know if the man who won is ill?", True),
        ("Did anyone die when the bridge fell?", True),
        ("Did anyone find the man who fled?", True),
        ("Can you tell me who won the election?", False),
        ("Could you please say when it opened?", False),
        ("Do you know how many were aboard?", False),
        ("Does anyone remember what it cost?", False),
        ("Can you give me an idea of how much it cost?", False),
        ("Who won?", False),
    ],
)
def test_a_question_within_a_yes_no_question_is_the_one_asked(question: str, yes_no: bool) -> None:
    assert is_yes_no(question) is yes_no


BOARD = Article("board", "Board", "Elsa Brandt became president. The treasurer will be Tomas Reyes.")


class Spans(Finds):
    """Finds several spans, each with its logit."""

    def __init__(self, **scores: float) -> None:
        super().__init__()
        self.scores = {words.replace("_", " "): score for words, score in scores.items()}

    def reading(self, passage: Passage) -> Reading:
        found = [(passage.start + passage.text.find(w), len(w), s) for w, s in self.scores.items() if w in passage.text]
        return Reading(passage.id, 0.9, tuple(Span(at, at + size, score) for at, size, score in found))


@pytest.mark.parametrize(
    ("scores", "short"),
    [
        ({"Elsa_Brandt": 5.0, "Tomas_Reyes": 4.5}, "Elsa Brandt, Tomas Reyes"),  # two sentences, both quoted
        ({"Elsa_Brandt": 5.0, "Tomas_Reyes": 1.0}, "Elsa Brandt"),  # no quote has the second
        ({"Elsa_Brandt": 5.0, "president": 0.0}, "Elsa Brandt"),  # quoted, and far from an answer
    ],
)
def test_each_part_of_a_counted_answer_is_quoted(
    monkeypatch: pytest.MonkeyPatch, scores: dict[str, float], short: str
) -> None:
    monkeypatch.setitem(ARTICLES, "board", BOARD)
    answer = ask(Spans(**scores), "board", question="Name two officers of the board.")
    assert answer.short_answer == short
    assert all(any(part in c.quote for c in answer.citations) for part in short.split(", "))


def test_what_is_near_and_not_quoted_is_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARTICLES, "board", BOARD)
    answerer = ExtractiveAnswerer(Source(), Spans(Elsa_Brandt=5.0, Tomas_Reyes=4.9), fitted=FITTED, statements=1)
    *_, last = answerer.answer("Name two officers of the board.", retrieved("board"))
    assert isinstance(last, Done) and last.answer.short_answer == "Elsa Brandt"


@pytest.mark.parametrize(
    ("one", "other", "disagree"),
    [
        ("Seven people died.", "In all, nine people died.", ("nine", "Seven")),
        ("One man died.", "In all, two men died.", ("two", "One")),
        ("One of the crew died.", "Two of the crew died.", ()),
        ("It was the second bridge.", "It was the third bridge.", ()),
        ("It seats 40,000 fans.", "It seats 40 thousand people.", ()),
        ("It lasted 9.58 seconds.", "It lasted 9.69 seconds.", ("9.69 seconds", "9.58 seconds")),
        ("It cost $3 million.", "It cost €3 million.", ("€3 million", "$3 million")),
    ],
)
def test_numbers_in_words_disagree_and_equal_ones_do_not(
    monkeypatch: pytest.MonkeyPatch, one: str, other: str, disagree: tuple[str, ...]
) -> None:
    monkeypatch.setitem(ARTICLES, "one", Article("one", "One", one, published=date(2020, 1, 1)))
    monkeypatch.setitem(ARTICLES, "other", Article("other", "Other", other, published=date(2020, 1, 2)))
    told = disagree or ("One", "Two", "40,000 fans", "40 thousand people", "the second bridge", "the third bridge")
    assert tuple(a.text for a in ask(Finds(*told), "one", "other", question="How many?").disagreement) == disagree


def test_of_equal_passages_the_sentence_nearest_to_the_question_comes_first() -> None:
    closer = replace(FITTED, rank={**RANK, "sentence": 2.0})
    for fitted, first in ((FITTED, "late"), (closer, "again")):
        *_, last = ExtractiveAnswerer(Source(), Finds("year", "lost"), fitted=fitted).answer(
            "How many lost their lives?", retrieved("late", "again")
        )
        assert isinstance(last, Done) and last.answer.citations[0].article_id == first


def test_a_sentence_that_was_not_compared_does_not_move_up() -> None:
    (passage,) = retrieved("late")
    evidence = Evidence(0.0, 0.0, 0.0)
    starts = range(0, 40, 4)
    found = [Candidate(passage, Span(i, i + 3, 0.0), i, i + 3, -float(i), evidence) for i in starts]
    ranked = compared("What about xyz?", found, Source(), 1.0)
    assert [c.start for c in ranked] == list(starts) and {c.evidence.sentence for c in ranked} == {0.0}
    assert compared("?", [], Source(), 1.0) == []


def test_reading_stops_when_the_rest_cannot_win() -> None:
    reader = Finds("227,898")
    first = retrieved("late")
    rest = [
        Retrieved(Passage(f"early#{i}-{i + 9}", "early", i, i + 9, ARTICLES["early"].text[i : i + 9]), 0.1, None, 0.0)
        for i in range(7)
    ]
    list(ExtractiveAnswerer(Source(), reader, fitted=FITTED).answer("How many died?", [*first, *rest]))
    assert reader.read_passages == 2


def test_no_more_statements_than_asked_for() -> None:
    *_, last = ExtractiveAnswerer(Source(), Finds("227,898", "22,000"), fitted=FITTED, statements=1).answer(
        "How many?", retrieved("early", "late")
    )
    assert isinstance(last, Done) and len(last.answer.statements) == 1


def test_a_span_over_a_sentence_end_quotes_both() -> None:
    text = ARTICLES["early"].text
    passage = Passage("early#0-0", "early", 0, len(text), text)
    assert sentence_of(passage, Span(10, 40, 0.0)) == (0, len(text))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("the call", "call", True),
        ("3,000", "3,000 agents", True),
        ("1,500", "1500", True),
        ("", "x", False),
        ("2004", "2005", False),
        ("22", "22,000", False),
        ("$1.5 billion", "$5.1 billion", False),
        ("7", "7.1", False),
        ("22", "22 million", False),
        ("40,000", "40 thousand", True),
        ("12", "twelve", True),
        ("12 people", "a dozen people", True),
        ("1.5 million euros", "1,500,000 euros", True),
        ("$3 million", "$3m", True),
        ("$3 million", "€3 million", False),
        ("2.4 tonnes", "2,400 kilograms", True),
        ("9.58 seconds", "9.69 seconds", False),
        ("5 days", "5 weeks", False),
        ("3 July", "3 August", False),
        ("10:40 p.m.", "22:40", True),
        ("10:40", "10:40 p.m.", True),
        ("10:40 a.m.", "10:40 p.m.", False),
        ("2–1", "1–2", False),
    ],
)
def test_same_answer(one: str, other: str, same: bool) -> None:
    assert same_answer(one, other) is same


def test_fitting_separates_what_can_be_separated() -> None:
    examples = [(Evidence(x, 5.0, 0.5), x > 0) for x in (-3.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0)]
    weights, threshold = fit_confidence(examples)
    fitted = Fitted("", "", RANK, weights, threshold)
    assert all((fitted.probability(e) >= threshold) is answerable for e, answerable in examples)


def test_the_ranking_is_fitted_to_what_tells_right_passages() -> None:
    # Here the span tells, the fused score misleads and relevance says nothing.
    questions = [
        ([(1.0, Evidence(1.0, 2.0 + shift, 0.5)), (0.4, Evidence(1.0, 9.0 + shift, 0.5))], 1) for shift in range(5)
    ]
    weights = fit_rank(questions)
    fitted = Fitted("", "", weights, FITTED.confidence, 0.5)
    assert all(fitted.rank_score(*passages[1]) > fitted.rank_score(*passages[0]) for passages, _ in questions)
    assert weights["span"] > 0 > weights["fused"] and weights["relevance"] == pytest.approx(0)
    with pytest.raises(ValueError, match="more than one passage"):
        fit_rank([([(1.0, Evidence(1, 1, 1))], 0)])


def test_the_sentence_s_weight_is_fitted_to_what_tells_right_sentences() -> None:
    def weight(right: float, wrong: float) -> float:
        """Of ten questions the score is right for six; the cosines are these."""
        return fit_sentence([([(0.5, wrong), (1.0 if i < 6 else 0.0, right)], 1) for i in range(10)])

    assert weight(0.7, 0.2) > 1 and weight(0.2, 0.7) < -1 and weight(0.5, 0.5) == pytest.approx(0)
    with pytest.raises(ValueError, match="more than one"):
        fit_sentence([([(1.0, 0.5)], 0)])


def test_fitting_needs_both_kinds() -> None:
    with pytest.raises(ValueError, match="unanswerable"):
        fit_confidence([(Evidence(0, 0, 0), True)])


@pytest.mark.parametrize(
    ("question", "count"),
    [
        ("Which two scientists shared it?", "two"),
        ("Who were the two chief negotiators?", "two"),
        ("Name the first 3 cities to sign.", "3"),
        ("What happened on 9 November 1989?", None),
        ("What opened at 5 p.m.?", None),
        ("Which team won four medals?", None),
        ("Who scored two goals?", None),
    ],
)
def test_a_count_of_answers_is_told_from_other_numbers(question: str, count: str | None) -> None:
    found = COUNTED.search(question)
    assert (found and found[1]) == count

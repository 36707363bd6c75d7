"""One question's result: the answer held against the gold. Figures of one question only; means are rag.report's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from index.types import Passage
from rag.datasets import Gold, Question
from rag.metrics import (
    RANKING_NAMES,
    Span,
    character_overlap,
    contains_answer,
    covers,
    entailment_scores,
    exact_match,
    multihop_hits,
    normalised,
    ranking,
    rouge_l,
    token_f1,
)
from rag.types import Answer, Citation, Retrieved

FAILURES = {
    "not_retrieved": "not retrieved",
    "not_read": "retrieved, not read",
    "wrong_span": "wrong span",
    "wrong_passage": "cited the wrong passage",
    "should_refuse": "answered though it should refuse",
    "should_answer": "refused though it could answer",
}
"""Kinds of failure, in the order in which the work fails, and their words."""

WRITTEN = "answer.written by the language model"

HALF = 0.5
"""A passage holds a gold quote where it has this share of its characters: quotes may run over a passage's end."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one question. `values`: measure -> value; a measure that has no meaning here is absent.

    JSON only inside, so that it is a line of results.jsonl as it stands. `failure`: a key of FAILURES or None.
    `answer_right`: whether the answer, given or held back by a refusal, is right; of what can't be answered none is.
    """

    id: str
    question: str
    kind: str
    answers: list[str]
    gold: list[dict[str, Any]]
    answerable: bool | None
    text: str
    short_answer: str | None
    citations: list[dict[str, Any]]
    retrieved: list[dict[str, Any]]
    refused: bool
    confidence: float
    right: bool | None
    answer_right: bool | None
    failure: str | None
    timings: dict[str, float]
    values: dict[str, float] = field(default_factory=dict)

    @property
    def fell_back(self) -> bool:
        """Whether a language model was to write the answer, and something else took its place."""
        return self.values.get(WRITTEN) == 0.0


def measure(
    question: Question,
    answer: Answer,
    found: Sequence[Retrieved],
    *,
    passages_of: Callable[[str], Sequence[Passage]],
    held_back: Answer | None = None,
    entails: Callable[[str, str], bool] | None = None,
    writer: str | None = None,
) -> Result:
    """The result of an answer. `found`: what retrieval ranks, deeper than the answer reads.

    held_back: where the answer is a refusal, what would have been said instead. writer: the LLM's answerer, if one is
    set.
    """
    values: dict[str, float | None] = {}
    values |= ranked(question, [r.passage for r in found], passages_of=passages_of)
    right: bool | None = None
    answer_right: bool | None = None
    failure: str | None = None
    if question.kind != "retrieval":
        if question.answerable:
            values |= _answer_values(question, answer) | _citation_values(question, answer, entails)
        if question.answerable is not None:
            failure = _failure(question, answer, found)
            right = failure is None
            said = held_back if answer.refused and held_back else answer
            answer_right = bool(question.answerable) and not said.refused and _failure(question, said, found) is None
            values["refusal.right"] = float(answer.refused != question.answerable)
    if writer and question.kind != "retrieval":
        values |= _written_values(answer, writer)
    return Result(
        id=question.id,
        question=question.question,
        kind=question.kind,
        answers=list(question.answers),
        gold=[{"article": g.article_id, "start": g.start, "end": g.end, "quote": g.quote} for g in question.gold],
        answerable=question.answerable,
        text=answer.text,
        short_answer=answer.short_answer,
        citations=[_cited(c) for c in (answer.citations or answer.closest)],
        retrieved=[_found(r, question) for r in found[:10]],
        refused=answer.refused,
        confidence=round(answer.confidence, 6),
        right=right,
        answer_right=answer_right,
        failure=failure,
        timings={stage: round(ms, 3) for stage, ms in answer.timings.items()},
        values={name: round(value, 6) for name, value in values.items() if value is not None},
    )


def _cited(citation: Citation) -> dict[str, Any]:
    return {
        "article": citation.article_id,
        "title": citation.title,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
    }


def _found(retrieved: Retrieved, question: Question) -> dict[str, Any]:
    passage = retrieved.passage
    return {
        "passage": passage.id,
        "title": passage.title,
        "fused": round(retrieved.fused, 4),
        "dense": None if retrieved.dense is None else round(retrieved.dense, 4),
        "lexical": None if retrieved.lexical is None else round(retrieved.lexical, 3),
        "gold": any(holds_gold(passage, gold) for gold in question.gold),
        "text": passage.text[:200],
    }


def span(gold: Gold) -> Span | None:
    """The gold as a span, None where it is a whole article."""
    return (gold.article_id, gold.start, gold.end) if gold.start is not None and gold.end is not None else None


def holds_gold(passage: Passage, gold: Gold) -> bool:
    """Whether a passage has at least half of the gold quote; of a gold article every passage."""
    if passage.article_id != gold.article_id:
        return False
    if gold.start is None or gold.end is None:
        return True
    common = min(passage.end, gold.end) - max(passage.start, gold.start)
    return common >= HALF * (gold.end - gold.start) and common > 0


def cites_gold(citation: Citation, gold: Gold) -> bool:
    """Whether a citation's quote holds the whole gold quote, there or in the same words elsewhere (a copy)."""
    where = span(gold)
    if where is None:
        return citation.article_id == gold.article_id
    if covers((citation.article_id, citation.start, citation.end), where):
        return True
    wanted = normalised(gold.quote)
    # A short gold ("308") stands in many places that don't answer; only words enough to be a copy count.
    return len(wanted.split()) >= 6 and wanted in normalised(citation.quote)


def touches_gold(citation: Citation, gold: Gold) -> bool:
    """Whether a citation shares a character with the gold."""
    if citation.article_id != gold.article_id:
        return False
    return gold.start is None or gold.end is None or (citation.start < gold.end and gold.start < citation.end)


def ranked(
    question: Question, found: Sequence[Passage], *, passages_of: Callable[[str], Sequence[Passage]]
) -> dict[str, float | None]:
    """Ranking measures by passage and by article; {} for a question without gold.

    Relevant passages are all of the collection that hold a gold quote, so a quote in two overlapping passages has two.
    """
    if not question.gold:
        return {}
    articles = question.relevant
    values: dict[str, float | None] = {}
    for name, value in _one(articles, [p.article_id for p in found]).items():
        values[f"article.{name}"] = value
    if any(span(gold) for gold in question.gold):
        relevant = {p.id: 1 for a in articles for p in passages_of(a) if any(holds_gold(p, g) for g in question.gold)}
        # Gold that stands in no passage (in a heading, say) can't be found: that counts 0 and leaves no denominator.
        for name, value in (_one(relevant, [p.id for p in found]) or dict.fromkeys(RANKING_NAMES, 0.0)).items():
            values[f"passage.{name}"] = value
    if question.two_articles:
        texts, facts = [p.text for p in found], [g.quote for g in question.gold]
        values |= {f"passage.MultiHop-RAG Hits@{k}": multihop_hits(texts, facts, k) for k in (4, 10)}
    return values


def _one(relevant: Mapping[str, int], order: Sequence[str]) -> dict[str, float]:
    return ranking({"q": relevant}, {"q": order}).get("q", {})


def _answer_values(question: Question, answer: Answer) -> dict[str, float | None]:
    """A refusal of what can be answered counts 0 in every measure; it leaves no denominator."""
    if not question.answers:
        return {}
    short = "" if answer.refused else answer.short_answer or answer.text
    text = "" if answer.refused else answer.text
    values: dict[str, float | None] = {
        "answer.F1 of the text": token_f1(text, question.answers),
        "answer.contained in the text": float(bool(contains_answer(text, question.answers))),
    }
    if question.kind == "long":
        return values | {"answer.ROUGE-L": rouge_l(text, question.answers)}
    return values | {
        "answer.exact match": exact_match(short, question.answers),
        "answer.F1": token_f1(short, question.answers),
    }


def _citation_values(
    question: Question, answer: Answer, entails: Callable[[str, str], bool] | None
) -> dict[str, float | None]:
    cited = answer.citations
    values: dict[str, float | None] = {}
    if question.gold:
        values["citation.first holds the gold quote"] = float(
            bool(cited) and any(cites_gold(cited[0], g) for g in question.gold)
        )
        values["citation.any holds a gold quote"] = float(any(cites_gold(c, g) for c in cited for g in question.gold))
        values["citation.first touches the gold quote"] = float(
            bool(cited) and any(touches_gold(cited[0], g) for g in question.gold)
        )
        if len(question.gold) > 1 and question.two_articles:
            values["citation.all gold quotes held"] = float(
                all(any(cites_gold(c, g) for c in cited) for g in question.gold)
            )
        where = [s for g in question.gold if (s := span(g))]
        if where:
            precision, recall = character_overlap([(c.article_id, c.start, c.end) for c in cited], where)
            values |= {"citation.character precision": precision, "citation.character recall": recall}
    if question.answers and question.kind == "short":
        values["citation.first holds the gold answer"] = float(
            bool(cited) and bool(contains_answer(cited[0].quote, question.answers))
        )
        values["citation.any holds the gold answer"] = float(
            any(contains_answer(c.quote, question.answers) for c in cited)
        )
    if entails and not answer.refused:
        standing = [(s.text, [c.quote for c in s.citations]) for s in answer.statements if not s.struck]
        recall, precision = entailment_scores(standing, entails)
        values |= {"citation.entailed statements": recall, "citation.relevant citations": precision}
    return values


def _written_values(answer: Answer, writer: str) -> dict[str, float | None]:
    """Of an LLM's answer: whether it stood, or the quotes took its place; and how many of its statements held."""
    written = answer.answerer == writer
    values: dict[str, float | None] = {WRITTEN: float(written)}
    if written and answer.statements:
        count = len(answer.statements)
        held = sum(statement.support in ("quoted", "supported") for statement in answer.statements)
        struck = sum(statement.struck for statement in answer.statements)
        values |= {"citation.supported statements": held / count, "citation.struck statements": struck / count}
    return values


def _failure(question: Question, answer: Answer, found: Sequence[Retrieved]) -> str | None:
    """Where the work went wrong first; None where the first citation is right, or the refusal is."""
    if not question.answerable:
        return None if answer.refused else "should_refuse"
    cited, gold = answer.citations, question.gold
    if not answer.refused and _first_is_right(question, cited):
        return None
    if not gold:
        return "should_answer" if answer.refused else "wrong_span"
    if not any(holds_gold(r.passage, g) for r in (*found, *answer.passages) for g in gold):
        return "not_retrieved"
    if not any(holds_gold(r.passage, g) for r in answer.passages for g in gold):
        return "not_read"
    if answer.refused:
        return "should_answer"
    first = next((r.passage for r in answer.passages if r.passage.id == cited[0].passage_id), None)
    return "wrong_span" if first and any(holds_gold(first, g) for g in gold) else "wrong_passage"


def _first_is_right(question: Question, cited: Sequence[Citation]) -> bool:
    """The first citation holds a gold quote, or touches one and holds a gold answer."""
    if not cited:
        return False
    if any(cites_gold(cited[0], g) for g in question.gold):
        return True
    holds = bool(contains_answer(cited[0].quote, question.answers))
    return holds and (not question.gold or any(touches_gold(cited[0], g) for g in question.gold))

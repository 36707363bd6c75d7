"""From readings to sentences that may answer, best first.

Every span found makes its sentence a candidate. The best few sentences are then compared with the question by the
embedder: a reader trained on questions written beside their passage leans on shared words, and the embedder knows
other ways to ask.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from index.passages import sentences
from index.types import Passage
from rag.confidence import Evidence, Fitted
from rag.types import Reading, Retrieved, Span
from rag.words import content_words, stem, words

COMPARED = 3
"""Sentences compared with the question: each costs a few milliseconds, and further ones hardly ever win."""


class Similarities(Protocol):
    """What compares texts with a question; `index.store.PassageStore` is one."""

    def similarities(self, query: str, texts: Sequence[str]) -> list[float]: ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer: `[start, end)` of its article, and the span in it. Scores are log-odds."""

    retrieved: Retrieved
    span: Span
    start: int
    end: int
    score: float
    evidence: Evidence

    @property
    def answer(self) -> str:
        return _cut(self.retrieved.passage, self.span.start, self.span.end)

    @property
    def sentence(self) -> str:
        return _cut(self.retrieved.passage, self.start, self.end)


def _cut(passage: Passage, start: int, end: int) -> str:
    return passage.text[start - passage.start : end - passage.start]


def sentence_of(passage: Passage, span: Span) -> tuple[int, int]:
    """Article offsets of the sentence, or run of sentences, of the passage that holds the span."""
    bounds = sentences(passage.text)
    if not bounds:
        return passage.start, passage.end
    starts = [start for start, _ in bounds]
    first = bounds[max(bisect_right(starts, span.start - passage.start) - 1, 0)]
    last = bounds[max(bisect_right(starts, max(span.end - 1 - passage.start, 0)) - 1, 0)]
    start, end = min(first[0], span.start - passage.start), max(last[1], span.end - passage.start)
    return passage.start + start, passage.start + end


def same_answer(one: str, other: str) -> bool:
    """Whether two short answers say the same: equal content words, or one's within the other's. A number is one word.

    >>> same_answer("on 26 January", "the 26 January"), same_answer("22,000", "22000"), same_answer("2 t", "2.5 t")
    (True, True, False)
    """
    one, other = whole_numbers(one), whole_numbers(other)
    a, b = ({stem(w) for w in content_words(text)} or set(words(text)) for text in (one, other))
    return bool(a and b) and (a <= b or b <= a)


def whole_numbers(text: str) -> str:
    """The text with each number as one word.

    >>> whole_numbers("$1.5 million, or 1,500,000")
    '$1_5_million, or 1500000'
    """
    text = re.sub(r"(?<=\d)[,\u00a0\u202f](?=\d{3}(?!\d))", "", text)
    text = re.sub(r"(?<=\d)[.:/–-](?=\d)", "_", text)
    return re.sub(r"(?<=\d)[\s-](?=(?:hundred|thousand|million|billion|trillion)\b)", "_", text)


def distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates without those whose sentence overlaps a better one's."""
    kept: list[Candidate] = []
    for c in candidates:
        article = c.retrieved.passage.article_id
        if not any(k.retrieved.passage.article_id == article and k.start < c.end and c.start < k.end for k in kept):
            kept.append(c)
    return kept


def candidates_of(read: Sequence[tuple[Retrieved, Reading]], fitted: Fitted) -> list[Candidate]:
    """Every span with the sentence round it, best first, their sentences not yet compared."""
    found = []
    for retrieved, reading in read:
        evidence = Evidence.of(retrieved, reading)
        score = fitted.rank_score(retrieved.fused, evidence)
        best = max((span.score for span in reading.spans), default=0.0)
        for span in reading.spans:
            start, end = sentence_of(retrieved.passage, span)
            # Spans of one passage differ by their logits, which are log-odds as the ranking's score is.
            found.append(Candidate(retrieved, span, start, end, score + span.score - best, evidence))
    return sorted(found, key=lambda c: -c.score)


def compared(question: str, candidates: Sequence[Candidate], by: Similarities, weight: float) -> list[Candidate]:
    """The candidates, best first, `weight` x the cosine of question and sentence added to their scores.

    Sentences stand under their title and section, as passages do in the index. Only the best COMPARED are embedded;
    the others get the least cosine found, so that none moves up for not being looked at.
    """
    texts: dict[tuple[str, int, int], str] = {}
    for c in candidates:
        if len(texts) < COMPARED:
            texts[_place(c)] = replace(c.retrieved.passage, text=c.sentence).indexed_text
    cosines = dict(zip(texts, by.similarities(question, list(texts.values())), strict=True))
    least = min(cosines.values(), default=0.0)
    found = []
    for c in candidates:
        cosine = cosines.get(_place(c), least)
        evidence = replace(c.evidence, sentence=cosine)
        found.append(replace(c, score=c.score + weight * cosine, evidence=evidence))
    return sorted(found, key=lambda c: -c.score)


def _place(candidate: Candidate) -> tuple[str, int, int]:
    return candidate.retrieved.passage.id, candidate.start, candidate.end

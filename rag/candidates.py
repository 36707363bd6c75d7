"""From readings to sentences that may answer, best first.

Every span found makes its sentence a candidate. The best few sentences are then compared with the question by the
embedder: a reader trained on questions written beside their passage leans on shared words, and the embedder knows
other ways to ask.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from index.types import Passage
from rag.amounts import NUMBER_WORDS, Amount, amounts_in, same_amount
from rag.confidence import Evidence, Fitted
from rag.read import sentence_bounds
from rag.types import Reading, Retrieved, Span
from rag.words import content_words, stem, words

COMPARED = 3
"""Sentences compared with the question: each costs a few milliseconds, and further ones hardly ever win."""

_SCALE = r"[\s-](?:hundred|thousand|million|billion|trillion)\b"
_CLOCK = r"(?P<hour>\d{1,2})(?:[.:](?P<minute>\d\d))?\s?(?P<half>[ap])\.?\s?m\b\.?"
_NUMBER = r"\d+(?:[.,]\d+)*"
_JOINED = re.compile(rf"\b(?:{_CLOCK}|{_NUMBER}(?:[:/–-]{_NUMBER})+(?:{_SCALE})?|\d+(?:\.\d+){{2,}})", re.I)
"""What is no amount though it has digits: times of day, ranges, scores, dates and versions."""
_SIGNS = str.maketrans({"$": " dollar ", "€": " euro ", "£": " pound ", "¥": " yen ", "%": " percent "})

Figure = str | Amount
"""A number told: an amount, or as one word what joins several ("22_40", "2_1")."""


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

    @property
    def figures(self) -> list[Figure]:
        """The numbers in the span; its sentence says what they count, and whether "one" is a number."""
        return figures_in(self.sentence, self.span.start - self.start, self.span.end - self.start)


def _cut(passage: Passage, start: int, end: int) -> str:
    return passage.text[start - passage.start : end - passage.start]


def sentence_of(passage: Passage, span: Span) -> tuple[int, int]:
    """Article offsets of the sentence, or run of sentences, of the passage that holds the span."""
    bounds = sentence_bounds(passage.text)
    if not bounds:
        return passage.start, passage.end
    starts = [start for start, _ in bounds]
    first = bounds[max(bisect_right(starts, span.start - passage.start) - 1, 0)]
    last = bounds[max(bisect_right(starts, max(span.end - 1 - passage.start, 0)) - 1, 0)]
    start, end = min(first[0], span.start - passage.start), max(last[1], span.end - passage.start)
    return passage.start + start, passage.start + end


def same_answer(one: str, other: str) -> bool:
    """Whether two short answers say the same: equal content words, or one's within the other's.

    A number is one word, and the same in digits, in words and in another unit.

    >>> same_answer("on 26 January", "the 26 January"), same_answer("22,000", "22000"), same_answer("2 t", "2.5 t")
    (True, True, False)
    >>> same_answer("$3 million", "$3m"), same_answer("2.4 tonnes", "2,400 kilograms"), same_answer("3 May", "3 June")
    (True, True, False)
    """
    a, b = (set(content_words(text)) or set(words(text)) for text in (whole_numbers(one), whole_numbers(other)))
    if a and b and _nested(a, b):
        return True
    few, many = sorted((figures_in(one), figures_in(other)), key=len)
    return bool(few) and not unlike(few, many) and _nested(_beside_figures(one), _beside_figures(other))


def _nested(one: set[str], other: set[str]) -> bool:
    a, b = ({stem(word) for word in said} for said in (one, other))
    return a <= b or b <= a


def _beside_figures(text: str) -> set[str]:
    """The content words that are neither numbers nor units.

    >>> sorted(_beside_figures("some 2.4 tonnes of iron at 3 p.m."))
    ['iron']
    """
    said = content_words(_JOINED.sub(" ", text))
    return {word for word in said if not (word[0].isdigit() or word in NUMBER_WORDS or _is_unit(word))}


def _is_unit(word: str) -> bool:
    return any(amount.readings[0] != (1.0, "") for amount in amounts_in(f"1 {word}"))


def figures_in(text: str, start: int = 0, end: int | None = None) -> list[Figure]:
    """The numbers that `text[start:end]` tells, in digits or words; "one of them" and "the third man" tell none.

    >>> figures_in("They won 2–1 at 10:40 p.m.")
    ['2_1', '22_40']
    >>> [figure.text for figure in figures_in("One of the twelve paid $1.5 million.")]
    ['twelve', '$1.5 million']
    """
    found: list[tuple[int, int, Figure]] = [
        (match.start(), len(match[0]), _one_word(match)) for match in _JOINED.finditer(text)
    ]
    rest = _JOINED.sub(lambda match: " " * len(match[0]), text)
    found += [(a.position, len(a.text), a) for a in amounts_in(rest) if _counts(a)]
    end = len(text) if end is None else end
    return [figure for at, size, figure in found if at < end and start <= at + size]


def _counts(amount: Amount) -> bool:
    return amount.bound != "loose" and not (amount.text.isalpha() and amount.readings[0][1] == "ordinal")


def _one_word(joined: re.Match[str]) -> str:
    if joined["half"]:
        return f"{int(joined['hour']) % 12 + 12 * (joined['half'] in 'pP')}_{joined['minute'] or '00'}"
    return re.sub(r"^0(?=\d)", "", re.sub(r"\W+", "_", joined[0].replace(",", "")))


def unlike(figures: Sequence[Figure], others: Sequence[Figure]) -> list[Figure]:
    """The figures that none of the others says."""
    return [figure for figure in figures if not any(_alike(figure, other) for other in others)]


def _alike(one: Figure, other: Figure) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    (value, dimension), (theirs, there) = one.readings[0], other.readings[0]
    exact = dimension == there and not one.bound and not other.bound
    if exact and math.isclose(one.plain * theirs, other.plain * value):
        # One unit: what `same_amount` lets pass for being converted, as 9.58 and 9.69 seconds, is another amount here.
        return math.isclose(value, theirs)
    return same_amount(one, other) or same_amount(other, one)


def whole_numbers(text: str) -> str:
    """The text with each number as one word, and signs beside it as words.

    >>> whole_numbers("$1.5 million, or 1,500,000, by 10:40 p.m.")
    ' dollar 1_5_million, or 1500000, by 10_40 p_m.'
    """
    text = re.sub(r"(?<=\d)\s?([ap])\.?\s?m\b", r" \1_m", text.translate(_SIGNS), flags=re.I)
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

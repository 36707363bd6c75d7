"""Retrieved passages -> an answer made of quotes. The Answerer seam and its default, which can invent nothing.

The reader ranks the passages and finds spans; the sentence round the best span is quoted, then others that add
something. What is below the fitted confidence is refused.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from index.passages import sentences
from index.types import Article, Passage
from rag.confidence import Features, Fitted, features
from rag.read import Reader, logit
from rag.types import (
    Alternative,
    Answer,
    Citation,
    Copy,
    Done,
    Event,
    History,
    Reading,
    Retrieved,
    Span,
    Stage,
    Statement,
    StatementReady,
)
from rag.words import content_words, coverage, stem, words

REFUSAL = "The collection does not seem to hold an answer to this."
ANYTHING_LOGIT = 6.0
"""A relevance logit that hardly any passage passes: what an unread passage could reach at most."""
BATCH = 4
ALSO_WORTH = 0.12
"""A further passage is quoted when its rank score is this near to the best one's."""
CITATIONS_A_STATEMENT = 3

_YES_NO = re.compile(r"^\s*(is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might)\b", re.I)
_COUNTED = re.compile(
    r"\b(?:which|what|who|name|list|give)\b(?:\s+\w+){0,3}?\s+(two|three|four|five|six|seven|eight|nine|ten|[2-9]|10)\b",
    re.I,
)
_NUMBERS = {w: i for i, w in enumerate("two three four five six seven eight nine ten".split(), start=2)}
_NUMBER = re.compile(r"\d[\d,.]*")


class ArticleSource(Protocol):
    """Where citations get their article from; `index.store.PassageStore` is one."""

    def article(self, article_id: str) -> Article: ...


class Answerer(Protocol):
    """Passages in, events out; the last is always Done."""

    name: str

    def answer(self, question: str, retrieved: Sequence[Retrieved], *, history: History = ()) -> Iterator[Event]: ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer: `[start, end)` of its article, and the span in it."""

    retrieved: Retrieved
    span: Span
    start: int
    end: int
    score: float

    @property
    def answer(self) -> str:
        return _cut(self.retrieved.passage, self.span.start, self.span.end)


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
    """Whether two short answers say the same: equal content words, or one's within the other's.

    >>> same_answer("on 26 January", "the 26 January"), same_answer("22,000", "230,000")
    (True, False)
    """
    a, b = ({stem(w) for w in content_words(text)} or set(words(text)) for text in (one, other))
    return bool(a and b) and (a <= b or b <= a)


def cite(
    article: Article,
    passage: Passage,
    start: int,
    end: int,
    *,
    number: int,
    span: Span | None = None,
    copies: Sequence[Copy] = (),
) -> Citation:
    """A citation of `article.text[start:end]`, its quote cut from the passage at the offsets that it carries."""
    return Citation(
        number=number,
        article_id=article.id,
        title=article.title,
        start=start,
        end=end,
        quote=article.text[start:end],
        passage_id=passage.id,
        url=article.url,
        source=article.source,
        published=article.published,
        section=passage.section,
        page=article.page_of(start),
        answer_start=span.start if span else None,
        answer_end=span.end if span else None,
        also_in=tuple(copies),
    )


def copies_of(retrieved: Retrieved, source: ArticleSource) -> tuple[Copy, ...]:
    """The articles whose copies of the passage were folded into it."""
    ids = dict.fromkeys(key.rsplit("#", 1)[0] for key in retrieved.duplicates)
    articles = [source.article(key) for key in ids]
    return tuple(Copy(a.id, a.title, a.source, a.published) for a in articles)


def refusal(
    question: str,
    retrieved: Sequence[Retrieved],
    source: ArticleSource,
    *,
    confidence: float = 0.0,
    answerer: str,
    notes: Sequence[str] = (REFUSAL,),
) -> Answer:
    """A refusal that shows the three nearest passages."""
    closest = tuple(
        cite(source.article(r.passage.article_id), r.passage, r.passage.start, r.passage.end, number=i)
        for i, r in enumerate(retrieved[:3], start=1)
    )
    return Answer(
        question,
        passages=tuple(retrieved),
        closest=closest,
        refused=True,
        confidence=confidence,
        answerer=answerer,
        notes=tuple(notes),
    )


def distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates without those whose sentence overlaps a better one's."""
    kept: list[Candidate] = []
    for c in candidates:
        article = c.retrieved.passage.article_id
        if not any(k.retrieved.passage.article_id == article and k.start < c.end and c.start < k.end for k in kept):
            kept.append(c)
    return kept


class ExtractiveAnswerer:
    """Quotes the sentences that answer, best first, each with its citation.

    refuse_below: the confidence under which it refuses; None takes the fitted one. Reads at most `read_passages`
    passages and fewer where the rest cannot win any more.
    """

    name = "extractive"

    def __init__(
        self,
        source: ArticleSource,
        reader: Reader,
        *,
        fitted: Fitted,
        refuse_below: float | None = None,
        read_passages: int = 8,
        statements: int = 3,
    ) -> None:
        self._source = source
        self._reader = reader
        self._fitted = fitted
        self._refuse_below = fitted.refuse_below if refuse_below is None else refuse_below
        self._read_passages = read_passages
        self._statements = statements

    def answer(self, question: str, retrieved: Sequence[Retrieved], *, history: History = ()) -> Iterator[Event]:
        began = time.perf_counter()
        read = self._read(question, retrieved[: self._read_passages])
        yield Stage("reading", 1000 * (time.perf_counter() - began))
        began = time.perf_counter()
        ranked = sorted(read, key=lambda pair: -self.score(*pair))
        confidence = self.confidence(question, ranked)
        candidates = self._candidates(ranked)
        if not candidates or confidence < self._refuse_below:
            nearest = [r for r, _ in ranked] or retrieved
            answer = refusal(question, nearest, self._source, confidence=confidence, answerer=self.name)
        else:
            answer = self._compose(question, candidates, [r for r, _ in ranked], confidence)
        for statement in answer.statements:
            yield StatementReady(statement)
        yield Stage("answering", 1000 * (time.perf_counter() - began))
        yield Done(answer)

    def score(self, retrieved: Retrieved, reading: Reading) -> float:
        """What passages are ranked by: fused + weight x relevance logit."""
        return retrieved.fused + self._fitted.rank_weight * logit(reading.relevance)

    def _read(self, question: str, retrieved: Sequence[Retrieved]) -> list[tuple[Retrieved, Reading]]:
        """Readings, in batches, until no unread passage could come first."""
        read: list[tuple[Retrieved, Reading]] = []
        for at in range(0, len(retrieved), BATCH):
            batch = retrieved[at : at + BATCH]
            best = max((self.score(*pair) for pair in read), default=float("-inf"))
            if best > batch[0].fused + self._fitted.rank_weight * ANYTHING_LOGIT:
                break
            read += zip(batch, self._reader.read(question, [r.passage for r in batch]), strict=True)
        return read

    def features(self, question: str, ranked: Sequence[tuple[Retrieved, Reading]]) -> Features:
        """What the confidence goes by; of the passages read, the best value of each."""
        top = ranked[:3]
        return features(
            max((reading.relevance for _, reading in top), default=0.0),
            max((r.dense or 0.0 for r, _ in ranked), default=0.0),
            max((coverage(question, r.passage.indexed_text) for r, _ in top), default=0.0),
        )

    def confidence(self, question: str, ranked: Sequence[tuple[Retrieved, Reading]]) -> float:
        return self._fitted.confidence(self.features(question, ranked)) if ranked else 0.0

    def _candidates(self, ranked: Sequence[tuple[Retrieved, Reading]]) -> list[Candidate]:
        """Every span with the sentence round it, best first."""
        found: list[Candidate] = []
        for retrieved, reading in ranked:
            best = max((span.score for span in reading.spans), default=0.0)
            for span in reading.spans:
                start, end = sentence_of(retrieved.passage, span)
                # A span far below its passage's best would have to be far likelier elsewhere to be quoted.
                score = self.score(retrieved, reading) + self._fitted.rank_weight * min(span.score - best, 0.0)
                found.append(Candidate(retrieved, span, start, end, score))
        return sorted(found, key=lambda c: -c.score)

    def _compose(
        self, question: str, candidates: Sequence[Candidate], ranked: Sequence[Retrieved], confidence: float
    ) -> Answer:
        best = candidates[0]
        worth = [c for c in candidates if c.score >= best.score - ALSO_WORTH]
        groups: list[list[Candidate]] = []
        for candidate in distinct(worth):
            group = next((g for g in groups if self._agrees(g[0], candidate)), None)
            if group:
                group.append(candidate)
            elif len(groups) < self._statements:
                groups.append([candidate])
        statements: list[Statement] = []
        number = 0
        for group in groups:
            citations = []
            for candidate in group[:CITATIONS_A_STATEMENT]:
                number += 1
                citations.append(self._cite(candidate, number))
            statements.append(Statement(citations[0].quote, tuple(citations)))
        return Answer(
            question,
            statements=tuple(statements),
            short_answer=self._short_answer(question, worth),
            citations=tuple(c for s in statements for c in s.citations),
            passages=tuple(ranked),
            disagreement=self._disagreement(question, statements, [g[0] for g in groups]),
            confidence=confidence,
            answerer=self.name,
        )

    def _agrees(self, one: Candidate, other: Candidate) -> bool:
        return one.retrieved.passage.article_id != other.retrieved.passage.article_id and same_answer(
            one.answer, other.answer
        )

    def _cite(self, candidate: Candidate, number: int) -> Citation:
        passage = candidate.retrieved.passage
        article = self._source.article(passage.article_id)
        copies = copies_of(candidate.retrieved, self._source)
        return cite(article, passage, candidate.start, candidate.end, number=number, span=candidate.span, copies=copies)

    def _short_answer(self, question: str, worth: Sequence[Candidate]) -> str | None:
        """The best span; of a question that counts ("which two …") the best so many; of a yes/no question none."""
        if _YES_NO.match(question):
            return None
        counted = _COUNTED.search(question)
        if not counted:
            return worth[0].answer
        wanted = _NUMBERS.get(counted[1].lower()) or int(counted[1])
        first = worth[0].answer
        if len(re.split(r",\s*(?:and\s+)?|\s+and\s+", first)) >= wanted:
            return first
        parts: list[str] = []
        for candidate in worth:
            if not any(same_answer(candidate.answer, part) for part in parts):
                parts.append(candidate.answer)
        return ", ".join(parts[:wanted])

    def _disagreement(
        self, question: str, statements: Sequence[Statement], groups: Sequence[Candidate]
    ) -> tuple[Alternative, ...]:
        """Different figures or dates for one question from different articles, newest first.

        Only answers with digits count: that two names differ does not show that they contradict each other.
        """
        first, *others = list(zip(groups, statements, strict=True))
        figures = set(_NUMBER.findall(first[0].answer))
        covered = coverage(question, first[0].retrieved.passage.indexed_text)
        differing = [
            (candidate, statement)
            for candidate, statement in others
            if candidate.retrieved.passage.article_id != first[0].retrieved.passage.article_id
            and set(_NUMBER.findall(candidate.answer)) - figures
            and coverage(question, candidate.retrieved.passage.indexed_text) >= covered
        ]
        if not figures or not differing or _YES_NO.match(question):
            return ()
        differing = [first, *differing]
        alternatives = [Alternative(g.answer, s.citations[0].published, s.citations) for g, s in differing]
        alternatives.sort(key=lambda a: a.published.toordinal() if a.published else 0, reverse=True)
        return tuple(alternatives)

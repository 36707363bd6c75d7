"""Retrieved passages -> an answer made of quotes. The Answerer seam and its default, which can invent nothing.

The reader ranks the passages and finds spans (rag.candidates); the sentence round the best span is quoted, then others
that add something. What is below the fitted confidence is refused.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from index.errors import ArticleMissing
from index.types import Article, Passage
from rag.candidates import Candidate, Similarities, candidates_of, compared, distinct, same_answer, unlike
from rag.confidence import Evidence, Fitted
from rag.errors import ArticleChanged
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
from rag.words import coverage

REFUSAL = "The collection does not seem to hold an answer to this."
HARDLY_ANY = Evidence(relevance=logit(0.85), span=12.0, cosine=0.8)
"""Evidence that hardly any passage passes: what an unread one could reach at most."""
BATCH = 2
"""Passages read before looking whether the rest could still win."""
ALSO_WORTH = 0.7
"""A further sentence is quoted when its log-odds are this near to the best one's: half as likely, or likelier."""
CITATIONS_A_STATEMENT = 3

_YES_NO = re.compile(r"^\s*(is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might)\b", re.I)
_SOMEBODY = r"\s+(?:you|we|i|any(?:one|body)|some(?:one|body))\b.{0,40}?"
_INDIRECT = re.compile(
    rf"^\s*(?:\w+{_SOMEBODY}\b(?:know|tell|say|explain|find out|remember|recall|idea)"
    rf"|(?:can|could|will|would){_SOMEBODY}\b(?:give|find|show|describe|name|list))\b"
    r"(?:\W+(?!if\b|whether\b|that\b)\w+){0,12}?\W+(?:who|whom|whose|what|when|where|which|why|how)\b",
    re.I,
)
"""A question that is asked within another: "Can you tell me who won?"."""
COUNTED = re.compile(
    r"\b(?:which|what|who|name|list|give)(?:\s+(?:are|were|the|first|last|main|other|only))*"
    r"\s+(two|three|four|five|six|seven|eight|nine|ten|[2-9]|10)\s+(?![ap]\.?m\b)(?-i:[a-z])",
    re.I,
)
_NUMBERS = {w: i for i, w in enumerate("two three four five six seven eight nine ten".split(), start=2)}


def is_yes_no(question: str) -> bool:
    """Whether yes or no would answer it.

    >>> is_yes_no("Did she know the man?"), is_yes_no("Do you know when she left?"), is_yes_no("Who left?")
    (True, False, False)
    """
    return bool(_YES_NO.match(question)) and not _INDIRECT.match(question)


class ArticleSource(Protocol):
    """Where citations get their article from; `index.store.PassageStore` is one."""

    def article(self, article_id: str) -> Article: ...


class ComparingSource(ArticleSource, Similarities, Protocol):
    """Articles, and texts compared with a question."""


class Answerer(Protocol):
    """Passages in, events out; the last is always Done."""

    name: str

    def answer(self, question: str, retrieved: Sequence[Retrieved], *, history: History = ()) -> Iterator[Event]: ...


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
    """A citation of `article.text[start:end]`.

    Raises ArticleChanged where the passage no longer stands in the article: while a chat runs, another process may
    index a new text between search and citing, and old offsets would then quote other words.
    """
    if article.text[passage.start : passage.end] != passage.text:
        raise ArticleChanged(f"article {article.id!r} was changed while the question was answered: ask again")
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


def _quoted(candidate: Candidate, citations: Sequence[Citation]) -> bool:
    """Whether the candidate's span lies within one of the citations."""
    article, span = candidate.retrieved.passage.article_id, candidate.span
    return any(c.article_id == article and c.start <= span.start and span.end <= c.end for c in citations)


def copies_of(retrieved: Retrieved, source: ArticleSource) -> tuple[Copy, ...]:
    """The articles whose copies of the passage were folded into it; one that was removed since is left out."""
    found = []
    for key in dict.fromkeys(key.rsplit("#", 1)[0] for key in retrieved.duplicates):
        with suppress(ArticleMissing):
            a = source.article(key)
            found.append(Copy(a.id, a.title, a.source, a.published))
    return tuple(found)


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


class ExtractiveAnswerer:
    """Quotes the sentences that answer, best first, each with its citation.

    Refuses below the fitted confidence. Reads at most `read_passages` passages and fewer where the rest cannot win any
    more.
    """

    name = "extractive"

    def __init__(
        self,
        source: ComparingSource,
        reader: Reader,
        *,
        fitted: Fitted,
        read_passages: int = 5,
        statements: int = 3,
    ) -> None:
        self._source = source
        self._reader = reader
        self._fitted = fitted
        self._read_passages = read_passages
        self._statements = statements

    def with_options(
        self, *, refuse_below: float | None = None, read_passages: int | None = None
    ) -> ExtractiveAnswerer:
        """The same answerer with another threshold or depth, as the evaluation asks for them."""
        return ExtractiveAnswerer(
            self._source,
            self._reader,
            fitted=self._fitted if refuse_below is None else replace(self._fitted, refuse_below=refuse_below),
            read_passages=read_passages or self._read_passages,
            statements=self._statements,
        )

    def answer(self, question: str, retrieved: Sequence[Retrieved], *, history: History = ()) -> Iterator[Event]:
        began = time.perf_counter()
        read = self._read(question, retrieved[: self._read_passages])
        yield Stage("reading", 1000 * (time.perf_counter() - began))
        began = time.perf_counter()
        candidates = candidates_of(read, self._fitted)
        candidates = compared(question, candidates, self._source, self._fitted.rank["sentence"])
        confidence = self._fitted.probability(candidates[0].evidence) if candidates else 0.0
        # Every passage that was read, in the order of its best sentence; what no span was found in comes last.
        ranked = list({r.passage.id: r for r in (*(c.retrieved for c in candidates), *(r for r, _ in read))}.values())
        if not candidates or confidence < self._fitted.refuse_below:
            answer = refusal(question, ranked or retrieved, self._source, confidence=confidence, answerer=self.name)
        else:
            answer = self._compose(question, candidates, ranked, confidence)
        for statement in answer.statements:
            yield StatementReady(statement)
        yield Stage("answering", 1000 * (time.perf_counter() - began))
        yield Done(answer)

    def score(self, retrieved: Retrieved, reading: Reading) -> float:
        """What passages are ranked by."""
        return self._fitted.rank_score(retrieved.fused, Evidence.of(retrieved, reading))

    def _read(self, question: str, retrieved: Sequence[Retrieved]) -> list[tuple[Retrieved, Reading]]:
        """Readings, in batches, until no unread passage could come first."""
        read: list[tuple[Retrieved, Reading]] = []
        for at in range(0, len(retrieved), BATCH):
            batch = retrieved[at : at + BATCH]
            best = max((self.score(*pair) for pair in read), default=float("-inf"))
            if best > self._fitted.rank_score(batch[0].fused, HARDLY_ANY):
                break
            read += zip(batch, self._reader.read(question, [r.passage for r in batch]), strict=True)
        return read

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
        cited = tuple(citation for statement in statements for citation in statement.citations)
        return Answer(
            question,
            statements=tuple(statements),
            short_answer=self._short_answer(question, [c for c in worth if _quoted(c, cited)]),
            citations=cited,
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

    def _short_answer(self, question: str, candidates: Sequence[Candidate]) -> str | None:
        """The best span; of a question that counts ("which two …") so many where the quotes have them; of a yes/no
        question none."""
        if is_yes_no(question):
            return None
        first = candidates[0]
        counted = COUNTED.search(question)
        if not counted:
            return first.answer
        wanted = _NUMBERS.get(counted[1].lower()) or int(counted[1])
        if len(re.split(r",\s*(?:and\s+)?|\s+and\s+", first.answer)) >= wanted:
            return first.answer
        parts: list[Candidate] = []
        for candidate in candidates:
            if not any(same_answer(candidate.answer, part.answer) for part in parts):
                parts.append(candidate)
        return ", ".join(part.answer for part in (parts[:wanted] if len(parts) >= wanted else [first]))

    def _disagreement(
        self, question: str, statements: Sequence[Statement], groups: Sequence[Candidate]
    ) -> tuple[Alternative, ...]:
        """Different figures or dates for one question from different articles, newest first.

        Only answers with numbers count: that two names differ does not show that they contradict each other. Of an
        article that gives several, the one that the reader is surest of speaks for it.
        """
        told: dict[str, tuple[Candidate, Statement]] = {}
        for candidate, statement in zip(groups, statements, strict=True):
            article = candidate.retrieved.passage.article_id
            if article not in told or candidate.span.score > told[article][0].span.score:
                told[article] = candidate, statement
        first, *others = told.values()
        figures = first[0].figures
        covered = coverage(question, first[0].retrieved.passage.indexed_text)
        differing = [
            (candidate, statement)
            for candidate, statement in others
            if unlike(candidate.figures, figures)
            and coverage(question, candidate.retrieved.passage.indexed_text) >= covered
        ]
        if not figures or not differing or is_yes_no(question):
            return ()
        differing = [first, *differing]
        alternatives = [Alternative(g.answer, s.citations[0].published, s.citations) for g, s in differing]
        alternatives.sort(key=lambda a: a.published.toordinal() if a.published else 0, reverse=True)
        return tuple(alternatives)

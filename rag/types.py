"""The values of a question's way to its answer. No logic but what is derived from a value's own fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from pydantic import TypeAdapter

from index.types import Filter, Passage

Support = Literal["quoted", "supported", "partly", "unsupported"]


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A passage that may answer. `dense` is the raw cosine, `lexical` the raw BM25 score (None: not among its top);
    `fused` is relative to its query and orders one query's passages only. `duplicates`: ids of copies folded in."""

    passage: Passage
    dense: float | None
    lexical: float | None
    fused: float
    duplicates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """Article characters `[start, end)` that may be the answer; `score` is a logit, higher is better."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader says of one passage: the probability that it answers, and spans, best first."""

    passage_id: str
    relevance: float
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Copy:
    """An article that carries the same text as a cited one."""

    article_id: str
    title: str
    source: str | None = None
    published: date | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """`quote` is exactly `article.text[start:end]`; `answer_start:answer_end` is the short answer in it, if known."""

    number: int
    article_id: str
    title: str
    start: int
    end: int
    quote: str
    passage_id: str
    url: str | None = None
    source: str | None = None
    published: date | None = None
    section: str = ""
    page: int | None = None
    answer_start: int | None = None
    answer_end: int | None = None
    also_in: tuple[Copy, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of an answer and what holds it up. A struck statement is kept but is not part of `Answer.text`."""

    text: str
    citations: tuple[Citation, ...]
    support: Support = "quoted"
    struck: bool = False


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of several answers that different articles give."""

    text: str
    published: date | None
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked and what the collection says. An answer without a citation is a refusal; there is no third kind.

    `citations` are the distinct citations of the statements that stand, by number. A refusal carries `closest`, the
    nearest passages, and says why in `notes`. `confidence` is the calibrated probability that the question is answered.
    `timings`: stage -> milliseconds.
    """

    question: str
    standalone_question: str = ""
    filter: Filter = Filter()
    statements: tuple[Statement, ...] = ()
    short_answer: str | None = None
    citations: tuple[Citation, ...] = ()
    passages: tuple[Retrieved, ...] = ()
    closest: tuple[Citation, ...] = ()
    disagreement: tuple[Alternative, ...] = ()
    refused: bool = False
    confidence: float = 0.0
    answerer: str = "extractive"
    notes: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The statements that stand, in order; a refusal's notes where there are none."""
        return " ".join(s.text for s in self.statements if not s.struck) or " ".join(self.notes)

    def to_json(self) -> str:
        return _ANSWER.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Answer:
        """The answer that `to_json` wrote. Raises pydantic.ValidationError for anything else."""
        return _ANSWER.validate_json(text)


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question and its answer."""

    question: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the work is finished: "understanding", "searching", "reading", "answering"."""

    name: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class StatementReady:
    """A whole, checked statement, in the order of the answer."""

    statement: Statement


@dataclass(frozen=True, slots=True)
class Done:
    """The whole answer; always the last event, exactly once."""

    answer: Answer


Event = Stage | StatementReady | Done

_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)

History = Sequence[Turn]

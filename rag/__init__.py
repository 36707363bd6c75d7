"""Questions in, cited answers out: retrieve, read, answer, cite, evaluate. Imports index, never ui."""

from index.types import Article, Filter, Passage
from rag.bot import Bot, ask
from rag.types import (
    Alternative,
    Answer,
    Citation,
    Copy,
    Done,
    Event,
    Reading,
    Retrieved,
    Span,
    Stage,
    Statement,
    StatementReady,
    Turn,
)

__all__ = [
    # asking
    "ask",
    "Bot",
    # a collection
    "Article",
    "Passage",
    "Filter",
    # retrieving and reading
    "Retrieved",
    "Reading",
    "Span",
    # answers
    "Answer",
    "Statement",
    "Citation",
    "Copy",
    "Alternative",
    "Turn",
    # the events of a stream
    "Event",
    "Stage",
    "StatementReady",
    "Done",
]

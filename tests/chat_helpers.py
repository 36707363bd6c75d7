"""A small bot for the chat page's tests: three real articles, a few prepared answers, and hostile ones on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from index.errors import ArticleMissing
from index.types import Article, Filter, Section
from rag.types import Alternative, Answer, Citation, Copy, Done, Event, Stage, Statement, StatementReady

LEAD = "The harbour wall of Østhavn gave way at 04:20 on Monday. Nobody was hurt, the mayor said."
MORE = "Repairs will cost 3.2 million crowns. 🌊 Work starts in May, once the ice is gone."
FILLER = "\n".join(f"Paragraph {n} of the long report tells how the wall was built, stone by stone." for n in range(40))
TEXT = f"A storm took forty metres of stone\n{LEAD}\n{FILLER}\nWhat comes next\n{MORE}"
SECTIONS = (
    Section("A storm took forty metres of stone", TEXT.index(LEAD), TEXT.index("What comes next") - 1),
    Section("What comes next", TEXT.index(MORE), len(TEXT)),
)
HARBOUR = Article(
    "news/harbour.txt", "Harbour wall of Østhavn breaks", TEXT, url="https://example.org/harbour?a=1&b=2",
    source="The Østhavn Courier", author="I. Berg", published=date(2026, 1, 26), sections=SECTIONS,
)  # fmt: skip
COPY = replace(HARBOUR, id="wire/harbour.txt", source="Nordic Wire", url=None)
LATER = Article(
    "later.txt", "Wall repairs dearer than thought", "Repairs will cost 4.1 million crowns, the council found.",
    source="The Capital Post", published=date(2026, 3, 2),
)  # fmt: skip
ARTICLES = (HARBOUR, COPY, LATER)


def cite(number: int, article: Article, quote: str, answer: str | None = None, **more: Any) -> Citation:
    start = article.text.index(quote)
    at = article.text.index(answer, start) if answer else None
    return Citation(
        number, article.id, article.title, start, start + len(quote), quote,
        f"{article.id}#{start}-{start + len(quote)}",
        url=article.url, source=article.source, published=article.published,
        answer_start=at, answer_end=at + len(answer) if at is not None and answer else None, **more,
    )  # fmt: skip


WALL = cite(1, HARBOUR, "The harbour wall of Østhavn gave way at 04:20 on Monday.", "at 04:20 on Monday",
            also_in=(Copy(COPY.id, COPY.title, COPY.source, COPY.published),))  # fmt: skip
COST = cite(2, HARBOUR, "Repairs will cost 3.2 million crowns.", "3.2 million crowns")
DEARER = cite(3, LATER, "Repairs will cost 4.1 million crowns, the council found.", "4.1 million crowns")


ABOUT = "Hello! I answer from 3 articles from 26 January 2026 to 2 March 2026, and quote where each answer stands."


def answer_to(question: str) -> Answer:
    timings = {"understanding": 1.0, "searching": 12.0, "reading": 140.0, "answering": 3.0}
    asked = question.lower()
    if "hello" in asked:
        return Answer(question, refused=True, answerer="about", notes=(ABOUT,))
    if "moon" in asked:
        closest = (replace(COST, number=1, answer_start=None, answer_end=None),)
        return Answer(
            question, refused=True, closest=closest, notes=("No passage answers the question.",), timings=timings
        )
    if "cost" in asked:
        statements = (Statement(COST.quote, (COST,)), Statement(DEARER.quote, (DEARER,)))
        versus = (
            Alternative("3.2 million crowns", COST.published, (COST,)),
            Alternative("4.1 million crowns", DEARER.published, (DEARER,)),
        )
        return Answer(
            question,
            statements=statements,
            citations=(COST, DEARER),
            disagreement=versus,
            timings=timings,
            confidence=0.8,
        )
    statements = (
        Statement(WALL.quote, (WALL,)),
        Statement("The repairs were said to cost 3.2 million.", (COST,), "partly"),
    )
    return Answer(
        question,
        statements=statements,
        short_answer="at 04:20 on Monday",
        citations=(WALL, COST),
        timings=timings,
        confidence=0.9,
    )


@dataclass
class FakeStore:
    kept: Sequence[Article]
    folder: Path

    def article(self, article_id: str) -> Article:
        for article in self.kept:
            if article.id == article_id:
                return article
        raise ArticleMissing(article_id)

    def articles(self, limit: int | None = None) -> Iterator[Article]:
        return iter(self.kept[:limit])

    def status(self) -> Any:
        days = [article.published for article in self.kept if article.published]
        return SimpleNamespace(
            articles=len(self.kept),
            sources=tuple(sorted({article.source for article in self.kept if article.source})),
            published_from=min(days, default=None),
            published_to=max(days, default=None),
        )


class FakeBot:
    """Stands where rag.bot.Bot stands; `prepared` instead of the answers above.

    With `endless` it goes on saying how long it reads after its first statement, until `released` is set.
    """

    def __init__(self, folder: Path, *, kept: Sequence[Article] = ARTICLES, endless: bool = False,
                 prepared: Answer | None = None,
                 asks: Sequence[str] = ("When did the wall break?", "What will it cost?")) -> None:  # fmt: skip
        self.store = FakeStore(kept, folder)
        self.writer = None
        self.endless = endless
        self.released = threading.Event()
        self.prepared = prepared
        self.asks = asks
        self.asked: list[tuple[str, int]] = []
        self.filters: list[Filter | None] = []

    def examples(self, count: int = 4) -> list[str]:
        return list(self.asks[:count])

    def stream(
        self, question: str, *, history: Sequence[Any] = (), filter: Filter | None = None, **_: Any
    ) -> Iterator[Event]:
        self.asked.append((question, len(history)))
        self.filters.append(filter)
        if "break down" in question:
            raise RuntimeError("secret detail")
        answer = replace(self.prepared, question=question) if self.prepared else answer_to(question)
        for name, spent in answer.timings.items():
            yield Stage(name, spent)
        for number, statement in enumerate(answer.statements):
            yield StatementReady(statement)
            while self.endless and not self.released.wait(0.2):
                yield Stage("reading", 100.0 + number)
                number += 1
        yield Done(replace(answer, filter=filter or answer.filter))

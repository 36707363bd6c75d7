"""An LLM's prose, each statement checked against what it cites before it is shown.

It leaves out retrieval and the check itself (rag.check). Where the LLM fails, is too slow or says nothing that holds,
the fallback's quotes are the answer, with a note. Providers come in through LangChain's `BaseChatModel`.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from index.types import Article
from rag.answer import Answerer, ArticleSource, cite, copies_of, refusal
from rag.chat_model import load_chat_model
from rag.chat_stream import WAKE_SECONDS, Chunk, stream
from rag.check import Entails, Run, find_quote, judge
from rag.cite import Numbering, Parsed, StatementParser
from rag.errors import ChatModelError
from rag.prompts import NO_ANSWER, Prompt, answer_prompt, condense_prompt
from rag.settings import Settings
from rag.types import Answer, Citation, Done, Event, History, Retrieved, Stage, Statement, StatementReady, Support

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["ChatAnswerer", "condensing", "load_chat_model"]

CITATIONS_A_STATEMENT = 3
LONGEST_QUESTION = 400
"""Characters of a condensed question; a longer one is no question."""


@dataclass(slots=True)
class _Draft:
    """What has been written so far."""

    prompt: Prompt
    numbers: Numbering = field(default_factory=Numbering)
    statements: list[Statement] = field(default_factory=list)
    raw: str = ""
    finish: str = ""


class ChatAnswerer:
    """Writes with `chat_model`; `fallback` reads and ranks the passages first and answers where the model can't.

    The events' last, Done, is the answer: where the model fails half-way it replaces the statements shown before.
    Closing the iterator closes the model's stream. While the model writes, the last stage is told again, unchanged, a
    few times a second: an iterator that is waiting inside next() cannot be closed.
    """

    def __init__(
        self,
        chat_model: BaseChatModel,
        store: ArticleSource,
        fallback: Answerer,
        settings: Settings,
        *,
        entails: Entails | None = None,
    ) -> None:
        self.name = f"chat:{model_name(chat_model)}"
        self._chat_model = chat_model
        self._store = store
        self._fallback = fallback
        self._settings = settings
        if entails is None and settings.entailment_model:
            from rag.entail import load_entailment

            entails = load_entailment(settings.entailment_model)
        self._entails = entails

    def answer(self, question: str, retrieved: Sequence[Retrieved], *, history: History = ()) -> Iterator[Event]:
        """Stages, then checked statements, then Done. `question` stands alone already: the history isn't sent."""
        return self._answer(question, retrieved, history)

    def condensing(self, question: str, history: History) -> Generator[None, None, str]:
        """`condensing` by this answerer's model."""
        return condensing(question, history, self._chat_model, settings=self._settings)

    def _answer(self, question: str, retrieved: Sequence[Retrieved], history: History) -> Generator[Event, None, None]:
        quoted = Answer(question, refused=True)
        held: list[Event] = []
        began = time.perf_counter()
        told: Stage | None = None
        for event in self._fallback.answer(question, retrieved, history=history):
            if isinstance(event, Done):
                quoted = event.answer
            elif isinstance(event, Stage) and event.name != "answering":
                told = event
                yield event
            else:
                held.append(event)
        told = told or Stage("reading", 1000 * (time.perf_counter() - began))
        began = time.perf_counter()
        passages = quoted.passages or tuple(retrieved)
        sources = [_source_line(self._store.article(item.passage.article_id)) for item in passages]
        prompt = answer_prompt(question, passages, budget=self._settings.llm_context_tokens, sources=sources)
        draft = _Draft(prompt)
        try:
            if not prompt.passages:
                raise ChatModelError("no passage fits into llm_context_tokens")
            yield from self._write(draft, told)
            answer = self._finish(question, quoted, draft)
        except ChatModelError as error:
            why = f"{str(error)[0].upper()}{str(error)[1:]}: the answer is made of quotes instead."
            answer = replace(quoted, notes=(*quoted.notes, why))
        if answer.answerer != self.name and not draft.statements:
            yield from (event for event in held if isinstance(event, StatementReady))
        yield Stage("answering", 1000 * (time.perf_counter() - began))
        yield Done(answer)

    def _write(self, draft: _Draft, told: Stage) -> Generator[Event, None, None]:
        """Streams the model's text into the draft; each statement is yielded when it is whole and checked.

        Meanwhile `told` is, so that this can be closed: a model may be silent, think aloud or never end a sentence.
        """
        from langchain_core.messages import HumanMessage, SystemMessage

        parser = StatementParser(passages=len(draft.prompt.passages))
        messages = [SystemMessage(draft.prompt.system), HumanMessage(draft.prompt.user)]
        limits = {"seconds": self._settings.llm_seconds, "first_seconds": self._settings.llm_first_seconds}
        said = time.monotonic()
        with closing(stream(self._chat_model, messages, **limits)) as chunks:
            for chunk in chunks:
                for parsed in self._read(parser, draft, chunk):
                    yield from self._check(draft, parsed)
                if time.monotonic() - said >= WAKE_SECONDS:
                    said = time.monotonic()
                    yield told
        for parsed in parser.close():
            # A text that was cut off ends in half a sentence, which may say the opposite of the whole one.
            if parsed.complete or draft.finish not in ("", "length", "max_tokens"):
                yield from self._check(draft, parsed)
            else:
                draft.finish = "length"

    def _read(self, parser: StatementParser, draft: _Draft, chunk: Chunk) -> list[Parsed]:
        draft.raw += chunk.text
        draft.finish = chunk.finish or draft.finish
        return parser.feed(chunk.text)

    def _check(self, draft: _Draft, parsed: Parsed) -> Iterator[Event]:
        if _says_no(parsed.text):
            return
        found = [] if parsed.code else self._runs(parsed, draft.prompt.passages)
        support: Support = "unsupported"
        citations: list[Citation] = []
        for item, run in found:
            support = _better(support, run.check.support)
            citations.append(self._cite(item, run, draft.numbers))
        struck = not found
        statement = Statement(parsed.text, tuple(citations), support, struck)
        draft.statements.append(statement)
        if not struck or self._settings.unsupported == "flag":
            yield StatementReady(statement)

    def _runs(self, parsed: Parsed, passages: Sequence[Retrieved]) -> list[tuple[Retrieved, Run]]:
        """The passages that hold the statement up, and where; empty where nothing does.

        The cited ones first, each alone; then together, since a sentence may join two facts; then the other passages,
        since a right sentence with a wrong number is still right, and what is shown is the checked quote. Cited ones
        that support it partly are taken where nothing supports it fully.
        """
        look = partial(find_quote, parsed.text, entails=self._entails)
        cited = [passages[number - 1] for number in parsed.markers]
        runs = [(item, look(item.passage.text, context=item.passage.context)) for item in cited]
        passing = [(item, run) for item, run in runs if run.check.passes]
        if any(run.check.support != "partly" for _, run in passing):
            return passing[:CITATIONS_A_STATEMENT]
        if 1 < len(runs) <= CITATIONS_A_STATEMENT:
            joined = " ".join(item.passage.text[run.start : run.end] for item, run in runs)
            check = judge(parsed.text, joined, entails=self._entails)
            if check.support == "supported":
                return [(item, replace(run, check=check)) for item, run in runs]
        others = (item for item in passages if item not in cited)
        for item in others:
            run = look(item.passage.text)
            if run.check.support in ("quoted", "supported"):
                return [(item, run)]
        return passing[:CITATIONS_A_STATEMENT]

    def _cite(self, item: Retrieved, run: Run, numbers: Numbering) -> Citation:
        article = self._store.article(item.passage.article_id)
        start, end = item.passage.start + run.start, item.passage.start + run.end
        number = numbers.of(article.id, start, end)
        return cite(article, item.passage, start, end, number=number, copies=copies_of(item, self._store))

    def _finish(self, question: str, quoted: Answer, draft: _Draft) -> Answer:
        """The written answer; a refusal where the model says that the passages don't answer; else the quotes."""
        standing = [statement for statement in draft.statements if not statement.struck]
        struck = len(draft.statements) - len(standing)
        if not standing and not struck and _says_no(draft.raw):
            return refusal(question, quoted.passages, self._store, confidence=quoted.confidence, answerer=self.name)
        if not standing:
            why = f"nothing that the language model wrote held against what it cites ({struck} struck)"
            raise ChatModelError(why if struck else "the language model wrote nothing")
        notes = []
        if struck:
            done = "struck" if self._settings.unsupported == "strike" else "flagged"
            count = "1 sentence was" if struck == 1 else f"{struck} sentences were"
            notes.append(f"{count} {done}: the passages do not support {'it' if struck == 1 else 'them'}.")
        if draft.finish in ("length", "max_tokens"):
            notes.append("The language model's text was cut off; the answer may be incomplete.")
        if dropped := len(quoted.passages) - len(draft.prompt.passages):
            notes.append(f"{dropped} passage{'s' if dropped > 1 else ''} did not fit into the language model's prompt.")
        distinct = {citation.number: citation for statement in standing for citation in statement.citations}
        return Answer(
            question,
            statements=tuple(draft.statements),
            citations=tuple(distinct[number] for number in sorted(distinct)),
            passages=quoted.passages,
            disagreement=quoted.disagreement,
            confidence=quoted.confidence,
            answerer=self.name,
            notes=tuple(notes),
        )


def condensing(
    question: str, history: History, chat_model: BaseChatModel, *, settings: Settings
) -> Generator[None, None, str]:
    """Returns the last question of a conversation, rewritten by the model to stand alone. Raises ChatModelError.

    It goes in steps, since a generator that waits inside next() can't be closed.
    """
    from langchain_core.messages import HumanMessage, SystemMessage

    if not history:
        return question
    prompt = condense_prompt(question, history)
    messages = [SystemMessage(prompt.system), HumanMessage(prompt.user)]
    chunks = stream(chat_model, messages, seconds=settings.llm_seconds, first_seconds=settings.llm_first_seconds)
    written = ""
    with closing(chunks):
        for chunk in chunks:
            written += chunk.text
            yield
    written = written.strip()
    line = written.splitlines()[0].strip().strip("\"'“”*") if written else ""
    if not line or len(line) > LONGEST_QUESTION:
        raise ChatModelError("the language model did not rewrite the question")
    return line


def _says_no(text: str) -> bool:
    return text.strip(" \n.!*`\"'").upper() == NO_ANSWER


def _better(one: Support, other: Support) -> Support:
    order: tuple[Support, ...] = ("unsupported", "partly", "supported", "quoted")
    return max(one, other, key=order.index)


def _source_line(article: Article) -> str:
    return ", ".join(part for part in (article.source, article.published and article.published.isoformat()) if part)


def model_name(chat_model: BaseChatModel) -> str:
    """The name that the model goes by with its provider; its class's where it has none."""
    for attribute in ("model_name", "model"):
        if isinstance(name := getattr(chat_model, attribute, None), str):
            return name
    return type(chat_model).__name__

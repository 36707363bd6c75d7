"""A conversation on its way between the bot, the page and the browser's storage.

What a browser sends back may have been written by anyone: what can't be read is dropped, and everything is rendered
anew. It imports no Gradio.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from index.errors import NewsdeskError
from index.types import Filter
from rag.types import Answer, Done, Stage, StatementReady, Turn
from ui import render
from ui.filters import scope_words
from ui.texts import Texts

if TYPE_CHECKING:
    from rag.bot import Bot

log = logging.getLogger(__name__)
MAX_TURNS = 60
MAX_TURN = 300_000
"""Characters of one turn that a browser may send."""


class Shown:
    """One question and what is known of its answer so far; `failed` is an error's line in its place."""

    def __init__(self, question: str, answer: Answer | None = None, *, done: bool = False, failed: str = "") -> None:
        self.question = question
        self.answer = answer or Answer(question)
        self.done = done
        self.failed = failed


def answered(
    bot: Bot, question: str, before: Sequence[Turn], *, filter: Filter | None = None, write: bool = True, texts: Texts
) -> Iterator[list[Shown]]:
    """The conversation as it grows while the bot answers `question`; an error becomes the answer's text. Without
    `write` it is answered with quotes though a language model is set."""
    earlier = [Shown(turn.question, turn.answer, done=True) for turn in before]
    current = Shown(question, Answer(question, filter=filter or Filter()))
    yield [*earlier, current]
    drawn = time.monotonic()
    statements: list[Any] = []
    timings: dict[str, float] = {}
    try:
        for event in bot.stream(question, history=tuple(before), filter=filter, write=write):
            fresh = isinstance(event, Stage) and event.name not in timings
            if isinstance(event, Stage):
                timings[event.name] = event.milliseconds
            elif isinstance(event, StatementReady):
                statements.append(event.statement)
            elif isinstance(event, Done):
                current = Shown(question, event.answer, done=True)
                break
            current = Shown(
                question,
                Answer(question, filter=filter or Filter(), statements=tuple(statements), timings=dict(timings)),
            )
            # A redraw costs the browser about ten milliseconds: not one for each of many events.
            if fresh or statements or time.monotonic() - drawn > 0.1:
                drawn = time.monotonic()
                yield [*earlier, current]
    except NewsdeskError as error:
        current = Shown(question, done=True, failed=str(error))
    except Exception:
        log.exception("the question could not be answered")
        current = Shown(question, done=True, failed=texts("failed"))
    yield [*earlier, current]


def conversation(shown: Sequence[Shown], *, texts: Texts) -> Any:
    """Gradio's messages: a question, and an answer in two blocks (what was done, what came of it)."""
    messages: list[dict[str, Any]] = []
    for number, turn in enumerate(shown):
        messages.append({"role": "user", "content": render.question_html(turn.question, number, texts=texts)})
        if turn.failed:
            blocks = [render.failure_html(turn.failed)]
        else:
            answer = turn.answer
            stages = render.stages_html(
                answer.timings,
                done=turn.done,
                refused=answer.refused,
                scope=scope_words(answer.filter, texts),
                texts=texts,
            )
            body = ""
            if turn.done or answer.statements:
                body = render.answer_html(answer, number, done=turn.done, texts=texts)
            blocks = [block for block in (stages, body) if block]
        messages.append({"role": "assistant", "content": blocks})
    return messages


def state_of(shown: Sequence[Shown]) -> dict[str, Any]:
    """What the browser keeps: answers without the passages that were read, which make up most of their size."""
    return {
        "turns": [
            {
                "answer": replace(turn.answer, question=turn.question, passages=()).to_json(),
                "done": turn.done,
                "failed": turn.failed,
            }
            for turn in shown[-MAX_TURNS:]
        ]
    }


def loaded(state: Any) -> list[dict[str, Any]]:
    """The turns of what a browser sent that can be read; the rest is dropped. It may have been written by anyone."""
    found = []
    turns = state.get("turns") if isinstance(state, dict) else None
    for turn in turns[-MAX_TURNS:] if isinstance(turns, list) else ():
        try:
            text = turn["answer"]
            if isinstance(text, str) and len(text) <= MAX_TURN:
                found.append(
                    {
                        "answer": Answer.from_json(text),
                        "done": turn.get("done") is True,
                        "failed": str(turn.get("failed") or "")[:500],
                    }
                )
        except (KeyError, TypeError, AttributeError, ValidationError):
            log.warning("a turn that the browser sent could not be read")
    return found


def turns_of(state: Any) -> list[Turn]:
    return [Turn(turn["answer"].question, turn["answer"]) for turn in loaded(state)]


def shown_turn(turn: dict[str, Any], *, stopped: str) -> Shown:
    """A kept turn; one that was stopped before it was done says so."""
    answer: Answer = turn["answer"]
    if not turn["done"]:
        answer = replace(answer, notes=(*answer.notes, stopped))
    return Shown(answer.question, answer, done=True, failed=turn["failed"])

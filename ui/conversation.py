"""A conversation on its way between the bot, the page and the browser's storage.

What a browser sends back may have been written by anyone: what can't be read is dropped, and everything is rendered
anew. It imports no Gradio.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
"""Turns that are shown and kept; with one more the oldest goes, from the page too."""
MAX_TURN = 300_000
"""Characters of one turn that a browser may send."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A question and what is known of its answer so far: `failed` is an error's line in the answer's place, `stopped`
    says that the rest was not waited for."""

    answer: Answer
    done: bool = False
    failed: str = ""
    stopped: bool = False

    @property
    def turn(self) -> Turn:
        return Turn(self.answer.question, self.answer)

    def said(self, texts: Texts) -> Turn:
        """The turn with what became of it as a note."""
        happened = (self.failed,) if self.failed else (texts("stopped"),) if self.stopped else ()
        answer = replace(self.answer, notes=(*self.answer.notes, *happened))
        return Turn(answer.question, answer)


def answered(
    bot: Bot, question: str, before: Sequence[Shown], *, filter: Filter | None = None, write: bool = True, texts: Texts
) -> Iterator[list[Shown]]:
    """The conversation as it grows while the bot answers `question`; an error becomes the answer's text. Without
    `write` it is answered with quotes though a language model is set."""
    earlier = list(before)[1 - MAX_TURNS :]
    asked = Answer(question, filter=filter or Filter())
    current = Shown(asked)
    yield [*earlier, current]
    drawn = time.monotonic()
    statements: list[Any] = []
    timings: dict[str, float] = {}
    try:
        for event in bot.stream(question, history=tuple(turn.turn for turn in earlier), filter=filter, write=write):
            fresh = isinstance(event, Stage) and event.name not in timings
            if isinstance(event, Stage):
                timings[event.name] = event.milliseconds
            elif isinstance(event, StatementReady):
                statements.append(event.statement)
            elif isinstance(event, Done):
                current = Shown(replace(event.answer, question=question), done=True)
                break
            current = Shown(replace(asked, statements=tuple(statements), timings=dict(timings)))
            # A redraw costs the browser about ten milliseconds: not one for each of many events.
            if fresh or statements or time.monotonic() - drawn > 0.1:
                drawn = time.monotonic()
                yield [*earlier, current]
    except NewsdeskError as error:
        current = Shown(asked, done=True, failed=str(error))
    except Exception:
        log.exception("the question could not be answered")
        current = Shown(asked, done=True, failed=texts("failed"))
    yield [*earlier, current]


def conversation(shown: Sequence[Shown], *, texts: Texts) -> Any:
    """Gradio's messages: a question, and an answer in two blocks (what was done, what came of it)."""
    messages: list[dict[str, Any]] = []
    for number, turn in enumerate(shown):
        answer = turn.answer
        messages.append({"role": "user", "content": render.question_html(answer.question, number, texts=texts)})
        if turn.failed:
            blocks = [render.failure_html(turn.failed, number, texts=texts)]
        else:
            stages = body = ""
            if not turn.stopped:  # the stages that it finished do not tell how long it took
                stages = render.stages_html(
                    answer.timings,
                    done=turn.done,
                    refused=answer.refused,
                    scope=scope_words(answer.filter, texts),
                    texts=texts,
                )
            if turn.done or answer.statements:
                body = render.answer_html(turn.said(texts).answer, number, done=turn.done, texts=texts)
            blocks = [block for block in (stages, body) if block]
        messages.append({"role": "assistant", "content": blocks})
    return messages


def state_of(shown: Sequence[Shown]) -> dict[str, Any]:
    """What the browser keeps: answers without the passages that were read, which make up most of their size."""
    return {
        "turns": [
            {
                "answer": replace(turn.answer, passages=()).to_json(),
                "done": turn.done and not turn.stopped,
                "failed": turn.failed,
            }
            for turn in shown[-MAX_TURNS:]
        ]
    }


def loaded(state: Any) -> list[Shown]:
    """The turns of what a browser sent that can be read; the rest is dropped. It may have been written by anyone.

    One that was kept before it was done was stopped: nothing goes on for what a browser sends.
    """
    found = []
    turns = state.get("turns") if isinstance(state, dict) else None
    for turn in turns[-MAX_TURNS:] if isinstance(turns, list) else ():
        try:
            text = turn["answer"]
            if isinstance(text, str) and len(text) <= MAX_TURN:
                failed = str(turn.get("failed") or "")[:500]
                stopped = turn.get("done") is not True and not failed
                found.append(Shown(Answer.from_json(text), done=True, failed=failed, stopped=stopped))
        except (KeyError, TypeError, AttributeError, ValidationError):
            log.warning("a turn that the browser sent could not be read")
    return found

"""ui.conversation: what is shown, what is kept, and what comes back of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chat_helpers import FakeBot, answer_to

from rag.types import Answer
from ui.chat import turn_of
from ui.conversation import MAX_TURNS, Shown, answered, conversation, loaded, state_of
from ui.export import conversation_markdown
from ui.texts import Texts

ENGLISH = Texts("en")


def ask(bot: FakeBot, question: str, state: Any) -> list[Shown]:
    *_, shown = answered(bot, question, loaded(state), texts=ENGLISH)  # type: ignore[arg-type]
    return shown


def test_what_is_shown_is_what_is_kept_also_when_the_oldest_goes(tmp_path: Path) -> None:
    bot = FakeBot(tmp_path)
    state = state_of([Shown(answer_to(f"moon {n}"), done=True) for n in range(MAX_TURNS)])
    for n in (MAX_TURNS, MAX_TURNS + 1):
        shown = ask(bot, f"moon {n}", state)
        state = state_of(shown)
        assert len(shown) == MAX_TURNS == len(loaded(state))
        assert bot.asked[-1] == (f"moon {n}", MAX_TURNS - 1)
        for number in (0, 30, MAX_TURNS - 1):
            turn = turn_of(state, number)
            assert turn and turn.question == shown[number].answer.question == f"moon {n - MAX_TURNS + 1 + number}"
    assert turn_of(state, MAX_TURNS) is None and turn_of(state, -1) is None


def test_what_failed_or_was_stopped_still_says_so_after_the_next_question(tmp_path: Path) -> None:
    bot = FakeBot(tmp_path)
    state = state_of(ask(bot, "Please break down", {"turns": []}))
    half = Answer("Cut short?", statements=answer_to("When?").statements[:1], timings={"understanding": 0.3})
    state["turns"] += state_of([Shown(half)])["turns"]
    shown = ask(bot, "When did the wall break?", state)
    for turns in (shown, loaded(state_of(shown))):
        assert [bool(turn.failed) for turn in turns] == [True, False, False]
        assert [turn.stopped for turn in turns] == [False, True, False]
        messages = [str(message["content"]) for message in conversation(turns, texts=ENGLISH)]
        assert "went wrong" in messages[1] and "#again-0" in messages[1]
        assert "Stopped." in messages[3] and "Answered in" not in messages[3] and "#again-1" in messages[3]
        assert "Answered in 156 ms" in messages[5] and "Stopped." not in messages[5]
        text = conversation_markdown([turn.said(ENGLISH) for turn in turns])
        assert "## Please break down\n\nSomething went wrong" in text and "\n\nStopped.\n" in text


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_stopped_turn_says_so_in_the_pages_language(language: Any) -> None:
    texts = Texts(language)
    assert texts("stopped") in str(conversation(loaded(state_of([Shown(Answer("q"))])), texts=texts))

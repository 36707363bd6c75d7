"""The bot with a language model, over the scripted server: follow-ups condensed, prose checked, quotes on failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from llm_server import LlmServer

from rag.bot import Bot
from rag.settings import load_settings
from rag.types import Answer, Done, StatementReady, Turn

WRECK = "When was the wreck of the Titanic found?"


@pytest.fixture(scope="module")
def bot(seeds_index: Path, running: LlmServer) -> Iterator[Bot]:
    settings = load_settings(llm="openai:scripted", llm_base_url=running.url)
    with Bot.open(seeds_index, settings=settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def turn(bot: Bot) -> Turn:
    answer = bot.ask(WRECK, write=False)
    assert answer.answerer == "extractive" and not answer.refused
    return Turn(WRECK, answer)


def exact(answer: Answer, bot: Bot) -> bool:
    return all(bot.store.article(c.article_id).text[c.start : c.end] == c.quote for c in answer.citations)


def written(bot: Bot, turn: Turn) -> str:
    """A sentence that the collection holds up, as a model would repeat it."""
    return turn.answer.statements[0].text.rstrip(".")


def test_a_follow_up_is_condensed_searched_and_answered_in_prose(bot: Bot, server: LlmServer, turn: Turn) -> None:
    server.next_scripts = [["When was the wreck of", " the Titanic found?"], [written(bot, turn), " [1]."]]
    *events, last = bot.stream("And when was that?", history=[turn])
    assert isinstance(last, Done)
    answer = last.answer
    assert answer.question == "And when was that?" and answer.standalone_question == WRECK
    assert answer.answerer == "chat:scripted" and answer.citations and exact(answer, bot)
    assert [e.statement for e in events if isinstance(e, StatementReady)] == list(answer.statements)
    condensing, writing = ("\n".join(m["content"] for m in request["messages"]) for request in server.requests)
    assert WRECK in condensing and "And when was that?" in condensing
    assert f"Question: {WRECK}" in writing and "And when was that?" not in writing, "the condensed question is asked"


@pytest.mark.parametrize("failing", [["<error status>"], []], ids=["error", "nothing"])
def test_a_follow_up_that_is_not_condensed_is_read_by_its_words(
    bot: Bot, server: LlmServer, turn: Turn, failing: list[str]
) -> None:
    server.next_scripts = [failing, failing]  # a client may try an error twice
    server.script = [written(bot, turn), " [1]."]
    answer = bot.ask("When was that?", history=[turn])
    assert "Titanic" in answer.standalone_question and answer.standalone_question != "When was that?"
    assert exact(answer, bot) and (answer.citations or answer.refused)


def test_a_model_that_fails_gives_quotes_and_a_line(bot: Bot, server: LlmServer) -> None:
    server.script = ["<error status>"]
    answer = bot.ask(WRECK)
    assert answer.answerer == "extractive" and answer.citations and exact(answer, bot)
    assert any("made of quotes instead" in note for note in answer.notes)


def test_quoting_asks_no_model(bot: Bot, server: LlmServer, turn: Turn) -> None:
    assert bot.ask(WRECK, history=[turn], write=False).answerer == "extractive"
    assert not server.requests

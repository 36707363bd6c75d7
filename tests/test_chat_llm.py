"""The chat page with a language model, in a real browser: the switch, prose, follow-ups as understood, and failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llm_server import LlmServer, serve_llm
from test_chat import Watched, browser, served  # noqa: F401  (a fixture)

from rag.bot import Bot
from rag.settings import load_settings

WRECK = "When was the wreck of the Titanic found?"
pytestmark = [pytest.mark.filterwarnings("ignore")]  # as in test_chat


@pytest.fixture(scope="module")
def server() -> Iterator[LlmServer]:
    with serve_llm() as running:
        yield running


@pytest.fixture(scope="module")
def bot(seeds_index: Path, server: LlmServer) -> Iterator[Bot]:
    with Bot.open(seeds_index, settings=load_settings(llm="openai:scripted", llm_base_url=server.url)) as opened:
        yield opened


@pytest.fixture
def watched(browser: Any, bot: Bot, server: LlmServer) -> Iterator[Watched]:  # noqa: F811
    server.script, server.next_scripts[:], server.requests[:] = (), [], []
    with served(bot) as address:
        made = Watched(browser, address)
        yield made
        made.context.close()
    assert made.foreign() == [] and made.errors == []


def test_write_quote_follow_up_and_failure(watched: Watched, bot: Bot, server: LlmServer) -> None:
    page, answers = watched.page, watched.page.locator(".nd-answer")
    told = bot.ask(WRECK, write=False).statements[0].text.rstrip(".")
    server.script = [told, " [1]. ", "The pope came as well [1]."]
    assert page.locator("#nd-mode label").all_inner_texts() == ["Quote", "Write"]
    watched.ask(WRECK)
    written = answers.last.inner_text()
    assert told in written.replace("\n", "") or told[:40] in written
    assert "Written by a language model" in written and "1 sentence was struck" in written
    assert page.locator(".message-row:last-child a.nd-cite").count() >= 1

    server.next_scripts = [[WRECK], [told, " [1]."]]
    watched.ask("And when was that?")
    assert f"Understood as: {WRECK}" in answers.last.inner_text()

    asked = len(server.requests)
    page.locator("#nd-mode label", has_text="Quote").click()
    watched.ask(WRECK)
    assert "Written by a language model" not in answers.last.inner_text()
    assert len(server.requests) == asked

    page.locator("#nd-mode label", has_text="Write").click()
    server.script = ["<error status>"]
    watched.ask(WRECK)
    failed = answers.last.inner_text()
    assert "the answer is made of quotes instead" in failed and "Written by a language model" not in failed
    assert page.locator(".message-row:last-child a.nd-cite").count() >= 1


def test_no_switch_without_a_language_model(browser: Any, seeds_index: Path) -> None:  # noqa: F811
    with Bot.open(seeds_index) as plain, served(plain) as address:
        made = Watched(browser, address)
        assert made.page.locator("#nd-mode").count() == 0
        made.context.close()

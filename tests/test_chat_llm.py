"""The chat page with a language model, in a real browser: the switch, prose, follow-ups as understood, and failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llm_server import LlmServer, serve_llm
from playwright.sync_api import expect
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
    server.reset()
    with served(bot) as address:
        made = Watched(browser, address)
        yield made
        made.context.close()
    assert made.foreign() == [] and made.errors == []


def test_write_quote_follow_up_and_failure(watched: Watched, bot: Bot, server: LlmServer) -> None:
    page, answers = watched.page, watched.page.locator(".nd-answer")
    told = bot.ask(WRECK, write=False).statements[0].text.rstrip(".")
    server.script = [told, " [1]. ", "The pope came as well [1]."]
    expect(page.locator("#nd-mode label")).to_have_text(["Quote", "Write"])
    watched.ask(WRECK)
    for words in (told[:40], "Written by a language model", "1 sentence was taken out"):
        expect(answers.last).to_contain_text(words)
    expect(page.locator(".message-row:last-child a.nd-cite").first).to_be_visible()

    server.next_scripts = [[WRECK], [told, " [1]."]]
    watched.ask("And when was that?")
    expect(answers.last).to_contain_text(f"Understood as: {WRECK}")

    asked = len(server.requests)
    page.locator("#nd-mode label", has_text="Quote").click()
    watched.ask(WRECK)
    expect(answers).to_have_count(3)
    expect(answers.last).not_to_contain_text("Written by a language model")
    assert len(server.requests) == asked

    page.locator("#nd-mode label", has_text="Write").click()
    server.script = ["<error status>"]
    watched.ask(WRECK)
    expect(answers.last).to_contain_text("the answer is made of quotes instead")
    expect(answers.last).not_to_contain_text("Written by a language model")
    expect(page.locator(".message-row:last-child a.nd-cite").first).to_be_visible()


def test_no_switch_without_a_language_model(browser: Any, seeds_index: Path) -> None:  # noqa: F811
    with Bot.open(seeds_index) as plain, served(plain) as address:
        made = Watched(browser, address)
        assert made.page.locator("#nd-mode").count() == 0
        made.context.close()


def reached(page: Any, server: LlmServer) -> None:
    """Waits until the server has been asked."""
    for _ in range(300):
        if server.requests:
            return
        page.wait_for_timeout(100)
    raise AssertionError("the server was not asked")


@pytest.mark.parametrize("said", [True, False], ids=["after a sentence", "from the start"])
@pytest.mark.parametrize("leave", ["#nd-box .stop-button", "#nd-new"], ids=["stop", "new conversation"])
def test_a_silent_model_is_left_at_once(watched: Watched, bot: Bot, server: LlmServer, said: bool, leave: str) -> None:
    """The first script outlasts what the page is waited for, and the model's own time limits."""
    page, answers = watched.page, watched.page.locator(".nd-answer")
    told = bot.ask(WRECK, write=False).statements[0].text.rstrip(".")
    server.next_scripts = [[told, " [1]. It ", 300.0] if said else [300.0]]
    page.fill("#nd-box textarea", WRECK)
    page.keyboard.press("Enter")
    if said:
        expect(answers.last).to_contain_text(told[:40])
    else:
        page.wait_for_function("document.querySelectorAll('.nd-stages li').length >= 3")  # it has read
    reached(page, server)
    page.locator(leave).click()
    page.wait_for_selector("#nd-box .submit-button")
    server.script = [told, " [1]. "]
    watched.ask("When was the Titanic’s wreck found?")
    expect(answers.last).to_contain_text("Written by a language model")
    assert server.hung_up.wait(30)


def test_a_model_that_is_silent_at_a_follow_up_is_left_at_once(watched: Watched, bot: Bot, server: LlmServer) -> None:
    told = bot.ask(WRECK, write=False).statements[0].text.rstrip(".")
    server.script = [told, " [1]. "]
    watched.ask(WRECK)
    server.next_scripts = [[300.0]]
    server.requests.clear()
    watched.page.fill("#nd-box textarea", "And when was that?")
    watched.page.keyboard.press("Enter")
    reached(watched.page, server)
    watched.page.locator("#nd-box .stop-button").click()
    watched.page.wait_for_selector("#nd-box .submit-button")
    watched.ask("hello")
    expect(watched.page.locator(".nd-answer").last).to_contain_text("I answer from")
    assert server.hung_up.wait(30)

"""The chat page in a real browser, over the real Gradio app: all requests are logged, only loopback may be asked."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from chat_helpers import ARTICLES, COST, DEARER, FILLER, WALL, FakeBot, cite
from playwright.sync_api import expect, sync_playwright

from index.types import Article, Filter
from rag.types import Alternative, Answer, Copy, Statement, Turn
from ui.chat import make_app, opener
from ui.conversation import loaded
from ui.filters import filter_of
from ui.kept import append_feedback, storage_secret
from ui.render import Reference

CHROMIUM = shutil.which("chromium")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
expect.set_options(timeout=30_000)  # a busy machine's page comes to it in the end
# Gradio and its server raise deprecation warnings of their own; a browser's pipes are closed by its driver.
pytestmark = [pytest.mark.filterwarnings("ignore")]


AT_THE_TOP = """() => { const top = [...document.querySelectorAll('.nd-question')].pop().getBoundingClientRect().top;
const gap = top - document.querySelector('#nd-head').getBoundingClientRect().bottom;
return 0 < gap && gap < 60; }"""
COMPOSED_ENTER = """field => document.querySelector(field).dispatchEvent(
new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }))"""


def wait_until(page: Any, met: Callable[[], bool]) -> None:
    """For what happens on the server's side."""
    for _ in range(300):
        if met():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it has not come to that")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield opened
        opened.close()


@contextmanager
def served(bot: FakeBot) -> Iterator[str]:
    from ui.chat import launch_options, make_app

    app = make_app(bot)  # type: ignore[arg-type]
    options = launch_options("127.0.0.1", 0)
    app.launch(prevent_thread_lock=True, **options)
    try:
        yield f"http://127.0.0.1:{options['server_port']}"
    finally:
        app.close(verbose=False)


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> FakeBot:
    return FakeBot(tmp_path_factory.mktemp("index"))


@pytest.fixture(scope="module")
def address(bot: FakeBot) -> Iterator[str]:
    with served(bot) as address:
        yield address


class Watched:
    """A browser page with what it asked for and what went wrong in it."""

    def __init__(self, browser: Any, address: str, *, width: int = 1280, height: int = 850, **context: Any) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, accept_downloads=True, **context
        )
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.errors.append("a dialog opened"), dialog.dismiss()))
        self.page.goto(address)
        self.page.wait_for_selector("#nd-box textarea")
        self.page.wait_for_selector(".nd-contents, .nd-article", state="attached")

    def ask(self, question: str) -> None:
        before = self.page.locator(".nd-question").count()
        self.page.fill("#nd-box textarea", question)
        self.page.keyboard.press("Enter")
        self.page.wait_for_function("n => document.querySelectorAll('.nd-question').length > n", arg=before)
        self.settled()

    def settled(self) -> None:
        self.page.wait_for_selector("#nd-box .submit-button")
        self.page.wait_for_selector(".message-row:last-child .nd-answer")

    def foreign(self) -> list[str]:
        away = [url for url in self.requests if urlsplit(url).scheme in ("http", "https", "ws", "wss", "ftp")]
        return [url for url in away if urlsplit(url).hostname not in ("127.0.0.1", "localhost")]


@pytest.fixture
def watched(browser: Any, address: str) -> Iterator[Watched]:
    made = Watched(browser, address)
    yield made
    made.context.close()
    assert made.foreign() == []
    assert made.errors == []


def test_an_answer_comes_with_chips_and_a_chip_opens_the_exact_words(watched: Watched) -> None:
    page = watched.page
    watched.ask("When did the wall break?")
    expect(page.locator(".nd-short")).to_have_text("at 04:20 on Monday")
    expect(page.locator(".nd-stages summary")).to_have_text("Answered in 156 ms")
    chip = page.locator("a.nd-cite").nth(1)
    chip.hover()
    for words in (COST.quote, "26 January 2026", "Østhavn Courier"):
        expect(page.locator(".nd-card")).to_contain_text(words)
    chip.click(delay=100)
    page.wait_for_selector("#nd-mark")
    assert "".join(page.locator("mark.nd-main").all_inner_texts()) == COST.quote
    expect(page.locator("mark.nd-exact")).to_have_text("3.2 million crowns")
    assert "".join(page.locator("mark.nd-other").all_inner_texts()) == WALL.quote
    page.wait_for_function(
        """() => { const m = document.querySelector('#nd-mark').getBoundingClientRect();
        const b = document.querySelector('.nd-body').getBoundingClientRect();
        return m.top >= b.top && m.bottom <= Math.min(b.bottom, innerHeight) && b.bottom <= innerHeight; }"""
    )
    link = page.locator(".nd-original a")
    assert link.get_attribute("href") == "https://example.org/harbour?a=1&b=2"
    assert link.get_attribute("rel") == "noopener noreferrer nofollow"


def test_the_keyboard_alone_is_enough(watched: Watched) -> None:
    page = watched.page
    watched.ask("When did the wall break?")
    page.locator("a.nd-cite").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#nd-mark")
    page.wait_for_function("document.activeElement.id === 'nd-mark'")
    page.keyboard.press("n")
    page.wait_for_function("document.querySelector('#nd-mark').textContent.startsWith('Repairs')")
    expect(page.locator(".nd-position")).to_have_text("2 of 2")
    page.keyboard.press("p")
    page.wait_for_function("document.querySelector('#nd-mark').textContent.startsWith('The harbour')")
    page.keyboard.press("Escape")
    page.wait_for_selector(".nd-contents")
    assert page.evaluate("document.activeElement.className").startswith("nd-cite")


def test_escape_at_once_after_an_article_has_come_leaves_the_focus_on_the_chip(watched: Watched) -> None:
    page = watched.page
    watched.ask("When did the wall break?")
    page.evaluate(
        """() => new MutationObserver((_, observer) => {
          if (!document.querySelector('#nd-mark')) return;
          observer.disconnect();
          document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
        }).observe(document.querySelector('.nd-body'), { childList: true })"""
    )
    page.locator("a.nd-cite").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("!document.body.classList.contains('nd-open') && document.querySelector('.nd-contents')")
    page.wait_for_timeout(100)  # some frames more
    assert page.evaluate("document.activeElement.className").startswith("nd-cite")


def test_refusal_small_talk_disagreement_and_errors_each_look_their_own(watched: Watched) -> None:
    page = watched.page
    watched.ask("Who owns the moon?")
    expect(page.locator(".nd-refusal .nd-refused")).to_have_text("The articles don’t answer this.")
    page.locator(".nd-refusal a.nd-source").click(delay=100)
    page.wait_for_selector("#nd-mark")
    watched.ask("hello")
    expect(page.locator(".nd-about")).to_contain_text("3 articles")
    watched.ask("What will the repairs cost?")
    cards = page.locator(".nd-versus li")
    expect(cards).to_have_count(2)
    assert cards.nth(0).bounding_box()["y"] == cards.nth(1).bounding_box()["y"]
    expect(cards.nth(1)).to_contain_text("2 March 2026")
    watched.ask("Please break down")
    expect(page.locator(".nd-failure")).to_contain_text("went wrong")
    expect(page.locator(".nd-failure a.nd-act")).to_have_text(["Ask again"])
    assert "secret detail" not in page.content()


def test_examples_ask_themselves_and_answers_can_be_edited_asked_again_and_judged(
    watched: Watched, bot: FakeBot
) -> None:
    page = watched.page
    page.locator("a.nd-ask").first.click(delay=100)
    watched.settled()
    page.wait_for_selector("a[href='#edit-0']")
    page.locator("a[href='#edit-0']").click(delay=100)
    page.locator("textarea.nd-field").fill("Who owns the moon?")
    page.keyboard.press("Enter")
    page.wait_for_selector(".nd-refusal")
    watched.settled()
    expect(page.locator(".nd-question")).to_have_count(1)
    asked = len(bot.asked)
    page.locator("a[href='#again-0']").click(delay=100)
    for _ in range(50):
        if len(bot.asked) > asked:
            break
        page.wait_for_timeout(100)
    assert bot.asked[-1] == ("Who owns the moon?", 0)
    watched.settled()
    page.locator("a[href='#dislike-0']").click(delay=100)
    page.get_by_role("button", name="The articles do answer this").click()
    page.wait_for_selector(".nd-thanks")
    path = bot.store.folder / "feedback.jsonl"
    for _ in range(50):
        if path.exists():
            break
        page.wait_for_timeout(100)
    line = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
    assert line["question"] == "Who owns the moon?" and line["liked"] is False
    assert line["reason"] == "The articles do answer this"
    assert Answer.from_json(json.dumps(line["answer"])).refused


def test_a_conversation_survives_a_reload_and_exports(watched: Watched, bot: FakeBot) -> None:
    page = watched.page
    watched.ask("When did the wall break?")
    watched.ask("hello")
    page.reload()
    page.wait_for_selector(".nd-about")
    expect(page.locator(".nd-question")).to_have_count(2)
    watched.ask("What will the repairs cost?")
    assert bot.asked[-1] == ("What will the repairs cost?", 2)
    with page.expect_download() as download:
        page.locator("#nd-export").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert "## When did the wall break?" in text and "[^1]: “The harbour wall" in text
    page.locator("#nd-new").click()
    page.wait_for_selector(".nd-welcome")
    page.reload()
    page.wait_for_selector(".nd-welcome")


def test_copying_gives_text_with_sources(browser: Any, address: str) -> None:
    watched = Watched(browser, address, permissions=["clipboard-read", "clipboard-write"])
    watched.ask("When did the wall break?")
    watched.page.locator("a[href='#copy-0']").click(delay=100)
    watched.page.wait_for_function("document.querySelector(\"a[href='#copy-0']\").textContent === 'Copied'")
    text = watched.page.evaluate("navigator.clipboard.readText()")
    assert "at 04:20 on Monday" in text and "[1] Harbour wall of Østhavn breaks" in text and "<" not in text
    watched.ask("What will the repairs cost?")
    watched.page.locator("a[href='#copy-1']").click(delay=100)
    watched.page.wait_for_function("document.querySelector(\"a[href='#copy-1']\").textContent === 'Copied'")
    lines = watched.page.evaluate("navigator.clipboard.readText()").splitlines()
    assert lines[lines.index("The articles disagree") + 1 :][:2] == [
        "26 January 2026: 3.2 million crowns [2]",
        "2 March 2026: 4.1 million crowns [3]",
    ]
    assert "\u2060" not in "".join(lines)
    watched.context.close()


def test_an_earlier_question_that_is_asked_again_or_edited_comes_at_the_end(watched: Watched, bot: FakeBot) -> None:
    page = watched.page
    asked = page.locator(".nd-asked")
    watched.ask("Who owns the moon?")
    watched.ask("hello")
    page.locator("a[href='#again-0']").click(delay=100)
    expect(asked).to_have_text(["Who owns the moon?", "hello", "Who owns the moon?"])
    watched.settled()
    page.locator("a[href='#edit-0']").click(delay=100)
    page.locator("textarea.nd-field").fill("What will it cost?")
    page.keyboard.press("Enter")
    expect(asked).to_have_text(["Who owns the moon?", "hello", "Who owns the moon?", "What will it cost?"])
    watched.settled()
    expect(page.locator(".nd-versus")).to_have_count(1)
    page.locator("a[href='#again-3']").click(delay=100)
    page.wait_for_selector("#nd-box .stop-button, #nd-box .submit-button")
    watched.settled()
    expect(asked).to_have_count(4)


def test_when_the_oldest_turn_goes_the_links_act_on_what_is_shown(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.conversation.MAX_TURNS", 3)
    bot = FakeBot(tmp_path)
    with served(bot) as address:
        watched = Watched(browser, address)
        page = watched.page
        asked = page.locator(".nd-asked")
        for n in range(5):
            page.fill("#nd-box textarea", f"When did wall {n} break?")
            page.keyboard.press("Enter")
            expect(asked.last).to_have_text(f"When did wall {n} break?")
            watched.settled()
        expect(asked).to_have_text([f"When did wall {n} break?" for n in (2, 3, 4)])
        page.wait_for_function(AT_THE_TOP)
        page.locator("a[href='#like-1']").click(delay=100)
        page.wait_for_selector(".nd-thanks")
        path = tmp_path / "feedback.jsonl"
        wait_until(page, path.exists)
        assert json.loads(path.read_text(encoding="utf-8"))["question"] == "When did wall 3 break?"
        page.locator("a[href='#again-1']").click(delay=100)
        expect(asked).to_have_text([f"When did wall {n} break?" for n in (3, 4, 3)])
        assert bot.asked[-1] == ("When did wall 3 break?", 2)
        watched.context.close()


def test_two_tabs_keep_their_own_conversations(browser: Any, address: str) -> None:
    watched = Watched(browser, address)
    first = watched.page
    watched.ask("Who owns the moon?")
    second = watched.context.new_page()
    second.goto(address)
    asked = second.locator(".nd-asked")
    expect(asked).to_have_text(["Who owns the moon?"])  # a new tab begins with the last conversation
    for page, question in ((second, "hello"), (first, "What will it cost?")):
        page.fill("#nd-box textarea", question)
        page.keyboard.press("Enter")
        expect(page.locator(".nd-asked")).to_have_text(["Who owns the moon?", question])
        page.wait_for_selector("#nd-box .submit-button")
        expect(page.locator(".nd-answer")).to_have_count(2)
    for page, question in ((second, "hello"), (first, "What will it cost?")):
        page.reload()
        expect(page.locator(".nd-asked")).to_have_text(["Who owns the moon?", question])
    watched.context.close()


def test_a_reason_is_typed_at_once_and_the_focus_comes_back(watched: Watched, bot: FakeBot) -> None:
    page = watched.page
    watched.ask("When did the wall break?")
    link = page.locator("a[href='#dislike-0']")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("input.nd-field")).to_be_focused()
    page.keyboard.type("a b")
    expect(page.locator("input.nd-field")).to_have_value("a b")
    page.evaluate(COMPOSED_ENTER, "input.nd-field")
    expect(page.locator("input.nd-field")).to_have_value("a b")
    page.keyboard.press("Enter")
    page.wait_for_selector(".nd-thanks")
    expect(link).to_be_focused()
    path = bot.store.folder / "feedback.jsonl"
    wait_until(page, lambda: path.exists() and '"a b"' in path.read_text(encoding="utf-8"))


def test_an_input_methods_enter_sends_nothing(watched: Watched, bot: FakeBot) -> None:
    page = watched.page
    watched.ask("hello")
    asked = len(bot.asked)
    page.locator("a[href='#edit-0']").click(delay=100)
    page.locator("textarea.nd-field").fill("にほん")
    page.evaluate(COMPOSED_ENTER, "textarea.nd-field")
    expect(page.locator("textarea.nd-field")).to_have_value("にほん")
    page.keyboard.press("Escape")
    expect(page.locator("a[href='#edit-0']")).to_be_focused()
    # The field's text is remembered as sent by an Enter that sends, and emptied once an answer has begun.
    page.fill("#nd-box textarea", "に")
    page.evaluate(COMPOSED_ENTER, "#nd-box textarea")
    page.locator("a[href='#edit-0']").click(delay=100)
    page.locator("textarea.nd-field").fill("Who owns the moon?")
    page.keyboard.press("Enter")
    expect(page.locator(".nd-refused")).to_have_count(1)
    watched.settled()
    expect(page.locator("#nd-box textarea")).to_have_value("に")
    assert [question for question, _ in bot.asked[asked:]] == ["Who owns the moon?"]


def test_a_link_that_is_put_into_the_address_opens(watched: Watched, address: str) -> None:
    page = watched.page
    main = page.locator("mark.nd-main").first
    page.goto(address + "/" + Reference.from_citation(DEARER).text)
    expect(main).to_contain_text("Repairs will cost")
    page.goto(address + "/" + Reference.from_citation(WALL).text)  # into the page that is open
    expect(main).to_contain_text("The harbour wall")
    page.go_back()
    expect(main).to_contain_text("Repairs will cost")
    page.goto(address + "/" + Reference.from_citation(WALL).text.replace("#cite", "#nothing"))
    page.wait_for_selector(".nd-contents")


def test_on_a_phone_back_and_forward_close_and_open_the_pane(browser: Any, address: str) -> None:
    watched = Watched(browser, address, width=390, height=844, has_touch=True, is_mobile=True)
    page = watched.page
    watched.ask("When did the wall break?")
    page.locator("a.nd-cite").first.tap()
    page.wait_for_selector("#nd-mark")
    entries = page.evaluate("history.length")
    for _ in range(2):
        page.go_back()
        page.wait_for_selector("#nd-right", state="hidden")
        page.go_forward()
        page.wait_for_selector("#nd-mark", state="visible")
    assert page.evaluate("history.length") == entries
    page.locator(".nd-back").tap()
    page.wait_for_selector("#nd-right", state="hidden")
    assert page.evaluate("location.hash") == ""
    watched.context.close()


def test_a_question_that_is_being_written_survives_a_reload(watched: Watched) -> None:
    page = watched.page
    page.fill("#nd-box textarea", "What will it")
    page.reload()
    expect(page.locator("#nd-box textarea")).to_have_value("What will it")
    page.locator("#nd-box textarea").press_sequentially(" cost?")
    page.keyboard.press("Enter")
    expect(page.locator(".nd-asked")).to_have_text(["What will it cost?"])
    watched.settled()
    expect(page.locator("#nd-box textarea")).to_have_value("")
    page.reload()
    expect(page.locator(".nd-asked")).to_have_text(["What will it cost?"])
    expect(page.locator("#nd-box textarea")).to_have_value("")


def test_an_article_that_cannot_be_loaded_says_so(watched: Watched) -> None:
    page = watched.page
    watched.ask("When did the wall break?")
    page.route(re.compile("component_server"), lambda route: route.abort())
    page.locator("a.nd-cite").first.click(delay=100)
    expect(page.locator(".nd-body")).to_have_text("The article could not be loaded. Try again.")


def test_a_collection_that_is_filled_meanwhile_is_listed_after_the_next_answer(browser: Any, tmp_path: Path) -> None:
    bot = FakeBot(tmp_path, kept=())
    with served(bot) as address:
        watched = Watched(browser, address)
        page = watched.page
        expect(page.locator(".nd-contents")).to_contain_text("The collection is empty")
        expect(page.locator(".nd-held")).to_be_hidden()
        page.set_viewport_size({"width": 390, "height": 844})
        expect(page.locator(".nd-held")).to_contain_text("The collection is empty")
        page.set_viewport_size({"width": 1280, "height": 850})
        bot.store.kept = ARTICLES
        watched.ask("When did the wall break?")
        expect(page.locator(".nd-count")).to_have_text("3 articles")
        page.locator("a.nd-cite").first.click(delay=100)
        page.wait_for_selector("#nd-mark")
        watched.ask("hello")
        expect(page.locator("#nd-mark")).to_be_visible()  # what is being read stays
        page.locator("#nd-new").click()
        expect(page.locator(".nd-held")).to_have_text("3 articles")
        watched.context.close()


def test_a_long_question_leaves_its_answer_in_sight(browser: Any, address: str) -> None:
    watched = Watched(browser, address, width=390, height=844)
    page = watched.page
    question = "When did the wall break? " + "I really want to know. " * 200 + "That is all"
    watched.ask(question)
    expect(page.locator(".nd-short")).to_be_in_viewport()
    low = page.locator(".nd-asked").bounding_box()["height"]
    page.get_by_role("button", name="Show all").click(delay=100)
    assert page.locator(".nd-asked").bounding_box()["height"] > 4 * low
    page.get_by_role("button", name="Show less").click(delay=100)
    assert page.locator(".nd-asked").bounding_box()["height"] == low
    page.locator("a[href='#edit-0']").click(delay=100)
    expect(page.locator("textarea.nd-field")).to_have_value(question)
    watched.context.close()


@pytest.mark.parametrize("width", [1440, 768, 390])
def test_text_and_fields_stand_under_each_other(browser: Any, tmp_path: Path, width: int) -> None:
    bot = FakeBot(tmp_path)
    bot.writer = object()  # type: ignore[assignment]
    with served(bot) as address:
        watched = Watched(browser, address, width=width)
        watched.ask("When did the wall break?")
        edges = watched.page.evaluate(
            """() => ['.nd-asked', '#nd-box .input-container', '.nd-filter-text', '#nd-mode input']
            .map(one => document.querySelector(one).getBoundingClientRect().left)"""
        )
        assert max(edges) - min(edges) < 1.5, edges
        watched.context.close()


def test_a_marked_citation_has_no_ring_round_its_first_piece(watched: Watched) -> None:
    page = watched.page
    watched.ask("When did the wall break?")
    page.locator("a.nd-cite").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#nd-mark")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.querySelector('#nd-mark')).outlineStyle") == "none"


def test_stopping_keeps_what_has_come_and_says_so(browser: Any, tmp_path: Path) -> None:
    bot = FakeBot(tmp_path, endless=True)
    try:
        with served(bot) as address:
            watched = Watched(browser, address)
            page = watched.page
            page.fill("#nd-box textarea", "When did the wall break?")
            page.keyboard.press("Enter")
            page.wait_for_selector("a.nd-cite")
            # A click on a chip while the answer streams: its link is redrawn between press and release.
            box = page.locator("a.nd-cite").first.bounding_box()
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            page.mouse.down()
            page.wait_for_timeout(500)  # a long press outlasts a redraw or two
            page.mouse.up()
            page.wait_for_selector("#nd-mark")
            # Enter doesn't start a second answer beside the first.
            page.fill("#nd-box textarea", "What will it cost?")
            page.keyboard.press("Enter")
            page.locator("#nd-box .stop-button").click()
            page.wait_for_selector("text=Stopped.")
            page.wait_for_selector("#nd-box .submit-button")
            expect(page.locator(".nd-stages")).to_have_count(0)  # what it had done does not tell how long it took
            expect(page.locator("a.nd-cite")).to_have_count(1)
            assert bot.asked == [("When did the wall break?", 0)]
            expect(page.locator("#nd-box textarea")).to_have_value("What will it cost?")
            page.keyboard.press("Enter")
            page.wait_for_function("document.querySelectorAll('.nd-question').length === 2")
            page.wait_for_selector("#nd-box .stop-button")
            page.wait_for_function("document.querySelector('#nd-box textarea').value === ''")
            page.locator("#nd-new").click()
            page.wait_for_selector(".nd-welcome")
            page.wait_for_selector("#nd-box .submit-button")
            expect(page.locator(".nd-question")).to_have_count(0)
            watched.context.close()
    finally:
        bot.released.set()


def test_each_message_of_an_answer_says_all(tmp_path: Path) -> None:
    """Gradio works a message into the one before: what only the earlier one says is lost on a page that is behind."""
    app = make_app(FakeBot(tmp_path))
    submitted = next(handler for handler in app.fns.values() if handler.name == "on_submit")
    request = SimpleNamespace(session_hash="one", headers={})
    messages = list(submitted.fn("When did the wall break?", {"turns": []}, "", "quote", request))
    assert len(messages) > 2
    for chat, kept, box in messages:
        assert isinstance(chat, list) and kept["turns"]
        assert {"submit_btn", "stop_btn"} == set(box.constructor_args)
    assert [box.constructor_args["stop_btn"] for *_, box in messages] == [True] * (len(messages) - 1) + [False]


def test_a_filter_goes_with_the_question_and_is_said_beside_the_answer(watched: Watched, bot: FakeBot) -> None:
    page = watched.page
    summary = page.locator("#nd-filter summary")
    expect(summary).to_have_text("All articles")
    summary.click()
    page.get_by_label("The Capital Post").check()
    page.get_by_label("From").fill("2026-02-01")
    expect(summary).to_have_text("Only The Capital Post, since 1 February 2026")
    watched.ask("What will the repairs cost?")
    expect(page.locator(".nd-filter-body")).to_be_hidden()
    assert bot.filters[-1] == Filter(published_from=date(2026, 2, 1), sources=("The Capital Post",))
    expect(page.locator(".nd-stages summary")).to_contain_text("only The Capital Post, since 1 February 2026")
    assert page.get_by_label("From").input_value() == "2026-02-01"  # what is chosen stays chosen
    summary.click()
    page.get_by_role("button", name="All articles again").click()
    page.locator("a[href='#again-0']").click(delay=100)
    page.wait_for_function("!document.querySelector('.nd-stages summary').textContent.includes('only')")
    watched.settled()
    assert bot.filters[-1] is None
    summary.click()
    page.get_by_label("From").fill("2031-02-01")  # later than any article
    expect(summary).to_have_text("Only since 1 February 2031")
    watched.ask("What will the repairs cost?")
    assert bot.filters[-1] == Filter(published_from=date(2031, 2, 1))


def test_the_filter_works_by_keyboard_and_on_a_phone(browser: Any, address: str, bot: FakeBot) -> None:
    watched = Watched(browser, address, width=390, height=844, has_touch=True, is_mobile=True)
    page = watched.page
    page.locator("#nd-filter summary").tap()
    body = page.locator(".nd-filter-body").bounding_box()
    assert body["x"] >= 0 and body["x"] + body["width"] <= 390 and body["y"] >= 0
    page.get_by_label("Nordic Wire").tap()
    page.locator("#nd-box textarea").tap()
    page.wait_for_selector(".nd-filter-body", state="hidden")
    page.locator("#nd-filter summary").focus()
    for key in ("Enter", "Tab", "Escape"):
        page.keyboard.press(key)
    page.wait_for_selector(".nd-filter-body", state="hidden")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    watched.ask("When did the wall break?")
    assert bot.filters[-1] == Filter(sources=("Nordic Wire",))
    watched.context.close()


@pytest.mark.parametrize(
    "sent", ["", "x", "[]", "7", "{}", '{"from": "soon"}', '{"sources": 7}', '{"from": 7}', "[" * 9000, None]
)
def test_a_filter_that_cant_be_read_filters_nothing(sent: str | None) -> None:
    assert filter_of(sent) is None


def test_examples_that_are_not_found_yet_come_later(browser: Any, tmp_path: Path) -> None:
    found = threading.Event()

    class Slow(FakeBot):
        def examples(self, count: int = 4) -> list[str]:
            found.wait()
            return super().examples(count)

    try:
        with served(Slow(tmp_path)) as address:
            watched = Watched(browser, address)
            watched.page.wait_for_selector(".nd-welcome")
            assert watched.page.locator("a.nd-ask").count() == 0
            found.set()
            watched.page.wait_for_selector("a.nd-ask")
            watched.context.close()
    finally:
        found.set()


def test_on_a_phone_the_pane_covers_the_chat_and_one_tap_goes_back(browser: Any, address: str) -> None:
    watched = Watched(browser, address, width=390, height=844, has_touch=True, is_mobile=True)
    page = watched.page
    watched.ask("When did the wall break?")
    page.locator("a.nd-cite").first.tap()
    page.wait_for_selector("#nd-mark")
    box = page.locator("#nd-right").bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 390, 844)
    page.locator(".nd-back").tap()
    page.wait_for_selector("#nd-right", state="hidden")
    page.locator("a.nd-cite").first.tap()
    page.wait_for_selector("#nd-mark")
    page.go_back()
    page.wait_for_selector("#nd-right", state="hidden")
    expect(page.locator(".nd-short")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    watched.context.close()


def test_the_page_speaks_german(browser: Any, address: str) -> None:
    watched = Watched(browser, address, locale="de-DE")
    page = watched.page
    expect(page.get_by_placeholder("Fragen Sie nach diesen Artikeln")).to_be_visible()
    watched.ask("Who owns the moon?")
    expect(page.locator(".nd-refused")).to_have_text("Die Artikel beantworten das nicht.")
    expect(page.locator(".nd-refusal")).to_contain_text("26. Januar 2026")
    watched.ask("hello")
    expect(page.locator(".nd-about")).to_have_text(
        "Guten Tag! Ich antworte aus 3 Artikeln vom 26. Januar 2026 bis 2. März 2026 und zitiere, worauf jede "
        "Antwort beruht."
    )
    page.locator("#nd-filter summary").click()
    page.get_by_label("Von").fill("2026-02-01")
    expect(page.locator("#nd-filter summary")).to_have_text("Nur seit 1. Februar 2026")
    watched.context.close()


EVIL = [
    '<script>window.hacked=1</script><img src="http://evil.example/a.png" onerror="window.hacked=1">',
    "![x](http://evil.example/b.png) [go](javascript:window.hacked=1) <svg onload=window.hacked=1>",
    '"><style>@import url(http://evil.example/c.css)</style><video src="http://evil.example/d.mp4" autoplay></video>',
    "$$\\href{javascript:window.hacked=1}{x}$$ {{constructor.constructor('window.hacked=1')()}} ${window.hacked=1}",
    "\u202e\u2066evil\n\n\n# not a heading\n\n- <a href='http://evil.example/e' ping='http://evil.example/f'>x</a>",
    "W" * 4000,
    '<div style="background:url(http://evil.example/g);position:fixed;inset:0">over</div>',
]


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_articles_run_nothing_fetch_nothing_and_break_no_layout(
    browser: Any, tmp_path: Path, width: int
) -> None:
    text = "\n".join([*EVIL, FILLER])
    article = Article(
        '"><img src=http://evil.example/id onerror=window.hacked=1>.txt', EVIL[0] + EVIL[3] + EVIL[5], text,
        url="javascript:window.hacked=1", source=EVIL[1] + EVIL[4], author=EVIL[2],
    )  # fmt: skip
    quotes = [
        cite(n, article, piece.strip(), also_in=(Copy(article.id, EVIL[2], EVIL[0]),))
        for n, piece in enumerate(EVIL, 1)
    ]
    answer = Answer(
        "", statements=(*(Statement(c.quote, (c,)) for c in quotes), Statement(EVIL[1], (quotes[0],), "supported")),
        short_answer=EVIL[1], citations=tuple(quotes), notes=tuple(EVIL), timings={EVIL[1]: 1.0},
        disagreement=tuple(Alternative(EVIL[k], None, (quotes[k],)) for k in (0, 1)), answerer=EVIL[0],
    )  # fmt: skip
    bot = FakeBot(tmp_path, kept=[article], prepared=answer, asks=EVIL[:4])
    with served(bot) as address:
        watched = Watched(browser, address, width=width)
        page = watched.page
        page.wait_for_selector(".nd-ask")
        watched.ask("\n".join(EVIL))
        page.locator("a.nd-cite").first.click(delay=100)
        page.wait_for_selector("#nd-mark")
        page.wait_for_timeout(500)
        assert page.evaluate("window.hacked") is None
        assert watched.foreign() == []
        assert watched.errors == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".nd-original").count() == 0
        assert page.locator("#nd-chat :is(img, video, iframe, svg, style, script):not(button *)").count() == 0
        assert "".join(page.locator("mark.nd-main").all_text_contents()) == EVIL[0]
        watched.context.close()


def test_ctrl_c_ends_the_server_in_one_line(seeds_index: Path) -> None:
    command = [sys.executable, "-m", "ui.cli", "serve", "--port", "0", "--index", str(seeds_index)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout and "newsdesk is at http://127.0.0.1:" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=120)
    assert (process.returncode, said, errors) == (0, "newsdesk has stopped\n", "")


def test_every_answer_carries_the_policy_and_foreign_hosts_are_refused(address: str) -> None:
    import httpx

    reply = httpx.get(address)
    assert "default-src 'self'" in reply.headers["content-security-policy"]
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert httpx.get(address, headers={"host": "evil.example"}).status_code == 400


def test_what_a_browser_sends_back_is_checked(tmp_path: Path) -> None:
    good = Answer("q").to_json()
    state = {
        "turns": [{"answer": good, "done": True}, {"answer": "{}x"}, 5, {"answer": 7}, {}, {"answer": "x" * 10**6}]
    }
    assert [shown.answer.question for shown in loaded(state)] == ["q"]
    for nonsense in (None, [], "x", {"turns": 3}, {"turns": None}):
        assert loaded(nonsense) == []
    open = opener(FakeBot(tmp_path))  # type: ignore[arg-type]
    for asked in (None, 7, {"refs": 3}, {"refs": ["x", None, {}]}, {"refs": [Reference("../../etc/passwd").text]}):
        assert re.fullmatch(r"|<div class=\"nd-contents\">.*", open(asked)["html"], re.DOTALL)
    changed = open({"refs": [Reference(DEARER.article_id, 0, 9, quote="0" * 8).text], "language": "de"})["html"]
    assert "Dieser Artikel wurde geändert" in changed and "<mark" not in changed
    past = open({"refs": [Reference(DEARER.article_id, 5, 10**8).text], "language": "de"})["html"]
    assert "2. März 2026" in past and "nd-mark" in past


def test_feedback_and_secret_are_kept_in_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    append_feedback(path, Turn("Ø?", Answer("Ø?")), liked=True, reason="")
    append_feedback(path, Turn("b", Answer("b")), liked=False, reason="old")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(line["question"], line["liked"], line["reason"]) for line in lines] == [
        ("Ø?", True, ""),
        ("b", False, "old"),
    ]
    secret = storage_secret(tmp_path)
    assert len(secret) == 32 and storage_secret(tmp_path) == secret
    assert (tmp_path / "chat-secret").stat().st_mode & 0o077 == 0


def test_a_new_question_stands_at_the_top(watched: Watched) -> None:
    for _ in range(3):
        watched.ask("When did the wall break?")
    watched.page.wait_for_function(AT_THE_TOP)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser: Any, address: str, theme: str, width: int) -> None:
    script = Path(__file__).parent.parent / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        pytest.skip("axe-core is not installed: npm install --no-save axe-core")
    watched = Watched(browser, f"{address}/?__theme={theme}", width=width)
    page = watched.page

    def faults() -> list[Any]:
        page.wait_for_function("document.getAnimations().every(one => one.playState !== 'running')")
        page.evaluate(script.read_text(encoding="utf-8") + ";0")
        found = page.evaluate("axe.run().then(r => r.violations.map(v => [v.impact, v.id, v.nodes[0].html]))")
        return [fault for fault in found if fault[0] in ("serious", "critical")]

    page.wait_for_selector("a.nd-ask")
    assert faults() == []
    for question in ("When did the wall break?", "Who owns the moon?", "What will it cost?", "hello"):
        watched.ask(question)
    page.locator("a[href='#dislike-2']").click(delay=100)
    page.locator("a[href='#edit-1']").click(delay=100)
    page.locator(".nd-stages summary").first.click()
    page.locator("#nd-filter summary").click()
    page.get_by_role("checkbox", name="Nordic Wire").check()
    page.wait_for_selector(".nd-reasons")
    assert faults() == []
    expect(page.locator("#nd-chat [aria-label*='<']")).to_have_count(0)
    page.keyboard.press("Escape")
    page.locator("a.nd-cite").first.click(delay=100)
    page.wait_for_selector("#nd-mark")
    assert faults() == []
    watched.context.close()

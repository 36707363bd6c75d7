"""Pictures of the chat page for docs/screenshots: every state at 1440, 768 and 390 pixels, light and dark.

    python bench/screenshots.py [--index newsdesk-data] [--out docs/screenshots] [--browser /usr/bin/chromium]

It serves the real page over an index of seeds/ on loopback and drives a real browser. Which questions are shown is
tried first, since what is answered changes with the models. It compares nothing: the pictures are for people.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag.bot import Bot
    from rag.types import Answer

WIDTHS = {"laptop": (1440, 900), "tablet": (768, 1024), "phone": (390, 844)}
ANSWERED = (
    "When did the spire of Notre-Dame fall?",
    "When did the Titanic leave Southampton?",
    "Who commanded the Apollo 11 flight?",
    "How many people died in the Valencia floods?",
)
DISPUTED = (
    "How many people were killed in the Valencia floods?",
    "How many people were killed by the tsunami?",
    "How many victims did the floods in Valencia have?",
)
REFUSED = (
    "Who won the chess world championship?",
    "What is the boiling point of tungsten?",
    "How do I bake sourdough bread?",
)
BROWSER_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/screenshots"))
    parser.add_argument("--index", type=Path, default=Path("newsdesk-data"))
    parser.add_argument("--browser", default=shutil.which("chromium"))
    arguments = parser.parse_args()
    if not arguments.browser:
        raise SystemExit("no browser: install chromium, or name one with --browser")
    from rag.bot import Bot
    from ui.chat import launch_options, make_app

    with tempfile.TemporaryDirectory() as folder, Bot.open(arguments.index) as bot:
        questions = (
            first(bot, ANSWERED, lambda answer: bool(answer.citations and not answer.disagreement)),
            first(bot, DISPUTED, lambda answer: bool(answer.disagreement)),
            first(bot, REFUSED, lambda answer: answer.refused),
        )
        bot.examples(4)
        page = make_app(bot, folder=Path(folder))
        options = launch_options("127.0.0.1", 0)
        page.launch(prevent_thread_lock=True, **options)
        try:
            take(f"http://127.0.0.1:{options['server_port']}", arguments.out, arguments.browser, questions)
        finally:
            page.close(verbose=False)


def first(bot: Bot, questions: Sequence[str], fits: Callable[[Answer], bool]) -> str:
    """The first question whose answer is of the kind; the first of all where none is."""
    return next((question for question in questions if fits(bot.ask(question))), questions[0])


def take(address: str, out: Path, executable: str, questions: Sequence[str]) -> None:
    """Walk through the page once for each width and theme."""
    from playwright.sync_api import sync_playwright

    answered, disputed, refused = questions
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=BROWSER_OPTIONS)
        for device, (width, height) in WIDTHS.items():
            for theme in ("light", "dark"):
                page = browser.new_page(viewport={"width": width, "height": height})
                page.goto(f"{address}/?__theme={theme}")

                def shot(name: str, page: Any = page, device: str = device, theme: str = theme) -> None:
                    page.wait_for_timeout(350)
                    page.screenshot(path=out / f"{name}-{device}-{theme}.png")

                page.wait_for_selector(".nd-contents", state="attached")
                page.wait_for_selector(".nd-ask, .nd-welcome")
                shot("welcome")
                page.locator("#nd-filter summary").click()
                page.locator("#nd-filter input[type=checkbox]").first.check()
                shot("filter")
                page.locator("#nd-filter [data-clear]").click()
                ask(page, answered)
                if page.locator("a.nd-cite").count():
                    page.locator("a.nd-cite").first.click(delay=100)
                    page.wait_for_selector("#nd-mark")
                    page.mouse.move(width / 2, 4)
                    if device == "phone":
                        shot("article")
                        page.locator(".nd-back").click()
                shot("answer")
                page.keyboard.press("Escape")
                ask(page, disputed)
                shot("two")
                ask(page, refused)
                shot("refusal")
                page.close()
        browser.close()


def ask(page: Any, question: str) -> None:
    before = page.locator(".nd-answer .nd-acts").count()
    page.fill("#nd-box textarea", question)
    page.keyboard.press("Enter")
    page.wait_for_function("n => document.querySelectorAll('.nd-answer .nd-acts').length > n", arg=before)
    page.wait_for_selector("#nd-box .submit-button")


if __name__ == "__main__":
    main()

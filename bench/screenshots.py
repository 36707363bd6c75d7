"""Pictures of the chat page for docs/screenshots: every state at 1440, 768 and 390 pixels, light and dark.

    python bench/screenshots.py [--index newsdesk-data] [--out docs/screenshots] [--browser /usr/bin/chromium]

It serves the real page over an index of seeds/ on loopback and drives a real browser. It compares
nothing: the pictures are for people to look at.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

WIDTHS = {"laptop": (1440, 900), "tablet": (768, 1024), "phone": (390, 844)}
BROWSER_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/screenshots"))
    parser.add_argument("--index", type=Path, default=Path("newsdesk-data"))
    parser.add_argument("--browser", default=shutil.which("chromium"))
    parser.add_argument("--ask", default="When did the spire of Notre-Dame fall?")
    parser.add_argument("--ask-two", default="How many people died in the Valencia floods?")
    parser.add_argument("--refuse", default="Who won the chess world championship?")
    arguments = parser.parse_args()
    if not arguments.browser:
        raise SystemExit("no browser: install chromium, or name one with --browser")
    from rag.bot import Bot
    from ui.chat import launch_options, make_app

    with tempfile.TemporaryDirectory() as folder, Bot.open(arguments.index) as bot:
        page = make_app(bot, folder=Path(folder))
        options = launch_options("127.0.0.1", 0)
        page.launch(prevent_thread_lock=True, **options)
        try:
            take(f"http://127.0.0.1:{options['server_port']}", arguments)
        finally:
            page.close()


def take(address: str, arguments: argparse.Namespace) -> None:
    """Walk through the page once for each width and theme."""
    from playwright.sync_api import sync_playwright

    arguments.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.browser, args=BROWSER_OPTIONS)
        for device, (width, height) in WIDTHS.items():
            for theme in ("light", "dark"):
                page = browser.new_page(viewport={"width": width, "height": height})
                page.goto(f"{address}/?__theme={theme}")

                def shot(name: str, page: Any = page, device: str = device, theme: str = theme) -> None:
                    page.wait_for_timeout(350)
                    page.screenshot(path=arguments.out / f"{name}-{device}-{theme}.png")

                page.wait_for_selector(".nd-ask")
                page.wait_for_selector(".nd-contents", state="attached")
                shot("welcome")
                ask(page, arguments.ask)
                page.locator("a.nd-cite").first.click(delay=100)
                page.wait_for_selector("#nd-mark")
                page.mouse.move(width / 2, 4)
                if device == "phone":
                    shot("article")
                    page.locator(".nd-back").click()
                shot("answer")
                page.keyboard.press("Escape")
                ask(page, arguments.ask_two)
                shot("two")
                ask(page, arguments.refuse)
                shot("refusal")
                page.close()
        browser.close()


def ask(page: Any, question: str) -> None:
    before = page.locator(".nd-answer .nd-acts").count()
    page.fill("#nd-box textarea", question)
    page.keyboard.press("Enter")
    page.wait_for_function("n => document.querySelectorAll('.nd-answer .nd-acts').length > n", arg=before)
    page.wait_for_timeout(300)


if __name__ == "__main__":
    main()

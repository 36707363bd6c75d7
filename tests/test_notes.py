"""What the bot notes beside an answer is said in German too: every note that rag can give, found by asking for it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from index.types import Filter
from rag.answer import REFUSAL
from rag.bot import NOT_FITTED, Bot
from rag.types import Answer, Turn
from ui.export import conversation_markdown
from ui.notes import note
from ui.render import answer_html
from ui.texts import Texts

GERMAN = Texts("de")


@pytest.mark.parametrize(
    "text",
    [
        REFUSAL,
        NOT_FITTED,
        "1 sentence was struck: the passages do not support it.",
        "7 sentences were flagged: the passages do not support them.",
        "The language model's text was cut off; the answer may be incomplete.",
        "1 passage did not fit into the language model's prompt.",
        "3 passages did not fit into the language model's prompt.",
        "The collection holds no article published on 4 February 2026.",
        "The search found no passage for this question.",
        "“31 February 2026” cannot be read as a date, so it narrows nothing.",
        "Ask on whenever you like.",
        "InMemoryVectorStore has no BM25: passages were found by embedding alone.",
    ],
)
def test_each_note_has_its_german(text: str) -> None:
    assert note(text, GERMAN) != text
    assert note(text, Texts("en")) == text


def test_notes_inside_notes_and_days_are_put_into_words() -> None:
    assert note("The language model failed (APIError): the answer is made of quotes instead.", GERMAN) == (
        "Das Sprachmodell versagte (APIError): Die Antwort besteht stattdessen aus Zitaten."
    )
    assert note("Something new: the answer is made of quotes instead.", GERMAN).startswith("Something new: Die")
    assert note("The collection holds no article published from 1 May 2024 to 26 January 2026.", GERMAN) == (
        "Die Sammlung enthält keinen Artikel, der vom 1. Mai 2024 bis 26. Januar 2026 erschienen ist."
    )
    one = "I answer from 1 article of 26 January 2026, about “Rain, and snow”, and quote where each answer stands."
    assert note(one, GERMAN) == (
        "Ich antworte aus 1 Artikel vom 26. Januar 2026, über “Rain, and snow” und zitiere, worauf jede Antwort beruht."
    )
    assert note("An unknown {brace} note.", GERMAN) == "An unknown {brace} note."


def test_what_the_bot_really_says_is_known(seeds_index: Path) -> None:
    with Bot.open(seeds_index) as bot:
        for said in ("hello", "thanks", "bye", "help", "?!"):
            reply = bot.small_talk(said)
            assert reply and note(reply, GERMAN) != reply
        assert note(bot.about(), GERMAN).startswith(
            "Ich antworte aus 16 Artikeln vom 25. Juli 1969 bis 27. Januar 2026"
        )
        asked = [
            bot.ask("What happened?", filter=Filter(published_from=date(2050, 1, 1))),
            bot.ask("What happened?", filter=Filter(published_to=date(1900, 1, 1))),
            bot.ask("What happened?", filter=Filter(sources=("Nobody",))),
            bot.ask("word " * 3000, filter=Filter(sources=("Nobody",))),
        ]
        for answer in asked:
            assert answer.refused and answer.notes
            assert all(note(text, GERMAN) != text for text in answer.notes), answer.notes
        html = answer_html(asked[0], 0, texts=GERMAN)
        assert "seit dem 1. Januar 2050" in html
        export = conversation_markdown([Turn("a?", asked[0]), Turn("b?", Answer("b?", refused=True))], texts=GERMAN)
        assert "seit dem 1. Januar 2050" in export

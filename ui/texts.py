"""Every word that the chat page itself says, in English and German, and how each language writes a date.

A third language is one more entry in `LANGUAGES`. Gradio's own translator picks the browser's language for labels and
placeholders; what Python renders takes it from the request's Accept-Language (`language_of`). What the bot notes beside
an answer is in ui.notes; texts of answers, articles and errors come as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Literal

Language = Literal["en", "de"]

_ENGLISH = {
    "title": "newsdesk",
    "subtitle": "A reading room that answers",
    "conversation": "Conversation",
    "reading": "Reading pane",
    "ask_placeholder": "Ask about these articles",
    "ask_label": "Your question",
    "send": "Ask",
    "stop": "Stop",
    "new": "New conversation",
    "export": "Export",
    "theme": "Light or dark",
    "welcome": "What would you like to know?",
    "welcome_more": "Every answer quotes the articles. Open a number to see the very words it rests on.",
    "examples": "For example",
    "collection": "In this collection",
    "articles_one": "1 article",
    "articles": "{count} articles",
    "more": "and {count} more",
    "empty": "The collection is empty. Add articles with “newsdesk index PATH”.",
    "filter_all": "All articles",
    "filter_which": "Which articles may answer",
    "filter_days": "Published",
    "filter_from": "From",
    "filter_to": "To",
    "filter_sources": "Sources",
    "filter_clear": "All articles again",
    "only": "only {what}",
    "between": "{first} to {last}",
    "since": "since {day}",
    "until": "until {day}",
    "understanding": "Understanding",
    "searching": "Searching",
    "reading_stage": "Reading",
    "answering": "Answering",
    "stages": "Answered in {time}",
    "stages_refused": "Looked for {time}",
    "sources": "Sources",
    "also_in": "Also in",
    "refused": "The articles don’t answer this.",
    "closest": "The nearest passages",
    "disagreement": "The articles disagree",
    "undated": "undated",
    "partly": "only partly supported by its source",
    "unsupported": "not supported by its source",
    "struck_one": "1 sentence was taken out: its source does not support it",
    "struck": "{count} sentences were taken out: their sources do not support them",
    "written": "Written by a language model; each sentence was checked against its source.",
    "understood": "Understood as: {question}",
    "mode": "How to answer",
    "mode_quote": "Quote",
    "mode_write": "Write",
    "stopped": "Stopped.",
    "whole": "Show all",
    "less": "Show less",
    "copy": "Copy",
    "copied": "Copied",
    "again": "Ask again",
    "edit": "Edit",
    "save": "Ask this instead",
    "cancel": "Cancel",
    "like": "Helpful",
    "dislike": "Not helpful",
    "thanks": "Noted, thank you",
    "reason": "What is wrong with it?",
    "reason_wrong": "The answer is wrong",
    "reason_quote": "The quote does not show it",
    "reason_missed": "The articles do answer this",
    "reason_old": "It is out of date",
    "reason_other": "In your own words …",
    "reason_send": "Send",
    "source": "Source",
    "page": "page {number}",
    "original": "Read the original at",
    "back": "Back to the conversation",
    "close": "Close the article",
    "previous": "Previous citation",
    "next": "Next citation",
    "position": "{number} of {count}",
    "missing": "This article is no longer in the collection.",
    "changed": "This article has changed since it was cited.",
    "unloaded": "The article could not be loaded. Try again.",
    "failed": "Something went wrong, and the question is not answered. Please ask again.",
    "you_asked": "You asked",
    "date": "{day} {month} {year}",
    "months": "January February March April May June July August September October November December",
    "seconds": "{count} s",
    "milliseconds": "{count} ms",
    "point": ".",
    "exported": "Asked of newsdesk",
}

_GERMAN = {
    "title": "newsdesk",
    "subtitle": "Ein Lesesaal, der antwortet",
    "conversation": "Gespräch",
    "reading": "Lesebereich",
    "ask_placeholder": "Fragen Sie nach diesen Artikeln",
    "ask_label": "Ihre Frage",
    "send": "Fragen",
    "stop": "Anhalten",
    "new": "Neues Gespräch",
    "export": "Exportieren",
    "theme": "Hell oder dunkel",
    "welcome": "Was möchten Sie wissen?",
    "welcome_more": "Jede Antwort zitiert die Artikel. Eine Ziffer öffnet genau die Worte, auf denen sie ruht.",
    "examples": "Zum Beispiel",
    "collection": "In dieser Sammlung",
    "articles_one": "1 Artikel",
    "articles": "{count} Artikel",
    "more": "und {count} weitere",
    "empty": "Die Sammlung ist leer. Fügen Sie mit „newsdesk index PFAD“ Artikel hinzu.",
    "filter_all": "Alle Artikel",
    "filter_which": "Welche Artikel antworten dürfen",
    "filter_days": "Erschienen",
    "filter_from": "Von",
    "filter_to": "Bis",
    "filter_sources": "Quellen",
    "filter_clear": "Wieder alle Artikel",
    "only": "nur {what}",
    "between": "{first} bis {last}",
    "since": "seit {day}",
    "until": "bis {day}",
    "understanding": "Verstehen",
    "searching": "Suchen",
    "reading_stage": "Lesen",
    "answering": "Antworten",
    "stages": "Beantwortet in {time}",
    "stages_refused": "Gesucht in {time}",
    "sources": "Quellen",
    "also_in": "Auch in",
    "refused": "Die Artikel beantworten das nicht.",
    "closest": "Die nächstliegenden Stellen",
    "disagreement": "Die Artikel widersprechen sich",
    "undated": "ohne Datum",
    "partly": "von der Quelle nur teilweise gestützt",
    "unsupported": "von der Quelle nicht gestützt",
    "struck_one": "1 Satz wurde gestrichen: seine Quelle stützt ihn nicht",
    "struck": "{count} Sätze wurden gestrichen: ihre Quellen stützen sie nicht",
    "written": "Von einem Sprachmodell geschrieben; jeder Satz wurde an seiner Quelle geprüft.",
    "understood": "Verstanden als: {question}",
    "mode": "Wie geantwortet wird",
    "mode_quote": "Zitieren",
    "mode_write": "Schreiben",
    "stopped": "Angehalten.",
    "whole": "Alles zeigen",
    "less": "Weniger zeigen",
    "copy": "Kopieren",
    "copied": "Kopiert",
    "again": "Noch einmal fragen",
    "edit": "Bearbeiten",
    "save": "Stattdessen fragen",
    "cancel": "Abbrechen",
    "like": "Hilfreich",
    "dislike": "Nicht hilfreich",
    "thanks": "Notiert, vielen Dank",
    "reason": "Was stimmt daran nicht?",
    "reason_wrong": "Die Antwort ist falsch",
    "reason_quote": "Das Zitat belegt sie nicht",
    "reason_missed": "Die Artikel beantworten es doch",
    "reason_old": "Sie ist veraltet",
    "reason_other": "In eigenen Worten …",
    "reason_send": "Senden",
    "source": "Quelle",
    "page": "Seite {number}",
    "original": "Im Original lesen bei",
    "back": "Zurück zum Gespräch",
    "close": "Artikel schließen",
    "previous": "Voriges Zitat",
    "next": "Nächstes Zitat",
    "position": "{number} von {count}",
    "missing": "Dieser Artikel ist nicht mehr in der Sammlung.",
    "changed": "Dieser Artikel wurde geändert, seit er zitiert wurde.",
    "unloaded": "Der Artikel konnte nicht geladen werden. Versuchen Sie es noch einmal.",
    "failed": "Etwas ist schiefgegangen, die Frage ist nicht beantwortet. Bitte fragen Sie noch einmal.",
    "you_asked": "Ihre Frage",
    "date": "{day}. {month} {year}",
    "months": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "seconds": "{count} s",
    "milliseconds": "{count} ms",
    "point": ",",
    "exported": "Gefragt bei newsdesk",
}

LANGUAGES: Mapping[str, Mapping[str, str]] = MappingProxyType({"en": _ENGLISH, "de": _GERMAN})

IN_SCRIPT = (
    "copy copied save cancel thanks reason reason_wrong reason_quote reason_missed reason_old reason_other reason_send "
    "missing unloaded position edit close back previous next whole less filter_all only between since until"
).split()
"""The texts that chat.js needs; it gets them in every language and picks the browser's."""


def language_of(accept_language: str | None) -> Language:
    """The first language that the page speaks in an Accept-Language header; English where there is none.

    >>> language_of("fr-CH, de-AT;q=0.9, en;q=0.8"), language_of(None)
    ('de', 'en')
    """
    for part in (accept_language or "")[:200].split(","):
        short = part.split(";")[0].strip().split("-")[0].lower()
        if short == "de":
            return "de"
        if short == "en":
            return "en"
    return "en"


class Texts:
    """The texts of one language: `texts("struck", count=2)`. A missing name raises KeyError."""

    def __init__(self, language: Language = "en") -> None:
        self.language = language
        self._texts = LANGUAGES[language]

    def __call__(self, name: str, /, **values: object) -> str:
        text = self._texts[name]
        return text.format(**values) if values else text

    def date(self, day: date | None) -> str:
        """A date in words.

        >>> Texts("de").date(date(2026, 1, 26))
        '26. Januar 2026'
        """
        if day is None:
            return self("undated")
        return self("date", day=day.day, month=self("months").split()[day.month - 1], year=day.year)

    def duration(self, milliseconds: float) -> str:
        """
        >>> Texts("en").duration(38.2), Texts("de").duration(1240)
        ('38 ms', '1,2 s')
        """
        if milliseconds < 1000:
            return self("milliseconds", count=round(milliseconds))
        return self("seconds", count=f"{milliseconds / 1000:.1f}".replace(".", self("point")))

    def articles(self, count: int) -> str:
        return self("articles_one") if count == 1 else self("articles", count=f"{count:,}")

"""What the bot says beside an answer, in the page's language: its known English sentences and their German ones.

`{…}` stands for anything; a value that is a day is written as the language writes it, and `about`, `when`, `among` and
`why` are notes themselves. A sentence that is not known stays in English; one that is added to rag is added here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType

from rag.answer import REFUSAL
from rag.types import Answer
from ui.texts import Language, Texts

_GERMAN = {
    "The collection does not seem to hold an answer to this.": "Die Sammlung enthält darauf wohl keine Antwort.",
    "Refusals were fitted for other models: set refuse_below, or run `newsdesk evaluate --fit`.": (
        "Ablehnungen sind auf andere Modelle eingestellt: Setzen Sie refuse_below oder rufen Sie "
        "`newsdesk evaluate --fit` auf."
    ),
    "Only the question's first {count} characters were used.": (
        "Nur die ersten {count} Zeichen der Frage wurden verwendet."
    ),
    "No article matches the filter.": "Kein Artikel passt zum Filter.",
    "The collection is empty.": "Die Sammlung ist leer.",
    "The collection is empty: add articles with `newsdesk index PATH`.": (
        "Die Sammlung ist leer: Fügen Sie mit `newsdesk index PFAD` Artikel hinzu."
    ),
    "The collection holds no article published from {first} to {last}.": (
        "Die Sammlung enthält keinen Artikel, der vom {first} bis {last} erschienen ist."
    ),
    "The collection holds no article published on {day}.": (
        "Die Sammlung enthält keinen Artikel, der am {day} erschienen ist."
    ),
    "The search found no passage for this question.": "Die Suche fand keine Stelle zu dieser Frage.",
    "“{date}” cannot be read as a date, so it narrows nothing.": (
        "„{date}“ lässt sich nicht als Datum lesen und grenzt deshalb nichts ein."
    ),
    "The collection holds no article published since {day}.": (
        "Die Sammlung enthält keinen Artikel, der seit dem {day} erschienen ist."
    ),
    "The collection holds no article published until {day}.": (
        "Die Sammlung enthält keinen Artikel, der bis zum {day} erschienen ist."
    ),
    "Hello! {about}": "Guten Tag! {about}",
    "Ask a question about the articles. {about}": "Stellen Sie eine Frage zu den Artikeln. {about}",
    "Ask on whenever you like.": "Fragen Sie jederzeit weiter.",
    "You are welcome. Ask on whenever you like.": "Gern. Fragen Sie jederzeit weiter.",
    "Goodbye.": "Auf Wiedersehen.",
    "I answer from 1 article{when}{among}, and quote where each answer stands.": (
        "Ich antworte aus 1 Artikel{when}{among} und zitiere, worauf jede Antwort beruht."
    ),
    "I answer from {count} articles{when}{among}, and quote where each answer stands.": (
        "Ich antworte aus {count} Artikeln{when}{among} und zitiere, worauf jede Antwort beruht."
    ),
    " of {day}": " vom {day}",
    " from {first} to {last}": " vom {first} bis {last}",
    ", among them {titles}": ", darunter {titles},",
    ", about {titles}": ", über {titles}",
    "{store} has no BM25: passages were found by embedding alone.": (
        "{store} kennt kein BM25: Die Stellen wurden nur nach ihrer Bedeutung gefunden."
    ),
    "1 sentence was struck: the passages do not support it.": "1 Satz wurde gestrichen: Die Stellen stützen ihn nicht.",
    "1 sentence was flagged: the passages do not support it.": (
        "1 Satz wurde gekennzeichnet: Die Stellen stützen ihn nicht."
    ),
    "{count} sentences were struck: the passages do not support them.": (
        "{count} Sätze wurden gestrichen: Die Stellen stützen sie nicht."
    ),
    "{count} sentences were flagged: the passages do not support them.": (
        "{count} Sätze wurden gekennzeichnet: Die Stellen stützen sie nicht."
    ),
    "The language model's text was cut off; the answer may be incomplete.": (
        "Der Text des Sprachmodells brach ab; die Antwort kann unvollständig sein."
    ),
    "1 passage did not fit into the language model's prompt.": (
        "1 Stelle passte nicht in die Eingabe des Sprachmodells."
    ),
    "{count} passages did not fit into the language model's prompt.": (
        "{count} Stellen passten nicht in die Eingabe des Sprachmodells."
    ),
    "{why}: the answer is made of quotes instead.": "{why}: Die Antwort besteht stattdessen aus Zitaten.",
    "Nothing that the language model wrote held against what it cites ({count} struck)": (
        "Nichts von dem, was das Sprachmodell schrieb, hielt seinen Quellen stand ({count} gestrichen)"
    ),
    "The language model wrote nothing": "Das Sprachmodell schrieb nichts",
    "The language model took longer than {seconds} s": "Das Sprachmodell brauchte länger als {seconds} s",
    "The language model wrote nothing for {seconds} s": "Das Sprachmodell schrieb {seconds} s lang nichts",
    "The language model failed ({name})": "Das Sprachmodell versagte ({name})",
    "No passage fits into llm_context_tokens": "Keine Stelle passt in llm_context_tokens",
}
NOTES: Mapping[Language, Mapping[str, str]] = MappingProxyType({"en": {}, "de": _GERMAN})
MAX_UNDERSTOOD = 200
_NESTED = ("about", "when", "among", "why")
_STRUCK = re.compile(r"\d+ sentences? (?:was|were) (?:struck|flagged):")
_DAY = r"\d{1,2} [A-Z][a-z]+ \d{4}"
_VALUES = {
    "count": r"[\d,]+",
    "day": _DAY,
    "first": _DAY,
    "last": _DAY,
    "when": r"(?: (?:of|from) [^,]+?)?",
    "among": r"(?:, (?:among them|about) .+?)?",
}


def understood(answer: Answer, texts: Texts) -> str:
    """How the question was understood, where that is not how it was asked; a long one is cut."""
    asked, alone = (" ".join(text.split()) for text in (answer.question, answer.standalone_question))
    if not alone or alone == asked:
        return ""
    if len(alone) > MAX_UNDERSTOOD:
        alone = alone[:MAX_UNDERSTOOD].rsplit(" ", 1)[0] + " …"
    return texts("understood", question=alone)


def beside(answer: Answer, texts: Texts, *, struck: bool = True) -> Iterator[str]:
    """What is said beside an answer; without `struck` not how many sentences were, for a page that lists them."""
    if answer.statements and answer.answerer not in ("extractive", "about", ""):
        yield texts("written")
    for text in answer.notes:
        # That it is a refusal stands above the notes already.
        if not (answer.refused and text == REFUSAL) and (struck or not _STRUCK.match(text)):
            yield note(text, texts)


def note(text: str, texts: Texts) -> str:
    """The note in the language of `texts`.

    >>> note("The collection holds no article published since 26 January 2026.", Texts("de"))
    'Die Sammlung enthält keinen Artikel, der seit dem 26. Januar 2026 erschienen ist.'
    """
    for pattern, translation in _patterns(texts.language):
        if found := pattern.fullmatch(text):
            return translation.format(**{name: _value(name, value, texts) for name, value in found.groupdict().items()})
    return text


def _value(name: str, value: str, texts: Texts) -> str:
    if name in _NESTED:
        return note(value, texts)
    try:
        return texts.date(datetime.strptime(value, "%d %B %Y").date()) if _VALUES.get(name) == _DAY else value
    except ValueError:
        return value


@cache
def _patterns(language: Language) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The most literal first, so that `{why}: …` takes only what nothing else does."""
    known = sorted(NOTES[language].items(), key=lambda pair: pair[0].startswith("{"))
    return tuple((_pattern(english), translation) for english, translation in known)


def _pattern(english: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", english)
    return re.compile(
        "".join(
            f"(?P<{part}>{_VALUES.get(part, '.*?')})" if at % 2 else re.escape(part) for at, part in enumerate(parts)
        ),
        re.DOTALL,
    )

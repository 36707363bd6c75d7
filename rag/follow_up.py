"""A question and the turns before it -> a question that stands alone; date words -> a Filter. Words only, no model.

What it leaves out: rewriting grammar. A follow-up keeps its words and gets the names it leans on appended, which
retrieval and the reader both understand and which can be shown to whoever asked.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from index.types import Filter
from rag.types import Turn
from rag.words import content_words

SMALL_TALK = "about"
"""The answerer of a greeting or a thank-you: nothing that a later question could lean on."""
_ANAPHOR = re.compile(
    r"\b(he|she|it|they|him|her|them|his|hers|its|their|theirs|this|these|those|there|then|that|one|ones|the same)\b",
    re.I,
)
_CONTINUES = re.compile(r"^\s*(and|but|so|or|what about|how about)\b", re.I)
_NAME = re.compile(r"(?:\b[A-ZÀ-ÞĀ-Ž][\w’'-]*(?:\s+(?:of|de|von|the|and)\s+(?=[A-ZÀ-Þ]))?\s*){1,5}")
_QUESTION_WORDS = frozenset(
    (
        "what who whom whose when where which why how did do does is are was were can could will would has have had "
        "in on at the a an and but tell give name"
    ).split()
)


def names(text: str) -> list[str]:
    """Capitalised runs that look like names; a sentence's first word counts only when it isn't a question word.

    >>> names("When did Tim Walz speak to Trump?")
    ['Tim Walz', 'Trump']
    """
    found = []
    for run in _NAME.findall(text):
        parts = run.split()
        while parts and parts[0].lower() in _QUESTION_WORDS:
            parts = parts[1:]
        if parts:
            found.append(" ".join(parts).strip("'’ "))
    return list(dict.fromkeys(re.sub(r"['’]s$", "", name) for name in found))


def stand_alone(question: str, history: Sequence[Turn]) -> str:
    """The question, with what it leans on in brackets when it leans on an earlier turn.

    A question leans when it continues ("And Trump?") in a few words, or names nobody and has a pronoun or few words.
    """
    if not history:
        return question
    asked, named = content_words(question), bool(names(question))
    leans = (
        (_CONTINUES.match(question) and len(asked) <= 2)
        or (not named and _ANAPHOR.search(question))
        or (not named and len(asked) <= 1)
    )
    if not leans:
        return question
    last = next((turn for turn in reversed(history) if turn.answer.answerer != SMALL_TALK), None)
    if last is None:
        return question
    before = last.answer.standalone_question or last.question
    topic = [*names(before), *([last.answer.short_answer] if last.answer.short_answer else [])]
    known = {word for name in topic for word in content_words(name)}
    seen = set(asked) | known
    rest = [word for word in dict.fromkeys(content_words(before)) if word not in seen]
    context = " ".join([*topic, *rest][:12])
    return f"{question} ({context})" if context else question


_MONTHS = {name.lower(): i for i, name in enumerate(calendar.month_name) if name} | {
    name.lower(): i for i, name in enumerate(calendar.month_abbr) if name
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY = (
    rf"(?:(?P<d>\d{{1,2}})\s+(?P<m>{_MONTH})\s+(?P<y>\d{{4}})|(?P<iso>\d{{4}}-\d\d-\d\d)"
    rf"|(?P<m2>{_MONTH})\s+(?P<y2>\d{{4}})|(?P<y3>\d{{4}}))"
)
_PUBLISHED = re.compile(
    r"\b(?:(?:articles?|reports?|news|story|stories|coverage)(?:\s+(?:published|written|printed))?"
    r"|what\s+(?:was|were|has\s+been)\s+(?:published|reported|written|printed))"
    rf"\s+(?P<how>in|on|from|since|after|before|until)\s+{_DAY}\b",
    re.I,
)
_NOW = re.compile(r"\b(?:news|headlines?|articles?|reports?|story|stories|happen(?:s|ed|ing)?)\b", re.I)
"""With one of these "today" asks for today's articles; else how things stand ("What is it used for today?")."""
_RECENT = re.compile(
    r"\b(?P<what>(?-i:today|yesterday)|^(?:today|yesterday)|(?P<which>this|last|past)\s+(?P<unit>week|month|year)"
    r"|(?:last|past)\s+(?P<n>\d{1,3})\s+days)(?:['’]s)?\b(?!\s+of\b)",
    re.I,
)


def dates_asked(question: str, today: date) -> Filter:
    """The publication dates that a question asks for; an event's own date ("in 1969") is not one.

    >>> dates_asked("What happened yesterday?", date(2026, 1, 27)).published_from
    datetime.date(2026, 1, 26)
    >>> bool(dates_asked("Who landed on the Moon in 1969?", date(2026, 1, 27)))
    False
    """
    if match := _PUBLISHED.search(question):
        first, last = _period(match)
        if first == date.max:
            return Filter(published_from=first, published_to=last)
        how = match["how"].lower()
        if how == "since":
            return Filter(published_from=first)
        if how == "after":
            return Filter(published_from=last + timedelta(days=1))
        if how in ("before", "until"):
            return Filter(published_to=last if how == "until" else first - timedelta(days=1))
        return Filter(published_from=first, published_to=last)
    if (match := _RECENT.search(question)) and (match["what"].lower() != "today" or _NOW.search(question)):
        return _recent(match, today)
    return Filter()


def _period(match: re.Match[str]) -> tuple[date, date]:
    try:
        if match["iso"]:
            day = date.fromisoformat(match["iso"])
            return day, day
        if match["d"]:
            day = date(int(match["y"]), _MONTHS[match["m"].lower()], int(match["d"]))
            return day, day
        if match["m2"]:
            year, month = int(match["y2"]), _MONTHS[match["m2"].lower()]
            return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
        return date(int(match["y3"]), 1, 1), date(int(match["y3"]), 12, 31)
    except ValueError:  # 31 February: nothing was published then, and nothing is what the filter should find
        return date.max, date.max


def _recent(match: re.Match[str], today: date) -> Filter:
    what = match["what"].lower()
    if what == "today":
        return Filter(published_from=today, published_to=today)
    if what == "yesterday":
        return Filter(published_from=today - timedelta(days=1), published_to=today)
    if match["n"]:
        return Filter(published_from=today - timedelta(days=int(match["n"])), published_to=today)
    which, unit = match["which"].lower(), match["unit"].lower()
    if which == "past":
        days = {"week": 7, "month": 31, "year": 366}[unit]
        return Filter(published_from=today - timedelta(days=days), published_to=today)
    if unit == "week":
        monday = today - timedelta(days=today.weekday())
        return (
            Filter(published_from=monday, published_to=today)
            if which == "this"
            else Filter(published_from=monday - timedelta(days=7), published_to=monday - timedelta(days=1))
        )
    if unit == "month":
        first = today.replace(day=1)
        end = first - timedelta(days=1)
        return (
            Filter(published_from=first, published_to=today)
            if which == "this"
            else Filter(published_from=end.replace(day=1), published_to=end)
        )
    year = today.year if which == "this" else today.year - 1
    return Filter(published_from=date(year, 1, 1), published_to=min(today, date(year, 12, 31)))


def narrow(chosen: Filter | None, asked: Filter) -> Filter:
    """Both filters at once: the later start and the earlier end."""
    if not chosen:
        return asked
    starts = [d for d in (chosen.published_from, asked.published_from) if d]
    ends = [d for d in (chosen.published_to, asked.published_to) if d]
    return replace(chosen, published_from=max(starts, default=None), published_to=min(ends, default=None))

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

from index.dates import MONTHS, parse_date
from index.types import Filter
from rag.types import Turn
from rag.words import content_words

SMALL_TALK = "about"
"""The answerer of a greeting or a thank-you: nothing that a later question could lean on."""
_ANAPHOR = re.compile(
    r"\b(he|she|it|they|him|her|them|his|hers|its|their|theirs|this|these|those|there|then|that|one|ones|the same)\b",
    re.I,
)
_UNSPACED = re.compile(r"[\u0e00-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""A letter of a script without blanks between words (Thai, Chinese, Japanese): a sentence looks like one word."""
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


def _leans(question: str) -> bool:
    asked = content_words(question)
    if _CONTINUES.match(question) and len(asked) <= 2:
        return True
    few = len(asked) <= 1 and not _UNSPACED.search(question)
    return not names(question) and bool(few or _ANAPHOR.search(question))


def _leaned_on(history: Sequence[Turn]) -> Turn | None:
    """The last turn with a topic: of refused ones those that name something, of the others all but small talk."""
    talked = [turn for turn in history if turn.answer.answerer != SMALL_TALK]
    with_topic = (
        turn
        for turn in reversed(talked)
        if not turn.answer.refused or names(turn.answer.standalone_question or turn.question)
    )
    return next(with_topic, talked[-1] if talked else None)


def stand_alone(question: str, history: Sequence[Turn]) -> str:
    """The question, with what it leans on in brackets when it leans on an earlier turn.

    A question leans when it continues ("And Trump?") in a few words, or names nobody and has a pronoun or few words.
    """
    last = _leaned_on(history)
    if last is None or not _leans(question):
        return question
    before = last.answer.standalone_question or last.question
    asked = content_words(question)
    topic = [*names(before), *([last.answer.short_answer] if last.answer.short_answer else [])]
    known = {word for name in topic for word in content_words(name)}
    seen = set(asked) | known
    rest = [word for word in dict.fromkeys(content_words(before)) if word not in seen]
    context = " ".join([*topic, *rest][:12])
    return f"{question} ({context})" if context else question


_MONTH = rf"(?:{'|'.join(sorted({*MONTHS, *(name[:3] for name in MONTHS), 'sept'}, key=len, reverse=True))})\b\.?"
_WEEKDAYS = [name.lower() for name in calendar.day_name]
_WEEKDAY = rf"(?:{'|'.join(_WEEKDAYS)})"
_YEAR = r"[12]\d{3}(?!\d|[/.]\d|-\d\d?\b)"
_DAY_OF_MONTH = r"\d{1,2}(?:st|nd|rd|th)?\b"
_NAMED = (
    rf"(?:{_WEEKDAY},?\s+)?(?:the\s+)?(?:{_DAY_OF_MONTH}\s+(?:of\s+)?{_MONTH},?\s+{_YEAR}"
    rf"|{_MONTH}\s+{_DAY_OF_MONTH},?\s+{_YEAR}|{_MONTH},?\s+{_YEAR})"
)
_FIGURES = r"[12]\d{3}[-/.]\d{1,2}(?:[-/.]\d{1,2})?\b|\d{1,2}[/.]\d{1,2}[/.][12]\d{3}\b"
_DATED = rf"(?:{_NAMED}|{_FIGURES}|{_YEAR})"
"""What looks like a day, a month or a year; whether it is one, parse_date says."""
_PART = rf"(?:{_DAY_OF_MONTH}(?:\s+(?:of\s+)?{_MONTH})?|{_MONTH}(?:\s+{_DAY_OF_MONTH})?)"
"""How a range may begin, the rest of its first date being that of its last: "1 to 10 March 2026"."""
_COUNTS = {w: n for n, w in enumerate("two three four five six seven eight nine ten eleven twelve".split(), start=2)}
_SPAN = (
    r"(?:(?:this|last|past)\s+(?:week|month|year)"
    rf"|(?:last|past)\s+(?:\d{{1,3}}|{'|'.join(_COUNTS)})\s+(?:days|weeks|months|years))"
)
_ENDS = r"(?!['’]|,?\s+(?!(?:and|to|until|till|through|before|about|on|say)\b)\w)"
"""After "on Sunday": what goes on ("Sunday schools", "Sunday 4 May") is something else than the last Sunday."""
_WHEN = rf"(?:(?:the\s+)?(?:{_SPAN}|today|now|yesterday)\b(?!\s+of\b)|{_DATED}|(?:last\s+)?{_WEEKDAY}\b{_ENDS})"
_TO = r"\s*(?:\b(?:and\s+)?(?:to|until|till|through|before)\b|\band\b|-|–)\s*"
_PRINTED = r"(?:published|written|printed)"
_PUBLISHED = re.compile(
    rf"\b(?:(?:articles?|reports?|news|story|stories|coverage)(?:\s+{_PRINTED})?"
    rf"|(?:articles?|stories|news)(?:\s+(?:that|which|do|you|there|are|is|was|were|has|have|been|{_PRINTED}))+"
    r"|what\s+(?:was|were|has\s+been)\s+(?:published|reported|written|printed))"
    r"\s+(?P<how>in|on|from|since|after|before|until|between|dated|published)\s+"
    rf"(?:(?P<first>{_WHEN}|{_PART}(?={_TO}{_NAMED}))(?P<to>{_TO})(?P<last>{_WHEN})|(?P<only>{_WHEN}))(?!\w)",
    re.I,
)
_NOW = re.compile(r"\b(?:news|headlines?|articles?|reports?|story|stories|happen(?:s|ed|ing)?)\b", re.I)
"""With one of these "today" asks for today's articles; else how things stand ("What is it used for today?")."""
_RECENT = re.compile(rf"\b(?P<what>(?-i:today|yesterday)|^(?:today|yesterday)|{_SPAN})(?:['’]s)?\b(?!\s+of\b)", re.I)
_DAYS = {"day": 1, "week": 7, "month": 31, "year": 366}

_Period = tuple[date, date]


def dates_asked(question: str, today: date) -> Filter:
    """The publication dates that a question asks for; an event's own date ("in 1969") is not one.

    >>> dates_asked("What happened yesterday?", date(2026, 1, 27)).published_from
    datetime.date(2026, 1, 26)
    >>> dates_asked("articles from 1 to 10 March 2026", date(2026, 1, 27)).published_to
    datetime.date(2026, 3, 10)
    >>> bool(dates_asked("Who landed on the Moon in 1969?", date(2026, 1, 27)))
    False
    """
    if match := _PUBLISHED.search(question):
        return (_range if match["last"] else _bounds)(match, today) or Filter()
    if (match := _RECENT.search(question)) and (match["what"].lower() != "today" or _NOW.search(question)):
        first, last = _recent(match["what"], today)
        return Filter(published_from=first, published_to=last)
    return Filter()


def unread_date(question: str, today: date) -> str:
    """The publication date that a question asks for and that no calendar has, or that can be read two ways; or "".

    >>> unread_date("articles from 31 February 2026", date(2026, 1, 27))
    '31 February 2026'
    """
    match = _PUBLISHED.search(question)
    parts = [match[name] for name in ("only", "first", "last") if match and match[name]]
    return "" if not match or dates_asked(question, today) else " to ".join(parts)


def _bounds(match: re.Match[str], today: date) -> Filter | None:
    if not (period := _period(match["only"], today)):
        return None
    (first, last), how = period, match["how"].lower()
    if how == "after":
        return Filter(published_from=last + timedelta(days=1))
    if how == "before":
        return Filter(published_to=first - timedelta(days=1))
    return Filter(None if how == "until" else first, None if how == "since" else last)


def _range(match: re.Match[str], today: date) -> Filter | None:
    """From the first date of "from A to B" to its last; what A lacks is B's."""
    if not (end := _period(match["last"], today)):
        return None
    year, month = end[0].year, MONTHS[end[0].month - 1]
    forms = ("{}", f"{{}} {year}", f"{{}} {year - 1}", f"{{}} {month} {year}")
    starts = (_period(form.format(match["first"]), today) for form in forms)
    if not (start := next((start for start in starts if start and start[0] <= end[1]), None)):
        return None
    first = start[1] + timedelta(days=1) if match["how"].lower() == "after" else start[0]
    return Filter(first, end[0] - timedelta(days=1) if "before" in match["to"].lower() else end[1])


def _period(text: str, today: date) -> _Period | None:
    """The first and the last day of what `_WHEN` matches; None where it is no date, or can be read two ways.

    >>> _period("Feb. 2024", date(2026, 1, 27))
    (datetime.date(2024, 2, 1), datetime.date(2024, 2, 29))
    """
    text = text.lower().removeprefix("the ")
    if text[:4].isdigit():
        text = re.sub("[/.]", "-", text)
    weekday = text.removeprefix("last ")
    if weekday in _WEEKDAYS:
        back = (today.weekday() - _WEEKDAYS.index(weekday) - 1) % 7 + 1
        return today - timedelta(days=back), today - timedelta(days=back)
    if re.fullmatch(rf"{_SPAN}|today|now|yesterday", text):
        return _recent(text, today)
    if day := parse_date(text):
        return day, day
    if month := parse_date(f"1 {text}") or parse_date(f"{text}-1"):
        return month, month.replace(day=calendar.monthrange(month.year, month.month)[1])
    return (date(int(text), 1, 1), date(int(text), 12, 31)) if re.fullmatch(_YEAR, text) else None


def _recent(text: str, today: date) -> _Period:
    """The days of "yesterday", "this month", "last week", "past 3 months"; yesterday is in today's news too."""
    if text.lower() in ("today", "now", "yesterday"):
        return today - timedelta(days=text.lower() == "yesterday"), today
    which, *count, unit = text.lower().split()
    if count or which == "past":
        number = _COUNTS.get(count[0]) or int(count[0]) if count else 1
        return today - timedelta(days=number * _DAYS[unit.rstrip("s")]), today
    begun = _beginning(unit, today)
    if which == "this":
        return begun, today
    before = begun - timedelta(days=1)
    return _beginning(unit, before), before


def _beginning(unit: str, day: date) -> date:
    """The first day of the week, month or year that `day` is in."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day.replace(month=1, day=1)


def narrow(chosen: Filter | None, asked: Filter) -> Filter:
    """Both filters at once: the later start and the earlier end."""
    if not chosen:
        return asked
    starts = [d for d in (chosen.published_from, asked.published_from) if d]
    ends = [d for d in (chosen.published_to, asked.published_to) if d]
    return replace(chosen, published_from=max(starts, default=None), published_to=min(ends, default=None))

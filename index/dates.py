"""Dates as articles write them, in English and ISO; what can be read two ways (01/02/2026) is None.

It leaves out times of day, other languages and words like "yesterday".
"""

from __future__ import annotations

import re
from datetime import date

MONTHS = "january february march april may june july august september october november december".split()
_MONTH = (
    r"(?P<{}>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
_DATE = re.compile(
    r"(?<![\w/.-])(?:"
    r"(?P<iy>\d{4})(?P<isep>[-/.])(?P<im>\d{1,2})(?P=isep)(?P<id>\d{1,2})"
    r"(?:[T ]" + _CLOCK + r"\s?(?:Z|[+-]\d{2}:?\d{2})?)?"
    r"|(?P<dd>\d{1,2})(?:st|nd|rd|th)?(?:\s+(?:of\s+)?|-)" + _MONTH.format("dm") + r"(?:,?\s+|-)(?P<dy>\d{4})"
    r"|" + _MONTH.format("mm") + r"\s+(?P<md>\d{1,2})(?:st|nd|rd|th)?,?\s+"
    r"(?:" + _CLOCK + r"\s+(?:[+-]\d{4}|[A-Z]{3,4})\s+)?(?P<my>\d{4})"
    r"|(?P<n1>\d{1,2})(?P<sep>[/.])(?P<n2>\d{1,2})(?P=sep)(?P<ny>\d{4})"
    r"|(?P<cy>(?:19|20)\d{2}|2100)(?P<cm>\d{2})(?P<cd>\d{2})(?:T?\d{6}(?:Z|[+-]\d{4})?)?"
    r")(?![\w/-])",
    re.IGNORECASE,
)


def find_date(text: str) -> tuple[date, int, int] | None:
    """The first date in `text` that can be read one way only, and where it stands; None where there is none.

    >>> find_date("Published on Jan. 26, 2026 by us")
    (datetime.date(2026, 1, 26), 13, 26)
    >>> find_date("01/02/2026") is None
    True
    """
    for match in _DATE.finditer(text):
        found = _read(match)
        if found:
            return found, match.start(), match.end()
    return None


def parse_date(value: object) -> date | None:
    """The date that a field holds: a date, a text or number with one date in it, or (milli)seconds since 1970.

    >>> parse_date("26 January 2026"), parse_date(20260126), parse_date("1769385600"), parse_date(2026)
    (datetime.date(2026, 1, 26), datetime.date(2026, 1, 26), datetime.date(2026, 1, 26), None)
    """
    from datetime import UTC, datetime

    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**14:
        value = str(int(value))
    if not isinstance(value, str):
        return None
    found = find_date(value[:200])
    if found:
        return found[0]
    if not re.fullmatch(r"\s*-?\d{9,14}\s*", value):
        return None  # fewer digits are a year or a count sooner than a second before March 1973
    seconds = int(value)
    try:
        # Milliseconds are what some exports write.
        return datetime.fromtimestamp(seconds / 1000 if abs(seconds) > 10**11 else seconds, UTC).date()
    except (ValueError, OverflowError, OSError):
        return None


def _read(match: re.Match[str]) -> date | None:
    group = match.groupdict()
    if group["iy"]:
        year, month, day = int(group["iy"]), int(group["im"]), int(group["id"])
    elif group["dy"]:
        year, month, day = int(group["dy"]), _month(group["dm"]), int(group["dd"])
    elif group["my"]:
        year, month, day = int(group["my"]), _month(group["mm"]), int(group["md"])
    elif group["cy"]:
        year, month, day = int(group["cy"]), int(group["cm"]), int(group["cd"])
    else:
        year, month, day = int(group["ny"]), int(group["n2"]), int(group["n1"])
        # A point is written between day and month only; a slash says nothing unless a number is above 12.
        if group["sep"] == "/" and day <= 12 and month <= 12 and day != month:
            return None
        if month > 12:
            month, day = day, month
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _month(name: str) -> int:
    return next(i for i, month in enumerate(MONTHS, 1) if month.startswith(name.lower()[:3]))

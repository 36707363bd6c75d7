"""The dateline that opens an agency's first paragraph: "OSLO, 26 January 2026 (Reuters) — It snowed."

It tells the day and the agency; its words stay in the paragraph. A day without its year ("Jan. 26") tells nothing,
since the year would be a guess.
"""

from __future__ import annotations

import re
from datetime import date

from index.dates import find_date

_DASH = re.compile(r"\s*(?:—|–|--|\s-)\s")
_AGENCY = re.compile(r"\(\s*(?P<name>[A-Z][\w.&' -]{1,40}?)\s*\)\s*$")
AGENCIES = frozenset("AP AFP ANSA Bloomberg CNN dpa DPA EFE KUNA Kyodo PA PTI Reuters TASS UPI Xinhua".split())
"""Without a date, a name in brackets after another is as often a party or a ticker."""
_DAY = re.compile(r",?\s*\b[A-Z][a-z]{2,8}\.?\s+\d{1,2}\s*$")
_NO_PLACE = re.compile(
    r"(?:on|in|by|at|since|from|until|after|before|for|the|a|an|it|this|that|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b",
    re.IGNORECASE,
)


def read_dateline(paragraph: str) -> tuple[date | None, str | None]:
    """The day and the agency that the paragraph opens with; None for what it doesn't tell.

    >>> read_dateline("OSLO, Norway, Jan. 26, 2026 (Reuters) - It snowed.")
    (datetime.date(2026, 1, 26), 'Reuters')
    >>> read_dateline("On Monday, January 26, 2026 — a cold day — it snowed.")
    (None, None)
    """
    for dash in list(_DASH.finditer(paragraph[:140]))[:2]:  # the second: "New York – January 26, 2026 – It snowed."
        told = _read_head(re.sub(_DASH, ", ", paragraph[: dash.start()]))
        if told != (None, None):
            return told
    return None, None


def _read_head(head: str) -> tuple[date | None, str | None]:
    agency = _AGENCY.search(head)
    if agency:
        head = head[: agency.start()].strip(" ,")
    found = find_date(head)
    if found and head[found[2] :].strip(" ,."):
        return None, None  # words after the date: a sentence
    place = head[: found[1]] if found else _DAY.sub("", head)
    if not _reads_as_place(place.strip(" ,(")) or (agency and not found and agency["name"] not in AGENCIES):
        return None, None
    return (found[0] if found else None), (agency["name"] if agency else None)


def _reads_as_place(place: str) -> bool:
    """A few capitalised words."""
    words = re.findall(r"[^\s,/]+", place)
    if not words or len(words) > 6 or _NO_PLACE.match(place):
        return False
    return all(word[0].isupper() or word in ("de", "la", "of", "am", "al", "del", "upon") for word in words)

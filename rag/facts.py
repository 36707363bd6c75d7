"""Text -> the facts that can be compared letter by letter: dates, amounts and proper names, in one normal form.

Dates are found here; it leaves out judging: what a missing or a different fact means is rag.check's. It doesn't resolve
"yesterday".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from rag.amounts import Amount, amounts_in
from rag.names import Name, names_in

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?"
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>1\d{3}|20\d{2})"
_DATES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"\b(?P<year>1\d{{3}}|20\d{{2}})-(?P<number>0[1-9]|1[0-2])-{_DAY}\b",
        rf"\b{_DAY}(?:\s+of)?\s+{_MONTH}(?:,?\s+{_YEAR})?(?!\d)",
        rf"\b{_MONTH}\s+{_DAY}\b(?!,?\d)(?:,?\s+{_YEAR}\b)?",
        rf"\b{_MONTH}(?:\s+of)?,?\s+{_YEAR}\b",
        rf"\b(?:in|since|until|during|late|early|mid|last|by|from|through|next|this|before|after|of)"
        rf"[ -]{_MONTH}(?![\w-])",
        r"\b(?P<month>january|february|april|june|july|august|september|october|november|december)\b",
    )
)


@dataclass(frozen=True, slots=True)
class When:
    """A date as far as it is told; `position` is where it stands in the text."""

    year: int | None
    month: int | None
    day: int | None
    position: int

    def agrees(self, other: When) -> bool:
        """Whether `other` tells this date: each part told here is the same there, or untold there but for the last."""
        pairs = ((self.year, other.year), (self.month, other.month), (self.day, other.day))
        if any(mine is not None and theirs is not None and mine != theirs for mine, theirs in pairs):
            return False
        return (self.month is None or other.month is not None) and (self.day is None or other.day is not None)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text states that can be compared."""

    dates: tuple[When, ...]
    amounts: tuple[Amount, ...]
    names: tuple[Name, ...]

    @property
    def ordinal(self) -> bool:
        """Whether it counts anything as the first, the second and so on."""
        return any(amount.readings[0][1] == "ordinal" for amount in self.amounts)


@lru_cache(maxsize=4096)
def facts(text: str) -> Facts:
    """The facts of a text.

    >>> found = facts("Jan. 26, 2025: Tim Walz asked for $3m.")
    >>> found.dates[0].day, found.amounts[0].readings, found.names[0].words
    (26, ((3000000.0, 'dollar'),), ('tim', 'walz'))
    """
    dates, rest = _dates(text)
    return Facts(dates, amounts_in(rest), names_in(rest))


def _dates(text: str) -> tuple[tuple[When, ...], str]:
    """The dates, and the text with them blanked out so that their numbers are not counted again."""
    found: list[When] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            parts = match.groupdict()
            word = parts.get("month")
            if word and not word[0].isupper():
                continue  # "may" and "march" are verbs
            month = _MONTHS[word.lower()] if word else int(parts["number"])
            year, day = (int(parts[key]) if parts.get(key) else None for key in ("year", "day"))
            found.append(When(year, month, day, match.start()))
            start = match.start("month") if not (year or day) else match.start()
            text = text[:start] + " " * (match.end() - start) + text[match.end() :]
    return tuple(sorted(found, key=lambda when: when.position)), text

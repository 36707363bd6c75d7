"""A statement and the quote that it cites -> whether the quote holds it up.

Every number, date and name of the statement must stand in the quote, nothing may be negated, turned round or taken from
another fact, and enough of the words must be there. It leaves out meaning: a false paraphrase in other words passes,
unless an entailment model is given to `judge`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from index.passages import sentences
from rag.facts import Amount, Facts, Name, When, facts, fold, same_name
from rag.roles import turned_round
from rag.same_word import content, negated, opposites, shared
from rag.types import Support

ENOUGH_WORDS = 0.55
"""The share of a statement's content words from which it is supported."""
TOO_FEW_WORDS = 0.25
"""Under this share it is unsupported, whatever else stands."""
LONGEST_RUN = 4
"""Sentences of a quote at most."""
ENTAILED = 0.5

Entails = Callable[[str, str], float]
"""(quote, statement) -> the probability that the first entails the second."""


@dataclass(frozen=True, slots=True)
class Check:
    """A verdict and its reasons, in words. `coverage`: the share of the statement's content words in the quote."""

    support: Support
    reasons: tuple[str, ...] = ()
    coverage: float = 1.0

    @property
    def passes(self) -> bool:
        return self.support != "unsupported"


@dataclass(frozen=True, slots=True)
class Run:
    """Characters `[start, end)` of a passage's text, and what they say of a statement."""

    start: int
    end: int
    check: Check


def check_statement(statement: str, quote: str) -> Support:
    """What the quote is to the statement.

    >>> check_statement("He left on 26 January.", "Walz said he left on Jan. 26, after the call.")
    'supported'
    >>> check_statement("He left on 27 January.", "Walz said he left on Jan. 26, after the call.")
    'unsupported'
    """
    return judge(statement, quote).support


@lru_cache(maxsize=8192)
def _judge(statement: str, quote: str, context: str) -> Check:
    if _plain(statement) and _plain(statement) in _plain(quote):
        return Check("quoted")
    coverage = shared(statement, quote)
    told, known = facts(statement), facts(quote)
    if not content(statement) and not (told.dates or told.amounts):
        return Check("unsupported", ("it says nothing that can be checked",), 0.0)
    wrong = [
        *_wrong_dates(told, known),
        *_wrong_amounts(told, known),
        *negated(statement, quote),
        *opposites(statement, quote),
        *turned_round(statement, quote),
        *_merged(told, quote),
    ]
    unknown, half = _unknown_names(told.names, quote, context)
    reasons = (*wrong, *(f"no {name!r} in the quote" for name in unknown))
    if reasons or coverage < TOO_FEW_WORDS:
        return Check("unsupported", reasons or ("too few of its words are in the quote",), coverage)
    if half or coverage < ENOUGH_WORDS:
        return Check("partly", tuple(half) or ("some of its words are not in the quote",), coverage)
    return Check("supported", (), coverage)


def judge(statement: str, quote: str, *, context: str = "", entails: Entails | None = None) -> Check:
    """As `check_statement`, with reasons. A name that stands only in `context` (title, section) makes it partly.

    `entails`, where given, may turn a pass into unsupported, never the other way.
    """
    found = _judge(statement, quote, context)
    if entails and found.support in ("supported", "partly") and entails(quote, statement) < ENTAILED:
        return replace(found, support="unsupported", reasons=("the entailment model does not follow it",))
    return found


def find_quote(statement: str, text: str, *, context: str = "", entails: Entails | None = None) -> Run:
    """The smallest run of the text's sentences that holds the statement up; where none does, the nearest one.

    "Partly" is taken only where no run supports it fully. Of runs of one length the one with most of the words wins.
    """
    bounds = sentences(text) or [(0, len(text))]
    best: Run | None = None
    for length in range(1, min(LONGEST_RUN, len(bounds)) + 1):
        runs = []
        for first in range(len(bounds) - length + 1):
            start, end = bounds[first][0], bounds[first + length - 1][1]
            runs.append(Run(start, end, judge(statement, text[start:end], context=context)))
        top = max(runs, key=_rank)
        best = top if best is None or _rank(top)[0] > _rank(best)[0] else best
        if best.check.support in ("quoted", "supported"):
            break
    assert best is not None
    if entails and best.check.passes:
        best = replace(best, check=judge(statement, text[best.start : best.end], context=context, entails=entails))
    return best


def _rank(run: Run) -> tuple[int, float]:
    return ("unsupported", "partly", "supported", "quoted").index(run.check.support), run.check.coverage


def _plain(text: str) -> str:
    text = re.sub(r"[“”„«»\"]", "", text).replace("’", "'").replace("‘", "'")
    return re.sub(r"\s+", " ", text).strip(" .!?…").casefold()


def _wrong_dates(told: Facts, known: Facts) -> list[str]:
    years = {amount.year for amount in known.amounts} | {when.year for when in known.dates}
    wrong = []
    for when in told.dates:
        if not any(_same_date(when, other, years) for other in known.dates):
            wrong.append(f"another date than {when.year or ''}-{when.month or ''}-{when.day or ''}")
    return wrong


def _same_date(when: When, other: When, years: set[int | None]) -> bool:
    return when.agrees(other) and (when.year is None or other.year is not None or when.year in years)


def _wrong_amounts(told: Facts, known: Facts) -> list[str]:
    years = {when.year for when in known.dates}
    return [
        f"no {amount.text} in the quote"
        for amount in told.amounts
        if not (amount.year and amount.year in years)
        and not any(_same_amount(amount, other) for other in known.amounts)
        and not _an_instead_of_one(amount, known)
    ]


def _an_instead_of_one(amount: Amount, known: Facts) -> bool:
    """ "One person" may be "a person" in the quote, unless the quote counts persons otherwise."""
    return amount.text.lower() == "one" and not any(other.noun[:5] == amount.noun[:5] for other in known.amounts)


def _same_amount(amount: Amount, other: Amount) -> bool:
    if {amount.bound, other.bound} == {"up", "down"}:
        return False
    return any(
        _same_reading(value, dimension, theirs, there, amount.bound)
        for value, dimension in amount.readings
        for theirs, there in other.readings
    )


def _same_reading(value: float, dimension: str, theirs: float, there: str, bound: str) -> bool:
    if dimension and there and dimension != there:
        return (
            {dimension, there} <= {"degree", "celsius", "fahrenheit"}
            and "degree" in (dimension, there)
            and value == theirs
        )
    if dimension == "ordinal" and there != "ordinal":
        return False
    if not dimension and there in ("ordinal", "decade"):
        return False
    off = abs(value - theirs) / max(abs(theirs), 1e-9)
    if off < 1e-9 or (dimension in ("length", "mass", "speed", "area", "time") and off <= 0.02 and value != int(value)):
        return True
    rounded = off <= 0.05 and theirs >= 20 and _digits(value) < _digits(theirs)
    return rounded and (bound == "about" or (bound == "up" and theirs > value) or (bound == "down" and theirs < value))


def _digits(value: float) -> int:
    """Significant digits: a rounded number has fewer than the exact one."""
    return len(f"{value:.6g}".replace(".", "").rstrip("0").lstrip("0"))


def _unknown_names(names: Sequence[Name], quote: str, context: str) -> tuple[list[str], list[str]]:
    """Names that the quote doesn't have, and reasons why others stand in it only by half."""
    unknown: list[str] = []
    half: list[str] = []
    here = _Names.of(quote)
    there = _Names.of(context)
    for name in names:
        missing = [word for word in name.words if not here.has(word)]
        text = " ".join(name.words)
        if not missing or here.abbreviates(name.words):
            continue
        if name.weak:
            if here.other_names(names) and not content(" ".join(name.words)) & content(quote):
                half.append(f"{text!r} may be a name that is not in the quote")
        elif len(name.words) > 1 and here.has(name.words[-1]) and not here.other_first(name.words[-1]):
            half.append(f"only {name.words[-1]!r} of {text!r} is in the quote")
        elif all(there.has(word) for word in missing):
            half.append(f"{text!r} is in the title, not in the quote")
        else:
            unknown.append(text)
    return unknown, half


@dataclass(frozen=True, slots=True)
class _Names:
    """The words of a text, folded, and its names."""

    words: frozenset[str]
    names: tuple[Name, ...]

    @staticmethod
    @lru_cache(maxsize=2048)
    def of(text: str) -> _Names:
        found = [fold(word) for word in re.findall(r"[\w.&'’-]+", text)]
        parts = [part for word in found for part in re.split(r"[-–]", word)]
        pairs = [f"{one}-{two}" for one, two in zip(found, found[1:], strict=False)]
        return _Names(frozenset([*found, *parts, *pairs]), facts(text).names)

    def has(self, word: str) -> bool:
        if word in self.words or word + "s" in self.words or any(same_name(word, other) for other in self.words):
            return True
        parts = re.split(r"[-–]", word)
        if len(parts) > 1 and all(self.has(part) for part in parts):
            return True
        if re.fullmatch(r"[a-z](?:\.?[a-z]){1,5}", word):
            letters = word.replace(".", "")
            return any("".join(w[0] for w in name.words) == letters for name in self.names if len(name.words) > 1)
        return False

    def abbreviates(self, words: Sequence[str]) -> bool:
        """Whether the text has the initials of these words, or the words that share a country's group with them."""
        initials = "".join(word[0] for word in words)
        joined = "-".join(words)
        return len(words) > 1 and (
            any(initials == word.replace(".", "") for word in self.words)
            or any(same_name(joined, word) for word in self.words)
        )

    def other_first(self, last: str) -> bool:
        """Whether the text gives this surname another first name."""
        return any(len(name.words) > 1 and name.words[-1] == last for name in self.names)

    def other_names(self, told: Sequence[Name]) -> bool:
        mine = {word for name in told for word in name.words}
        return any(not mine & set(name.words) for name in self.names if not name.weak)


def _merged(told: Facts, quote: str) -> list[str]:
    """Numbers and dates that the quote gives to another name, and the statement's name another number of that kind."""
    names = [name for name in told.names if not name.weak]
    if not names or not (told.dates or told.amounts):
        return []
    clauses = [
        facts(clause) for clause in re.split(r"(?<=[.!?])\s+|;\s+|,?\s+(?:while|whereas|and|but)\s+(?=[A-Z])", quote)
    ]
    if len(clauses) < 2:
        return []
    subject = names[0]
    wrong = []
    for kind in ("dates", "amounts"):
        for fact in getattr(told, kind):
            own = [clause for clause in clauses if _mentions(clause, subject)]
            theirs = [clause for clause in clauses if _tells(clause, fact)]
            if (
                theirs
                and own
                and not any(_tells(clause, fact) for clause in own)
                and any(_same_kind(clause, fact) for clause in own)
                and all(any(not n.weak for n in clause.names) for clause in theirs)
            ):
                wrong.append("a number or date of another fact")
    return wrong


def _mentions(clause: Facts, name: Name) -> bool:
    return any(word in other.words for other in clause.names for word in name.words)


def _tells(clause: Facts, fact: When | Amount) -> bool:
    if isinstance(fact, When):
        return any(fact.agrees(other) for other in clause.dates)
    if fact.year and any(when.year == fact.year for when in clause.dates):
        return True
    return any(_same_amount(fact, other) for other in clause.amounts)


def _same_kind(clause: Facts, fact: When | Amount) -> bool:
    if isinstance(fact, When):
        return bool(clause.dates)
    if fact.year:
        return any(other.year for other in clause.amounts) or any(when.year for when in clause.dates)
    return any(
        other.readings[0][1] == fact.readings[0][1]
        and not other.year
        and (other.noun == fact.noun or bool(fact.readings[0][1]))
        for other in clause.amounts
    )

"""A statement and the quote that it cites -> whether the quote holds it up.

Every number, date and name of the statement must stand in the quote, nothing may be negated, turned round or taken from
another fact, and enough of the words must be there. It leaves out meaning: a false paraphrase in other words passes,
unless an entailment model is given to `judge`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from index.passages import sentences
from rag.amounts import Amount, same_amount
from rag.denials import negated, opposites
from rag.facts import Facts, When, facts
from rag.known_names import unknown_names
from rag.merged import merged
from rag.roles import turned_round
from rag.same_word import clauses, content, shared, split_sentences
from rag.types import Support

ENOUGH_WORDS = 0.55
"""The share of a statement's content words from which it is supported."""
TOO_FEW_WORDS = 0.34
"""Under this share it is unsupported, whatever else stands."""
LONGEST_RUN = 4
"""Sentences of a quote at most."""
TOO_FEW = ("too few of its words are in the quote",)
ENTAILED = 0.5
_FIRST = re.compile(r"\b(?:lead|debut|maiden|opening|initial|earliest|original)\b", re.I)
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
    plain = _plain(statement)
    if content(statement) and any(plain == _plain(part) for part in (quote, *split_sentences(quote))):
        return Check("quoted")
    told, known = facts(statement), facts(quote)
    coverage = _coverage(statement, quote)
    if not content(statement) and not (told.dates or told.amounts):
        return Check("unsupported", ("it says nothing that can be checked",), 0.0)
    nearest = max(split_sentences(quote), default=quote, key=lambda part: shared(statement, part))
    nearest = nearest if shared(statement, nearest) >= 0.5 * shared(statement, quote) else quote
    wrong = [
        *_wrong_dates(told, known),
        *_wrong_amounts(told, known, quote),
        *negated(statement, nearest),
        *opposites(statement, quote),
        *opposites(statement, max(clauses(quote), key=lambda part: shared(statement, part), default=quote)),
        *turned_round(statement, quote),
        *merged(statement, told, quote),
    ]
    unknown, half = unknown_names(told.names, quote, context)
    reasons = (*wrong, *(f"no {name!r} in the quote" for name in unknown))
    if reasons or coverage < TOO_FEW_WORDS:
        return Check("unsupported", reasons or TOO_FEW, coverage)
    if f" {plain} " in f" {_plain(quote)} ":
        return Check("quoted")  # part of a sentence, and nothing before it denies it
    if half and coverage < ENOUGH_WORDS:
        return Check("unsupported", (*half, "and some of its words are not in the quote"), coverage)
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
            quote = text[start:end]
            coverage = _coverage(statement, quote)
            # Most runs have hardly a word in common: they fail whatever the rest says, and the rest is slow.
            few = coverage < TOO_FEW_WORDS
            check = Check("unsupported", TOO_FEW, coverage) if few else judge(statement, quote, context=context)
            runs.append(Run(start, end, check))
        top = max(runs, key=_rank)
        best = top if best is None or _rank(top)[0] > _rank(best)[0] else best
        if best.check.support in ("quoted", "supported"):
            break
    assert best is not None
    if entails and best.check.passes:
        best = replace(best, check=judge(statement, text[best.start : best.end], context=context, entails=entails))
    return best


def _coverage(statement: str, quote: str) -> float:
    """The share of the statement's words and facts that the quote has; a fact that it lacks is a reason of its own."""
    told = facts(statement)
    words, known = len(content(statement)), len(told.dates) + len(told.amounts)
    return (shared(statement, quote) * words + known) / max(words + known, 1)


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


def _wrong_amounts(told: Facts, known: Facts, quote: str) -> list[str]:
    years = {when.year for when in known.dates}
    return [
        f"no {amount.text} in the quote"
        for amount in told.amounts
        if amount.bound != "loose"
        and not (amount.year and amount.year in years)
        and not any(same_amount(amount, other) for other in known.amounts)
        and not _counts_the_known(amount, known)
        and not (amount.text == "first" and (not known.ordinal or _FIRST.search(quote)))
        and not _years_between(amount, known)
    ]


def _counts_the_known(amount: Amount, known: Facts) -> bool:
    """ "One person" may be "a person", and "the two of them" or "the two ships" just "both" or "ships", in a quote
    that doesn't count them otherwise."""
    known_to_be = amount.text.lower() == "one" or amount.bound == "group"
    return known_to_be and not any(other.noun and other.noun[:5] == amount.noun[:5] for other in known.amounts)


def _years_between(amount: Amount, known: Facts) -> bool:
    """Whether it is the time between two years of the quote: "for three years" of "from 2002 to 2005"."""
    years = sorted({year for other in known.amounts if (year := other.year)} | {w.year for w in known.dates if w.year})
    passed = {(last - first, "time") for first in years for last in years if last > first}
    return any((round(value / 31_557_600, 6), dimension) in passed for value, dimension in amount.readings)

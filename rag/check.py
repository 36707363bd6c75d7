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
from rag.facts import GROUPS, Amount, Facts, Name, When, facts, fold, same_name
from rag.roles import turned_round
from rag.same_word import (
    base,
    clauses,
    content,
    negated,
    opposites,
    ordered,
    sentences_and_turns,
    shared,
    split_sentences,
)
from rag.types import Support

ENOUGH_WORDS = 0.55
"""The share of a statement's content words from which it is supported."""
TOO_FEW_WORDS = 0.34
"""Under this share it is unsupported, whatever else stands."""
LONGEST_RUN = 4
"""Sentences of a quote at most."""
TOO_FEW = ("too few of its words are in the quote",)
ENTAILED = 0.5
RIVAL_SHARE, RIVAL_LEAD = 0.6, 0.3
"""A fact is another's when a clause with a rival fact shares so much of the statement, and so much more."""
_NAME_IN_NAME = re.compile(r"([A-ZÀ-Þ][\w’'-]+) (?:in|of|from) (?:the )?(?:[A-Z]?[a-z]+ [a-z]+ )?([A-ZÀ-Þ][\w’-]+)")
_PRONOUN = re.compile(r"^\W*(?:\w+\s+){0,2}(?:he|she|it|they|who|his|her|their)\b", re.I)

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
    coverage = shared(statement, quote)
    told, known = facts(statement), facts(quote)
    if not content(statement) and not (told.dates or told.amounts):
        return Check("unsupported", ("it says nothing that can be checked",), 0.0)
    nearest = max(split_sentences(quote), default=quote, key=lambda part: shared(statement, part))
    nearest = nearest if shared(statement, nearest) >= 0.5 * coverage else quote
    wrong = [
        *_wrong_dates(told, known),
        *_wrong_amounts(told, known),
        *negated(statement, nearest),
        *opposites(statement, quote),
        *opposites(statement, max(clauses(quote), key=lambda part: shared(statement, part), default=quote)),
        *turned_round(statement, quote),
        *_merged(statement, told, quote),
    ]
    unknown, half = _unknown_names(told.names, quote, context)
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
            coverage = shared(statement, quote)
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
        if amount.bound != "loose"
        and not (amount.year and amount.year in years)
        and not any(_same_amount(amount, other) for other in known.amounts)
        and not _an_instead_of_one(amount, known)
        and not (amount.text == "first" and not any(other.readings[0][1] == "ordinal" for other in known.amounts))
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
    if bound == "down" and dimension and 0 < value - theirs <= 0.35 * value:
        return True  # "under three hours" of 2 hours and 52 minutes
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
            if not missing and len(name.words) > 1 and here.only_others(name.words):
                unknown.append(text)
            continue
        if name.weak:
            if here.other_names(names) and not content(" ".join(name.words)) & content(quote):
                half.append(f"{text!r} may be a name that is not in the quote")
        elif len(name.words) > 1 and here.has(name.words[-1]) and not here.other_first(name.words):
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
    prefixes: dict[str, tuple[str, ...]]
    grouped: tuple[str, ...]

    @staticmethod
    @lru_cache(maxsize=2048)
    def of(text: str) -> _Names:
        found = [fold(word) for word in re.findall(r"[\w.&'’-]+", text)]
        parts = [part for word in found for part in re.split(r"[-–]", word)]
        pairs = [f"{one}-{two}" for one, two in zip(found, found[1:], strict=False)]
        words = frozenset([*found, *parts, *pairs])
        prefixes: dict[str, tuple[str, ...]] = {}
        for word in words:
            prefixes[word[:4]] = (*prefixes.get(word[:4], ()), word)
        return _Names(words, facts(text).names, prefixes, tuple(word for word in words if word in GROUPS))

    def has(self, word: str) -> bool:
        near = (*self.prefixes.get(word[:4], ()), *self.grouped)
        if word in self.words or any(same_name(word, other) for other in near):
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
            initials in self.words
            or any(initials == word.replace(".", "") for word in self.words if "." in word)
            or any(same_name(joined, word) for word in self.grouped)
        )

    def other_first(self, words: Sequence[str]) -> bool:
        """Whether the text has this last word only in names with other first words: "Ida Krall" for "Ada Krall"."""
        firsts = [set(name.words[:-1]) for name in self.names if len(name.words) > 1 and name.words[-1] == words[-1]]
        return bool(firsts) and not any(first <= set(words) for first in firsts)

    def only_others(self, words: Sequence[str]) -> bool:
        """As `other_first`, where the text has all the words, but maybe of two names."""
        firsts = [set(name.words[:-1]) for name in self.names if words[-1] in name.words]
        return bool(firsts) and all(first and not first & set(words) for first in firsts)

    def other_names(self, told: Sequence[Name]) -> bool:
        mine = {word for name in told for word in name.words}
        return any(not mine & set(name.words) for name in self.names if not name.weak)


def _merged(statement: str, told: Facts, quote: str) -> list[str]:
    """A fact that the quote tells of something else: its clause shares few of the statement's words, and another
    clause, with another fact of that kind, shares most of them."""
    for kind, split in (("dates", clauses), ("amounts", clauses), ("names", sentences_and_turns)):
        parts = [(facts(part), content(part), part) for part in split(quote)]
        if len(parts) < 2:
            continue
        for fact in getattr(told, kind):
            if isinstance(fact, Name) and fact.weak:
                continue
            own = content(statement) - (
                frozenset(base(word) for word in fact.words) if isinstance(fact, Name) else set()
            )
            here = max((_share(own, words) for known, words, _ in parts if _tells(known, fact)), default=None)
            if here is None or not own:
                continue
            there = max(
                (_share(own, words) for known, words, part in parts if _rivals(known, fact, told, part)), default=0.0
            )
            if there >= RIVAL_SHARE and there - here >= RIVAL_LEAD:
                return [f"the quote tells another {kind[:-1]} of this"]
    return [*_other_count(statement, told, quote), *_elsewhere(statement, quote)]


def _other_count(statement: str, told: Facts, quote: str) -> list[str]:
    """ "Four people on board", where the quote has four of something else and another number of people on board."""
    known = facts(quote).amounts
    for amount in told.amounts:
        mine = _followers(statement, amount)
        same = [_followers(quote, other) for other in known if _same_amount(amount, other)]
        rivals = [_followers(quote, other) for other in known if not _same_amount(amount, other)]
        if len(mine) == 2 and same and mine in rivals and not any(set(mine) & set(words) - {mine[0]} for words in same):
            return ["the quote counts something else by that number"]
    return []


def _followers(text: str, amount: Amount) -> tuple[str, ...]:
    """The two content words after an amount, unit included."""
    at = text.find(amount.text, amount.position) + len(amount.text)
    return ordered(re.split(r"[.;!?()]", text[at : at + 60])[0])[:2]


def _elsewhere(statement: str, quote: str) -> list[str]:
    """ "Queenstown in France", where the quote has Queenstown in Ireland."""
    theirs = {(hit[1], hit[2]) for hit in _NAME_IN_NAME.finditer(quote)}
    for hit in _NAME_IN_NAME.finditer(statement):
        others = {place for name, place in theirs if name == hit[1]}
        if others and hit[2] not in others and not any(same_name(fold(hit[2]), fold(other)) for other in others):
            return [f"the quote has {hit[1]!r} elsewhere"]
    return []


def _share(words: frozenset[str], there: frozenset[str]) -> float:
    return sum(word in there for word in words) / max(len(words), 1)


def _rivals(known: Facts, fact: When | Amount | Name, told: Facts, part: str) -> bool:
    """Whether the part tells, instead of the fact, another of its kind that the statement doesn't tell."""
    if _tells(known, fact):
        return False
    if isinstance(fact, Name):
        mine = {word for name in told.names for word in name.words}
        return not _PRONOUN.search(part) and any(not n.weak and not set(n.words) <= mine for n in known.names)
    if isinstance(fact, When):
        return any(not any(mine.agrees(other) for mine in told.dates) for other in known.dates)
    return any(
        other.readings[0][1] == fact.readings[0][1]
        and bool(other.year) == bool(fact.year)
        and not any(_same_amount(mine, other) for mine in told.amounts)
        for other in known.amounts
    )


def _tells(clause: Facts, fact: When | Amount | Name) -> bool:
    if isinstance(fact, When):
        return any(fact.agrees(other) for other in clause.dates)
    if isinstance(fact, Name):
        return any(
            same_name(fact.words[-1], name.words[-1])
            and (len(fact.words) == 1 or len(name.words) == 1 or bool(set(fact.words[:-1]) & set(name.words[:-1])))
            or fact.words[-1] in name.words[:-1]
            for name in clause.names
        )
    if fact.year and any(when.year == fact.year for when in clause.dates):
        return True
    return any(_same_amount(fact, other) for other in clause.amounts)

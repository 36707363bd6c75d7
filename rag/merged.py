"""Facts that a quote has, but tells of something else than the statement does.

It leaves out facts that the quote lacks altogether, and coreference: a clause with "he" may be about anybody.
"""

from __future__ import annotations

import re

from rag.amounts import Amount, same_amount
from rag.facts import Facts, When, facts
from rag.known_names import KnownNames
from rag.names import Name
from rag.same_word import base, clauses, content, ordered, sentences_and_turns

RIVAL_SHARE, RIVAL_LEAD = 0.6, 0.3
"""A fact is another's when a clause with a rival fact shares so much of the statement, and so much more."""
_PRONOUN = re.compile(r"\b(?:he|she|it|they|who|his|her|their)\b", re.I)


def merged(statement: str, told: Facts, quote: str) -> list[str]:
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
            here = max((_share(own, words) for known, words, part in parts if _tells(known, fact, part)), default=None)
            if here is None or not own:
                continue
            there = max(
                (_share(own, words) for known, words, part in parts if _rivals(known, fact, told, part, statement)),
                default=0.0,
            )
            if there >= RIVAL_SHARE and there - here >= RIVAL_LEAD:
                return [f"the quote tells another {kind[:-1]} of this"]
    return _other_count(statement, told, quote)


def _other_count(statement: str, told: Facts, quote: str) -> list[str]:
    """ "Four people on board", where the quote has four of something else and another number of people on board."""
    known = facts(quote).amounts
    for amount in told.amounts:
        mine = _followers(statement, amount)
        same = [_followers(quote, other) for other in known if same_amount(amount, other)]
        rivals = [_followers(quote, other) for other in known if not same_amount(amount, other)]
        if (
            not amount.year
            and len(mine) == 2
            and same
            and mine in rivals
            and not any(set(mine) & set(words) - {mine[0]} for words in same)
        ):
            return ["the quote counts something else by that number"]
    return []


def _followers(text: str, amount: Amount) -> tuple[str, ...]:
    """The two content words after an amount, unit included."""
    at = text.find(amount.text, amount.position) + len(amount.text)
    return ordered(re.split(r"[.;!?()]", text[at : at + 60])[0])[:2]


def _share(words: frozenset[str], there: frozenset[str]) -> float:
    return sum(word in there for word in words) / max(len(words), 1)


def _rivals(known: Facts, fact: When | Amount | Name, told: Facts, part: str, statement: str) -> bool:
    """Whether the part tells, instead of the fact, another of its kind that the statement doesn't tell."""
    if _tells(known, fact, part):
        return False
    if isinstance(fact, Name):
        mine = KnownNames.of(statement)
        others = [name.position for name in known.names if not name.weak and not mine.holds(name.words)]
        return bool(others) and not _PRONOUN.search(part[: others[0]])  # "he" before it may be anybody
    if isinstance(fact, When):
        return any(not any(mine.agrees(other) for mine in told.dates) for other in known.dates)
    return any(
        other.readings[0][1] == fact.readings[0][1]
        and bool(other.year) == bool(fact.year)
        and not any(same_amount(mine, other) for mine in told.amounts)
        for other in known.amounts
    )


def _tells(clause: Facts, fact: When | Amount | Name, part: str) -> bool:
    if isinstance(fact, When):
        return any(fact.agrees(other) for other in clause.dates)
    if isinstance(fact, Name):
        here = KnownNames.of(part)
        return here.holds(fact.words) or here.has(fact.words[-1]) and not here.other_first(fact.words)
    if fact.year and any(when.year == fact.year for when in clause.dates):
        return True
    return any(same_amount(fact, other) for other in clause.amounts)

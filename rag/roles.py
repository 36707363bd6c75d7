"""Who did it to whom, as far as word order tells: finds statements that turn a quote's subject and object round.

No parser: it looks at the words right before and right after a shared verb, knows the passive with "by", and "from" and
"to". What stands further apart is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from rag.same_word import base, is_past
from rag.words import STOP_WORDS

_BE = frozenset("is are was were be been being get got gets".split())
_SKIPPED = frozenset("has have had will would can could may might did does do also then later first again soon".split())
_BREAKS = frozenset(
    "in on at near during after before since until under over about against with without of for and but who which that"
    " while because as into through between among".split()
)
_BETWEEN = frozenset("by to from than the a an its his her their".split())
_EVEN = frozenset(base(word) for word in "meet marry talk agree share border said say speak join".split())
_ADVERB = re.compile(r"\w+ly$")


@dataclass(frozen=True, slots=True)
class _Deed:
    """A word with what stands before and after it in its clause; `passive`: what comes after did it."""

    before: frozenset[str]
    after: frozenset[str]
    passive: bool


@lru_cache(maxsize=2048)
def _deeds(text: str) -> dict[str, tuple[_Deed, ...]]:
    """Each word's deeds, by its base."""
    found: dict[str, list[_Deed]] = {}
    for clause in re.split(r"[.,;:!?()—]|\n", text):
        words = re.findall(r"[^\W\d_]+", clause)
        low = [word.lower() for word in words]
        for at, word in enumerate(low):
            if word in STOP_WORDS or word in _SKIPPED or words[at][0].isupper() or not _may_be_verb(word):
                continue
            before = _group(words, low, range(at - 1, -1, -1))
            near, following = low[max(0, at - 3) : at], low[at + 1 : at + 5]
            passive = bool(set(near) & _BE) and "by" in following
            first = at + 2 + following.index("by") if passive else at + 1
            after = _group(words, low, range(first, len(low)))
            if before and after or (before or after) and is_past(word):
                found.setdefault(base(word), []).append(_Deed(before, after, passive))
    return {key: tuple(value) for key, value in found.items()}


def _may_be_verb(word: str) -> bool:
    return is_past(word) or word.endswith(("s", "er")) or word in ("beat", "hit", "let", "cut")


def _group(words: list[str], low: list[str], order: range) -> frozenset[str]:
    """The bases of the noun group next to a word; auxiliaries, articles and adverbs are passed over."""
    group: set[str] = set()
    for i in order:
        if low[i] in _BREAKS:
            break
        if low[i] in _BE or low[i] in _SKIPPED or low[i] in _BETWEEN or _ADVERB.match(low[i]):
            if group and low[i] not in ("the", "a", "an"):
                break
            continue
        if low[i] not in STOP_WORDS:
            group.add(base(words[i]))
        if len(group) >= 4:
            break
    return frozenset(group)


@lru_cache(maxsize=2048)
def _ways(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The capitalised words right after "from" and after "to"."""
    found = []
    for preposition in ("from", "to"):
        hits = re.findall(rf"\b{preposition}\s+(?:the\s+)?((?:[A-Z][\w-]*\s?)+)", text)
        found.append(frozenset(base(word) for hit in hits for word in hit.split()))
    return found[0], found[1]


def turned_round(statement: str, quote: str) -> list[str]:
    """A reason where both tell the same deed with the parts exchanged, and the quote tells it no other way.

    >>> turned_round("Brazil beat Germany.", "Germany beat Brazil 7-1.")
    ['who did it and to whom are exchanged']
    >>> turned_round("Brazil was beaten by Germany.", "Germany beat Brazil.")
    []
    """
    theirs = _deeds(quote)
    for key, deeds in _deeds(statement).items():
        if key in _EVEN:
            continue
        others = theirs.get(key, ())
        if others and any(
            all(_exchanged(deed, other) for other in others)
            for deed in deeds
            if not any(_same(deed, o) for o in others)
        ):
            return ["who did it and to whom are exchanged"]
    (here_from, here_to), (there_from, there_to) = _ways(statement), _ways(quote)
    if here_from & there_to - there_from and here_to & there_from - there_to:
        return ["from and to are exchanged"]
    return []


def _parts(deed: _Deed) -> tuple[frozenset[str], frozenset[str]]:
    return (deed.after, deed.before) if deed.passive else (deed.before, deed.after)


def _exchanged(deed: _Deed, other: _Deed) -> bool:
    (who, whom), (their_who, their_whom) = _parts(deed), _parts(other)
    if who & their_who or whom & their_whom or not (who and whom):
        return False
    return bool(whom & their_who and (who & their_whom or not their_whom))


def _same(deed: _Deed, other: _Deed) -> bool:
    (who, whom), (their_who, their_whom) = _parts(deed), _parts(other)
    return bool(who & their_who or whom & their_whom)

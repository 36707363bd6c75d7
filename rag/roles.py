"""Who did it to whom, as far as word order tells: finds statements that turn a quote's subject and object round.

No parser: of two names with a verb between them it looks at which comes first, knows the passive with "by", and "from"
and "to". It leaves out whatever has no name.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rag.facts import facts
from rag.names import GROUPS
from rag.same_word import base, is_past, split_sentences
from rag.words import STOP_WORDS

_AUXILIARIES = frozenset("has have had will would can could may might must did does do".split())
_EVEN = frozenset(base(word) for word in "meet marry talk agree share border said say speak join".split())
"""Deeds that are the same either way round."""
_LIKE_THEIR_PAST = frozenset("beat cut hit let put set".split())


def turned_round(statement: str, quote: str) -> list[str]:
    """A reason where both tell the same deed with the parts exchanged, and the quote tells it no other way.

    >>> turned_round("Brazil beat Germany.", "Germany beat Brazil 7-1.")
    ['who did it and to whom are exchanged']
    >>> turned_round("Brazil was beaten by Germany.", "Germany beat Brazil.")
    []
    """
    told, known = _deeds(statement), _deeds(quote)
    if any((whom, verb, who) in known and (who, verb, whom) not in known for who, verb, whom in told):
        return ["who did it and to whom are exchanged"]
    (here_from, here_to), (there_from, there_to) = _ways(statement), _ways(quote)
    if here_from & there_to - there_from and here_to & there_from - there_to:
        return ["from and to are exchanged"]
    return []


@lru_cache(maxsize=2048)
def _deeds(text: str) -> frozenset[tuple[str | int, str, str | int]]:
    """(a name, a verb, another name) wherever the verb stands between the two; the other way round for a passive."""
    found: set[tuple[str | int, str, str | int]] = set()
    for sentence in split_sentences(text):
        names = [(name.position, GROUPS.get(name.words[-1], name.words[-1])) for name in facts(sentence).names]
        for match in re.finditer(r"\b[a-z]{3,}\b", sentence):
            word = match[0]
            if word in STOP_WORDS | _AUXILIARIES or base(word) in _EVEN:
                continue
            if not is_past(word) and word not in _LIKE_THEIR_PAST:
                continue
            for at, whom in names:
                passive = re.search(r"\bby (?:the )?$", sentence[match.end() : max(at, match.end())])
                for earlier, who in names:
                    if earlier < match.start() < at and who != whom:
                        found.add((whom, base(word), who) if passive else (who, base(word), whom))
    return frozenset(found)


@lru_cache(maxsize=2048)
def _ways(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The capitalised words right after "from" and after "to"."""
    found = []
    for preposition in ("from", "to"):
        hits = re.findall(rf"\b{preposition}\s+(?:the\s+)?((?:[A-Z][\w-]*\s?)+)", text)
        found.append(frozenset(base(word) for hit in hits for word in hit.split()))
    return found[0], found[1]

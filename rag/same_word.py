"""Words compared as a reader would: inflections, families, a few irregular verbs; and a text's sentences and clauses.

English, by rules. It leaves out synonyms: a statement in wholly other words is covered less, which rag.check calls
"partly".
"""

from __future__ import annotations

import re
from functools import lru_cache

from index.passages import sentences
from rag.names import GROUPS, fold
from rag.words import STOP_WORDS, stem

_IRREGULAR = {
    form: base
    for base, forms in {
        "rise": "rose risen",
        "fall": "fell fallen",
        "win": "won",
        "lose": "lost",
        "say": "said",
        "find": "found",
        "begin": "began begun",
        "break": "broke broken",
        "bring": "brought",
        "build": "built",
        "buy": "bought",
        "sell": "sold",
        "come": "came",
        "die": "died dying dead death",
        "go": "went gone",
        "grow": "grew grown growth",
        "hold": "held",
        "kill": "killed",
        "lead": "led",
        "leave": "left",
        "make": "made",
        "meet": "met",
        "pay": "paid",
        "send": "sent",
        "speak": "spoke spoken",
        "spend": "spent",
        "take": "took taken",
        "tell": "told",
        "think": "thought",
        "write": "wrote written",
        "choose": "chose chosen",
        "strike": "struck",
        "flee": "fled",
        "beat": "beaten",
        "become": "became",
        "catch": "caught",
        "fly": "flew flown flight",
        "give": "gave given",
        "know": "knew known",
        "reopen": "reopening",
        "destroy": "destruction",
        "two": "both",
        "percent": "percentage",
    }.items()
    for form in forms.split()
}
EMPTY = STOP_WORDS | frozenset(
    """yes per cent percent around roughly approximately nearly almost mr mrs ms dr also would could may might must
    shall january jan february feb march mar april apr june jun july jul august aug september sept sep october oct
    november nov december dec""".split()
)
_ENDINGS = frozenset("ward ern ly al y er or en ist ful less ship hood".split())
_TURN = re.compile(r",?\s+(?=but\b|while\b|whereas\b)|,\s+(?=and\b)")
_ALL_TURNS = re.compile(r",?\s+(?=but\b|while\b|whereas\b|and\b)|,\s+")
_VERBS = frozenset("is are was were has have had will would can could may might did does do".split())


@lru_cache(maxsize=65536)
def base(word: str) -> str:
    """The word under which inflections meet.

    >>> base("rose"), base("deployed"), base("evacuating"), base("announces")
    ('rise', 'deploy', 'evacuat', 'announc')
    """
    word = fold(word)
    word = _IRREGULAR.get(word, word)
    found = stem(word)
    found = found[:-1] if len(found) > 3 and found[-1] == found[-2] and found[-1] not in "sl" else found
    return found[:-1] if len(found) > 4 and found[-1] == "e" else found


@lru_cache(maxsize=4096)
def ordered(text: str) -> tuple[str, ...]:
    """Bases of the content words, in order."""
    found = (fold(word) for word in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", text))
    return tuple(base(word) for word in found if word not in EMPTY and len(word) > 1)


@lru_cache(maxsize=4096)
def content(text: str) -> frozenset[str]:
    """Bases of the content words."""
    return frozenset(ordered(text))


@lru_cache(maxsize=65536)
def alike(one: str, other: str) -> bool:
    """Whether two bases are of one family.

    >>> alike("announc", "announcement"), alike("nation", "native")
    (True, False)
    """
    if one == other or GROUPS.get(one, one) == GROUPS.get(other, other):
        return True
    short, long = sorted((one, other), key=len)
    if len(short) > 3 and long.startswith(short) and long[len(short) :] in _ENDINGS:
        return True
    if one[:5] != other[:5]:
        return False
    length = min(len(one), len(other))
    common = next((i for i in range(length) if one[i] != other[i]), length)
    return common >= 5 and common >= 0.55 * max(len(one), len(other)) and common >= length - 2


def shared(statement: str, quote: str) -> float:
    """The share of the statement's content words that the quote has, 1 where it has none."""
    told, known = content(statement), content(quote)
    if not told:
        return 1.0
    return sum(word in known or any(alike(word, other) for other in known) for word in told) / len(told)


@lru_cache(maxsize=2048)
def split_sentences(text: str) -> tuple[str, ...]:
    """The sentences, and the parts of one that semicolons separate."""
    return tuple(part for start, end in sentences(text) for part in re.split(r";\s+", text[start:end]))


@lru_cache(maxsize=2048)
def clauses(text: str) -> tuple[str, ...]:
    """Pieces between sentence ends, commas and conjunctions."""
    return tuple(part for sentence in split_sentences(text) for part in _ALL_TURNS.split(sentence) if part.strip())


@lru_cache(maxsize=2048)
def sentences_and_turns(text: str) -> tuple[str, ...]:
    """Pieces between sentence ends and between main clauses; a piece without a verb stays with the one before it."""
    found: list[str] = []
    for sentence in split_sentences(text):
        for i, part in enumerate(_TURN.split(sentence)):
            if i and not _has_verb(part):
                found[-1] += f" {part}"
            else:
                found.append(part)
    return tuple(found)


def is_past(word: str) -> bool:
    """Whether the word looks like a verb's past form."""
    return word in _IRREGULAR or len(word) > 3 and word.endswith("ed")


def _has_verb(text: str) -> bool:
    return any(word in _VERBS or is_past(word) for word in re.findall(r"[a-z]+", text))

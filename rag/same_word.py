"""Words compared as a reader would: inflections, a few irregular verbs, negation and opposites. English, by rules.

It leaves out synonyms: a statement in wholly other words is covered less, which rag.check calls "partly".
"""

from __future__ import annotations

import re
from functools import lru_cache

from rag.facts import fold
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
_EMPTY = STOP_WORDS | frozenset(
    "per cent mr mrs ms dr also would could may might must shall january jan february feb march mar april apr june jun july jul august "
    "aug september sept sep october oct november nov december dec".split()
)
_NEGATORS = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|\w+n['’]t|failed to|fails to|fail to|refused to|"
    r"refuses to|declined to|unable to|denied|denies|ruled out|yet to|stopped short of|far from)\b",
    re.I,
)
_NOT_NEGATING = re.compile(r"\b(?:not only|no fewer|no less|no more than|no doubt|no longer than|no\.)", re.I)
_OPPOSITES = tuple(
    (frozenset(one.split()), frozenset(other.split()))
    for one, other in (
        (
            "rise increase grow climb jump soar up gain higher",
            "fall decrease drop decline shrink plunge down lose lower",
        ),
        ("win", "lose"),
        ("accept approve adopt back support endorse", "reject oppose refuse block veto"),
        ("open reopen", "close shut"),
        ("allow permit legal", "ban forbid prohibit bar illegal"),
        ("guilty convict", "innocent acquit"),
        ("survive alive", "die kill perish"),
        ("largest biggest highest most tallest longest", "smallest lowest least shortest"),
        ("larger bigger higher taller longer more", "smaller lower fewer less shorter"),
        ("before", "after"),
        ("north northern", "south southern"),
        ("east eastern", "west western"),
        ("buy acquire purchase", "sell"),
        ("import", "export"),
        ("arrive enter", "leave depart"),
        ("begin start", "end finish stop"),
        ("success succeed successful", "fail failure unsuccessful"),
        ("safe", "unsafe dangerous"),
        ("possible", "impossible"),
        ("likely", "unlikely"),
        ("able", "unable"),
        ("happy", "unhappy"),
        ("new newest", "old oldest"),
        ("first", "last"),
        ("early earlier", "late later"),
        ("hot hotter hottest warm warmer", "cold colder coldest cool cooler"),
        ("strong stronger", "weak weaker"),
        ("praise", "criticise criticize condemn"),
        ("confirm", "deny"),
        ("hire appoint", "fire dismiss sack"),
        ("inside indoors", "outside outdoors"),
        ("male men man boy", "female women woman girl"),
        ("son brother father husband", "daughter sister mother wife"),
        ("majority", "minority"),
        ("true", "false"),
        ("present", "absent"),
        ("intact undamaged", "destroy damaged ruined"),
    )
)
_ADDED = re.compile(r"^(?:un|in|im|dis|non)(?=\w{4})")


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
    return tuple(base(word) for word in found if word not in _EMPTY and len(word) > 1)


@lru_cache(maxsize=4096)
def content(text: str) -> frozenset[str]:
    """Bases of the content words."""
    return frozenset(ordered(text))


def alike(one: str, other: str) -> bool:
    """Whether two bases are of one family.

    >>> alike("announc", "announcement"), alike("nation", "native")
    (True, False)
    """
    if one == other:
        return True
    length = min(len(one), len(other))
    common = next((i for i in range(length) if one[i] != other[i]), length)
    return common >= 5 and common >= 0.55 * max(len(one), len(other)) and common >= length - 2


def shared(statement: str, quote: str) -> float:
    """The share of the statement's content words that the quote has, 1 where it has none."""
    told, known = content(statement), content(quote)
    if not told:
        return 1.0
    return sum(1 for word in told if word in known or any(alike(word, other) for other in known)) / len(told)


@lru_cache(maxsize=4096)
def _scopes(text: str) -> tuple[frozenset[str], ...]:
    """For each negating word, the content words that it governs: up to three, within its clause."""
    masked = _NOT_NEGATING.sub(lambda match: "x" * len(match[0]), text)
    found = []
    for match in _NEGATORS.finditer(masked):
        clause = re.split(r"[,.;:!?—]|\b(?:but|and|because|although|while)\b", masked[match.end() :], maxsplit=1)[0]
        found.append(frozenset(ordered(clause)[:3]))
    return tuple(scope for scope in found if scope)


def negated(statement: str, quote: str) -> list[str]:
    """Reasons where one of the two denies what the other says."""
    mine, theirs = _scopes(statement), _scopes(quote)
    told, known = content(statement), content(quote)
    wrong = []
    for scope in mine:
        heads = scope & known
        if heads and not any(heads & other for other in theirs) and not _opposite_said(scope, known):
            wrong.append("the quote does not deny it")
    for scope in theirs:
        heads = scope & told
        if len(heads) * 2 >= len(scope) and heads and not any(heads & other for other in mine):
            if not _opposite_said(heads, told) and not _said_plainly(quote, heads):
                wrong.append("the quote denies it")
    return wrong


def _said_plainly(quote: str, heads: frozenset[str]) -> bool:
    """Whether the words also stand in a sentence of the quote that denies nothing."""
    parts = re.split(r"(?<=[.!?])\s+|[;,]\s+|\bbut\b", quote)
    return any(not _scopes(part) and not _NEGATORS.search(part) and heads <= content(part) for part in parts)


def _opposite_said(words: frozenset[str], there: frozenset[str]) -> bool:
    return any(bool(_bases(two) & there) for one, two in _both_ways() if _bases(one) & words)


@lru_cache(maxsize=1024)
def _bases(group: frozenset[str]) -> frozenset[str]:
    return frozenset(base(word) for word in group)


@lru_cache(maxsize=1)
def _both_ways() -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    return (*_OPPOSITES, *((other, one) for one, other in _OPPOSITES))


def opposites(statement: str, quote: str) -> list[str]:
    """Reasons where the statement has a word that the quote lacks, and the quote has its opposite instead."""
    told, known = _all_bases(statement), _all_bases(quote)
    wrong = []
    for mine, theirs in _both_ways():
        one, other = _bases(mine), _bases(theirs)
        if told & one and not known & one and known & other and not told & other:
            denied = any(scope & (one | other) for scope in (*_scopes(statement), *_scopes(quote)))
            if not denied:
                wrong.append("the quote says the opposite")
    for word in told - known:
        bare = _ADDED.sub("", word)
        if bare != word and bare in known:
            wrong.append("the quote says the opposite")
    for word in known - told:
        bare = _ADDED.sub("", word)
        if bare != word and bare in told and bare not in known and not _scopes(statement):
            wrong.append("the quote says the opposite")
    return wrong


@lru_cache(maxsize=4096)
def _all_bases(text: str) -> frozenset[str]:
    """Bases of all words: "before", "up" and "more" have opposites too."""
    return frozenset(base(word) for word in re.findall(r"[^\W\d_]+", text))

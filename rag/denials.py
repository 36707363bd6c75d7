"""Whether a statement denies what its quote says, or says the opposite. English, by rules and a list of opposites.

It leaves out what needs knowledge of the world: that who is dead did not come.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rag.names import fold
from rag.same_word import EMPTY, alike, base, content, ordered

_NEGATORS = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|\w+n['’]t|failed to|fails to|fail to|refused to|"
    r"refuses to|declined to|unable to|denied|denies|rul(?:e|es|ed|ing) out|instead of|"
    r"rather than|yet to|stopped short of|(?:stop(?:s|ped)?|cease[sd]?)(?= \w+ing\b)|far from|free (?:of|from)|"
    r"avoid(?:s|ed|ing)?|lack(?:s|ed|ing)?(?: of)?|absence of|spared|"
    r"(?:disqualified|barred|banned|prevented|prohibited|excluded|stopped) from|"
    r"(?:reject|condemn|dismiss|disput|refut)(?:s|ed|es|e|ing) (?:\w+ ){0,4}?"
    r"(?:idea|claim|notion|suggestion|view)s?)\b",
    re.I,
)
_NOT_NEGATING = re.compile(
    r"\b(?:not only|no fewer(?: than)?|no less(?: than)?|no more than|no doubt|no longer than|no\.|"
    r"(?:no|nobody|nothing|none|never)(?= (?:\w+ ){0,8}?(?:more|less|fewer|\w{2,}er)\b[^.;]* than\b))",
    re.I,
)
_FIRST = re.compile(r"\b(?:first|maiden|only|sole)\b", re.I)
_NOT_BEFORE = re.compile(
    r"\b(?:not|no|never|nobody|none|nothing|\w+n['’]t)\b.*\b(?:before|since|until|earlier|other|else)\b|"
    r"\b(?:before|until)\b.*\b(?:not|no|never|nobody|none|nothing|\w+n['’]t)\b",
    re.I,
)
"""What "first" and "only" say the other way round."""
_CLAUSE_END = re.compile(r"[,.;:!?—](?!\d)|\b(?:but|and|because|although|while)\b")
_CONTENT = re.compile(r"[^\W\d_]{2,}(?:['’][^\W\d_]+)?")
_OPPOSITES = tuple(
    (frozenset(one.split()), frozenset(other.split()))
    for one, other in (
        (
            "rise increase grow climb jump soar gain higher",
            "fall decrease drop decline shrink plunge lose lower",
        ),
        ("win", "lose"),
        ("accept approve adopt back support endorse", "reject oppose refuse block veto"),
        ("open reopen", "close shut"),
        ("allow permit legal", "ban forbid prohibit bar illegal"),
        ("guilty convict", "innocent acquit"),
        ("survive alive", "die kill perish"),
        ("largest biggest highest most tallest longest strongest", "smallest lowest least shortest weakest"),
        ("larger bigger higher taller longer more stronger", "smaller lower fewer less shorter weaker"),
        ("north northern", "south southern"),
        ("east eastern", "west western"),
        ("buy acquire purchase", "sell"),
        ("import", "export"),
        ("arrive enter", "leave depart"),
        ("begin start", "end finish stop"),
        ("success succeed successful work function", "fail failure unsuccessful"),
        ("safe", "unsafe dangerous"),
        ("possible", "impossible"),
        ("likely", "unlikely"),
        ("able", "unable"),
        ("happy", "unhappy"),
        ("new newer newest young younger youngest", "old older oldest"),
        ("first", "last"),
        ("early earlier", "late later"),
        ("hot hotter hottest warm warmer", "cold colder coldest cool cooler"),
        ("strong stronger", "weak weaker"),
        ("rich richer richest", "poor poorer poorest"),
        ("rare rarely seldom", "frequent frequently often"),
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
NEAR = 3
"""Opposites count where so few content words lie between them and a word that both texts have."""
_ADDED = re.compile(r"^(?:(?:un|dis|non)(?=\w{4})|i[mn](?=\w{5}))")
_BEING = frozenset(base(word) for word in "exist happen occur".split())
_SAYING = frozenset(base(word) for word in "believe claim confirm mean prove report show suggest think true".split())


def negated(statement: str, quote: str) -> list[str]:
    """Reasons where one of the two denies what the other says."""
    (mine, my_heads), (theirs, their_heads) = _parities(statement), _parities(quote)
    told, known = frozenset(mine), frozenset(theirs)
    if len(my_heads) == len(their_heads) == 1 and not my_heads & known:
        return []  # both deny one thing, and most likely the same one in other words
    same = {word: word for word in told & known}
    same |= {word: other for word in told - known for other in sorted(known) if alike(word, other)}
    if any(1 in mine[word] & theirs[other] for word, other in same.items()):
        return []  # both deny the same, whatever else their denials reach
    if _NOT_BEFORE.search(statement) and _FIRST.search(quote) or _NOT_BEFORE.search(quote) and _FIRST.search(statement):
        return []
    if any((one in my_heads or other in their_heads) and not mine[one] & theirs[other] for one, other in same.items()):
        return ["one of the two denies it"]
    return []


@lru_cache(maxsize=4096)
def _parities(text: str) -> tuple[dict[str, frozenset[int]], frozenset[str]]:
    """How often, modulo 2, each content word is denied where it stands; and the words right after a denial.

    A denial governs up to three content words of its clause, so "has not denied the claims" denies the denial and
    leaves the claims as they are.
    """
    masked = _NOT_NEGATING.sub(lambda match: "x" * len(match[0]), text)
    spots = [(match.start(), base(match[0])) for match in _CONTENT.finditer(text) if fold(match[0]) not in EMPTY]
    denied = [0] * len(spots)
    heads: set[str] = set()
    for match in _NEGATORS.finditer(masked):
        clause = _CLAUSE_END.split(masked[match.end() :], maxsplit=1)[0]
        governed = [i for i, (at, _) in enumerate(spots) if match.end() <= at < match.end() + len(clause)][:3]
        if governed and spots[governed[0]][1] in _BEING:  # "free agency did not exist"
            start = max((hit.end() for hit in _CLAUSE_END.finditer(masked[: match.start()])), default=0)
            governed = [i for i, (at, _) in enumerate(spots) if start <= at < match.start()][-3:]
        says = bool(governed) and spots[governed[0]][1] in _SAYING
        heads |= {spots[i][1] for i in (governed if says else governed[:1])}
        for i in governed:
            denied[i] ^= 1
    found: dict[str, set[int]] = {}
    for (_, word), parity in zip(spots, denied, strict=True):
        found.setdefault(word, set()).add(parity)
    return {word: frozenset(parities) for word, parities in found.items()}, frozenset(heads)


def opposites(statement: str, quote: str) -> list[str]:
    """Reasons where the statement has a word that the quote lacks, and the quote has its opposite instead, near a word
    that both have."""
    statement, quote = (_NOT_NEGATING.sub(" ", text) for text in (statement, quote))
    mine, theirs = _neighbours(statement), _neighbours(quote)
    told, known = frozenset(mine), frozenset(theirs)
    denied = _denied(statement) | _denied(quote)
    for one, other in _both_ways():
        exchanged = told & one and not known & one and known & other and not told & other
        if not exchanged or denied & (one | other):
            continue
        if any(mine[word] & theirs[opposite] for word in told & one for opposite in known & other):
            return ["the quote says the opposite"]
    mine_by, theirs_by = _before_and_after(statement), _before_and_after(quote)
    if any((_OTHER_SIDE[side], of) in theirs_by and (side, of) not in theirs_by for side, of in mine_by):
        return ["the quote says the opposite"]
    for words, others in ((told - known, known - told), (known - told, told - known)):
        if any(_ADDED.sub("", word) in others for word in words if _ADDED.match(word)) and not denied:
            return ["the quote says the opposite"]
    return []


def _denied(text: str) -> frozenset[str]:
    return frozenset(word for word, parities in _parities(text)[0].items() if 1 in parities)


@lru_cache(maxsize=1)
def _both_ways() -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    pairs = [tuple(frozenset(base(word) for word in group) for group in pair) for pair in _OPPOSITES]
    return tuple((pair[at], pair[1 - at]) for pair in pairs for at in (0, 1))


_OTHER_SIDE = {"before": "after", "after": "before"}


@lru_cache(maxsize=4096)
def _before_and_after(text: str) -> frozenset[tuple[str, str]]:
    """ "before" and "after", each with the content word that follows it: two events may be told from either end."""
    hits = re.finditer(r"\b(before|after)\b", text, re.I)
    return frozenset((hit[1].lower(), following[0]) for hit in hits if (following := ordered(text[hit.end() :])))


@lru_cache(maxsize=4096)
def _neighbours(text: str) -> dict[str, frozenset[str]]:
    """Each word's base, function words included, with the content words up to NEAR before and after it."""
    words = [base(word) for word in re.findall(r"[^\W\d_]+", text)]
    telling = content(text)
    found: dict[str, frozenset[str]] = {}
    for at, word in enumerate(words):
        before = [near for near in words[:at] if near in telling][-NEAR:]
        after = [near for near in words[at + 1 :] if near in telling][:NEAR]
        found[word] = found.get(word, frozenset()) | {*before, *after}
    return found

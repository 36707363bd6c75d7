"""Words compared as a reader would: inflections, a few irregular verbs, negation and opposites. English, by rules.

It leaves out synonyms: a statement in wholly other words is covered less, which rag.check calls "partly".
"""

from __future__ import annotations

import re
from functools import lru_cache

from index.passages import sentences
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
    """yes per cent mr mrs ms dr also would could may might must shall january jan february feb march mar april apr
    june jun july jul august aug september sept sep october oct november nov december dec""".split()
)
_NEGATORS = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|\w+n['’]t|failed to|fails to|fail to|refused to|"
    r"refuses to|declined to|unable to|denied|denies|rul(?:e|es|ed|ing) out|instead of|"
    r"rather than|yet to|stopped short of|(?:stop(?:s|ped)?|cease[sd]?)(?= \w+ing\b)|far from)\b",
    re.I,
)
_NOT_NEGATING = re.compile(
    r"\b(?:not only|no fewer(?: than)?|no less(?: than)?|no more than|no doubt|no longer than|no\.)", re.I
)
_CONTENT = re.compile(r"[^\W\d_]{2,}(?:['’][^\W\d_]+)?")
_CLAUSE_END = re.compile(r"[,.;:!?—]|\b(?:but|and|because|although|while)\b")
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
        ("new newer newest young younger youngest", "old older oldest"),
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


@lru_cache(maxsize=65536)
def alike(one: str, other: str) -> bool:
    """Whether two bases are of one family.

    >>> alike("announc", "announcement"), alike("nation", "native")
    (True, False)
    """
    if one == other:
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
    return sum(1 for word in told if word in known or any(alike(word, other) for other in known)) / len(told)


@lru_cache(maxsize=4096)
def _parities(text: str) -> tuple[dict[str, frozenset[int]], frozenset[str]]:
    """How often, modulo 2, each content word is denied where it stands; and the words right after a denial.

    A denial governs up to three content words of its clause, so "has not denied the claims" denies the denial and
    leaves the claims as they are.
    """
    masked = _NOT_NEGATING.sub(lambda match: "x" * len(match[0]), text)
    spots = [(match.start(), base(match[0])) for match in _CONTENT.finditer(text) if fold(match[0]) not in _EMPTY]
    denied = [0] * len(spots)
    heads: set[str] = set()
    for match in _NEGATORS.finditer(masked):
        clause = _CLAUSE_END.split(masked[match.end() :], maxsplit=1)[0]
        governed = [i for i, (at, _) in enumerate(spots) if match.end() <= at < match.end() + len(clause)][:3]
        heads |= {spots[i][1] for i in governed[:2]}
        for i in governed:
            denied[i] ^= 1
    found: dict[str, set[int]] = {}
    for (_, word), parity in zip(spots, denied, strict=True):
        found.setdefault(word, set()).add(parity)
    return {word: frozenset(parities) for word, parities in found.items()}, frozenset(heads)


def negated(statement: str, quote: str) -> list[str]:
    """Reasons where one of the two denies what the other says."""
    (mine, my_heads), (theirs, their_heads) = _parities(statement), _parities(quote)
    told, known = frozenset(mine), frozenset(theirs)
    if any(1 in mine[word] & theirs[word] for word in told & known):
        return []  # both deny the same, whatever else their denials reach
    for word in sorted((my_heads | their_heads) & told & known):
        said = _opposite_said(my_heads, known - told) or _opposite_said(their_heads, told - known)
        if not mine[word] & theirs[word] and not said:
            return ["one of the two denies it"]
    return []


def _denied(text: str) -> frozenset[str]:
    return frozenset(word for word, parities in _parities(text)[0].items() if 1 in parities)


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
    statement, quote = (_NOT_NEGATING.sub(" ", text) for text in (statement, quote))
    told, known = _all_bases(statement), _all_bases(quote)
    wrong = []
    for mine, theirs in _both_ways():
        one, other = _bases(mine), _bases(theirs)
        exchanged = told & one and not known & one and known & other and not told & other
        if exchanged and not (_denied(statement) | _denied(quote)) & (one | other):
            wrong.append("the quote says the opposite")
    mine_by, theirs_by = _before_and_after(statement), _before_and_after(quote)
    if any((_OTHER_SIDE[side], of) in theirs_by and (side, of) not in theirs_by for side, of in mine_by):
        wrong.append("the quote says the opposite")
    for word in told - known:
        bare = _ADDED.sub("", word)
        if bare != word and bare in known:
            wrong.append("the quote says the opposite")
    for word in known - told:
        bare = _ADDED.sub("", word)
        if bare != word and bare in told and bare not in known and not _denied(statement):
            wrong.append("the quote says the opposite")
    return wrong


_OTHER_SIDE = {"before": "after", "after": "before"}


@lru_cache(maxsize=4096)
def _before_and_after(text: str) -> frozenset[tuple[str, str]]:
    """ "before" and "after", each with the content word that follows it: two events may be told from either end."""
    hits = re.finditer(r"\b(before|after)\b", text, re.I)
    return frozenset((hit[1].lower(), following[0]) for hit in hits if (following := ordered(text[hit.end() :])))


@lru_cache(maxsize=4096)
def _all_bases(text: str) -> frozenset[str]:
    """Bases of all words: "before", "up" and "more" have opposites too."""
    return frozenset(base(word) for word in re.findall(r"[^\W\d_]+", text))


_TURN = re.compile(r",?\s+(?=but\b|while\b|whereas\b)|,\s+(?=and\b)")
_ALL_TURNS = re.compile(r",?\s+(?=but\b|while\b|whereas\b|and\b)|,\s+")
_VERBS = frozenset("is are was were has have had will would can could may might did does do".split())


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

"""Proper names of a text, as far as capital letters tell, and words that name the same country or body.

English only, by rules. It knows no names but a table of countries and their adjectives, and doesn't resolve "he".
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from rag.amounts import NUMBER_WORDS

_AFTER_NAME = re.compile(
    r"\s*[,;:.!?)]|\s+(?:\w+ly\s+|also\s+|then\s+|later\s+)?(?:\w+ed|says|wants|plans|calls|leads|holds|is|was|are|were|has|have|had|will|would|can|could|"
    r"may|might|must|did|do|and|or|in|at|on|to|of|for|from|with|by|as|said|told|took|gave|made|won|lost|led|left|beat|met|"
    r"put|set|cut|let|got|went|came|saw|kept|held|fell|rose|grew|ran|began|became|wrote|spoke|built|bought|sold|sent|sang|"
    r"sank|spent|found|brought|thought|fought|caught|taught|struck|broke|chose|drew|flew|threw|knew|stood|paid|read|hit)\b"
)
_WORD = re.compile(r"[^\W\d_]+\d*(?:[-'’.&][^\W\d_]+)*\.?(?:'s|’s)?|\d[\w.,-]*", re.UNICODE)
_JOINERS = frozenset("of de del van von der la le du al bin and for the".split())
_TITLES = frozenset(
    """mr mrs ms dr sir dame lord lady president prime minister chancellor senator governor mayor professor prof king
    queen prince princess pope archbishop bishop cardinal father chief executive judge justice general captain commander
    admiral representative rep sen gov chairman chairwoman secretary director""".split()
)
_NOT_NAMES = frozenset(
    """a an the this that these those it he she they we i you his her its their our my your there here who what
    which when where why how if as at by for from in into of on to with without after before during since until
    while although though because and but or nor so yet not no none all both each every some any many most more
    few fewer several two three four five six seven eight nine ten one another other others such than then thus
    however meanwhile moreover also only even still just now today yesterday tomorrow later earlier soon once
    again about around over under more less nearly almost up down out off near above below between among against
    through across along despite according instead everyone everybody nobody nothing something someone anyone""".split()
)
_PLACES_IN_S = frozenset(
    """paris texas brussels athens illinois massachusetts arkansas kansas wales cyprus laos honduras mars venus naples
    los angeles dallas marseilles algiers tunis damascus mauritius barbados maldives bahamas philippines netherlands
    seychelles james charles thomas williams jones davis lewis hughes harris marcus nicholas chris dennis carlos lucas
    andreas hans johannes jesus moses socrates sophocles archimedes columbus copernicus airbus lotus adidas siemens
    mercedes walters edwards richards roberts adams evans rogers phillips collins stevens peters andrews curtis burns
    francis alexis agnes doris iris""".split()
)
_SAME = tuple(
    frozenset(group.split())
    for group in (
        "us usa u.s u.s.a america american americans united-states",
        "uk u.k britain british britons united-kingdom",
        "eu e.u european-union",
        "un u.n united-nations",
        "france french",
        "germany german germans",
        "spain spanish spaniards",
        "italy italian italians",
        "netherlands dutch holland",
        "china chinese",
        "japan japanese",
        "russia russian russians",
        "ukraine ukrainian ukrainians",
        "switzerland swiss",
        "sweden swedish swedes",
        "denmark danish danes",
        "norway norwegian norwegians",
        "finland finnish finns",
        "poland polish poles",
        "greece greek greeks",
        "turkey turkish turks",
        "ireland irish",
        "scotland scottish scots",
        "wales welsh",
        "england english",
        "portugal portuguese",
        "iraq iraqi iraqis",
        "israel israeli israelis",
        "thailand thai",
        "peru peruvian",
        "chile chilean chileans",
        "belgium belgian",
        "iceland icelandic",
        "europe european europeans",
        "asia asian",
        "africa african",
        "catholic catholics",
        "soviet ussr soviets soviet-union",
    )
)
GROUPS = {word: number for number, group in enumerate(_SAME) for word in group}
"""Folded word -> the group of words that name the same country or body."""
_COUNTRY_ENDS = frozenset(("", "a", "y", "o", "e"))
_PEOPLE_ENDS = frozenset("n ns an ans ian ians ese i is ern".split())


@dataclass(frozen=True, slots=True)
class Name:
    """A proper name, its words folded, without titles. `weak`: a first word that may be no name at all; `acronym`:
    written in capitals."""

    words: tuple[str, ...]
    position: int
    weak: bool = False
    acronym: bool = False


def fold(word: str) -> str:
    """A word without case, accents, possessive or closing full stop.

    >>> fold("Édouard’s"), fold("U.S.")
    ('edouard', 'u.s')
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return re.sub(r"['’]s?$", "", plain.casefold()).rstrip(".")


def same_name(one: str, other: str) -> bool:
    """Whether two folded words name the same: equal, plural, or a country and its adjective.

    >>> same_name("french", "france"), same_name("paris", "london")
    (True, False)
    """
    if one == other or one + "s" == other or other + "s" == one:
        return True
    if one in GROUPS and GROUPS[one] == GROUPS.get(other):
        return True
    if one[:4] != other[:4]:
        return False
    common = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    ends = (one[common:], other[common:])
    return common >= 4 and any(x in _COUNTRY_ENDS and y in _PEOPLE_ENDS for x, y in (ends, ends[::-1]))


def names_in(text: str) -> tuple[Name, ...]:
    found: list[Name] = []
    run: list[tuple[str, int, bool]] = []
    end = 0

    def close() -> None:
        words = [(word, at, first) for word, at, first in run if fold(word) not in _JOINERS or not word.islower()]
        run.clear()
        if not words:
            return
        if words[0][2] and fold(words[0][0]) in _NOT_NAMES | _TITLES:
            words = words[1:]
        kept = tuple(fold(word) for word, _, _ in words if fold(word) not in _TITLES)
        if kept:
            weak = words[0][2] and len(words) == 1 and _may_be_common(kept[0], words[0][0], text[end:])
            found.append(Name(kept, words[0][1], weak, len(words[0][0]) > 1 and words[0][0].isupper()))

    for match in _WORD.finditer(text):
        word, gap = match[0], text[end : match.start()]
        first = (
            not end or bool(re.search(r"[.!?:;…]|\n\n|[“\"]$", gap)) or text[end - 1 : end] == "." and not gap.strip()
        )
        first = first and not re.fullmatch(
            r"(?:[A-Z]\.)+|Mr\.|Mrs\.|Dr\.|St\.|Gen\.|Sen\.|Gov\.", text[match.start() - len(gap) - 4 : end].strip()
        )
        if run and (gap.strip() or first):
            close()
        common = fold(word) in _NOT_NAMES or fold(word).split("-")[0] in NUMBER_WORDS
        if word[0].isupper() and not (common and first):
            run.append((word, match.start(), first))
        elif word[0].isupper() and word == "I":
            close()
        elif (
            run
            and word in _JOINERS
            and word not in ("and", "for", "the")
            and text[match.end() : match.end() + 2].strip()[:1].isupper()
        ):
            run.append((word, match.start(), False))
        else:
            close()
        end = match.end()
        if re.search(r"['’]s$", word):
            close()
    close()
    return tuple(found)


def _may_be_common(folded: str, word: str, following: str) -> bool:
    """Whether a capitalised first word may be a common one: plurals, adverbs and participles usually are, and so is a
    word before another noun or adjective; a name alone is followed by a verb or a comma."""
    if word.isupper() and len(word) > 1 or folded in _PLACES_IN_S or folded in GROUPS:
        return False
    if re.search(r"(?:s|ly|ing|ed|tion|ment|ness|ers|ity|ance|ence)$", folded):
        return True
    return not re.search(r"['’]s$", word) and not _AFTER_NAME.match(following)

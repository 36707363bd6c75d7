"""Text -> the facts that can be compared letter by letter: dates, amounts and proper names, in one normal form.

English only, by rules. It leaves out judging: what a missing or a different fact means is rag.check's. It doesn't
resolve "yesterday" or "he", and knows no names beyond a table of countries and their adjectives.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?"
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>1\d{3}|20\d{2})"
_DATES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"\b(?P<year>1\d{{3}}|20\d{{2}})-(?P<number>0[1-9]|1[0-2])-{_DAY}\b",
        rf"\b{_DAY}(?:\s+of)?\s+{_MONTH}(?:,?\s+{_YEAR})?(?!\d)",
        rf"\b{_MONTH}\s+{_DAY}\b(?!,?\d)(?:,?\s+{_YEAR}\b)?",
        rf"\b{_MONTH}(?:\s+of)?,?\s+{_YEAR}\b",
        rf"\b(?:in|since|until|during|late|early|mid|last|by|from|through|next|this|before|after|of)"
        rf"[ -]{_MONTH}(?![\w-])",
        r"\b(?P<month>january|february|april|june|july|august|september|october|november|december)\b",
    )
)
_ONES = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_TENS = {word: 10 * (i + 2) for i, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())}
_SCALES = {"hundred": 100.0, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "dozen": 12.0}
_SHORT_SCALES = {"k": 1e3, "m": 1e6, "mn": 1e6, "mln": 1e6, "b": 1e9, "bn": 1e9, "tn": 1e12}
_NUMBER_WORDS = frozenset((*_ONES, *_TENS, *_SCALES))
_ORDINALS = {
    word: value
    for value, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(), start=1
    )
}
_NUMBER_WORD = rf"(?:{'|'.join([*_TENS, *sorted(_ONES, key=len, reverse=True), *_SCALES])})"
_WORDED = (
    rf"(?:(?:a|half a|quarter of a)\s+(?={'|'.join(_SCALES)}))?{_NUMBER_WORD}(?:(?:\s+and\s+|[\s-]+){_NUMBER_WORD})*"
)
_DIGITS = r"\d{1,3}(?:[,\u00a0\u202f]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_AMOUNT = re.compile(
    rf"(?P<currency>US\$|A\$|C\$|[$£€¥₹])?\s?(?<![\w.])(?:(?P<digits>{_DIGITS})(?P<ordinal>st|nd|rd|th)?"
    rf"(?:[\s-]?(?P<scale>hundred|thousand|million|billion|trillion|mln|mn|bn|tn|k|m|b)(?![\w]))?"
    rf"|(?P<worded>{_WORDED})(?P<plural>s|th)?)(?!\w)(?P<decade>)",
    re.I,
)
_DECADE = re.compile(r"\b(1\d|20)(\d)0'?s\b")
_UNITS: dict[str, tuple[str, float]] = {}
for _dimension, _table in {
    "percent": "1 % percent pc percentage",
    "dollar": "1 $ us$ dollar dollars usd",
    "pound": "1 £ gbp sterling",
    "euro": "1 € euro euros eur",
    "yen": "1 ¥ yen",
    "rupee": "1 ₹ rupee rupees",
    "length": "1 m metre metres meter meters | 1000 km kilometre kilometres kilometer kilometers | "
    "1609.344 mile miles mi | 0.3048 foot feet ft | 0.01 cm centimetre centimetres centimeter centimeters | "
    "0.001 mm millimetre millimetres millimeter millimeters | 0.0254 inch inches",
    "mass": "1 kg kilogram kilograms kilo kilos | 1000 tonne tonnes ton tons | 0.001 gram grams g | 0.4536 lb lbs",
    "time": "1 second seconds sec secs | 60 minute minutes min mins | 3600 hour hours hr hrs | 86400 day days | "
    "604800 week weeks | 2629800 month months | 31557600 year years | 315576000 decade decades | "
    "3155760000 century centuries",
    "speed": "1 mph | 0.6214 kph kmh km/h",
    "degree": "1 degree degrees °",
    "celsius": "1 celsius °c",
    "fahrenheit": "1 fahrenheit °f",
    "area": "1 hectare hectares ha | 0.4047 acre acres",
    "volume": "1 litre litres liter liters",
    "power": "1 watt watts | 1000 kilowatt kilowatts kw | 1000000 megawatt megawatts mw | 1e9 gigawatt gigawatts gw",
}.items():
    for _group in _table.split(" | "):
        _factor, *_words = _group.split()
        _UNITS |= {_word: (_dimension, float(_factor)) for _word in _words}
_UNIT_AFTER = re.compile(
    r"[\s-]{0,2}(%|per\s?cent\b|km/h\b|°[CF]?|(?:US|American|Canadian|Australian)\s+dollars\b|[A-Za-z]+\b)"
)
_AFTER_PRONOUN = frozenset(("", "of", "another", "day", "thing"))
_FEASTS = (("Christmas Day", "25 December  "), ("Christmas Eve", "24 December  "))
_BOUND_BEFORE = re.compile(
    r"\b(?:(?P<up>more than|over|at least|above|exceed(?:s|ed|ing)?|upwards? of|no fewer than|no less than)"
    r"|(?P<down>fewer than|less than|under|below|nearly|almost|up to|at most|as many as|just short of|no more than)"
    r"|(?P<about>about|around|roughly|approximately|some|an estimated|close to|circa))\s+(?:the\s+|a\s+)?$",
    re.I,
)
_WORD = re.compile(r"[^\W\d_]+(?:[-'’.&][^\W\d_]+)*\.?(?:'s|’s)?|\d[\w.,-]*", re.UNICODE)
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
    through across along despite according instead everyone everybody nobody nothing something someone anyone
    police rain snow traffic water fire power work construction production research evidence access support
    demand trade inflation unemployment electricity agriculture tourism energy education music art food money
    air oil gas gold steel light heat wind smoke ash lava debris damage""".split()
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
_PEOPLE_ENDS = frozenset("n ns an ans ian ians ese i is".split())


@dataclass(frozen=True, slots=True)
class When:
    """A date as far as it is told; `position` is where it stands in the text."""

    year: int | None
    month: int | None
    day: int | None
    position: int

    def agrees(self, other: When) -> bool:
        """Whether `other` tells this date: each part told here is the same there, or untold there but for the last."""
        pairs = ((self.year, other.year), (self.month, other.month), (self.day, other.day))
        if any(mine is not None and theirs is not None and mine != theirs for mine, theirs in pairs):
            return False
        return (self.month is None or other.month is not None) and (self.day is None or other.day is not None)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number. `readings`: what it may be, as (value, dimension), values in the dimension's base unit ("3m" has two).

    `noun` is the word that follows, stemmed by nobody; `bound` is "up", "down", "about" or "", and
    "loose" for a "one" that may be a pronoun.
    """

    readings: tuple[tuple[float, str], ...]
    noun: str
    bound: str
    text: str
    position: int

    @property
    def year(self) -> int | None:
        """The year that a bare four-digit number may be."""
        value, dimension = self.readings[0]
        return int(value) if not dimension and re.fullmatch(r"1\d{3}|20\d{2}", self.text) else None


@dataclass(frozen=True, slots=True)
class Name:
    """A proper name, its words folded, without titles. `weak`: a first word that may be no name at all."""

    words: tuple[str, ...]
    position: int
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text states that can be compared."""

    dates: tuple[When, ...]
    amounts: tuple[Amount, ...]
    names: tuple[Name, ...]


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


@lru_cache(maxsize=4096)
def facts(text: str) -> Facts:
    """The facts of a text.

    >>> found = facts("Jan. 26, 2025: Tim Walz asked for $3m.")
    >>> found.dates[0].day, found.amounts[0].readings, found.names[0].words
    (26, ((3000000.0, 'dollar'),), ('tim', 'walz'))
    """
    dates, rest = _dates(text)
    return Facts(dates, _amounts(rest), _names(rest))


def _dates(text: str) -> tuple[tuple[When, ...], str]:
    """The dates, and the text with them blanked out so that their numbers are not counted again."""
    found: list[When] = []
    for feast, date in _FEASTS:
        text = text.replace(feast, date)
    for pattern in _DATES:
        for match in pattern.finditer(text):
            parts = match.groupdict()
            word = parts.get("month")
            if word and not word[0].isupper():
                continue  # "may" and "march" are verbs
            month = _MONTHS[word.lower()] if word else int(parts["number"])
            year, day = (int(parts[key]) if parts.get(key) else None for key in ("year", "day"))
            found.append(When(year, month, day, match.start()))
            start = match.start("month") if not (year or day) else match.start()
            text = text[:start] + " " * (match.end() - start) + text[match.end() :]
    return tuple(sorted(found, key=lambda when: when.position)), text


def _amounts(text: str) -> tuple[Amount, ...]:
    found: list[Amount] = []
    for match in _DECADE.finditer(text):
        found.append(Amount(((float(match[0][:4]), "decade"),), "", "", match[0], match.start()))
    for match in _AMOUNT.finditer(text):
        if (amount := _amount(match, text)) is not None:
            found.append(amount)
    for match in re.finditer(rf"\b({'|'.join(_ORDINALS)})\b", text, re.I):
        # "second" after a number is a unit, and "first" as an adverb says little: only before a noun are they counted
        if re.match(r"[\s-]+[a-z]", text[match.end() :]) and not re.search(r"\d\s*$", text[: match.start()]):
            found.append(
                Amount(((float(_ORDINALS[match[1].lower()]), "ordinal"),), "", "", match[0].lower(), match.start())
            )
    return tuple(sorted(found, key=lambda amount: amount.position))


def _amount(match: re.Match[str], text: str) -> Amount | None:
    digits, worded, scale = match["digits"], match["worded"], (match["scale"] or "").lower()
    after = _UNIT_AFTER.match(text, match.end())
    following = re.sub(r"\s", "", after[1].lower()) if after else ""
    following = "dollars" if following.endswith("dollars") else following
    dimension, factor = _UNITS.get(following, ("", 1.0))
    if worded:
        if match["plural"]:
            return None  # "hundreds", "thousands": no number is told
        value = _value(worded)
        if worded.lower() in _TENS and re.match(
            r"-(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)", text[match.end() :]
        ):
            return None
    else:
        value = float(re.sub(r"[,\u00a0\u202f]", "", digits))
    readings: tuple[tuple[float, str], ...]
    if match["currency"]:
        dimension, factor = _UNITS[match["currency"].lower().replace("a$", "$").replace("c$", "$")]
    if match["ordinal"]:
        readings = ((value, "ordinal"),)
    elif scale == "m" and not match["currency"]:
        readings = ((value * 1e6 * factor, dimension), (value, "length"))
    else:
        value *= _SCALES.get(scale) or _SHORT_SCALES.get(scale) or 1.0
        readings = ((value * factor, dimension),)
    if worded and worded.lower() == "one" and (following in _AFTER_PRONOUN or _ones_pronoun(text, match)):
        return Amount(readings, "", "loose", match[0].strip(), match.start())
    noun = "" if dimension or not following.isalpha() else following
    before = _BOUND_BEFORE.search(text[max(0, match.start() - 30) : match.start() + (match[0][0] == " ")])
    bound = next((key for key, hit in before.groupdict().items() if hit), "") if before else ""
    return Amount(readings, noun, bound, match[0].strip(), match.start())


def _ones_pronoun(text: str, match: re.Match[str]) -> bool:
    return bool(re.search(r"\b(?:no|the|that|this|each|every|any|some|other|than)\s+$", text[: match.start()], re.I))


def _value(worded: str) -> float:
    """The value of number words.

    >>> _value("two hundred and five thousand"), _value("half a million")
    (205000.0, 500000.0)
    """
    share = 0.5 if worded.lower().startswith("half") else 0.25 if worded.lower().startswith("quarter") else 1.0
    total, group = 0.0, 0.0
    for word in re.findall(r"[a-z]+", worded.lower()):
        if word in _ONES:
            group += _ONES[word]
        elif word in _TENS:
            group += _TENS[word]
        elif word in ("hundred", "dozen"):
            group = (group or 1.0) * _SCALES[word]
        elif word in _SCALES:
            total, group = total + (group or 1.0) * _SCALES[word], 0.0
    return share * (total + group)


def _names(text: str) -> tuple[Name, ...]:
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
            weak = words[0][2] and len(words) == 1 and _may_be_common(kept[0], words[0][0])
            found.append(Name(kept, words[0][1], weak))

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
        common = fold(word) in _NOT_NAMES or fold(word).split("-")[0] in _NUMBER_WORDS
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


def _may_be_common(folded: str, word: str) -> bool:
    """Whether a capitalised first word may be a common one: plurals, adverbs and participles usually are."""
    if word.isupper() and len(word) > 1 or folded in _PLACES_IN_S or folded in GROUPS:
        return False
    return bool(re.search(r"(?:s|ly|ing|ed|tion|ment|ness|ers|ity|ance|ence)$", folded))

"""Numbers of a text, in digits or words, with what they count, and whether two of them are the same.

English only, by rules. It leaves out dates (rag.facts blanks them out first) and ordinals in words past the twelfth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from rag.words import STOP_WORDS

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
NUMBER_WORDS = frozenset((*_ONES, *_TENS, *_SCALES))
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
_YEARS = re.compile(r"\b(1\d\d\d|20\d\d)[-–/](\d\d)\b(?![-–/.,]?\d)")
_CLOCK = re.compile(
    r"(?<![\w.,:$£€])(?P<first>\d{1,2})"
    r"(?:(?:[:.](?P<minutes>[0-5]\d))?\s?(?P<half>[ap])\.?m\b"
    r"|:(?P<second>[0-5]\d)(?::(?P<third>[0-5]\d))?(?P<fraction>\.\d+)?)(?!\w|[.,:]\d)",
    re.I,
)
"""A time of day ("22:40", "10.40pm") or, where it has seconds or a fraction, how long something took ("2:06:51")."""
_DERIVED = {"clock", "half", "lasted"}
"""Dimensions of readings that stand nowhere as a number: 640 people are not 10:40."""
_NEXT_PART = re.compile(r"[\s-]?[a-z]+,?(?:\s+and)?\s*", re.I)
"""What stands between the parts of a duration: a unit and a comma or "and"."""
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
    "am": "60 am",
    "pm": "60 pm",
    "power": "1 watt watts | 1000 kilowatt kilowatts kw | 1000000 megawatt megawatts mw | 1e9 gigawatt gigawatts gw",
}.items():
    for _group in _table.split(" | "):
        _factor, *_words = _group.split()
        _UNITS |= {_word: (_dimension, float(_factor)) for _word in _words}
_UNIT_AFTER = re.compile(
    r"[\s-]{0,2}(%|[apAP]\.?[mM]\b|per\s?cent\b|km/h\b|°[CF]?|(?:US|American|Canadian|Australian)\s+dollars\b|[A-Za-z]+\b)"
)
_BOUND_BEFORE = re.compile(
    r"\b(?:(?P<up>more than|over|at least|above|exceed(?:s|ed|ing)?|upwards? of|no fewer than|no less than)"
    r"|(?P<down>fewer than|less than|under|below|nearly|almost|up to|at most|as many as|just short of|no more than)"
    r"|(?P<about>about|around|roughly|approximately|some|an estimated|close to|circa))\s+(?:the\s+|a\s+)?$",
    re.I,
)
_TEMPERATURES = ("degree", "celsius", "fahrenheit")
_MINUS_BEFORE = re.compile(r"(?:(?<![^\s(])[-−–]|\bminus\s?)$", re.I)
_BELOW_ZERO = re.compile(r"[\s\w°]{0,20}\bbelow (?:zero|freezing)\b", re.I)
_GROUP_BEFORE = re.compile(r"\b(?:the|these|those|both|his|her|its|their|other)\s*$", re.I)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number. `readings`: what it may be, as (value, dimension), values in the dimension's base unit ("3m" has two).

    `plain` is the number without its unit, `noun` the word that follows, as it stands. `bound` is "up", "down", "about"
    or "", "loose" for a "one" that may be a pronoun, and "group" for "the two ...", which counts what is known already.
    """

    readings: tuple[tuple[float, str], ...]
    noun: str
    bound: str
    text: str
    position: int
    plain: float = 0.0

    @property
    def bare(self) -> bool:
        """Whether nothing tells what it counts: the "60" of "from 60 to 65 years"."""
        return not self.noun and not self.readings[0][1] and not self.year

    @property
    def year(self) -> int | None:
        """The year that a bare four-digit number may be."""
        value, dimension = self.readings[0]
        return int(value) if not dimension and re.fullmatch(r"1\d{3}|20\d{2}", self.text) else None


def amounts_in(text: str) -> tuple[Amount, ...]:
    found: list[Amount] = []
    for match in _CLOCK.finditer(text):
        found += _time_of_day(match, text) if match["half"] else _clock(match, text)
        text = text[: match.start()] + " " * len(match[0]) + text[match.end() :]
    for match in _DECADE.finditer(text):
        found.append(Amount(((float(match[0][:4]), "decade"),), "", "", match[0], match.start()))
    for match in _YEARS.finditer(text):  # "1348–50"
        year = match[1][:2] + match[2]
        found.append(Amount(((float(year), ""),), "", "", year, match.start(2)))
        text = text[: match.end(1)] + "   " + text[match.end() :]
    for match in _AMOUNT.finditer(text):
        if (amount := _amount(match, text)) is not None:
            found.append(amount)
    for match in re.finditer(rf"\b({'|'.join(_ORDINALS)})\b", text, re.I):
        # "second" after a number is a unit, and "first" as an adverb says little: only before a noun are they counted
        if re.match(r"[\s-]+[a-z]", text[match.end() :]) and not re.search(r"\d\s*$", text[: match.start()]):
            found.append(
                Amount(((float(_ORDINALS[match[1].lower()]), "ordinal"),), "", "", match[0].lower(), match.start())
            )
    return tuple(_durations(sorted(found, key=lambda amount: amount.position), text))


def _amount(match: re.Match[str], text: str) -> Amount | None:
    digits, worded, scale = match["digits"], match["worded"], (match["scale"] or "").lower()
    after = _UNIT_AFTER.match(text, match.end())
    following = re.sub(r"[\s.]", "", after[1].lower()) if after else ""
    following = "dollars" if following.endswith("dollars") else following
    dimension, factor = _UNITS.get(following, ("", 1.0))
    if worded:
        if match["plural"]:
            return None  # "hundreds", "thousands": no number is told
        if worded.lower() == "zero" and re.search(r"\b(?:below|above)\s?$", text[: match.start()], re.I):
            return None
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
    elif dimension in ("am", "pm"):
        readings = (*_since_midnight(value * factor, dimension), (value, f"hour {dimension}"))
    elif scale == "m" and not match["currency"]:
        readings = ((value * 1e6 * factor, dimension), (value, "length"))
    else:
        value *= _SCALES.get(scale) or _SHORT_SCALES.get(scale) or 1.0
        readings = ((value * factor, dimension),)
    if worded and worded.lower() == "one" and (following in ("", "of", "another") or _ones_pronoun(text, match)):
        return Amount(readings, "", "loose", match[0].strip(), match.start())
    if dimension in _TEMPERATURES:  # elsewhere a minus is told in words as often ("fell 3 %")
        sign = _MINUS_BEFORE.search(text[: match.start()])
        minus = sign and (match[0][0] != " " or sign[0][0].isalpha())  # "- 12": a dash
        if minus or _BELOW_ZERO.match(text, match.end()):
            readings = tuple((-v, d) for v, d in readings)
    noun = "" if dimension or not following.isalpha() or following in STOP_WORDS else following
    bound = _bound(text, match.start() + (match[0][0] == " "))
    if value <= 10 and worded and not dimension and _GROUP_BEFORE.search(text[: match.start()]):
        bound = "group"
    return Amount(readings, noun, bound, match[0].strip(), match.start(), value)


def _bound(text: str, end: int) -> str:
    """The bound that is told right before `end`."""
    before = _BOUND_BEFORE.search(text[max(0, end - 31) : end])
    return next((key for key, hit in before.groupdict().items() if hit), "") if before else ""


def _time_of_day(match: re.Match[str], text: str) -> list[Amount]:
    hour, half = float(match["first"]), f"{match['half'].lower()}m"
    readings = _since_midnight(60 * hour + int(match["minutes"] or 0), half)
    if not match["minutes"]:
        readings = (*readings, (hour, f"hour {half}"))
    return [Amount(readings, "", _bound(text, match.start()), match[0], match.start(), hour)]


def _clock(match: re.Match[str], text: str) -> list[Amount]:
    """ "22:40" as one amount; a duration as its hours, minutes and seconds, since words tell each by itself."""
    bound, first = _bound(text, match.start()), match["first"]
    if not (match["third"] or match["fraction"]):
        minutes = 60.0 * int(first) + int(match["second"])
        told = "" if 1 <= int(first) <= 12 and first[0] != "0" else "24"
        # It may as well be hours and minutes, or minutes and seconds.
        readings = (*_since_midnight(minutes, told), (60 * minutes, "lasted"), (minutes, "lasted"))
        return [Amount(readings, "", bound, match[0], match.start(), float(first))]
    names = [name for name in ("first", "second", "third") if match[name]]
    parts = []
    for name, seconds in zip(names, (3600.0, 60.0, 1.0)[-len(names) :], strict=True):
        digits = match[name] + (match["fraction"] or "") * (name == names[-1])
        readings = ((float(digits) * seconds, "time"),)
        parts.append(Amount(readings, "", bound * (name == "first"), digits, match.start(name), float(digits)))
    return [_summed(parts), *(part for part in parts[1:] if part.plain)]  # "2:06:00" tells no seconds


def _summed(parts: Sequence[Amount]) -> Amount:
    """The first part of a duration, which may be read as all of it too: the 2 of "2 hours and 6 minutes" as 2:06."""
    sums = list(accumulate(part.readings[0][0] for part in parts))
    return replace(parts[0], readings=(*parts[0].readings, *((value, "lasted") for value in sums[1:])))


def _durations(found: Sequence[Amount], text: str) -> Iterator[Amount]:
    """The amounts, each duration of several parts summed in its first: "2 hours, 6 minutes and 51 seconds"."""
    for i, amount in enumerate(found):
        parts = [amount]
        for after in found[i + 1 :]:
            last = parts[-1]
            between = text[text.find(last.text, last.position) + len(last.text) : after.position]
            if not (_NEXT_PART.fullmatch(between) and _smaller_unit(last, after)):
                break
            parts.append(after)
        yield _summed(parts) if len(parts) > 1 else amount


def _smaller_unit(amount: Amount, after: Amount) -> bool:
    """Whether both are times, and the second less than one of the unit that the first is told in."""
    (value, dimension), (less, there) = amount.readings[0], after.readings[0]
    return dimension == there == "time" and less * amount.plain < value


def _since_midnight(minutes: float, told: str) -> tuple[tuple[float, str], ...]:
    """The minutes since midnight; "half" are those since midnight or noon, where the text may mean the afternoon.

    told: "am" or "pm"; "" may be either; "24" is of a day's twenty-four hours.

    >>> _since_midnight(640, "pm"), _since_midnight(640, ""), _since_midnight(1360, "24")
    (((1360, 'clock'), (640, 'half')), ((640, 'clock'), (640, 'half')), ((1360, 'clock'),))
    """
    half = minutes % 720
    if told == "24":
        return ((minutes, "clock"),)
    if told == "am":
        return ((half, "clock"),)
    return ((half + 720 if told == "pm" else half, "clock"), (half, "half"))


def _ones_pronoun(text: str, match: re.Match[str]) -> bool:
    return bool(re.search(r"\b(?:no|the|that|this|each|every|any|some|other|than)\s*$", text[: match.start()], re.I))


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


def same_amount(amount: Amount, other: Amount) -> bool:
    if {amount.bound, other.bound} == {"up", "down"}:
        return False
    if amount.bare and amount.plain == other.plain:
        return True
    return any(
        _same_reading(value, dimension, theirs, there, amount.bound)
        for value, dimension in amount.readings
        for theirs, there in other.readings
    )


def _same_reading(value: float, dimension: str, theirs: float, there: str, bound: str) -> bool:
    if {dimension, there} == {"time", "lasted"}:
        dimension = there = "time"
    if dimension and there and dimension != there:
        return {dimension, there} <= {*_TEMPERATURES} and "degree" in (dimension, there) and value == theirs
    if dimension == "ordinal" and there != "ordinal":
        return False
    if not dimension and there in ("ordinal", "decade"):
        return False
    if _DERIVED & {dimension, there} and not (dimension and there):
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
    return len(f"{abs(value):.6g}".replace(".", "").rstrip("0").lstrip("0"))

"""True statement-quote pairs -> false ones of a known kind, and true ones in another form.

It shares no code with the checker.

python bench/perturb.py writes the perturbed half of tests/checker_pairs.jsonl anew from its hand-written half.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

PAIRS = Path(__file__).resolve().parent.parent / "tests" / "checker_pairs.jsonl"
MONTHS = "January February March April May June July August September October November December".split()
DAY_MONTH = re.compile(rf"\b(\d{{1,2}}) ({'|'.join(MONTHS)})\b")
YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
PLAIN_NUMBER = re.compile(r"(?<![\w.,:/-])\d{1,3}(?:,\d{3})*(?:\.\d+)?(?![\w:/-]|,\d|\.\d)")
NAMED = re.compile(r"(?<=[a-z,] )[A-ZÀ-Þ][a-zà-ÿ]{3,}(?:-[A-ZÀ-Þ][a-zà-ÿ]+)*\b")
AUXILIARY = re.compile(r"\b(was|were|is|are|has|have|had|will|would|can|could)\b(?! (?:not|no|a few))")
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


@dataclass(frozen=True, slots=True)
class Pair:
    """`true`: whether the quote holds the statement up. `kind`: how a false one was made false, else "paraphrase".

    `xquad`: where in XQuAD the quote stands, as `id#start-end` of the context, where it is not ours to ship.
    """

    statement: str
    quote: str
    kind: str
    true: bool
    origin: str
    xquad: str = ""

    @property
    def held_out(self) -> bool:
        """Half of the quotes, by hash; all pairs of a quote fall into one half."""
        return hashlib.sha256(self.quote.encode()).digest()[0] % 2 == 1


def read_pairs(path: Path = PAIRS) -> list[Pair]:
    """The pairs of a JSONL file, those of XQuAD with their quotes; they are left out where XQuAD is absent."""
    pairs = [Pair(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line]
    contexts = xquad_contexts()
    found = []
    for pair in pairs:
        key, _, span = pair.xquad.partition("#")
        if key in contexts:
            start, end = map(int, span.split("-"))
            pair = replace(pair, quote=contexts[key][start:end])
        found += [pair] if pair.quote else []
    return found


def xquad_contexts() -> dict[str, str]:
    """Question id -> context of XQuAD's fit half, from NEWSDESK_DATA or ../shared/data; nothing where it is absent."""
    file = Path(os.environ.get("NEWSDESK_DATA", PAIRS.parents[2] / "shared" / "data")) / "reader" / "xquad_fit.jsonl.gz"
    if not file.is_file():
        return {}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return {row["id"]: row["context"] for row in map(json.loads, lines)}


def change_number(text: str, luck: random.Random, names: Sequence[str]) -> str | None:
    """Another number in place of one that is no date."""
    free = DAY_MONTH.sub(lambda match: "#" * len(match[0]), YEAR.sub("####", text))
    hits = list(PLAIN_NUMBER.finditer(free))
    if not hits:
        return None
    hit = luck.choice(hits)
    value = float(hit[0].replace(",", ""))
    other = value * luck.choice([2, 3, 10]) if luck.random() < 0.6 or value < 20 else value + luck.choice([1, 10, -7])
    return text[: hit.start()] + (f"{other:,.0f}" if other == int(other) else f"{other:,.1f}") + text[hit.end() :]


def change_date(text: str, luck: random.Random, names: Sequence[str]) -> str | None:
    """Another day, month or year."""
    if (hit := DAY_MONTH.search(text)) and luck.random() < 0.7:
        day, month = int(hit[1]), MONTHS.index(hit[2])
        if luck.random() < 0.5:
            day = day % 28 + luck.randint(1, 3) if day < 26 else day - 9
        else:
            month = (month + luck.randint(1, 11)) % 12
        return text[: hit.start()] + f"{day} {MONTHS[month]}" + text[hit.end() :]
    if hit := YEAR.search(text):
        return text[: hit.start()] + str(int(hit[0]) + luck.choice([-10, -1, 1, 2, 11])) + text[hit.end() :]
    return None


def change_name(text: str, luck: random.Random, names: Sequence[str]) -> str | None:
    """A name of another quote in place of one within the sentence."""
    hits = [hit for hit in NAMED.finditer(text) if hit[0] not in MONTHS and not hit[0].endswith("day")]
    others = [name for name in names if name not in text]
    if not hits or not others:
        return None
    hit = luck.choice(hits)
    return text[: hit.start()] + luck.choice(others) + text[hit.end() :]


def negate(text: str, luck: random.Random, names: Sequence[str]) -> str | None:
    """The first auxiliary denied, or a denial taken out."""
    if re.search(r"\bnot\b", text):
        return re.sub(r"\bnot ", "", text, count=1)
    if re.search(r"\b(no|nobody|nothing|none|never)\b", text, re.I):
        return None
    hit = AUXILIARY.search(text)
    return text[: hit.end()] + " not" + text[hit.end() :] if hit else None


def turn_round(text: str, luck: random.Random, names: Sequence[str]) -> str | None:
    """ "A verb-ed B ..." with A and B exchanged, where both are names."""
    name = r"(?:[A-ZÀ-Þ][\wà-ÿ’-]+(?: [A-ZÀ-Þ][\wà-ÿ’-]+)*)"
    hit = re.match(rf"({name}) ((?:was |were )?(?:[a-z]+ed|beat|met|sued)(?: by)?) (?:the )?({name})\b", text)
    return f"{hit[3]} {hit[2]} {hit[1]}{text[hit.end() :]}" if hit else None


def other_date_form(text: str, luck: random.Random, names: Sequence[str]) -> str | None:
    """ "15 April" as "April 15" or "15 Apr."."""
    short = {month: month[:3] + ("." if len(month) > 4 else "") for month in MONTHS}
    if not DAY_MONTH.search(text):
        return None
    if luck.random() < 0.5:
        return DAY_MONTH.sub(lambda match: f"{match[2]} {match[1]}", text)
    return DAY_MONTH.sub(lambda match: f"{short[match[2]]} {match[1]}", text)


def other_number_form(text: str, luck: random.Random, names: Sequence[str]) -> str | None:
    """ "49,000" as "49000", "400" as "four hundred", "1.7 billion" as "1.7bn"."""
    small = "zero one two three four five six seven eight nine ten eleven twelve".split()
    if re.search(r"\d million\b|\d billion\b", text):
        return re.sub(r"(\d) (million|billion)\b", lambda match: match[1] + ("m" if match[2][0] == "m" else "bn"), text)
    if re.search(r"\d,\d{3}\b", text):
        return re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    if (hit := re.search(r"(?<![\w.,:] )(?<![\w.,-])\b([2-9])00\b(?![,.]\d)", text)) or (
        hit := re.search(r"(?<=[a-z] )([3-9])(?= [a-z])", text)
    ):
        word = small[int(hit[1])] + (" hundred" if hit[0].endswith("00") else "")
        return text[: hit.start()] + word + text[hit.end() :]
    return None


def other_order(text: str, luck: random.Random, names: Sequence[str]) -> str | None:
    """ "... on 5 August." with the date first."""
    hit = re.fullmatch(r"((?:The|A|Some|About|Two|In) .+?|[A-Z].+?) (on \d{1,2} [A-Z]\w+(?: \d{4})?)\.", text)
    if not hit or "," in hit[1]:
        return None
    start = hit[1][0].lower() + hit[1][1:] if re.match(r"(?:The|A|Some|About|Two|In) ", hit[1]) else hit[1]
    return f"{hit[2][0].upper()}{hit[2][1:]}, {start}."


Change = Callable[[str, random.Random, Sequence[str]], str | None]
FALSE: dict[str, Change] = {
    "number": change_number,
    "date": change_date,
    "name": change_name,
    "negation": negate,
    "swap": turn_round,
}
TRUE: tuple[Change, ...] = (other_date_form, other_number_form, other_order)


def perturbed(pairs: Sequence[Pair], *, seed: int = 7) -> Iterator[Pair]:
    """False and true variants of true pairs; each of the statement itself and of the quote's own sentences."""
    luck = random.Random(seed)
    names = sorted({hit for pair in pairs for hit in NAMED.findall(pair.quote) if hit not in MONTHS})
    seen: set[tuple[str, str]] = set()
    for pair in pairs:
        for text in (pair.statement, *re.split(r"(?<=[.!?]) (?=[A-ZÀ-Þ])", pair.quote)):
            for kind, change in FALSE.items():
                made = change(text, luck, names)
                # a number or a name that the quote has elsewhere makes a merged fact, not one of this kind
                if made and made != text and made not in pair.quote and (made, pair.quote) not in seen:
                    seen.add((made, pair.quote))
                    yield Pair(made, pair.quote, kind, False, "perturbed")
            for change in TRUE:
                made = change(text, luck, names)
                if made and made != text and (made, pair.quote) not in seen:
                    seen.add((made, pair.quote))
                    yield Pair(made, pair.quote, "paraphrase", True, "perturbed")


def sample(pairs: Sequence[Pair], count: int, *, seed: int = 7) -> list[Pair]:
    """At most `count` of each kind."""
    luck = random.Random(seed)
    found: list[Pair] = []
    for kind in dict.fromkeys(pair.kind for pair in pairs):
        of_kind = [pair for pair in pairs if pair.kind == kind]
        found += luck.sample(of_kind, min(count, len(of_kind)))
    return found


def main() -> None:
    """Keeps the hand-written pairs and writes the perturbed ones after them."""
    rows = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines() if line]
    hand = [Pair(**row) for row in rows if row["origin"] == "hand"]
    made = sample(list(perturbed([pair for pair in hand if pair.true and pair.quote])), 45)
    rows = [{key: value for key, value in asdict(pair).items() if key != "xquad" or value} for pair in [*hand, *made]]
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    PAIRS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(hand)} by hand, {len(made)} perturbed")


if __name__ == "__main__":
    main()

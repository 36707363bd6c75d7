"""Cuts an article into passages: whole sentences packed to the embedder's window, with exact offsets.

A passage never crosses a section, repeats the last sentence of the one before it, and begins and ends at characters
that are no whitespace. Sentences come from nupunkt, which was right most often of two segmenters compared by
bench/segmenters.py. It leaves out what a passage means: nothing is dropped, reordered or rewritten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from index.settings import IndexSettings
from index.types import Article, Passage, Section, passage_id

CountTokens = Callable[[Sequence[str]], list[int]]

LONGEST_WORD = 100
"""A longer word is one [UNK] to BERT, its parts are not: where a sentence is cut, such words are cut first."""
CHARACTERS_PER_TOKEN = 16
"""What has few tokens ([UNK], blanks) still fills a passage by its length."""

_LINE = re.compile(r"[^\n]+")
_WORD = re.compile(r"\S+\s{0,8}")
_CLAUSE_END = re.compile(r"[,;:—–)\]”\"]\s*$")
_NEVER_LAST = re.compile(r"\b(?:Lt|Maj|Brig|Col|Sgt|Cmdr|Adm|Rev|Hon)\.\s*$")
_ENDS_IN_BRACKET = re.compile(r"(?:[.!?][)\]]|\.[\"”’'])(?=\s+[\"“‘'(]?[A-Z])")
"""Ends that the segmenter misses. Not after ?” or !”, which "she said" may follow."""
_TOO_LONG_TO_SEGMENT = 20_000
"""A paragraph is handed to the segmenter in parts of about so many characters: none is written by hand."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence, or a part of a sentence that is longer than a passage. `cost` is in tokens."""

    start: int
    end: int
    cost: int


def sentences(text: str) -> list[tuple[int, int]]:
    """Offsets of the sentences, without the whitespace around them; a line end always ends one.

    >>> [text[a:b] for text in ["Gov. Walz spoke.  He left the U.S. Senate."] for a, b in sentences(text)]
    ['Gov. Walz spoke.', 'He left the U.S. Senate.']
    """
    import nupunkt  # loads its model on first use

    found: list[tuple[int, int]] = []
    for line in _LINE.finditer(text):
        for part_start, part_end in _parts(text, line.start(), line.end()):
            part = text[part_start:part_end]
            cuts = {end for _, end in nupunkt.sent_spans(part)} | {m.end() for m in _ENDS_IN_BRACKET.finditer(part)}
            begin = 0
            for cut in sorted(cuts | {len(part)}):
                if cut < len(part) and (_NEVER_LAST.search(part, begin, cut) or not part[begin:cut].strip()):
                    continue
                piece = part[begin:cut]
                if piece.strip():
                    start = part_start + begin + len(piece) - len(piece.lstrip())
                    found.append((start, start + len(piece.strip())))
                begin = cut
    return found


def _parts(text: str, start: int, end: int) -> Iterable[tuple[int, int]]:
    """The line in parts short enough for the segmenter, cut at a space where there is one."""
    while end - start > _TOO_LONG_TO_SEGMENT:
        cut = text.rfind(". ", start + _TOO_LONG_TO_SEGMENT // 2, start + _TOO_LONG_TO_SEGMENT) + 1
        if cut <= start:
            cut = text.rfind(" ", start + 1, start + _TOO_LONG_TO_SEGMENT) + 1
        if cut <= start:
            cut = start + _TOO_LONG_TO_SEGMENT
        yield start, cut
        start = cut
    yield start, end


def split(article: Article, *, count_tokens: CountTokens, settings: IndexSettings = IndexSettings()) -> list[Passage]:
    """The article's passages, in order. `count_tokens` gives the tokens of each text, special tokens included or not.

    `count_tokens` of each passage's `indexed_text` is at most `settings.passage_tokens`, as long as counts of words add
    up; a title or section that would take more than a third of that is shortened with "…" in the passage.
    """
    window = settings.passage_tokens
    sections = article.sections or (Section("", 0, len(article.text)),)
    passages: list[Passage] = []
    title = _shorten(article.title, window // 5, count_tokens)
    for section in sections:
        heading = _shorten(section.heading, window // 3 - window // 5, count_tokens)
        context = Passage("", "", 0, 0, "", heading, title).context
        budget = window - (count_tokens([context + "\n"])[0] if context else count_tokens([""])[0])
        while True:
            spans = _pack(article.text, section, max(budget, 1), count_tokens, settings.overlap_sentences)
            made = [
                Passage(passage_id(article.id, a, b), article.id, a, b, article.text[a:b], heading, title)
                for a, b in spans
            ]
            excess = max(count_tokens([p.indexed_text for p in made]), default=0) - window
            if excess <= 0 or budget <= 1:
                break
            budget -= max(excess, budget // 4)  # counts of the parts did not add up: once more, with less
        passages += made
    return passages


def _pack(text: str, section: Section, budget: int, count_tokens: CountTokens, overlap: int) -> list[tuple[int, int]]:
    """Runs of units of at most `budget` tokens; each but the first begins with `overlap` units of the one before."""
    units = _units(text, section, budget, count_tokens)
    spans: list[tuple[int, int]] = []
    first = 0
    while first < len(units):
        # As many repeated units as leave room for a new one.
        repeat = min(overlap, first)
        while repeat and sum(u.cost for u in units[first - repeat : first + 1]) > budget:
            repeat -= 1
        cost = sum(u.cost for u in units[first - repeat : first])
        last = first
        while last < len(units) and (last == first or cost + units[last].cost <= budget):
            cost += units[last].cost
            last += 1
        spans.append((units[first - repeat].start, units[last - 1].end))
        first = last
    return spans


def _units(text: str, section: Section, budget: int, count_tokens: CountTokens) -> list[_Unit]:
    inside = text[section.start : section.end]
    bounds = [(section.start + a, section.start + b) for a, b in sentences(inside)]
    costs = _costs([text[a:b] for a, b in bounds], count_tokens)
    units: list[_Unit] = []
    for (start, end), cost in zip(bounds, costs, strict=True):
        if cost <= budget:
            units.append(_Unit(start, end, cost))
        else:
            units += _cut(text, start, end, budget, count_tokens)
    return units


def _cut(text: str, start: int, end: int, budget: int, count_tokens: CountTokens) -> list[_Unit]:
    """A sentence longer than a passage, cut after its clauses, else between words, else inside a word."""
    pieces = _pieces(text, start, end, budget, count_tokens)
    units: list[_Unit] = []
    first = 0
    while first < len(pieces):
        cost, last = 0, first
        while last < len(pieces) and (last == first or cost + pieces[last].cost <= budget):
            cost += pieces[last].cost
            last += 1
        if last < len(pieces):
            clause = next(
                (
                    i
                    for i in range(last, first + (last - first) // 2, -1)
                    if _CLAUSE_END.search(text, pieces[i - 1].start, pieces[i - 1].end)
                ),
                last,
            )
            last = clause
        a, b = pieces[first].start, pieces[last - 1].end
        units.append(_Unit(a, a + len(text[a:b].rstrip()), sum(p.cost for p in pieces[first:last])))
        first = last
    return units


def _pieces(text: str, start: int, end: int, budget: int, count_tokens: CountTokens) -> list[_Unit]:
    """Words; one that is too long for BERT or for the budget in parts of 64 characters, 8 or one."""
    spans = [m.span() for m in _WORD.finditer(text, start, end)]
    spans = [part for a, b in spans for part in (_every(a, b, 64) if b - a > LONGEST_WORD else [(a, b)])]
    costs = _costs([text[a:b] for a, b in spans], count_tokens)
    for size in (8, 1):
        if max(costs) <= budget:
            break
        spans = [
            part
            for (a, b), cost in zip(spans, costs, strict=True)
            for part in (_every(a, b, size) if cost > budget else [(a, b)])
        ]
        costs = _costs([text[a:b] for a, b in spans], count_tokens)
    before = [start, *(b for _, b in spans)]
    return [
        _Unit(a, b, cost + (a - gap) // CHARACTERS_PER_TOKEN)
        for (a, b), cost, gap in zip(spans, costs, before, strict=False)
        if not text[a:b].isspace()
    ]


def _every(start: int, end: int, size: int) -> list[tuple[int, int]]:
    return [(x, min(x + size, end)) for x in range(start, end, size)]


def _costs(texts: Sequence[str], count_tokens: CountTokens) -> list[int]:
    """Tokens of each text without the special ones, and at least one for every so many characters."""
    if not texts:
        return []
    special, *counts = count_tokens(["", *texts])
    return [max(c - special, len(t) // CHARACTERS_PER_TOKEN, 1) for c, t in zip(counts, texts, strict=True)]


def _shorten(text: str, limit: int, count_tokens: CountTokens) -> str:
    """The words of `text` that fit into `limit` tokens, with "…" where some were left out."""
    special, whole = count_tokens(["", text])
    if whole - special <= limit and len(text) <= limit * CHARACTERS_PER_TOKEN:
        return text
    ends = [m.end() for m in re.finditer(r"\S+", text[: limit * CHARACTERS_PER_TOKEN])]
    candidates = [text[:end] + "…" for end in ends]
    fitting = [c for c, n in zip(candidates, count_tokens(candidates), strict=True) if n - special <= limit]
    return fitting[-1] if fitting else ""

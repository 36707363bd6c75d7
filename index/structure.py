"""Finds what the lines of an article are: title, deck, date and source line, headings, paragraphs, copyright.

Every reader ends here: plain text as a string (`article_from_text`), formats that name their parts as blocks
(`article_from_blocks`). Paragraphs are joined by an empty line, so that every line of `Article.text` is one paragraph
or heading. It leaves out what a reader knows better than its text: fields that are given win.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from index.dateline import AGENCIES, read_dateline
from index.dates import find_date
from index.decode import Unreadable
from index.types import Article, Section

Kind = Literal["paragraph", "heading", "aside", "title"]

TITLE_CHARACTERS = 200
DECK_CHARACTERS = 300
HEADING_CHARACTERS = 120
HEADING_WORDS = 18
HEAD_LINES = 4
"""Lines after the title among which deck, date and source stand."""

_COPYRIGHT = re.compile(r"^\W{0,3}(?:©|\(c\)\s|copyright\b|all rights reserved\b)", re.IGNORECASE)
_ATTRIBUTION = re.compile(r"^(?:[—–―]|--)\s?\S")
_LIST_ITEM = re.compile(r"^(?:[-*•·▪‣]|\d{1,3}[.)])\s")
_SENTENCE_END = re.compile(r"[.!?…:;,][\"'”’»)\]]*$")
_STOP = re.compile(r"[.,;:…][\"'”’»)\]]*$")
_BROKEN_WORD = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]\n(?=[^\W\d_A-Z])")
_URL = re.compile(r"https?://|www\.|\S+@\S+\.\w")
_BYLINE = re.compile(r"^(?:by|words:|author:|written by)\s+(?P<name>[^\W\d_][^|·•\n]{1,80})", re.IGNORECASE)
_LABEL = re.compile(
    r"^(?:first |last )?(?:published|updated|posted|modified|date|dated|filed)(?:\s+on)?\s*:?\s*|^source\s*:\s*",
    re.IGNORECASE,
)
_SOURCE_LABEL = re.compile(r"\bsource\s*:", re.IGNORECASE)
_TITLE_LABEL = re.compile(r"^(?:headline|title)\s*:\s*(?=\S)", re.IGNORECASE)
_NO_SOURCE = re.compile(r"\d|\b(?:ago|read)\b", re.IGNORECASE)
_SHORT_DAY = re.compile(r"(?:mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)\.?", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*[|·•]\s*|\s+[—–-]\s+|,\s*$|^\s*[,—–-]\s*")
_AROUND = " ,()*_—–―-"
_WEEKDAY_OR_TIME = re.compile(
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b,?|\b(?:at\s+)?\d{1,2}[:.]\d{2}(?::\d{2})?\s*(?:[ap]\.?m\.?)?\s*(?:[A-Z]{2,4}\b)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading, or an aside: a line that is shown, never quoted. `pages`: PDF pages that start here."""

    text: str
    kind: Kind = "paragraph"
    pages: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What a reader knows of an article beside its text; None where the text may tell."""

    title: str | None = None
    url: str | None = None
    source: str | None = None
    author: str | None = None
    published: date | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


def article_from_text(text: str, *, id: str, known: Known = Known(), fallback_title: str = "") -> Article:
    """The article that a normalised text holds. Raises Unreadable where there is nothing to quote.

    >>> article = article_from_text("Floods Hit Town\\n\\nThe river rose.\\n\\nWhat Next\\n\\nIt will fall.", id="a")
    >>> article.title, [(s.heading, article.text[s.start : s.end]) for s in article.sections]
    ('Floods Hit Town', [('', 'The river rose.'), ('What Next', 'It will fall.')])
    """
    lines = [line for group in unwrap(text) for line in group]
    title = known.title
    if title:
        if lines and _same(lines[0], title):
            lines = lines[1:] or lines
    elif len(lines) > 1 and reads_as_title(lines[0], lines[1]):
        title, lines = _TITLE_LABEL.sub("", lines[0]), lines[1:]
    return article_from_blocks(
        [Block(line, kind) for line, kind in zip(lines, kinds_of(lines), strict=True)],
        id=id,
        known=replace(known, title=title or None),
        fallback_title=fallback_title,
    )


def article_from_blocks(
    blocks: Iterable[Block], *, id: str, known: Known = Known(), fallback_title: str = ""
) -> Article:
    """The article made of blocks in order; its head is read for a deck, a date and a source, its end for a copyright.

    Raises Unreadable where no block is a paragraph.
    """
    kept: list[Block] = []
    pages = 0
    for block in blocks:
        pages += block.pages
        for line in block.text.split("\n"):
            line = line.strip()
            if line:
                kept.append(Block(line, block.kind, pages))
                pages = 0
    pages = 0
    title = known.title
    if title is None:
        for i, block in enumerate(kept[:3]):
            if block.kind == "title":
                title = block.text
                pages += kept.pop(i).pages
                break
    if title and len(kept) > 1 and _same(kept[0].text, title):
        pages += kept.pop(0).pages
    if pages and kept:
        # A title that opens a page is no part of the text; what follows it opens the page.
        kept[0] = replace(kept[0], pages=kept[0].pages + pages)
    if not any(block.kind in ("paragraph", "heading") and re.search(r"\w", block.text) for block in kept):
        raise Unreadable("no text in it")
    kept, deck, known = _read_head(kept, known)
    kept = _mark_copyright(kept)
    if not any(block.kind == "paragraph" for block in kept):
        # Headings only, or nothing but a head: that is what there is to quote.
        headings = any(block.kind != "aside" for block in kept)
        kept = [b if headings and b.kind == "aside" else replace(b, kind="paragraph") for b in kept]
    text, sections, starts = _assemble(kept, deck)
    metadata = dict(known.metadata)
    if starts:
        metadata["pages"] = starts
    return Article(
        id=id,
        title=" ".join((title or fallback_title).split()),
        text=text,
        url=known.url,
        source=known.source,
        author=known.author,
        published=known.published,
        sections=sections,
        metadata=metadata,
    )


def unwrap(text: str, *, joined: bool = False) -> list[list[str]]:
    """The text's lines in groups parted by empty lines; lines that were broken at a width are joined again.

    `joined` says that they were (a PDF's always are); else the text must show it.

    >>> unwrap("One.\\n\\nTwo is here.\\nThree.")
    [['One.'], ['Two is here.', 'Three.']]
    """
    groups = [[line.strip() for line in group.split("\n") if line.strip()] for group in re.split(r"\n[^\S\n]*\n", text)]
    groups = [group for group in groups if group]
    breaks = [(a, b) for group in groups for a, b in zip(group, group[1:], strict=False)]
    width = max((len(line) for group in groups for line in group), default=0)
    continued = sum(1 for a, b in breaks if b[0].islower() and not _SENTENCE_END.search(a))
    # Broken at a width: no line is long, and lines often begin in the middle of a sentence.
    if not breaks or (not joined and (len(breaks) < 2 or width > 130 or continued < len(breaks) * 0.25)):
        return groups
    widths = sorted(len(line) for group in groups for line in group[:-1])
    width = widths[int(len(widths) * 0.9)]
    return [_join_wrapped(group, width, hyphens=joined) for group in groups]


def _join_wrapped(group: Sequence[str], width: int, *, hyphens: bool) -> list[str]:
    joined = [[group[0]]]  # in lists: a text that grows by each of a million lines would be copied as often
    previous = group[0]
    for line in group[1:]:
        # A line that had room for the next one's first word was ended on purpose, unless its sentence goes on.
        tolerance = 1 if _SENTENCE_END.search(previous) else 0.85
        room = len(previous) + 1 + len(line.split(" ", 1)[0]) <= width * tolerance
        if _LIST_ITEM.match(line) or (room and not line[0].islower()):
            joined.append([line])
        else:
            joined[-1].append(line)
        previous = line
    if not hyphens:
        return [" ".join(lines) for lines in joined]
    # A typesetter's "coun-" / "cillors" is one word. A compound broken at its own hyphen loses it ("wellknown"): the
    # lines don't tell the two apart, and words are broken far more often. Lines of plain text end at whole words.
    return [_BROKEN_WORD.sub("", "\n".join(lines)).replace("\n", " ") for lines in joined]


def _same(a: str, b: str) -> bool:
    return re.sub(r"\W+", "", a).casefold() == re.sub(r"\W+", "", b).casefold()


def reads_as_title(line: str, following: str) -> bool:
    return (
        len(line) <= TITLE_CHARACTERS
        and not _STOP.search(line)
        and not _URL.search(line)
        and not _LIST_ITEM.match(line)
        and not line[0].islower()
        and bool(re.search(r"[^\W\d_]", line))
        and not _ATTRIBUTION.match(following)
    )


def _reads_as_heading(line: str, following: str) -> bool:
    """Short, no full stop, and a paragraph after it."""
    return (
        len(line) <= HEADING_CHARACTERS
        and len(line.split()) <= HEADING_WORDS
        and not _STOP.search(line)
        and not line[0].islower()
        and not _URL.search(line)
        and not _LIST_ITEM.match(line)
        and not _ATTRIBUTION.match(line)
        and not _COPYRIGHT.match(line)
        and bool(re.search(r"[^\W\d_]", line))
        and _reads_as_paragraph(following)
    )


def _reads_as_paragraph(line: str) -> bool:
    if _ATTRIBUTION.match(line) or _COPYRIGHT.match(line) or _LIST_ITEM.match(line):
        return False
    return len(line) > HEADING_CHARACTERS or bool(_SENTENCE_END.search(line))


def kinds_of(lines: Sequence[str]) -> list[Kind]:
    """Heading or paragraph for each line, by the line and the one after it."""
    following = [*lines, ""][1:]
    return [
        "heading" if after and _reads_as_heading(line, after) else "paragraph"
        for line, after in zip(lines, following, strict=True)
    ]


def _read_head(blocks: list[Block], known: Known) -> tuple[list[Block], str, Known]:
    """Marks date, source and author lines after the title as asides, and the deck; fills in what they tell."""
    head: list[Block] = []
    rest = list(blocks)
    lines_read = 0
    deck = ""
    while rest and lines_read < HEAD_LINES and len(rest) > 1:
        line = rest[0].text
        told = None if rest[0].kind == "title" else _read_head_line(line)
        if told is not None:
            known = replace(
                known,
                published=known.published or told.published,
                author=known.author or told.author,
                source=known.source or told.source,
            )
            head.append(replace(rest.pop(0), kind="aside"))
        elif not deck and not any(b.kind == "aside" for b in head) and _reads_as_deck(rest, lines_read):
            deck = line
            head.append(replace(rest.pop(0), kind="aside"))
        else:
            break
        lines_read += 1
    first = next((block.text for block in rest if block.kind == "paragraph"), None)
    if first is None:
        return blocks, "", known
    published, source = read_dateline(first)
    known = replace(known, published=known.published or published, source=known.source or source)
    return head + rest, deck, known


def _reads_as_deck(blocks: Sequence[Block], position: int) -> bool:
    """A line under the title without a full stop, or one sentence that a date or source line follows."""
    line, after = blocks[0], blocks[1]
    if position or len(line.text) > DECK_CHARACTERS or _LIST_ITEM.match(line.text) or _ATTRIBUTION.match(line.text):
        return False
    if _URL.search(line.text):
        return False
    if not _SENTENCE_END.search(line.text):
        # Two headings on each other: the first is the deck. Else a paragraph or the head's lines follow it.
        return after.kind == "heading" or _reads_as_paragraph(after.text) or _read_head_line(after.text) is not None
    return len(line.text) <= 200 and _read_head_line(after.text) is not None and len(blocks) > 2


def _read_head_line(line: str) -> Known | None:
    """What a date, source or author line tells; None where the line is none of these.

    >>> _read_head_line("Harbour Wire | 27 January 2026").source
    'Harbour Wire'
    """
    if len(line) > 160 or _URL.search(line):
        return None
    attributed = bool(_ATTRIBUTION.match(line))
    labelled = bool(_LABEL.match(line))
    found = find_date(line)
    byline = _BYLINE.match(line)
    if not (found or byline or labelled or (attributed and len(line.split()) <= 8)):
        return None
    # A sentence that names a date is no date line: it ends in a stop, or words run into the date.
    if re.search(r"[.!?…][\"'”’»)]*$", line) and not (byline and len(line.split()) <= 5):
        return None
    if found:
        before, after = _clean_part(line[: found[1]]), line[found[2] :]
        if before and not re.search(r"[|·•,:(—–-]\s*(?:on\s*)?$", _WEEKDAY_OR_TIME.sub("", line[: found[1]])):
            return None
        if not re.match(r"\s*(?:$|[|·•,;)(—–-]|at\b|\d)", after):
            return None
    rest = line[: found[1]] + " | " + line[found[2] :] if found else line
    split = _SEPARATOR.split(rest.lstrip("—–―- "))
    parts = [(part, bool(_SOURCE_LABEL.search(raw))) for raw in split if (part := _clean_part(raw))]
    if sum(len(part.split()) for part, _ in parts) > 10:
        return None
    author = source = None
    for part, named_source in parts:
        name = _BYLINE.match(part)
        if name:
            named, agency = _read_byline(name["name"])
            author, source = author or named, source or agency
        elif re.search(r"[^\W\d_]", part) and (named_source or not _NO_SOURCE.search(part)):
            source = source or part
    return Known(author=author, source=source, published=found[0] if found else None)


def _read_byline(names: str) -> tuple[str, str | None]:
    """The author and, where it is one that datelines name, the agency.

    >>> _read_byline("Ann Lee, Reuters"), _read_byline("Ann Lee, Bo Chen and Jim Roe")
    (('Ann Lee', 'Reuters'), ('Ann Lee, Bo Chen and Jim Roe', None))
    """
    author, _, after = names.strip(" ,").partition(",")
    if re.search(r"\band\b|&", after):
        return names.strip(" ,"), None  # a list of authors; after one there is a job or a paper
    return author.strip(), next((part for part in map(str.strip, after.split(",")) if part in AGENCIES), None)


def _clean_part(part: str) -> str:
    part = _WEEKDAY_OR_TIME.sub("", part)
    before = None
    while before != part:  # "Last updated: Source: X" has two labels
        before, part = part, _LABEL.sub("", part.strip(_AROUND)).strip(_AROUND)
    return "" if _SHORT_DAY.fullmatch(part) else part  # alone: "The Sun" is a paper


def _mark_copyright(blocks: list[Block]) -> list[Block]:
    marked = list(blocks)
    for i in range(len(marked) - 1, max(0, len(marked) - 4), -1):
        block = marked[i]
        if not (_COPYRIGHT.match(block.text) and len(block.text) <= 300):
            break
        marked[i] = replace(block, kind="aside")
    return marked


def _assemble(blocks: Sequence[Block], deck: str) -> tuple[str, tuple[Section, ...], list[int]]:
    parts: list[str] = []
    sections: list[Section] = []
    pages: list[int] = []
    heading, start, end = deck, -1, -1
    offset = 0
    for block in blocks:
        pages += [offset if pages else 0] * block.pages
        if block.kind == "paragraph":
            start = offset if start < 0 else start
            end = offset + len(block.text)
        elif start >= 0:
            # A section ends at what can't be quoted; after an aside it goes on under the same heading.
            sections.append(Section(heading, start, end))
            start = -1
        if block.kind in ("heading", "title"):
            heading = block.text
        parts.append(block.text)
        offset += len(block.text) + 2
    if start >= 0:
        sections.append(Section(heading, start, end))
    return "\n\n".join(parts), tuple(sections), pages

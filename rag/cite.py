"""Streamed prose with markers -> whole statements and the passages that each names; numbers for what is shown.

One character at a time, so that the same text gives the same statements however it is cut into chunks. It leaves out
checking (rag.check) and rendering. Text in backticks is code: its brackets and full stops mean nothing. A Markdown
heading says nothing that could be checked: it is left out whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_MARKER = re.compile(
    r"[\[【]\s*(?:(?:passages?|sources?|refs?\.?|no\.)\s*)?\^?(\d{1,3}(?:\s*(?:,|;|&|and|[-–])\s*\^?\d{1,3})*)(?:[†‡:][^\]】]*)?\s*[\]】]",
    re.I,
)
_LINK = re.compile(r"\((?:[a-z][a-z0-9+.-]*:[^\s()]*|#[^\s()]*)\)", re.I)
_UNFINISHED = re.compile(r"[\[【]\s*(?:passages?|sources?)?\s*\^?[\d\s,;–†-]*$", re.I)
LONGEST_MARKER = 48
"""A bracket that isn't closed within so many characters is text."""
LONGEST_STATEMENT = 2_000
"""A model that never ends a sentence is cut here."""
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[“\"'])(?:mr|mrs|ms|dr|prof|gen|sen|rep|gov|lt|col|sgt|capt|st|mt|vs|etc|e\.g|i\.e|cf|ca|approx|inc|ltd|co|corp|"
    r"jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec|no|nos|fig|vol|pp?|est|dept|jr|sr|bros)\.$",
    re.I,
)
_AMBIGUOUS = re.compile(r"(?:^|[\s(])(?:no|nos|co|inc|ltd|corp|jr|sr|etc|st|p|pp)\.$", re.I)
_INITIAL = re.compile(r"(?:^|[\s(.])[A-ZÀ-Þ]\.$")
_LIST_NUMBER = re.compile(r"(?:[-–*•>+]\s+|\*\*|__)*\d{1,2}[.)]")
_LEAD = re.compile(r"^\s*(?:(?:[-–*•>+]|#{1,6}|\d{1,2}[.)])\s+)+")
_HEADING = re.compile(r"#{1,6}(?: |$)")
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_CLOSERS = "\"'”’»)]*_"
_TERMINATORS = ".!?…。！？"
_WIDE = "。！？"
_LINE_STARTS = "-–*•#>+|"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A statement without its markers; `markers`: passage numbers, each once, in order, only those that exist.

    `complete` is False for a last statement that no full stop ends; `code` for a fenced block.
    """

    text: str
    markers: tuple[int, ...]
    complete: bool = True
    code: bool = False


class StatementParser:
    """Feed it text as it arrives; it gives each statement once what follows shows that it is whole.

    passages: how many passages the prompt numbered, from 1. Markers beyond that are left out of text and numbers alike.

    >>> parser = StatementParser(passages=2)
    >>> parser.feed("It rained [1"), parser.feed("]. Then it stopped【2】[9].")
    ([], [Parsed(text='It rained.', markers=(1,), complete=True, code=False)])
    >>> parser.close()
    [Parsed(text='Then it stopped.', markers=(2,), complete=True, code=False)]
    """

    def __init__(self, *, passages: int) -> None:
        self._passages = passages
        self._text = ""
        self._held = ""  # a bracket that may become a marker, or a link right after one
        self._markers: dict[int, None] = {}
        self._newlines = 0
        self._line_begins = True  # nothing but space since the last newline
        self._at_line = False  # this statement is the first thing on its line
        self._space = False  # white space that is only written when something follows
        self._ended = False  # a terminator has been seen, and only closers, markers and space since
        self._marked = False  # a marker has been seen since the last plain character
        self._touching = False  # the last character closed a marker
        self._code = ""  # "`" in code, "```" in a fence

    def feed(self, chunk: str) -> list[Parsed]:
        """The statements that this chunk completes."""
        return [parsed for character in chunk for parsed in self._character(character)]

    def close(self) -> list[Parsed]:
        """What is left at the end. A half-arrived marker is dropped, other held text is text."""
        found: list[Parsed] = []
        held, self._held = self._held, ""
        if held and not _UNFINISHED.fullmatch(held):
            found += self._release(held)
            while self._held:  # an inner bracket was held again
                held, self._held = self._held, ""
                found += [] if _UNFINISHED.fullmatch(held) else self._release(held)
        return [*found, *self._emit(complete=self._ended or bool(self._code == "```"))]

    def _character(self, character: str) -> Iterator[Parsed]:
        touching, self._touching = self._touching, False
        if self._held:
            yield from self._holding(character)
        elif not self._code and character in "[【" or not self._code and character == "(" and touching:
            self._held = character
        else:
            yield from self._plain(character)

    def _holding(self, character: str) -> Iterator[Parsed]:
        held = self._held + character
        close = ")" if held[0] == "(" else "]】"
        if character in close:
            self._held = ""
            if held[0] == "(" and _LINK.fullmatch(held):
                return
            if match := _MARKER.fullmatch(held) if held[0] != "(" else None:
                self._mark(match[1])
                return
            yield from self._release(held)
        elif character in "\n[【" or len(held) > LONGEST_MARKER:
            self._held = ""
            yield from self._release(held[:-1])
            yield from self._character(character)
        else:
            self._held = held

    def _release(self, held: str) -> Iterator[Parsed]:
        """Held text that is no marker after all: its bracket is plain, the rest is read anew."""
        yield from self._plain(held[0])
        for character in held[1:]:
            yield from self._character(character)

    def _mark(self, numbers: str) -> None:
        self._line_begins = False
        for part in re.split(r"\s*(?:,|;|&|and)\s*", numbers):
            first, *last = (int(number) for number in re.findall(r"\d+", part))
            for number in range(first, min(last[0] if last else first, first + self._passages) + 1):
                if 1 <= number <= self._passages:
                    self._markers.setdefault(number)
        self._marked = self._touching = True

    def _plain(self, character: str) -> Iterator[Parsed]:
        if self._code:
            yield from self._in_code(character)
            return
        if character.isspace():
            self._newlines += character == "\n"
            self._line_begins = self._line_begins or character == "\n"
            self._space = True
            if self._newlines >= 2 and self._text.strip() or self._newlines and self._in_heading():
                yield from self._emit(complete=True)
            return
        if self._ends_before(character):
            yield from self._emit(complete=True)
        elif (
            self._space
            and self._text
            and not (self._marked and character in ".,;:!?…")
            or self._marked
            and self._text
            and not self._space
            and character.isalnum()
        ):
            self._text += " "
        self._at_line = self._line_begins if not self._text else self._at_line
        self._newlines, self._space, self._marked, self._line_begins = 0, False, False, False
        self._text += character
        if character in _TERMINATORS:
            self._ended = True
        elif character not in _CLOSERS:
            self._ended = False
        if character == "`" and not self._in_heading():
            self._code = "```" if self._text.endswith("```") else "`"
        if len(self._text) > LONGEST_STATEMENT:
            yield from self._emit(complete=True)

    def _in_code(self, character: str) -> Iterator[Parsed]:
        self._text += character
        if self._code == "`" and character == "`":
            self._code = ""
        elif self._code == "`" and character == "\n":
            self._code = ""  # a backtick that is never closed
        elif self._code == "```" and self._text.endswith("\n```"):
            self._code = ""
            yield from self._emit(complete=True, code=True)

    def _in_heading(self) -> bool:
        return self._at_line and _HEADING.match(self._text) is not None

    def _ends_before(self, character: str) -> bool:
        """Whether the statement so far ended, now that `character` (no white space) follows."""
        text = self._text
        if not text.strip() or self._in_heading():
            return False
        if self._newlines and (character in _LINE_STARTS or character.isdigit() or text.rstrip().endswith(":")):
            return True
        if not self._ended:
            return False
        if character in _TERMINATORS or character in _CLOSERS and not self._space:
            return False
        core = text.rstrip(_CLOSERS)
        if core[-1:] in _WIDE:
            return True
        if not self._space and not self._marked:
            return False
        if core[-1:] in "!?…":
            return not character.islower()
        if _LIST_NUMBER.fullmatch(core):
            return False
        if self._marked:
            return True
        if _AMBIGUOUS.search(core) and not character.isdigit():
            return character.isupper() and not re.search(r"(?:^|\s)(?:st|no)\.$", core, re.I)
        if _ABBREVIATION.search(core) or _INITIAL.search(core):
            return False
        return not character.islower()

    def _emit(self, *, complete: bool, code: bool = False) -> list[Parsed]:
        text = re.sub(r"[ \t]+", " ", self._text) if not code else self._text
        text = _LEAD.sub("", _STRONG.sub(r"\2", _LEAD.sub("", text.strip()))).strip()
        text = "" if self._in_heading() else text
        markers = tuple(self._markers)
        self._text, self._markers, self._ended, self._marked = "", {}, False, False
        self._space, self._newlines, self._code = False, 0, ""
        return [Parsed(text, markers, complete, code)] if any(c.isalnum() for c in text) else []


class Numbering:
    """Citation numbers by order of appearance: the same characters of the same article keep their number.

    >>> numbers = Numbering()
    >>> numbers.of("b.txt", 0, 9), numbers.of("a.txt", 5, 9), numbers.of("b.txt", 0, 9)
    (1, 2, 1)
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, int, int], int] = {}

    def of(self, article_id: str, start: int, end: int) -> int:
        return self._numbers.setdefault((article_id, start, end), len(self._numbers) + 1)

"""The stream parser: what a marker is, where a statement ends, and that chunking changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.cite import Numbering, Parsed, StatementParser


def parse(*chunks: str, passages: int = 5) -> list[Parsed]:
    parser = StatementParser(passages=passages)
    found = [parsed for chunk in chunks for parsed in parser.feed(chunk)]
    return found + parser.close()


def pairs(text: str, passages: int = 5) -> list[tuple[str, tuple[int, ...]]]:
    return [(parsed.text, parsed.markers) for parsed in parse(text, passages=passages)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rained [1].", [("It rained.", (1,))]),
        ("It rained[1].", [("It rained.", (1,))]),
        ("It rained. [1] Then sun [2].", [("It rained.", (1,)), ("Then sun.", (2,))]),
        ("It rained.[1] Then sun.[2]", [("It rained.", (1,)), ("Then sun.", (2,))]),
        ("It rained [1, 3].", [("It rained.", (1, 3))]),
        ("It rained [1][3].", [("It rained.", (1, 3))]),
        ("It rained [1] [3].", [("It rained.", (1, 3))]),
        ("It rained [1-3].", [("It rained.", (1, 2, 3))]),
        ("It rained【2】.", [("It rained.", (2,))]),
        ("It rained【2†source】.", [("It rained.", (2,))]),
        ("It rained [^4].", [("It rained.", (4,))]),
        ("It rained [passage 2].", [("It rained.", (2,))]),
        ("It rained [2](https://example.org/a) all day.", [("It rained all day.", (2,))]),
        ("Rain [1] and snow [2] fell.", [("Rain and snow fell.", (1, 2))]),
        ("It rained [9].", [("It rained.", ())]),
        ("It rained [0] [1, 9].", [("It rained.", (1,))]),
        ("It rained [1", [("It rained", ())]),
        ("It rained [", [("It rained", ())]),
        ("The budget [2024] grew [1].", [("The budget [2024] grew.", (1,))]),
        ("He [the mayor] left [1].", [("He [the mayor] left.", (1,))]),
        ("Call `items[1]` first [2].", [("Call `items[1]` first.", (2,))]),
        ("[[1]] is odd.", [("[] is odd.", (1,))]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_markers(text: str, expected: list[tuple[str, tuple[int, ...]]]) -> None:
    assert pairs(text) == expected


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Smith left. He flew.", ["Dr. Smith left.", "He flew."]),
        ("On Jan. 26 it rained. Then sun.", ["On Jan. 26 it rained.", "Then sun."]),
        ("The U.S. Navy came. It left.", ["The U.S. Navy came.", "It left."]),
        ("It cost 3.5 million. Really?", ["It cost 3.5 million.", "Really?"]),
        ("J. R. R. Tolkien wrote it.", ["J. R. R. Tolkien wrote it."]),
        ("“It rained.” He left!", ["“It rained.”", "He left!"]),
        ("- One fell [1]\n- Two rose [2]", ["One fell", "Two rose"]),
        ("1. One fell.\n2. Two rose.", ["One fell.", "Two rose."]),
        ("– One fell [1]\n– Two rose [2]", ["One fell", "Two rose"]),
        ("- 1. One fell.\n**2.** Two rose.\n**3. Three** stayed.", ["One fell.", "Two rose.", "Three stayed."]),
        ("# Heading\n\n**Bold** words.", ["Bold words."]),
        ("It rained\n## What? And `why\n#\nIt stopped.\n### The end [1]", ["It rained", "It stopped."]),
        ("#1 fell.\n#rain rose. # Two stayed.", ["#1 fell.", "#rain rose.", "Two stayed."]),
        ("```\n# no heading\n```", ["```\n# no heading\n```"]),
        ("雨が降った。晴れた。", ["雨が降った。", "晴れた。"]),
        ("He said… nothing.", ["He said… nothing."]),
        ("```\na[1]. B[2].\n```\nDone.", ["```\na[1]. B[2].\n```", "Done."]),
        ("---\n\n...", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_statements(text: str, sentences: list[str]) -> None:
    assert [parsed.text for parsed in parse(text)] == sentences


def test_a_statement_comes_as_soon_as_the_next_one_begins() -> None:
    parser = StatementParser(passages=2)
    assert parser.feed("It rained [1]. ") == []
    assert [parsed.text for parsed in parser.feed("T")] == ["It rained."]


def test_a_half_sentence_is_marked_as_incomplete() -> None:
    assert [parsed.complete for parsed in parse("It rained. It did no")] == [True, False]


PIECES = st.sampled_from(
    [
        "It rained",
        " ",
        ". ",
        "[1]",
        "[1",
        "]",
        "[1, 3]",
        "【2】",
        "【",
        "[^1]",
        "[2024]",
        "`x[1]`",
        "`",
        "```\n",
        "\n",
        "\n\n",
        "- ",
        "1. ",
        "**1.** ",
        "#",
        "## ",
        "\n# Summary",
        "Dr.",
        "(",
        ")",
        "[2](https://a.b/c)",
        "!",
        "?",
        "…",
        "。",
        "**",
        "“",
        "”",
        "3.5",
        "a",
        "Z",
        "[[",
    ]
)


@given(st.lists(PIECES | st.text(max_size=3), max_size=25), st.data())
def test_any_chunking_gives_the_same(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert parse(*chunks) == parse(text) == parse(*text)


LINES = st.sampled_from(["It rained [1].", "- One fell [2].", "1. Two rose.", "`x` fell?"])
HEADINGS = st.sampled_from(["# Summary", "## 1. Who? Why!", "###\tThe [2] `end", "#", "  ## See [1"])


@given(st.lists(LINES | HEADINGS, max_size=8), st.sampled_from(["\n", "\n\n", "\r\n"]), st.data())
def test_headings_change_nothing(lines: list[str], newline: str, data: st.DataObject) -> None:
    text = newline.join(lines)
    cut = data.draw(st.integers(0, len(text)))
    without = newline.join(line for line in lines if not line.lstrip().startswith("#"))
    assert parse(text[:cut], text[cut:]) == parse(without)


@given(st.text(alphabet="[]【】^0123456789, .aB\n`", max_size=60), st.integers(0, 5))
def test_only_passages_that_exist_are_named(text: str, passages: int) -> None:
    for parsed in parse(text, passages=passages):
        assert all(1 <= marker <= passages for marker in parsed.markers)
        assert len(set(parsed.markers)) == len(parsed.markers)


def test_numbers_follow_the_order_of_appearance() -> None:
    numbers = Numbering()
    assert [numbers.of("b", 0, 5), numbers.of("a", 0, 5), numbers.of("b", 0, 5), numbers.of("b", 6, 9)] == [1, 2, 1, 3]

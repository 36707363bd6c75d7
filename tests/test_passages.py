"""Splitting: offsets, sections, the window, cover and termination, as properties and on the cases of news text."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.articles import read_articles
from index.passages import sentences, split
from index.settings import IndexSettings
from index.types import Article, Section

DATA = Path(os.environ.get("NEWSDESK_DATA", Path(__file__).parents[2] / "shared" / "data"))


def count_words(texts: Sequence[str]) -> list[int]:
    """A counter checkable by hand: words and marks, and two special tokens a text."""
    return [len(re.findall(r"\w+|[^\w\s]", text)) + 2 for text in texts]


def count_characters(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    "parts",
    [
        ["The U.S. Senate voted on Tuesday.", "The bill goes to the House."],
        ["Crowds met in St. Paul and Minneapolis.", "Nobody was hurt."],
        ["Gov. Tim Walz spoke.", "Lt. Gov. Peggy Flanagan listened."],
        ["“We had a call.", "It went well,” he said.", "“I was surprised.”"],
        ["Inflation was 3.5 percent.", "It cost $1.2 million."],
        ["He flew to Washington, D.C.", "The Senate met on Tuesday."],
        ["In Washington, D.C., on Monday the Senate met.", "It voted."],
        ["WASHINGTON, D.C. (AP) — The Senate met.", "It voted."],
        ["MINNEAPOLIS, Jan. 26 (Reuters) - A man was shot.", "He died."],
        ["I don't know ... maybe tomorrow.", "We will see."],
        ["It rained.", "(The forecast had said so.)", "Farmers were glad."],
        ["We stand with you.", "#Minnesota @GovTimWalz thanks everyone: https://t.co/Prlt2mu8Bx"],
    ],
    ids=[
        "U.S.",
        "St. Paul",
        "Lt. Gov.",
        "quotation",
        "decimals",
        "D.C.",
        "D.C.,",
        "AP",
        "Reuters",
        "ellipsis",
        "brackets",
        "tweet",
    ],
)
def test_sentences_end_where_a_reader_sees_an_end(parts: list[str]) -> None:
    assert cut(" ".join(parts)) == parts


def test_a_line_end_ends_a_sentence() -> None:
    assert cut("No full stop here\n\nNor here") == ["No full stop here", "Nor here"]


TEXTS = st.text(
    alphabet=st.one_of(st.sampled_from('ab. ,\n"”?1é\u200f\u0301中'), st.characters(exclude_categories=("Cs",))),
    max_size=400,
)


@st.composite
def articles(draw: st.DrawFn) -> Article:
    text = draw(
        st.one_of(TEXTS, st.lists(st.sampled_from(["Rain fell.", "He, who", "x" * 90, "\n", "— A"])).map(" ".join))
    )
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    sections = tuple(
        Section(draw(st.text(max_size=60)), start, end) for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    )
    return Article("id", draw(st.text(max_size=300)), text, sections=sections)


@settings(max_examples=150)
@given(article=articles(), window=st.integers(32, 80), overlap=st.integers(0, 2))
def test_passages_are_exact_cover_their_sections_and_fit(article: Article, window: int, overlap: int) -> None:
    options = IndexSettings(passage_tokens=window, overlap_sentences=overlap)
    passages = split(article, count_tokens=count_words, settings=options)
    sections = article.sections or (Section("", 0, len(article.text)),)
    covered = set()
    for passage in passages:
        assert article.text[passage.start : passage.end] == passage.text == passage.text.strip() != ""
        assert passage.id == f"id#{passage.start}-{passage.end}"
        assert any(s.start <= passage.start and passage.end <= s.end for s in sections)
        covered.update(range(passage.start, passage.end))
    assert len({p.id for p in passages}) == len(passages)
    assert all(count <= window for count in count_words([p.indexed_text for p in passages]))
    for section in sections:
        assert all(i in covered for i in range(section.start, section.end) if not article.text[i].isspace())


@settings(max_examples=60)
@given(article=articles())
def test_passages_fit_where_counts_are_characters(article: Article) -> None:
    passages = split(article, count_tokens=count_characters, settings=IndexSettings(passage_tokens=100))
    assert all(len(p.indexed_text) <= 100 for p in passages)


def test_passages_repeat_one_sentence_within_a_section_only() -> None:
    text = "\n\n".join(" ".join(f"Sentence {s}{i} has six words." for i in range(12)) for s in "ab")
    middle = text.index("\n\n")
    article = Article("id", "", text, sections=(Section("", 0, middle), Section("B", middle + 2, len(text))))
    passages = split(article, count_tokens=count_words, settings=IndexSettings(passage_tokens=40))
    for before, after in zip(passages, passages[1:], strict=False):
        shared = text[after.start : before.end] if after.start < before.end else ""
        assert len(sentences(shared)) == (1 if before.section == after.section else 0)


def test_a_long_sentence_is_cut_at_a_clause() -> None:
    text = " ".join(f"the clause with the number {i} goes on," for i in range(30)) + " and ends."
    passages = split(Article("id", "", text), count_tokens=count_words, settings=IndexSettings(passage_tokens=40))
    assert len(passages) > 1
    assert all(p.text.endswith((",", ".")) for p in passages)


def test_a_huge_title_is_shortened_and_leaves_room() -> None:
    article = Article("id", "word " * 500, "It rained. " * 50, sections=(Section("head " * 200, 0, 549),))
    passages = split(article, count_tokens=count_words)
    assert passages[0].title.endswith("…") and passages[0].section.endswith("…")
    assert count_words([passages[0].text])[0] > 100


@pytest.mark.parametrize("text", ["x" * 300_000, "a," * 100_000, ". " * 100_000, "日本" * 50_000, "“" * 100_000])
def test_text_that_no_person_wrote_ends_and_is_covered(text: str) -> None:
    passages = split(Article("id", "T", text), count_tokens=count_words)
    assert sum(len(p.text) for p in passages) >= len(text.replace(" ", ""))
    assert max(len(p.text) for p in passages) <= 256 * 16


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data sets are not here")
def test_the_seed_article_becomes_a_passage_or_more_a_section() -> None:
    (article,) = read_articles(DATA / "seed-article")
    assert isinstance(article, Article)
    passages = split(article, count_tokens=count_words)
    assert {p.section for p in passages} == {s.heading for s in article.sections}
    assert not any("©" in p.text or p.text in (article.title, p.section) for p in passages)

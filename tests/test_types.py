from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.types import Article, Filter, Passage
from rag.types import Alternative, Answer, Citation, Copy, Retrieved, Statement

PASSAGE = Passage("a#0-4", "a", 0, 4, "Text", "Section", "Title")
CITATION = Citation(
    1,
    "a",
    "Title",
    0,
    4,
    "Text",
    "a#0-4",
    published=date(2026, 1, 26),
    also_in=(Copy("b", "Title", None, date(2026, 1, 27)),),
)
STATEMENT = Statement("Text", (CITATION,))


def test_an_answer_survives_json() -> None:
    answer = Answer(
        "Quoi ? 🗞",
        filter=Filter(published_from=date(2026, 1, 1), sources=("Wire",)),
        statements=(STATEMENT, Statement("No.", (), "unsupported", struck=True)),
        citations=(CITATION,),
        passages=(Retrieved(PASSAGE, 0.5, None, 1.0, ("b#0-4",)),),
        disagreement=(Alternative("3", None, (CITATION,)),),
        timings={"searching": 1.5},
    )
    assert Answer.from_json(answer.to_json()) == answer


def test_a_struck_statement_is_not_in_the_text() -> None:
    assert Answer("q", statements=(STATEMENT, Statement("No.", (), "unsupported", struck=True))).text == "Text"


def test_a_refusal_says_why() -> None:
    assert Answer("q", refused=True, notes=("Not here.",)).text == "Not here."


@given(st.text(min_size=1), st.text(), st.text())
def test_a_passage_survives_a_document(text: str, title: str, section: str) -> None:
    passage = Passage("a#7-9", "a", 7, 7 + len(text), text, section, title)
    assert Passage.from_document(passage.to_document()) == passage


def test_pages_are_found_by_offset() -> None:
    article = Article("a", "T", "x" * 100, metadata={"pages": [0, 40, 80]})
    assert [article.page_of(offset) for offset in (0, 39, 40, 99)] == [1, 1, 2, 3]
    assert Article("a", "T", "x").page_of(0) is None


@pytest.mark.parametrize(
    "wrong",
    [{"sources": "SPORT DAILY"}, {"article_ids": "a.txt"}, {"sources": (1,)}, {"published_from": "2026-05-01"}],
)
def test_a_filter_of_the_wrong_kind_says_so_at_once(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(TypeError, match=rf"Filter\({name}=…\) takes"):
        Filter(**wrong)


def test_a_filter_takes_lists_and_times() -> None:
    made: Any = Filter(published_to=datetime(2026, 5, 1, 12), sources=["Wire"])  # type: ignore[arg-type]
    assert made == Filter(published_to=date(2026, 5, 1), sources=("Wire",)) and hash(made)
    assert type(made.published_to) is date

"""The parts of the side-by-side comparison that need no other project: kept vectors and rows, leaks, tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.figures import plot, statistic
from bench.peers.vectors import Vectors
from bench.quality import Kept, Row, row, table
from bench.quality_sets import ROOT, Task, grams, leaked, scifact_part
from bench.quality_systems import PEERS, KeptReader
from index.types import Article, Passage
from rag.datasets import Dataset, Gold, Question
from rag.metrics import Bin, auroc
from rag.types import Reading


def test_a_text_is_embedded_once_in_all_runs(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def embed(texts: list[str]) -> list[list[float]]:
        asked.append(texts)
        return [[float(len(text)), 1.0] for text in texts]

    kept = Vectors(tmp_path / "v.sqlite", "one")
    assert kept.embed(["aa", "b", "aa"], embed) == [[2.0, 1.0], [1.0, 1.0], [2.0, 1.0]]
    assert Vectors(tmp_path / "v.sqlite", "one").embed(["b", "ccc"], embed) == [[1.0, 1.0], [3.0, 1.0]]
    assert asked == [["b", "aa"], ["ccc"]]
    # Another pipeline's vectors are its own.
    Vectors(tmp_path / "v.sqlite", "two").embed(["b"], embed)
    assert asked[-1] == ["b"]


def test_what_was_embedded_before_a_stop_is_kept(tmp_path: Path) -> None:
    def stops(texts: list[str]) -> list[list[float]]:
        if len(texts[0]) > 128:
            raise KeyboardInterrupt
        return [[1.0]] * len(texts)

    texts = ["x" * size for size in range(1, 200)]
    kept = Vectors(tmp_path / "v.sqlite", "one")
    with pytest.raises(KeyboardInterrupt):
        kept.embed(texts, stops)
    asked: list[str] = []

    def goes_on(texts: list[str]) -> list[list[float]]:
        asked.extend(texts)
        return [[1.0]] * len(texts)

    assert len(kept.embed(texts, goes_on)) == 199
    assert len(asked) == 199 - 128


def test_rows_are_kept_by_what_they_came_from(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    assert kept("row", [1], lambda: {"a": 1}) == {"a": 1}
    assert kept("row", [1], lambda: {"a": 2}) == {"a": 1}
    assert kept("row", [2], lambda: {"a": 2}) == {"a": 2}


def test_a_context_that_shares_its_words_with_training_is_leaked() -> None:
    text = " ".join(f"word{i}" for i in range(40))
    half = " ".join(f"word{i}" for i in range(20)) + " " + " ".join(f"other{i}" for i in range(20))
    assert len(grams(text)) == 28
    articles = [Article("all", "", text), Article("fresh", "", "Nothing of the kind stands in this one at all.")]
    assert leaked(articles, [text]) == {"all"}
    # 8 of its 28 runs of thirteen words are the half's: less than three in ten.
    assert leaked([Article("all", "", text)], [half]) == set()


def test_a_part_of_scifact_has_all_that_is_relevant() -> None:
    articles = tuple(Article(str(i), "", "x") for i in range(20))
    questions = tuple(Question(str(i), "?", (), (Gold(str(i)),)) for i in range(0, 20, 7))
    whole = Dataset("small", "beir", "x", questions, articles)
    ids = {a.id for a in scifact_part(whole, 6).articles}
    assert len(ids) == 6 and {"0", "7", "14"} <= ids
    assert {a.id for a in scifact_part(whole, 6).articles} == ids
    assert len(scifact_part(whole, 2).articles) == 3
    assert len(scifact_part(whole, None).articles) == 20


def task() -> Task:
    questions = (Question("1", "?", (), (Gold("a"),)), Question("2", "?", (), (Gold("b"),)))
    articles = tuple(Article(key, "", key) for key in "abc")
    return Task("small", "Small", Dataset("small", "newsdesk", "x", questions, articles), removable=True)


def test_a_row_measures_rankings_and_removal() -> None:
    found = {"1": [("a", 0.9), ("a", 0.8), ("c", 0.2)], "2": [("c", 0.5), ("b", 0.4)]}
    made = row("one", task(), found)
    assert made.mean("hit@1") == 0.5
    assert made.values["1"]["recall@10"] == 1.0
    assert (made.there, made.removed) == ([0.9, 0.5], [0.2, 0.5])
    text = table(task(), [made])
    assert "| one | 0.500 (" in text and "2 questions over 3 articles" in text
    assert made.refusal().startswith("0.875 (")


def test_the_gain_over_the_tutorial_pipeline_is_said() -> None:
    def made(name: str, hits: Sequence[float]) -> Row:
        measures = ("hit@1", "hit@5", "recall@10", "MRR@10", "nDCG@10")
        return Row(name, {str(i): dict.fromkeys(measures, hit) for i, hit in enumerate(hits)}, [1, 1], [0, 0])

    rows = [
        made("newsdesk, fused", [1, 0]),
        made("newsdesk, fused and read", [1, 1]),
        made(PEERS["langchain_tutorial"], [0, 0]),
    ]
    assert "newsdesk, fused +50.0, newsdesk, fused and read +100.0" in table(task(), rows)


def test_every_peer_has_its_script_and_its_lock() -> None:
    for name in PEERS:
        lock = (ROOT / "bench" / "peers" / f"{name}.lock").read_text("utf-8")
        assert (ROOT / "bench" / "peers" / f"{name}.py").is_file()
        assert "torch==2.13.0\n" in lock and " @ " not in lock and "+cpu" not in lock


def test_a_passage_is_read_once_a_question() -> None:
    class Counting:
        digest = "x"

        def __init__(self) -> None:
            self.read_ids: list[str] = []

        def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
            self.read_ids += [p.id for p in passages]
            return [Reading(p.id, 0.5) for p in passages]

    inner = Counting()
    reader = KeptReader(inner)  # type: ignore[arg-type]
    one, two = Passage("1", "a", 0, 1, "x"), Passage("2", "a", 0, 1, "y")
    reader.read("q", [one])
    assert [r.passage_id for r in reader.read("q", [two, one])] == ["2", "1"]
    reader.read("another", [one])
    assert inner.read_ids == ["1", "2", "1"]


def test_statistics_come_with_their_interval(tmp_path: Path) -> None:
    scores, right = [0.9, 0.8, 0.2, 0.1], [True, True, False, False]
    text = statistic(lambda rows: auroc([scores[i] for i in rows], [right[i] for i in rows]), 4)
    assert text == "1.000 (1.000–1.000)"
    lines = plot([Bin(0.05, 0.1, 7), Bin(0.95, 0.9, 3)], tmp_path)
    assert "| 0.95 | 0.90 | 3 |" in lines
    svg = (tmp_path / "reliability.svg").read_text("utf-8")
    assert svg.startswith('<svg viewBox="0 0 420 250"') and "var(--" not in svg and 'xmlns="http' in svg

"""Measures against values worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.metrics import (
    Bin,
    area_under_risk,
    auroc,
    bootstrap_interval,
    bootstrap_of,
    calibration_error,
    character_overlap,
    contains_answer,
    covers,
    entailment_scores,
    exact_match,
    multihop_hits,
    normalised,
    percentiles,
    randomisation_p,
    ranking,
    refusal_scores,
    reliability,
    risk_coverage,
    rouge_l,
    threshold_for,
    token_f1,
)


@pytest.mark.parametrize(
    ("text", "answers", "exact", "f1"),
    [
        pytest.param("The Nile.", ["nile"], 1.0, 1.0, id="article, case and full stop don't count"),
        pytest.param("the river Nile", ["Nile", "Amazon"], 0.0, 2 / 3, id="the best answer counts"),
        pytest.param("", ["Nile"], 0.0, 0.0, id="nothing said"),
        pytest.param("Congo Congo", ["Congo"], 0.0, 2 / 3, id="words count as often as they come"),
        pytest.param("Łódź", ["łódź"], 1.0, 1.0, id="accents"),
        pytest.param("anything", [], None, None, id="no answer to compare with"),
    ],
)
def test_exact_match_and_f1(text: str, answers: list[str], exact: float | None, f1: float | None) -> None:
    assert exact_match(text, answers) == exact
    assert token_f1(text, answers) == (pytest.approx(f1) if f1 is not None else None)


def test_normalising_cuts_articles_only_as_words() -> None:
    assert normalised("A theatre, an “anthem”") == "theatre anthem"


@pytest.mark.parametrize(
    ("text", "answer", "contained"),
    [
        ("It rose to 3,200 metres.", "3,200", True),
        ("It rose to 13,200 metres.", "3,200", False),
        ("The Danube floods", "the Danube", True),
        ("Danubean floods", "Danube", False),
        ("anything", "the", False),
    ],
)
def test_containment_is_of_whole_words(text: str, answer: str, contained: bool) -> None:
    assert contains_answer(text, [answer]) is contained


def test_rouge_l_is_of_the_longest_common_subsequence() -> None:
    # Common: "the cat ... the mat" = 4 of 6 and of 5 words.
    assert rouge_l("the cat sat on the mat", ["the cat lay the mat"]) == pytest.approx(2 * 4 / 11)
    assert rouge_l("", ["something"]) == 0.0


def test_character_overlap_counts_a_character_once() -> None:
    cited = [("a", 0, 10), ("a", 5, 15), ("b", 0, 5)]
    # 20 distinct cited characters, of which a[10:15] is gold; gold has 10.
    assert character_overlap(cited, [("a", 10, 20)]) == (0.25, 0.5)
    assert character_overlap([], [("a", 0, 1)]) == (None, 0.0)
    assert character_overlap([("a", 0, 1)], []) == (0.0, None)


def test_covers_is_inclusive() -> None:
    assert covers(("a", 5, 9), ("a", 5, 9))
    assert not covers(("a", 5, 9), ("a", 4, 9))


def test_ranking_by_hand() -> None:
    relevant = {"1": {"x": 1, "y": 1}, "2": {"z": 2}, "3": {"w": 1}, "none": {"x": 0}}
    order = {"1": ["a", "x", "b", "y"], "2": ["z"], "3": []}
    found = ranking(relevant, order)
    assert found.keys() == {"1", "2", "3"}
    first = found["1"]
    assert (first["hit@1"], first["hit@3"], first["recall@10"]) == (0, 1, 1)
    assert first["MRR@10"] == 0.5
    assert first["MAP@10"] == pytest.approx((1 / 2 + 2 / 4) / 2)
    ideal = 1 + 1 / math.log2(3)
    assert first["nDCG@10"] == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / ideal)
    assert set(found["2"].values()) == {1.0}
    assert set(found["3"].values()) == {0.0}


def test_ranking_counts_a_document_at_its_first_place() -> None:
    assert ranking({"1": {"y": 1}}, {"1": ["x", "x", "x", "y"]})["1"]["MRR@10"] == 0.5


def test_multihop_hits_ignore_blanks_and_depth_counts() -> None:
    texts = ["one", "two", "three", "four", "the\nferry  sank"]
    assert multihop_hits(texts, ["ferry sank", "absent"], 10) == 1.0
    assert multihop_hits(texts, ["ferry sank"], 4) == 0.0
    assert multihop_hits(texts, [], 4) is None


def test_refusal_scores_by_hand() -> None:
    refused = [True, True, True, False, False]
    answerable = [False, False, True, False, True]
    assert refusal_scores(refused, answerable) == {
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
    }
    assert refusal_scores([False], [True]) == {"precision": None, "recall": None, "f1": None}


def test_auroc_by_hand() -> None:
    # Of the 2 x 2 pairs three are in order and one is tied.
    assert auroc([0.9, 0.5, 0.5, 0.1], [True, True, False, False]) == 0.875
    assert auroc([0.9], [True]) is None


def test_risk_and_coverage_by_hand() -> None:
    curve = risk_coverage([0.9, 0.8, 0.8, 0.1], [True, True, False, False])
    assert curve == [(0.9, 0.25, 0.0), (0.8, 0.75, pytest.approx(1 / 3)), (0.1, 1.0, 0.5)]
    assert area_under_risk(curve) == pytest.approx(0.5 / 3 + 0.25 * 0.5)
    assert threshold_for([0.9, 0.8, 0.8, 0.1], [True, True, False, False], precision=0.6) == 0.8
    assert threshold_for([0.9], [False], precision=0.9) is None


def test_reliability_by_hand() -> None:
    bins = reliability([0.05, 0.95, 0.91, 1.0], [False, True, False, True])
    assert bins == [Bin(0.05, 0.0, 1), Bin(pytest.approx(2.86 / 3), pytest.approx(2 / 3), 3)]  # type: ignore[arg-type]
    assert calibration_error(bins) == pytest.approx((0.05 + (2.86 - 2)) / 4)


@pytest.mark.parametrize(
    ("before", "after", "p"),
    [
        pytest.param([1, 1, 1, 1], [0, 0, 0, 0], 1 / 16, id="one of sixteen signs is as low"),
        pytest.param([1, 0], [1, 0], 1.0, id="nothing differs"),
        pytest.param([0, 0, 0], [1, 1, 1], 1.0, id="a rise is no fall"),
        pytest.param([1, 0], [0, 1], 0.75, id="one up, one down"),
    ],
)
def test_randomisation_by_hand(before: list[float], after: list[float], p: float) -> None:
    assert randomisation_p(before, after) == p


def test_randomisation_of_many_is_drawn_and_deterministic() -> None:
    before, after = [1.0] * 40, [0.0] * 20 + [1.0] * 20
    assert randomisation_p(before, after) == randomisation_p(before, after) < 0.001


def test_intervals_are_deterministic_and_hold_the_mean() -> None:
    values = [0.0, 1.0] * 50
    interval = bootstrap_interval(values)
    assert interval == bootstrap_interval(values)
    low, high = interval or (0, 0)
    # The standard error is 0.05.
    assert low == pytest.approx(0.4, abs=0.03) and high == pytest.approx(0.6, abs=0.03)
    assert bootstrap_interval([]) is None


def test_bootstrap_of_a_statistic_leaves_undefined_resamples_out() -> None:
    low, high = bootstrap_of(lambda rows: float(rows[0]) if rows[0] else None, 3) or (0, 0)
    assert (low, high) == (1.0, 2.0)
    assert bootstrap_of(lambda rows: None, 3) is None


def test_percentiles_interpolate() -> None:
    assert percentiles([0.0, 10.0]) == {"p50": 5.0, "p95": 9.5, "p99": 9.9}
    assert percentiles([]) == {}


def test_entailment_scores_by_hand() -> None:
    """A premise entails a claim here when it has all its words."""

    def entails(premise: str, claim: str) -> bool:
        return set(claim.split()) <= set(premise.split())

    statements = [
        ("a b", ["a b", "c"]),  # held by the first alone; the second is irrelevant
        ("a b", ["a", "b"]),  # both are needed
        ("x", ["y"]),  # not held
        ("z", []),  # nothing cited
    ]
    recall, precision = entailment_scores(statements, entails)
    assert recall == 0.5
    assert precision == pytest.approx(3 / 5)
    assert entailment_scores([], entails) == (None, None)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30))
def test_risk_coverage_ends_with_every_question(pairs: list[tuple[float, bool]]) -> None:
    curve = risk_coverage([c for c, _ in pairs], [ok for _, ok in pairs])
    assert curve[-1][1] == 1.0
    assert curve[-1][2] == pytest.approx(sum(not ok for _, ok in pairs) / len(pairs))
    assert all(0 <= risk <= 1 for _, _, risk in curve)


@given(st.text(max_size=60))
def test_a_text_answers_itself(text: str) -> None:
    assert exact_match(text, [text]) == token_f1(text, [text]) == 1.0

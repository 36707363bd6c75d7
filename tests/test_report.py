"""The report: figures from hand-made results, the comparison with a baseline, and the page in a browser."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rag.errors import DatasetError
from rag.report import GATED, build, compare, fall, page, read_baseline, show, write, write_baseline
from rag.results import FAILURES, Result

FIRST = "citation.first holds the gold quote"
ABOUT: dict[str, Any] = {
    "dataset": "tiny",
    "source": "sets/tiny.jsonl",
    "questions": 4,
    "limit": None,
    "articles": 2,
    "passages": 3,
    "embedder": "minilm",
    "answerer": "extractive",
    "left_out": ["q9: no context"],
    "format": "newsdesk",
    "unverified": False,
}


FOUND = {"passage": "ferry.txt#0-16", "fused": 1.0, "dense": 0.5, "lexical": None, "gold": True, "text": "It left."}


def result(number: int, **changes: Any) -> Result:
    plain = Result(
        id=f"q{number}",
        question=f"Question {number}?",
        kind="short",
        answers=["noon"],
        gold=[{"article": "ferry.txt", "start": 0, "end": 4, "quote": "noon"}],
        answerable=True,
        text="It left at noon.",
        short_answer="noon",
        citations=[{"article": "ferry.txt", "title": "Ferry", "start": 0, "end": 16, "quote": "It left at noon."}],
        retrieved=[FOUND],
        refused=False,
        confidence=0.9,
        right=True,
        answer_right=True,
        failure=None,
        timings={"searching": 2.0, "total": 10.0},
        values={FIRST: 1.0, "refusal.right": 1.0},
    )
    return replace(plain, **changes)


def four() -> list[Result]:
    wrong = {"right": False, "answer_right": False, "values": {FIRST: 0.0, "refusal.right": 1.0}}
    absent = {"answerable": False, "answers": [], "gold": [], "answer_right": False}
    return [
        result(1),
        result(2, failure="wrong_span", confidence=0.7, **wrong),
        result(3, **absent, refused=True, confidence=0.2, values={"refusal.right": 1.0}),
        result(4, **absent, right=False, failure="should_refuse", confidence=0.6, values={"refusal.right": 0.0}),
    ]


def test_means_say_of_how_many_questions() -> None:
    report = build(ABOUT, four())
    assert report["measures"][FIRST]["mean"] == 0.5
    assert report["measures"][FIRST]["questions"] == 2
    assert report["measures"]["refusal.precision"]["mean"] == 1.0
    assert report["measures"]["refusal.recall"]["mean"] == 0.5
    assert report["measures"]["refusal.F1"]["mean"] == pytest.approx(2 / 3)
    assert report["measures"]["refusal.AUROC"]["mean"] == 1.0
    assert report["failures"] == dict.fromkeys(FAILURES, 0) | {"wrong_span": 1, "should_refuse": 1}
    assert (report["right"], report["judged"], report["measures"]["overall.right"]["mean"]) == (2, 4, 0.5)
    refusal = report["refusal"]
    # By confidence: right, wrong, should refuse, refused. Nine in ten are right only of the first alone.
    assert refusal["risk_coverage"] == [
        [0.9, 0.25, 0.0],
        [0.7, 0.5, 0.5],
        [0.6, 0.75, pytest.approx(2 / 3)],
        [0.2, 1.0, 0.75],
    ]
    assert (refusal["threshold"], refusal["threshold_answerable"]) == (0.9, 0.7)
    assert refusal["calibration_error_right"] == pytest.approx((0.1 + 0.7 + 0.6 + 0.2) / 4)
    assert refusal["calibration_error"] == pytest.approx((0.1 + 0.3 + 0.6 + 0.2) / 4)
    assert report["measures"]["refusal.calibration error, right"]["mean"] == refusal["calibration_error_right"]
    assert report["speed"]["total"]["p50"] == 10.0


def test_the_same_results_give_the_same_report() -> None:
    assert json.dumps(build(ABOUT, four())) == json.dumps(build(ABOUT, four()))


def test_searched_only_questions_have_no_refusals() -> None:
    values = {"article.nDCG@10": 0.5}
    report = build(ABOUT, [result(1, kind="retrieval", answerable=None, right=None, values=values)])
    assert report["judged"] == 0
    assert not any(name.startswith("refusal") for name in report["measures"])
    assert "only searched for" in page(report, [])


@pytest.mark.parametrize("timings", [{"searching": 2.0}, {"total": 10.0}, {}])
def test_a_page_of_any_stages_and_of_no_question_at_all(timings: dict[str, float]) -> None:
    rows = [result(1, timings=timings)]
    html = page(build(ABOUT, rows), rows)
    assert ("half of the answers are quicker" in html) is ("total" in timings)
    assert all(f"<td>{stage}</td>" in html for stage in timings)
    assert "Every measure" in page(build(ABOUT, []), [])


def many(first: float, count: int = 20) -> list[Result]:
    return [result(i, values={FIRST: first}) for i in range(count)]


def test_a_baseline_survives_its_file_and_equal_results_pass(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    write_baseline(build(ABOUT, many(1.0)), many(1.0), path)
    before = read_baseline(path)
    assert len(before["questions"]) == 20
    (change,) = compare(before, many(1.0))
    assert (change["fell"], change["p"], change["missing"]) == (False, 1.0, 0)


def test_a_whole_report_is_a_baseline_too(tmp_path: Path) -> None:
    write(build(ABOUT, four()), four(), tmp_path)
    assert read_baseline(tmp_path / "report.json")["questions"]["q1"][FIRST] == 1.0


@pytest.mark.parametrize(
    ("now", "fell"),
    [
        pytest.param(many(0.0), True, id="every question fell"),
        pytest.param([*many(0.0, 2), *many(1.0)[2:]], False, id="two of twenty may be chance"),
        pytest.param([*many(0.0, 6), *many(1.0)[6:]], True, id="six of twenty are not"),
        pytest.param([result(i, values={}) for i in range(20)], True, id="a measure that is gone"),
    ],
)
def test_what_counts_as_a_fall(tmp_path: Path, now: list[Result], fell: bool) -> None:
    write_baseline(build(ABOUT, many(1.0)), many(1.0), tmp_path / "baseline.json")
    (change,) = compare(read_baseline(tmp_path / "baseline.json"), now)
    assert change["measure"] == FIRST and change["measure"] in GATED
    assert change["fell"] is fell
    if fell:
        assert fall(change).startswith(f"fell: {FIRST} ")


def test_questions_that_only_one_side_has_are_counted(tmp_path: Path) -> None:
    write_baseline(build(ABOUT, many(1.0)), many(1.0), tmp_path / "baseline.json")
    (change,) = compare(read_baseline(tmp_path / "baseline.json"), many(1.0, 15))
    assert (change["questions"], change["missing"], change["fell"]) == (15, 5, False)


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 0, "questions": []}', '{"schema": 1, "questions": [3]}'])
def test_what_is_no_baseline(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text, "utf-8")
    with pytest.raises(DatasetError, match="not a baseline"):
        read_baseline(tmp_path / "b.json")
    with pytest.raises(DatasetError, match="no such baseline"):
        read_baseline(tmp_path / "absent.json")


def test_the_terminal_shows_figures_failures_and_what_was_left_out() -> None:
    before = {"schema": 1, "questions": {f"q{i}": {FIRST: 1.0} for i in range(1, 3)}}
    console = Console(file=io.StringIO(), width=120)
    show(build(ABOUT | {"left_out": ["q9: a[/b]"]}, four(), baseline=before), console=console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for expected in (
        "first holds the gold quote",
        "wrong span",
        "p95",
        "against the baseline",
        "left out: 1, the first: q9: a[/b]",
    ):
        assert expected in text


def test_a_loader_that_never_met_the_originals_says_so() -> None:
    console = Console(file=io.StringIO(), width=120)
    report = build(ABOUT | {"format": "rgb", "unverified": True}, four())
    show(report, console=console)
    assert "rgb was never tried on the original files" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "never tried on the original files" in page(report, four())
    assert "never tried" not in page(build(ABOUT, four()), four())


def test_the_page_is_self_contained_and_escapes_article_text() -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    rows = [*four(), result(5, text=hostile, question=hostile, failure="wrong_span", right=False)]
    html = page(build(ABOUT, rows), rows)
    assert hostile not in html and "&lt;script&gt;alert(1)" in html
    assert html.count("<script>") == 1
    assert "src=" not in html.replace("src=x", "") and "http" not in html.replace("http-equiv", "")
    assert html.count("<svg") == 4


def test_the_page_in_a_browser_filters_failures(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    rows = four()
    write(build(ABOUT, rows), rows, tmp_path)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1100, "height": 900})
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto((tmp_path / "report.html").as_uri())
        assert tab.locator("details:visible").count() == 2
        tab.get_by_role("button", name="wrong span 1").click()
        assert tab.locator("details:visible").count() == 1
        assert "Question 2?" in tab.locator("details:visible").inner_text()
        tab.get_by_role("button", name="all 2").click()
        tab.get_by_role("searchbox").fill("question 4")
        assert tab.locator("details:visible").count() == 1
        tab.get_by_role("searchbox").fill("nowhere at all")
        assert tab.locator("#shown").inner_text() == "0 of 2 shown"
        tab.set_viewport_size({"width": 360, "height": 700})
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        browser.close()
    assert not errors

"""The charts of report.html: risk over coverage, confidence, reliability, time. Numbers in, SVG and words out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rag.charts import bar_chart, line_chart
from rag.results import Result

Chart = tuple[str, str, str, tuple[str, ...]]
"""Title, SVG, what it shows, and the names of its colours in their order."""

PERCENTILES = ("p50", "p95", "p99")


def charts(report: Mapping[str, Any], results: Sequence[Result]) -> list[Chart]:
    """Each chart that the results have data for."""
    found: list[Chart] = []
    refusal = report["refusal"]
    judged = [r for r in results if r.answerable is not None and r.kind != "retrieval"]
    both = bool(refusal["answerable"] and refusal["unanswerable"])
    if judged:
        found.append(_risk(refusal, len(judged), both))
    if both:
        found.append(_confidence(judged))
    if judged:
        found.append(_reliability(refusal, both))
    if report["speed"]:
        rows = [(stage, tuple(v.get(p, 0.0) for p in PERCENTILES)) for stage, v in report["speed"].items()]
        chart = bar_chart("Time by stage", rows, PERCENTILES, x_label="stage", y_label="milliseconds")
        found.append(("Time by stage", chart, "On the machine that ran this.", PERCENTILES))
    return found


def _risk(refusal: Mapping[str, Any], count: int, both: bool) -> Chart:
    lines = [("wrong", [(coverage, risk) for _, coverage, risk in refusal["risk_coverage"]])]
    if both:
        lines.append(("without an answer", [(c, risk) for _, c, risk in refusal["risk_coverage_answerable"]]))
    chart = line_chart(
        "Risk and coverage",
        lines,
        x_label="% of all questions answered",
        y_label="% of the answers",
        marker=(1 - refusal["refused"] / count, "as run"),
    )
    words = "How many of the answers are wrong, as more questions are answered, the surest first."
    if both:
        words += " Of the wrong ones some are to questions without an answer."
    return "Risk and coverage", chart, words, tuple(name for name, _ in lines)


def _confidence(judged: Sequence[Result]) -> Chart:
    bins: dict[bool, Counter[int]] = {True: Counter(), False: Counter()}
    for r in judged:
        bins[bool(r.answerable)][min(int(10 * r.confidence), 9)] += 1
    groups = [(f"{10 * i}", (float(bins[True][i]), float(bins[False][i]))) for i in range(10)]
    names = ("answerable", "not answerable")
    chart = bar_chart("Confidence", groups, names, x_label="confidence from, %", y_label="questions")
    return "Confidence", chart, "The less the two overlap, the better it knows when to refuse.", names


def _reliability(refusal: Mapping[str, Any], both: bool) -> Chart:
    kinds = [("right", "reliability_right"), *([("answerable", "reliability")] if both else [])]
    chart = line_chart(
        "Reliability",
        [(kind, [(b["confidence"], b["right"]) for b in refusal[key]]) for kind, key in kinds],
        x_label="mean confidence, %",
        y_label="% of the questions",
        diagonal=True,
        dots=True,
        y_high=1.0,
    )
    words = "On the diagonal, confidence means what it says. "
    words += f"Mean gap to right answers {100 * refusal['calibration_error_right']:.1f} points"
    if both:
        words += f", to answerable questions {100 * refusal['calibration_error']:.1f}"
    return "Reliability", chart, f"{words}.", tuple(kind for kind, _ in kinds)

"""Results -> figures: a terminal table, report.json, a self-contained report.html, and a baseline to compare with.

report.json's fields are described in docs/evaluation.md. It asks nothing; the same results give the same report.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.charts import bar_chart, line_chart
from rag.errors import DatasetError
from rag.metrics import (
    area_under_risk,
    auroc,
    bootstrap_interval,
    bootstrap_of,
    calibration_error,
    percentiles,
    randomisation_p,
    refusal_scores,
    reliability,
    risk_coverage,
    threshold_for,
)
from rag.results import FAILURES, Result

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = 1
SIGNIFICANT = 0.05
GATED = (
    "citation.first holds the gold quote",
    "citation.any holds the gold answer",
    "answer.F1",
    "refusal.right",
    "passage.MRR@10",
    "article.nDCG@10",
)
"""The measures that a baseline keeps for each question and whose fall is exit code 4."""

HEADLINES = (
    ("citation.first holds the gold quote", "first citation holds the gold quote"),
    ("citation.any holds the gold answer", "a citation holds the gold answer"),
    ("refusal.precision", "precision of refusals"),
    ("refusal.recall", "recall of refusals"),
    ("article.nDCG@10", "nDCG@10 by article"),
    ("passage.hit@1", "hit@1 by passage"),
)


def build(
    about: Mapping[str, Any],
    results: Sequence[Result],
    *,
    precision: float = 0.9,
    baseline: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The whole report but for the single questions; JSON only inside."""
    names = list(dict.fromkeys(name for r in results for name in r.values))
    names.sort(key=lambda name: "passage article answer citation refusal".split().index(name.split(".")[0]))
    measures = {name: _mean([r.values[name] for r in results if name in r.values]) for name in names}
    judged = [r for r in results if r.answerable is not None and r.kind != "retrieval"]
    refusals = _refusals(judged, precision=precision)
    measures |= refusals.pop("measures")
    stages = list(dict.fromkeys(stage for r in results for stage in r.timings))
    return {
        "schema": SCHEMA,
        "about": dict(about),
        "measures": measures,
        "refusal": refusals,
        "speed": {stage: _speed([r.timings[stage] for r in results if stage in r.timings]) for stage in stages},
        "failures": {kind: sum(r.failure == kind for r in results) for kind in FAILURES},
        "right": sum(bool(r.right) for r in results),
        "judged": len(judged),
        "baseline": compare(baseline, results) if baseline else None,
    }


def _mean(values: Sequence[float]) -> dict[str, Any]:
    low, high = bootstrap_interval(values) or (None, None)
    return {"mean": sum(values) / len(values) if values else None, "low": low, "high": high, "questions": len(values)}


def _speed(values: Sequence[float]) -> dict[str, Any]:
    return {**percentiles(values), "questions": len(values)}


def _refusals(judged: Sequence[Result], *, precision: float) -> dict[str, Any]:
    refused, answerable = [r.refused for r in judged], [bool(r.answerable) for r in judged]
    confidence = [r.confidence for r in judged]
    scores = refusal_scores(refused, answerable)
    measures = {
        "refusal.precision": _mean([float(not a) for r, a in zip(refused, answerable, strict=True) if r]),
        "refusal.recall": _mean([float(r) for r, a in zip(refused, answerable, strict=True) if not a]),
    }

    def f1(rows: Sequence[int]) -> float | None:
        return refusal_scores([refused[i] for i in rows], [answerable[i] for i in rows])["f1"]

    def area(rows: Sequence[int]) -> float | None:
        return auroc([confidence[i] for i in rows], [answerable[i] for i in rows])

    for name, value, statistic in (("F1", scores["f1"], f1), ("AUROC", auroc(confidence, answerable), area)):
        low, high = (bootstrap_of(statistic, len(judged)) or (None, None)) if value is not None else (None, None)
        measures[f"refusal.{name}"] = {"mean": value, "low": low, "high": high, "questions": len(judged)}
    curve = risk_coverage(confidence, [bool(a) for a in answerable])
    bins = reliability(confidence, answerable)
    return {
        "measures": {name: m for name, m in measures.items() if m["mean"] is not None},
        "answerable": sum(answerable),
        "unanswerable": len(judged) - sum(answerable),
        "refused": sum(refused),
        "answered_right": sum(bool(r.answerable and r.right) for r in judged),
        "risk_coverage": [list(point) for point in curve],
        "area_under_risk": area_under_risk(curve),
        "wished_precision": precision,
        "threshold": threshold_for(confidence, answerable, precision=precision),
        "reliability": [asdict(b) for b in bins],
        "calibration_error": calibration_error(bins),
    }


# ---- comparing with a baseline


def read_baseline(path: Path) -> dict[str, Any]:
    """A baseline or a whole report.json. Raises DatasetError for anything else."""
    try:
        value = json.loads(path.read_text("utf-8"))
        assert value["schema"] == SCHEMA and isinstance(value["questions"], list)
        return {"schema": SCHEMA, "questions": {q["id"]: q["values"] for q in value["questions"]}}
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such baseline; --write-baseline makes one") from None
    except (ValueError, KeyError, TypeError, AssertionError):
        raise DatasetError(f"{path}: not a baseline of this version; --write-baseline makes one") from None


def compare(baseline: Mapping[str, Any], results: Sequence[Result]) -> list[dict[str, Any]]:
    """For every gated measure the paired comparison over the questions that both have; `missing` counts the others.

    A measure fell where it is lower by a one-sided paired randomisation test at 5 %. One that the baseline has and no
    question has now fell too: it can't leave silently.
    """
    before = baseline["questions"]
    now = {r.id: r.values for r in results}
    changes = []
    for name in GATED:
        had = {i for i, values in before.items() if name in values}
        have = {i for i, values in now.items() if name in values}
        shared = sorted(had & have)
        if not had and not have:
            continue
        old, new = [before[i][name] for i in shared], [now[i][name] for i in shared]
        p = randomisation_p(old, new)
        fell = (bool(shared) and sum(new) < sum(old) and p < SIGNIFICANT) or (bool(had) and not have)
        changes.append(
            {
                "measure": name,
                "before": sum(old) / len(old) if old else None,
                "now": sum(new) / len(new) if new else None,
                "p": p,
                "questions": len(shared),
                "missing": len(had ^ have),
                "fell": fell,
            }
        )
    return changes


def write_baseline(report: Mapping[str, Any], results: Sequence[Result], path: Path) -> None:
    """Each question's gated values, a line a question so that a change can be read in a diff."""
    rows = [{"id": r.id, "values": {n: r.values[n] for n in GATED if n in r.values}} for r in results]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    name = json.dumps(report["about"]["dataset"])
    path.write_text(f'{{"schema": {SCHEMA}, "dataset": {name}, "questions": [\n{lines}\n]}}\n', "utf-8")


# ---- showing


def write(report: Mapping[str, Any], results: Sequence[Result], folder: Path) -> None:
    """report.json and report.html into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = {**report, "questions": [asdict(r) for r in results]}
    (folder / "report.json").write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", "utf-8")
    (folder / "report.html").write_text(page(report, results), "utf-8")


def page(report: Mapping[str, Any], results: Sequence[Result]) -> str:
    """report.html: everything in one file; article text is escaped by the template engine."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"figure": figure, "milliseconds": milliseconds}
    template = environment.from_string(files("rag").joinpath("report.html.j2").read_text("utf-8"))
    order = list(FAILURES)
    failed = sorted((r for r in results if r.failure), key=lambda r: (order.index(r.failure or ""), r.id))
    headlines = [(words, report["measures"][name]) for name, words in HEADLINES if name in report["measures"]]
    groups: dict[str, list[tuple[str, Any]]] = {}
    for name, value in report["measures"].items():
        group, _, rest = name.partition(".")
        groups.setdefault(group, []).append((rest, value))
    return template.render(
        report=report,
        about=report["about"],
        headlines=headlines,
        groups=groups,
        kinds=FAILURES,
        failed=failed,
        charts=charts(report, results),
    )


def charts(report: Mapping[str, Any], results: Sequence[Result]) -> list[tuple[str, str, str]]:
    """(title, SVG, what it shows) of each chart that the results have data for."""
    from markupsafe import Markup

    found: list[tuple[str, str, str]] = []
    refusal = report["refusal"]
    judged = [r for r in results if r.answerable is not None and r.kind != "retrieval"]
    if refusal["answerable"] and refusal["unanswerable"]:
        title = "Risk and coverage"
        curve = [(coverage, risk) for _, coverage, risk in refusal["risk_coverage"]]
        answered = 1 - refusal["refused"] / len(judged)
        chart = line_chart(
            title,
            [("risk", curve)],
            x_label="% of all questions answered",
            y_label="% of those not answerable",
            marker=(answered, "as run"),
        )
        found.append((title, chart, "How many of the answered questions have no answer, as more are answered."))
        title = "Confidence"
        bins: dict[bool, Counter[int]] = {True: Counter(), False: Counter()}
        for r in judged:
            bins[bool(r.answerable)][min(int(10 * r.confidence), 9)] += 1
        groups = [(f"{10 * i}", (float(bins[True][i]), float(bins[False][i]))) for i in range(10)]
        chart = bar_chart(
            title, groups, ("answerable", "not answerable"), x_label="confidence from, %", y_label="questions"
        )
        found.append((title, chart, "Blue: answerable; orange: not. The less they overlap, the better it refuses."))
        title = "Reliability"
        points = [(b["confidence"], b["right"]) for b in refusal["reliability"]]
        chart = line_chart(
            title,
            [("answerable", points)],
            x_label="mean confidence, %",
            y_label="% answerable",
            diagonal=True,
            dots=True,
            y_high=1.0,
        )
        error = refusal["calibration_error"]
        found.append(
            (title, chart, f"On the diagonal, confidence means what it says. Mean gap: {100 * error:.1f} points.")
        )
    if report["speed"]:
        title = "Time by stage"
        rows = [(s, tuple(v.get(p, 0.0) for p in ("p50", "p95", "p99"))) for s, v in report["speed"].items()]
        chart = bar_chart(title, rows, ("p50", "p95", "p99"), x_label="stage", y_label="milliseconds")
        found.append(
            (title, chart, "Blue p50, orange p95, violet p99 of a question's stages, on the machine that ran this.")
        )
    # The charts are built by rag.charts from numbers and escaped labels, so they go in as markup.
    return [(title, Markup(chart), text) for title, chart, text in found]


def figure(measure: Mapping[str, Any]) -> str:
    """A mean with its interval, as text.

    >>> figure({"mean": 0.5, "low": 0.41, "high": 0.594, "questions": 100})
    '.500 (.410 to .594)'
    """
    value, low, high = (measure[k] for k in ("mean", "low", "high"))
    if value is None:
        return "–"
    interval = f" ({_short(low)} to {_short(high)})" if low is not None else ""
    return f"{_short(value)}{interval}"


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0") if value < 1 else f"{value:.3f}"


def milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"


def show(report: Mapping[str, Any], *, console: Console) -> None:
    """The figures as tables on the terminal."""
    from rich.table import Table

    about = report["about"]
    console.print(
        f"[bold]{about['dataset']}[/]: {about['questions']:,} questions over {about['articles']:,} articles "
        f"({about['passages']:,} passages), answered by {about['answerer']}",
        highlight=False,
    )
    table = Table("measure", "mean", "95 % interval", "questions")
    for column in table.columns[1:]:
        column.justify = "right"
    last = ""
    for name, m in report["measures"].items():
        group = name.partition(".")[0]
        if last and group != last:
            table.add_section()
        last = group
        interval = f"{_short(m['low'])} – {_short(m['high'])}" if m["low"] is not None else "–"
        table.add_row(name.replace(".", ": ", 1), _short(m["mean"]), interval, f"{m['questions']:,}")
    console.print(table)
    refusal = report["refusal"]
    if report["judged"]:
        console.print(
            f"right: {report['right']} of {report['judged']}; refused {refusal['refused']}, "
            f"not answerable {refusal['unanswerable']}",
            highlight=False,
        )
        if refusal["unanswerable"]:
            reached = refusal["threshold"]
            wished = f"{100 * refusal['wished_precision']:.0f} % of what is answered is answerable"
            console.print(
                f"{wished} from confidence {reached:.2f}" if reached is not None else f"{wished}: never",
                highlight=False,
            )
    if any(report["failures"].values()):
        failures = Table("failure", "questions")
        for kind, words in FAILURES.items():
            failures.add_row(words, str(report["failures"][kind]))
        console.print(failures)
    speed = Table("milliseconds", "p50", "p95", "p99", "questions")
    for stage, v in report["speed"].items():
        speed.add_row(stage, *(milliseconds(v.get(p)) for p in ("p50", "p95", "p99")), str(v["questions"]))
    console.print(speed)
    if report["baseline"]:
        changes = Table("against the baseline", "before", "now", "p", "questions", "missing", "")
        for c in report["baseline"]:
            shown = [_short(v) if v is not None else "–" for v in (c["before"], c["now"])]
            verdict = "[red]fell[/]" if c["fell"] else "ok"
            changes.add_row(c["measure"], *shown, f"{c['p']:.4f}", str(c["questions"]), str(c["missing"]), verdict)
        console.print(changes)
    if about["left_out"]:
        console.print(f"left out: {len(about['left_out'])}, the first: {about['left_out'][0]}", highlight=False)

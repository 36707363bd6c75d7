"""Results -> figures: a terminal table, report.json, a self-contained report.html, and a baseline to compare with.

report.json's fields are described in docs/evaluation.md. It asks nothing; the same results give the same report.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from rag.report_charts import charts
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
    ("overall.right", "right, or rightly refused"),
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
    if judged:
        measures["overall.right"] = _mean([float(bool(r.right)) for r in judged])
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
    measures = {
        "refusal.precision": _mean([float(not a) for r, a in zip(refused, answerable, strict=True) if r]),
        "refusal.recall": _mean([float(r) for r, a in zip(refused, answerable, strict=True) if not a]),
    }

    def f1(rows: Sequence[int]) -> float | None:
        return refusal_scores([refused[i] for i in rows], [answerable[i] for i in rows])["f1"]

    def area(rows: Sequence[int]) -> float | None:
        return auroc([confidence[i] for i in rows], [answerable[i] for i in rows])

    right = [bool(r.answer_right) for r in judged]

    def gap(rows: Sequence[int], what: Sequence[bool]) -> float | None:
        return calibration_error(reliability([confidence[i] for i in rows], [what[i] for i in rows]))

    statistics: dict[str, Callable[[Sequence[int]], float | None]] = {
        "F1": f1,
        "AUROC": area,
        "calibration error, answerable": lambda rows: gap(rows, answerable),
        "calibration error, right": lambda rows: gap(rows, right),
    }
    for name, statistic in statistics.items():
        value = statistic(range(len(judged)))
        low, high = (bootstrap_of(statistic, len(judged)) or (None, None)) if value is not None else (None, None)
        measures[f"refusal.{name}"] = {"mean": value, "low": low, "high": high, "questions": len(judged)}
    # Risk is of a wrong answer: of what can't be answered every answer is wrong.
    curve = risk_coverage(confidence, right)
    bins, right_bins = reliability(confidence, answerable), reliability(confidence, right)
    return {
        "measures": {name: m for name, m in measures.items() if m["mean"] is not None},
        "answerable": sum(answerable),
        "unanswerable": len(judged) - sum(answerable),
        "refused": sum(refused),
        "answered_right": sum(bool(r.answerable and r.right) for r in judged),
        "answerable_right": sum(right),
        "risk_coverage": [list(point) for point in curve],
        "area_under_risk": area_under_risk(curve),
        "risk_coverage_answerable": [list(point) for point in risk_coverage(confidence, answerable)],
        "wished_precision": precision,
        "threshold": threshold_for(confidence, right, precision=precision),
        "threshold_answerable": threshold_for(confidence, answerable, precision=precision),
        "reliability": [asdict(b) for b in bins],
        "calibration_error": calibration_error(bins),
        "reliability_right": [asdict(b) for b in right_bins],
        "calibration_error_right": calibration_error(right_bins),
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


def fall(change: Mapping[str, Any]) -> str:
    """What fell, in one line."""
    if not change["questions"]:
        return f"fell: {change['measure']} is gone, no question has it now"
    return (
        f"fell: {change['measure']} from {change['before']:.3f} to {change['now']:.3f} "
        f"(p = {change['p']:.4f}, {change['questions']} questions)"
    )


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
    from markupsafe import Markup  # the charts are built from numbers and escaped labels, so they go in as markup

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
        charts=[(title, Markup(svg), text, names) for title, svg, text, names in charts(report, results)],
    )


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
    if about.get("unverified"):
        console.print(f"The loader of {about['format']} was never tried on the original files.", highlight=False)
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
        for key, what in (("threshold", "right"), ("threshold_answerable", "answerable")):
            reached, wished = refusal[key], f"{100 * refusal['wished_precision']:.0f} % of what is answered is {what}"
            console.print(
                f"{wished} from confidence {reached:.2f}" if reached is not None else f"{wished}: never",
                highlight=False,
            )
        console.print(
            f"calibration error {refusal['calibration_error_right']:.3f} to right answers, "
            f"{refusal['calibration_error']:.3f} to answerable questions",
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
        first = f"left out: {len(about['left_out'])}, the first: {about['left_out'][0]}"
        console.print(first, highlight=False, markup=False)

"""The reader's figures: what it adds to retrieval, how well it answers, and whether it knows when it can't.

One table against the goals set for it; `bench.quality` prints it below its own, from the same kept results. It fits
nothing, and nothing here was trained or fitted on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.quality_sets import ROOT, Task, clapnq, task
from bench.quality_systems import OUT, asked, bot_over
from index.types import Filter, Passage
from rag.answer import ExtractiveAnswerer
from rag.charts import line_chart
from rag.datasets import collected, load
from rag.evaluate import check_gold, code_digest, evaluate
from rag.metrics import (
    Bin,
    auroc,
    bootstrap_interval,
    bootstrap_of,
    calibration_error,
    exact_match,
    refusal_scores,
    reliability,
    token_f1,
)
from rag.read import load_reader
from rag.settings import Settings

if TYPE_CHECKING:
    from bench.quality import Kept

PLOT = "reliability.svg"


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table. `before`: what there was without the reader."""

    name: str
    before: str
    value: str
    goal: str


def table(settings: Settings, kept: Kept, *, limit: int | None, count: int | None) -> str:
    """All figures as Markdown; the reliability plot goes beside it."""
    lines = ["## The reader's figures", ""]
    lines += ["| | before | now | goal |", "|---|---|---|---|"]
    notes: list[str] = []
    for figure in figures(settings, kept, limit=limit, count=count, notes=notes):
        lines.append(f"| {figure.name} | {figure.before} | {figure.value} | {figure.goal} |")
    return "\n".join([*lines, "", *notes, ""])


def figures(
    settings: Settings, kept: Kept, *, limit: int | None, count: int | None, notes: list[str]
) -> Iterator[Figure]:
    reading = [code_digest(), _script(), settings.answering()]
    yield from given(settings, kept, reading, limit=limit)
    yield from among(settings, kept, reading, limit=limit, count=count, notes=notes)
    yield from clap(settings, kept, reading, limit=limit, notes=notes)
    yield from scifact(settings, kept, limit=limit)
    yield from seeds(settings, limit=limit)


def _script() -> str:
    return "".join((ROOT / "bench" / name).read_text("utf-8") for name in ("figures.py", "quality_systems.py"))


def given(settings: Settings, kept: Kept, parts: Sequence[Any], *, limit: int | None) -> Iterator[Figure]:
    """The paragraph is given: the reader's best span and nothing else."""
    files = {"xquad_test, paragraph given": ("xquad_test",), "the same, both halves": ("xquad_fit", "xquad_test")}
    before = {"the same, both halves": "first reader 56 / 70"}
    goal = {"xquad_test, paragraph given": "66 / 78"}
    for name, halves in files.items():

        def compute(halves: Sequence[str] = halves) -> list[tuple[float, float]]:
            reader = load_reader(threads=settings.threads)
            scores = []
            for half in halves:
                data = load(settings.data / "reader" / f"{half}.jsonl.gz").limited(limit)
                articles = {a.id: a for a in data.articles}
                for question in data.questions:
                    article = articles[question.gold[0].article_id]
                    whole = Passage("given", article.id, 0, len(article.text), article.text, title=article.title)
                    (reading,) = reader.read(question.question, [whole])
                    text = article.text[reading.spans[0].start : reading.spans[0].end] if reading.spans else ""
                    exact, overlap = exact_match(text, question.answers), token_f1(text, question.answers)
                    scores.append((exact or 0.0, overlap or 0.0))
            return scores

        made = kept(name, [*parts, limit], compute)
        columns = [mean([row[i] for row in made], percent=True) for i in (0, 1)]
        yield Figure(f"{name}, EM / F1 %", before.get(name, ""), " / ".join(columns), goal.get(name, ""))


def among(
    settings: Settings, kept: Kept, parts: Sequence[Any], *, limit: int | None, count: int | None, notes: list[str]
) -> Iterator[Figure]:
    """xquad_test's paragraphs among distractors, each question with its paragraph there and removed."""
    from bench.quality import READ, kept_read, rows_of

    work = task("xquad", settings.data, limit=limit, count=count)
    rows = {row.name: row for row in rows_of(work, settings, kept, peers=(), others=False)}
    plain, ours = rows["newsdesk, fused"], rows[READ]
    yield Figure(
        "xquad_test among distractors, article hit@1",
        f"fused {plain.mean('hit@1'):.3f}",
        f"{interval_of(ours.values, 'hit@1')}: {100 * (ours.mean('hit@1') - plain.mean('hit@1')):+.1f} points",
        "+ 10 points",
    )
    made = kept_read(work, settings, kept)
    questions = work.data.questions

    def f1(key: str) -> list[float]:
        return [token_f1(made[q.id]["there"][key] or "", q.answers) or 0.0 for q in questions]

    yield Figure(
        "the same, short answer F1 % end to end",
        f"sentence scoring {mean(f1('sentence'), percent=True)}",
        mean(f1("short"), percent=True),
        "≥ 60",
    )

    def area(score: str) -> Callable[[Sequence[int]], float | None]:
        there = [made[q.id]["there"][score] for q in questions]
        gone = [made[q.id]["removed"][score] for q in questions]
        return lambda at: auroc([*(there[i] for i in at), *(gone[i] for i in at)], [True] * len(at) + [False] * len(at))

    raw = {name: area(name)(range(len(questions))) or 0.0 for name in ("cosine", "BM25")}
    best = max(raw, key=lambda name: raw[name])
    yield Figure(
        "its paragraph there or removed, AUROC",
        f"best raw score ({best}) {raw[best]:.3f}",
        statistic(area("confidence"), len(questions)),
        "≥ .90",
    )
    confidence = [made[q.id][kind]["confidence"] for kind in ("there", "removed") for q in questions]
    there = [True] * len(questions) + [False] * len(questions)
    bins = reliability(confidence, there)
    count_of = len(questions)

    def error(at: Sequence[int]) -> float | None:
        both = [*at, *(i + count_of for i in at)]
        return calibration_error(reliability([confidence[i] for i in both], [there[i] for i in both]))

    yield Figure("the same, expected calibration error", "", statistic(error, count_of), "≤ .05")
    refused = [made[q.id][kind]["refused"] for kind in ("there", "removed") for q in questions]
    scores = refusal_scores(refused, there)
    told = ", ".join(f"{name} {value:.3f}" for name, value in scores.items() if value is not None)
    notes += [f"xquad_test among distractors, refusals at the threshold: {told}.", ""]
    notes += plot(bins, OUT if limit else ROOT / "bench")


def clap(
    settings: Settings, kept: Kept, parts: Sequence[Any], *, limit: int | None, notes: list[str]
) -> Iterator[Figure]:
    """ClapNQ: half of its questions have no answer, though a passage that looks like one."""
    some = clapnq(settings.data, limit=limit)
    work = Task("clapnq", "ClapNQ", some.data)

    def compute() -> dict[str, list[float]]:
        with bot_over(work, settings) as bot:
            answerer = bot.answerer
            assert isinstance(answerer, ExtractiveAnswerer)
            made = {}
            for question in some.data.questions:
                own = Filter(article_ids=(some.context[question.id],))
                found = bot.retriever.retrieve(question.question)
                alone = bot.retriever.retrieve(question.question, filter=own)
                made[question.id] = [asked(answerer, question, some).confidence for some in (found, alone)]
            return made

    made = kept("clapnq: confidence", [*parts, work.digest], compute)
    answerable = [bool(q.answerable) for q in some.data.questions]
    for name, at in (("ClapNQ answerable or not, AUROC", 0), ("the same, its passage given", 1)):
        scores = [made[q.id][at] for q in some.data.questions]

        def area(rows: Sequence[int], scores: Sequence[float] = scores) -> float | None:
            return auroc([scores[i] for i in rows], [answerable[i] for i in rows])

        yield Figure(name, "–", statistic(area, len(scores)), "≥ .75" if at == 0 else "")
    told = f"ClapNQ dev: {len(answerable)} questions over {len(some.data.articles)} passages"
    notes += [f"{told}; {some.left_out} contexts that the reader's training data shares are left out.", ""]


def scifact(settings: Settings, kept: Kept, *, limit: int | None) -> Iterator[Figure]:
    from bench.quality import READ, rows_of

    work = task("scifact", settings.data, limit=limit, count=None)
    rows = {row.name: row for row in rows_of(work, settings, kept, peers=(), others=False)}
    yield Figure(
        "SciFact nDCG@10 with the reader fused in",
        f"fused {interval_of(rows['newsdesk, fused'].values, 'nDCG@10')}",
        interval_of(rows[READ].values, "nDCG@10"),
        "not lower; ≥ .73",
    )


def seeds(settings: Settings, *, limit: int | None) -> Iterator[Figure]:
    """newsdesk's own questions through the whole bot, as `make evaluate` asks them."""
    data = collected(load(ROOT / "seeds" / "questions.jsonl"))
    with bot_over(Task("seeds", "seeds", data), settings) as bot:
        data = check_gold(data, bot).limited(limit)
        results = evaluate(data, bot, results=OUT / "quality" / f"seeds-{limit or 'all'}.jsonl")
    first = [r.values[name] for r in results if (name := "citation.first holds the gold quote") in r.values]
    yield Figure("seeds, first citation holds the gold quote", "", mean(first), "≥ .9")
    judged = [r for r in results if r.answerable is not None]
    scores = refusal_scores([r.refused for r in judged], [bool(r.answerable) for r in judged])
    told = " / ".join("–" if scores[k] is None else f"{scores[k]:.3f}" for k in ("precision", "recall"))
    yield Figure("seeds, refusals, precision / recall", "", told, "≥ .9 / ≥ .85")


# ---- how a value is written


def mean(values: Sequence[float], *, percent: bool = False) -> str:
    """The mean with its interval."""
    if not values:
        return "–"
    low, high = bootstrap_interval(values) or (0.0, 0.0)
    return written(sum(values) / len(values), low, high, percent=percent)


def interval_of(values: Mapping[str, Mapping[str, float]], measure: str) -> str:
    return mean([v[measure] for v in values.values()])


def statistic(of: Callable[[Sequence[int]], float | None], count: int) -> str:
    value, interval = of(range(count)), bootstrap_of(of, count, samples=300)
    return written(value, *interval) if value is not None and interval else "–"


def written(value: float, low: float, high: float, *, percent: bool = False) -> str:
    if percent:
        return f"{100 * value:.1f} ({100 * low:.1f}–{100 * high:.1f})"
    return f"{value:.3f} ({low:.3f}–{high:.3f})"


def plot(bins: Sequence[Bin], folder: Path) -> list[str]:
    """The reliability plot as a file, and its lines for the page with the bins as text."""
    chart = line_chart(
        "Reliability",
        [("answerable", [(b.confidence, b.right) for b in bins])],
        x_label="mean confidence, %",
        y_label="% whose paragraph is there",
        diagonal=True,
        dots=True,
        y_high=1.0,
    )
    style = "text{fill:#5d676d;font:11px sans-serif}.grid{stroke:#dcd9d1}.hint{stroke:#5d676d;stroke-dasharray:4 4}"
    head = f'xmlns="http://www.w3.org/2000/svg"><style>{style}</style><rect width="100%" height="100%" fill="#fff"/>'
    svg = chart.replace("var(--one)", "#2f6f9f").replace(">", f" {head}", 1)
    (folder / PLOT).write_text(svg + "\n", "utf-8")
    lines = [f"Reliability on xquad_test among distractors, each question twice ({PLOT}):", "", f"![]({PLOT})", ""]
    lines += ["| mean confidence | paragraph there | questions |", "|---|---|---|"]
    return [*lines, *(f"| {b.confidence:.2f} | {b.right:.2f} | {b.count} |" for b in bins), ""]

"""Retrieval, answers and refusals side by side: newsdesk's ways and other projects' pipelines, in one run.

    python -m bench.quality                         everything, into bench/quality.md
    python -m bench.quality --limit 20 --count 50   a quick look, into bench/out/quality.md
    python -m bench.quality --figures only --out F  the reader's figures alone

Every row of a table is kept under bench/out/ by what it came from (collection, questions, code, models), so a run that
was stopped goes on where it was, and a second run computes only what changed. Nothing is fitted here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench import figures
from bench.quality_sets import ROOT, SETS, Task, task
from bench.quality_systems import OUT, PEERS, Ranked, bot_over, fused, peer, read, searches, variants
from rag.bot import Bot
from rag.evaluate import code_digest
from rag.metrics import auroc, bootstrap_interval, bootstrap_of, ranking
from rag.settings import Settings, load_settings

MEASURES = ("hit@1", "hit@5", "recall@10", "MRR@10", "nDCG@10")
READ = "newsdesk, fused and read"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: a pipeline, each question's measures, and scores with the paragraph there and removed."""

    name: str
    values: Mapping[str, Mapping[str, float]]
    there: Sequence[float] = ()
    removed: Sequence[float] = ()

    def mean(self, measure: str) -> float:
        column = [v[measure] for v in self.values.values()]
        return sum(column) / len(column)

    def cells(self) -> Iterator[str]:
        for measure in MEASURES:
            low, high = bootstrap_interval([v[measure] for v in self.values.values()]) or (0.0, 0.0)
            yield f"{self.mean(measure):.3f} ({low:.3f}–{high:.3f})"

    def refusal(self) -> str:
        count = len(self.there)

        def area(rows: Sequence[int]) -> float | None:
            return auroc(
                [*(self.there[i] for i in rows), *(self.removed[i] for i in rows)],
                [True] * len(rows) + [False] * len(rows),
            )

        value, interval = area(range(count)), bootstrap_of(area, count, samples=200)
        return f"{value:.3f} ({interval[0]:.3f}–{interval[1]:.3f})" if value is not None and interval else "–"


class Kept:
    """Results by what they came from, a file each: `kept(name, parts, compute)` computes once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, name: str, parts: Sequence[Any], compute: Callable[[], Any]) -> Any:
        key = hashlib.sha256(json.dumps([name, *parts], default=str).encode()).hexdigest()[:20]
        path = self._folder / f"{key}.json"
        if path.is_file():
            return json.loads(path.read_text("utf-8"))
        began = time.perf_counter()
        value = compute()
        aside = path.with_suffix(".new")
        aside.write_text(json.dumps(value), "utf-8")
        aside.replace(path)
        print(f"  {name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        return json.loads(path.read_text("utf-8"))


def rows_of(work: Task, settings: Settings, kept: Kept, *, peers: Sequence[str], others: bool) -> Iterator[Row]:
    """Every pipeline's row of the task's table."""
    code = key(work, settings)
    opened: list[Bot] = []

    def bot() -> Bot:
        if not opened:
            opened.append(bot_over(work, settings))
        return opened[0]

    def searched(name: str) -> Ranked:
        search = searches(bot())[name]
        return {q.id: search(q) for q in work.data.questions}

    try:
        for name in ("newsdesk, dense", "newsdesk, BM25", "newsdesk, fused"):
            yield row(name, work, kept(f"{work.name}: {name}", code, partial(searched, name)))
    finally:
        for one in opened:
            one.close()
    yield read_row(work, kept_read(work, settings, kept))
    if others:
        for name, (changed, with_settings) in variants(work, settings).items():

            def varied(changed: Task = changed, with_settings: Settings = with_settings) -> Ranked:
                with bot_over(changed, with_settings) as bot:
                    return {q.id: fused(bot, q) for q in changed.data.questions}

            yield row(name, work, kept(f"{work.name}: {name}", [*code, changed.digest], varied))
    for name in peers:
        here = ROOT / "bench" / "peers"
        parts = [work.digest, *((here / f"{name}{end}").read_text("utf-8") for end in (".py", ".lock"))]
        yield row(PEERS[name], work, kept(f"{work.name}: {name}", parts, partial(peer, name, work)))


def key(work: Task, settings: Settings) -> list[Any]:
    """What a row of newsdesk's depends on."""
    return [code_digest(), settings.answering(), work.digest]


def kept_read(work: Task, settings: Settings, kept: Kept) -> Mapping[str, Any]:
    """What the reader makes of every question of the task."""

    def compute() -> dict[str, Any]:
        with bot_over(work, settings) as bot:
            return {q.id: found for q, found in read(bot, work)}

    made: Mapping[str, Any] = kept(f"{work.name}: {READ}", [*key(work, settings), script()], compute)
    return made


def script() -> str:
    """A digest of what reads here; the searches are a line each."""
    return hashlib.sha256((ROOT / "bench" / "quality_systems.py").read_bytes()).hexdigest()


def measured(work: Task, order: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    relevant = {q.id: q.relevant for q in work.data.questions if q.gold}
    return ranking(relevant, order)


def row(name: str, work: Task, found: Mapping[str, Sequence[Sequence[Any]]]) -> Row:
    values = measured(work, {key: [article for article, _ in passages] for key, passages in found.items()})
    if not work.removable:
        return Row(name, values)
    there, removed = [], []
    for question in work.data.questions:
        gone = {g.article_id for g in question.gold}
        scores = found[question.id]
        there.append(max((score for _, score in scores), default=0.0))
        removed.append(max((score for article, score in scores if article not in gone), default=0.0))
    return Row(name, values, there, removed)


def read_row(work: Task, made: Mapping[str, Any]) -> Row:
    values = measured(work, {key: [article for article, _ in found["ranked"]] for key, found in made.items()})
    if not work.removable:
        return Row(READ, values)
    there, removed = ([made[q.id][kind]["confidence"] for q in work.data.questions] for kind in ("there", "removed"))
    return Row(READ, values, there, removed)


def table(work: Task, rows: Sequence[Row]) -> str:
    columns = [*MEASURES, *(["there or removed, AUROC"] if work.removable else [])]
    lines = [f"## {work.title}", ""]
    lines += [f"{len(rows[0].values)} questions over {len(work.data.articles):,} articles. {work.caption}".strip(), ""]
    lines += ["| pipeline | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for one in rows:
        cells = [*one.cells(), *([one.refusal()] if work.removable else [])]
        lines.append(f"| {one.name} | " + " | ".join(cells) + " |")
    named = {one.name: one for one in rows}
    tutorial = named.get(PEERS["langchain_tutorial"])
    if tutorial and READ in named:
        gains = [f"{name} {100 * (named[name].mean('hit@1') - tutorial.mean('hit@1')):+.1f}" for name in NAMED]
        lines += ["", f"hit@1 over LangChain's tutorial pipeline, in points: {', '.join(gains)}."]
    return "\n".join([*lines, ""])


NAMED = ("newsdesk, fused", READ)
HEAD = """# Quality, side by side

Written by `make quality` (`python -m bench.quality`). By article: the first passage of an article counts. Means with
95 % bootstrap intervals. Every pipeline has the same articles, questions and embedding model (all-MiniLM-L6-v2); peers
run as their own examples do, pinned in `bench/peers/*.lock`. Nothing was fitted on these questions."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sets", nargs="*", choices=SETS, default=list(SETS))
    parser.add_argument("--peers", nargs="*", choices=tuple(PEERS), default=list(PEERS))
    parser.add_argument("--limit", type=int, metavar="N", help="the first N questions of each set")
    parser.add_argument("--count", type=int, default=1500, metavar="N", help="distractors; 0: all  [default: 1500]")
    parser.add_argument("--everything", action="store_true", help="peers and variants on all of SciFact too")
    parser.add_argument("--no-variants", action="store_true", help="not without titles, not passages of other sizes")
    parser.add_argument("--figures", choices=("with", "only", "no"), default="with", help="the reader's figures")
    parser.add_argument("--out", type=Path, help="the file to write  [default: bench/quality.md, limited: bench/out/]")
    options = parser.parse_args(arguments)
    settings = load_settings()
    kept = Kept(OUT / "quality")
    parts = [HEAD]
    if options.limit:
        parts.append(f"\n**A part only**: the first {options.limit} questions of each set.")
    parts.append("")
    count = options.count or None
    for name in () if options.figures == "only" else options.sets:
        work = task(name, settings.data, limit=options.limit, count=count)
        print(f"== {work.title}", file=sys.stderr, flush=True)
        every = options.everything or not work.large
        others = every and not options.no_variants
        rows = list(rows_of(work, settings, kept, peers=options.peers if every else (), others=others))
        parts.append(table(work, rows))
        print(parts[-1], flush=True)
    if options.figures != "no":
        parts.append(figures.table(settings, kept, limit=options.limit, count=count))
        print(parts[-1], flush=True)
    out = options.out or (OUT if options.limit else ROOT / "bench") / "quality.md"
    out.write_text("\n".join(parts).rstrip() + "\n", "utf-8")
    print(f"written: {out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

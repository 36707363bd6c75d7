"""Retrieval and refusals side by side: newsdesk's variants and other projects' pipelines, in one run, one table each.

    python -m bench.quality --sets scifact xquad seeds --peers langchain_tutorial haystack_memory txtai_hybrid

Writes bench/quality.md. `--limit N` takes the first N questions of each set, and `--distractors N` so many contexts
beside xquad_test's paragraphs, for a quick look; the table says so. Nothing is fitted here.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from index.embedding import minilm_folder
from index.types import Article
from rag.bot import Bot
from rag.datasets import Dataset, Question, collected, load
from rag.evaluate import check_gold, open_bot
from rag.metrics import auroc, bootstrap_interval, ranking, refusal_scores
from rag.settings import Settings, load_settings
from rag.types import Done

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "bench" / "out"
PEERS = ("langchain_tutorial", "haystack_memory", "txtai_hybrid")
WIKIPEDIA = ("squadshifts_new_wiki", "nq", "qed")
MEASURES = ("hit@1", "hit@5", "recall@10", "MRR@10", "nDCG@10")
K = 50

Ranked = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: a pipeline and each question's measures."""

    name: str
    values: dict[str, dict[str, float]]

    def cells(self) -> Iterator[str]:
        for measure in MEASURES:
            column = [v[measure] for v in self.values.values()]
            low, high = bootstrap_interval(column) or (0.0, 0.0)
            yield f"{sum(column) / len(column):.3f} ({low:.3f}–{high:.3f})"


def distractors(data: Path, *, wikipedia: bool, limit: int | None) -> list[Article]:
    """The distinct contexts of the reader's training rows; Wikipedia's only, where asked."""
    found: dict[str, Article] = {}
    with gzip.open(data / "reader" / "train.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if limit is not None and len(found) >= limit:
                break
            if not wikipedia or row["source"].startswith(WIKIPEDIA):
                title = (row["title"] or "").replace("_", " ")
                found.setdefault(row["context"], Article(f"other-{len(found):05}", title, row["context"]))
    return list(found.values())


def sets(wanted: Sequence[str], data: Path, *, limit: int | None, others: int | None) -> Iterator[tuple[str, Dataset]]:
    for name in wanted:
        if name == "seeds":
            yield "seeds", collected(load(ROOT / "seeds" / "questions.jsonl")).limited(limit)
        elif name == "scifact":
            yield "SciFact, test", load(data / "scifact").limited(limit)
        else:
            asked = load(data / "reader" / "xquad_test.jsonl.gz")
            for words, wikipedia in (("all distractors", False), ("distractors from Wikipedia", True)):
                more = distractors(data, wikipedia=wikipedia, limit=others)
                yield f"xquad_test among {words}", replace(asked, articles=(*asked.articles, *more)).limited(limit)


def newsdesk(data: Dataset, settings: Settings, *, variants: bool) -> Iterator[tuple[str, Ranked, str]]:
    """(variant, rankings by article, a line on refusals)."""
    with open_bot(data, index=None, settings=settings, cache=OUT / "collections") as bot:
        store = bot.store
        searches: list[tuple[str, Callable[[Question], list[str]]]] = [
            ("dense", lambda q: [p.article_id for p, _ in store.search_dense(q.question, K)]),
            ("BM25", lambda q: [p.article_id for p, _ in store.search_lexical(q.question, K)]),
            ("fused", lambda q: [r.passage.article_id for r in bot.retriever.retrieve(q.question, k=K)]),
        ]
        for name, search in searches:
            yield f"newsdesk, {name}", {q.id: search(q) for q in data.questions}, ""
        if any(q.kind != "retrieval" for q in data.questions):
            yield ("newsdesk, fused and read", *read(bot, check_gold(data, bot)))
    if variants:
        bare = replace(data, articles=tuple(replace(a, title="", sections=()) for a in data.articles))
        small = settings.model_copy(update={"passage_tokens": 128})
        for name, changed, with_settings in (("without titles", bare, settings), ("passages of 128", data, small)):
            with open_bot(changed, index=None, settings=with_settings, cache=OUT / "collections") as bot:
                found = {
                    q.id: [r.passage.article_id for r in bot.retriever.retrieve(q.question, k=K)]
                    for q in data.questions
                }
            yield f"newsdesk, fused, {name}", found, ""


def read(bot: Bot, data: Dataset) -> tuple[Ranked, str]:
    """Rankings after the reader, and how it refuses: each answerable question also without its articles."""
    ranked: Ranked = {}
    refused: list[bool] = []
    answerable: list[bool] = []
    confidence: list[float] = []
    for question in data.questions:
        found = bot.retriever.retrieve(question.question, k=K)
        gold = {g.article_id for g in question.gold}
        without = [r for r in found if r.passage.article_id not in gold]
        # The fused score is relative to its query, so it is scaled anew.
        top = max((r.fused for r in without), default=1.0) or 1.0
        without = [replace(r, fused=r.fused / top) for r in without]
        for retrieved, there in ((found, bool(question.answerable)), (without, False)):
            if there is False and question.answerable is False and retrieved is without:
                continue
            *_, last = bot.answerer.answer(question.question, retrieved)
            assert isinstance(last, Done)
            if retrieved is found:
                first = [r.passage.article_id for r in last.answer.passages]
                ranked[question.id] = first + [r.passage.article_id for r in found]
            refused.append(last.answer.refused)
            answerable.append(there)
            confidence.append(last.answer.confidence)
    scores = refusal_scores(refused, answerable)
    figures = {**scores, "AUROC": auroc(confidence, answerable)}
    words = ", ".join(f"{name} {value:.3f}" for name, value in figures.items() if value is not None)
    return ranked, f"Refusals ({len(refused)} questions, {answerable.count(False)} without an answer): {words}."


def peer(name: str, data: Dataset) -> Ranked:
    """Another project's rankings, made in its own environment."""
    home = OUT / "peers" / name
    python = home / "bin" / "python"
    if not (home / ".installed").exists():
        venv.create(home, with_pip=True)
        wanted = ROOT / "bench" / "peers" / f"{name}.txt"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", wanted], check=True)
        (home / ".installed").touch()
    job = {
        "articles": [{"id": a.id, "title": a.title, "text": a.text} for a in data.articles],
        "questions": [{"id": q.id, "question": q.question} for q in data.questions],
        "model": str(minilm_folder()),
        "k": K,
    }
    (home / "job.json").write_text(json.dumps(job), "utf-8")
    script = ROOT / "bench" / "peers" / f"{name}.py"
    subprocess.run([python, script, home / "job.json", home / "result.json"], check=True)
    result: Ranked = json.loads((home / "result.json").read_text("utf-8"))
    return result


def measured(data: Dataset, ranked: Ranked) -> dict[str, dict[str, float]]:
    relevant = {q.id: dict(q.grades) or {g.article_id: 1 for g in q.gold} for q in data.questions if q.gold}
    return ranking(relevant, ranked)


def table(title: str, data: Dataset, rows: Sequence[Row], notes: Sequence[str]) -> str:
    count = len(rows[0].values)
    lines = [f"## {title}", "", f"{count} questions, {len(data.articles):,} articles; by article, 95 % intervals.", ""]
    lines += ["| pipeline | " + " | ".join(MEASURES) + " |", "|---|" + "---|" * len(MEASURES)]
    lines += [f"| {row.name} | " + " | ".join(row.cells()) + " |" for row in rows]
    return "\n".join([*lines, "", *notes, ""])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--sets", nargs="+", choices=("scifact", "xquad", "seeds"), default=["scifact", "xquad", "seeds"]
    )
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--limit", type=int, help="the first N questions of each set")
    parser.add_argument("--distractors", type=int, help="so many contexts beside xquad_test's paragraphs")
    parser.add_argument("--variants", action="store_true", help="also without titles and with smaller passages")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "quality.md")
    options = parser.parse_args(arguments)
    settings = load_settings()
    parts = [
        "# Quality, side by side",
        "",
        "Written by `python -m bench.quality`; see docs/evaluation.md for the measures.",
    ]
    if options.limit or options.distractors:
        some = f"questions {options.limit or 'all'}, distractors {options.distractors or 'all'}"
        parts.append(f"**A part only**: {some} of each set; the intervals show what that is worth.")
    parts.append("")
    for title, data in sets(options.sets, settings.data, limit=options.limit, others=options.distractors):
        rows, notes = [], []
        for name, ranked, note in newsdesk(data, settings, variants=options.variants):
            rows.append(Row(name, measured(data, ranked)))
            notes += [note] if note else []
        for name in options.peers:
            rows.append(Row(name, measured(data, peer(name, data))))
        parts.append(table(title, data, rows, notes))
        print(parts[-1], flush=True)
    options.out.write_text("\n".join(parts), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The evaluation: a data set and a bot -> what was found, answered, cited and refused, measured.

    python -m rag.evaluate seeds/questions.jsonl --out newsdesk-report

Answers come only through rag.bot.Bot, one question after the other, and are kept in `results.jsonl`, so that a run that
was stopped goes on where it was. It leaves out what numbers mean (rag.metrics), the page (rag.report), and training.
Exit codes: 0 done, 1 an error in one line, 2 a wrong option, 4 a measure fell significantly below the baseline.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from index.errors import ArticleMissing, IndexFolderError, NewsdeskError
from index.types import Article
from rag import report as reports
from rag.bot import Bot
from rag.datasets import Dataset, Question, checked, collected, load
from rag.errors import DatasetError
from rag.metrics import SAMPLES
from rag.results import Result, measure
from rag.settings import Settings, load_settings
from rag.types import Answer, Turn

DEPTH = 50
"""Passages retrieved for the ranking measures; the answer itself reads fewer."""
FELL = 4
QUESTIONS = Path("seeds/questions.jsonl")
OUT = Path("newsdesk-report")

Progress = Callable[[int, int], None]


def evaluate(
    dataset: Dataset,
    bot: Bot,
    *,
    results: Path | None = None,
    progress: Progress | None = None,
    depth: int = DEPTH,
    entails: Callable[[str, str], bool] | None = None,
) -> list[Result]:
    """Every question's result, in the data set's order; those that `results` already has are not asked again.

    results: a JSONL file that each result is appended to as it comes; one of another data set, index, model or setting
    is begun anew. progress: called with how many are done, of how many. entails: for citation measures by a model.
    """
    key = _key(dataset, bot, depth)
    done = _resume(results, key) if results else {}
    for number, question in enumerate(dataset.questions, start=1):
        if question.id not in done:
            done[question.id] = result = _ask(question, bot, depth, entails)
            if results:
                with results.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")
        if progress:
            progress(number, len(dataset.questions))
    return [done[question.id] for question in dataset.questions]


def _key(dataset: Dataset, bot: Bot, depth: int) -> str:
    """What a result depends on; a stored result counts only under the same key."""
    answering = bot.settings.model_dump(mode="json", exclude={"index", "data", "host", "port"})
    answerer = bot.writer or bot.answerer
    status = bot.store.status()
    collection = [status.articles, status.passages, status.embedder, bot.store.generation]
    parts = [dataset.digest, collection, answerer.name, answering, depth, _code()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _code() -> str:
    """A digest of the modules that results come from: after an edit, nothing old is passed off as new."""
    digest = hashlib.sha256()
    for package in ("index", "rag"):
        for file in sorted(files(package).iterdir(), key=lambda f: f.name):
            if file.name.endswith((".py", ".json")) and file.name not in ("report.py", "charts.py"):
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _resume(path: Path, key: str) -> dict[str, Result]:
    """The results in the file, by question; a file of another key is emptied, a half-written last line is cut off."""
    if path.is_file():
        lines = path.read_text("utf-8").split("\n")
        if _parsed(lines[0]) == {"key": key}:
            rows = [row for line in lines[1:-1] if (row := _parsed(line))]
            path.write_text("\n".join(lines[:-1]) + "\n", "utf-8")
            return {row["id"]: Result(**row) for row in rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"key": key}) + "\n", "utf-8")
    return {}


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _ask(question: Question, bot: Bot, depth: int, entails: Callable[[str, str], bool] | None) -> Result:
    history = [Turn(asked, Answer(asked, short_answer=told or None)) for asked, told in question.history]
    began = time.perf_counter()
    if question.kind == "retrieval":
        found = bot.retriever.retrieve(question.question, k=depth)
        answer = Answer(question.question, standalone_question=question.question, passages=tuple(found))
        answer.timings["searching"] = 1000 * (time.perf_counter() - began)
    else:
        answer = bot.ask(question.question, history=history, today=question.date)
        answer.timings["total"] = 1000 * (time.perf_counter() - began)
        alone = answer.standalone_question or question.question
        found = bot.retriever.retrieve(alone, filter=answer.filter or None, k=depth)
    return measure(question, answer, found, passages_of=bot.store.passages_of, entails=entails)


def open_bot(dataset: Dataset, *, index: Path | None, settings: Settings, cache: Path | None = None) -> Bot:
    """The bot over `index`, or over the data set's own collection, indexed once into a cache keyed by content."""
    if index is not None:
        return Bot.open(index, settings=settings)
    articles = collected(dataset).articles
    if not articles:
        return Bot.open(settings.index, settings=settings)
    folder = (cache or _cache()) / _content_key(articles, settings)
    if (folder / "complete").exists():
        try:
            return Bot.open(folder / "index", settings=settings)
        except IndexFolderError:
            # A cache can always be made again: another format, another embedder of the same name, a damaged disk.
            shutil.rmtree(folder)
    _index(folder, articles, settings)
    return Bot.open(folder / "index", settings=settings)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "newsdesk" / "collections"


def _content_key(articles: Sequence[Article], settings: Settings) -> str:
    digest = hashlib.sha256()
    chunking = (settings.embedder, settings.passage_tokens, settings.overlap_sentences)
    digest.update(repr(chunking).encode())
    for article in articles:
        fields = (article.id, article.title, article.text, article.source, article.published, article.sections)
        digest.update(repr(fields).encode("utf-8", "replace"))
    return digest.hexdigest()[:32]


def _index(folder: Path, articles: Sequence[Article], settings: Settings) -> None:
    """Indexes into the folder; an index that was broken off is taken up again by the store itself."""
    from rich.console import Console
    from rich.progress import track

    from index.store import PassageStore

    folder.mkdir(parents=True, exist_ok=True)
    with PassageStore.open(folder / "index", settings=settings, create=True, read_only=False) as store:
        console = Console(stderr=True)
        store.add_articles(
            track(articles, "indexing the data set's collection", console=console, disable=not console.is_terminal)
        )
    (folder / "complete").touch()


def check_gold(dataset: Dataset, bot: Bot) -> Dataset:
    """The data set with the gold that the collection has; what can't be asked is in `left_out`."""

    def article(article_id: str) -> Article | None:
        try:
            return bot.store.article(article_id)
        except ArticleMissing:
            return None

    return checked(dataset, article)


def run(
    dataset: Path,
    *,
    index: Path | None = None,
    baseline: Path | None = None,
    out: Path | None = None,
    limit: int | None = None,
    fit: bool = False,
    llm: str | None = None,
    precision: float = 0.9,
    write_baseline: Path | None = None,
    entailment: str | None = None,
) -> int:
    """Evaluates, prints the table, writes the report and results.jsonl under `out`, and gives the exit code."""
    from rich.console import Console

    settings = load_settings(llm=llm)
    data = load(dataset)
    if index is None:
        data = collected(data)
    folder = out or OUT / data.name
    before = reports.read_baseline(baseline) if baseline else None
    with open_bot(data, index=index, settings=settings) as bot:
        data = check_gold(data, bot).limited(limit)
        if not data.questions:
            raise DatasetError(f"{dataset}: no question can be asked of this collection; {data.left_out[0]}")
        judge = _entailment(entailment or settings.entailment_model)
        with _progress() as progress:
            results = evaluate(data, bot, results=folder / "results.jsonl", progress=progress, entails=judge)
        about = _about(data, bot, precision=precision, limit=limit)
    made = reports.build(about, results, precision=precision, baseline=before)
    reports.write(made, results, folder)
    console = Console()
    reports.show(made, console=console)
    console.print(f"report: {folder / 'report.html'} and report.json", soft_wrap=True)
    if write_baseline:
        reports.write_baseline(made, results, write_baseline)
        console.print(f"baseline: {write_baseline}", soft_wrap=True)
    if fit:
        threshold = fit_threshold(results)
        write_setting(Path("newsdesk.toml"), "refuse_below", threshold)
        console.print(f"fitted: refuse_below = {threshold} in newsdesk.toml. Report on another data set than this one.")
    return FELL if any(change["fell"] for change in made["baseline"] or ()) else 0


def _about(data: Dataset, bot: Bot, *, precision: float, limit: int | None) -> dict[str, Any]:
    status = bot.store.status()
    return {
        "dataset": data.name,
        "format": data.format,
        "dataset_digest": data.digest,
        "questions": len(data.questions),
        "limit": limit,
        "left_out": list(data.left_out),
        "articles": status.articles,
        "passages": status.passages,
        "embedder": status.embedder,
        "answerer": (bot.writer or bot.answerer).name,
        "depth": DEPTH,
        "bootstrap_samples": SAMPLES,
        "precision": precision,
    }


def fit_threshold(results: Sequence[Result]) -> float:
    """The confidence under which refusing gives the best F1 of telling what can't be answered.

    Raises DatasetError where the data set has not both kinds of question.
    """
    asked = [(r.confidence, r.answerable) for r in results if r.answerable is not None and r.kind != "retrieval"]
    if len({answerable for _, answerable in asked}) < 2:
        raise DatasetError("--fit needs questions that can be answered and questions that can't be, marked so")

    def f1(threshold: float) -> float:
        hits = sum(c < threshold and not a for c, a in asked)
        return 2 * hits / (sum(c < threshold for c, _ in asked) + sum(not a for _, a in asked))

    return max((step / 100 for step in range(1, 100)), key=f1)


def write_setting(path: Path, name: str, value: float) -> None:
    """Sets one top-level key of a TOML file and leaves everything else in it as it is."""
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    at = next((i for i, line in enumerate(lines) if line.split("=")[0].strip() == name), None)
    if at is not None:
        lines[at] = f"{name} = {value}"
    else:
        lines.insert(0, f"{name} = {value}")  # top-level keys come before any table
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _entailment(name: str | None) -> Callable[[str, str], bool] | None:
    """Whether a premise entails a claim, by a sentence-transformers CrossEncoder with an "entailment" label."""
    if name is None:
        return None
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(name)
    labels = {str(label).lower(): i for i, label in cast(Any, model).model.config.id2label.items()}
    if "entailment" not in labels:
        raise NewsdeskError(f"{name} has no label 'entailment'; its labels are {', '.join(labels)}")
    wanted = labels["entailment"]
    return lambda premise, claim: int(model.predict([(premise, claim)])[0].argmax()) == wanted


class _progress:
    """A bar on standard error where that is a terminal."""

    def __enter__(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=console, disable=not console.is_terminal)
        task = self._bar.add_task("asking", total=None)
        self._bar.start()
        return lambda done, total: self._bar.update(task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Parses the options, evaluates and gives the exit code; raises NewsdeskError for what a user can put right."""
    parser = argparse.ArgumentParser(
        prog="newsdesk evaluate",
        description="Measure answers on a data set: retrieval, answers, citations, refusals, speed.",
        epilog="Exit codes: 0 done, 1 an error, 4 a measure fell significantly below the baseline.",
    )
    parser.add_argument(
        "dataset", type=Path, nargs="?", default=QUESTIONS, help=f"the data set  [default: {QUESTIONS}]"
    )
    parser.add_argument("--index", type=Path, metavar="DIR", help="this index, not the data set's own collection")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="compare with this report.json or baseline")
    parser.add_argument("--write-baseline", type=Path, metavar="FILE", help="write what --baseline takes, and no more")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"where the report goes  [default: {OUT}/DATASET]")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N questions")
    parser.add_argument("--fit", action="store_true", help="write the best refuse_below to newsdesk.toml")
    parser.add_argument("--precision", type=float, default=0.9, metavar="P", help="report the threshold that gives it")
    parser.add_argument("--llm", metavar="PROVIDER:MODEL", help="a language model that writes the answers")
    parser.add_argument("--entailment", metavar="MODEL", help="a CrossEncoder that checks citations")
    options = vars(parser.parse_args(arguments))
    if options["limit"] is not None and options["limit"] < 1:
        parser.error("--limit must be at least 1")
    if not 0 < options["precision"] <= 1:
        parser.error("--precision must be above 0 and at most 1")
    return run(options.pop("dataset"), **options)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NewsdeskError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)

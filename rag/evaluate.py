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
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.errors import ArticleMissing, IndexFolderError, NewsdeskError
from index.types import Article
from rag import report as reports
from rag.answer import ExtractiveAnswerer
from rag.bot import Bot
from rag.dataset_formats import UNVERIFIED
from rag.datasets import Dataset, Question, checked, collected, load
from rag.errors import DatasetError
from rag.fitting import fit_values, write_settings
from rag.metrics import SAMPLES
from rag.results import Result, measure
from rag.settings import Settings, load_settings
from rag.types import Answer, Done

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

    from rag.read import Reader

DEPTH = 50
"""Passages retrieved for the ranking measures; the answer itself reads fewer."""
STORED_BY = ("types.py", "passages.py", "embedding.py", "lexical.py")
"""What an index holds depends on these modules of `index`: after an edit a kept collection is indexed anew."""
FELL = 4
QUESTIONS = Path("seeds/questions.jsonl")
OUT = Path("newsdesk-report")
SETTINGS_FILE = Path("newsdesk.toml")

Progress = Callable[[int, int], None]


def evaluate(
    dataset: Dataset,
    bot: Bot,
    *,
    results: Path | None = None,
    progress: Progress | None = None,
    depth: int = DEPTH,
    entails: Callable[[str, str], bool] | None = None,
    entails_by: str | None = None,
) -> list[Result]:
    """Every question's result, in the data set's order; those that `results` already has are not asked again.

    results: a JSONL file that each result is appended to as it comes; one of another data set, index, model or setting
    is begun anew, and a question where quotes took a language model's place is asked again. progress: called with how
    many are done, of how many. entails: for citation measures by a model, entails_by: that model's name.
    """
    key = _key(dataset, bot, depth, entails_by)
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


def _key(dataset: Dataset, bot: Bot, depth: int, entails_by: str | None) -> str:
    """What a result depends on; a stored result counts only under the same key."""
    answerer = bot.writer or bot.answerer
    collection = [bot.store.articles_digest(), bot.store.status().embedder, bot.store.generation]
    parts = [dataset.digest, collection, answerer.name, bot.settings.answering(), depth, entails_by, code_digest()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def code_digest() -> str:
    """A digest of the modules that results come from: after an edit, nothing old is passed off as new."""
    digest = hashlib.sha256()
    for package in ("index", "rag"):
        for file in sorted(files(package).iterdir(), key=lambda f: f.name):
            if file.name.endswith((".py", ".json")) and file.name not in ("report.py", "charts.py", "report_charts.py"):
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _resume(path: Path, key: str) -> dict[str, Result]:
    """The results in the file, by question; a file of another key is emptied, a half-written last line is cut off.

    Answers that fell back to quotes are taken out, since the model may have been down or slow. Where it wasn't (nothing
    that it wrote held), asking again costs no request: `remembering` has the whole text.
    """
    if path.is_file():
        first, *lines = path.read_text("utf-8").split("\n")
        if _parsed(first) == {"key": key}:
            found = {line: Result(**row) for line in lines[:-1] if (row := _parsed(line))}
            kept = {line: result for line, result in found.items() if not result.fell_back}
            path.write_text("".join(f"{line}\n" for line in (first, *kept)), "utf-8")
            return {result.id: result for result in kept.values()}
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
    held_back = None
    began = time.perf_counter()
    if question.kind == "retrieval":
        found = bot.retriever.retrieve(question.question, k=depth)
        answer = Answer(question.question, standalone_question=question.question, passages=tuple(found))
        answer.timings["searching"] = 1000 * (time.perf_counter() - began)
    else:
        answer = bot.ask(question.question, history=question.turns, today=question.date)
        answer.timings["total"] = 1000 * (time.perf_counter() - began)
        alone = answer.standalone_question or question.question
        found = bot.retriever.retrieve(alone, filter=answer.filter or None, k=depth)
        held_back = _held_back(alone, answer, bot) if answer.refused and question.answerable else None
    writer = bot.writer.name if bot.writer else None
    passages_of = bot.store.passages_of
    return measure(
        question, answer, found, passages_of=passages_of, held_back=held_back, entails=entails, writer=writer
    )


def _held_back(question: str, refusal: Answer, bot: Bot) -> Answer | None:
    """What would have been quoted had nothing been refused: without it, risk can't be told below the threshold."""
    if not isinstance(bot.answerer, ExtractiveAnswerer) or not refusal.passages:
        return None
    *_, last = bot.answerer.with_options(refuse_below=0.0).answer(question, refusal.passages)
    return last.answer if isinstance(last, Done) else None


def open_bot(
    dataset: Dataset,
    *,
    index: Path | None,
    settings: Settings,
    cache: Path | None = None,
    embeddings: Embeddings | None = None,
    reader: Reader | None = None,
    chat_model: BaseChatModel | None = None,
) -> Bot:
    """The bot over `index`, or over the data set's own collection, indexed once into a cache keyed by content."""
    opened = partial(Bot.open, settings=settings, embeddings=embeddings, reader=reader, chat_model=chat_model)
    if index is not None:
        return opened(index)
    articles = collected(dataset).articles
    if not articles:
        return opened(settings.index)
    folder = (cache or _cache() / "collections") / _content_key(articles, settings)
    if (folder / "complete").exists():
        try:
            return opened(folder / "index")
        except IndexFolderError:
            # A cache can always be made again: another format, another embedder of the same name, a damaged disk.
            # tantivy may be touching its lock file in there for a moment yet; an index builds beside such leftovers.
            shutil.rmtree(folder, ignore_errors=True)
    _index(folder, articles, settings, embeddings)
    return opened(folder / "index")


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "newsdesk"


def remembering(settings: Settings) -> BaseChatModel:
    """The settings' chat model with what it wrote in earlier runs, by the content of what it was asked."""
    from rag.chat_answer import load_chat_model, model_name
    from rag.generations import RememberingChatModel

    assert settings.llm is not None
    model = load_chat_model(settings.llm, settings=settings)
    return RememberingChatModel(model=model, folder=_cache() / "generations", model_name=model_name(model))


def _content_key(articles: Sequence[Article], settings: Settings) -> str:
    digest = hashlib.sha256()
    chunking = (settings.embedder, settings.passage_tokens, settings.overlap_sentences)
    digest.update(repr(chunking).encode())
    for name in STORED_BY:
        digest.update(files("index").joinpath(name).read_bytes())
    for article in articles:
        fields = (article.id, article.title, article.text, article.source, article.published, article.sections)
        digest.update(repr(fields).encode("utf-8", "replace"))
    return digest.hexdigest()[:32]


def _index(folder: Path, articles: Sequence[Article], settings: Settings, embeddings: Embeddings | None) -> None:
    """Indexes into the folder; an index that was broken off is taken up again by the store itself."""
    from rich.console import Console
    from rich.progress import track

    from index.store import PassageStore

    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "index"
    with PassageStore.open(place, embeddings=embeddings, settings=settings, create=True, read_only=False) as store:
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
    chat_model = remembering(settings) if settings.llm else None
    with open_bot(data, index=index, settings=settings, chat_model=chat_model) as bot:
        data = check_gold(data, bot).limited(limit)
        if not data.questions:
            raise DatasetError(f"{dataset}: no question can be asked of this collection; {data.left_out[-1]}")
        judge_name = entailment or settings.entailment_model
        judge, kept = _entailment(judge_name), folder / "results.jsonl"
        with _progress("asking") as progress:
            results = evaluate(data, bot, results=kept, progress=progress, entails=judge, entails_by=judge_name)
        about = _about(data, bot, source=dataset, precision=precision, limit=limit)
        if fit:
            with _progress("fitting") as progress:
                fitted = fit_values(data, bot, progress=progress)
    made = reports.build(about, results, precision=precision, baseline=before)
    reports.write(made, results, folder)
    console = Console()
    reports.show(made, console=console)
    console.print(f"report: {folder / 'report.html'} and report.json", soft_wrap=True)
    if write_baseline:
        reports.write_baseline(made, results, write_baseline)
        console.print(f"baseline: {write_baseline}", soft_wrap=True)
    if fit:
        write_settings(SETTINGS_FILE, fitted.values)
        for line in fitted.told:
            console.print(f"fitted: {line}", highlight=False, soft_wrap=True)
        console.print(f"written to {SETTINGS_FILE}. Report on another data set than this one.", soft_wrap=True)
    fallen = [change for change in made["baseline"] or () if change["fell"]]
    for change in fallen:
        print(reports.fall(change), file=sys.stderr)
    return FELL if fallen else 0


def _about(data: Dataset, bot: Bot, *, source: Path, precision: float, limit: int | None) -> dict[str, Any]:
    status = bot.store.status()
    return {
        "dataset": data.name,
        "source": "/".join(source.parts[-2:]),
        "format": data.format,
        "unverified": data.format in UNVERIFIED,
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


def _entailment(name: str | None) -> Callable[[str, str], bool] | None:
    """Whether a premise entails a claim, more likely than not, by the model of that name."""
    if name is None:
        return None
    from rag.entail import load_entailment

    probability = load_entailment(name)
    return lambda premise, claim: probability(premise, claim) > 0.5


class _progress:
    """A bar on standard error where that is a terminal."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __enter__(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        columns = (TextColumn(self._words), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=console, disable=not console.is_terminal)
        task = self._bar.add_task(self._words, total=None)
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
    parser.add_argument("--fit", action="store_true", help="fit fusion, ranking and refusals, into newsdesk.toml")
    parser.add_argument("--precision", type=float, default=0.9, metavar="P", help="report the threshold for it")
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

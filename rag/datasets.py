"""Evaluation data sets: a file or folder -> one Dataset of questions, with the articles that it brings along.

It reads and checks; it asks nothing and indexes nothing. The rows of each format are rag.dataset_formats'; what their
fields are stands in docs/evaluation.md. What can't be used is in `Dataset.left_out` with its reason, never dropped.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from index.types import Article
from rag.errors import DatasetError
from rag.types import Answer, Turn

Kind = Literal["short", "long", "retrieval"]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gold:
    """What a citation should hold: `quote`, at `[start, end)` of its article; without offsets the whole article."""

    article_id: str
    start: int | None = None
    end: int | None = None
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `answers`: any of them is right; of kind "retrieval" nothing is answered, only searched.

    answerable: None where the data set doesn't say. `grades`: article id -> relevance, where documents are graded.
    """

    id: str
    question: str
    answers: tuple[str, ...] = ()
    gold: tuple[Gold, ...] = ()
    answerable: bool | None = True
    kind: Kind = "short"
    two_articles: bool = False
    history: tuple[tuple[str, str], ...] = ()
    date: date | None = None
    grades: Mapping[str, int] = field(default_factory=dict)

    @property
    def relevant(self) -> dict[str, int]:
        """Article id -> relevance: the grades, or 1 for each article with gold."""
        return dict(self.grades) or {gold.article_id: 1 for gold in self.gold}

    @property
    def turns(self) -> list[Turn]:
        """The history as the bot takes it."""
        return [Turn(asked, Answer(asked, short_answer=told or None)) for asked, told in self.history]


@dataclass(frozen=True, slots=True)
class Dataset:
    """`articles`: the collection that comes in the data set's own file; `folder`: the one that lies beside it."""

    name: str
    format: str
    digest: str
    questions: tuple[Question, ...]
    articles: tuple[Article, ...] = ()
    folder: Path | None = None
    left_out: tuple[str, ...] = ()

    def limited(self, limit: int | None) -> Dataset:
        """The first `limit` questions, all where it is None; the collection stays whole."""
        return self if limit is None else replace(self, questions=self.questions[:limit])


def load(path: str | Path) -> Dataset:
    """The data set at `path`, its format told from what is in it.

    A folder with `queries.jsonl` is BEIR (`qrels/test.tsv`, else the only one there); for another split name the qrels
    file itself. Raises DatasetError, naming the file and line, for anything that isn't a data set.
    """
    path = Path(path)
    try:
        return _load(path)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"{path}: not as its format says ({type(error).__name__}: {error})") from None


def _load(path: Path) -> Dataset:
    # Its loaders make this module's types.
    from rag import dataset_formats as formats

    if path.suffix == ".tsv" and path.parent.name == "qrels":
        return _beir(path.parent.parent, path)
    if path.is_dir():
        return _beir(path, None)
    if not path.is_file():
        raise DatasetError(f"{path}: no such file or folder; give a data set (docs/evaluation.md lists the formats)")
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        text = content.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    if text.lstrip().startswith(("{", "[")) and (whole := _json_or_none(text)) is not None:
        if isinstance(whole, dict) and isinstance(whole.get("data"), list):
            return _finish(path, "squad", text, *formats.squad(whole["data"]))
        if isinstance(whole, list) and whole and isinstance(whole[0], dict) and "evidence_list" in whole[0]:
            return _finish(path, "multihop-rag", text, *formats.multihop(path, whole))
        if isinstance(whole, list):
            raise DatasetError(f"{path}: a JSON list of unknown kind; docs/evaluation.md lists the formats")
    rows = list(_rows(path, text))
    if not rows:
        raise DatasetError(f"{path}: holds no questions")
    first = rows[0]
    for needed, name, loader in formats.LINE_FORMATS:
        if needed <= first.keys():
            questions, articles, left_out = loader(rows)
            folder = path.resolve().parent if name == "newsdesk" else None
            return _finish(path, name, text, questions, articles, left_out, folder=folder)
    raise DatasetError(
        f"{path}: line 1 has the fields {', '.join(sorted(first))}, which no known format has; "
        "docs/evaluation.md lists the formats"
    )


Loaded = tuple[list[Question], list[Article], list[str]]
"""Questions, articles, and what was left out with its reason."""


def _finish(
    path: Path,
    format: str,
    text: str,
    questions: Sequence[Question],
    articles: Sequence[Article],
    left_out: Sequence[str],
    *,
    folder: Path | None = None,
) -> Dataset:
    if not questions:
        raise DatasetError(f"{path}: holds no usable question; {left_out[0] if left_out else 'it is empty'}")
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise DatasetError(f"{path}: the id {question.id!r} comes twice; ids must be unique")
        seen.add(question.id)
    digest = hashlib.sha256(text.encode()).hexdigest()
    name = path.name.removesuffix(".gz").rsplit(".", 1)[0]
    return Dataset(name, format, digest, tuple(questions), tuple(articles), folder, tuple(left_out))


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _rows(path: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DatasetError(f"{path}: line {number} is not JSON: {error}") from None
        if not isinstance(row, dict):
            raise DatasetError(f"{path}: line {number} is not a JSON object")
        yield {"id": str(number)} | row


def _beir(folder: Path, qrels: Path | None) -> Dataset:
    """BEIR: corpus.jsonl {_id, title, text}, queries.jsonl {_id, text}, qrels/*.tsv: query-id, corpus-id, score."""
    for needed in ("corpus.jsonl", "queries.jsonl"):
        if not (folder / needed).is_file():
            raise DatasetError(f"{folder}: not a BEIR folder, {needed} is missing")
    found = sorted((folder / "qrels").glob("*.tsv"))
    qrels = qrels or next((f for f in found if f.stem == "test"), found[0] if len(found) == 1 else None)
    if qrels is None or not qrels.is_file():
        raise DatasetError(f"{folder}: no qrels/test.tsv; name the qrels file itself")
    texts = [(folder / "corpus.jsonl").read_text("utf-8"), (folder / "queries.jsonl").read_text("utf-8")]
    judged = qrels.read_text("utf-8")
    articles = [
        Article(str(row["_id"]), str(row.get("title") or ""), str(row["text"]))
        for row in _rows(folder / "corpus.jsonl", texts[0])
    ]
    grades: dict[str, dict[str, int]] = {}
    for number, line in enumerate(judged.splitlines()[1:], start=2):
        parts = line.split("\t")
        if len(parts) != 3 or not parts[2].strip().lstrip("-").isdigit():
            raise DatasetError(f"{qrels}: line {number} is not query-id, corpus-id, score")
        grades.setdefault(parts[0], {})[parts[1]] = int(parts[2])
    known = {article.id for article in articles}
    questions, left_out = [], []
    asked = set()
    for row in _rows(folder / "queries.jsonl", texts[1]):
        key = str(row["_id"])
        asked.add(key)
        relevant = {a: g for a, g in grades.get(key, {}).items() if g > 0}
        if key in grades and not relevant.keys() & known:
            left_out.append(f"{key}: none of its relevant documents is in the corpus")
        elif relevant:
            gold = tuple(Gold(article_id) for article_id in relevant)
            questions.append(Question(key, str(row["text"]), (), gold, None, "retrieval", grades=relevant))
    left_out += [f"{key}: judged, but not in queries.jsonl" for key in grades if key not in asked]
    name = f"{folder.name}-{qrels.stem}"
    return _finish(folder / name, "beir", "\0".join((*texts, judged)), questions, articles, left_out)


def collected(dataset: Dataset) -> Dataset:
    """The data set with the articles of its folder read; what could not be read is in `left_out`."""
    from index.articles import read_articles

    if dataset.folder is None:
        return dataset
    articles, left_out = [], list(dataset.left_out)
    for item in read_articles(dataset.folder):
        if isinstance(item, Article):
            articles.append(item)
        elif not Path(item.path).name.startswith((f"{dataset.name}.jsonl", "baseline.json")):  # these are no articles
            left_out.append(f"{item.path}: {item.reason}")
    return replace(dataset, articles=tuple(articles), folder=None, left_out=tuple(left_out))


def checked(dataset: Dataset, article: Callable[[str], Article | None]) -> Dataset:
    """The data set with every gold quote where it says it stands, as the collection has the articles.

    A quote that stands elsewhere, once, is moved there; offsets without a quote get the one that stands there. A
    question whose gold article or quote is absent is left out with the reason.
    """
    kept, left_out = [], list(dataset.left_out)
    for question in dataset.questions:
        placed: list[Gold] = []
        reason = ""
        for gold in question.gold:
            found = article(gold.article_id)
            if found is None:
                if question.kind == "retrieval":
                    placed.append(gold)
                    continue
                reason = f"no article {gold.article_id!r} in the collection"
                break
            place = _placed(gold, found.text)
            if place is None:
                where = f"{gold.article_id}[{gold.start}:{gold.end}]"
                reason = f"its gold quote does not stand at {where}" if gold.quote else f"there is no {where}"
                break
            placed.append(place)
        if reason:
            left_out.append(f"{question.id}: {reason}")
        else:
            kept.append(replace(question, gold=tuple(placed)))
    return replace(dataset, questions=tuple(kept), left_out=tuple(left_out))


def _placed(gold: Gold, text: str) -> Gold | None:
    """The gold where its quote stands in the article's text; None where it stands nowhere, or more than once."""
    if gold.start is None or gold.end is None:
        return gold
    there = text[gold.start : gold.end]
    if not gold.quote:
        return replace(gold, quote=there) if gold.end <= len(text) else None
    if there == gold.quote:
        return gold
    if text.count(gold.quote) != 1:
        return None
    start = text.index(gold.quote)
    return replace(gold, start=start, end=start + len(gold.quote))

"""Evaluation data sets: files in six formats -> one Dataset of questions, with the articles that it brings along.

It reads and checks; it asks nothing and indexes nothing. What each format's fields are and where it comes from stands
in docs/evaluation.md. A row that can't be used is kept in `Dataset.left_out` with its reason, never dropped silently.
The RGB and MultiHop-RAG loaders were written from those projects' descriptions and have not met the original files.
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
            return _finish(path, "squad", text, *_squad(whole["data"]))
        if isinstance(whole, list) and whole and isinstance(whole[0], dict) and "evidence_list" in whole[0]:
            return _finish(path, "multihop-rag", text, *_multihop(path, whole))
        if isinstance(whole, list):
            raise DatasetError(f"{path}: a JSON list of unknown kind; docs/evaluation.md lists the formats")
    rows = list(_rows(path, text))
    if not rows:
        raise DatasetError(f"{path}: holds no questions")
    first = rows[0]
    for needed, name, loader in _LINE_FORMATS:
        if needed <= first.keys():
            questions, articles, left_out = loader(rows)
            folder = path.resolve().parent if name == "newsdesk" else None
            return _finish(path, name, text, questions, articles, left_out, folder=folder)
    raise DatasetError(
        f"{path}: line 1 has the fields {', '.join(sorted(first))}, which no known format has; "
        "docs/evaluation.md lists the formats"
    )


Loaded = tuple[list[Question], list[Article], list[str]]


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


def _date(value: object) -> date | None:
    return date.fromisoformat(str(value)[:10]) if value else None


def _newsdesk(rows: Sequence[Row]) -> Loaded:
    """newsdesk's own lines: id, question, answers, gold [{article, start, end, quote}], answerable, history, date."""
    questions, left_out = [], []
    for row in rows:
        try:
            gold = tuple(
                Gold(g, None, None)
                if isinstance(g, str)
                else Gold(str(g["article"]), g.get("start"), g.get("end"), g.get("quote", ""))
                for g in row.get("gold") or ()
            )
            questions.append(
                Question(
                    id=str(row["id"]),
                    question=str(row["question"]),
                    answers=tuple(map(str, row.get("answers") or ())),
                    gold=gold,
                    answerable=row.get("answerable", bool(gold or row.get("answers"))),
                    kind="long" if row.get("long") else "short",
                    two_articles=bool(row.get("two_articles")),
                    history=tuple(_turn(turn) for turn in row.get("history") or ()),
                    date=_date(row.get("date")),
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            left_out.append(f"{row['id']}: {type(error).__name__}: {error}")
    return questions, [], left_out


def _turn(turn: Any) -> tuple[str, str]:
    """A turn before: {"question", "answer"} or [question, answer] or only a question."""
    if isinstance(turn, str):
        return turn, ""
    if isinstance(turn, Mapping):
        return str(turn["question"]), str(turn.get("answer") or "")
    question, answer = turn
    return str(question), str(answer)


def _feedback(rows: Sequence[Row]) -> Loaded:
    """The chat page's feedback file: question, answer (as `Answer.to_json` writes it), rating 1 or -1, comment.

    A thumb up makes a question whose gold is what was cited then; a refusal with a thumb up one that can't be answered.
    A thumb down says that something was wrong but not what is right, so those are left out.
    """
    questions, left_out = [], []
    for row in rows:
        rating, answer = row.get("rating"), row.get("answer")
        if rating not in (1, "up", True) or not isinstance(answer, Mapping):
            left_out.append(f"{row['id']}: no thumb up, so no right answer is known")
            continue
        cited = () if answer.get("refused") else tuple(answer.get("citations") or ())[:1]
        short = answer.get("short_answer")
        questions.append(
            Question(
                id=str(row["id"]),
                question=str(answer.get("standalone_question") or row["question"]),
                answers=(str(short),) if short and cited else (),
                gold=tuple(Gold(c["article_id"], c["start"], c["end"], c["quote"]) for c in cited),
                answerable=bool(cited),
                date=_date(row.get("time") or row.get("date")),
            )
        )
    return questions, [], left_out


class _Contexts:
    """Distinct paragraphs as articles; the id is the title and a digest of the text, so it holds in every order."""

    def __init__(self) -> None:
        self.articles: dict[str, Article] = {}

    def add(self, title: str, text: str) -> str:
        title = title.replace("_", " ")
        key = f"{title or 'untitled'}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
        self.articles.setdefault(key, Article(key, title, text))
        return key


def _spans(article_id: str, context: str, texts: Sequence[str], starts: Sequence[int]) -> tuple[Gold, ...]:
    """Gold of the distinct answers whose offsets hold."""
    found = dict.fromkeys(
        Gold(article_id, start, start + len(text), text)
        for text, start in zip(texts, starts, strict=False)
        if text and context[start : start + len(text)] == text
    )
    return tuple(found)


def _paragraph_question(row: Row, article_id: str, context: str, *, kind: Kind = "short") -> Question | str:
    answers = row.get("answers") or {}
    if isinstance(answers, Mapping):
        texts, starts = list(answers.get("text") or ()), list(answers.get("answer_start") or ())
    else:
        texts, starts = [a["text"] for a in answers], [a["answer_start"] for a in answers]
    gold = _spans(article_id, context, texts, starts)
    impossible = bool(row.get("is_impossible"))
    if not impossible and not gold:
        return f"{row['id']}: no answer stands where answer_start says"
    if kind == "long":
        # A ClapNQ answer is several sentences of its passage that together are one answer.
        texts = [" ".join(texts)]
    return Question(
        id=str(row["id"]),
        question=str(row["question"]),
        answers=() if impossible else tuple(dict.fromkeys(texts)),
        gold=() if impossible else gold,
        answerable=not impossible,
        kind=kind,
    )


def _squad(data: Sequence[Row]) -> Loaded:
    """SQuAD 1.1 and 2.0: data[].paragraphs[].{context, qas[].{id, question, answers, is_impossible}}."""
    contexts, questions, left_out = _Contexts(), [], []
    for document in data:
        for paragraph in document["paragraphs"]:
            article_id = contexts.add(str(document.get("title", "")), paragraph["context"])
            for row in paragraph["qas"]:
                made = _paragraph_question(row, article_id, paragraph["context"])
                left_out.append(made) if isinstance(made, str) else questions.append(made)
    return questions, list(contexts.articles.values()), left_out


def _reader(rows: Sequence[Row]) -> Loaded:
    """The lines of the reader's data: SQuAD's fields, one question a line; of source clapnq_* with long answers."""
    contexts, questions, left_out = _Contexts(), [], []
    for row in rows:
        if not row.get("context"):
            left_out.append(f"{row['id']}: no context")
            continue
        article_id = contexts.add(str(row.get("title") or ""), row["context"])
        kind: Kind = "long" if str(row.get("source", "")).startswith("clapnq") else "short"
        made = _paragraph_question(row, article_id, row["context"], kind=kind)
        left_out.append(made) if isinstance(made, str) else questions.append(made)
    return questions, list(contexts.articles.values()), left_out


def _clapnq(rows: Sequence[Row]) -> Loaded:
    """ClapNQ's own lines: id, input, passages [{title, text}], output [{answer, selected_sentences}]."""
    contexts, questions, left_out = _Contexts(), [], []
    for row in rows:
        passages = row["passages"]
        if not passages:
            left_out.append(f"{row['id']}: no passage")
            continue
        article_id = contexts.add(passages[0].get("title", ""), passages[0]["text"])
        answers = tuple(o["answer"] for o in row["output"] if o.get("answer"))
        chosen = [s for o in row["output"] for s in o.get("selected_sentences") or ()]
        starts = [passages[0]["text"].find(s) for s in chosen]
        gold = _spans(article_id, passages[0]["text"], chosen, [max(s, 0) for s in starts])
        gold = gold or ((Gold(article_id),) if answers else ())
        questions.append(Question(str(row["id"]), row["input"], answers, gold, bool(answers), "long"))
    return questions, list(contexts.articles.values()), left_out


def _rgb(rows: Sequence[Row]) -> Loaded:
    """RGB: id, query, answer (a list; a list in it holds variants of one part), positive and negative passages."""
    articles: dict[str, Article] = {}
    questions, left_out = [], []
    for row in rows:
        positive = [text for item in row["positive"] for text in (item if isinstance(item, list) else [item])]
        ids = []
        for text in (*positive, *row.get("negative", ())):
            key = hashlib.sha256(text.encode()).hexdigest()[:16]
            articles.setdefault(key, Article(key, "", text))
            ids.append(key)
        answer = row["answer"] if isinstance(row["answer"], list) else [row["answer"]]
        answers = tuple(str(variant) for part in answer for variant in (part if isinstance(part, list) else [part]))
        gold = tuple(Gold(key) for key in dict.fromkeys(ids[: len(positive)]))
        if not gold:
            left_out.append(f"{row['id']}: no positive passage")
            continue
        questions.append(Question(str(row["id"]), row["query"], answers, gold))
    return questions, list(articles.values()), left_out


def _multihop(path: Path, rows: Sequence[Row]) -> Loaded:
    """MultiHop-RAG: query, answer, question_type, evidence_list [{url, title, fact}]; corpus.json lies beside it."""
    corpus_file = path.with_name("corpus.json")
    if not corpus_file.is_file():
        raise DatasetError(f"{path}: MultiHop-RAG needs its corpus.json beside it")
    articles: dict[str, Article] = {}
    for row in json.loads(corpus_file.read_text("utf-8")):
        key = str(row.get("url") or row["title"])
        try:
            published = _date(row.get("published_at"))
        except ValueError:
            published = None
        articles[key] = Article(
            key, row["title"], row["body"], row.get("url"), row.get("source"), row.get("author"), published
        )
    questions, left_out = [], []
    for number, row in enumerate(rows, start=1):
        gold = []
        for evidence in row["evidence_list"]:
            key = str(evidence.get("url") or evidence["title"])
            fact = str(evidence.get("fact") or "")
            start = articles[key].text.find(fact) if key in articles and fact else -1
            gold.append(Gold(key, start, start + len(fact), fact) if start >= 0 else Gold(key, quote=fact))
        missing = [g.article_id for g in gold if g.article_id not in articles]
        if missing:
            left_out.append(f"{number}: the corpus lacks {missing[0]}")
            continue
        answerable = row.get("question_type") != "null_query"
        two = len({g.article_id for g in gold}) > 1
        answers = (str(row["answer"]),) if answerable else ()
        questions.append(Question(str(number), row["query"], answers, tuple(gold), answerable, two_articles=two))
    return questions, list(articles.values()), left_out


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
    for row in _rows(folder / "queries.jsonl", texts[1]):
        key = str(row["_id"])
        relevant = {a: g for a, g in grades.get(key, {}).items() if g > 0}
        if key in grades and not relevant.keys() & known:
            left_out.append(f"{key}: none of its relevant documents is in the corpus")
        elif relevant:
            gold = tuple(Gold(article_id) for article_id in relevant)
            questions.append(Question(key, str(row["text"]), (), gold, None, "retrieval", grades=relevant))
    name = f"{folder.name}-{qrels.stem}"
    return _finish(folder / name, "beir", "\0".join((*texts, judged)), questions, articles, left_out)


_LINE_FORMATS: tuple[tuple[set[str], str, Callable[[Sequence[Row]], Loaded]], ...] = (
    ({"question", "context"}, "reader", _reader),
    ({"query", "positive"}, "rgb", _rgb),
    ({"input", "passages", "output"}, "clapnq", _clapnq),
    ({"question", "rating"}, "feedback", _feedback),
    ({"question"}, "newsdesk", _newsdesk),
)


def collected(dataset: Dataset) -> Dataset:
    """The data set with the articles of its folder read; what could not be read is in `left_out`."""
    from index.articles import read_articles

    if dataset.folder is None:
        return dataset
    articles, left_out = [], list(dataset.left_out)
    for item in read_articles(dataset.folder):
        if isinstance(item, Article):
            articles.append(item)
        elif not Path(item.path).name.startswith(f"{dataset.name}.jsonl"):  # its questions are no articles
            left_out.append(f"{item.path}: {item.reason}")
    return replace(dataset, articles=tuple(articles), folder=None, left_out=tuple(left_out))


def checked(dataset: Dataset, article: Callable[[str], Article | None]) -> Dataset:
    """The data set with every gold quote where it says it stands, as the collection has the articles.

    A quote that stands elsewhere, once, is moved there; a question whose gold article or quote is absent is left out
    with the reason.
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
            whole = not gold.quote or gold.start is None or gold.end is None
            if whole or found.text[gold.start : gold.end] == gold.quote:
                placed.append(gold)
            elif found.text.count(gold.quote) == 1:
                start = found.text.index(gold.quote)
                placed.append(Gold(gold.article_id, start, start + len(gold.quote), gold.quote))
            else:
                reason = f"its gold quote does not stand at {gold.article_id}[{gold.start}:{gold.end}]"
                break
        if reason:
            left_out.append(f"{question.id}: {reason}")
        else:
            kept.append(replace(question, gold=tuple(placed)))
    return replace(dataset, questions=tuple(kept), left_out=tuple(left_out))

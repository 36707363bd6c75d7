"""Rows of evaluation data sets -> questions, the articles that they stand in, and what was left out.

One function a format; telling formats apart and reading files is rag.datasets'. The RGB and MultiHop-RAG loaders were
written from those projects' descriptions and have not met the original files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from index.types import Article
from rag.datasets import Gold, Kind, Loaded, Question, Row
from rag.errors import DatasetError


def _date(value: object) -> date | None:
    return date.fromisoformat(str(value)[:10]) if value else None


def newsdesk(rows: Sequence[Row]) -> Loaded:
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


def feedback(rows: Sequence[Row]) -> Loaded:
    """The chat page's feedback file: question, answer (as `Answer.to_json` writes it), liked, reason, at.

    A thumb up makes a question whose gold is what was cited then; a refusal with a thumb up one that can't be answered.
    A thumb down says that something was wrong but not what is right, so those are left out.
    """
    questions, left_out = [], []
    for row in rows:
        answer = row.get("answer")
        if row["liked"] is not True or not isinstance(answer, Mapping):
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
                date=_date(row.get("at")),
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


def squad(data: Sequence[Row]) -> Loaded:
    """SQuAD 1.1 and 2.0: data[].paragraphs[].{context, qas[].{id, question, answers, is_impossible}}."""
    contexts, questions, left_out = _Contexts(), [], []
    for document in data:
        for paragraph in document["paragraphs"]:
            article_id = contexts.add(str(document.get("title", "")), paragraph["context"])
            for row in paragraph["qas"]:
                made = _paragraph_question(row, article_id, paragraph["context"])
                left_out.append(made) if isinstance(made, str) else questions.append(made)
    return questions, list(contexts.articles.values()), left_out


def reader(rows: Sequence[Row]) -> Loaded:
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


def clapnq(rows: Sequence[Row]) -> Loaded:
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


def rgb(rows: Sequence[Row]) -> Loaded:
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


def multihop(path: Path, rows: Sequence[Row]) -> Loaded:
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


UNVERIFIED = frozenset({"rgb", "multihop-rag"})
"""Formats whose loaders have only met files made by hand after the projects' descriptions."""

LINE_FORMATS: tuple[tuple[set[str], str, Callable[[Sequence[Row]], Loaded]], ...] = (
    ({"question", "context"}, "reader", reader),
    ({"query", "positive"}, "rgb", rgb),
    ({"input", "passages", "output"}, "clapnq", clapnq),
    ({"question", "liked"}, "feedback", feedback),
    ({"question"}, "newsdesk", newsdesk),
)

"""Rows of evaluation data sets -> questions, the articles that they stand in, and what was left out.

One function a format; telling formats apart and reading files is rag.datasets'. A row with a field that is absent or of
another kind than its format says is left out with the reason, and the others go on. The RGB and MultiHop-RAG loaders
were written from those projects' descriptions and have not met the original files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from index.types import Article
from rag.datasets import Gold, Kind, Loaded, Question, Row
from rag.errors import DatasetError
from rag.follow_up import SMALL_TALK

_NEEDED: Any = object()
_KINDS = {str: "text", bool: "true or false", int: "a whole number", list: "a list", dict: "an object"}


def _each(rows: Iterable[Any], make: Callable[[Row], Question]) -> tuple[list[Question], list[str]]:
    """The questions that `make` makes of the rows; a row that it raises ValueError for is left out, with the reason."""
    questions, left_out = [], []
    for number, row in enumerate(rows, start=1):
        key = row.get("id", number) if isinstance(row, Mapping) else number
        try:
            questions.append(make(_of_kind(row, dict, "the row")))
        except ValueError as error:
            left_out.append(f"{key}: {error}")
    return questions, left_out


def _of_kind(value: Any, kind: type, name: str) -> Any:
    """The value where it is of that JSON kind; true is no number.

    >>> _of_kind("0", int, "start")
    Traceback (most recent call last):
    ValueError: start is "0", not a whole number
    """
    if type(value) is not kind:
        told = json.dumps(value, ensure_ascii=False, default=str)
        told = told if len(told) <= 40 else f"{told[:40]}…"
        raise ValueError(f"{name} is {told}, not {_KINDS[kind]}")
    return value


def _field(row: Row, name: str, kind: type, default: Any = _NEEDED) -> Any:
    """The row's field of that kind; the default, where there is one, for a field that is absent or null."""
    value = _of_kind(row, dict, f"what should have {name}").get(name)
    if value is None and default is not _NEEDED:
        return default
    if name not in row:
        raise ValueError(f"no {name}")
    return _of_kind(value, kind, name)


def _list(row: Row, name: str) -> list[Any]:
    return _field(row, name, list, []) or []


def _text(row: Row, name: str, default: Any = _NEEDED) -> str:
    """As `_field`; a number is taken as text."""
    number = isinstance(row, Mapping) and type(row.get(name)) in (int, float)
    return str(row[name]) if number else str(_field(row, name, str, default))


def _texts(row: Row, name: str) -> list[str]:
    """The items of a list, each as `_text`."""
    return [_text({name: item}, name) for item in _list(row, name)]


def _asked(row: Row, name: str = "question") -> str:
    question = _text(row, name)
    if not question.strip():
        raise ValueError(f"{name} is empty")
    return question


def _date(row: Row, name: str) -> date | None:
    if not (value := row.get(name)):
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise ValueError(f"{name} is {value!r}, no day like 2024-05-01") from None


def _gold(told: Any, article: str = "article") -> Gold:
    """Gold from an article's id, or from {article, start, end, quote}; without offsets it is the whole article."""
    if isinstance(told, str):
        return Gold(told)
    _of_kind(told, dict, "gold")
    start, end = (_field(told, name, int, None) for name in ("start", "end"))
    if (start, end) != (None, None) and (start is None or end is None or not 0 <= start < end):
        raise ValueError(f"gold from {start} to {end} is no part of an article")
    return Gold(_text(told, article), start, end, _text(told, "quote", ""))


def newsdesk(rows: Sequence[Row]) -> Loaded:
    """newsdesk's own lines: id, question, answers, gold [{article, start, end, quote}], answerable, history, date."""

    def make(row: Row) -> Question:
        gold, answers = tuple(map(_gold, _list(row, "gold"))), tuple(_texts(row, "answers"))
        told = "answerable" in row
        return Question(
            id=_text(row, "id"),
            question=_asked(row),
            answers=answers,
            gold=gold,
            answerable=_field(row, "answerable", bool, None) if told else bool(gold or answers),
            kind="long" if _field(row, "long", bool, False) else "short",
            two_articles=_field(row, "two_articles", bool, False),
            history=tuple(map(_turn, _list(row, "history"))),
            date=_date(row, "date"),
        )

    questions, left_out = _each(rows, make)
    return questions, [], left_out


def _turn(turn: Any) -> tuple[str, str]:
    """A turn before: {"question", "answer"} or [question, answer] or only a question."""
    if isinstance(turn, list) and len(turn) == 2:
        turn = {"question": turn[0], "answer": turn[1]}
    if isinstance(turn, str):
        turn = {"question": turn}
    _of_kind(turn, dict, "a turn of history")
    return _text(turn, "question"), _text(turn, "answer", "")


def feedback(rows: Sequence[Row]) -> Loaded:
    """The chat page's feedback file: question, answer (as `Answer.to_json` writes it), liked, reason, at.

    A thumb up makes a question whose gold is what was cited then; a refusal with a thumb up one that can't be answered.
    A thumb down says that something was wrong but not what is right, and a greeting asks nothing of the articles, so
    those are left out.
    """

    def make(row: Row) -> Question:
        answer = row.get("answer")
        if row.get("liked") is not True or not isinstance(answer, Mapping):
            raise ValueError("no thumb up, so no right answer is known")
        if answer.get("answerer") == SMALL_TALK:
            raise ValueError("small talk, nothing was asked of the articles")
        cited = [] if _field(answer, "refused", bool, False) else _list(answer, "citations")[:1]
        short = _text(answer, "short_answer", "")
        alone = _text(answer, "standalone_question", "")
        return Question(
            id=_text(row, "id"),
            question=alone or _asked(row),
            answers=(short,) if short and cited else (),
            gold=tuple(_gold(citation, "article_id") for citation in cited),
            answerable=bool(cited),
            date=_date(row, "at"),
        )

    questions, left_out = _each(rows, make)
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


def _paragraph_question(row: Row, article_id: str, context: str, *, kind: Kind = "short") -> Question:
    answers = row.get("answers") or []
    if isinstance(answers, Mapping):
        texts, starts = _texts(answers, "text"), _list(answers, "answer_start")
    else:
        found = _of_kind(answers, list, "answers")
        texts, starts = [_text(a, "text") for a in found], [_field(a, "answer_start", int) for a in found]
    gold = _spans(article_id, context, texts, [_of_kind(start, int, "answer_start") for start in starts])
    impossible = _field(row, "is_impossible", bool, False)
    if not impossible and not gold:
        raise ValueError("no answer stands where answer_start says")
    if kind == "long":
        # A ClapNQ answer is several sentences of its passage that together are one answer.
        texts = [" ".join(texts)]
    return Question(
        id=_text(row, "id"),
        question=_asked(row),
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
            context = _text(paragraph, "context")
            article_id = contexts.add(str(document.get("title", "")), context)
            make = partial(_paragraph_question, article_id=article_id, context=context)
            made, unusable = _each(paragraph["qas"], make)
            questions += made
            left_out += unusable
    return questions, list(contexts.articles.values()), left_out


def reader(rows: Sequence[Row]) -> Loaded:
    """The lines of the reader's data: SQuAD's fields, one question a line; of source clapnq_* with long answers."""
    contexts = _Contexts()

    def make(row: Row) -> Question:
        if not (context := _text(row, "context", "")):
            raise ValueError("no context")
        article_id = contexts.add(_text(row, "title", ""), context)
        kind: Kind = "long" if _text(row, "source", "").startswith("clapnq") else "short"
        return _paragraph_question(row, article_id, context, kind=kind)

    questions, left_out = _each(rows, make)
    return questions, list(contexts.articles.values()), left_out


def clapnq(rows: Sequence[Row]) -> Loaded:
    """ClapNQ's own lines: id, input, passages [{title, text}], output [{answer, selected_sentences}]."""
    contexts = _Contexts()

    def make(row: Row) -> Question:
        if not (passages := _list(row, "passages")):
            raise ValueError("no passage")
        text, outputs = _text(passages[0], "text"), _list(row, "output")
        article_id = contexts.add(_text(passages[0], "title", ""), text)
        answers = tuple(answer for output in outputs if (answer := _text(output, "answer", "")))
        chosen = [sentence for output in outputs for sentence in _texts(output, "selected_sentences")]
        gold = _spans(article_id, text, chosen, [max(text.find(sentence), 0) for sentence in chosen])
        gold = gold or ((Gold(article_id),) if answers else ())
        return Question(_text(row, "id"), _asked(row, "input"), answers, gold, bool(answers), "long")

    questions, left_out = _each(rows, make)
    return questions, list(contexts.articles.values()), left_out


def rgb(rows: Sequence[Row]) -> Loaded:
    """RGB: id, query, answer (a list; a list in it holds variants of one part), positive and negative passages."""
    articles: dict[str, Article] = {}

    def flat(items: list[Any], name: str) -> list[str]:
        return [text for item in items for text in _texts({name: item if isinstance(item, list) else [item]}, name)]

    def make(row: Row) -> Question:
        positive, negative = (flat(_list(row, name), name) for name in ("positive", "negative"))
        if not positive:
            raise ValueError("no positive passage")
        ids = {text: hashlib.sha256(text.encode()).hexdigest()[:16] for text in (*positive, *negative)}
        articles.update((key, Article(key, "", text)) for text, key in ids.items())
        answer = row["answer"] if isinstance(row.get("answer"), list) else [_text(row, "answer")]
        gold = tuple(Gold(key) for key in dict.fromkeys(ids[text] for text in positive))
        return Question(_text(row, "id"), _asked(row, "query"), tuple(flat(answer, "answer")), gold)

    questions, left_out = _each(rows, make)
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
            published = _date(row, "published_at")
        except ValueError:
            published = None
        articles[key] = Article(
            key, row["title"], row["body"], row.get("url"), row.get("source"), row.get("author"), published
        )

    def proof(evidence: Any) -> Gold:
        key = _text(evidence, "url", "") or _text(evidence, "title")
        if key not in articles:
            raise ValueError(f"the corpus lacks {key}")
        fact = _text(evidence, "fact", "")
        start = articles[key].text.find(fact) if fact else -1
        return Gold(key, start, start + len(fact), fact) if start >= 0 else Gold(key, quote=fact)

    def make(row: Row) -> Question:
        gold = tuple(map(proof, _list(row, "evidence_list")))
        answerable = row.get("question_type") != "null_query"
        two = len({g.article_id for g in gold}) > 1
        answers = (_text(row, "answer"),) if answerable else ()
        return Question(_text(row, "id"), _asked(row, "query"), answers, gold, answerable, two_articles=two)

    # Its rows have no ids: they are numbered.
    numbered = ({**row, "id": n} if isinstance(row, Mapping) else row for n, row in enumerate(rows, start=1))
    questions, left_out = _each(numbered, make)
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

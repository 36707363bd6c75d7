"""Fitted values: those that the bot goes by, and how `newsdesk evaluate --fit` finds new ones from a data set.

Fusion, ranking and refusals are fitted; the models are not trained. What was found is kept in `newsdesk.toml` with the
digests of the models that it was found for, and refused for others. Report on other questions than were fitted on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.errors import SettingsError
from rag.candidates import Candidate, Similarities, candidates_of, compared
from rag.confidence import Evidence, Fitted, fit_confidence, fit_rank, fit_sentence
from rag.errors import DatasetError
from rag.settings import Settings

if TYPE_CHECKING:
    from index.types import Article, Filter, Passage
    from rag.bot import Bot
    from rag.datasets import Dataset, Question
    from rag.read import Reader
    from rag.types import Reading, Retrieved

FUSION_WEIGHTS = tuple(step / 20 for step in range(21))

CHOICES = 12
"""Candidates of a question that the sentence's weight is fitted on."""

Progress = Callable[[int, int], None]


def fitted_values(settings: Settings, *, embedder: str, reader: str) -> Fitted:
    """The shipped values with those of the settings in their place.

    Raises SettingsError where the settings' values were fitted for other models than the ones with these digests.
    """
    bundled = Fitted.bundled()
    meant = settings.fitted_for
    if meant is not None and meant != {"embedder": embedder, "reader": reader}:
        had = ", ".join(f"{part} {digest[:12]}…" for part, digest in meant.items())
        raise SettingsError(
            f"rank, confidence and refuse_below were fitted for {had}, but these are embedder {embedder[:12]}… "
            f"and reader {reader[:12]}…: run `newsdesk evaluate DATASET --fit` again, or delete them and fitted_for"
        )
    given = {name: getattr(settings, name) for name in ("rank", "confidence", "refuse_below")}
    for name in ("rank", "confidence"):
        weights, known = given[name], getattr(bundled, name)
        if weights is not None and weights.keys() != known.keys():
            raise SettingsError(f"{name} needs the weights {', '.join(known)}; it has {', '.join(weights)}")
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if meant:
        values |= meant
    return replace(bundled, **values)


class Without:
    """A store from which articles were taken away: all that retrieval asks of a store."""

    def __init__(self, store: Any, gone: set[str]) -> None:
        self._store = store
        self._gone = gone

    def _kept(self, search: Callable[[int], list[tuple[Passage, float]]], k: int) -> list[tuple[Passage, float]]:
        # Gold articles are few, but one may be long and have many passages: as many again are looked at.
        return [(p, score) for p, score in search(2 * k) if p.article_id not in self._gone][:k]

    def search_dense(self, query: str, k: int, filter: Filter | None = None) -> list[tuple[Passage, float]]:
        return self._kept(lambda count: self._store.search_dense(query, count, filter), k)

    def search_lexical(self, query: str, k: int, filter: Filter | None = None) -> list[tuple[Passage, float]]:
        return self._kept(lambda count: self._store.search_lexical(query, count, filter), k)

    def cosines(self, query: str, passage_ids: Sequence[str]) -> list[float]:
        return list(self._store.cosines(query, passage_ids))

    def copies(self, article_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return dict(self._store.copies(article_ids))

    def article(self, article_id: str) -> Article:
        found: Article = self._store.article(article_id)
        return found


class Remembered:
    """Similarities that are computed once, however often they are asked for."""

    def __init__(self, by: Similarities) -> None:
        self._by = by
        self._known: dict[tuple[str, str], float] = {}

    def similarities(self, query: str, texts: Sequence[str]) -> list[float]:
        new = [text for text in dict.fromkeys(texts) if (query, text) not in self._known]
        found = self._by.similarities(query, new)
        self._known |= {(query, text): value for text, value in zip(new, found, strict=True)}
        return [self._known[query, text] for text in texts]


def with_copies(bot: Bot, articles: set[str]) -> set[str]:
    """Articles and those that carry the same text: an answer is gone only when all of them are."""
    return articles.union(*bot.store.copies(sorted(articles)).values())


def retrieve_without(bot: Bot, question: str, gone: set[str], *, k: int | None = None) -> list[Retrieved]:
    """What the bot would retrieve had these articles and their copies never been in its collection."""
    without = Without(bot.store, with_copies(bot, gone))
    return bot.retriever.model_copy(update={"store": without}).retrieve(question, k=k)


@dataclass(frozen=True, slots=True)
class Found:
    """What fitting found. `values`: setting -> value as newsdesk.toml takes it; `told`: a line each for people."""

    values: dict[str, Any]
    told: tuple[str, ...]


def fit_values(
    dataset: Dataset,
    bot: Bot,
    *,
    reader: Reader | None = None,
    answered: float | None = None,
    progress: Progress | None = None,
) -> Found:
    """The values that suit a data set best.

    dense_weight by nDCG@10 by article. Where questions are answered, not only searched for, also the rank weights, by
    the passages read with the gold against those without, and the confidence with its threshold, for which every
    question is asked a second time with its gold articles removed; `answered`: as in `fit_confidence`. Raises
    DatasetError without gold.
    """
    from rag.read import load_reader

    asked = [question for question in dataset.questions if question.gold]
    if not asked:
        raise DatasetError(f"{dataset.name}: --fit needs questions with gold")
    weight, told = _fusion(asked, bot)
    values: dict[str, Any] = {"dense_weight": weight}
    lines = [told]
    answerable = [question for question in dataset.questions if question.kind != "retrieval"]
    if answerable:
        again = bot.retriever.model_copy(update={"dense_weight": weight})
        found, told_too = _reading(
            answerable, bot, again, reader or load_reader(threads=bot.settings.threads), answered, progress
        )
        values |= found
        lines += told_too
    return Found(values, tuple(lines))


def _fusion(questions: Sequence[Question], bot: Bot) -> tuple[float, str]:
    from rag.metrics import ranking
    from rag.retrieve import fuse

    relevant = {q.id: q.relevant for q in questions}
    lists = {}
    for question in questions:
        text = alone(question)
        dense = bot.store.search_dense(text, bot.retriever.candidates)
        lexical = bot.store.search_lexical(text, bot.retriever.candidates)
        articles = {p.id: p.article_id for p, _ in (*dense, *lexical)}
        lists[question.id] = {p.id: s for p, s in dense}, {p.id: s for p, s in lexical}, articles

    def quality(weight: float) -> float:
        order = {
            key: [articles[i] for i in fuse(dense, lexical, dense_weight=weight)]
            for key, (dense, lexical, articles) in lists.items()
        }
        scores = ranking(relevant, order)
        return sum(score["nDCG@10"] for score in scores.values()) / len(scores)

    qualities = {weight: quality(weight) for weight in FUSION_WEIGHTS}
    # Of weights that are equally good the one nearest to the middle.
    best = max(FUSION_WEIGHTS, key=lambda weight: (round(qualities[weight], 6), -abs(weight - 0.5)))
    now = quality(bot.retriever.dense_weight)
    return best, f"dense_weight {best}: nDCG@10 {qualities[best]:.3f}, with {bot.retriever.dense_weight} {now:.3f}"


Read = list[tuple["Retrieved", "Reading"]]


def _reading(
    questions: Sequence[Question],
    bot: Bot,
    retriever: Any,
    reader: Reader,
    answered: float | None,
    progress: Progress | None,
) -> tuple[dict[str, Any], list[str]]:
    from rag.bot import digest_of
    from rag.results import holds_gold

    depth = bot.settings.read_passages
    there: list[tuple[Question, Read]] = []
    absent: list[tuple[Question, Read]] = []
    for number, question in enumerate(questions, start=1):
        text = alone(question)
        kinds = [(retriever, there)] if question.gold else [(retriever, absent)]
        if question.gold:
            gone = with_copies(bot, {g.article_id for g in question.gold})
            kinds.append((retriever.model_copy(update={"store": Without(bot.store, gone)}), absent))
        known: dict[str, Reading] = {}
        for searching, kept in kinds:
            found = searching.retrieve(text)[:depth]
            unread = [r.passage for r in found if r.passage.id not in known]
            known |= {reading.passage_id: reading for reading in reader.read(text, unread)}
            kept.append((question, [(r, known[r.passage.id]) for r in found]))
        if progress:
            progress(number, len(questions))

    def gold_at(question: Question, read: Read) -> int | None:
        """Which of the passages holds the gold first."""
        holding = (i for i, (r, _) in enumerate(read) if any(holds_gold(r.passage, gold) for gold in question.gold))
        return next(holding, None)

    with_gold = [(question, read, at) for question, read in there if (at := gold_at(question, read)) is not None]
    try:
        rank = fit_rank(
            [([(r.fused, Evidence.of(r, reading)) for r, reading in read], at) for _, read, at in with_gold]
        )
    except ValueError as error:
        raise DatasetError(f"--fit: {error}") from None
    shipped = Fitted.bundled()
    fitted = replace(shipped, rank=rank)
    similarities = Remembered(bot.store)

    def candidates(asked: Sequence[tuple[Question, Read]], by: Fitted) -> list[tuple[Question, list[Candidate]]]:
        """Each question's candidates, best first; a question without any is left out."""
        lists = [
            (q, compared(alone(q), candidates_of(read, by), similarities, by.rank["sentence"])) for q, read in asked
        ]
        return [(question, found) for question, found in lists if found]

    groups = [(question, read) for question, read, _ in with_gold]
    pairs = [
        ([(c.score, c.evidence.sentence) for c in found[:CHOICES]], at)
        for question, found in candidates(groups, fitted)
        if len(found) > 1
        and (at := next((i for i, c in enumerate(found[:CHOICES]) if answers(question, c)), None)) is not None
    ]
    # Where no sentence can be told to answer, as of questions without answers or quotes, the shipped weight stays.
    rank = {**rank, "sentence": fit_sentence(pairs) if pairs else shipped.rank["sentence"]}
    fitted = replace(shipped, rank=rank)

    held = candidates(groups, fitted)

    def right(lists: Sequence[tuple[Question, Sequence[Candidate]]]) -> float:
        return sum(answers(question, found[0]) for question, found in lists) / len(groups)

    # What wasn't retrieved can't be answered from what was, whatever the data set says: those are left out.
    examples = [(found[0].evidence, True) for _, found in held]
    examples += [(found[0].evidence, False) for _, found in candidates(absent, fitted)]
    try:
        confidence, threshold = fit_confidence(examples, answered=answered)
    except ValueError as error:
        raise DatasetError(f"--fit: {error}") from None
    values = {
        "rank": {name: round(value, 4) for name, value in rank.items()},
        "confidence": {name: round(value, 4) for name, value in confidence.items()},
        "refuse_below": threshold,
        "fitted_for": {"embedder": digest_of(bot.store), "reader": reader.digest},
    }
    left = len(there) + len(absent) - len(examples)
    return values, [
        f"rank: the first of {depth} passages' sentences answers {right(held):.3f} of the questions, "
        f"with the shipped weights {right(candidates(groups, shipped)):.3f}",
        f"refuse_below {threshold}, from {len(examples)} askings, {sum(a for _, a in examples)} of them answerable"
        + (f"; {left} left out, whose gold was not retrieved" if left else ""),
    ]


def answers(question: Question, candidate: Candidate) -> bool:
    """Whether a candidate's sentence stands in the gold article and holds the gold quote's start or a gold answer."""
    article, text = candidate.retrieved.passage.article_id, candidate.sentence.casefold()
    return any(
        gold.article_id == article
        and (
            candidate.start <= gold.start < candidate.end
            if gold.start is not None
            else not question.answers or any(answer.casefold() in text for answer in question.answers)
        )
        for gold in question.gold
    )


def alone(question: Question) -> str:
    """The question as retrieval is asked it, without its history."""
    from rag.follow_up import stand_alone

    return stand_alone(question.question, question.turns)


def write_settings(path: Path, values: Mapping[str, Any]) -> None:
    """Sets top-level keys of a TOML file and leaves everything else in it as it is."""
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    for name, value in values.items():
        if f"[{name}]" in (text.strip() for text in lines):
            raise SettingsError(f"{path}: delete its table [{name}], it is written as one line")
        line = f"{name} = {_toml(value)}"
        end = next((i for i, text in enumerate(lines) if text.lstrip().startswith("[")), len(lines))
        at = next((i for i, text in enumerate(lines[:end]) if text.split("=")[0].strip() == name), None)
        if at is None:
            lines.insert(0, line)  # top-level keys come before any table
        else:
            lines[at] = line
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)

"""Fits rag/fitted.json: the reader's calibration, the ranking, the confidence and its threshold.

    python -m bench.fit --write

As `newsdesk evaluate --fit` does, on the fitting half of XQuAD, on COVID-QA and on the contexts and written articles
that the reader's training held out; the reporting half of XQuAD, ClapNQ and seeds are never looked at. Several sources,
because XQuAD's questions copy their paragraph's words: what is fitted on it alone refuses whoever asks in other words.
Paragraphs stand among distractors from the reader's training contexts, and each question is asked twice, with its
paragraph there and removed; what the written articles leave unanswered is asked beside them.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bench.quality_sets import contexts
from bench.reader.data import held_out, rows, written_articles
from bench.reader.written import Written, sentence_at
from index.embedding import minilm_folder
from index.store import PassageStore
from index.types import Article, Passage
from rag.bot import Bot
from rag.confidence import Evidence, fit_confidence
from rag.datasets import Dataset, Gold, Question
from rag.fitting import fit_values
from rag.read import READER_SHA256, OnnxReader, Reader, logit
from rag.results import holds_gold
from rag.settings import load_settings
from rag.types import Reading

FITTED = Path(__file__).parents[1] / "rag" / "fitted.json"
DISTRACTORS = 1500
ANSWERED = 0.95
"""The threshold lets so much of the answerable questions through: a bot that refuses too much is not asked twice."""
EACH = {"xquad": 300, "covidqa": 300, "nq_oracle": 170, "squadshifts_new_wiki": 120, "tweetqa": 60, "policyqa": 40}
"""Questions of each source at most."""
EACH_WRITTEN = 3
"""So many answered and as many unanswered questions of each written article."""

Row = dict[str, Any]


def around_answer(row: Row, characters: int = 1200) -> Row:
    """The row with its context cut to so many characters before and after the answer: COVID-QA's are whole papers."""
    context = str(row["context"])
    at = int(row["answers"]["answer_start"][0])
    start = context.rfind("\n", 0, max(at - characters, 0)) + 1
    return {**row, "context": context[start : at + characters]}


def fitting_rows(data: Path) -> list[Row]:
    """The questions of EACH source, in a fixed random order."""
    pools: dict[str, list[Row]] = {name: [] for name in EACH}
    pools["xquad"] = list(rows(data / "xquad_fit.jsonl.gz"))
    for row in rows(data / "train.jsonl.gz"):
        if row["source"] == "covidqa":
            pools["covidqa"].append(around_answer(row))
        elif row["source"] in pools and held_out(row["context"]):
            pools[row["source"]].append(row)
    chosen = [row for name, pool in pools.items() for row in random.Random(7).sample(pool, min(EACH[name], len(pool)))]
    random.Random(7).shuffle(chosen)
    return chosen


def written_questions(articles: Sequence[Written]) -> tuple[Question, ...]:
    """With the sentence that answers as gold, or none."""
    found: list[Question] = []
    for article in articles:
        mixed = random.Random(article.at).sample(article.asked, len(article.asked))
        answered, unanswered = ([q for q in mixed if bool(q.answer) == kind][:EACH_WRITTEN] for kind in (True, False))
        for asked in answered + unanswered:
            gold: tuple[Gold, ...] = ()
            if asked.answer:
                start, end = sentence_at(article.text, asked.answer[0])
                gold = (Gold(article.at, start, end, article.text[start:end]),)
            id_ = f"{article.at}-{len(found)}"
            found.append(Question(id_, asked.question, asked.answers, gold, answerable=bool(gold)))
    return tuple(found)


def collection(chosen: Sequence[Row], written: Sequence[Written], data: Path) -> tuple[list[Article], Dataset]:
    """A paragraph an article, among DISTRACTORS others, and the written articles, with the questions on each."""
    texts = {str(row["context"]): str(row["title"] or "").replace("_", " ") for row in chosen}
    ids = {text: f"gold-{i:04}" for i, text in enumerate(texts)}
    spare = [(text, title) for text, title in contexts(data).items() if 200 < len(text) < 2500 and text not in texts]
    articles = [Article(ids[text], title, text) for text, title in texts.items()]
    articles += [
        Article(f"other-{i:05}", title, text)
        for i, (text, title) in enumerate(random.Random(7).sample(spare, DISTRACTORS))
    ]
    questions = tuple(
        Question(str(i), row["question"], tuple(row["answers"]["text"]), (Gold(ids[str(row["context"])]),))
        for i, row in enumerate(chosen)
    )
    articles += [Article(article.at, article.title, article.text) for article in written]
    return articles, Dataset("fitting", "newsdesk", "bench.fit", questions + written_questions(written))


@dataclass
class Recorder:
    """A reader that remembers what it said of which passage for which question."""

    reader: Reader
    said: list[tuple[str, Passage, float]] = field(default_factory=list)

    @property
    def digest(self) -> str:
        return self.reader.digest

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        readings = self.reader.read(question, passages)
        self.said += [
            (question, passage, logit(reading.relevance)) for passage, reading in zip(passages, readings, strict=True)
        ]
        return readings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help="write rag/fitted.json")
    parser.add_argument("--cache", type=Path, default=Path("bench/out/fit-index"))
    options = parser.parse_args()
    settings = load_settings()
    articles, dataset = collection(fitting_rows(settings.data / "reader"), written_articles(held=True), settings.data)
    with PassageStore.open(options.cache, create=True, read_only=False, settings=settings) as store:
        store.add_articles(tqdm(articles, desc="indexing"))
    plain = OnnxReader(
        FITTED.with_name("reader.onnx"),
        minilm_folder() / "tokenizer.json",
        sha256=READER_SHA256,
        threads=settings.threads,
    )
    recorder = Recorder(plain)
    with Bot.open(options.cache, settings=settings) as bot, tqdm(total=len(dataset.questions), desc="reading") as bar:
        found = fit_values(
            dataset, bot, reader=recorder, answered=ANSWERED, progress=lambda done, of: bar.update(done - bar.n)
        )
    print(*found.told, sep="\n")

    # Calibration: of every passage read, is it the one that the question was asked of?
    gold = {q.question: q.gold for q in dataset.questions}
    pairs = [
        (Evidence(x, 0.0, 0.0), any(holds_gold(passage, g) for g in gold[question]))
        for question, passage, x in recorder.said
    ]
    calibration, _ = fit_confidence(pairs)
    scale, offset = calibration["relevance"], calibration["intercept"]
    # The weights were found for the raw logit; at answering they meet the calibrated one, scale * logit + offset.
    rank, confidence = dict(found.values["rank"]), dict(found.values["confidence"])
    rank["relevance"] /= scale
    confidence["relevance"] /= scale
    confidence["intercept"] -= confidence["relevance"] * offset
    values = {
        **found.values["fitted_for"],
        "relevance": {"scale": round(scale, 4), "offset": round(offset, 4)},
        "rank": {name: round(value, 4) for name, value in rank.items()},
        "confidence": {name: round(value, 4) for name, value in confidence.items()},
        "refuse_below": found.values["refuse_below"],
    }
    print(json.dumps(values, indent=2))
    if options.write:
        FITTED.write_text(json.dumps(values, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()

"""Fits rag/fitted.json: the reader's calibration, the rank weight, the confidence and its threshold.

    python -m bench.fit --write

On xquad_fit and COVID-QA, neither of which the bundled reader was trained on (the reporting half of XQuAD, ClapNQ and
seeds are never looked at). XQuAD's questions copy their paragraph's words, COVID-QA's hardly do: a model fitted on
the first alone would refuse whoever asks in other words. Paragraphs stand among distractors from the reader's
training contexts, and each question is asked twice, with its paragraph there and removed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from index.store import PassageStore
from index.types import Article
from rag.bot import digest_of
from rag.confidence import Features, Fitted, fit
from rag.read import OnnxReader, load_reader, logit
from rag.retrieve import PassageRetriever
from rag.settings import load_settings
from rag.types import Retrieved
from rag.words import coverage

FITTED = Path(__file__).parents[1] / "rag" / "fitted.json"
DISTRACTORS = 1500
DEPTH = 8
ANSWERED = 0.95
"""The threshold lets so much of the answerable questions through: a bot that refuses too much is not asked twice."""

Row = dict[str, Any]
Read = list[tuple[Retrieved, float]]
"""Passages with their uncalibrated relevance logits."""


def rows(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def around_answers(row: Row, characters: int = 1200) -> Row:
    """The row with its context cut to so many characters before and after the answer: COVID-QA's are whole papers."""
    context = str(row["context"])
    at = int(row["answers"]["answer_start"][0])
    start = context.rfind("\n", 0, max(at - characters, 0)) + 1
    return {**row, "context": context[start : at + characters]}


def fitting_questions(data: Path, *, each: int) -> list[Row]:
    """As many questions of XQuAD's fitting half as of COVID-QA, in a fixed random order."""
    xquad = list(rows(data / "xquad_fit.jsonl.gz"))
    covid = [around_answers(r) for r in rows(data / "train.jsonl.gz") if "covid" in str(r["source"]).lower()]
    chosen = [row for some in (xquad, covid) for row in random.Random(7).sample(some, min(each, len(some)))]
    random.Random(7).shuffle(chosen)
    return chosen


def collection(questions: Sequence[Row], train: Path) -> tuple[list[Article], dict[str, str]]:
    """Articles (a paragraph each) and context -> article id."""
    ids: dict[str, str] = {}
    titles: dict[str, str] = {}
    for row in questions:
        ids.setdefault(str(row["context"]), f"gold-{len(ids):04}")
        titles[str(row["context"])] = str(row["title"] or "")
    others = list(
        {str(r["context"]): str(r["title"] or "") for r in rows(train) if 200 < len(str(r["context"])) < 2500}.items()
    )
    random.Random(7).shuffle(others)
    articles = [Article(key, titles[text], text) for text, key in ids.items()]
    return articles + [
        Article(f"other-{i:05}", title, text) for i, (text, title) in enumerate(others[:DISTRACTORS])
    ], ids


def without(found: Sequence[Retrieved], article_id: str) -> list[Retrieved]:
    """What would have been retrieved had the article not been there; the fused scores are scaled anew."""
    rest = [r for r in found if r.passage.article_id != article_id]
    top = max((r.fused for r in rest), default=1.0) or 1.0
    return [Retrieved(r.passage, r.dense, r.lexical, r.fused / top) for r in rest]


def read(reader: OnnxReader, question: str, found: Sequence[Retrieved]) -> Read:
    """Each passage's relevance logit; the reader here is uncalibrated, so the logit of its sigmoid is its own."""
    return [
        (r, logit(x.relevance)) for r, x in zip(found, reader.read(question, [r.passage for r in found]), strict=True)
    ]


def rank(items: Read, weight: float) -> Read:
    return sorted(items, key=lambda item: -(item[0].fused + weight * item[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help="write rag/fitted.json")
    parser.add_argument("--cache", type=Path, default=Path("bench/out/fit-index"))
    parser.add_argument("--each", type=int, default=600, help="questions of each data set at most")
    options = parser.parse_args()
    settings = load_settings()
    questions = fitting_questions(settings.data / "reader", each=options.each)
    articles, ids = collection(questions, settings.data / "reader" / "train.jsonl.gz")
    with PassageStore.open(options.cache, create=True, read_only=False, settings=settings) as store:
        store.add_articles(tqdm(articles, desc="indexing"))
        embedder = digest_of(store)
        retriever = PassageRetriever(store=store, candidates=settings.candidates, k=2 * DEPTH)
        bundled = load_reader(threads=settings.threads)
        from index.embedding import minilm_folder
        from rag.read import READER_SHA256

        plain = OnnxReader(
            FITTED.with_name("reader.onnx"),
            minilm_folder() / "tokenizer.json",
            sha256=READER_SHA256,
            threads=settings.threads,
        )
        there: list[tuple[str, str, Read]] = []
        absent: list[tuple[str, Read]] = []
        for row in tqdm(questions, desc="reading"):
            question, gold = str(row["question"]), ids[str(row["context"])]
            found = retriever.retrieve(question)
            logits = {r.passage.id: x for r, x in read(plain, question, found[: DEPTH + 2])}
            there.append((question, gold, [(r, logits[r.passage.id]) for r in found[:DEPTH]]))
            rest = without(found, gold)[:DEPTH]
            absent.append((question, [(r, logits[r.passage.id]) for r in rest if r.passage.id in logits]))

    def hit(weight: float) -> float:
        return float(np.mean([rank(items, weight)[0][0].passage.article_id == gold for _, gold, items in there]))

    weights = (0.0, 0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.5)
    hits = {w: hit(w) for w in weights}
    print("rank weight -> article hit@1:", {w: round(h, 4) for w, h in hits.items()})
    weight = max(weights, key=lambda w: hits[w])

    # Calibration: of every passage read, is it the paragraph that the question was asked of?
    pairs = [(Features(x, 0.0, 0.0), r.passage.article_id == gold) for _, gold, items in there for r, x in items]
    calibration, _ = fit(pairs)
    scale, offset = calibration["relevance"], calibration["intercept"]

    def example(question: str, items: Read) -> Features:
        top = rank(items, weight)[:3]
        return Features(
            max(scale * x + offset for _, x in top),
            max(r.dense or 0.0 for r, _ in items),
            max(coverage(question, r.passage.indexed_text) for r, _ in top),
        )

    examples = [
        (example(q, items), True) for q, gold, items in there if any(r.passage.article_id == gold for r, _ in items)
    ]
    examples += [(example(q, items), False) for q, items in absent if items]
    model, _ = fit(examples)
    threshold = 0.0
    fitted = Fitted(embedder, bundled.digest, weight, model, threshold)
    answerable = [fitted.confidence(f) for f, y in examples if y]
    threshold = round(float(np.quantile(answerable, 1 - ANSWERED)), 2)
    right = [(fitted.confidence(f) >= threshold) == y for f, y in examples]
    scores = np.array([fitted.confidence(f) for f, _ in examples])
    labels = np.array([y for _, y in examples])
    order = scores.argsort().argsort()
    auroc = (order[labels].mean() - order[~labels].mean()) / len(labels) + 0.5
    print(f"confidence: AUROC {auroc:.3f}, accuracy {np.mean(right):.3f} at threshold {threshold}; weights {model}")
    values = {
        "embedder": embedder,
        "reader": bundled.digest,
        "relevance": {"scale": round(scale, 4), "offset": round(offset, 4)},
        # The weight was found for the raw logit; at answering the calibrated one is scaled back.
        "rank_weight": round(weight / scale, 4),
        "confidence": {key: round(value, 4) for key, value in model.items()},
        "refuse_below": threshold,
    }
    print(json.dumps(values, indent=2))
    if options.write:
        FITTED.write_text(json.dumps(values, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()

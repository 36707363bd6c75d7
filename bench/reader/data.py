"""Training questions and their negatives, from `reader/train.jsonl.gz` (docs/data.md) and from written articles.

Of several annotators' answers the most frequent, then the shortest, is the target. A negative is either a passage that
BM25 or the embedder ranks high for the question but that lacks every annotated answer, or the question's own passage
with a name or number of the question replaced, so that the passage no longer answers. A written article brings its own:
its other passages, and what it leaves unanswered. COVID-QA and every text that `held_out` names are left out:
`bench.fit` fits on those. Everything is a function of the seed.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from tqdm import tqdm

from bench.reader import written
from index.types import Article

ARTICLES = Path(__file__).parent / "articles"
UNTITLED = ("squadshifts_reddit", "squadshifts_amazon_reviews")
"""Their titles name the file that the text came from, not the text."""
LEFT_OUT = ("covidqa",)
HELD_OUT, WRITTEN_HELD_OUT = 16, 6
"""One context, and one written article, in so many is held out of training."""
ORDER = 11
"""Seed of the order of `training`."""
NEGATIVES = 20
LONGEST_CONTEXT = 4_000

_NAME = re.compile(r"(?<=\s)(?:[A-Z][\w'-]+)(?:\s+(?:of\s+|the\s+)?[A-Z][\w'-]+)*")
_NUMBER = re.compile(r"\b\d[\d,.]*\b")


@dataclass(frozen=True, slots=True)
class Example:
    """A question with its passage; `answer` is `[start, end)` of the text, None where the passage does not answer."""

    question: str
    title: str
    text: str
    answer: tuple[int, int] | None
    answers: tuple[str, ...]
    source: str


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def held_out(context: str, one_in: int = HELD_OUT) -> bool:
    return crc32(context.encode()) % one_in == 0


def example(row: dict[str, Any]) -> Example:
    """The row with one answer chosen. Titles lose their underscores; file names are no titles."""
    texts, starts = row["answers"]["text"], row["answers"]["answer_start"]
    counts = Counter(texts)
    best = min(range(len(texts)), key=lambda i: (-counts[texts[i]], len(texts[i])))
    title = "" if row["source"] in UNTITLED else str(row["title"] or "").replace("_", " ")
    answer = (starts[best], starts[best] + len(texts[best]))
    return Example(row["question"], title, row["context"], answer, tuple(dict.fromkeys(texts)), row["source"])


def training(path: Path, *, take: dict[str, int]) -> list[Example]:
    """Up to `take[source]` questions of each source (all, where it is not named), in one mixed order.

    What `mine` finds goes by that order: the seed of a training doesn't change it.
    """
    by_source: dict[str, list[Example]] = {}
    for row in rows(path):
        if row["source"] not in LEFT_OUT and not held_out(row["context"]) and len(row["context"]) <= LONGEST_CONTEXT:
            by_source.setdefault(row["source"], []).append(example(row))
    chosen = []
    for source, examples in sorted(by_source.items()):
        random.Random(f"{ORDER}:{source}").shuffle(examples)
        chosen += examples[: take.get(source)]
    random.Random(ORDER).shuffle(chosen)
    return chosen


def written_articles(*, held: bool) -> list[written.Written]:
    """Those held out of training, or the others."""
    found = (article for path in sorted(ARTICLES.glob("*.txt")) for article in written.read(path))
    return [article for article in found if held_out(article.text, WRITTEN_HELD_OUT) == held]


def written_examples(articles: Sequence[written.Written]) -> list[tuple[Example, list[Example]]]:
    """Each answered question with its passage, and with what does not answer, in a mixed order.

    That is, as often each, the question with the article's passages that lack the answer, and its passage with the
    questions that the article leaves unanswered.
    """
    from index.embedding import load_embeddings
    from index.passages import split

    count = load_embeddings().count_tokens
    found = []
    for article in articles:
        passages = split(Article(article.at, article.title, article.text), count_tokens=count)
        unanswered = [asked.question for asked in article.asked if asked.answer is None]
        for asked in article.asked:
            if asked.answer is None:
                continue
            start, end = asked.answer
            holding = next(p for p in passages if p.start <= start and end <= p.end)
            without = Example(asked.question, article.title, "", None, (), "written")
            positive = replace(
                without, text=holding.text, answer=(start - holding.start, end - holding.start), answers=asked.answers
            )
            others = [p.text for p in passages if not any(a in p.text for a in asked.answers)]
            times = max(len(unanswered) // max(len(others), 1), 1)
            against = [replace(without, text=text) for text in times * others]
            against += [replace(without, text=holding.text, question=question) for question in unanswered]
            random.Random(asked.question).shuffle(against)
            found.append((positive, against))
    return found


def mine(examples: Sequence[Example], *, dense: bool) -> list[list[int]]:
    """For each example the indices (into `examples`) of passages that look like answering its question and do not.

    The collection is the distinct passages of the examples; BM25's best and, with `dense`, MiniLM's best, in turns.
    """
    from index.lexical import analyser

    contexts = {e.text: i for i, e in reversed(list(enumerate(examples)))}
    indices = list(contexts.values())
    ranked = _bm25(
        [examples[i].title + " " + examples[i].text for i in indices], [e.question for e in examples], analyser
    )
    if dense:
        ranked = [
            list(dict.fromkeys(x for pair in zip_longest(a, b) for x in pair if x is not None))
            for a, b in zip(ranked, _dense([examples[i].text for i in indices], examples), strict=True)
        ]
    found = []
    for e, candidates in zip(examples, ranked, strict=True):
        answers = [a.lower() for a in e.answers]
        good = (indices[c] for c in candidates)
        found.append([i for i in good if not any(a in examples[i].text.lower() for a in answers)][:NEGATIVES])
    return found


def _bm25(texts: Sequence[str], questions: Sequence[str], analyser: Any) -> list[list[int]]:
    """The best 2 x NEGATIVES texts of each question."""
    import tantivy

    name = "mining"
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("key", stored=False, fast=True)
    builder.add_text_field("text", stored=False, tokenizer_name=name, index_option="freq")
    schema = builder.build()
    index = tantivy.Index(schema)
    index.register_tokenizer(name, analyser(query=False))
    writer = index.writer(heap_size=50_000_000, num_threads=1)
    for key, text in enumerate(texts):
        document = tantivy.Document()
        document.add_unsigned("key", key)
        document.add_text("text", text)
        writer.add_document(document)
    writer.commit()
    index.reload()
    searcher, asked = index.searcher(), analyser(query=True)
    ranked = []
    for question in tqdm(questions, desc="BM25 negatives"):
        terms = [tantivy.Query.term_query(schema, "text", t, "freq") for t in dict.fromkeys(asked.analyze(question))]
        query = tantivy.Query.boolean_query([(tantivy.Occur.Should, t) for t in terms])
        hits = searcher.search(query, 2 * NEGATIVES).hits if terms else []
        keys = searcher.fast_field_values("key", [address for _, address in hits])
        ranked.append([int(key) for key in keys if key is not None])
    return ranked


def _dense(texts: Sequence[str], examples: Sequence[Example]) -> list[list[int]]:
    from index.embedding import load_embeddings

    embeddings = load_embeddings()
    matrix = _embedded(embeddings.embed_documents, texts, "embedding passages")
    asked = _embedded(embeddings.embed_documents, [e.question for e in examples], "embedding questions")
    ranked: list[list[int]] = []
    for at in tqdm(range(0, len(asked), 512), desc="dense negatives"):
        scores = asked[at : at + 512] @ matrix.T
        best = np.argpartition(-scores, min(2 * NEGATIVES, scores.shape[1] - 1), axis=1)[:, : 2 * NEGATIVES]
        ranked += [[int(i) for i in row[np.argsort(-scores[n, row])]] for n, row in enumerate(best)]
    width = max(len(r) for r in ranked)
    return [r + [r[-1]] * (width - len(r)) for r in ranked]


def _embedded(embed: Any, texts: Sequence[str], label: str) -> np.ndarray[Any, Any]:
    parts = [embed(list(texts[at : at + 256])) for at in tqdm(range(0, len(texts), 256), desc=label)]
    return np.asarray([vector for part in parts for vector in part], dtype=np.float32)


def perturbed(example: Example, pool: Sequence[str], *, random: random.Random) -> Example | None:
    """The example with one name or number of its question exchanged for one that its passage lacks; None without any.

    pool: questions that lend the other name or number.

    >>> import random as r
    >>> e = Example("When was Ada born?", "", "Ada was born in 1815.", (16, 20), ("1815",), "")
    >>> perturbed(e, ["Where did Bob live?"], random=r.Random(1)).question
    'When was Bob born?'
    """
    spots = [*_NAME.finditer(example.question), *_NUMBER.finditer(example.question)]
    spots = [m for m in spots if m[0].lower() in (example.text + " " + example.title).lower()]
    if not spots:
        return None
    spot = random.choice(spots)
    pattern = _NUMBER if spot[0][0].isdigit() else _NAME
    for _ in range(20):
        others = [m[0] for m in pattern.finditer(random.choice(pool))]
        if others and others[0].lower() not in example.text.lower() and len(others[0].split()) <= 4:
            question = example.question[: spot.start()] + others[0] + example.question[spot.end() :]
            return replace(example, question=question, answer=None)
    return None

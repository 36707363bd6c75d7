"""The collections and questions that pipelines are compared on. It asks nothing.

SciFact's test queries over its 5,183 abstracts; the questions of xquad_test, whose 120 paragraphs stand among contexts
of the reader's training data (all kinds of text, or Wikipedia's only); newsdesk's own seeds. None is fitted on.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.reader.data import rows
from index.types import Article
from rag.datasets import Dataset, collected, load

ROOT = Path(__file__).resolve().parent.parent
SETS = ("scifact", "scifact-part", "xquad", "xquad-wikipedia", "seeds")
WIKIPEDIA = ("squadshifts_new_wiki", "nq_", "qed")
LEAKED = 0.3
"""A context that shares more than this share of its 13-grams with the reader's training data is not reported on."""


@dataclass(frozen=True, slots=True)
class Task:
    """A collection with questions. `removable`: each question may also be asked with its paragraph taken away.

    large: to embed it for every pipeline would take most of an hour, so only newsdesk's own rows are made unasked.
    """

    name: str
    title: str
    data: Dataset
    caption: str = ""
    removable: bool = False
    large: bool = False

    @property
    def digest(self) -> str:
        """Of everything that a pipeline is given."""
        digest = hashlib.sha256()
        for a in self.data.articles:
            digest.update(repr((a.id, a.title, a.text)).encode("utf-8", "surrogatepass"))
        for q in self.data.questions:
            digest.update(repr((q.id, q.question, q.answers, q.gold, q.grades)).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:16]


def contexts(data: Path, *, wikipedia: bool = False) -> dict[str, str]:
    """Distinct contexts of the reader's training rows with their titles, in the file's order."""
    found: dict[str, str] = {}
    for row in rows(data / "reader" / "train.jsonl.gz"):
        if not wikipedia or row["source"].startswith(WIKIPEDIA):
            found.setdefault(row["context"], (row["title"] or "").replace("_", " "))
    return found


def distractors(data: Path, *, wikipedia: bool, count: int | None) -> tuple[list[Article], int]:
    """So many contexts, drawn once for all with a fixed seed, as articles; and of how many they were drawn."""
    found = list(contexts(data, wikipedia=wikipedia).items())
    kept = found if count is None else random.Random(7).sample(found, min(count, len(found)))
    made = [Article(f"other-{hashlib.sha256(text.encode()).hexdigest()[:12]}", title, text) for text, title in kept]
    return made, len(found)


def task(name: str, data: Path, *, limit: int | None, count: int | None) -> Task:
    """The set of that name; the first `limit` questions, `count` distractors."""
    if name == "seeds":
        seeds = collected(load(ROOT / "seeds" / "questions.jsonl"))
        # Questions that lean on earlier turns are for the whole bot; a retriever is asked what stands alone.
        alone = tuple(q for q in seeds.questions if not q.history and q.date is None)
        leaning = len(seeds.questions) - len(alone)
        caption = f"{leaning} questions that lean on a history or a date are not asked here." if leaning else ""
        return Task(name, "seeds", replace(seeds, questions=alone).limited(limit), caption)
    if name == "scifact":
        return Task(name, "SciFact, test queries", load(data / "scifact").limited(limit), large=True)
    if name == "scifact-part":
        whole = load(data / "scifact")
        part = scifact_part(whole, count)
        caption = (
            f"All abstracts that answer a query, and others drawn with a fixed seed from the {len(whole.articles):,}."
        )
        return Task(name, f"SciFact, test queries over {len(part.articles):,} abstracts", part.limited(limit), caption)
    asked = load(data / "reader" / "xquad_test.jsonl.gz")
    wikipedia = name == "xquad-wikipedia"
    more, all_ = distractors(data, wikipedia=wikipedia, count=count)
    kind = "Wikipedia's" if wikipedia else "all"
    caption = (
        f"Its {len(asked.articles)} paragraphs among {len(more):,} distractors, drawn from {kind} {all_:,} contexts "
    )
    caption += "of the reader's training data. Last column: the best score with the paragraph there against that with "
    caption += "the paragraph removed."
    return Task(
        name,
        f"xquad_test among distractors ({'Wikipedia only' if wikipedia else 'all kinds'})",
        replace(asked, articles=(*asked.articles, *more)).limited(limit),
        caption,
        removable=True,
    )


def scifact_part(whole: Dataset, count: int | None) -> Dataset:
    """The test queries over so many abstracts, or as many as are relevant where those are more."""
    relevant = {g.article_id for q in whole.questions for g in q.gold}
    others = [a for a in whole.articles if a.id not in relevant]
    wanted = len(others) if count is None else max(count - len(relevant), 0)
    kept = relevant | {a.id for a in random.Random(7).sample(others, min(wanted, len(others)))}
    return replace(whole, articles=tuple(a for a in whole.articles if a.id in kept))


def grams(text: str, *, size: int = 13) -> set[tuple[str, ...]]:
    """Every run of so many words."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}


def leaked(articles: Sequence[Article], training: Iterator[str] | Sequence[str]) -> set[str]:
    """The ids of articles that the reader has met: more than LEAKED of their 13-grams stand in its training data."""
    own = {a.id: grams(a.text) for a in articles}
    wanted = set().union(*own.values()) if own else set()
    met: set[tuple[str, ...]] = set()
    for text in training:
        met |= grams(text) & wanted
    return {key for key, some in own.items() if some and len(some & met) > LEAKED * len(some)}


@dataclass(frozen=True, slots=True)
class ClapNQ:
    """`data` without the contexts that the reader has met, of which there were `left_out`; question -> its context."""

    data: Dataset
    context: dict[str, str]
    left_out: int


def clapnq(data: Path, *, limit: int | None) -> ClapNQ:
    """ClapNQ dev, limited to the first `limit` questions."""
    whole = load(data / "reader" / "clapnq_dev.jsonl.gz")
    gone = leaked(whole.articles, list(contexts(data)))
    ids = {a.text: a.id for a in whole.articles}
    context = {str(row["id"]): ids[row["context"]] for row in rows(data / "reader" / "clapnq_dev.jsonl.gz")}
    kept = tuple(q for q in whole.questions if context[q.id] not in gone)
    # The answerable come first in the file; a part of it should have both kinds.
    kept = tuple(sorted(kept, key=lambda q: hashlib.sha256(q.id.encode()).digest()))
    articles = tuple(a for a in whole.articles if a.id not in gone)
    return ClapNQ(replace(whole, questions=kept, articles=articles).limited(limit), context, len(gone))

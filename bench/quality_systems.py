"""The pipelines that are compared: newsdesk's ways of searching, and other projects' in environments of their own.

Each gives for every question articles, best passage first, with the pipeline's own score. It measures nothing.
"""

from __future__ import annotations

import json
import subprocess
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.peers.vectors import Vectors
from bench.quality_sets import ROOT, Task
from index.embedding import MiniLM, minilm_folder
from index.types import Passage
from rag.answer import ExtractiveAnswerer
from rag.bot import Bot
from rag.datasets import Question
from rag.evaluate import open_bot
from rag.fitting import retrieve_without
from rag.metrics import contains_answer
from rag.read import OnnxReader, load_reader
from rag.results import cites_gold
from rag.settings import Settings
from rag.types import Answer, Done, Reading, Retrieved
from rag.words import words

OUT = ROOT / "bench" / "out"
PEERS = {
    "langchain_tutorial": "LangChain's tutorial pipeline",
    "haystack_memory": "Haystack in memory, BM25 and embeddings",
    "txtai_hybrid": "txtai, hybrid",
}
"""Scripts in bench/peers/ and what a table calls them."""
K = 50
SMALLER = 128
"""Word pieces of the smaller passages that are tried."""
DEPTH = 10
"""Passages that the reader ranks anew here: as many as the measures look at."""

Ranked = dict[str, list[tuple[str, float]]]
"""Question id -> (article id, score) of each passage found, best first."""


class KeptEmbeddings(MiniLM):
    """The bundled embedder, each text once for all collections and runs."""

    def __init__(self, *, threads: int) -> None:
        super().__init__(threads=threads)
        self._vectors = Vectors(OUT / "vectors.sqlite", f"newsdesk {MiniLM.digest[:16]}")

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._vectors.embed(texts, super().embed_documents)

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class KeptReader:
    """The bundled reader, which reads a passage once for a question however often it is asked to."""

    def __init__(self, inner: OnnxReader) -> None:
        self.digest = inner.digest
        self._inner = inner
        self._question = ""
        self._known: dict[str, Reading] = {}

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        if question != self._question:
            self._question, self._known = question, {}
        new = [p for p in passages if p.id not in self._known]
        if new:
            self._known |= {r.passage_id: r for r in self._inner.read(question, new)}
        return [self._known[p.id] for p in passages]


def bot_over(task: Task, settings: Settings) -> Bot:
    """The bot over the task's collection, indexed once and kept."""
    embeddings = KeptEmbeddings(threads=settings.threads) if settings.embedder == "minilm" else None
    reader = KeptReader(load_reader(threads=settings.threads))
    return open_bot(
        task.data, index=None, settings=settings, cache=OUT / "collections", embeddings=embeddings, reader=reader
    )


def plain(found: Sequence[tuple[Passage, float]]) -> list[tuple[str, float]]:
    return [(p.article_id, score) for p, score in found]


def fused(bot: Bot, question: Question) -> list[tuple[str, float]]:
    """The fused score is relative to its query, so the score that goes along is the best cosine seen so far."""
    return [(r.passage.article_id, r.dense or 0.0) for r in bot.retriever.retrieve(question.question, k=K)]


def searches(bot: Bot) -> dict[str, Callable[[Question], list[tuple[str, float]]]]:
    store = bot.store
    return {
        "newsdesk, dense": lambda q: plain(store.search_dense(q.question, K)),
        "newsdesk, BM25": lambda q: plain(store.search_lexical(q.question, K)),
        "newsdesk, fused": lambda q: fused(bot, q),
    }


def variants(task: Task, settings: Settings) -> dict[str, tuple[Task, Settings]]:
    """The same articles indexed otherwise."""
    bare = tuple(replace(a, title="", sections=()) for a in task.data.articles)
    untitled = replace(task, data=replace(task.data, articles=bare))
    smaller = settings.model_copy(update={"passage_tokens": SMALLER})
    return {
        "newsdesk, fused, without titles": (untitled, settings),
        f"newsdesk, fused, passages of {SMALLER} for {settings.passage_tokens}": (task, smaller),
    }


def read(bot: Bot, task: Task) -> Iterator[tuple[Question, dict[str, Any]]]:
    """What the reader makes of every question, with its paragraph there and, where the task says so, removed."""
    answerer = bot.answerer
    assert isinstance(answerer, ExtractiveAnswerer)
    reading = answerer.with_options(read_passages=DEPTH)
    for question in task.data.questions:
        found = bot.retriever.retrieve(question.question, k=K)
        row: dict[str, Any] = {"ranked": rank(reading, question, found)}
        if question.kind != "retrieval":
            row["there"] = outcome(answerer, question, found, bot)
            if task.removable:
                rest = retrieve_without(bot, question.question, {g.article_id for g in question.gold}, k=K)
                row["removed"] = outcome(answerer, question, rest, bot)
        yield question, row


def rank(answerer: ExtractiveAnswerer, question: Question, found: Sequence[Retrieved]) -> list[tuple[str, float]]:
    """All that was retrieved, the first DEPTH passages in the reader's order."""
    answer = asked(answerer, question, found)
    return [(r.passage.article_id, answer.confidence) for r in (*answer.passages, *found[len(answer.passages) :])]


def asked(answerer: ExtractiveAnswerer, question: Question, found: Sequence[Retrieved]) -> Answer:
    *_, last = answerer.answer(question.question, found)
    assert isinstance(last, Done)
    return last.answer


def outcome(answerer: ExtractiveAnswerer, question: Question, found: Sequence[Retrieved], bot: Bot) -> dict[str, Any]:
    """The answer and the raw scores that might have told without a reader whether there is one."""
    answer = asked(answerer, question, found[: bot.retriever.k])
    best = found[0].passage if found else None
    return {
        "refused": answer.refused,
        "confidence": answer.confidence,
        "short": None if answer.refused else answer.short_answer or answer.text,
        "sentence": likely_sentence(question.question, best) if best else "",
        "first_holds": bool(answer.citations) and any(cites_gold(answer.citations[0], g) for g in question.gold),
        "first_answers": bool(answer.citations) and bool(contains_answer(answer.citations[0].quote, question.answers)),
        "cosine": max((r.dense or 0.0 for r in found), default=0.0),
        "BM25": max((r.lexical or 0.0 for r in found), default=0.0),
    }


def likely_sentence(question: str, passage: Passage) -> str:
    """Sentence scoring, what a bot without a reader can do: the sentence with the most of the question's words."""
    from index.passages import sentences

    wanted = set(words(question))
    texts = [passage.text[start:end] for start, end in sentences(passage.text)] or [passage.text]
    return max(texts, key=lambda text: len(wanted & set(words(text))))


def peer(name: str, task: Task) -> Ranked:
    """Another project's rankings, made in its own environment by `bench/peers/<name>.py`."""
    here = ROOT / "bench" / "peers"
    home = OUT / "peers" / name
    python, lock = home / "bin" / "python", here / f"{name}.lock"
    installed = home / ".installed"
    if not installed.exists() or installed.read_text("utf-8") != lock.read_text("utf-8"):
        venv.create(home, with_pip=True, symlinks=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", lock], check=True)
        installed.write_text(lock.read_text("utf-8"), "utf-8")
    job = {
        "articles": [{"id": a.id, "title": a.title, "text": a.text} for a in task.data.articles],
        "questions": [{"id": q.id, "question": q.question} for q in task.data.questions],
        "model": str(minilm_folder()),
        "vectors": str(OUT / "vectors.sqlite"),
        "k": K,
    }
    given, result = home / f"{task.name}-job.json", home / f"{task.name}-result.json"
    given.write_text(json.dumps(job), "utf-8")
    subprocess.run([python, here / f"{name}.py", given, result], check=True)
    found: Mapping[str, list[tuple[str, float]]] = json.loads(result.read_text("utf-8"))
    return dict(found)

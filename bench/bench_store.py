"""How fast the index is: taking up many small articles, then opening and searching 200,000 passages.

    python bench/bench_store.py [--articles 13000] [--passages 200000]

No model is involved: a hashing embedder and random unit vectors of MiniLM's width, so the figures are the store's own.
Prints tables; times are of this machine and what else it does (CPU seconds stand beside seconds).
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / name) for name in ("", "tests")]

from store_helpers import HashEmbeddings  # noqa: E402

from index import ingest, upkeep  # noqa: E402
from index.rows import article_values, text_hash, to_half  # noqa: E402
from index.settings import IndexSettings  # noqa: E402
from index.store import PassageStore  # noqa: E402
from index.types import Article, Filter, Passage, passage_id  # noqa: E402

WORDS = 20_000
PASSAGES_EACH = 20
SOURCES = 100


class WideEmbeddings(HashEmbeddings):
    """Vectors as wide as MiniLM's; a query gets a random direction of its own."""

    dimension = 384
    name, digest = "random", "random-384"

    def embed_query(self, text: str) -> list[float]:
        return np.random.default_rng(abs(hash(text)) % 2**32).normal(size=self.dimension).tolist()


def words(chance: random.Random, count: int) -> str:
    """Words as frequent as in a language: the nth comes about once in n."""
    return " ".join(f"w{int(WORDS ** chance.random())}" for _ in range(count))


@contextmanager
def timed(what: str) -> Iterator[None]:
    began, cpu = time.perf_counter(), time.process_time()
    yield
    print(f"{what:<44}{time.perf_counter() - began:>9.2f} s{time.process_time() - cpu:>9.2f} s CPU", flush=True)


def ingest_many(folder: Path, count: int) -> None:
    chance = random.Random(1)
    articles = [Article(f"{n}.txt", f"Case {n}", words(chance, 25) + ".") for n in range(count)]
    with PassageStore.open(folder, embeddings=HashEmbeddings(), create=True, read_only=False) as store:
        with timed(f"take up {count:,} articles of one passage"):
            store.add_articles(articles)
        with timed("the same again: nothing has changed"):
            store.add_articles(articles)
        with timed("change one in a hundred"):
            store.add_articles([Article(a.id, a.title, a.text + " More.") for a in articles[::100]])
        with timed("delete one in ten"):
            store.delete_articles([a.id for a in articles[::10]])


def fill(folder: Path, count: int, settings: IndexSettings) -> None:
    """An index of `count` passages whose vectors are random."""
    chance, vectors = random.Random(2), np.random.default_rng(2)
    with PassageStore.open(folder, embeddings=WideEmbeddings(), settings=settings, create=True) as store:
        with timed(f"write {count:,} passages with vectors"), ingest.Writing(store) as writing:
            for number in range(count // PASSAGES_EACH):
                texts = [words(chance, 60) + "." for _ in range(PASSAGES_EACH)]
                text = "\n".join(texts)
                article = Article(f"{number}.txt", f"Case {number}", text, source=f"Source {number % SOURCES}")
                made, at = [], 0
                for part in texts:
                    id_ = passage_id(article.id, at, at + len(part))
                    made.append(Passage(id_, article.id, at, at + len(part), part, "", article.title))
                    at += len(part) + 1
                hashes = [text_hash(passage.indexed_text, store.embeddings_digest) for passage in made]
                pending = ingest.Pending(article, article_values(article) | {"document": 0}, made, hashes, "added")
                rows = to_half(vectors.normal(size=(PASSAGES_EACH, WideEmbeddings.dimension)))
                writing.store_with_vectors(pending, range(PASSAGES_EACH), rows)
            writing.flush()
            writing.commit()
            with timed("compact: BM25, FAISS, VACUUM"):
                upkeep.compact(store)
        size = store.status().bytes
    print(f"{'size on disk':<44}{size / 1e6:>9,.0f} MB")


def search(folder: Path, settings: IndexSettings, questions: int) -> None:
    chance = random.Random(3)
    for what in ("open for reading, first time", "open for reading, again"):
        with timed(what):
            PassageStore.open(folder, embeddings=WideEmbeddings(), settings=settings).close()
    with PassageStore.open(folder, embeddings=WideEmbeddings(), settings=settings) as store:
        mapped = store.view().dense.mapped
        print(f"dense index: {'HNSW on float16 codes' if mapped and mapped.hnsw else 'exact, float16'}")
        few = Filter(article_ids=tuple(f"{n}.txt" for n in range(50)))
        one, half = Filter(sources=("Source 7",)), Filter(sources=tuple(f"Source {n}" for n in range(SOURCES // 2)))
        kinds: dict[str, Callable[[str], object]] = {
            "dense, k = 100": lambda q: store.search_dense(q, 100),
            "BM25, k = 100": lambda q: store.search_lexical(q, 100),
            "dense, 50 articles allowed": lambda q: store.search_dense(q, 100, few),
            "BM25, 50 articles allowed": lambda q: store.search_lexical(q, 100, few),
            "dense, 1 % allowed": lambda q: store.search_dense(q, 100, one),
            "BM25, 1 % allowed": lambda q: store.search_lexical(q, 100, one),
            "dense, half allowed": lambda q: store.search_dense(q, 100, half),
            "BM25, half allowed": lambda q: store.search_lexical(q, 100, half),
        }
        print(f"{'search':<34}{'p50 ms':>10}{'p95 ms':>10}")
        for name, ask in kinds.items():
            times = []
            for _ in range(questions):
                question = words(chance, 6)
                store.query_vector(question)
                began = time.perf_counter()
                ask(question)
                times.append(1000 * (time.perf_counter() - began))
            print(f"{name:<34}{np.percentile(times, 50):>10.1f}{np.percentile(times, 95):>10.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=13_000)
    parser.add_argument("--passages", type=int, default=200_000)
    parser.add_argument("--questions", type=int, default=60)
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    settings = IndexSettings()
    with tempfile.TemporaryDirectory() as folder:
        ingest_many(Path(folder) / "small", options.articles)
        fill(Path(folder) / "large", options.passages, settings)
        search(Path(folder) / "large", settings, options.questions)


if __name__ == "__main__":
    main()

"""How fast newsdesk is here: indexing, opening the index, and each stage of answering the questions of seeds/.

    python bench/bench_speed.py [--questions 40] [--index DIR] [--articles 10000]

Prints one table. `--articles` puts so many other texts beside seeds/, contexts of the reader's training data
(docs/data.md); with `--index` the index is kept, and a second run embeds nothing. Figures are of this machine and what
else it does; bench/quality.py is about right and wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import nullcontext
from itertools import chain
from pathlib import Path

import numpy as np
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.quality_sets import distractors  # noqa: E402
from index.articles import read_articles  # noqa: E402
from index.store import PassageStore  # noqa: E402
from index.types import Article, Rejected  # noqa: E402
from rag.bot import Bot  # noqa: E402
from rag.settings import load_settings  # noqa: E402

SEEDS = ROOT / "seeds"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--articles", type=int, default=0)
    parser.add_argument("--index", type=Path)
    options = parser.parse_args()
    lines = (SEEDS / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines][: options.questions]
    others = distractors(load_settings().data, wikipedia=False, count=options.articles)[0] if options.articles else []
    items: Iterable[Article | Rejected] = chain(read_articles(SEEDS), others)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() if not options.index else nullcontext(options.index) as folder:
        index = Path(folder) / "index"
        with PassageStore.open(index, create=True, read_only=False) as store:
            report = store.add_articles(tqdm(items, "indexing", len(others), disable=not others))
            passages = store.status().passages
        rate = f", {report.embedded / report.seconds:.0f} embedded a second" if report.embedded else ""
        print(f"index   {passages:,} passages in {report.seconds:.1f} s{rate}")
        began = time.perf_counter()
        with Bot.open(index) as bot:
            bot.ask(questions[0])
            print(f"open    {1000 * (time.perf_counter() - began):.0f} ms with the first answer")
            stages: dict[str, list[float]] = {}
            for question in questions:
                began = time.perf_counter()
                answer = bot.ask(question)
                for stage, milliseconds in answer.timings.items():
                    stages.setdefault(stage, []).append(milliseconds)
                stages.setdefault("whole answer", []).append(1000 * (time.perf_counter() - began))
    print(f"{'stage':<16}{'p50 ms':>10}{'p95 ms':>10}{'p99 ms':>10}")
    for stage, times in stages.items():
        print(f"{stage:<16}" + "".join(f"{np.percentile(times, q):>10.1f}" for q in (50, 95, 99)))


if __name__ == "__main__":
    main()

"""How fast newsdesk is here: indexing seeds/, opening the index, and each stage of answering its questions.

    python bench/bench_speed.py [--questions 40]

Prints one table. Figures are of this machine and of a small collection; bench/quality.py is about right and wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

from index.articles import read_articles
from index.store import PassageStore
from rag.bot import Bot

SEEDS = Path(__file__).resolve().parent.parent / "seeds"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=40)
    count = parser.parse_args().questions
    lines = (SEEDS / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines][:count]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        with PassageStore.open(index, create=True, read_only=False) as store:
            report = store.add_articles(read_articles(SEEDS))
        print(
            f"index   {report.embedded} passages in {report.seconds:.1f} s, "
            f"{report.embedded / report.seconds:.0f} a second"
        )
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
    print(f"{'stage':<16}{'median ms':>10}{'slowest ms':>12}")
    for stage, times in stages.items():
        print(f"{stage:<16}{statistics.median(times):>10.1f}{max(times):>12.1f}")


if __name__ == "__main__":
    main()

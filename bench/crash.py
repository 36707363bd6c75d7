"""The crash test at large: a writer is killed 200 times at random moments and 108 times on purpose; all must be there.

    python bench/crash.py [--random 200] [--rounds 4] [--seed 1]

The kills and what is checked after each are those of tests/crash_helpers.py. Prints what was seen; an error ends it.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / name) for name in ("", "tests")]

from crash_helpers import PLAN, Forker, Oracle, after_a_kill, equals_a_clean_build, kill_points  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", type=int, default=200, help="kills at random moments")
    parser.add_argument("--rounds", type=int, default=4, help="how often to go through all kills on purpose")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    kills: list[dict[str, object]] = [
        {"after": chance.randrange(80), "wait": chance.uniform(0, 0.05)} for _ in range(options.random)
    ]
    for _ in range(options.rounds):
        kills += [{"plan": PLAN} | kill for kill in kill_points(chance)]
    chance.shuffle(kills)
    oracle, seen, began = Oracle(), Counter[str](), time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Forker() as forker:
        index = Path(folder) / "index"
        for number, kill in enumerate(kills):
            told, ended_by = forker.run(index, seed=number, **kill)  # type: ignore[arg-type]
            assert ended_by in (signal.SIGKILL, signal.SIGXFSZ), (kill, told)
            seen[f"{kill['when']} {kill['at']}" if "at" in kill else _doing(told)] += 1
            oracle.hear(told)
            after_a_kill(oracle, index, writing=bool(number % 2))
            if number % 50 == 49:
                print(f"{number + 1} of {len(kills)} kills", file=sys.stderr, flush=True)
        equals_a_clean_build(index, Path(folder) / "clean")
    print(f"{len(kills)} kills in {time.monotonic() - began:.0f} s; every check passed")
    print(f"articles reported as done   {oracle.reported:>7,}  (all there after each kill)")
    print(f"texts embedded              {oracle.embedded:>7,}")
    print(f"embedded but not on record  {oracle.repeated:>7,}  (in the call of the model that a kill cut off)")
    print(f"forgotten by compact        {oracle.forgotten:>7,}  (in {oracle.compacts} of them)")
    for moment, count in sorted(seen.items()):
        print(f"  killed {moment:<24}{count:>5}")


def _doing(told: list[str]) -> str:
    """What a writer was at when a random kill came."""
    last = next((line.split()[0] for line in reversed(told)), "opening")
    return "during " + {"open": "reading", "put": "idle", "deleted": "idle", "compacted": "idle"}.get(last, last)


if __name__ == "__main__":
    main()

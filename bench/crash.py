"""The crash test at large: `python bench/crash.py 200` kills a writer 200 times and checks the index each time."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / name) for name in ("", "tests")]

import test_crash  # noqa: E402

if __name__ == "__main__":
    test_crash.KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        test_crash.test_fifteen_kills_lose_and_repeat_nothing(Path(folder))
    print(f"{test_crash.KILLS} kills, nothing lost, in {time.monotonic() - began:.0f} s")

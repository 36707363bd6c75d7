"""Measures rag.check on statement-quote pairs: recall of "unsupported" by kind, its precision, paraphrases kept.

python bench/checker.py             the half that may be looked at, with its errors
python bench/checker.py --held-out  figures of the other half only
python bench/checker.py --xquad     pairs made from XQuAD's contexts (NEWSDESK_DATA or ../shared/data)

A false alarm has no kind of its own, so all of them count against the precision of each kind.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from perturb import Pair, perturbed, read_pairs, sample  # noqa: E402

from rag.check import judge  # noqa: E402


def xquad_pairs(count: int) -> list[Pair]:
    """Pairs from sentences of XQuAD's fit half, by the perturber alone."""
    folder = Path(os.environ.get("NEWSDESK_DATA", ROOT.parent / "shared" / "data"))
    with gzip.open(folder / "reader" / "xquad_fit.jsonl.gz", "rt", encoding="utf-8") as lines:
        contexts = list(dict.fromkeys(json.loads(line)["context"] for line in lines))
    true = []
    for context in contexts:
        found = re.split(r"(?<=[a-z][.]) (?=[A-Z])", context)[:2]
        true += [Pair(text, " ".join(found), "paraphrase", True, "xquad") for text in found if 40 < len(text) < 250]
    return sample(list(perturbed(true)), count)


def figures(pairs: Sequence[Pair]) -> str:
    """A table: kind, pairs, recall, precision; then how many true pairs were kept."""
    verdicts = {pair: judge(pair.statement, pair.quote).support for pair in pairs}
    false = Counter(pair.kind for pair in pairs if not pair.true)
    caught = Counter(pair.kind for pair in pairs if not pair.true and verdicts[pair] == "unsupported")
    true = [pair for pair in pairs if pair.true]
    alarms = sum(verdicts[pair] == "unsupported" for pair in true)
    partly = sum(verdicts[pair] == "partly" for pair in true)
    rows = ["| kind | pairs | recall | precision |", "|---|---|---|---|"]
    for kind, count in [*sorted(false.items()), ("all", sum(false.values()))]:
        hits = caught.total() if kind == "all" else caught[kind]
        rows.append(f"| {kind} | {count} | {hits / count:.3f} | {hits / max(hits + alarms, 1):.3f} |")
    rows.append(f"\n{len(true)} true pairs: kept {1 - alarms / len(true):.3f}, of them called partly {partly}.")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--xquad", action="store_true")
    parser.add_argument("--errors", action="store_true", help="show errors, never of the held-out half")
    options = parser.parse_args()
    every = xquad_pairs(120) if options.xquad else read_pairs()
    pairs = [pair for pair in every if pair.held_out == options.held_out]
    for origin in sorted({pair.origin for pair in pairs}):
        print(f"\n{origin}\n{figures([pair for pair in pairs if pair.origin == origin])}")
    if options.errors and not options.held_out:
        for pair in pairs:
            found = judge(pair.statement, pair.quote)
            if (found.support == "unsupported") == pair.true:
                print(
                    f"\n{pair.origin} {pair.kind}: {found.support} {found.reasons}\n  {pair.statement}\n  {pair.quote}"
                )


if __name__ == "__main__":
    main()

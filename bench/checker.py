"""Measures rag.check on statement-quote pairs: recall of "unsupported" by kind, its precision, paraphrases kept.

python bench/checker.py             the half that may be looked at, with its errors
python bench/checker.py --held-out  figures of the other half only
python bench/checker.py --xquad     pairs that the perturber makes from XQuAD's contexts

XQuAD is read from NEWSDESK_DATA or ../shared/data; without it, hand-written pairs about it are left out.

Recall of a kind: the share of the pairs made false that way that were called unsupported, for whatever reason.
Precision of a kind: of all pairs called unsupported for a reason of that kind, the share that is unsupported.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from perturb import Pair, perturbed, read_pairs, sample, xquad_contexts  # noqa: E402

from rag.check import judge  # noqa: E402

REASONS = {
    "another date": "date",
    "denies": "negation",
    "opposite": "opposite",
    "exchanged": "swap",
    "tells another": "merge",
    "counts something else": "merge",
}
"""Words of rag.check's reasons -> the kind that they claim."""
FACTS = ("number", "name", "date")
"""The kinds that the goals are set for."""


def xquad_pairs(count: int) -> list[Pair]:
    """Pairs from sentences of XQuAD's fit half, by the perturber alone."""
    true = []
    for context in dict.fromkeys(xquad_contexts().values()):
        found = re.split(r"(?<=[a-z][.]) (?=[A-Z])", context)[:2]
        true += [Pair(text, " ".join(found), "paraphrase", True, "xquad") for text in found if 40 < len(text) < 250]
    return sample(list(perturbed(true)), count)


def figures(pairs: Sequence[Pair]) -> str:
    """A table: kind, pairs, recall, precision; then how many true pairs were kept."""
    checks = {pair: judge(pair.statement, pair.quote) for pair in pairs}
    struck = [pair for pair in pairs if checks[pair].support == "unsupported"]
    false = Counter(pair.kind for pair in pairs if not pair.true)
    caught = Counter(pair.kind for pair in struck if not pair.true)
    called = Counter(kind_of(checks[pair].reasons[0]) for pair in struck)
    rightly = Counter(kind_of(checks[pair].reasons[0]) for pair in struck if not pair.true)
    rows = ["| kind | false pairs | recall | called so | precision |", "|---|---|---|---|---|"]
    groups = {kind: (kind,) for kind in sorted(false)} | {"number, name, date": FACTS, "all": (*false, "coverage")}
    for name, kinds in groups.items():
        told, hits, claims, right = (sum(table[kind] for kind in kinds) for table in (false, caught, called, rightly))
        precision = f"{right / claims:.3f}" if claims else ""  # a wrong unit is a wrong number to the checker
        rows.append(f"| {name} | {told} | {hits / max(told, 1):.3f} | {claims} | {precision} |")
    true = [pair for pair in pairs if pair.true]
    kept = sum(checks[pair].passes for pair in true) / max(len(true), 1)
    partly = sum(checks[pair].support == "partly" for pair in true)
    rows.append(f"\n{len(true)} true pairs: kept {kept:.3f}, of them called partly {partly}.")
    return "\n".join(rows)


def kind_of(reason: str) -> str:
    """The kind of falsehood that a reason of rag.check claims to have found.

    >>> kind_of("no 'oslo' in the quote"), kind_of("no 3m in the quote"), kind_of("another date than 2021--")
    ('name', 'number', 'date')
    """
    for words, kind in REASONS.items():
        if words in reason:
            return kind
    return "name" if reason.startswith("no '") else "number" if reason.startswith("no ") else "coverage"


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
    print(f"\nall of them\n{figures(pairs)}")
    if options.errors and not options.held_out:
        for pair in pairs:
            found = judge(pair.statement, pair.quote)
            if found.passes != pair.true:
                about = f"{pair.origin} {pair.kind}: {found.support} {found.reasons}"
                print(f"\n{about}\n  {pair.statement}\n  {pair.quote}")


if __name__ == "__main__":
    main()

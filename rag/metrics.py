"""Measures of evaluation, as pure functions of lists and numbers. It knows neither data sets nor the bot.

Where a standard library has the measure it is taken from there: ranking measures come from ir-measures. Every function
says what it does with nothing: None means "not defined here", and the mean over questions counts only what is defined.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = frozenset(string.punctuation + "“”‘’„«»–—…")
Span = tuple[str, int, int]
"""An article id and `[start, end)` in it."""

# ---- answers


def normalised(text: str) -> str:
    """SQuAD's normalisation: lower case, no punctuation, no English articles, single blanks. Typographic quotes go too.

    >>> normalised("The “Fleetwood” Mac.")
    'fleetwood mac'
    """
    text = unicodedata.normalize("NFC", text).lower()
    return " ".join(_ARTICLES.sub(" ", "".join(c for c in text if c not in _PUNCTUATION)).split())


def exact_match(text: str, answers: Sequence[str]) -> float | None:
    """1 where the normalised text is one of the answers; None without answers.

    >>> exact_match("the Nile", ["Nile", "River Nile"])
    1.0
    """
    return float(any(normalised(text) == normalised(a) for a in answers)) if answers else None


def token_f1(text: str, answers: Sequence[str]) -> float | None:
    """SQuAD's F1 of words, the best over the answers; None without answers.

    >>> token_f1("14 January 2026", ["January 14"])
    0.8
    """
    return max((_f1(normalised(text).split(), normalised(a).split()) for a in answers), default=None)


def _f1(one: Sequence[str], other: Sequence[str]) -> float:
    if not one or not other:
        return float(one == other)
    common = sum((Counter(one) & Counter(other)).values())
    return 2 * common / (len(one) + len(other))


def contains_answer(text: str, answers: Sequence[str]) -> bool | None:
    """Whether the text has one of the answers as whole words; None without answers.

    >>> contains_answer("It rose to 3,200 by May.", ["3,200"]), contains_answer("13,200", ["3,200"])
    (True, False)
    """
    if not answers:
        return None
    hay = f" {normalised(text)} "
    return any(normalised(a) != "" and f" {normalised(a)} " in hay for a in answers)


def rouge_l(text: str, answers: Sequence[str]) -> float | None:
    """ROUGE-L F1: the longest common subsequence of words, the best over the answers; None without answers.

    >>> rouge_l("police killed the gunman", ["police kill the gunman"])
    0.75
    """

    def score(one: list[str], other: list[str]) -> float:
        row = [0] * (len(other) + 1)
        for word in one:
            before = 0
            for j, candidate in enumerate(other, start=1):
                before, row[j] = row[j], before + 1 if word == candidate else max(row[j], row[j - 1])
        return 2 * row[-1] / (len(one) + len(other)) if one and other else 0.0

    words = re.findall(r"\w+", text.lower())
    return max((score(words, re.findall(r"\w+", a.lower())) for a in answers), default=None)


# ---- citations


def characters(spans: Iterable[Span]) -> set[tuple[str, int]]:
    """The characters that spans cover, each once."""
    return {(article, at) for article, start, end in spans for at in range(start, end)}


def character_overlap(cited: Iterable[Span], gold: Iterable[Span]) -> tuple[float | None, float | None]:
    """Precision and recall of cited characters; precision is None where nothing is cited, recall where nothing is gold.

    >>> character_overlap([("a", 0, 10)], [("a", 5, 25)])
    (0.5, 0.25)
    """
    have, want = characters(cited), characters(gold)
    common = len(have & want)
    return common / len(have) if have else None, common / len(want) if want else None


def covers(outer: Span, inner: Span) -> bool:
    """Whether a span holds another whole.

    >>> covers(("a", 0, 10), ("a", 2, 10)), covers(("a", 0, 10), ("b", 2, 10))
    (True, False)
    """
    return outer[0] == inner[0] and outer[1] <= inner[1] and inner[2] <= outer[2]


def entailment_scores(
    statements: Sequence[tuple[str, Sequence[str]]], entails: Callable[[str, str], bool]
) -> tuple[float | None, float | None]:
    """ALCE's citation recall and precision. A statement comes with its quotes; `entails(premise, claim)` is a model.

    Recall: the share of statements that all their quotes together entail. Precision: the share of quotes that are not
    irrelevant, that is, of a statement that holds, entail it alone or are needed for it.
    """
    held, relevant, quotes_count = 0, 0, 0
    for text, quotes in statements:
        quotes_count += len(quotes)
        if not quotes or not entails("\n".join(quotes), text):
            continue
        held += 1
        for i, quote in enumerate(quotes):
            rest = "\n".join(q for j, q in enumerate(quotes) if j != i)
            relevant += entails(quote, text) or not (rest and entails(rest, text))
    recall = held / len(statements) if statements else None
    return recall, relevant / quotes_count if quotes_count else None


# ---- retrieval

RANKING = ("Success@1", "Success@3", "Success@5", "Success@10", "R@10", "RR@10", "AP@10", "nDCG@10")
RANKING_NAMES = ("hit@1", "hit@3", "hit@5", "hit@10", "recall@10", "MRR@10", "MAP@10", "nDCG@10")


def ranking(
    relevant: Mapping[str, Mapping[str, int]], ranked: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """Question id -> measure -> value, by ir-measures; a question without relevant documents gets none.

    relevant: question -> document -> grade; ranked: question -> documents, best first (of copies the first counts).
    A question that retrieved nothing counts 0.
    """
    import ir_measures
    from ir_measures import Qrel, ScoredDoc

    asked = {q: documents for q, documents in relevant.items() if any(g > 0 for g in documents.values())}
    qrels = [Qrel(q, d, g) for q, documents in asked.items() for d, g in documents.items()]
    run = [
        ScoredDoc(q, d, float(-rank)) for q in asked for rank, d in enumerate(dict.fromkeys(ranked.get(q, ())), start=1)
    ]
    names = dict(zip(RANKING, RANKING_NAMES, strict=True))
    measures = [ir_measures.parse_measure(name) for name in RANKING]
    found = {q: dict.fromkeys(RANKING_NAMES, 0.0) for q in asked}
    if run:
        for metric in ir_measures.iter_calc(measures, qrels, run):
            found[metric.query_id][names[str(metric.measure)]] = float(metric.value)
    return found


def multihop_hits(retrieved: Sequence[str], facts: Sequence[str], k: int) -> float | None:
    """Hits@k as MultiHop-RAG counts it: 1 when any gold fact stands, blanks aside, in one of the first k texts.

    >>> multihop_hits(["none here", "the  ferry sank"], ["ferry sank"], 1)
    0.0
    >>> multihop_hits(["none here", "the  ferry sank"], ["ferry sank"], 4)
    1.0
    """
    wanted = [re.sub(r"\s", "", fact) for fact in facts if fact.strip()]
    if not wanted:
        return None
    return float(any(fact in re.sub(r"\s", "", text) for text in retrieved[:k] for fact in wanted))


# ---- refusals


def refusal_scores(refused: Sequence[bool], answerable: Sequence[bool]) -> dict[str, float | None]:
    """Precision, recall and F1 of refusing what can't be answered.

    >>> refusal_scores([True, True, False, False], [False, True, True, False])
    {'precision': 0.5, 'recall': 0.5, 'f1': 0.5}
    """
    hits = sum(r and not a for r, a in zip(refused, answerable, strict=True))
    absent = sum(not a for a in answerable)
    precision = hits / sum(refused) if any(refused) else None
    recall = hits / absent if absent else None
    f1 = 2 * hits / (sum(refused) + absent) if absent else None
    return {"precision": precision, "recall": recall, "f1": f1}


def auroc(scores: Sequence[float], positive: Sequence[bool]) -> float | None:
    """How often a positive scores above a negative, ties half; None where either is missing.

    >>> auroc([0.9, 0.4, 0.4, 0.1], [True, True, False, False])
    0.875
    """
    high = np.array([s for s, p in zip(scores, positive, strict=True) if p])
    low = np.sort(np.array([s for s, p in zip(scores, positive, strict=True) if not p]))
    if not len(high) or not len(low):
        return None
    below = np.searchsorted(low, high, side="left") + np.searchsorted(low, high, side="right")
    return float(below.sum() / (2 * len(high) * len(low)))


def risk_coverage(confidence: Sequence[float], right: Sequence[bool]) -> list[tuple[float, float, float]]:
    """(threshold, share answered, share of those wrong) for every distinct threshold, from the strictest.

    >>> risk_coverage([0.9, 0.5, 0.2], [True, False, True])
    [(0.9, 0.3333333333333333, 0.0), (0.5, 0.6666666666666666, 0.5), (0.2, 1.0, 0.3333333333333333)]
    """
    pairs = sorted(zip(confidence, right, strict=True), key=lambda pair: -pair[0])
    curve, wrong = [], 0
    for count, (score, ok) in enumerate(pairs, start=1):
        wrong += not ok
        if count == len(pairs) or pairs[count][0] != score:
            curve.append((score, count / len(pairs), wrong / count))
    return curve


def area_under_risk(curve: Sequence[tuple[float, float, float]]) -> float | None:
    """The mean risk over coverage; 0 is perfect, None without a curve."""
    total = at = 0.0
    for _, coverage, risk in curve:
        total, at = total + (coverage - at) * risk, coverage
    return total / at if at else None


def threshold_for(confidence: Sequence[float], right: Sequence[bool], *, precision: float) -> float | None:
    """The lowest threshold at which at least that share of what is answered is right; None where there is none.

    >>> threshold_for([0.9, 0.5, 0.2], [True, False, True], precision=0.6)
    0.2
    """
    reached = [threshold for threshold, _, risk in risk_coverage(confidence, right) if 1 - risk >= precision]
    return min(reached, default=None)


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a reliability plot: mean confidence and the share right of `count` questions."""

    confidence: float
    right: float
    count: int


def reliability(confidence: Sequence[float], right: Sequence[bool], *, bins: int = 10) -> list[Bin]:
    """The non-empty bins of equal width on [0, 1]."""
    groups: dict[int, list[tuple[float, bool]]] = {}
    for score, ok in zip(confidence, right, strict=True):
        groups.setdefault(min(int(score * bins), bins - 1), []).append((score, ok))
    return [
        Bin(sum(s for s, _ in g) / len(g), sum(ok for _, ok in g) / len(g), len(g)) for _, g in sorted(groups.items())
    ]


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """Expected calibration error: the mean gap between confidence and share right, by count."""
    total = sum(b.count for b in bins)
    return sum(abs(b.confidence - b.right) * b.count for b in bins) / total if total else None


# ---- means, intervals, comparisons

SAMPLES = 2_000


def bootstrap_interval(values: Sequence[float], *, seed: int = 0) -> tuple[float, float] | None:
    """The 95 % percentile interval of the mean over resampled questions; None without values.

    >>> bootstrap_interval([1.0, 1.0, 1.0])
    (1.0, 1.0)
    """
    if not values:
        return None
    data = np.asarray(values, dtype=float)
    random = np.random.default_rng(seed)
    means = [data[random.integers(0, len(data), len(data))].mean() for _ in range(SAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def bootstrap_of(
    statistic: Callable[[Sequence[int]], float | None], count: int, *, seed: int = 0, samples: int = 500
) -> tuple[float, float] | None:
    """The 95 % percentile interval of a statistic that isn't a mean; it is given the numbers of resampled questions.

    Resamples in which it isn't defined are left out; None where it is defined in none.
    """
    random = np.random.default_rng(seed)
    drawn = (statistic(random.integers(0, count, count).tolist()) for _ in range(samples if count else 0))
    values = [value for value in drawn if value is not None]
    if not values:
        return None
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def randomisation_p(before: Sequence[float], after: Sequence[float], *, seed: int = 0, samples: int = 10_000) -> float:
    """How likely a mean fall as large as this one is by chance: a one-sided paired randomisation test.

    Signs of the differences are flipped: all combinations up to 2^13, else `samples` random ones and the observed one.
    1 where nothing differs.

    >>> randomisation_p([1, 1, 1], [0, 0, 0])
    0.125
    """
    differences = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    moved = differences[differences != 0]
    if not len(moved):
        return 1.0
    observed = moved.sum()
    if len(moved) <= 13:
        signs = 1 - 2 * ((np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved))) & 1)
        return float(((signs @ moved) <= observed + 1e-12).mean())
    random = np.random.default_rng(seed)
    hits = 0
    for _ in range(samples):
        signs = random.integers(0, 2, len(moved)) * 2 - 1
        hits += bool(signs @ moved <= observed + 1e-12)
    return (hits + 1) / (samples + 1)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99, linearly interpolated; {} without values.

    >>> percentiles([1.0, 2.0, 3.0])["p50"]
    2.0
    """
    if not values:
        return {}
    return dict(zip(("p50", "p95", "p99"), map(float, np.percentile(values, [50, 95, 99])), strict=True))

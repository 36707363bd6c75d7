"""What ranks the passages that were read, and how sure newsdesk is that the collection answers: fitted, never by hand.

Both are logistic models over the same evidence. The ranking adds the fused score, which is relative to its query; the
confidence leaves it out, so that it means the same in a collection of one article and of a million. The values shipped
in fitted.json come from `python -m bench.fit`, others from `newsdesk evaluate --fit`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from rag.read import logit, sigmoid
from rag.types import Reading, Retrieved

THRESHOLDS = np.linspace(0.05, 0.95, 91)
"""Those that are tried."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """For a passage: the reader's relevance (log-odds), its best span's score (summed logits) and the cosine.

    sentence: the cosine of the sentence that would be quoted; 0 until sentences are compared.
    """

    relevance: float
    span: float
    cosine: float
    sentence: float = 0.0

    @classmethod
    def of(cls, retrieved: Retrieved, reading: Reading) -> Evidence:
        span = max((span.score for span in reading.spans), default=0.0)
        return cls(logit(reading.relevance), span, retrieved.dense or 0.0)

    def weighed(self, weights: Mapping[str, float]) -> float:
        return sum(weights[f.name] * float(getattr(self, f.name)) for f in fields(self))


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights and the threshold, with the digests of the models that they were fitted for.

    rank: weights of the fused score and of the evidence; confidence: those of the evidence, and an intercept.
    """

    embedder: str
    reader: str
    rank: Mapping[str, float]
    confidence: Mapping[str, float]
    refuse_below: float

    @classmethod
    def bundled(cls) -> Fitted:
        values = json.loads(files("rag").joinpath("fitted.json").read_text("utf-8"))
        return cls(*(values[f.name] for f in fields(cls)))

    def fits(self, *, embedder: str, reader: str) -> bool:
        """Whether these values were fitted for these models."""
        return (self.embedder, self.reader) == (embedder, reader)

    def rank_score(self, fused: float, evidence: Evidence) -> float:
        """Log-odds, up to a constant of the query, that the passage is the one that answers."""
        return self.rank["fused"] * fused + evidence.weighed(self.rank)

    def probability(self, evidence: Evidence) -> float:
        """The confidence, where this is the evidence of the passage that ranks first."""
        return sigmoid(self.confidence["intercept"] + evidence.weighed(self.confidence))


def fit_rank(questions: Sequence[tuple[Sequence[tuple[float, Evidence]], int]]) -> dict[str, float]:
    """Rank weights from passages (fused, evidence) and the index of the one that answers.

    Raises ValueError where no question has two passages. The weight of `sentence` is fitted after it, by
    `fit_sentence`: here it is 0.
    """
    rows = [([[fused, *astuple(evidence)] for fused, evidence in passages], right) for passages, right in questions]
    return dict(zip(("fused", *_names()), _pairwise(rows), strict=True))


def fit_sentence(questions: Sequence[tuple[Sequence[tuple[float, float]], int]]) -> float:
    """The rank weight of a sentence's cosine, from candidates (score without it, cosine) and the right one's index.

    Raises ValueError where no question has two candidates.
    """
    score, cosine = _pairwise(questions)
    return cosine / score if score > 0 else 0.0


def _pairwise(questions: Sequence[tuple[Sequence[Sequence[float]], int]]) -> list[float]:
    """Logistic regression on pairs: each question's right row against each of its others; a weight a column."""
    differences = [
        np.subtract(rows[right], row) for rows, right in questions for i, row in enumerate(rows) if i != right
    ]
    if not differences:
        raise ValueError("fitting the ranking needs questions with more than one passage")
    x = np.array(differences)
    return list(map(float, _logistic(np.concatenate([x, -x]), np.repeat([1.0, 0.0], len(x)))))


def fit_confidence(
    examples: Sequence[tuple[Evidence, bool]], *, answered: float | None = None
) -> tuple[dict[str, float], float]:
    """Confidence weights and a threshold from the evidence of first-ranked passages and whether they answered.

    The threshold gives the best F1 of telling unanswerable questions, or, with `answered`, lets that share of the
    answerable ones through. Raises ValueError where all labels are alike.
    """
    x = np.array([[1.0, *astuple(evidence)] for evidence, _ in examples])
    y = np.array([float(answerable) for _, answerable in examples])
    if not len(y) or not 0 < y.sum() < len(y):
        raise ValueError("fitting needs answerable and unanswerable questions")
    weights = _logistic(x, y)
    p = _sigmoid(x @ weights)
    if answered is not None:
        threshold = float(np.quantile(p[y == 1], 1 - answered))
    else:

        def refusal_f1(t: float) -> float:
            refused, absent = p < t, y == 0
            return 2 * float((refused & absent).sum()) / max(float(refused.sum() + absent.sum()), 1.0)

        threshold = float(max(THRESHOLDS, key=refusal_f1))
    return dict(zip(("intercept", *_names()), map(float, weights), strict=True)), round(threshold, 2)


def _names() -> list[str]:
    return [f.name for f in fields(Evidence)]


def _sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))))


def _logistic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logistic regression by Newton's method, with a small ridge on the scaled columns.

    >>> _logistic(np.array([[1.0], [1.0], [1.0], [-1.0]]), np.array([1.0, 1.0, 0.0, 0.0])).round(1)
    array([1.1])
    """
    scale = np.sqrt((x**2).mean(axis=0)) + 1e-9
    z, ridge = x / scale, 1e-3 * len(y) * np.eye(x.shape[1])
    weights = np.zeros(x.shape[1])
    for _ in range(50):
        p = _sigmoid(z @ weights)
        gradient = z.T @ (y - p) - ridge @ weights
        hessian = (z * (p * (1 - p))[:, None]).T @ z + ridge
        weights += np.linalg.solve(hessian, gradient)
    return np.asarray(weights / scale)

"""How sure newsdesk is that the collection answers a question, as a probability; fitted, never tuned by hand.

A logistic model over values that mean the same in a collection of one article and of a million: the reader's logit, the
raw cosine and the share of the question's words that the passage has. The fused score is relative to its query and so
has no part in it. `newsdesk evaluate --fit` fits it; the values shipped in fitted.json were fitted on xquad_fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from rag.read import logit, sigmoid


@dataclass(frozen=True, slots=True)
class Features:
    """Of the passage ranked first: reader logit, cosine to the question, share of the question's words in it."""

    relevance: float
    cosine: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights and the threshold, with the digests of the models that they were fitted for."""

    embedder: str
    reader: str
    rank_weight: float
    weights: Mapping[str, float]
    refuse_below: float

    @classmethod
    def bundled(cls) -> Fitted:
        values = json.loads(files("rag").joinpath("fitted.json").read_text("utf-8"))
        return cls(
            values["embedder"], values["reader"], values["rank_weight"], values["confidence"], values["refuse_below"]
        )

    def fits(self, *, embedder: str, reader: str) -> bool:
        """Whether these values were fitted for these models."""
        return (self.embedder, self.reader) == (embedder, reader)

    def confidence(self, features: Features) -> float:
        w = self.weights
        z = w["intercept"] + w["relevance"] * features.relevance + w["cosine"] * features.cosine
        return sigmoid(z + w["coverage"] * features.coverage)


def features(relevance: float, cosine: float | None, coverage: float) -> Features:
    """From a probability, a cosine (None counts as 0) and a share."""
    return Features(logit(relevance), cosine or 0.0, coverage)


def fit(examples: Sequence[tuple[Features, bool]], *, precision: float | None = None) -> tuple[dict[str, float], float]:
    """Logistic weights (Newton's method with a small ridge) and a threshold.

    The threshold gives the best F1 of telling unanswerable questions, or, with `precision`, the smallest threshold at
    which answered questions are answerable in at least that share. Raises ValueError where all labels are alike.
    """
    x = np.array([[1.0, f.relevance, f.cosine, f.coverage] for f, _ in examples])
    y = np.array([float(answerable) for _, answerable in examples])
    if not 0 < y.sum() < len(y):
        raise ValueError("fitting needs answerable and unanswerable questions")
    w = np.zeros(x.shape[1])
    ridge = np.diag([0.0, *[1e-3] * (x.shape[1] - 1)])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        gradient = x.T @ (y - p) - ridge @ w
        hessian = (x * (p * (1 - p))[:, None]).T @ x + ridge
        w += np.linalg.solve(hessian + 1e-9 * np.eye(len(w)), gradient)
    p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
    thresholds = np.linspace(0.05, 0.95, 91)
    if precision is not None:
        reached = [t for t in thresholds if (p >= t).any() and y[p >= t].mean() >= precision]
        threshold = float(min(reached, default=thresholds[-1]))
    else:

        def refusal_f1(t: float) -> float:
            refused, absent = p < t, y == 0
            hits = float((refused & absent).sum())
            return 2 * hits / max(float(refused.sum() + absent.sum()), 1.0)

        threshold = float(max(thresholds, key=refusal_f1))
    return dict(zip(("intercept", "relevance", "cosine", "coverage"), map(float, w), strict=True)), round(threshold, 2)

"""An entailment model by name, as a function that rag.check may ask. It leaves out judging.

Any sentence-transformers CrossEncoder with the labels contradiction, entailment and neutral does; none is bundled.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from index.errors import ModelMissing
from rag.check import Entails


def load_entailment(name: str) -> Entails:
    """(quote, statement) -> the probability of entailment. Raises ModelMissing for a model without such a label."""
    if Path(name).is_absolute() and not Path(name).is_dir():
        raise ModelMissing(f"entailment_model {name!r} is not a folder")  # a hub would be asked for it, at length
    from sentence_transformers import CrossEncoder

    try:
        model = CrossEncoder(name)
    except Exception as error:  # loading raises whatever its libraries raise
        why = type(error).__name__
        raise ModelMissing(f"entailment_model {name!r} cannot be loaded ({why}): give a folder or a hub name") from None
    labels = {str(label).lower(): int(at) for at, label in model.model.config.id2label.items()}
    if "entailment" not in labels:
        raise ModelMissing(f"entailment_model {name!r} has no label 'entailment', but {', '.join(labels)}")

    def entails(quote: str, statement: str) -> float:
        scores = np.asarray(model.predict([(quote, statement)], show_progress_bar=False), dtype=float).reshape(-1)
        odds = np.exp(scores - scores.max())
        return float(odds[labels["entailment"]] / odds.sum())

    return entails

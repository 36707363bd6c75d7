"""An entailment model by name, with a tiny untrained one: that its label is found, not that it is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.embedding import minilm_folder
from index.errors import ModelMissing
from rag.entail import load_entailment


def tiny(folder: Path, *labels: str) -> Path:
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        id2label=dict(enumerate(labels)),
        label2id={label: at for at, label in enumerate(labels)},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_probability_comes_back(tmp_path: Path) -> None:
    entails = load_entailment(str(tiny(tmp_path, "contradiction", "entailment", "neutral")))
    assert 0.0 < entails("It rained.", "It rained.") < 1.0


def test_a_model_without_the_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="no label 'entailment', but good, bad"):
        load_entailment(str(tiny(tmp_path, "good", "bad")))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="is not a folder"):
        load_entailment(str(tmp_path / "none"))

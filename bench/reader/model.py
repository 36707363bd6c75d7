"""The network: a BERT encoder with a span head and a relevance head, and how questions and passages enter it."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from bench.reader.data import Example
from index.embedding import minilm_folder
from rag.read import QUESTION_TOKENS, TITLE_TOKENS
from rag.words import STOP_WORDS

PASSAGE_TOKENS = 160
"""Longer passages are cut to a window that holds the answer somewhere."""


class ReaderModel(nn.Module):
    """`forward` gives span logits (batch, tokens, 2) and relevance logits (batch,)."""

    def __init__(self, *, attention: str = "sdpa") -> None:
        super().__init__()
        config = BertConfig(
            vocab_size=30522,
            hidden_size=384,
            num_hidden_layers=6,
            num_attention_heads=12,
            intermediate_size=1536,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            attn_implementation=attention,
        )
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.span = nn.Linear(384, 2)
        self.relevance = nn.Linear(384, 1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        return self.span(hidden), self.relevance(hidden[:, 0]).squeeze(-1)

    @classmethod
    def start(cls, weights: Path | None, *, attention: str = "sdpa") -> ReaderModel:
        """From a reader's safetensors, or, without one, the encoder of all-MiniLM-L6-v2 and fresh heads."""
        model = cls(attention=attention)
        if weights is not None:
            state = {k: v.float() for k, v in load_file(weights).items() if ".pooler." not in k}
            model.load_state_dict(state)
        else:
            state = load_file(minilm_folder() / "model.safetensors")
            model.encoder.load_state_dict({k: v for k, v in state.items() if not k.startswith("pooler.")}, strict=False)
        return model


@dataclass(frozen=True, slots=True)
class Encoded:
    """One input; `span` are the first and last token of the answer, None where there is none."""

    ids: list[int]
    types: list[int]
    span: tuple[int, int] | None


class Encoder:
    """`[CLS] question [SEP] title [SEP] passage [SEP]` as at answering (`rag.read`)."""

    def __init__(self) -> None:
        from tokenizers import Tokenizer

        self.tokenizer: Any = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.cls, self.sep, self.mask = (self.tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]", "[MASK]"))
        common = (*STOP_WORDS, *string.punctuation)
        self.common = {self.cls, self.sep, *(self.tokenizer.token_to_id(word) for word in common)}

    def __call__(self, example: Example, *, titled: bool, random: random.Random) -> Encoded:
        question = self.tokenizer.encode(example.question, add_special_tokens=False).ids[:QUESTION_TOKENS]
        head = [self.cls, *question, self.sep]
        if titled and example.title:
            head += [*self.tokenizer.encode(example.title, add_special_tokens=False).ids[:TITLE_TOKENS], self.sep]
        passage = self.tokenizer.encode(example.text, add_special_tokens=False)
        span = None
        if example.answer is not None:
            start, end = example.answer
            inside = [i for i, (a, b) in enumerate(passage.offsets) if a < end and b > start]
            span = (inside[0], inside[-1]) if inside else None
        size = len(passage.ids)
        low, high = 0, max(size - PASSAGE_TOKENS, 0)
        if span is not None:
            low, high = max(span[1] + 1 - PASSAGE_TOKENS, 0), min(span[0], high)
        at = random.randint(min(low, high), high) if size > PASSAGE_TOKENS else 0
        part = passage.ids[at : at + PASSAGE_TOKENS]
        moved = None
        if span is not None and span[1] - at < len(part):
            moved = (span[0] - at + len(head), span[1] - at + len(head))
        return Encoded([*head, *part, self.sep], [0] * len(head) + [1] * (len(part) + 1), moved)

    def obscured(self, encoded: Encoded, *, random: random.Random) -> Encoded:
        """Half of the passage's tokens that the question has too become [MASK], those of the answer excepted.

        Questions written beside their passage copy its words; who asks a collection doesn't know them. Without this,
        relevance is learnt as overlap.
        """
        question = set(encoded.ids[: encoded.ids.index(self.sep)]) - self.common
        low, high = encoded.span or (-1, -1)
        ids = [
            self.mask if kind == 1 and token in question and not low <= i <= high and random.random() < 0.5 else token
            for i, (token, kind) in enumerate(zip(encoded.ids, encoded.types, strict=True))
        ]
        return Encoded(ids, encoded.types, encoded.span)


def batch(inputs: Sequence[Encoded]) -> tuple[Tensor, Tensor, Tensor]:
    """Padded ids, mask and types, each (inputs, tokens)."""
    width = max(len(x.ids) for x in inputs)
    ids, mask, types = (torch.zeros((len(inputs), width), dtype=torch.long) for _ in range(3))
    for row, x in enumerate(inputs):
        size = len(x.ids)
        ids[row, :size], types[row, :size], mask[row, :size] = torch.tensor(x.ids), torch.tensor(x.types), 1
    return ids, mask, types

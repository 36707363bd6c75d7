"""Trains the reader: `python -m bench.reader.train [--start reader.safetensors]`; `make train-reader` does it all.

Loss: cross-entropy of span start and end on the positives, cross-entropy of each positive among it and its negative,
and binary cross-entropy of the relevance. AdamW with linear decay, embeddings frozen, no dropout. A second call goes on
from the last checkpoint; the order of examples and negatives is a function of the seed alone. bfloat16 is used where
the processor has it; elsewhere PyTorch emulates it, twenty times slower than float32.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from bench.reader.data import Example, mine, perturbed, training, written_articles, written_examples
from bench.reader.model import Encoded, Encoder, ReaderModel, batch
from rag.settings import load_settings

TAKE = {"tweetqa": 1_500, "policyqa": 1_000}
"""How many questions of the sources that are furthest from news and encyclopaedias; of the others all."""
WRITTEN = 4
"""Epochs of the written questions to one of the others."""
POSITIVES = 16
PERTURBED = 0.5
"""So many of the negatives are, where that can be, the question's own passage under a changed question."""
OBSCURED = 0.4
"""In so many pairs half of the words that question and passage share are masked in the passage."""
CHECKPOINT_STEPS = 50
BUCKET = 20
"""So many batches are sorted by length together."""

Posed = tuple[Example, Sequence[Example]]
"""A question with its passage, and what does not answer: other passages, or other questions, the hardest first."""
Pair = tuple[Encoded, Encoded]


def posed(path: Path, negatives: Path, *, dense: bool, seed: int) -> list[Posed]:
    """Everything to train on, shuffled. `negatives`: a file that keeps what was mined."""
    examples = training(path, take=TAKE)
    if not negatives.exists():
        negatives.write_text(json.dumps(mine(examples, dense=dense)), "utf-8")
    found: list[Posed] = []
    for e, mined in zip(examples, json.loads(negatives.read_text("utf-8")), strict=True):
        found.append((e, [replace(examples[i], question=e.question, answer=None) for i in mined]))
    found += WRITTEN * written_examples(written_articles(held=False))
    random.Random(seed).shuffle(found)
    return found


def pair(everything: Sequence[Posed], i: int, *, questions: Sequence[str], encode: Encoder, seed: int) -> Pair:
    """Example `i` with its passage, and with a negative. questions: those that lend names and numbers."""
    chance = random.Random(f"{seed}:{i}")
    positive, against = everything[i]
    titled = chance.random() < 0.5
    negative = None
    if positive.source != "written" and chance.random() < PERTURBED:
        negative = perturbed(positive, questions, random=chance)
    if negative is None and against:
        # The smaller of two draws: nearer the top is likelier.
        negative = against[min(chance.randrange(len(against)), chance.randrange(len(against)))]
    if negative is None:
        negative = replace(chance.choice(everything)[0], question=positive.question, answer=None)
    one, other = (encode(e, titled=titled, random=chance) for e in (positive, negative))
    if chance.random() < OBSCURED:
        return encode.obscured(one, random=chance), encode.obscured(other, random=chance)
    return one, other


def batches(everything: Sequence[Posed], *, limit: int, seed: int) -> Iterator[list[Pair]]:
    """`limit // POSITIVES` batches, each of pairs of like length, in a fixed order."""
    encode, questions = Encoder(), [positive.question for positive, _ in everything]
    for at in range(0, limit, POSITIVES * BUCKET):
        chosen = range(at, min(at + POSITIVES * BUCKET, limit // POSITIVES * POSITIVES))
        held = [pair(everything, i, questions=questions, encode=encode, seed=seed) for i in chosen]
        held.sort(key=lambda p: max(len(x.ids) for x in p))
        some = [held[start : start + POSITIVES] for start in range(0, len(held), POSITIVES)]
        random.Random(f"{seed}:{at}").shuffle(some)
        yield from some


def losses(model: ReaderModel, group: Sequence[Pair], *, bfloat16: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Span, listwise and binary cross-entropy of the batch."""
    ids, mask, types = batch([p for p, _ in group] + [n for _, n in group])
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        span, relevance = model(ids, mask, types)
    count = len(group)
    logits = span[:count].float().masked_fill((types[:count] == 0).unsqueeze(-1), -1e4)
    # An answer outside its window has no target; cross_entropy leaves -100 out.
    targets = torch.tensor([p.span or (-100, -100) for p, _ in group])
    spans = sum(functional.cross_entropy(logits[..., side], targets[:, side]) for side in (0, 1))
    scores = relevance.float().view(2, count).T
    listwise = functional.cross_entropy(scores, torch.zeros(count, dtype=torch.long))
    truth = torch.cat([torch.ones(count), torch.zeros(count)])
    binary = functional.binary_cross_entropy_with_logits(relevance.float(), truth)
    return torch.as_tensor(spans) / 2, listwise, binary


def rate_at(step: int, steps: int) -> float:
    """Share of the highest learning rate: up over the first twentieth, then down to nothing.

    >>> rate_at(0, 100), rate_at(4, 100), rate_at(100, 100)
    (0.2, 1.0, 0.0)
    """
    warm = max(steps // 20, 1)
    return min((step + 1) / warm, (steps - step) / (steps - warm) if steps > warm else 1.0, 1.0)


class Checkpoint:
    """Weights and optimiser state as safetensors, each replaced whole."""

    def __init__(self, folder: Path) -> None:
        self.weights = folder / "reader.safetensors"
        self._state = folder / "optimiser.safetensors"

    def save(self, model: ReaderModel, optimiser: torch.optim.Optimizer, step: int) -> None:
        moments = {
            f"{i}.{key}": value for i, state in optimiser.state_dict()["state"].items() for key, value in state.items()
        }
        self._replace(self.weights, dict(model.state_dict()))
        self._replace(self._state, {**moments, "steps": torch.tensor(step)})

    def load(self, model: ReaderModel, optimiser: torch.optim.Optimizer) -> int:
        """The steps done; 0 where nothing was saved."""
        if not self._state.exists():
            return 0
        model.load_state_dict(load_file(self.weights))
        moments = load_file(self._state)
        steps = int(moments.pop("steps"))
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in moments.items():
            i, key = name.split(".", 1)
            state.setdefault(int(i), {})[key] = value
        optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
        return steps

    @staticmethod
    def _replace(path: Path, tensors: dict[str, Tensor]) -> None:
        aside = path.with_suffix(".tmp")
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, aside)
        aside.replace(path)


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself."""
    try:
        return any(flag in Path("/proc/cpuinfo").read_text("utf-8") for flag in ("avx512_bf16", "amx_bf16"))
    except OSError:
        return False


def train(options: argparse.Namespace) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    everything = posed(
        load_settings().data / "reader" / "train.jsonl.gz",
        options.out / "negatives.json",
        dense=not options.no_dense,
        seed=options.seed,
    )
    limit = min(options.limit, len(everything))
    steps = limit // POSITIVES

    model = ReaderModel.start(options.start)
    model.encoder.embeddings.requires_grad_(False)
    model.encoder.encoder.layer[: options.frozen_layers].requires_grad_(False)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=options.rate, weight_decay=0.01)
    checkpoint = Checkpoint(options.out)
    done = checkpoint.load(model, optimiser)
    bfloat16 = has_bfloat16()
    smooth: list[float] = []
    with tqdm(total=steps, initial=done, desc="training", unit="step", mininterval=5) as bar:
        for step, group in enumerate(batches(everything, limit=limit, seed=options.seed)):
            if step < done:
                continue
            for settings in optimiser.param_groups:
                settings["lr"] = options.rate * rate_at(step, steps)
            parts = losses(model, group, bfloat16=bfloat16)
            optimiser.zero_grad(set_to_none=True)
            torch.stack(parts).sum().backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            now = [float(p.detach()) for p in parts]
            smooth = [0.97 * a + 0.03 * b for a, b in zip(smooth or now, now, strict=True)]
            bar.set_postfix_str("span {:.3f}, list {:.3f}, binary {:.3f}".format(*smooth), refresh=False)
            bar.update()
            if (step + 1) % CHECKPOINT_STEPS == 0 or step + 1 == steps:
                checkpoint.save(model, optimiser, step + 1)
    print(f"{checkpoint.weights} after {steps} steps; next: python -m bench.reader.export")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--start", type=Path, help="a reader's safetensors to go on from")
    parser.add_argument("--out", type=Path, default=Path("bench/out/reader"))
    parser.add_argument("--rate", type=float, default=1.5e-4, help="AdamW's highest learning rate")
    parser.add_argument("--limit", type=int, default=10**9, help="positives to train on at most")
    parser.add_argument("--no-dense", action="store_true", help="negatives by BM25 only, which embeds nothing")
    parser.add_argument("--frozen-layers", type=int, default=0, help="so many of the six layers, from below, stay")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    try:
        train(options)
    except KeyboardInterrupt:
        print(
            f"\nStopped. The last checkpoint is in {options.out}; the same command goes on from there.", file=sys.stderr
        )
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()

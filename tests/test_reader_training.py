"""The reader's training: targets, negatives, and that an interrupted run ends where an uninterrupted one does."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.reader import train
from bench.reader.data import Example, example, held_out, mine, perturbed, training
from bench.reader.model import Encoder
from rag.read import TITLE_TOKENS

PLACES = ("Oslo", "Lima", "Quito", "Accra", "Perth", "Turin", "Dakar", "Sofia", "Minsk", "Hanoi", "Kyoto", "Cairo")


def row(place: str, year: int) -> dict[str, Any]:
    text = f"The harbour of {place} was opened in {year} by the mayor. It has {year % 7 + 2} docks."
    return {
        "id": place,
        "source": "squadshifts_new_wiki",
        "title": f"Port_of_{place}",
        "context": text,
        "question": f"When was the harbour of {place} opened?",
        "answers": {"text": [str(year), f"in {year}", str(year)], "answer_start": [text.index(str(year))] * 3},
    }


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    made = [row(f"{place} {n}", 1900 + 5 * i + n) for i, place in enumerate(PLACES) for n in range(4)]
    return [r for r in made if not held_out(r["context"])]


@pytest.fixture
def data(tmp_path: Path, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "reader").mkdir()
    with gzip.open(tmp_path / "reader" / "train.jsonl.gz", "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(r) + "\n" for r in [*rows, {**rows[0], "source": "covidqa"}])
    monkeypatch.setenv("NEWSDESK_DATA", str(tmp_path))
    monkeypatch.setattr(train, "written_articles", lambda *, held: [])
    return tmp_path


def test_the_most_frequent_answer_is_the_target() -> None:
    e = example(row("Oslo", 1921))
    assert e.answer and e.text[slice(*e.answer)] == "1921" and e.title == "Port of Oslo"


def test_covidqa_and_held_out_contexts_are_never_trained_on(data: Path, rows: list[dict[str, Any]]) -> None:
    chosen = training(data / "reader" / "train.jsonl.gz", take={})
    assert len(chosen) == len(rows)
    assert not any(held_out(e.text) or e.source == "covidqa" for e in chosen)
    assert chosen == training(data / "reader" / "train.jsonl.gz", take={})


@pytest.mark.parametrize("dense", [False, True])
def test_negatives_look_alike_and_lack_the_answer(rows: list[dict[str, Any]], dense: bool) -> None:
    examples = [example(r) for r in rows]
    wordless = replace(examples[0], question="Zanzibar?")  # no passage holds its words: BM25 ranks nothing
    *mined, unranked = mine([*examples, wordless], dense=dense)
    assert all(mined) and bool(unranked) == dense
    for e, negatives in zip(examples, mined, strict=True):
        assert not any(answer in examples[i].text for i in negatives for answer in e.answers)
    # The harbours of the same place come before those of others.
    place = examples[0].question.split()[-3]
    assert place in examples[mined[0][0]].text


def test_a_changed_question_is_not_answered_by_its_passage(rows: list[dict[str, Any]]) -> None:
    examples = [example(r) for r in rows]
    changed = perturbed(examples[0], [e.question for e in examples], random=random.Random(4))
    assert changed and changed.answer is None and changed.text == examples[0].text
    assert changed.question != examples[0].question


def test_a_long_passage_is_cut_round_its_answer() -> None:
    text = "word " * 900 + "The answer is forty-two. " + "more " * 900
    start = text.index("forty-two")
    e = Example("What is it?", "A title " * 40, text, (start, start + 9), ("forty-two",), "x")
    encode = Encoder()
    encoded = encode(e, titled=True, random=random.Random(1))
    assert encoded.span and encoded.types[encoded.span[0]] == 1
    first, last = encoded.span
    assert encode.tokenizer.decode(encoded.ids[first : last + 1]) == "forty - two"
    assert encoded.types.count(0) <= 2 + 10 + TITLE_TOKENS + 1


def test_obscuring_masks_shared_words_but_neither_answer_nor_question(rows: list[dict[str, Any]]) -> None:
    encode = Encoder()
    e = Example(
        "When was the harbour opened?", "", "The harbour was opened when the harbour master came.", (4, 11), (), ""
    )
    encoded = encode(e, titled=False, random=random.Random(1))
    masked = [encode.obscured(encoded, random=random.Random(seed)) for seed in range(20)]
    texts = {encode.tokenizer.decode(m.ids[encoded.types.index(1) :], skip_special_tokens=False) for m in masked}
    assert "the harbour was [MASK] when the [MASK] master came. [SEP]" in texts
    assert all(text.startswith("the harbour was") and "when the" in text for text in texts)
    assert all(m.ids[: encoded.types.index(1)] == encoded.ids[: encoded.types.index(1)] for m in masked)


def test_an_interrupted_run_ends_like_an_uninterrupted_one(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import load_file

    monkeypatch.setattr(train, "CHECKPOINT_STEPS", 1)
    arguments = ["--limit", "32", "--no-dense", "--frozen-layers", "5", "--threads", "1"]
    train.main([*arguments, "--out", str(tmp_path / "whole")])
    real, calls = train.losses, []

    def interrupted(*args: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(train, "losses", interrupted)
    with pytest.raises(SystemExit, match="130"):
        train.main([*arguments, "--out", str(tmp_path / "halves")])
    assert "goes on from there" in capsys.readouterr().err
    monkeypatch.setattr(train, "losses", real)
    train.main([*arguments, "--out", str(tmp_path / "halves")])
    whole, halves = (load_file(tmp_path / name / "reader.safetensors") for name in ("whole", "halves"))
    assert whole.keys() == halves.keys()
    assert all((whole[name] == halves[name]).all() for name in whole)

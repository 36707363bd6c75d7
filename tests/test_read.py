from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from index.errors import ModelMissing
from index.types import Passage
from rag.read import OnnxReader, best_spans, load_reader, logit, sigmoid, whole
from rag.rerank import ReaderReranker

TEXT = "The bridge was opened by Queen Sonja on 3 July 1992. It cost 42 million crowns and carries the road to Bodø."


@pytest.fixture(scope="module")
def reader() -> OnnxReader:
    return load_reader(threads=1)


def passage(text: str, at: int = 0, title: str = "") -> Passage:
    return Passage(f"a#{at}-{at + len(text)}", "a", at, at + len(text), text, title=title)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who opened the bridge?", "Queen Sonja"),
        ("When was the bridge opened?", "3 July 1992"),
        ("How much did it cost?", "42 million"),
    ],
)
def test_the_bundled_reader_finds_the_span_at_article_offsets(reader: OnnxReader, question: str, answer: str) -> None:
    (reading,) = reader.read(question, [passage(TEXT, at=100)])
    best = reading.spans[0]
    assert answer in TEXT[best.start - 100 : best.end - 100]


def test_what_answers_is_more_relevant_than_what_does_not(reader: OnnxReader) -> None:
    yes, no = reader.read(
        "Who opened the bridge?", [passage(TEXT), passage("Bread prices rose again in spring.", title="Bread")]
    )
    assert yes.relevance > no.relevance


def test_a_long_passage_is_read_to_its_end(reader: OnnxReader) -> None:
    long = "Nothing of note was said about the weather that day. " * 60
    (reading,) = reader.read("Who opened the bridge?", [passage(long + TEXT)])
    assert reading.spans[0].start >= len(long)


@pytest.mark.parametrize("text", ["", " ", "🗞" * 50, "\u202e\u200d", "word" * 3000])
def test_any_text_is_read(reader: OnnxReader, text: str) -> None:
    (reading,) = reader.read(text if text else "?", [passage(text)])
    assert 0 <= reading.relevance <= 1
    assert all(0 <= s.start < s.end <= len(text) for s in reading.spans)


def test_a_batch_says_what_single_readings_say(reader: OnnxReader) -> None:
    passages = [passage(TEXT), passage("A comet passed."), passage(TEXT * 3)]
    together = reader.read("Who opened the bridge?", passages)
    alone = [reader.read("Who opened the bridge?", [p])[0] for p in passages]
    # int8 activations are scaled by the batch, so values move a little.
    assert [r.relevance for r in together] == pytest.approx([r.relevance for r in alone], abs=0.15)


def test_nothing_to_read_is_no_reading(reader: OnnxReader) -> None:
    assert reader.read("Who?", []) == []


def test_damaged_weights_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "reader.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelMissing, match="damaged"):
        OnnxReader(tmp_path / "reader.onnx", tmp_path / "tokenizer.json", sha256="0" * 64)


logits = st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=40)


@given(logits, logits, st.integers(1, 40))
def test_best_spans_are_best_first_and_overlap_neither_each_other_nor_a_sentence_s_end(
    starts: list[float], ends: list[float], words: int
) -> None:
    size = min(len(starts), len(ends))
    sentence = np.arange(size) // words
    spans = best_spans(np.float32(starts[:size]), np.float32(ends[:size]), sentence, longest=5, count=3)
    assert all(i // words == j // words for i, j, _ in spans)
    assert spans and [s for *_, s in spans] == sorted((s for *_, s in spans), reverse=True)
    assert all(0 <= j - i < 5 for i, j, _ in spans)
    taken = [token for i, j, _ in spans for token in range(i, j + 1)]
    assert len(taken) == len(set(taken))


def spans_of(reader: OnnxReader, text: str, *wanted: str) -> list[str]:
    """What the reader makes of a passage whose network wants these words, the first most."""
    window = next(reader._windows("Which?", [passage(text, at=50)]))
    span = np.full((len(window.ids), 2), -9, dtype=np.float32)
    for rank, words in enumerate(wanted):
        at = text.index(words)
        inside = [i for i, (a, b) in enumerate(window.offsets) if at <= a and b <= at + len(words)]
        span[window.first + inside[0], 0] = span[window.first + inside[-1], 1] = 9 - rank
    found = reader._reading(passage(text, at=50), 0.0, window, span).spans
    return [text[s.start - 50 : s.end - 50] for s in found]


def test_a_span_ends_with_its_sentence(reader: OnnxReader) -> None:
    text = "Signed by Utah, Oregon and Nebraska. Arizona and California did not join."
    assert all(". " not in span for span in spans_of(reader, text, "Utah, Oregon and Nebraska. Arizona and California"))


def test_no_span_cuts_a_number_and_none_is_given_twice(reader: OnnxReader) -> None:
    best, *others = spans_of(reader, "The quake measured 8.9 on Sunday.", "8", "9")
    assert best == "8.9" and not any("8" in span or "9" in span for span in others)


@pytest.mark.parametrize(
    ("text", "cut", "span"),
    [
        ("It fell 771.8 litres.", "771", "771.8"),
        ("up 1,204.5 points", "204", "1,204.5"),
        ("at 22:40.", "22", "22:40"),
        ("by 0.5%, and", "5", "0.5%"),
        ("paid US$1.25 million", "1.25 million", "US$1.25 million"),
        ("in 2 hours, 52 minutes and 59 seconds", "59 seconds", "2 hours, 52 minutes and 59 seconds"),
        ("took two hours and 5 mins.", "two hours", "two hours and 5 mins"),
        ("between 30 minutes and 2 hours", "2 hours", "2 hours"),
        ("the year 1990-91", "91", "91"),
        ("In 2004, 12 came", "12", "12"),
        ("won on 3 May.", "on 3 May", "on 3 May"),
    ],
)
def test_a_number_or_duration_is_told_whole(text: str, cut: str, span: str) -> None:
    at = text.index(cut)
    assert text[slice(*whole(text, at, at + len(cut)))] == span


@given(st.floats(-15, 15))
def test_logit_undoes_sigmoid(x: float) -> None:
    assert logit(sigmoid(x)) == pytest.approx(x, abs=1e-3)


def test_it_reranks_for_langchain(reader: OnnxReader) -> None:
    documents = [Document(page_content="Bread prices rose."), Document(page_content=TEXT)]
    first, _ = ReaderReranker(reader=reader).compress_documents(documents, "Who opened the bridge?")
    assert first.page_content == TEXT and first.metadata["relevance"] > 0
    assert len(ReaderReranker(reader=reader, top_n=1).compress_documents(documents, "Who?")) == 1

"""The reader: question and passages in, the probability that each answers and the spans that would.

The bundled reader is MiniLM-L6 with two heads (span start and end; relevance on [CLS]), int8 on ONNX Runtime; see
docs/reader.md. Input is `[CLS] question [SEP] title [SEP] passage [SEP]`, the passage as token type 1.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from index.errors import ModelMissing
from index.passages import sentences
from index.types import Passage
from rag.types import Reading, Span

if TYPE_CHECKING:
    from tokenizers import Tokenizer

READER_SHA256 = "7f9dd909ccb5ae7f86b415b67cea98e172c061f80600671de747a7893c118b9c"
WINDOW_TOKENS = 320
STRIDE_TOKENS = 96
QUESTION_TOKENS = 64
TITLE_TOKENS = 32
SPAN_TOKENS = 30
SPANS = 5
"""Spans given of each passage at most."""
BATCH = 2
"""Windows run at once: on two cores larger batches take as long for each, and are padded more."""

_NUMBER = r"(?:US\$|[$£€¥₹])?\d+(?:[.,:\u00a0\u202f]\d+)*%?"
_HOURS, _MINUTES, _SECONDS = (rf"[\w.-]{{1,20}} {unit}s?\b" for unit in ("h(?:ou)?r", "min(?:ute)?", "sec(?:ond)?"))
_AND = "(?:,? and|,)? "
_WHOLE = re.compile(rf"\b{_HOURS}{_AND}{_MINUTES}(?:{_AND}{_SECONDS})?|\b{_MINUTES}{_AND}{_SECONDS}|{_NUMBER}", re.I)
"""What says something else when it is cut: a number, a duration of several parts."""
LONGEST_WHOLE = 60
"""So many characters before and after a span are looked at for that."""

Calibration = Callable[[float], float]


class Reader(Protocol):
    """What reads passages. `digest` names the weights, so that what was fitted for others is not used with them."""

    digest: str

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """One reading a passage, in the passages' order. Spans are offsets into the article."""
        ...


def sigmoid(x: float) -> float:
    """The logistic function, safe for any float.

    >>> sigmoid(0.0)
    0.5
    """
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def logit(probability: float) -> float:
    """The inverse of `sigmoid`, kept within ±16.

    >>> logit(0.5)
    0.0
    """
    p = min(max(probability, 1e-7), 1 - 1e-7)
    return math.log(p / (1 - p))


def best_spans(
    starts: NDArray[np.float32],
    ends: NDArray[np.float32],
    sentence: NDArray[np.intp],
    *,
    longest: int,
    count: int,
) -> list[tuple[int, int, float]]:
    """The best token spans `(first, last, start logit + end logit)`, none overlapping a better one.

    starts, ends, sentence: shape (tokens,); a span stays within one sentence, or it might assert what neither says.

    >>> best_spans(np.float32([0, 3, 0]), np.float32([0, 0, 2]), np.array([0, 0, 0]), longest=2, count=1)
    [(1, 2, 5.0)]
    """
    total = starts[:, None] + ends[None, :]
    first, last = np.indices(total.shape)
    allowed = (last >= first) & (last - first < longest) & (sentence[first] == sentence[last])
    total = np.where(allowed, total, -np.inf)
    order = np.argsort(total, axis=None)[::-1][: 40 * count]
    chosen: list[tuple[int, int, float]] = []
    for flat in order:
        i, j = divmod(int(flat), total.shape[1])
        if not np.isfinite(total[i, j]) or len(chosen) == count:
            break
        if all(j < a or i > b for a, b, _ in chosen):
            chosen.append((i, j, float(total[i, j])))
    return chosen


@lru_cache(maxsize=64)
def sentence_bounds(text: str) -> tuple[tuple[int, int], ...]:
    """Offsets of the sentences, remembered: a question looks at the same few passages for each span."""
    return tuple(sentences(text))


def whole(text: str, start: int, end: int) -> tuple[int, int]:
    """The span, with the rest of a number or duration that it cuts.

    >>> text = "It took 2 hours, 52 minutes and 59 seconds and cost $8.9 million."
    >>> [text[slice(*whole(text, text.index(cut), text.index(cut) + len(cut)))] for cut in ("52 minutes", "9 million")]
    ['2 hours, 52 minutes and 59 seconds', '$8.9 million']
    """
    near = _WHOLE.finditer(text, max(start - LONGEST_WHOLE, 0), end + LONGEST_WHOLE)
    cut = [m.span() for m in near if m.start() < end and start < m.end()]
    return min([start, *(a for a, _ in cut)]), max([end, *(b for _, b in cut)])


@dataclass(frozen=True, slots=True)
class Window:
    """One input of the model: `offsets[i]` are the passage characters of token `first + i`."""

    passage: int
    ids: list[int]
    types: list[int]
    first: int
    offsets: list[tuple[int, int]]


class OnnxReader:
    """The bundled reader, or any ONNX file with the same inputs and outputs.

    calibrate turns the relevance logit into a probability; without one it is the plain sigmoid.
    Raises ModelMissing when the file's digest is not `sha256`.
    """

    def __init__(
        self, path: Path, tokenizer_file: Path, *, sha256: str, threads: int = 2, calibrate: Calibration = sigmoid
    ) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        data = path.read_bytes() if path.is_file() else b""
        self.digest = hashlib.sha256(data).hexdigest()
        if self.digest != sha256:
            raise ModelMissing(
                f"{path} is missing or damaged (SHA-256 {self.digest[:12]}…, expected {sha256[:12]}…): "
                "reinstall newsdesk"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._calibrate = calibrate

    def _tokens(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    def _windows(self, question: str, passages: Sequence[Passage]) -> Iterator[Window]:
        cls_id, sep_id = self._tokenizer.token_to_id("[CLS]"), self._tokenizer.token_to_id("[SEP]")
        assert cls_id is not None and sep_id is not None
        asked = self._tokens(question)[0][:QUESTION_TOKENS]
        for number, passage in enumerate(passages):
            title = self._tokens(passage.title)[0][:TITLE_TOKENS] if passage.title else []
            head = [cls_id, *asked, sep_id, *([*title, sep_id] if title else [])]
            ids, offsets = self._tokens(passage.text)
            room = max(WINDOW_TOKENS - len(head) - 1, 2 * STRIDE_TOKENS)
            for at in range(0, max(len(ids) - STRIDE_TOKENS, 1), room - STRIDE_TOKENS):
                part = ids[at : at + room]
                types = [0] * len(head) + [1] * (len(part) + 1)
                yield Window(number, [*head, *part, sep_id], types, len(head), offsets[at : at + room])

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        windows = list(self._windows(question, passages))
        best: dict[int, tuple[float, Window, Any]] = {}
        # Windows of like length share a batch: padding costs as much as text.
        for batch in _batches(sorted(windows, key=lambda w: len(w.ids)), size=BATCH):
            for window, span, relevance in zip(batch, *self._run(batch), strict=True):
                if window.passage not in best or relevance > best[window.passage][0]:
                    best[window.passage] = (float(relevance), window, span)
        return [self._reading(passages[i], *best[i]) for i in range(len(passages))]

    def _run(self, batch: Sequence[Window]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """span logits (batch, tokens, 2) and relevance logits (batch,)."""
        width = max(len(w.ids) for w in batch)
        ids, mask, types = (np.zeros((len(batch), width), dtype=np.int64) for _ in range(3))
        for row, window in enumerate(batch):
            size = len(window.ids)
            ids[row, :size], types[row, :size], mask[row, :size] = window.ids, window.types, 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        span, relevance = self._session.run(["span", "relevance"], feed)
        return span, relevance

    def _reading(self, passage: Passage, relevance: float, window: Window, span: NDArray[np.float32]) -> Reading:
        rows = span[window.first : window.first + len(window.offsets)]
        spans: list[Span] = []
        if len(rows):
            begins = [start for start, _ in sentence_bounds(passage.text)]
            sentence = np.searchsorted(begins, [start for start, _ in window.offsets], side="right")
            for i, j, score in best_spans(rows[:, 0], rows[:, 1], sentence, longest=SPAN_TOKENS, count=SPANS):
                a, b = whole(passage.text, window.offsets[i][0], window.offsets[j][1])
                found = Span(passage.start + a, passage.start + b, score)
                if all(found.end <= better.start or better.end <= found.start for better in spans):
                    spans.append(found)
        return Reading(passage.id, self._calibrate(relevance), tuple(spans))


def _batches(windows: Sequence[Window], *, size: int) -> Iterator[Sequence[Window]]:
    for at in range(0, len(windows), size):
        yield windows[at : at + size]


def load_reader(*, threads: int = 2) -> OnnxReader:
    """The bundled reader with its fitted calibration."""
    from index.embedding import minilm_folder

    fitted = json.loads(files("rag").joinpath("fitted.json").read_text("utf-8"))
    scale, offset = fitted["relevance"]["scale"], fitted["relevance"]["offset"]
    path = Path(str(files("rag").joinpath("reader.onnx")))
    return OnnxReader(
        path,
        minilm_folder() / "tokenizer.json",
        sha256=READER_SHA256,
        threads=threads,
        calibrate=lambda x: sigmoid(scale * x + offset),
    )

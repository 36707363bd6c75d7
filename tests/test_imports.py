"""Starting is cheap: which libraries a command may load, seen in a fresh interpreter; and what the packages export."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import rag

# Runs one command as `newsdesk` does, then tells which top-level modules were loaded.
PROBE = """
import sys
from ui.cli import main
code = main(sys.argv[1:])
print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


def loaded_by(*arguments: str) -> set[str]:
    """The top-level modules in sys.modules after `newsdesk ARGUMENTS`, which must succeed or refuse."""
    done = subprocess.run([sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 3), done.stderr
    last = [line for line in done.stderr.splitlines() if line.startswith("LOADED ")][-1]
    return set(last.split()[1:])


@pytest.mark.parametrize("arguments", [("--help",), ("ask", "--help"), ("serve", "--help")], ids=" ".join)
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    heavy = {"gradio", "onnxruntime", "faiss", "torch", "transformers", "sentence_transformers", "tantivy", "numpy"}
    assert not loaded_by(*arguments) & heavy


def test_ask_answers_without_torch(seeds_index: Path) -> None:
    modules = loaded_by("ask", "--index", str(seeds_index), "Where did the last Concorde land?")
    assert "onnxruntime" in modules, "the question was not embedded"
    assert not modules & {"torch", "transformers", "sentence_transformers", "gradio"}


def test_status_loads_no_page_and_no_torch(seeds_index: Path) -> None:
    assert not loaded_by("status", "--index", str(seeds_index)) & {"torch", "sentence_transformers", "gradio"}


def test_rag_exports_what_it_says() -> None:
    assert len(set(rag.__all__)) == len(rag.__all__)
    for name in rag.__all__:
        assert getattr(rag, name) is not None

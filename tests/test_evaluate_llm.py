"""The evaluation with a language model, over the scripted server: its measures, its memory, and no key left behind."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from llm_server import LlmServer, serve_llm
from test_evaluate import folder  # noqa: F401  (a fixture)

from rag.evaluate import run

KEY = "sk-never-to-be-written-down"


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with serve_llm() as running:
        yield running


def test_written_answers_are_measured_remembered_and_hold_no_key(
    folder: Path,  # noqa: F811
    server: LlmServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NEWSDESK_LLM_BASE_URL", server.url)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    caplog.set_level(logging.DEBUG)
    server.script = ["The ferry Jadran left Split with 312 passengers aboard [1]. ", "The pope came by [2]."]
    assert run(folder / "questions.jsonl", out=tmp_path / "one", llm="openai:scripted") == 0
    asked = len(server.requests)
    assert asked and set(server.keys) == {f"Bearer {KEY}"}
    report = json.loads((tmp_path / "one" / "report.json").read_text("utf-8"))
    measures = {name: value["mean"] for name, value in report["measures"].items()}
    assert report["about"]["answerer"] == "chat:scripted"
    assert measures["answer.written by the language model"] == 1.0
    assert measures["citation.supported statements"] == measures["citation.struck statements"] == 0.5
    assert "citation.first holds the gold quote" in measures

    assert run(folder / "questions.jsonl", out=tmp_path / "two", llm="openai:scripted") == 0
    assert len(server.requests) == asked, "what was written once is not asked for again"
    again = json.loads((tmp_path / "two" / "report.json").read_text("utf-8"))
    assert again["measures"] == report["measures"]

    server.script = ["Something else [1]."]
    assert run(folder / "questions.jsonl", out=tmp_path / "three", llm="openai:another") == 0
    assert len(server.requests) == 2 * asked, "another model has written nothing yet"

    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any("generations" in file.parts for file in written) and any(file.suffix == ".html" for file in written)
    assert not [file for file in written if KEY.encode() in file.read_bytes()]
    assert KEY not in caplog.text and KEY not in "".join(capfd.readouterr())


def test_a_text_that_is_cut_off_by_an_error_is_not_remembered(
    folder: Path,  # noqa: F811
    server: LlmServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NEWSDESK_LLM_BASE_URL", server.url)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    server.script = ["The ferry Jadran left Split", "<hang up>"]
    assert run(folder / "questions.jsonl", out=tmp_path / "one", llm="openai:scripted", limit=1) == 0
    assert not list((tmp_path / "cache").rglob("generations/*"))
    report = json.loads((tmp_path / "one" / "report.json").read_text("utf-8"))
    assert report["measures"]["answer.written by the language model"]["mean"] == 0.0
    assert "citation.supported statements" not in report["measures"]


def test_where_the_model_failed_it_is_asked_again(
    folder: Path,  # noqa: F811
    server: LlmServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NEWSDESK_LLM_BASE_URL", server.url)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def requests_of_a_run(*script: str) -> int:
        before, server.script = len(server.requests), script
        assert run(folder / "questions.jsonl", out=tmp_path / "out", llm="openai:scripted", limit=3) == 0
        return len(server.requests) - before

    def written() -> list[float]:
        report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
        return [question["values"]["answer.written by the language model"] for question in report["questions"]]

    # The first is written, of the second nothing holds, which lasts, and for the third the model is down.
    server.next_scripts = [["The ferry left Split with 312 passengers aboard [1]."], ["The pope came by [1]."]]
    assert requests_of_a_run("<error status>") >= 3
    assert written() == [1.0, 0.0, 0.0]
    assert requests_of_a_run("NO ANSWER") == 1
    assert written() == [1.0, 0.0, 1.0]
    assert requests_of_a_run("NO ANSWER") == 0
    assert len((tmp_path / "out" / "results.jsonl").read_text("utf-8").splitlines()) == 4

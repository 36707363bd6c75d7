"""`newsdesk evaluate` as it is typed: the gate's exit code and its words, an entailment model by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_entail import tiny
from typer.testing import CliRunner

from rag.evaluate import main
from ui.cli import app

TEXT = "The ferry Jadran carried 312 passengers. Its captain is Ana Horvat. It sails to Vis on Fridays."
QUESTIONS = {
    "How many passengers did the ferry carry?": "312",
    "Who is the captain of the ferry Jadran?": "Ana Horvat",
    "Where does the ferry sail?": "Vis",
    "When does the ferry sail to Vis?": "Fridays",
    "What is the captain called?": "Ana Horvat",
}


@pytest.fixture
def questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NEWSDESK_REFUSE_BELOW", "0")
    monkeypatch.chdir(tmp_path)
    articles = tmp_path / "articles"
    articles.mkdir()
    (articles / "ferry.txt").write_text(f"Ferry turns back\n\n{TEXT}\n", "utf-8")
    rows = [
        {"id": f"q{i}", "question": question, "answers": [answer], "gold": ["ferry.txt"]}
        for i, (question, answer) in enumerate(QUESTIONS.items())
    ]
    (articles / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    return articles / "questions.jsonl"


def test_a_fall_is_exit_code_4_and_named(questions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = CliRunner()
    arguments = ["evaluate", str(questions), "--out", "out"]
    assert runner.invoke(app, [*arguments, "--write-baseline", "baseline.json"]).exit_code == 0
    kept = runner.invoke(app, [*arguments, "--baseline", "baseline.json"])
    assert kept.exit_code == 0 and "fell" not in kept.stderr
    # Every answer is withheld now: five of five are worse, which chance makes of one run in 32.
    monkeypatch.setenv("NEWSDESK_REFUSE_BELOW", "1")
    fallen = runner.invoke(app, [*arguments, "--baseline", "baseline.json"])
    assert fallen.exit_code == 4
    assert "fell: citation.first holds the gold quote from 1.000 to 0.000 (p = 0.0312, 5 questions)" in fallen.stderr
    # Where passages are found has not changed.
    assert "MRR" not in fallen.stderr and "nDCG" not in fallen.stderr


def test_a_named_model_checks_citations(questions: Path, tmp_path: Path) -> None:
    model = tiny(tmp_path / "model", "contradiction", "entailment", "neutral")
    assert main([str(questions), "--entailment", str(model), "--limit", "2", "--out", "out"]) == 0
    report = json.loads(Path("out/report.json").read_text("utf-8"))
    assert report["about"]["limit"] == 2
    # Untrained, so only that every statement was asked about is known.
    assert report["measures"]["citation.entailed statements"]["questions"] == 2
    assert 0.0 <= report["measures"]["citation.relevant citations"]["mean"] <= 1.0

"""`newsdesk evaluate` as it is typed: the gate's exit code and its words, an entailment model by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_datasets import lines, squad_row
from test_entail import tiny
from typer.testing import CliRunner

from rag.errors import DatasetError
from rag.evaluate import main
from rag.types import Answer, Citation, Turn
from ui.cli import app
from ui.kept import append_feedback

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


KINDS = (
    *("own", "the first of own", "one question without an answer", "BEIR", "SQuAD", "reader", "long answers"),
    *("ClapNQ", "feedback", "RGB", "MultiHop-RAG"),
)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The command's arguments for a small data set of each kind."""
    from index.store import PassageStore
    from index.types import Article

    folder = tmp_path_factory.mktemp("sets")
    for name in ("own", "beir/qrels", "multihop"):
        (folder / name).mkdir(parents=True)
    (folder / "own" / "ferry.txt").write_text(f"Ferry turns back\n\n{TEXT}\n", "utf-8")
    asked = "How many passengers did the ferry carry?"
    own = {"id": "1", "question": asked, "answers": ["312"], "gold": ["ferry.txt"]}
    absent = {"id": "2", "question": "Who won the chess championship?", "answerable": False}
    (folder / "squad.json").write_text(
        json.dumps(
            {"data": [{"title": "Ferry", "paragraphs": [{"context": TEXT, "qas": [squad_row(context=TEXT)]}]}]}
        ).replace('"answer_start": [41, 41]', f'"answer_start": [{TEXT.index("312")}, {TEXT.index("312")}]'),
        "utf-8",
    )
    lines(folder / "beir" / "corpus.jsonl", [{"_id": "d1", "title": "Ferry", "text": TEXT}])
    lines(folder / "beir" / "queries.jsonl", [{"_id": "q1", "text": "captain of the ferry"}])
    (folder / "beir" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n", "utf-8")
    passages = [{"title": "Ferry", "text": TEXT}]
    output = [{"answer": "It carried 312.", "selected_sentences": ["The ferry Jadran carried 312 passengers."]}]
    lines(folder / "multihop" / "corpus.json", [[{"title": "Ferry", "body": TEXT, "url": "https://example.org/1"}]])
    evidence = [{"url": "https://example.org/1", "title": "Ferry", "fact": "Its captain is Ana Horvat."}]
    lines(
        folder / "multihop" / "q.json",
        [[{"query": asked, "answer": "312", "question_type": "inference_query", "evidence_list": evidence}]],
    )
    with PassageStore.open(folder / "index", create=True, read_only=False) as store:
        store.add_articles([Article("a", "Ferry", TEXT)])
    cited = Answer(asked, short_answer="312", citations=(Citation(1, "a", "Ferry", 0, 40, TEXT[:40], "a#0"),))
    append_feedback(folder / "feedback.jsonl", Turn(asked, cited), liked=True, reason="")
    return {
        "own": [str(lines(folder / "own" / "q.jsonl", [own, absent]))],
        "the first of own": [str(folder / "own" / "q.jsonl"), "--limit", "1"],
        "one question without an answer": [str(lines(folder / "own" / "absent.jsonl", [absent]))],
        "none usable": [str(lines(folder / "own" / "none.jsonl", [own | {"gold": ["gone.txt"]}]))],
        "BEIR": [str(folder / "beir")],
        "SQuAD": [str(folder / "squad.json")],
        "reader": [str(lines(folder / "reader.jsonl", [squad_row()]))],
        "long answers": [str(lines(folder / "long.jsonl", [squad_row(source="clapnq_dev")]))],
        "ClapNQ": [
            str(lines(folder / "clapnq.jsonl", [{"id": 1, "input": asked, "passages": passages, "output": output}]))
        ],
        "feedback": [str(folder / "feedback.jsonl"), "--index", str(folder / "index")],
        "RGB": [
            str(lines(folder / "rgb.jsonl", [{"query": asked, "answer": "312", "positive": [TEXT], "negative": []}]))
        ],
        "MultiHop-RAG": [str(folder / "multihop" / "q.json")],
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_set_gives_a_report_page(
    sets: dict[str, list[str]], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    assert main([*sets[kind], "--out", "out"]) == 0
    html = Path("out/report.html").read_text("utf-8")
    questions = json.loads(Path("out/report.json").read_text("utf-8"))["about"]["questions"]
    assert html.endswith("</html>") and f"{questions} questions" in html and questions == 1 + (kind == "own")


def test_a_data_set_without_a_usable_question_is_one_line(
    sets: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(DatasetError, match=r"no question can be asked .* no article 'gone\.txt'"):
        main([*sets["none usable"], "--out", str(tmp_path / "out")])

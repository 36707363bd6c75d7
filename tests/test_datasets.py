"""Each format read from a hand-made file; where public data lies beside the repository, its counts too."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from index.types import Article
from rag.datasets import Gold, checked, collected, load
from rag.errors import DatasetError
from rag.follow_up import SMALL_TALK
from rag.types import Answer, Citation, Turn
from ui.kept import append_feedback

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("NEWSDESK_DATA") or ROOT.parent / "shared" / "data")
CONTEXT = "The ferry left Split at noon. It carried 312 passengers."


def lines(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", "utf-8")
    return path


def test_newsdesks_own_lines(tmp_path: Path) -> None:
    row = {
        "id": "q1",
        "question": "And how many were aboard?",
        "answers": ["312"],
        "gold": [{"article": "ferry.txt", "start": 41, "end": 44, "quote": "312"}, "other.txt"],
        "answerable": True,
        "two_articles": True,
        "history": [{"question": "When did the ferry leave?", "answer": "at noon"}, "From where?"],
        "date": "2024-05-01",
    }
    bare = {"id": "q2", "question": "Who was the captain?", "answerable": False}
    data = load(lines(tmp_path / "questions.jsonl", [row, bare]))
    assert (data.format, data.folder, data.left_out) == ("newsdesk", tmp_path.resolve(), ())
    first, second = data.questions
    assert first.gold == (Gold("ferry.txt", 41, 44, "312"), Gold("other.txt"))
    assert first.history == (("When did the ferry leave?", "at noon"), ("From where?", ""))
    assert first.date == date(2024, 5, 1) and first.two_articles
    assert second.answerable is False and not second.gold
    assert [q.id for q in data.limited(1).questions] == ["q1"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"gold": [{"article": "a", "start": "0", "end": 3}]}, 'start is "0", not a whole number'),
        ({"gold": [{"article": "a", "start": True, "end": 3}]}, "start is true, not a whole number"),
        ({"gold": [{"article": "a", "start": 3, "end": 3}]}, "gold from 3 to 3 is no part of an article"),
        ({"gold": [{"article": "a", "start": 3}]}, "gold from 3 to None is no part of an article"),
        ({"gold": [{"article": None}]}, "article is null, not text"),
        ({"gold": [{"start": 0, "end": 3}]}, "no article"),
        ({"gold": "sport.txt"}, 'gold is "sport.txt", not a list'),
        ({"gold": [5]}, "gold is 5, not an object"),
        ({"answers": "Okoye"}, 'answers is "Okoye", not a list'),
        ({"answers": [["Okoye"]]}, 'answers is ["Okoye"], not text'),
        ({"answerable": "false"}, 'answerable is "false", not true or false'),
        ({"long": "no"}, 'long is "no", not true or false'),
        ({"history": [5]}, "a turn of history is 5, not an object"),
        ({"date": "2026-13-77"}, "date is '2026-13-77', no day like 2024-05-01"),
        ({"question": None}, "question is null, not text"),
        ({"question": "  "}, "question is empty"),
        ({"question": ["x" * 99]}, f'question is ["{"x" * 38}…, not text'),
    ],
)
def test_a_field_of_another_kind_leaves_its_row_out(tmp_path: Path, wrong: dict[str, Any], reason: str) -> None:
    rows = [{"id": "q1", "question": "Who?"} | wrong, {"id": "q2", "question": "When?", "answers": [312]}]
    data = load(lines(tmp_path / "questions.jsonl", rows))
    assert data.left_out == (f"q1: {reason}",)
    assert [(q.id, q.answers) for q in data.questions] == [("q2", ("312",))]


def squad_row(**changes: Any) -> dict[str, Any]:
    answers = {"text": ["312 passengers", "312"], "answer_start": [41, 41]}
    row = {"id": "1", "title": "The_ferry", "context": CONTEXT, "question": "How many?", "answers": answers}
    return row | {"is_impossible": False} | changes


def test_the_readers_lines_compressed(tmp_path: Path) -> None:
    rows = [
        squad_row(),
        squad_row(id="2", answers={"text": [], "answer_start": []}, is_impossible=True),
        squad_row(id="3", answers={"text": ["noon"], "answer_start": [0]}),
    ]
    path = tmp_path / "part.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    data = load(path)
    assert data.name == "part" and data.format == "reader"
    assert [(a.title, a.text) for a in data.articles] == [("The ferry", CONTEXT)]
    first, second = data.questions
    assert first.answers == ("312 passengers", "312")
    assert [CONTEXT[g.start : g.end] for g in first.gold] == ["312 passengers", "312"]
    assert first.gold[0].article_id == data.articles[0].id
    assert second.answerable is False
    assert data.left_out == ("3: no answer stands where answer_start says",)


def test_long_answers_are_their_sentences_together(tmp_path: Path) -> None:
    parts = ["The ferry left Split at noon.", "It carried 312 passengers."]
    row = squad_row(source="clapnq_dev", answers={"text": parts, "answer_start": [0, 30]})
    (question,) = load(lines(tmp_path / "long.jsonl", [row])).questions
    assert question.kind == "long" and question.answers == (CONTEXT,) and len(question.gold) == 2


@pytest.mark.parametrize("version", ["1.1", "2.0"])
def test_squad_files(tmp_path: Path, version: str) -> None:
    qa: dict[str, Any] = {"id": "1", "question": "How many?", "answers": [{"text": "312", "answer_start": 41}]}
    absent: dict[str, Any] = {"id": "2", "question": "Who?", "answers": [], "is_impossible": True}
    paragraph = {"context": CONTEXT, "qas": [qa] if version == "1.1" else [qa, absent]}
    path = tmp_path / "dev.json"
    path.write_text(json.dumps({"version": version, "data": [{"title": "Ferry", "paragraphs": [paragraph]}]}), "utf-8")
    data = load(path)
    assert data.format == "squad"
    assert [q.answerable for q in data.questions] == ([True] if version == "1.1" else [True, False])


def test_a_bad_row_of_any_format_leaves_the_others(tmp_path: Path) -> None:
    answers = [{"text": "312", "answer_start": "41"}]
    paragraph = {"context": CONTEXT, "qas": [{"id": "1", "question": "?", "answers": answers}, 3, squad_row(id="2")]}
    (tmp_path / "dev.json").write_text(json.dumps({"data": [{"title": "", "paragraphs": [paragraph]}]}), "utf-8")
    passages = [{"title": "Ferry", "text": CONTEXT}]
    output = [{"answer": "312", "selected_sentences": []}]
    clapnq = {"id": "2", "input": "how many", "passages": passages, "output": output}
    rgb = {"id": "2", "query": "How many?", "answer": "312", "positive": [CONTEXT], "negative": []}
    bad: dict[Path, tuple[str, ...]] = {
        tmp_path / "dev.json": ('1: answer_start is "41", not a whole number', "2: the row is 3, not an object"),
        lines(tmp_path / "reader.jsonl", [squad_row(is_impossible="no"), squad_row(id="2")]): (
            '1: is_impossible is "no", not true or false',
        ),
        lines(tmp_path / "clapnq.jsonl", [clapnq | {"id": "1", "output": ["x"]}, clapnq]): (
            '1: what should have answer is "x", not an object',
        ),
        lines(tmp_path / "rgb.jsonl", [rgb | {"id": "1", "positive": CONTEXT}, rgb]): (
            f'1: positive is "{CONTEXT[:39]}…, not a list',
        ),
    }
    for path, reasons in bad.items():
        data = load(path)
        assert data.left_out == reasons
        assert [q.id for q in data.questions] == ["2"]


def beir(folder: Path) -> Path:
    (folder / "qrels").mkdir(parents=True)
    lines(folder / "corpus.jsonl", [{"_id": "d1", "title": "T", "text": "one"}, {"_id": "d2", "text": "two"}])
    lines(
        folder / "queries.jsonl",
        [{"_id": "q1", "text": "first"}, {"_id": "q2", "text": "x"}, {"_id": "q3", "text": "y"}],
    )
    qrels = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\tgone\t1\nq9\td1\t1\n"
    (folder / "qrels" / "test.tsv").write_text(qrels, "utf-8")
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq3\td2\t1\n", "utf-8")
    return folder


def test_beir_folders_and_their_splits(tmp_path: Path) -> None:
    folder = beir(tmp_path / "tiny")
    data = load(folder)
    assert data.name == "tiny-test" and [a.id for a in data.articles] == ["d1", "d2"]
    (question,) = data.questions
    assert question.kind == "retrieval" and question.answerable is None and question.grades == {"d1": 2}
    assert data.left_out == (
        "q2: none of its relevant documents is in the corpus",
        "q9: judged, but not in queries.jsonl",
    )
    assert [q.id for q in load(folder / "qrels" / "train.tsv").questions] == ["q3"]


def test_rgb_by_its_description(tmp_path: Path) -> None:
    row = {
        "id": 7,
        "query": "How many?",
        "answer": [["312", "three hundred"]],
        "positive": [CONTEXT],
        "negative": ["No."],
    }
    data = load(lines(tmp_path / "en.json", [row, row | {"id": 8, "positive": []}]))
    assert data.format == "rgb"
    (question,) = data.questions
    assert question.answers == ("312", "three hundred") and len(data.articles) == 2
    assert question.gold == (Gold(data.articles[0].id),)
    assert data.left_out == ("8: no positive passage",)


def test_rgb_with_answers_of_several_parts(tmp_path: Path) -> None:
    row = {
        "id": 1,
        "query": "How many, and when?",
        "answer": [["312", "three hundred"], "noon"],
        "positive": [[CONTEXT], ["It left at noon."]],
        "negative": ["No."],
        "positive_wrong": ["It left at one."],
    }
    (question,) = load(lines(tmp_path / "en_int.json", [row])).questions
    assert question.answers == ("312", "three hundred", "noon") and len(question.gold) == 2


def test_multihop_rag_by_its_description(tmp_path: Path) -> None:
    corpus = [
        {"title": "One", "body": CONTEXT, "url": "https://example.org/1", "published_at": "2023-10-01T08:00:00+00:00"},
        {
            "title": "Two",
            "body": "It sank.",
            "url": "https://example.org/2",
            "published_at": "2023-10-02T08:00:00+00:00",
        },
    ]
    (tmp_path / "corpus.json").write_text(json.dumps(corpus), "utf-8")
    evidence = [
        {"url": "https://example.org/1", "title": "One", "fact": "312 passengers"},
        {"url": "https://example.org/2", "title": "Two", "fact": "It sank."},
    ]
    rows = [
        {"query": "Both?", "answer": "Yes", "question_type": "comparison_query", "evidence_list": evidence},
        {"query": "Else?", "answer": "Insufficient information.", "question_type": "null_query", "evidence_list": []},
    ]
    path = tmp_path / "MultiHopRAG.json"
    path.write_text(json.dumps(rows), "utf-8")
    data = load(path)
    first, second = data.questions
    assert first.two_articles and first.gold[0] == Gold("https://example.org/1", 41, 55, "312 passengers")
    assert second.answerable is False and second.answers == ()
    assert data.articles[0].published == date(2023, 10, 1)
    (tmp_path / "corpus.json").unlink()
    with pytest.raises(DatasetError, match=r"corpus\.json beside it"):
        load(path)


def test_clapnqs_own_lines(tmp_path: Path) -> None:
    output = [{"answer": "312 people sailed.", "selected_sentences": ["It carried 312 passengers."]}]
    row = {"id": "1", "input": "how many", "passages": [{"title": "Ferry", "text": CONTEXT}], "output": output}
    absent = row | {"id": "2", "output": [{"answer": "", "selected_sentences": []}]}
    first, second = load(lines(tmp_path / "clapnq.jsonl", [row, absent])).questions
    assert first.gold[0].quote == "It carried 312 passengers." and first.kind == "long"
    assert second.answerable is False


def test_feedback_keeps_what_was_found_right(tmp_path: Path) -> None:
    citation = {"article_id": "a", "start": 0, "end": 5, "quote": "The f"}
    answer = {
        "standalone_question": "When did it leave?",
        "citations": [citation],
        "short_answer": "noon",
        "refused": False,
    }
    rows = [
        {"id": "1", "question": "when?", "answer": answer, "liked": True},
        {"id": "2", "question": "who?", "answer": {"refused": True, "citations": []}, "liked": True},
        {"id": "3", "question": "why?", "answer": answer, "liked": False},
        {"id": "4", "question": "hello", "answer": {"refused": True, "answerer": SMALL_TALK}, "liked": True},
        {"id": "5", "question": "how?", "answer": answer | {"citations": [citation | {"start": "0"}]}, "liked": True},
    ]
    data = load(lines(tmp_path / "feedback.jsonl", rows))
    first, second = data.questions
    assert (first.question, first.gold, first.answers) == ("When did it leave?", (Gold("a", 0, 5, "The f"),), ("noon",))
    assert second.answerable is False
    assert data.left_out == (
        "3: no thumb up, so no right answer is known",
        "4: small talk, nothing was asked of the articles",
        '5: start is "0", not a whole number',
    )


def test_what_the_chat_page_writes_is_read(tmp_path: Path) -> None:
    citation = Citation(1, "a", "Title", 0, 5, "The f", "a#0-5")
    answer = Answer("when?", standalone_question="when?", citations=(citation,), short_answer="noon")
    append_feedback(tmp_path / "feedback.jsonl", Turn("when?", answer), liked=True, reason="good")
    (question,) = load(tmp_path / "feedback.jsonl").questions
    assert question.gold == (Gold("a", 0, 5, "The f"),) and question.date is not None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param("a.jsonl", "{oops\n", r"a\.jsonl: line 1 is not JSON", id="not JSON"),
        pytest.param("a.jsonl", '{"text": "x"}\n', "has the fields id, text", id="unknown fields"),
        pytest.param("a.jsonl", "\n", "holds no questions", id="empty"),
        pytest.param("a.jsonl", "3\n", "not a JSON object", id="no object"),
        pytest.param("a.json", "[1]", "a JSON list of unknown kind", id="unknown list"),
        pytest.param(
            "a.jsonl", '{"id":"1","question":"x"}\n{"id":"1","question":"y"}', "comes twice", id="one id twice"
        ),
        pytest.param("a.json", '{"data": [{"title": "x"}]}', "not as its format says", id="half a SQuAD file"),
        pytest.param(
            "a.jsonl", '{"question": "x", "context": "y", "answers": 3}', "answers is 3, not a list", id="odd answers"
        ),
        pytest.param("a.jsonl.gz", "plain", "cannot be read", id="not compressed"),
    ],
)
def test_what_is_no_data_set_is_said_in_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(DatasetError, match=message) as error:
        load(tmp_path / name)
    assert "\n" not in str(error.value)


def test_missing_paths(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such file"):
        load(tmp_path / "absent.jsonl")
    with pytest.raises(DatasetError, match="corpus.jsonl is missing"):
        load(tmp_path)


def test_gold_is_checked_against_the_collection(tmp_path: Path) -> None:
    def row(number: int, article: str, start: int, quote: str) -> dict[str, Any]:
        gold = {"article": article, "start": start, "end": start + len(quote), "quote": quote}
        return {"id": f"q{number}", "question": "?", "gold": [gold]}

    rows = [row(1, "a", 41, "312"), row(2, "a", 0, "312"), row(3, "a", 0, "absent"), row(4, "gone", 0, "x")]
    for number, start in ((5, 41), (6, 9_000)):
        rows.append({"id": f"q{number}", "question": "?", "gold": [{"article": "a", "start": start, "end": start + 3}]})
    articles = {"a": Article("a", "", CONTEXT)}
    data = checked(load(lines(tmp_path / "questions.jsonl", rows)), articles.get)
    assert [(q.id, *q.gold) for q in data.questions] == [(f"q{i}", Gold("a", 41, 44, "312")) for i in (1, 2, 5)]
    assert data.left_out == (
        "q3: its gold quote does not stand at a[0:6]",
        "q4: no article 'gone' in the collection",
        "q6: there is no a[9000:9003]",
    )


def test_what_lies_beside_the_questions_and_is_no_article(tmp_path: Path) -> None:
    (tmp_path / "ferry.txt").write_text("Ferry\n\nIt left at noon.\n", "utf-8")
    (tmp_path / "baseline.json").write_text("{}", "utf-8")
    (tmp_path / "notes.xyz").write_text("x", "utf-8")
    data = collected(load(lines(tmp_path / "questions.jsonl", [{"id": "1", "question": "When?"}])))
    assert [a.id for a in data.articles] == ["ferry.txt"]
    (left_out,) = data.left_out
    assert "notes.xyz" in left_out


@pytest.mark.parametrize(
    ("path", "questions", "articles"),
    [("scifact", 300, 5183), ("reader/xquad_test.jsonl.gz", 567, 120), ("reader/clapnq_dev.jsonl.gz", 599, 596)],
)
def test_public_data(path: str, questions: int, articles: int) -> None:
    if not (DATA / path).exists():
        pytest.skip(f"{DATA / path} is not here; docs/data.md says where it is published")
    data = load(DATA / path)
    assert (len(data.questions), len(data.articles), data.left_out) == (questions, articles, ())

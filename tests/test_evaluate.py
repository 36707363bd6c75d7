"""The evaluation over a real index: its results, failures, resuming, exit codes and fitting."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from index.errors import NewsdeskError
from index.types import Article, Passage
from rag.bot import Bot
from rag.datasets import Gold, Question, load
from rag.errors import DatasetError
from rag.evaluate import check_gold, evaluate, main, run
from rag.results import measure
from rag.settings import load_settings
from rag.types import Answer, Citation, Retrieved, Statement

FERRY = (
    "The ferry Jadran left Split at noon on Friday with 312 passengers aboard. A storm reached the island of Vis in "
    "the evening, and the harbour master Ana Horvat closed the port. Nobody was hurt. The ferry turned back to Split, "
    "where it arrived shortly before midnight."
)
BRIDGE = (
    "Engineers opened the new bridge over the Sava on Monday after four years of work. It cost 41 million euros, nine "
    "million more than planned. The mayor said that it would take lorries out of the old town."
)
TITLES = {"ferry.txt": "Ferry turns back in storm", "bridge.txt": "New bridge opens over the Sava"}


def gold(article: str, text: str, quote: str) -> dict[str, Any]:
    start = text.index(quote)
    return {"article": article, "start": start, "end": start + len(quote), "quote": quote}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two articles and five questions about them, two of them without an answer."""
    folder = tmp_path_factory.mktemp("small")
    for name, text in (("ferry.txt", FERRY), ("bridge.txt", BRIDGE)):
        (folder / name).write_text(f"{TITLES[name]}\n\n{text}\n", "utf-8")
    from index.articles import read_articles

    texts = {a.id: a.text for a in read_articles(folder) if isinstance(a, Article)}
    rows = [
        ("q1", "How many passengers were on the ferry Jadran?", ["312"], ("ferry.txt", "312 passengers")),
        ("q2", "Who closed the port of Vis?", ["Ana Horvat"], ("ferry.txt", "the harbour master Ana Horvat")),
        ("q3", "How much did the bridge over the Sava cost?", ["41 million euros"], ("bridge.txt", "41 million euros")),
        ("q4", "Who won the chess championship?", [], None),
        ("q5", "What is the boiling point of tungsten?", [], None),
    ]
    lines = [
        json.dumps(
            {
                "id": key,
                "question": question,
                "answers": answers,
                "gold": [gold(where[0], texts[where[0]], where[1])] if where else [],
                "answerable": where is not None,
            }
        )
        for key, question, answers, where in rows
    ]
    (folder / "questions.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def bot(folder: Path, cache: Path) -> Iterator[Bot]:
    from rag.evaluate import open_bot

    data = load(folder / "questions.jsonl")
    with open_bot(data, index=None, settings=load_settings(), cache=cache) as opened:
        yield opened


def test_questions_are_asked_and_measured(folder: Path, bot: Bot, tmp_path: Path) -> None:
    data = check_gold(load(folder / "questions.jsonl"), bot)
    seen: list[tuple[int, int]] = []
    results = evaluate(data, bot, results=tmp_path / "results.jsonl", progress=lambda *at: seen.append(at))
    assert [r.id for r in results] == ["q1", "q2", "q3", "q4", "q5"]
    assert seen[-1] == (5, 5)
    first = results[0]
    assert first.values["article.hit@1"] == 1.0
    assert first.values["passage.recall@10"] == 1.0
    assert {"searching", "total"} <= first.timings.keys()
    for r in results:
        assert r.refused == (r.values["refusal.right"] == float(not r.answerable))
        assert r.right == (r.failure is None)
        if not r.answerable:
            assert not any(name.startswith(("answer", "citation", "passage")) for name in r.values)


def test_results_are_begun_anew_when_an_article_or_the_judge_changes(folder: Path, bot: Bot, tmp_path: Path) -> None:
    from rag.evaluate import _key

    data = load(folder / "questions.jsonl")
    key = _key(data, bot, 10, None)
    assert key == _key(data, bot, 10, None) != _key(data, bot, 10, "a-judge")
    changed = bot.store.articles_digest() + "x"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(bot.store), "articles_digest", lambda store: changed)
        assert key != _key(data, bot, 10, None)


def test_a_stopped_run_goes_on(folder: Path, bot: Bot, tmp_path: Path) -> None:
    data = check_gold(load(folder / "questions.jsonl"), bot)
    path = tmp_path / "results.jsonl"
    whole = evaluate(data, bot, results=path)
    lines = path.read_text("utf-8").splitlines(keepends=True)
    # Stopped while the third result was being written; the second is marked to see that it isn't asked again.
    marked = json.loads(lines[2]) | {"text": "from the file"}
    path.write_text(lines[0] + lines[1] + json.dumps(marked) + "\n" + lines[3][:20], "utf-8")
    again = evaluate(data, bot, results=path)
    assert again[1].text == "from the file"
    assert [r.values for r in again] == [r.values for r in whole]
    assert len(path.read_text("utf-8").splitlines()) == 6


def test_results_of_another_data_set_are_not_taken(folder: Path, bot: Bot, tmp_path: Path) -> None:
    data = check_gold(load(folder / "questions.jsonl"), bot)
    path = tmp_path / "results.jsonl"
    evaluate(data.limited(1), bot, results=path)
    lines = path.read_text("utf-8").splitlines()
    path.write_text(lines[0] + "\n" + json.dumps(json.loads(lines[1]) | {"text": "stale"}) + "\n", "utf-8")
    (result,) = evaluate(replace(data.limited(1), digest="another"), bot, results=path)
    assert result.text != "stale"


def test_a_cached_index_that_cannot_be_opened_is_made_again(folder: Path, tmp_path: Path) -> None:
    from rag.evaluate import open_bot

    data = load(folder / "questions.jsonl")
    open_bot(data, index=None, settings=load_settings(), cache=tmp_path).close()
    (database,) = tmp_path.rglob("newsdesk.sqlite")
    database.write_bytes(b"no database")
    with open_bot(data, index=None, settings=load_settings(), cache=tmp_path) as opened:
        assert opened.store.status().articles == 2


def test_questions_to_search_for_only(bot: Bot) -> None:
    from rag.datasets import Dataset

    question = Question("1", "ferry in the storm", (), (Gold("ferry.txt"),), None, "retrieval", grades={"ferry.txt": 2})
    (result,) = evaluate(Dataset("x", "beir", "x", (question,)), bot)
    assert result.values["article.nDCG@10"] == 1.0
    assert (result.right, result.failure) == (None, None)
    assert result.timings.keys() == {"searching"}


def test_the_command_writes_a_report_and_a_baseline_it_can_compare_with(
    folder: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.chdir(tmp_path)
    questions, baseline = str(folder / "questions.jsonl"), tmp_path / "baseline.json"
    assert main([questions, "--out", "out", "--write-baseline", str(baseline), "--fit"]) == 0
    printed = capsys.readouterr().out
    assert "first holds the gold quote" in printed and "refusal: precision" in printed.replace("│", "")
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert report["judged"] == len(report["questions"]) == 5
    assert (tmp_path / "out" / "report.html").stat().st_size > 5_000
    assert "fitted: dense_weight" in printed and "fitted: refuse_below" in printed
    fitted = load_settings()
    assert fitted.refuse_below is not None and fitted.confidence and fitted.fitted_for and fitted.rank
    Path("newsdesk.toml").unlink()
    assert run(Path(questions), out=Path("out"), baseline=baseline) == 0

    # Of the last two questions none can be answered, so the measures of answers are gone: that is a fall, not silence.
    last = (folder / "questions.jsonl").read_text("utf-8").splitlines()[-2:]
    Path("last.jsonl").write_text("\n".join(last) + "\n", "utf-8")
    index = next(cache.rglob("complete")).parent / "index"
    assert run(Path("last.jsonl"), index=index, out=Path("last"), baseline=baseline) == 4
    assert "fell: answer.F1 is gone" in capsys.readouterr().err


def test_an_index_without_the_data_sets_articles_is_said(tmp_path: Path, bot: Bot, folder: Path, cache: Path) -> None:
    row = {"id": "1", "question": "?", "gold": ["nowhere.txt"], "answerable": True}
    (tmp_path / "q.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    index = next(cache.rglob("complete")).parent / "index"
    with pytest.raises(DatasetError, match=r"no question can be asked .* no article 'nowhere.txt'"):
        run(tmp_path / "q.jsonl", index=index, out=tmp_path / "out")


@pytest.mark.parametrize("wrong", [["--limit", "0"], ["--precision", "2"], ["--unknown"]])
def test_wrong_options(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["x.jsonl", *wrong])
    assert exit.value.code == 2


def test_a_missing_data_set_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match="no such file"):
        main([str(tmp_path / "absent.jsonl")])


# ---- one answer held against its gold; no index needed


TEXT = "The port closed. Ana Horvat, the harbour master, closed it at six in the evening. Nobody was hurt."
PASSAGE = Passage("a#0-98", "a", 0, len(TEXT), TEXT)
OTHER = Passage("b#0-20", "b", 0, 20, "Something else here.")
QUOTE = "Ana Horvat, the harbour master, closed it at six in the evening."
ASKED = Question("1", "Who?", ("Ana Horvat",), (Gold("a", TEXT.index(QUOTE), TEXT.index(QUOTE) + len(QUOTE), QUOTE),))


def cited(quote: str, passage: Passage = PASSAGE) -> Citation:
    start = passage.text.index(quote)
    return Citation(1, passage.article_id, "", start, start + len(quote), quote, passage.id)


def answered(*citations: Citation, read: Sequence[Passage] = (PASSAGE, OTHER)) -> Answer:
    passages = tuple(Retrieved(p, 0.5, None, 1.0) for p in read)
    if not citations:
        return Answer("Who?", passages=passages, refused=True)
    statements = tuple(Statement(c.quote, (c,)) for c in citations)
    return Answer("Who?", statements=statements, citations=citations, passages=passages, short_answer="Ana Horvat")


@pytest.mark.parametrize(
    ("answer", "found", "question", "failure"),
    [
        pytest.param(answered(cited(QUOTE)), [PASSAGE], ASKED, None, id="right"),
        pytest.param(answered(cited("Ana Horvat")), [PASSAGE], ASKED, None, id="a part of the quote with the answer"),
        pytest.param(answered(cited("The port closed.")), [PASSAGE], ASKED, "wrong_span", id="wrong span"),
        pytest.param(
            answered(cited("Something else here.", OTHER)), [OTHER, PASSAGE], ASKED, "wrong_passage", id="wrong passage"
        ),
        pytest.param(answered(), [PASSAGE], ASKED, "should_answer", id="refused though read"),
        pytest.param(answered(read=[OTHER]), [OTHER, PASSAGE], ASKED, "not_read", id="retrieved, not read"),
        pytest.param(answered(read=[OTHER]), [OTHER], ASKED, "not_retrieved", id="not retrieved"),
        pytest.param(
            answered(cited(QUOTE)), [PASSAGE], Question("1", "?", answerable=False), "should_refuse", id="should refuse"
        ),
        pytest.param(answered(), [PASSAGE], Question("1", "?", answerable=False), None, id="rightly refused"),
    ],
)
def test_where_the_work_went_wrong(
    answer: Answer, found: list[Passage], question: Question, failure: str | None
) -> None:
    retrieved = [Retrieved(p, 0.5, None, 1.0) for p in found]
    result = measure(question, answer, retrieved, passages_of=lambda article: [PASSAGE] if article == "a" else [OTHER])
    assert result.failure == failure and result.right == (failure is None)


def test_citation_values_by_hand() -> None:
    half = cited("Ana Horvat, the harbour master,")
    result = measure(ASKED, answered(half), [], passages_of=lambda _: [PASSAGE])
    values = result.values
    assert values["citation.first holds the gold quote"] == 0.0
    assert values["citation.first touches the gold quote"] == 1.0
    assert values["citation.first holds the gold answer"] == 1.0
    assert values["citation.character precision"] == 1.0
    assert values["citation.character recall"] == pytest.approx(31 / 64, abs=1e-6)
    assert values["answer.exact match"] == 1.0
    assert values["passage.MRR@10"] == 0.0


def test_a_refusal_counts_nought_and_leaves_no_denominator() -> None:
    values = measure(ASKED, answered(), [], passages_of=lambda _: [PASSAGE]).values
    for name in ("answer.exact match", "answer.F1", "citation.first holds the gold quote", "citation.character recall"):
        assert values[name] == 0.0
    assert "citation.character precision" not in values


def test_a_copied_article_holds_the_same_quote() -> None:
    copy = Passage("copy#0-98", "copy", 0, len(TEXT), TEXT)
    values = measure(ASKED, answered(cited(QUOTE, copy)), [], passages_of=lambda _: [PASSAGE]).values
    assert values["citation.first holds the gold quote"] == 1.0


def test_a_long_answer_has_rouge_and_no_exact_match() -> None:
    question = replace(ASKED, kind="long", answers=(QUOTE,))
    values = measure(question, answered(cited(QUOTE)), [], passages_of=lambda _: [PASSAGE]).values
    assert values["answer.ROUGE-L"] == 1.0 and "answer.exact match" not in values


def test_a_refusal_that_held_back_a_right_answer(folder: Path, bot: Bot) -> None:
    """Risk over coverage needs to know what would have been said below the threshold."""
    data = check_gold(load(folder / "questions.jsonl"), bot)
    strict = Bot(
        bot.store,
        retriever=bot.retriever,
        answerer=bot.answerer.with_options(refuse_below=1.0),  # type: ignore[attr-defined]
        settings=bot.settings,
    )
    answered, refused = evaluate(data, bot), evaluate(data, strict)
    assert all(r.refused for r in refused)
    assert [r.answer_right for r in refused] == [r.answer_right for r in answered]
    assert [r.answer_right for r in answered][3:] == [False, False]
    assert any(r.answer_right for r in answered)


@pytest.mark.parametrize(
    ("held_back", "right"),
    [
        pytest.param(answered(cited(QUOTE)), True, id="the right answer"),
        pytest.param(answered(cited("The port closed.")), False, id="a wrong one"),
        pytest.param(None, False, id="none"),
    ],
)
def test_what_a_refusal_held_back(held_back: Answer | None, right: bool) -> None:
    result = measure(ASKED, answered(), [], passages_of=lambda _: [PASSAGE], held_back=held_back)
    assert (result.right, result.answer_right) == (False, right)
    absent = measure(replace(ASKED, answerable=False), answered(), [], passages_of=lambda _: [], held_back=held_back)
    assert (absent.right, absent.answer_right) == (True, False)

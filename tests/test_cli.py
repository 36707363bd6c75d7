"""The command line, with a real index of a few small articles: output, exit codes, errors of one line."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from index.lock import WriterLock
from rag.types import Answer
from ui import terminal
from ui.cli import interrupt, main

BRIDGE = """\
Marlow Bridge reopens after two years of repairs

The old chain bridge over the Ister carries traffic again.

The Marlow Bridge reopened to traffic on 14 March 2019, two years after cracks were found in its chains. \
Mayor Adele Fenwick cut the ribbon in front of about 900 residents.

Repairs cost 12.4 million crowns, a third more than planned. The contractor, Brandt and Sons, blamed the price of steel.
"""
HARVEST = """\
Apple harvest the smallest in a decade

Late frost in April killed most of the blossom in the Lower Valley. \
Growers picked 3,100 tonnes of apples, the smallest harvest since 2008.

The growers' association asked the regional government for help with loans.
"""


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two articles and something that can't be read."""
    folder = tmp_path_factory.mktemp("collection") / "articles"
    folder.mkdir()
    (folder / "bridge.txt").write_text(BRIDGE, encoding="utf-8")
    (folder / "harvest.txt").write_text(HARVEST, encoding="utf-8")
    (folder / "empty.txt").write_text("", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def folder(collection: Path) -> Path:
    """The collection's index folder; tests only read it."""
    index = collection.parent / "newsdesk-data"
    assert main(["index", "--index", str(index), str(collection)]) == 0
    return index


def one_error_line(text: str) -> str:
    assert text.startswith("newsdesk: error: ") and text.count("\n") == 1, text
    assert "Traceback" not in text
    return text


def test_index_says_what_it_did(collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = str(tmp_path / "data")
    assert main(["index", "--index", index, str(collection)]) == 0
    first = capsys.readouterr().out
    assert "added" in first and "bridge.txt" in first and "rejected" in first and "empty.txt" in first
    assert main(["index", "--index", index, "--json", str(collection)]) == 0
    second = json.loads(capsys.readouterr().out)
    assert second["added"] == [] and len(second["unchanged"]) == 2 and second["embedded"] == 0
    assert second["rejected"][0]["reason"]


def test_prune_removes_what_is_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    articles, index = tmp_path / "articles", str(tmp_path / "data")
    articles.mkdir()
    (articles / "bridge.txt").write_text(BRIDGE, encoding="utf-8")
    (articles / "harvest.txt").write_text(HARVEST, encoding="utf-8")
    assert main(["index", "--index", index, str(articles)]) == 0
    (articles / "harvest.txt").unlink()
    capsys.readouterr()
    assert main(["index", "--index", index, "--json", "--prune", str(articles)]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == ["harvest.txt"]


def test_ask_quotes_and_cites(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--index", str(folder), "When did the Marlow Bridge reopen?"]) == 0
    out = capsys.readouterr().out
    assert "14 March 2019" in out and "[1]" in out and "Sources:" in out and "Marlow Bridge reopens" in out


def test_ask_json_is_the_answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--index", str(folder), "--json", "When did the Marlow Bridge reopen?"]) == 0
    answer = Answer.from_json(capsys.readouterr().out)
    assert "14 March 2019" in answer.citations[0].quote and answer.citations[0].article_id == "bridge.txt"


def test_a_refusal_has_its_own_exit_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--index", str(folder), "Who won the Super Bowl?"]) == 3
    out = capsys.readouterr().out
    assert out.startswith("Not answered") and "Closest:" in out


def test_a_filter_that_allows_nothing_is_a_refusal(folder: Path) -> None:
    question = "When did the Marlow Bridge reopen?"
    assert main(["ask", "--index", str(folder), "--from", "2150-01-01", question]) == 3
    assert main(["ask", "--index", str(folder), "--source", "nobody", question]) == 3


def test_a_greeting_is_no_refusal_in_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["ask", "--index", str(folder), "Hello"])
    out = capsys.readouterr().out
    assert out.startswith("Hello") and "Not answered" not in out


def test_status(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--index", str(folder), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["articles"] == 2 and status["passages"] >= 2
    assert main(["status", "--index", str(folder)]) == 0
    assert "articles" in capsys.readouterr().out


def test_check_compact_export_import(tmp_path: Path, collection: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = str(tmp_path / "data")
    assert main(["index", "--index", index, str(collection)]) == 0
    assert main(["check", "--index", index]) == 0
    assert "whole" in capsys.readouterr().out
    assert main(["compact", "--index", index]) == 0
    assert main(["check", "--index", index, "--json"]) == 0
    assert main(["export", "--index", index, str(tmp_path / "export")]) == 0
    assert main(["import", "--index", str(tmp_path / "copy"), str(tmp_path / "export")]) == 0
    assert "2 articles" in capsys.readouterr().out
    assert main(["import", "--index", index, str(tmp_path / "export")]) == 1
    one_error_line(capsys.readouterr().err)


def test_check_of_a_damaged_index(tmp_path: Path, collection: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = tmp_path / "data"
    assert main(["index", "--index", str(index), str(collection)]) == 0
    [database] = [path for path in index.iterdir() if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3"]
    database.write_bytes(b"SQLite format 3\0" + b"\xff" * 8000)
    for leftover in index.glob(f"{database.name}-*"):
        leftover.unlink()
    capsys.readouterr()
    assert main(["ask", "--index", str(index), "When did the Marlow Bridge reopen?"]) == 1
    one_error_line(capsys.readouterr().err)


@pytest.mark.parametrize("command", ["ask", "status", "check", "compact", "serve"])
def test_a_missing_index_is_one_line(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [command, "--index", str(tmp_path / "nowhere"), *(["Why?"] if command == "ask" else [])]
    assert main(arguments) == 1
    assert "nowhere" in one_error_line(capsys.readouterr().err)


def test_a_missing_path_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", "--index", str(tmp_path / "data"), str(tmp_path / "nothing")]) == 1
    assert "nothing" in one_error_line(capsys.readouterr().err)
    assert not (tmp_path / "data").exists()


def test_nothing_readable_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    assert main(["index", "--index", str(tmp_path / "data"), str(tmp_path / "empty.txt")]) == 1
    one_error_line(capsys.readouterr().err)


def test_nothing_readable_is_an_error_beside_what_there_is_too(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    assert main(["index", "--index", str(folder), str(tmp_path / "empty.txt"), "ftp://example.org/x"]) == 1
    said = capsys.readouterr()
    assert "as it was" in one_error_line(said.err) and "only http and https" in said.out


def test_a_folder_without_articles_says_so(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "none").mkdir()
    assert main(["index", "--index", str(folder), str(tmp_path / "none")]) == 0
    assert "no articles were found" in capsys.readouterr().out
    assert main(["index", "--index", str(folder), ""]) == 1
    assert "empty path" in one_error_line(capsys.readouterr().err)


@pytest.mark.parametrize("command", ["index", "export"])
def test_a_file_where_a_folder_is_due_is_named(
    command: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text(BRIDGE, encoding="utf-8")
    target = str(tmp_path / "file")
    arguments = [target, "--index", target] if command == "index" else [target, "--index", str(folder)]
    assert main([command, *arguments]) == 1
    assert "file is not a folder" in one_error_line(capsys.readouterr().err)


def test_an_index_is_not_made_among_other_files(
    collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed = shutil.copytree(collection, tmp_path / "mixed")
    before = sorted(mixed.iterdir())
    assert main(["index", "--index", str(mixed), str(mixed)]) == 1
    assert "an index needs a folder of its own" in one_error_line(capsys.readouterr().err)
    assert sorted(mixed.iterdir()) == before


def test_an_unknown_setting_in_the_file_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "newsdesk.toml").write_text("foo = 1", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["status", "--index", str(folder)]) == 1
    assert "'foo' in newsdesk.toml is not a setting; known are" in one_error_line(capsys.readouterr().err)


def test_an_empty_variable_is_unset_and_a_tilde_is_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSDESK_LLM", "")
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("NEWSDESK_INDEX", f"~/{folder.name}")
    assert main(["status"]) == 0


@pytest.mark.parametrize("how", ["ask", "ask --json", "closed"])
def test_a_terminal_that_is_not_utf_8_or_closed(folder: Path, how: str) -> None:
    command = [sys.executable, "-m", "ui.cli", "status" if how == "closed" else "ask", "--index", str(folder)]
    command += ["When did the Marlow Bridge reopen?"] if how != "closed" else []
    command += ["--json"] if how.endswith("--json") else []
    run = subprocess.run(
        ["sh", "-c", '"$@" >&-' if how == "closed" else '"$@"', "sh", *command],
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")


def test_an_unknown_setting_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEWSDESK_COLOUR", "green")
    assert main(["status", "--index", str(folder)]) == 1
    assert "NEWSDESK_COLOUR" in one_error_line(capsys.readouterr().err)


@pytest.mark.parametrize("toml", [b"llm = ollama:llama3.2", 'llm = "caf\u00e9"'.encode("latin-1")])
def test_settings_that_are_no_toml_are_one_line(
    toml: bytes, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "newsdesk.toml").write_bytes(toml)
    monkeypatch.chdir(tmp_path)
    assert main(["status", "--index", str(folder)]) == 1
    assert "newsdesk.toml" in one_error_line(capsys.readouterr().err)


def test_the_index_folder_comes_from_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEWSDESK_INDEX", str(folder))
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["articles"] == 2


@pytest.mark.parametrize("arguments", [["ask"], ["nonsense"], ["status", "--colour"]], ids=" ".join)
def test_a_wrong_option_is_exit_code_2(arguments: list[str]) -> None:
    assert main(arguments) == 2


def test_watching_keeps_in_step(tmp_path: Path) -> None:
    articles, index = tmp_path / "articles", tmp_path / "articles" / "data"  # its own writing is no change
    articles.mkdir()
    (articles / "bridge.txt").write_text(BRIDGE, encoding="utf-8")
    command = [sys.executable, "-m", "ui.cli", "index", "--watch", "--index", str(index), str(articles)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    for line in process.stdout:
        if "watching" in line:
            break
    (articles / "harvest.txt").write_text(HARVEST, encoding="utf-8")
    for line in process.stdout:
        if "2 articles" in line:
            break
    lock = WriterLock(index)  # another command writes: the change is taken up when it is done
    (articles / "third.txt").write_text(HARVEST.replace("Apple", "Pear"), encoding="utf-8")
    time.sleep(3)
    assert process.poll() is None
    lock.release()
    for line in process.stdout:
        if "3 articles" in line:
            break
    (articles / "broken.pdf").write_bytes(b"%PDF-1.7 broken")  # what can't be read is told too
    for line in process.stdout:
        if "broken.pdf" in line:
            break
    articles.rename(tmp_path / "elsewhere")  # a folder in its place is watched in its stead, the index made anew
    articles.mkdir()
    (articles / "fourth.txt").write_text(HARVEST.replace("Apple", "Plum"), encoding="utf-8")
    for line in process.stdout:
        if "1 article in" in line:
            break
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def test_interrupting_an_ingest_is_one_line_and_leaves_a_whole_index(tmp_path: Path) -> None:
    articles, index = tmp_path / "articles", tmp_path / "data"
    articles.mkdir()
    for number in range(300):
        text = BRIDGE.replace("Marlow", f"Bridge number {number}")
        (articles / f"{number:03}.txt").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "ui.cli", "index", "--index", str(index), str(articles)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not index.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert errors.strip() == "newsdesk: interrupted"
    assert main(["check", "--index", str(index)]) == 0


def test_an_interrupt_waits_for_an_import_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "interrupted_module.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\nwhole = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            importlib.import_module("interrupted_module")
            time.sleep(60)
    finally:
        signal.signal(signal.SIGINT, before)
    assert sys.modules.pop("interrupted_module").__dict__["whole"]


def test_article_text_cannot_steer_the_terminal() -> None:
    assert terminal.printable("a\x1b[2Jb\x9bc\n") == "a [2Jb c\n"

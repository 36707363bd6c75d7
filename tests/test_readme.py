"""The README is true: its Python and its commands run, its make targets, files and links are there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from ui.cli import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path, seeds_index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like a checkout after `make chat`, and the working directory: seeds/ and newsdesk-data/."""
    (tmp_path / "seeds").symlink_to(ROOT / "seeds")
    shutil.copytree(seeds_index, tmp_path / "newsdesk-data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("block", blocks("python"))
def test_python_runs(block: str, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), namespace)
    if answer := namespace.get("answer"):
        assert not answer.refused  # type: ignore[attr-defined]
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("block", blocks("console"))
def test_commands_run(block: str, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [shlex.split(line[2:]) for line in block.splitlines() if line.startswith("$ ")]
    assert commands
    for program, *arguments in commands:
        assert program == "newsdesk"
        assert main(arguments) == 0, arguments
        assert capsys.readouterr().out.strip(), arguments


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"(?:`|^)make ([a-z-]+)", README, flags=re.MULTILINE))
    assert {"chat", "test", "lint", "bench", "lock", "quality", "screenshots"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_chat_is_the_first_command() -> None:
    assert blocks("sh")[0].splitlines()[0].startswith("make chat")
    assert README.index("```sh\nmake chat") < README.index("```python")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_makefile_is_read_by_make() -> None:
    done = subprocess.run(["make", "-n", "lint"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_module_is_listed_in_reading_order() -> None:
    modules = {
        path.relative_to(ROOT).as_posix()
        for package in ("index", "rag", "ui")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    }
    assert modules == set(re.findall(r"`((?:index|rag|ui)/\w+\.py)`", README))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), target

"""The wheel holds the three packages with all their data and nothing else; the lock suits any pip and any machine."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("index", "rag", "ui")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built with the environment's own hatchling, so no registry is asked."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    [file] = folder.glob("*.whl")
    return zipfile.ZipFile(file)


def metadata(wheel: zipfile.ZipFile, name: str) -> str:
    [path] = [entry for entry in wheel.namelist() if entry.endswith(f".dist-info/{name}")]
    return wheel.read(path).decode()


def test_top_level_names(wheel: zipfile.ZipFile) -> None:
    assert {name.partition("/")[0] for name in wheel.namelist()} == {*PACKAGES, "newsdesk-0.1.0.dist-info"}


def test_every_file_of_the_packages_is_in_it(wheel: zipfile.ZipFile) -> None:
    present = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert present == {name for name in wheel.namelist() if ".dist-info/" not in name}


@pytest.mark.parametrize(
    "name", ["index/py.typed", "rag/py.typed", "ui/py.typed", "index/minilm.onnx", "rag/reader.onnx", "rag/fitted.json"]
)
def test_package_data(wheel: zipfile.ZipFile, name: str) -> None:
    assert name in wheel.namelist()


def test_metadata(wheel: zipfile.ZipFile) -> None:
    found = Parser().parsestr(metadata(wheel, "METADATA"))
    assert (found["Name"], found["Version"]) == ("newsdesk", "0.1.0")
    assert "Private :: Do Not Upload" in (found.get_all("Classifier") or [])
    assert metadata(wheel, "entry_points.txt").split() == ["[console_scripts]", "newsdesk", "=", "ui.cli:main"]


def locked() -> dict[str, str]:
    """Distribution -> version, of requirements.lock."""
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def test_lock_has_pins_only() -> None:
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line
    assert locked()["torch"] == "2.13.0"


def test_lock_satisfies_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = locked()
    for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), text

"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import index
import rag


def modules() -> list[str]:
    return [m.name for package in (index, rag) for m in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]


@pytest.mark.parametrize("name", modules())
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0

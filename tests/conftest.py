"""What every test may use: the articles of seeds/, an index made from them once a session, a scripted language model's
server, and a clean environment.

It leaves out fakes: a test that needs one keeps it beside itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from llm_server import LlmServer, serve_llm

from index.types import Article

ROOT = Path(__file__).resolve().parent.parent

# No test is timed, so none fails on a busy machine; where CI is set, the same examples are tried every time.
settings.register_profile(
    "newsdesk", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("newsdesk")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own NEWSDESK_* settings don't reach the tests; NEWSDESK_DATA only says where data lies."""
    for name in list(os.environ):
        if name.startswith("NEWSDESK_") and name != "NEWSDESK_DATA":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def articles() -> tuple[Article, ...]:
    """The articles of seeds/, in the order in which they are read."""
    from index.articles import read_articles

    found = tuple(item for item in read_articles(ROOT / "seeds") if isinstance(item, Article))
    if not found:
        pytest.skip("seeds/ holds no articles")
    return found


@pytest.fixture(scope="session")
def seeds_index(tmp_path_factory: pytest.TempPathFactory, articles: tuple[Article, ...]) -> Iterator[Path]:
    """An index folder over seeds/, made once; tests only read it."""
    from index.store import PassageStore

    folder = tmp_path_factory.mktemp("seeds") / "newsdesk-data"
    with PassageStore.open(folder, create=True, read_only=False) as store:
        store.add_articles(articles, roots=(str(ROOT / "seeds"),))
    yield folder


@pytest.fixture(scope="module")
def running() -> Iterator[LlmServer]:
    """The scripted server, one for all tests of a module."""
    with serve_llm() as server:
        yield server


@pytest.fixture
def server(running: LlmServer) -> LlmServer:
    """The scripted server as if nothing had been asked yet."""
    running.reset()
    return running

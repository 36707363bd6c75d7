"""Fitted values: taken from the settings, refused for other models, and found from a data set whose best is known."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.errors import SettingsError
from index.store import PassageStore
from index.types import Article
from rag.bot import Bot
from rag.confidence import Fitted
from rag.datasets import Dataset, Gold, Question
from rag.errors import DatasetError
from rag.fitting import fit_values, fitted_values, retrieve_without, write_settings
from rag.settings import Settings, load_settings

BUNDLED = Fitted.bundled()
MODELS = {"embedder": BUNDLED.embedder, "reader": BUNDLED.reader}
TEXTS = {
    "ferry": "The ferry Jadran left Split at noon with 312 passengers. The harbour master Ana Horvat closed the port.",
    "bridge": "Engineers opened the bridge over the Sava on Monday. It cost 41 million euros.",
    "storm": "A storm tore the roof off the theatre in Rijeka. The director Marko Babić wept.",
    "mine": "Miners in Labin found a seam of coal that is forty metres thick.",
}
ASKED = {
    "ferry": "How many passengers were on the ferry Jadran?",
    "bridge": "How much did the bridge over the Sava cost?",
    "storm": "Who is the director of the theatre in Rijeka?",
    "mine": "How thick is the seam of coal at Labin?",
}


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    folder = tmp_path_factory.mktemp("index")
    with PassageStore.open(folder / "index", create=True, read_only=False) as store:
        store.add_articles(Article(key, "", text) for key, text in TEXTS.items())
    with Bot.open(folder / "index", settings=load_settings()) as opened:
        yield opened


def dataset(*questions: Question) -> Dataset:
    return Dataset("small", "newsdesk", "x", questions)


def answerable() -> list[Question]:
    return [Question(key, text, (), (Gold(key),)) for key, text in ASKED.items()]


def test_the_settings_come_before_what_is_shipped() -> None:
    rank = dict.fromkeys(BUNDLED.rank, 0.5)
    fitted = fitted_values(Settings(rank=rank, refuse_below=0.3), **MODELS)
    assert (fitted.rank, fitted.refuse_below, fitted.confidence) == (rank, 0.3, BUNDLED.confidence)
    assert fitted_values(Settings(), **MODELS) == BUNDLED


def test_what_was_fitted_for_other_models_is_refused() -> None:
    settings = Settings(refuse_below=0.3, fitted_for=MODELS)
    assert fitted_values(settings, **MODELS).refuse_below == 0.3
    with pytest.raises(SettingsError, match=r"fitted for embedder .*--fit` again, or delete"):
        fitted_values(settings, embedder="another", reader=BUNDLED.reader)


def test_weights_of_another_kind_are_refused() -> None:
    with pytest.raises(SettingsError, match="confidence needs the weights intercept"):
        fitted_values(Settings(confidence={"slope": 1.0}), **MODELS)


def test_the_bot_goes_by_the_settings(bot: Bot) -> None:
    settings = load_settings(refuse_below=1.0, dense_weight=1.0)
    with Bot.open(bot.store.folder, settings=settings) as strict:
        assert strict.ask(ASKED["ferry"]).refused
        first, *_ = strict.retriever.retrieve(ASKED["ferry"])
        # Dense alone: the fused score is the scaled cosine.
        assert first.fused == 1.0 and first.passage.article_id == "ferry"


def test_what_is_found_without_an_article(bot: Bot) -> None:
    found = retrieve_without(bot, ASKED["ferry"], {"ferry"})
    assert found and all(r.passage.article_id != "ferry" for r in found)
    assert len(found) == 3 and found[0].fused <= 1.0


def test_every_value_is_fitted_and_takes_effect(bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Question("absent", "Who won the chess championship?", answerable=False)
    seen: list[tuple[int, int]] = []
    found = fit_values(dataset(*answerable(), absent), bot, progress=lambda *at: seen.append(at))
    assert found.values.keys() == {"dense_weight", "rank", "confidence", "refuse_below", "fitted_for"}
    assert found.values["fitted_for"] == {"embedder": bot.store.embeddings.digest, "reader": BUNDLED.reader}
    assert seen[-1] == (5, 5)
    # 4 with their article there, 4 with it removed, 1 that nothing answers.
    assert "from 9 askings, 4 of them answerable" in found.told[-1]
    monkeypatch.chdir(tmp_path)
    write_settings(Path("newsdesk.toml"), found.values)
    with Bot.open(bot.store.folder, settings=load_settings()) as fitted:
        assert not fitted.ask(ASKED["ferry"]).refused
        assert fitted.ask(absent.question).refused


def test_questions_that_are_only_searched_for_fit_the_fusion_alone(bot: Bot) -> None:
    questions = [
        Question(key, text, (), (Gold(key),), None, "retrieval", grades={key: 1}) for key, text in ASKED.items()
    ]
    found = fit_values(dataset(*questions), bot)
    # Every weight finds all four here, and of equals the middle is taken.
    assert found.values == {"dense_weight": 0.5}


def test_nothing_to_fit_on(bot: Bot) -> None:
    with pytest.raises(DatasetError, match="needs questions with gold"):
        fit_values(dataset(Question("1", "Who?", answerable=False)), bot)


def test_settings_are_written_beside_the_others(tmp_path: Path) -> None:
    path = tmp_path / "newsdesk.toml"
    path.write_text('threads = 1\nrefuse_below = 0.9\nhost = "127.0.0.1"\n', "utf-8")
    values = {"refuse_below": 0.4, "confidence": {"intercept": -1.5, "cosine": 2}, "fitted_for": {"reader": "ab"}}
    write_settings(path, values)
    assert tomllib.loads(path.read_text("utf-8")) == {"threads": 1, "host": "127.0.0.1"} | values
    write_settings(path, {"refuse_below": 0.5})
    assert tomllib.loads(path.read_text("utf-8"))["refuse_below"] == 0.5
    write_settings(tmp_path / "new.toml", {"refuse_below": 0.5})
    assert (tmp_path / "new.toml").read_text("utf-8") == "refuse_below = 0.5\n"


def test_a_table_in_the_file_is_not_doubled(tmp_path: Path) -> None:
    path = tmp_path / "newsdesk.toml"
    path.write_text("[confidence]\nintercept = 1\n", "utf-8")
    with pytest.raises(SettingsError, match="delete its table"):
        write_settings(path, {"confidence": {"intercept": 2}})

"""Every setting: arguments > NEWSDESK_* variables > newsdesk.toml > the defaults here. Values only, no work.

Unknown keys and unknown NEWSDESK_* names are errors. NEWSDESK_DATA (where tests and benches look for public data sets)
is a setting too, so that it isn't unknown.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from index.errors import SettingsError
from index.settings import IndexSettings

PREFIX = "NEWSDESK_"


class Settings(IndexSettings, BaseSettings):
    """All of newsdesk's settings; the index's own are inherited."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, toml_file="newsdesk.toml"
    )

    index: Path = Field(Path("newsdesk-data"), description="the index folder")
    data: Path = Field(Path("../shared/data"), description="public data sets for tests and benches")

    candidates: int = Field(100, ge=1, description="passages that dense and BM25 each bring to the fusion")
    read_passages: int = Field(5, ge=1, description="passages that the reader reads at most")
    statements: int = Field(3, ge=1, description="sentences of an extractive answer at most")
    refuse_below: float | None = Field(
        None, ge=0, le=1, description="confidence under which a question is refused; unset: the fitted one"
    )
    dense_weight: float = Field(0.5, ge=0, le=1, description="the embedder's share in the fusion; BM25 has the rest")
    rank: dict[str, float] | None = Field(None, description="weights of the ranking; unset: the fitted ones")
    confidence: dict[str, float] | None = Field(None, description="weights of the confidence; unset: the fitted ones")
    fitted_for: dict[str, str] | None = Field(
        None, description="digests of the embedder and reader that `evaluate --fit` fitted these values for"
    )
    max_question_characters: int = Field(2_000, ge=1, description="a longer question is cut, and the answer says so")

    llm: str | None = Field(None, description="'provider:model', for example ollama:llama3.2; unset: quotes only")
    llm_base_url: str | None = Field(None, description="an OpenAI-compatible server")
    llm_seconds: float = Field(60.0, gt=0, description="an LLM that takes longer is given up for the extractive answer")
    llm_first_seconds: float = Field(30.0, gt=0, description="an LLM that has written nothing by then is given up too")
    llm_context_tokens: int = Field(4_000, ge=256, description="prompt budget; passages are dropped last first")
    entailment_model: str | None = Field(
        None, description="a sentence-transformers CrossEncoder that checks statements"
    )
    unsupported: str = Field(
        "strike", pattern="^(strike|flag)$", description="what happens to an unsupported statement"
    )

    host: str = Field("127.0.0.1", description="the chat's address")
    port: int = Field(7860, ge=0, le=65535, description="the chat's port; 0 takes a free one")

    @field_validator("index", "data")
    @classmethod
    def _at_home(cls, path: Path) -> Path:
        return path.expanduser()

    def answering(self) -> dict[str, Any]:
        """The settings that an answer may depend on, as JSON values: results are kept under them."""
        return self.model_dump(mode="json", exclude={"index", "data", "host", "port"})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**arguments: Any) -> Settings:
    """The settings in force; arguments that are None count as not given. Raises SettingsError in one line."""
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    for name in os.environ:
        if name.startswith(PREFIX) and name.upper() not in known:
            raise SettingsError(f"{name} is not a setting; known are {', '.join(sorted(known))}")
    try:
        return Settings(**{key: value for key, value in arguments.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise SettingsError(
                f"{where!r} in newsdesk.toml is not a setting; known are {', '.join(sorted(Settings.model_fields))}"
            ) from None
        raise SettingsError(f"setting {where!r}: {first['msg']} (got {first.get('input')!r})") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise SettingsError(f"newsdesk.toml cannot be read: {error}") from None

"""What an index was made with, and whether what opens it fits: embedder, precision, dimension, chunking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from index import schema
from index.embedding import IndexEmbeddings
from index.errors import IndexMismatch
from index.settings import IndexSettings

PRECISION = "float16"


def about_index(embedder: IndexEmbeddings, settings: IndexSettings) -> dict[str, Any]:
    """What an index was made with, and must be opened with."""
    return {
        "embedder": {"name": embedder.name, "digest": embedder.digest},
        "precision": PRECISION,
        "dimension": embedder.dimension,
        "chunking": {"passage_tokens": settings.passage_tokens, "overlap_sentences": settings.overlap_sentences},
    }


def check_name(database: schema.Database, folder: Path, name: str) -> None:
    """Before a model is loaded: is it the one that the index was made with?"""
    made = _made(database, folder, "embedder")["name"]
    if made != name:
        raise IndexMismatch(
            f"{folder} was made with the embedder {made!r}, not {name!r}: set embedder = {made!r} (NEWSDESK_EMBEDDER), "
            "or index the articles into another folder"
        )


def check_match(database: schema.Database, folder: Path, about: dict[str, Any], *, writing: bool) -> None:
    for name, value in about.items():
        made = _made(database, folder, name)
        if made != value and (writing or name != "chunking"):
            raise IndexMismatch(
                f"{folder} was made with {name} {_short(made)}, not {_short(value)}: open it with the same, or index "
                "the articles into another folder"
            )


def _made(database: schema.Database, folder: Path, name: str) -> Any:
    try:
        return json.loads(database.meta(name))
    except (TypeError, ValueError):
        raise schema.damaged(folder, f"it doesn't say its {name}") from None


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {str(v)[:40]}" for k, v in value.items())
    return str(value)

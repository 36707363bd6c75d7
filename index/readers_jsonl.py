"""JSON Lines: one article a line, with forgiving names of fields. Each bad line is rejected by its number.

A file may be larger than max_file_bytes; a line may not. A file whose first lines hold no text at all (questions,
labels, …) is rejected once, as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from index.decode import Unreadable, decode, normalise
from index.readers_html import holds_html, text_of_fragment
from index.readers_text import FIELDS, first_field, known_from_fields, plain_name, plain_names
from index.settings import IndexSettings
from index.structure import article_from_text
from index.types import Article, Rejected

NO_ARTICLES_AFTER = 20
"""A file of which so many lines in a row, from the first, hold no text is no list of articles."""
DEEPEST = 50
"""Metadata nested deeper than this is rejected: what writes and reads it later goes by recursion."""


def read_jsonl(path: Path, id: str, shown: str, settings: IndexSettings) -> Iterator[Article | Rejected]:
    """The articles of a file; `id` is its relative path, `shown` its name in reasons."""
    pending: list[Rejected] | None = []
    with path.open("rb") as file:
        number = 0
        while line := file.readline(settings.max_file_bytes + 1):
            number += 1
            place = f"{shown}:{number}"
            item: Article | Rejected
            if len(line) > settings.max_file_bytes:
                item = Rejected(place, f"the line is longer than max_file_bytes = {settings.max_file_bytes:,}")
                while line and not line.endswith(b"\n"):
                    line = file.readline(1 << 20)
            elif not line.strip():
                continue
            else:
                try:
                    item = article_from_record(
                        _parse(line), id=f"{id}#{number}", line=number, longest=settings.max_article_characters
                    )
                except Unreadable as error:
                    item = Rejected(place, str(error))
            if pending is None:
                yield item
            elif isinstance(item, Rejected):
                pending.append(item)
                if len(pending) == NO_ARTICLES_AFTER:
                    yield Rejected(
                        shown,
                        f"not articles: none of its first {number} lines could be read; line 1: {pending[0].reason}",
                    )
                    return
            else:
                yield from pending
                pending = None
                yield item
    if not number:
        yield Rejected(shown, "empty")
    yield from pending or ()


def _parse(line: bytes) -> Mapping[str, Any]:
    try:
        record = json.loads(decode(line))
    except json.JSONDecodeError as error:
        raise Unreadable(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise Unreadable("not JSON that can be read: nested too deeply") from None
    except ValueError as error:
        raise Unreadable(str(error) if isinstance(error, Unreadable) else f"not JSON: {error}") from None
    if not isinstance(record, dict):
        raise Unreadable(f"not a JSON object but {type(record).__name__}")
    return record


def article_from_record(
    record: Mapping[str, Any], *, id: str, line: int | None = None, longest: int | None = None
) -> Article:
    """The article of a record. Raises Unreadable naming the text or id that is missing, of a wrong type or too long.

    >>> article_from_record({"headline": "Rain", "body": "It rained.", "date": "2026-01-26"}, id="a").published
    datetime.date(2026, 1, 26)
    """
    fields = plain_names(record)
    text = first_field(fields, "text", _text)
    if text is None:
        raise Unreadable(_why_no_text(fields))
    if longest is not None and len(text) > longest:
        raise Unreadable(f"{len(text):,} characters; max_article_characters is {longest:,}")
    if holds_html(text):
        text = text_of_fragment(text)
    given = fields.get("metadata")
    metadata = given if isinstance(given, dict) else {}
    used = {plain_name(name) for names in FIELDS.values() for name in names}
    extra = {key: value for key, value in record.items() if plain_name(str(key)) not in used and value is not metadata}
    known = known_from_fields(fields, metadata=_storable({**extra, **metadata, **({"line": line} if line else {})}))
    own = next((value for name in map(plain_name, FIELDS["id"]) if (value := fields.get(name)) not in (None, "")), None)
    if own is not None and (isinstance(own, bool) or not isinstance(own, str | int) or not str(own).strip()):
        raise Unreadable(f"its id is {type(own).__name__}, not a text or a whole number")
    return article_from_text(
        normalise(text), id=normalise(str(own)).strip() if own is not None else known.url or id, known=known
    )


def _text(value: Any) -> str | None:
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = "\n\n".join(value)
    return value if isinstance(value, str) and value.strip() else None


def _why_no_text(fields: Mapping[str, Any]) -> str:
    name = next((name for name in FIELDS["text"] if fields.get(plain_name(name)) is not None), None)
    if name is None:
        return f"no text: none of the fields {', '.join(FIELDS['text'])}"
    value = fields[plain_name(name)]
    blank = not value or isinstance(value, str)
    return f"field {name!r} is {'empty' if blank else f'{type(value).__name__}, not text'}"


def _storable(value: Any, depth: int = 0) -> Any:
    """JSON values without lone surrogates, which SQLite and UTF-8 refuse, and without NaN."""
    if depth > DEEPEST:
        raise Unreadable(f"its metadata is nested deeper than {DEEPEST}")
    if isinstance(value, str):
        return normalise(value)
    if isinstance(value, dict):
        return {normalise(str(key)): _storable(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list):
        return [_storable(part, depth + 1) for part in value]
    if isinstance(value, float) and value != value:
        return None
    return value

"""Articles and passages as SQLite rows, and back. What is read is checked against its seal of when it was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from index.errors import IndexDamaged
from index.schema import Database, damaged
from index.types import Article, Filter, Passage, Section, passage_id

ARTICLE = "id, title, text, url, source, author, published, sections, metadata, sealed"
PLACE = ("path", "root")
"""Metadata that says where an article was read, not what it is: a moved file is the same article."""


def clean(text: str) -> str:
    """Text that SQLite keeps as it is: NUL and lone surrogates become U+FFFD, one for one, so offsets stay.

    >>> clean("a\\x00b")
    'a\\ufffdb'
    """
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


def article_values(article: Article) -> dict[str, Any]:
    """The row of an article, without its key. Raises TypeError where metadata isn't JSON."""
    values: dict[str, Any] = {
        "id": clean(article.id),
        "title": clean(article.title),
        "text": clean(article.text),
        "url": article.url,
        "source": article.source,
        "author": article.author,
        "published": article.published.isoformat() if article.published else None,
        "sections": json.dumps([[s.heading, s.start, s.end] for s in article.sections], ensure_ascii=False),
        "metadata": json.dumps(dict(article.metadata), ensure_ascii=False),
    }
    values = {name: clean(value) if isinstance(value, str) else value for name, value in values.items()}
    what = {name: value for name, value in values.items() if name not in ("id", "metadata")}
    what["metadata"] = {name: value for name, value in article.metadata.items() if name not in PLACE}
    path = article.metadata.get("path")
    return values | {
        "content": hashlib.sha256(json.dumps(what, sort_keys=True).encode()).digest(),
        "sealed": _seal(list(values.values())),
        "path": str(path) if path is not None else None,
    }


def _seal(values: Sequence[Any]) -> bytes:
    return xxhash.xxh3_128(json.dumps(list(values)).encode()).digest()


def article_from_row(row: Sequence[Any], folder: Path) -> Article:
    """The article of a row of the columns `ARTICLE`. Raises IndexDamaged where it isn't what was written."""
    *values, sealed = row
    try:
        intact = _seal(values) == sealed
    except (TypeError, ValueError):
        intact = False
    if not intact:
        raise damaged(folder, f"article {values[0]!r} is not what was written")
    id_, title, text, url, source, author, published, sections, metadata = values
    return Article(
        id=id_,
        title=title,
        text=text,
        url=url,
        source=source,
        author=author,
        published=date.fromisoformat(published) if published else None,
        sections=tuple(Section(*entry) for entry in json.loads(sections)),
        metadata=json.loads(metadata),
    )


def text_hash(indexed_text: str, embedder: str) -> bytes:
    """What a vector is kept under: the exact embedded text and the digest of what embedded it."""
    return hashlib.sha256(f"{embedder}\n{indexed_text}".encode()).digest()


def to_half(vectors: Any) -> NDArray[np.float16]:
    """Vectors of any length as unit float16 rows; a zero vector stays zero."""
    array = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(array, axis=-1, keepdims=True)
    return (array / np.where(lengths > 0, lengths, 1)).astype(np.float16)


def vector_seal(blob: Any) -> int:
    """A checksum that fits SQLite's signed integers."""
    return xxhash.xxh3_64_intdigest(blob) >> 1


def vectors_from_rows(
    rows: Sequence[tuple[bytes | None, int | None]], dimension: int, folder: Path
) -> NDArray[np.float32]:
    """Blobs and checksums as an array (rows, dimension). Raises IndexDamaged where one is absent or altered."""
    for blob, sealed in rows:
        if blob is None or len(blob) != 2 * dimension or vector_seal(blob) != sealed:
            raise IndexDamaged(f"{folder} lacks a vector or holds an altered one: `newsdesk check --repair` mends it")
    joined = b"".join(blob for blob, _ in rows if blob is not None)
    return np.frombuffer(joined, dtype="<f2").reshape(len(rows), dimension).astype(np.float32)


def passages_by_key(database: Database, keys: Sequence[int], embedder: str, folder: Path) -> dict[int, Passage]:
    """The passages that exist of these keys; the text is cut out of its article by SQLite, so it is always exact."""
    found: dict[int, Passage] = {}
    rows = database.rows(
        "SELECT p.key, a.id, p.start, p.end, substr(a.text, p.start + 1, p.end - p.start), p.section, p.title, p.hash "
        "FROM json_each(?) j JOIN passages p ON p.key = j.value JOIN articles a ON a.key = p.article",
        json.dumps([int(key) for key in keys]),
    )
    for key, article_id, start, end, text, section, title, hash_ in rows:
        passage = Passage(passage_id(article_id, start, end), article_id, start, end, text, section, title)
        try:
            intact = len(text) == end - start and text_hash(passage.indexed_text, embedder) == hash_
        except (TypeError, ValueError):
            intact = False
        if not intact:
            raise damaged(folder, f"passage {passage.id!r} is not what was written")
        found[key] = passage
    return found


def filter_sql(wanted: Filter) -> tuple[str, list[Any]]:
    """A WHERE clause over `articles a`, and its values."""
    clauses, values = ["1"], list[Any]()
    if wanted.published_from:
        clauses.append("a.published >= ?")
        values.append(wanted.published_from.isoformat())
    if wanted.published_to:
        clauses.append("a.published <= ?")
        values.append(wanted.published_to.isoformat())
    if wanted.sources:
        clauses.append("lower(a.source) IN (SELECT lower(value) FROM json_each(?))")
        values.append(json.dumps(list(wanted.sources)))
    if wanted.article_ids:
        clauses.append("a.id IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(list(wanted.article_ids)))
    return " AND ".join(clauses), values

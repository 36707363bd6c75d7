"""Plain text and Markdown to articles. Markdown's markup is taken off; tables and code stay as their lines.

Front matter (YAML, TOML) names its fields as records of JSON Lines do: `known_from_fields` reads them for both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, TypeVar

from index.dates import parse_date
from index.decode import Unreadable, decode, normalise
from index.structure import Block, Kind, Known, article_from_blocks, article_from_text
from index.types import Article

T = TypeVar("T")

FIELDS: dict[str, tuple[str, ...]] = {
    "id": ("id", "_id", "doc_id", "article_id"),
    "title": ("title", "headline", "name"),
    "text": ("text", "body", "content", "page_content", "contents", "article", "maintext", "article_text", "body_text"),
    "url": ("url", "link", "canonical_url", "canonical"),
    "source": ("source", "publisher", "site", "site_name", "publication"),
    "author": ("author", "authors", "byline", "creator"),
    "published": (
        "published",
        "date",
        "published_at",
        "publication_date",
        "date_published",
        "publish_date",
        "date_publish",
        "pubdate",
        "created",
    ),
}
FRONT_MATTER_CHARACTERS = 20_000
"""Longer front matter is read line by line: a parser of YAML takes its time."""

_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?)\n(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^([A-Za-z_-]+)[ \t]*:[ \t]*(.+)$", re.MULTILINE)


def title_from_name(id: str) -> str:
    """A title for an article that names none: its file's name, unless that is mostly digits.

    >>> title_from_name("news/town-floods_2.txt"), title_from_name("000_2839.txt")
    ('town floods 2', '')
    """
    stem = PurePosixPath(id).stem
    words = " ".join(re.split(r"[\s_-]+", stem)).strip()
    return words if sum(c.isalpha() for c in words) * 2 >= len(words) else ""


def read_text(data: bytes, id: str) -> list[Article]:
    text = decode(data)
    if not text.strip():
        raise Unreadable("empty: only blank lines")
    return [article_from_text(text, id=id, fallback_title=title_from_name(id))]


def read_markdown(data: bytes, id: str) -> list[Article]:
    text = decode(data)
    if not text.strip():
        raise Unreadable("empty: only blank lines")
    known = Known()
    front = _FRONT_MATTER.match(text)
    fields = _front_matter(front[1], front[2]) if front else None
    if front and fields is not None:
        text = text[front.end() :]
        known = known_from_fields(plain_names(fields))
    return [article_from_blocks(markdown_blocks(text), id=id, known=known, fallback_title=title_from_name(id))]


def _front_matter(fence: str, front: str) -> Mapping[str, Any] | None:
    """The fields of Jekyll's and Hugo's front matter; None where it is none and stays text."""
    if fence == "+++":
        import tomllib

        try:
            return tomllib.loads(front)
        except (ValueError, RecursionError):
            return None
    import yaml  # type: ignore[import-untyped]

    try:
        # This loader makes texts, lists and mappings only. An alias is the same object again, never a copy.
        fields = yaml.load(front, yaml.BaseLoader) if len(front) <= FRONT_MATTER_CHARACTERS else None
    except (yaml.YAMLError, ValueError, RecursionError):
        fields = None
    if isinstance(fields, dict):
        return fields
    # Much of what is written there is no YAML ("title: Rain: the story"): its lines tell.
    return {name: value.strip().strip("\"'") for name, value in _FIELD.findall(front)}


def plain_names(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields by their names as `FIELDS` compares them: without case and "_", but for one in front."""
    plain: dict[str, Any] = {}
    for name, value in fields.items():
        plain[plain_name(str(name))] = plain.get(plain_name(str(name))) or value  # {"pubDate": "…", "pub_date": ""}
    return plain


def plain_name(name: str) -> str:
    """
    >>> plain_name("datePublished") == plain_name("date_published"), plain_name("_id")
    (True, '_id')
    """
    return name[:1].lower() + name[1:].lower().replace("_", "")


def known_from_fields(fields: Mapping[str, Any], *, metadata: Mapping[str, Any] = {}) -> Known:
    """What fields (of `plain_names`) tell; one that can't be read tells nothing, and the next name for it is asked."""
    return Known(
        title=first_field(fields, "title", name_of),
        url=first_field(fields, "url", lambda value: name_of(value) if isinstance(value, str) else None),
        source=first_field(fields, "source", name_of),
        author=first_field(fields, "author", name_of),
        published=first_field(fields, "published", parse_date),
        metadata=metadata,
    )


def first_field(fields: Mapping[str, Any], field: str, read: Callable[[Any], T | None]) -> T | None:
    """The first that `read` makes something of, in the order of the names for this field."""
    found = (read(fields[name]) for name in map(plain_name, FIELDS[field]) if name in fields)
    return next((value for value in found if value), None)


def name_of(value: Any) -> str | None:
    """A name or names: a text, an object with a `name`, or a list of these.

    >>> name_of([{"@type": "Person", "name": "Ann Lee"}, "Bo Roe"]), name_of({"id": 3})
    ('Ann Lee, Bo Roe', None)
    """
    values = value if isinstance(value, list) else [value]
    parts = [part.get("name") if isinstance(part, dict) else part for part in values]
    names = [" ".join(normalise(part).split()) for part in parts if isinstance(part, str)]
    return ", ".join(name for name in names if name) or None


def markdown_blocks(text: str) -> list[Block]:
    """The blocks of a Markdown text without its markup; links keep their words, images their description.

    >>> markdown_blocks("# Big *News*\\n\\nIt [rained](http://a.b) on\\nSunday.")
    [Block(text='Big News', kind='title', pages=0), Block(text='It rained on Sunday.', kind='paragraph', pages=0)]
    """
    from markdown_it import MarkdownIt

    blocks: list[Block] = []
    kind: Kind = "paragraph"
    row: list[str] | None = None
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "heading_open":
            first = token.tag == "h1" and not any(block.kind == "title" for block in blocks)
            kind = "title" if first else "heading"
        elif token.type == "heading_close":
            kind = "paragraph"
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close":
            blocks.append(Block(" | ".join(row or [])))
            row = None
        elif token.type == "inline":
            words = "".join(
                " " if child.type == "softbreak" else "\n" if child.type == "hardbreak" else child.content
                for child in token.children or ()
                if child.type != "html_inline"
            )
            if row is None:
                blocks.append(Block(words, kind))
            else:
                row.append(words)
        elif token.type in ("fence", "code_block"):
            blocks.append(Block(token.content))
    return blocks

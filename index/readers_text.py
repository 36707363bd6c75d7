"""Plain text and Markdown to articles. Markdown's markup is taken off; tables and code stay as their lines."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from index.dates import parse_date
from index.decode import Unreadable, decode
from index.structure import Block, Kind, Known, article_from_blocks, article_from_text
from index.types import Article

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
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
    if front:
        text = text[front.end() :]
        fields = {name.lower(): value.strip().strip("\"'") for name, value in _FIELD.findall(front[1])}
        known = Known(
            title=fields.get("title"),
            url=fields.get("url") or fields.get("canonical"),
            source=fields.get("source") or fields.get("site"),
            author=fields.get("author"),
            published=parse_date(fields.get("date") or fields.get("published")),
        )
    return [article_from_blocks(markdown_blocks(text), id=id, known=known, fallback_title=title_from_name(id))]


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

"""The table of formats: a file's ending -> what reads it, and whether a process of its own does.

To add a format, add a reader of `(bytes, id) -> list[Article | Rejected]` here; it raises Unreadable with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from index.decode import Unreadable
from index.readers_documents import read_docx, read_pdf
from index.readers_feeds import read_feed, read_mail
from index.readers_html import article_from_html, decode_html, read_html
from index.readers_text import read_markdown, read_text
from index.types import Article, Rejected

Reader = Callable[[bytes, str], Sequence[Article | Rejected]]


@dataclass(frozen=True, slots=True)
class Format:
    """`isolated`: what reads it is large and meets files made by anyone, so that it runs in a process of its own."""

    read: Reader
    isolated: bool = True


READERS: dict[str, Format] = {
    **dict.fromkeys((".txt", ".text"), Format(read_text, isolated=False)),
    **dict.fromkeys((".md", ".markdown"), Format(read_markdown)),
    **dict.fromkeys((".html", ".htm", ".xhtml"), Format(read_html)),
    ".pdf": Format(read_pdf),
    ".docx": Format(read_docx),
    **dict.fromkeys((".eml", ".mht", ".mhtml"), Format(read_mail)),
    **dict.fromkeys((".rss", ".atom", ".xml"), Format(read_feed)),
}


def read_any(data: bytes, *, suffix: str, id: str, url: str | None = None) -> list[Article | Rejected]:
    """The articles of a file's bytes. Raises Unreadable, and whatever a reader's library raises."""
    if suffix in (".html", ".htm", ".xhtml") and url:
        return [article_from_html(decode_html(data), id=id, url=url)]
    if suffix not in READERS:
        raise Unreadable(f"{suffix or 'a file without an ending'} is not read")
    return list(READERS[suffix].read(data, id))

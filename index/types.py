"""The values that every part shares: articles, passages, filters. It reads no file and imports nothing heavy.

Offsets everywhere are Unicode code points of `Article.text`, half open: `text[start:end]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from langchain_core.documents import Document


@dataclass(frozen=True, slots=True)
class Section:
    """The part `text[start:end]` of an article, under `heading` ("" for a lead without a deck).

    The heading's own characters lie outside `[start, end)`. The deck is the heading of the first section.
    """

    heading: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Article:
    """One article. `text` is its normalised text without the title; passages are cut only inside `sections`.

    Text outside every section (headings, deck, date line, copyright) is shown to readers but never quoted.
    No sections means that the whole text is one. `metadata` may hold `pages`, the start offset of each PDF page.
    """

    id: str
    title: str
    text: str
    url: str | None = None
    source: str | None = None
    author: str | None = None
    published: date | None = None
    sections: tuple[Section, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def page_of(self, offset: int) -> int | None:
        """The 1-based page that holds the character at `offset`, or None where the article has no pages."""
        starts = self.metadata.get("pages") or ()
        return sum(1 for start in starts if start <= offset) or None


@dataclass(frozen=True, slots=True)
class Passage:
    """`article.text[start:end]`, exactly; `title` and `section` name where it stands and are never part of its text."""

    id: str
    article_id: str
    start: int
    end: int
    text: str
    section: str = ""
    title: str = ""

    @property
    def context(self) -> str:
        """Title and section on one line, "" when there are none."""
        return " · ".join(part for part in (self.title, self.section) if part)

    @property
    def indexed_text(self) -> str:
        """What is embedded and what BM25 indexes: title and section, then the text."""
        return f"{self.context}\n{self.text}" if self.context else self.text

    def to_document(self, article: Article | None = None) -> Document:
        """The passage as a LangChain Document; its article's fields and metadata where `article` is given."""
        metadata: dict[str, Any] = dict(article.metadata) if article else {}
        metadata |= {
            "article_id": self.article_id,
            "start": self.start,
            "end": self.end,
            "section": self.section,
            "title": self.title,
        }
        if article:
            metadata |= {"url": article.url, "source": article.source, "author": article.author}
            metadata["published"] = article.published.isoformat() if article.published else None
        return Document(id=self.id, page_content=self.text, metadata=metadata)

    @classmethod
    def from_document(cls, document: Document) -> Passage:
        """The passage that a Document carries. One without an article is a one-passage article of its own.

        Raises ValueError for a Document without an id.
        """
        if not document.id:
            raise ValueError("a Document needs an id to become a Passage")
        metadata = document.metadata
        article_id = str(metadata.get("article_id", document.id))
        start = int(metadata.get("start", 0))
        return cls(
            id=document.id,
            article_id=article_id,
            start=start,
            end=start + len(document.page_content),
            text=document.page_content,
            section=str(metadata.get("section") or ""),
            title=str(metadata.get("title") or ""),
        )


def passage_id(article_id: str, start: int, end: int) -> str:
    """The public id of a passage.

    >>> passage_id("floods.txt", 0, 120)
    'floods.txt#0-120'
    """
    return f"{article_id}#{start}-{end}"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which articles may answer; bounds are inclusive, empty fields allow all. Undated articles fail a date bound."""

    published_from: date | None = None
    published_to: date | None = None
    sources: tuple[str, ...] = ()
    article_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("published_from", "published_to"):
            object.__setattr__(self, name, _day(name, getattr(self, name)))
        for name in ("sources", "article_ids"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))

    def __bool__(self) -> bool:
        return bool(self.published_from or self.published_to or self.sources or self.article_ids)


def _day(name: str, value: object) -> date | None:
    if isinstance(value, datetime):  # a date too, to Python, but one that can't be compared with a date
        return value.date()
    if value is None or isinstance(value, date):
        return value
    raise TypeError(f"Filter({name}=…) takes a datetime.date, not {value!r}")


def _texts(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, Iterable) and not isinstance(value, str):  # a text is one name, not a name for each letter
        texts = tuple(value)
        if all(isinstance(text, str) for text in texts):
            return texts
    raise TypeError(f"Filter({name}=…) takes a tuple of texts, as in {name}=('one', 'another'), not {value!r}")


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something that could not be read, and the reason in words that its owner understands."""

    path: str
    reason: str

"""LangChain Documents as articles, and back. Metadata comes back exactly as it went in."""

from __future__ import annotations

import uuid
from datetime import date

from langchain_core.documents import Document

from index.types import Article, Passage


def article_from_document(document: Document, id_: str | None = None) -> Article:
    """An article whose text is the Document's; a title, url, source or ISO date in its metadata counts as such."""
    metadata = document.metadata

    def text(name: str) -> str | None:
        value = metadata.get(name)
        return value if isinstance(value, str) and value else None

    try:
        published = date.fromisoformat((text("published") or "")[:10])
    except ValueError:
        published = None
    return Article(
        id=id_ or document.id or str(uuid.uuid4()),
        title=text("title") or "",
        text=document.page_content,
        url=text("url"),
        source=text("source"),
        author=text("author"),
        published=published,
        metadata=dict(metadata),
    )


def passage_document(passage: Passage, article: Article, *, is_document: bool) -> Document:
    """What LangChain gets for a passage: the Document that came, or the passage with its article's fields."""
    if is_document:
        return Document(id=article.id, page_content=article.text, metadata=dict(article.metadata))
    return passage.to_document(article)

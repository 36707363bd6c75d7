"""Articles from any LangChain `BaseLoader`: one a Document, its metadata read like a JSONL line's fields.

It leaves out joining: a loader that gives a Document a page gives an article a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from index.decode import Unreadable, normalise
from index.readers_jsonl import article_from_record
from index.settings import IndexSettings
from index.types import Article, Rejected

if TYPE_CHECKING:
    from langchain_core.document_loaders import BaseLoader


def articles_from_loader(
    loader: BaseLoader, *, settings: IndexSettings = IndexSettings()
) -> Iterator[Article | Rejected]:
    """The articles of a loader's Documents, for `PassageStore.add_articles`.

    An id is the Document's, else its metadata's `id`, else its `source` (with `#2` … where several share it). What the
    loader itself raises ends the reading with a Rejected: it can't be asked to go on.
    """
    name = type(loader).__name__
    seen: dict[str, int] = {}
    documents = loader.lazy_load()
    number = 0
    while True:
        number += 1
        try:
            document = next(documents)
        except StopIteration:
            return
        except Exception as error:  # a loader may raise anything
            yield Rejected(f"{name}#{number}", f"the loader failed: {type(error).__name__}: {error}")
            return
        metadata = {str(key): value for key, value in document.metadata.items()}
        place = str(metadata.get("source") or f"{name}#{number}")
        if place.startswith(("http://", "https://")):
            metadata.setdefault("url", place)
            metadata.pop("source", None)
        own = document.id or metadata.get("id")
        id = normalise(str(own or place))
        seen[id] = seen.get(id, 0) + 1
        if seen[id] > 1:
            if own:
                yield Rejected(place, f"its id {id!r} is already that of another Document")
                continue
            id = f"{id}#{seen[id]}"
        if len(document.page_content) > settings.max_article_characters:
            yield Rejected(place, f"longer than max_article_characters = {settings.max_article_characters:,}")
            continue
        try:
            yield article_from_record({**metadata, "text": document.page_content, "id": id}, id=id)
        except Unreadable as error:
            yield Rejected(place, str(error))

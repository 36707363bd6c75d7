"""E-mail and saved pages (EML, MHTML) through the standard library and RSS or Atom feeds through feedparser.

A message is one article, its text part or its HTML; a feed is one article an entry. Of a page that a browser saved,
only the page tells title, author and date: the header says who saved it and when. Attachments are left out, and so is
what a feed only links to.
"""

from __future__ import annotations

import email
import email.policy
import email.utils
import io
import re
from datetime import date
from email.message import EmailMessage, Message
from typing import Any

from index.decode import Unreadable, decode, normalise
from index.readers_html import article_from_html, decode_html, meant
from index.structure import Known, article_from_text
from index.types import Article, Rejected


def read_mail(data: bytes, id: str) -> list[Article]:
    """One article: its subject is the title, its sender the author; a saved page's are its own.

    Raises Unreadable where there is no text part.
    """
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    if not message.keys():
        raise Unreadable("no mail: it has no header lines")
    saved = _is_saved_page(message)
    try:
        part = message.get_body(preferencelist=("html", "plain") if saved else ("plain", "html"))
        is_html = part is not None and part.get_content_type() == "text/html"
        text = _text_of(part, is_html=is_html) if part is not None else ""
        subject, address = _header(message, "subject"), _header(message, "snapshot-content-location")
        if saved and part is not None:
            address = address or _header(part, "content-location")
        known = Known(
            title=subject,
            author=None if saved else _sender(message),
            published=None if saved else _mail_date(message),
            url=address if (address or "").startswith(("http://", "https://")) else None,
        )
    except (LookupError, ValueError, TypeError, AttributeError, AssertionError) as error:
        raise Unreadable(f"a broken mail: {error}") from None
    if not text.strip():
        raise Unreadable("a saved page without text" if saved else "a mail without a text part")
    if is_html:
        article = article_from_html(text, id=id, url=known.url)
        known = Known(
            title=article.title or known.title if saved else known.title or article.title,
            author=known.author or article.author,
            published=known.published or article.published,
            url=known.url or article.url,
            source=article.source,
        )
        return [_with(article, known)]
    return [article_from_text(text, id=id, known=known)]


def _is_saved_page(message: EmailMessage) -> bool:
    """Whether a browser wrote it: each names itself as the sender, Chromium the page's address too."""
    sender = _header(message, "from") or ""
    return "snapshot-content-location" in message or bool(re.match(r"\W*saved by\b", sender, re.IGNORECASE))


def _text_of(part: Any, *, is_html: bool) -> str:
    """A part's text. Browsers leave the charset of a saved page to the page; a mail's header may name one wrongly."""
    charset, data = part.get_content_charset(), part.get_payload(decode=True)
    if isinstance(data, bytes):
        if charset is None:
            return decode_html(data) if is_html else decode(data)
        if meant(charset) != charset:
            return normalise(data.decode(meant(charset), errors="replace"))
    content = part.get_content()
    return normalise(content) if isinstance(content, str) else decode(content)


def _with(article: Article, known: Known) -> Article:
    from dataclasses import replace

    return replace(
        article,
        title=known.title or article.title,
        author=known.author,
        published=known.published,
        url=known.url,
        source=known.source,
    )


def _header(message: Message[str, str], name: str) -> str | None:
    value = message.get(name)
    return " ".join(normalise(str(value)).split()) or None if value else None


def _sender(message: EmailMessage) -> str | None:
    value = _header(message, "from")
    if not value:
        return None
    name, address = email.utils.parseaddr(value)
    return name or address or value


def _mail_date(message: EmailMessage) -> date | None:
    value = _header(message, "date")
    try:
        return email.utils.parsedate_to_datetime(value).date() if value else None
    except (ValueError, TypeError, OverflowError):
        return None


def read_feed(data: bytes, id: str) -> list[Article | Rejected]:
    """An article an entry; its id is its link, else the feed's id and its own. Raises Unreadable for no feed."""
    import feedparser

    if not data.strip():
        raise Unreadable("empty: only blank lines")
    try:
        feed = feedparser.parse(io.BytesIO(data), sanitize_html=True)  # bytes would be taken for a file's name first
    except MemoryError:
        raise
    except Exception as error:  # feedparser promises to raise nothing, and raises UnicodeDecodeError
        raise Unreadable(f"a broken feed: {' '.join(str(error).split())[:120]}") from None
    if not feed.get("version"):
        raise Unreadable("not a feed that is known: neither RSS nor Atom")
    if not feed.entries:
        raise Unreadable("a feed without entries")
    site = normalise(str(feed.feed.get("title") or "")) or None
    return [_entry(entry, id, number, site) for number, entry in enumerate(feed.entries, 1)]


def _entry(entry: Any, id: str, number: int, site: str | None) -> Article | Rejected:
    link = normalise(str(entry.get("link") or "")) or None
    if link and not link.startswith(("http://", "https://")):
        link = None  # feedparser takes an id for a link
    own_id = link or f"{id}#{normalise(str(entry.get('id') or number))}"
    when = entry.get("published_parsed") or entry.get("updated_parsed")
    contents = [part.get("value", "") for part in entry.get("content", ())] or [entry.get("summary", "")]
    known = Known(
        title=" ".join(_strip_tags(str(entry.get("title") or "")).split()) or None,
        url=link,
        source=site,
        author=normalise(str(entry.get("author") or "")) or None,
        published=_date_of(when),
        metadata={"entry": number},
    )
    text = _strip_tags(max((str(c) for c in contents), key=len))
    if not text.strip():
        return Rejected(f"#{number}", "an entry without text")
    try:
        return article_from_text(text, id=own_id, known=known)
    except Unreadable as error:
        return Rejected(f"#{number}", str(error))


def _date_of(parsed: Any) -> date | None:
    try:
        return date(parsed.tm_year, parsed.tm_mon, parsed.tm_mday) if parsed else None
    except (ValueError, AttributeError):
        return None


def _strip_tags(fragment: str) -> str:
    """The text of an HTML fragment; block tags end a paragraph. Feeds are too short for trafilatura's main text."""
    from lxml import html
    from lxml.etree import LxmlError

    if "<" not in fragment and "&" not in fragment:
        return normalise(fragment)
    marked = re.sub(r"(?i)<(?:/p|br|/div|/h\d|/li|/tr|/blockquote)\b[^>]{0,200}>", "\n\n", fragment)
    try:
        return normalise(str(html.fromstring(f"<div>{marked}</div>").text_content()))
    except (LxmlError, ValueError):
        return normalise(re.sub(r"<[^>]{0,2000}>", " ", marked))

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

from index.dates import parse_date
from index.decode import Unreadable, decode, normalise
from index.readers_html import article_from_html, decode_html, meant, text_of_fragment
from index.readers_text import name_of
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
    contents = [part.get("value", "") for part in entry.get("content", ())] or [entry.get("summary", "")]
    known = Known(
        title=" ".join(text_of_fragment(str(entry.get("title") or "")).split()) or None,
        url=link,
        source=site,
        author=_author_of(entry),
        published=_date_of(entry, "published") or _date_of(entry, "updated"),
        metadata={"entry": number},
    )
    text = text_of_fragment(max((str(c) for c in contents), key=len))
    if not text.strip():
        return Rejected(f"#{number}", "an entry without text")
    try:
        return article_from_text(text, id=own_id, known=known)
    except Unreadable as error:
        return Rejected(f"#{number}", str(error))


def _author_of(entry: Any) -> str | None:
    authors = entry.get("authors") or []
    if len(authors) > 1:
        return name_of(authors)
    written = str(entry.get("author") or "")
    # "ann@wire.example (Ann Lee)" in RSS, "Ann Lee (ann@wire.example)" of Atom's parts.
    return name_of(re.sub(r"\S*@\S*", "", written).strip(" ()<>")) or name_of(written)


def _date_of(entry: Any, field: str) -> date | None:
    """The day as written, else as feedparser reads it, which is in UTC."""
    if field not in entry:
        return None
    written, parsed = parse_date(entry.get(field)), entry.get(f"{field}_parsed")
    try:
        return written or (date(parsed.tm_year, parsed.tm_mon, parsed.tm_mday) if parsed else None)
    except (ValueError, AttributeError):
        return None

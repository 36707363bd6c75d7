"""HTML pages to articles, through trafilatura: main text, title, date, author, site, headings as sections.

It leaves out menus, scripts, styles, comments and links; what a page writes only with JavaScript isn't there to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from index.dates import parse_date
from index.decode import Unreadable, decode, normalise
from index.readers_text import title_from_name
from index.structure import Block, Known, article_from_blocks
from index.types import Article

_WINDOWS = {"iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1", "l1", "cp819"}
_BLOCK_TAGS = {"p", "quote", "item", "row", "code", "ab"}
_BREAK = re.compile(
    r"</?(?:address|article|aside|blockquote|br|dd|div|dl|dt|figcaption|figure|footer|h\d|header|hr|li|main|nav|ol|p|pre"
    r"|section|table|tr|ul)\b[^<>]{0,200}>",
    re.IGNORECASE,
)
_CELL_END = re.compile(r"</t[dh]\s*>", re.IGNORECASE)
_MARKUP = re.compile(r"</(?:p|div|h\d|li|blockquote)\s*>|<br\b[^<>]{0,200}>", re.IGNORECASE)


def read_html(data: bytes, id: str) -> list[Article]:
    return [article_from_html(decode_html(data), id=id)]


def decode_html(data: bytes) -> str:
    """The page's text in the encoding that its bytes, then its own declaration, tell."""
    declared = re.search(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]+)", data[:4096], re.IGNORECASE)
    if declared and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        try:
            return normalise(data.decode(meant(declared[1].decode())))
        except (LookupError, UnicodeDecodeError):
            pass  # the declaration is wrong: guess
    return decode(data)


def meant(charset: str) -> str:
    """The encoding behind a label: by the HTML standard, Latin-1 is Windows-1252.

    >>> meant("ISO-8859-1"), meant("utf-8")
    ('cp1252', 'utf-8')
    """
    return "cp1252" if charset.lower() in _WINDOWS else charset


def article_from_html(page: str, *, id: str, url: str | None = None) -> Article:
    """The article of a page. Raises Unreadable where no main text is found."""
    import trafilatura
    from trafilatura.settings import set_date_params

    document: Any = trafilatura.bare_extraction(
        page,
        url=url,
        with_metadata=True,
        include_comments=False,
        date_extraction_params=set_date_params(extensive=False),  # else any year in a sentence or the footer is taken
    )
    if document is None or document.body is None:
        raise Unreadable("no main text found in this HTML")
    known = Known(
        title=" ".join(normalise(document.title).split()) if document.title else None,
        url=url or document.url,
        source=document.sitename or document.hostname,
        author=document.author,
        published=parse_date(document.date),
    )
    title = known.title or title_from_name(id)
    return article_from_blocks(_blocks(document.body), id=id, known=known, fallback_title=title)


def _blocks(body: Any) -> Iterator[Block]:
    """The blocks of trafilatura's tree, in order, without recursion: pages may be nested as deeply as they like."""
    for line_break in body.iter("lb"):
        line_break.tail = " " + (line_break.tail or "")
    stack = [body]
    while stack:
        element = stack.pop()
        if isinstance(element, str):
            text = " ".join(normalise(element).split())
            if text:
                yield Block(text)
        elif element.tag == "head":
            yield Block(_text(element), "title" if element.get("rend") == "h1" else "heading")
        elif element.tag in _BLOCK_TAGS and not _BLOCK_TAGS & {child.tag for child in element.iterdescendants()}:
            text = " | ".join(_text(cell) for cell in element) if element.tag == "row" else _text(element)
            if text:
                yield Block(text)
        else:
            parts: list[Any] = [element.text] if element.text else []
            for child in element:
                parts.append(child)
                if child.tail:
                    parts.append(child.tail)
            stack += reversed(parts)


def holds_html(text: str) -> bool:
    """Whether a text that may be HTML is.

    >>> holds_html("<p>It rained.</p>"), holds_html("if a<p and p>b")
    (True, False)
    """
    return bool(_MARKUP.search(text))


def text_of_fragment(fragment: str) -> str:
    """The text of an HTML fragment; block tags part paragraphs. It is too short for trafilatura's main text."""
    from lxml import html
    from lxml.etree import LxmlError

    fragment = normalise(fragment)  # lxml stops at NUL
    if "<" not in fragment and "&" not in fragment:
        return fragment
    marked = _BREAK.sub("\n\n", _CELL_END.sub(" ", fragment))
    try:
        tree = html.fromstring(f"<div>{marked}</div>", parser=html.HTMLParser(huge_tree=True))
        text = "".join(tree.xpath(".//text()[not(ancestor::script or ancestor::style)]"))
    except (LxmlError, ValueError):
        text = ""
    return normalise(text if text.strip() else re.sub(r"<[^<>]{0,2000}>", " ", marked))


def _text(element: Any) -> str:
    return " ".join(normalise("".join(element.itertext(with_tail=False))).split())

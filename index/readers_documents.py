"""PDF and DOCX to articles: a PDF's pages are kept (`metadata["pages"]`), a DOCX's headings are sections.

It leaves out pictures, footers that repeat, comments and tracked changes. There is no OCR: a scan is rejected.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from dataclasses import replace
from typing import Any

from index.dates import parse_date
from index.decode import Unreadable, normalise
from index.readers_text import title_from_name
from index.structure import Block, Kind, Known, article_from_blocks, article_from_text, kinds_of, reads_as_title, unwrap
from index.types import Article

UNPACKED_BYTES = 200_000_000
"""What a DOCX may unpack to, whatever its packed size."""
PACKING_RATIO = 200
"""What its largest part may grow by: text packs 5 to 20 times, a bomb a thousand."""
_SCAN_CHARACTERS = 20
_PAGE_NUMBER = re.compile(r"(?:page )?#(?: (?:of|/) #)?", re.IGNORECASE)


def read_pdf(data: bytes, id: str) -> list[Article]:
    """One article. Raises Unreadable for a file that is broken, encrypted or without text (a scan)."""
    import logging

    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it says is said by the reason
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("an encrypted PDF: save it without its password")
        pages = [normalise(page.extract_text() or "") for page in reader.pages]
        information: Any = reader.metadata or {}
        fields = {key: str(information.get(key) or "").strip() for key in ("/Title", "/Author", "/CreationDate")}
    except (Unreadable, MemoryError):
        raise
    except RecursionError:
        raise Unreadable("a broken PDF: nested too deeply") from None
    except Exception as error:  # pypdf meets a broken file with exceptions of every kind, AssertionError among them
        raise Unreadable(f"a broken PDF: {_one_line(error)}") from None
    if not pages:
        raise Unreadable("a PDF without pages")
    if sum(len(page.strip()) for page in pages) < _SCAN_CHARACTERS:
        raise Unreadable(f"a PDF without text on its {len(pages)} pages: a scan? There is no OCR here")
    blocks = _page_blocks(pages)
    created = re.match(r"D:(\d{8})", fields["/CreationDate"])
    known = Known(
        title=_pdf_title(normalise(fields["/Title"]), blocks),
        metadata={"created": str(parse_date(created[1]))} if created else {},
    )
    article = article_from_blocks(blocks, id=id, known=known, fallback_title=title_from_name(id))
    # The author that a program writes is often a login's name: the text's byline comes first.
    return [replace(article, author=article.author or normalise(fields["/Author"]) or None)]


def _page_blocks(pages: list[str]) -> list[Block]:
    """Lines of every page joined to paragraphs, without page numbers and edge lines that most pages repeat."""
    split = [page.strip().split("\n") for page in pages]
    edges = Counter(_edge(line) for lines in split for line in {lines[0], lines[-1]})
    repeated = {line for line, n in edges.items() if n > 2 and n > len(pages) * 0.5 or _PAGE_NUMBER.fullmatch(line)}
    blocks: list[Block] = []
    first = True
    for lines in split:
        if len(lines) > 1 and _edge(lines[0]) in repeated:
            lines = lines[1:]
        if len(lines) > 1 and _edge(lines[-1]) in repeated:
            lines = lines[:-1]
        paragraphs = [line for group in unwrap("\n".join(lines), joined=True) for line in group]
        kinds: list[Kind] = kinds_of(paragraphs)
        if first and len(paragraphs) > 1 and reads_as_title(paragraphs[0], paragraphs[1]):
            kinds[0] = "title"
        first = first and not paragraphs
        blocks.append(Block("", pages=1))
        blocks += [Block(line, kind) for line, kind in zip(paragraphs, kinds, strict=True)]
    return blocks


def _edge(line: str) -> str:
    return re.sub(r"\d+", "#", line.strip())


def _pdf_title(named: str, blocks: list[Block]) -> str | None:
    """The title that the file names, if its first page says it too: programs write "Microsoft Word - a.doc" there."""
    words = re.sub(r"\W+", "", named).casefold()
    start = re.sub(r"\W+", "", "".join(block.text for block in blocks[:6])).casefold()
    return named if words and words in start else None


def read_docx(data: bytes, id: str) -> list[Article]:
    """One article. Raises Unreadable for a file that is broken, encrypted or that unpacks to too much."""
    check_zip(data)
    import docx

    try:
        document = docx.Document(io.BytesIO(data))
        properties = document.core_properties
        blocks = [block for part in document.iter_inner_content() for block in _docx_blocks(part)]
        known = Known(
            title=next((b.text for b in blocks if b.kind == "title"), None)
            or normalise(properties.title or "")
            or None,
            author=normalise(properties.author or "").replace("python-docx", "") or None,
            metadata={"created": properties.created.date().isoformat()} if properties.created else {},
        )
    except MemoryError:
        raise
    except Exception as error:  # as above, of python-docx and lxml
        raise Unreadable(f"a broken DOCX: {_one_line(error)}") from None
    if not known.title and not any(block.kind == "heading" for block in blocks):
        # No styles in it: the lines tell, as in plain text.
        text = "\n\n".join(block.text for block in blocks)
        return [article_from_text(text, id=id, known=known, fallback_title=title_from_name(id))]
    return [article_from_blocks(blocks, id=id, known=known, fallback_title=title_from_name(id))]


def _docx_blocks(part: Any) -> list[Block]:
    if hasattr(part, "rows"):
        # Merged cells are named once for each column.
        rows = [{cell._tc: " ".join(normalise(cell.text).split()) for cell in row.cells} for row in part.rows]
        return [Block(" | ".join(row.values())) for row in rows]
    style = (part.style.name or "") if part.style is not None else ""
    kind: Kind = "paragraph"
    if style == "Title":
        kind = "title"
    elif style.startswith("Heading"):
        kind = "heading"
    return [Block(normalise(part.text), kind)]


def check_zip(data: bytes) -> None:
    """Raises Unreadable for what is no zip file, an encrypted one, or one that unpacks to more than a text does."""
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable("an old .doc or an encrypted DOCX: save it as DOCX without a password")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise Unreadable(f"a broken DOCX: {_one_line(error)}") from None
    if any(part.flag_bits & 1 for part in parts):
        raise Unreadable("an encrypted DOCX: save it without its password")
    total = sum(part.file_size for part in parts)
    if total > UNPACKED_BYTES or any(
        p.file_size > 1_000_000 and p.file_size > p.compress_size * PACKING_RATIO for p in parts
    ):
        raise Unreadable(f"a zip bomb? Its {len(data):,} bytes unpack to {total:,}")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__

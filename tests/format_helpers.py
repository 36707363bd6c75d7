"""Makes small files of every format that is read, by hand where a library would hide what is in them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

PAGE = """<!doctype html><html><head><title>Rain Falls on Town | Harbour Wire</title>
<meta property="og:site_name" content="Harbour Wire"><meta name="author" content="Ann Lee">
<meta property="article:published_time" content="2026-01-26T10:00:00Z">
<style>p { color: red }</style><script>var words = "not for reading";</script></head>
<body><nav><a href="/">Menu</a></nav><article><h1>Rain Falls on Town</h1>
<p>It rained in the town for <b>many</b> hours on <a href="/x">Monday</a>, and the river rose over its banks.
People said that it was the worst rain in a generation, and the café on the quay was closed.</p>
<h2>What Next</h2>
<p>More rain will come, said the weather service on Tuesday morning, and people should stay at home.</p>
</article><footer>All the rest</footer></body></html>"""


def make_pdf(pages: Sequence[Sequence[str]]) -> bytes:
    """A PDF 1.4 whose pages hold these lines of Latin text."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(count))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {count}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for i, lines in enumerate(pages):
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>"
            % (5 + 2 * i)
        )
        body = (
            b"BT /F1 11 Tf 14 TL 72 720 Td "
            + b" ".join(b"(%s) Tj T*" % line.encode("cp1252") for line in lines)
            + b" ET"
        )
        objects.append(b"<</Length %d>>stream\n" % len(body) + body + b"\nendstream")
    out = io.BytesIO()
    out.write(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n" % number + content + b"\nendobj\n")
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % offset for offset in offsets))
    out.write(b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start))
    return out.getvalue()


PDF_PAGES = (
    (
        "Rain Falls on the Town",
        "It rained in the town for many hours on Monday, and the river rose",
        "over its banks. People said that it was the worst rain in years.",
        "1",
    ),
    (
        "The weather service said that more rain would come in the week and",
        "that people should stay at home. The café was closed.",
        "What Next",
        "The mayor promised new dykes.",
        "2",
    ),
)


def encrypt_pdf(data: bytes, password: str) -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def make_docx() -> bytes:
    import docx

    document = docx.Document()
    document.add_heading("Rain Falls on Town", 0)
    document.add_paragraph("It rained on Monday. The river rose over its banks.")
    document.add_heading("What Next", 1)
    document.add_paragraph("More rain will come, and the café stays closed.")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Monday", "90 mm"
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def make_zip_bomb(unpacked: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"\x00" * unpacked)
    return out.getvalue()


def make_mail(body: str, kind: str = "plain") -> bytes:
    head = (
        "From: Ann Lee <ann@wire.example>\r\nTo: desk@wire.example\r\nSubject: =?utf-8?q?Rain_at_the_caf=C3=A9?=\r\n"
        "Date: Mon, 26 Jan 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: text/{kind}; charset=utf-8\r\n\r\n"
    )
    return head.encode() + body.encode()


def make_saved_page(page: str, *, browser: str = "Blink") -> bytes:
    """A page as browsers save it (MHTML): no charset in its headers, the browser as sender, a picture beside it."""
    import base64
    import quopri

    location = "https://wire.example/news/rain.html"
    head = [
        f"From: <Saved by {browser}>",
        *([f"Snapshot-Content-Location: {location}"] if browser == "Blink" else []),
        "Subject: Rain Falls on Town | Harbour Wire",
        "Date: Tue, 24 Nov 2026 07:47:15 GMT",
        "MIME-Version: 1.0",
        'Content-Type: multipart/related;\r\n\ttype="text/html";\r\n\tboundary="----MultipartBoundary--a1----"',
        "",
        "",
    ]
    html = ["Content-Type: text/html", "Content-Transfer-Encoding: quoted-printable", f"Content-Location: {location}"]
    picture = ["Content-Type: image/png", "Content-Transfer-Encoding: base64", "Content-Location: cid:a.png"]
    page = page.replace("<head>", '<head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8">')
    bodies = [quopri.encodestring(page.encode()), base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(90))]
    parts = [
        b"------MultipartBoundary--a1----\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + body + b"\r\n"
        for lines, body in zip((html, picture), bodies, strict=True)
    ]
    return "\r\n".join(head).encode() + b"".join(parts) + b"------MultipartBoundary--a1------\r\n"


FEED = """<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Harbour Wire</title>
<link>http://wire.example</link>
<item><title>Rain &amp; Snow</title><link>http://wire.example/1</link><pubDate>Mon, 26 Jan 2026 10:00:00 GMT</pubDate>
<description>&lt;p&gt;It rained at the café.&lt;/p&gt;&lt;p&gt;The river rose.&lt;/p&gt;</description></item>
<item><title>A title only</title></item></channel></rss>"""

ATOM = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Harbour Wire</title>
<entry><title>Rain</title><id>tag:1</id><updated>2026-01-26T10:00:00Z</updated><author><name>Ann Lee</name></author>
<content type="html">&lt;p&gt;It rained.&lt;/p&gt;</content></entry></feed>"""

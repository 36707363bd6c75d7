"""Each format end to end: what is read, and that a passage's characters stand in the article and in the PDF's page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import date
from html import unescape
from pathlib import Path

import format_helpers as made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document

from index.articles import read_articles
from index.decode import Unreadable
from index.isolated import ReaderProcess
from index.loaders import articles_from_loader
from index.passages import split
from index.readers import read_any
from index.readers_documents import read_docx, read_pdf
from index.readers_feeds import read_feed, read_mail
from index.readers_html import read_html
from index.settings import IndexSettings
from index.types import Article, Rejected

FILES = {
    "a.html": made.PAGE.encode(),
    "latin.html": made.PAGE.replace("<head>", '<head><meta charset="iso-8859-1">').encode("latin-1"),
    "a.pdf": made.make_pdf(made.PDF_PAGES),
    "a.docx": made.make_docx(),
    "plain.eml": made.make_mail("It rained at the café.\r\n\r\nThe river rose.\r\n"),
    "html.eml": made.make_mail(made.PAGE, "html"),
    "a.mhtml": made.make_saved_page(made.PAGE),
    "old.mht": made.make_saved_page(made.PAGE, browser="Internet Explorer 11"),
    "a.rss": made.FEED.encode(),
    "a.atom": made.ATOM.encode(),
    "a.md": b"# Rain\n\nIt rained.\n",
}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Article]:
    folder = tmp_path_factory.mktemp("formats")
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    items = list(read_articles(folder))
    assert [i.reason for i in items if isinstance(i, Rejected)] == ["an entry without text"]
    return {Path(i.metadata["path"]).name: i for i in items if isinstance(i, Article)}


@pytest.mark.parametrize("name", FILES)
def test_passages_stand_in_the_article(read: dict[str, Article], name: str) -> None:
    article = read[name]
    passages = split(article, count_tokens=lambda texts: [len(t.split()) + 2 for t in texts])
    assert passages
    assert all(article.text[p.start : p.end] == p.text for p in passages)
    assert "ain" in article.title
    assert not re.search(r"Menu|not for reading|color|All the rest|<", article.text)


@pytest.mark.parametrize("name", ["a.html", "latin.html", "html.eml", "a.mhtml", "old.mht"])
def test_html_names_its_fields_and_sections(read: dict[str, Article], name: str) -> None:
    article = read[name]
    assert (article.source, article.author, article.published) == ("Harbour Wire", "Ann Lee", date(2026, 1, 26))
    assert [s.heading for s in article.sections] == ["", "What Next"]
    assert "many hours on Monday, and the river" in article.text and "café" in article.text


def test_pdf_keeps_its_pages(read: dict[str, Article]) -> None:
    from pypdf import PdfReader

    article = read["a.pdf"]
    assert article.title == "Rain Falls on the Town"
    assert [s.heading for s in article.sections] == ["", "What Next"]
    pages = [" ".join(p.extract_text().split()) for p in PdfReader(article.metadata["path"]).pages]
    for sentence in ("It rained in the town for many hours on Monday", "The café was closed.", "The mayor promised"):
        page = article.page_of(article.text.index(sentence))
        assert page is not None and sentence in pages[page - 1]


@pytest.mark.parametrize("name", ["a.mhtml", "old.mht"])
def test_a_saved_page_is_the_page_and_not_who_saved_it(read: dict[str, Article], name: str) -> None:
    assert read[name].title == "Rain Falls on Town"
    assert read[name].url == "https://wire.example/news/rain.html"


def test_docx_mail_and_feeds(read: dict[str, Article]) -> None:
    assert [s.heading for s in read["a.docx"].sections] == ["", "What Next"]
    assert "Monday | 90 mm" in read["a.docx"].text
    mail = read["plain.eml"]
    assert (mail.title, mail.author, mail.published) == ("Rain at the café", "Ann Lee", date(2026, 1, 26))
    feed = read["a.rss"]
    assert (feed.id, feed.title, feed.source, feed.published) == (
        "http://wire.example/1",
        "Rain & Snow",
        "Harbour Wire",
        date(2026, 1, 26),
    )
    assert feed.text == "It rained at the café.\n\nThe river rose."
    assert (read["a.atom"].id, read["a.atom"].author) == ("a.atom#tag:1", "Ann Lee")


def test_what_an_answer_quotes_stands_in_the_article_as_shown_and_on_the_pdf_s_page(tmp_path: Path) -> None:
    """Each format from its file to the reading pane: index, question, citation, mark."""
    from pypdf import PdfReader

    from index.store import PassageStore
    from index.types import Filter
    from rag.bot import Bot
    from rag.settings import load_settings
    from ui.render import Reference, article_html

    folder = tmp_path / "articles"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    with PassageStore.open(tmp_path / "index", create=True, read_only=False) as store:
        store.add_articles(read_articles(folder))
    with Bot.open(tmp_path / "index", settings=load_settings(refuse_below=0.0)) as bot:
        for article in bot.store.articles():
            name = Path(article.metadata["path"]).name
            question = "What did the mayor promise?" if name == "a.pdf" else "What did the rain do to the river?"
            answer = bot.ask(question, filter=Filter(article_ids=(article.id,)))
            assert answer.citations, name
            for citation in answer.citations:
                assert article.text[citation.start : citation.end] == citation.quote
                shown = article_html(article, Reference.from_citation(citation))
                marked = re.findall(r'<mark class="nd-main[^"]*"[^>]*>(.*?)</mark>', shown)
                assert unescape("".join(marked)) == citation.quote
                assert (citation.page is not None) == (name == "a.pdf")
                if citation.page:
                    pages = [" ".join(p.extract_text().split()) for p in PdfReader(article.metadata["path"]).pages]
                    assert citation.quote in pages[citation.page - 1]
            if name == "a.pdf":
                assert "The mayor promised new dykes." in [c.quote for c in answer.citations]
                assert {c.page for c in answer.citations if "dykes" in c.quote} == {2}


@settings(max_examples=60)
@given(
    name=st.sampled_from(sorted(FILES)),
    changes=st.lists(st.tuples(st.integers(0, 40_000), st.binary(min_size=1, max_size=6)), min_size=1, max_size=8),
    cut=st.integers(0, 40_000),
)
@pytest.mark.filterwarnings("ignore")
def test_changed_bytes_give_articles_or_a_reason(name: str, changes: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(FILES[name])
    for position, new in changes:
        position %= len(data)
        data[position : position + len(new)] = new
    if cut < len(data) // 2:
        del data[-cut - 1 :]
    try:
        items = read_any(bytes(data), suffix=Path(name).suffix, id=name)
    except Unreadable as error:
        assert str(error) and "\n" not in str(error)
        return
    for article in items:
        if isinstance(article, Article):
            article.text.encode()
            passages = split(article, count_tokens=lambda texts: [len(t.split()) + 2 for t in texts])
            assert passages and all(article.text[p.start : p.end] == p.text for p in passages)
        else:
            assert article.reason


class TwoPages(BaseLoader):
    def lazy_load(self) -> Iterator[Document]:
        yield Document("It rained.", metadata={"source": "book.pdf", "page": 0, "title": "Rain"})
        yield Document("It snowed.", metadata={"source": "book.pdf", "page": 1})
        yield Document("", metadata={"source": "empty"})
        yield Document("It hailed.", metadata={"source": "https://wire.example/hail", "date": "2026-01-26"})
        raise ConnectionError("gone")


def test_any_langchain_loader() -> None:
    items = list(articles_from_loader(TwoPages()))
    articles = [i for i in items if isinstance(i, Article)]
    assert [a.id for a in articles] == ["book.pdf", "book.pdf#2", "https://wire.example/hail"]
    assert articles[0].metadata["page"] == 0 and articles[2].published == date(2026, 1, 26)
    assert articles[2].url == "https://wire.example/hail"
    assert [i.reason for i in items if isinstance(i, Rejected)] == [
        "field 'text' is empty",
        "the loader failed: ConnectionError: gone",
    ]


def test_a_reader_is_killed_at_its_time_and_the_next_file_is_read() -> None:
    with ReaderProcess(IndexSettings(read_seconds=0.001)) as process:
        (late,) = process.read(made.make_docx(), suffix=".docx", id="a", shown="a.docx")
    assert isinstance(late, Rejected) and "read_seconds" in late.reason
    with ReaderProcess() as process:
        (first,) = process.read(b"%PDF junk", suffix=".pdf", id="a", shown="a.pdf")
        (second,) = process.read(made.make_docx(), suffix=".docx", id="a", shown="a.docx")
    assert isinstance(first, Rejected) and isinstance(second, Article)


def test_a_reader_that_needs_too_much_memory_is_said_to() -> None:
    with ReaderProcess(IndexSettings(read_memory_bytes=250_000_000)) as process:
        (item,) = process.read(b"*a* " * 150_000, suffix=".md", id="a", shown="a.md")
        (after,) = process.read(made.PAGE.encode(), suffix=".html", id="b", shown="b.html")
    assert isinstance(item, Rejected)
    assert "read_memory_bytes" in item.reason or "crashed" in item.reason, item.reason
    assert isinstance(after, Article)


def test_a_feed_that_names_a_file_does_not_have_it_read(tmp_path: Path) -> None:
    (tmp_path / "private.rss").write_text(made.FEED, encoding="utf-8")
    with pytest.raises(Unreadable, match="not a feed"):
        read_feed(str(tmp_path / "private.rss").encode(), "http://elsewhere.example/feed")


def test_latin_1_means_windows_1252_as_browsers_have_it() -> None:
    page = '<meta charset="ISO-8859-1"><h1>Mayor’s plan</h1>' + "<p>“It’s a start…”, she said of the € 400.</p>" * 5
    (article,) = read_html(page.encode("cp1252"), "a.html")
    assert "“It’s a start…”, she said of the € 400." in article.text
    head = "Subject: Plan\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\n"
    mail = head + "“It’s a start…”"
    (article,) = read_mail(mail.encode("cp1252"), "a.eml")
    assert article.text == "“It’s a start…”"


BRIDGE = "<p>The bridge opened on Monday after nine years of work. The mayor cut the ribbon for 300 people.</p>"


@pytest.mark.parametrize(
    ("head", "body", "published"),
    [
        ("", "<p>It was first planned in 1998 and again in March 2005.</p>" + BRIDGE, None),
        ("", BRIDGE + "<p>A film was made on 3 May 2011.</p>", None),
        ("", BRIDGE + "</article><footer>© 2024 Thame Times</footer>", None),
        ("", "<p>By Tom Fox</p><p>12 March 2019</p>" + BRIDGE, date(2019, 3, 12)),
        ("", "<p class='byline'>By Tom Fox, 12 March 2019</p>" + BRIDGE + "<p>© 2024</p>", date(2019, 3, 12)),
        ("", "<time datetime='2019-03-12'>12 March</time>" + BRIDGE, date(2019, 3, 12)),
        ("<meta name='date' content='2019-03-12'>", BRIDGE, date(2019, 3, 12)),
        (
            "<meta property='article:published_time' content='2019-03-12T23:30:00-05:00'>"
            "<meta property='article:modified_time' content='2021-01-01T00:00:00Z'>",
            BRIDGE,
            date(2019, 3, 12),
        ),
        ("<link rel='canonical' href='https://thame.example/2019/03/12/bridge.html'>", BRIDGE, date(2019, 3, 12)),
    ],
)
def test_a_page_s_date_is_told_and_never_guessed(head: str, body: str, published: date | None) -> None:
    page = f"<html><head><title>Bridge</title>{head}</head><body><article><h1>Bridge</h1>{body}</article></body></html>"
    (article,) = read_html(page.encode(), "a.html")
    assert article.published == published
    assert "The mayor cut the ribbon" in article.text


def with_author(pdf: bytes, author: str) -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf)))
    writer.add_metadata({"/Author": author})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_pdf_s_headline_byline_and_broken_words() -> None:
    pages = [
        [
            "Blight Hits Kent Apple Orchards",
            "By Ruth Cole",
            "Growers in Kent lost a third of their apples to blight, the county coun-",
            "cillors were told on Tuesday in a meeting that went on and on in Saint-",
            "Etienne, where they had voted by 40 to 12.",
            "Page 1 of 2",
        ],
        ["It will be paid in two parts, the first of them in the spring.", "Page 2 of 2"],
    ]
    (article,) = read_pdf(with_author(made.make_pdf(pages), "rcole"), "a.pdf")
    assert (article.title, article.author) == ("Blight Hits Kent Apple Orchards", "Ruth Cole")
    assert article.text == (
        "By Ruth Cole\n\nGrowers in Kent lost a third of their apples to blight, the county councillors were told on"
        " Tuesday in a meeting that went on and on in Saint- Etienne, where they had voted by 40 to 12.\n\n"
        "It will be paid in two parts, the first of them in the spring."
    )
    assert [article.page_of(article.text.index(words)) for words in ("councillors", "It will")] == [1, 2]
    (unsigned,) = read_pdf(with_author(made.make_pdf(made.PDF_PAGES), "Ann Lee"), "a.pdf")
    assert unsigned.author == "Ann Lee"


def test_a_pdf_s_page_number_takes_no_line_of_the_text_along() -> None:
    (article,) = read_pdf(made.make_pdf([["Goals of the Match", "City", "1", "United", "1", "1"]]), "a.pdf")
    assert (article.title + " " + article.text).split() == "Goals of the Match City 1 United 1".split()


def test_docx_cells_that_say_the_same_are_all_kept() -> None:
    import docx

    document = docx.Document()
    document.add_heading("Derby", 0)
    table = document.add_table(2, 3)
    for column, text in enumerate(("City", "7", "7")):
        table.cell(0, column).text = text
    table.cell(1, 0).merge(table.cell(1, 1)).text = "Both"
    table.cell(1, 2).text = "14"
    out = io.BytesIO()
    document.save(out)
    (article,) = read_docx(out.getvalue(), "a.docx")
    assert article.text == "City | 7 | 7\n\nBoth | 14"


def test_feeds_tell_the_day_as_written_and_every_author() -> None:
    feed = made.FEED.replace("Mon, 26 Jan 2026 10:00:00 GMT</pubDate>", "{}</pubDate><author>{}</author>")
    for written, author, published in (
        ("Sun, 07 Apr 2024 23:30:00 -0500", "ann@wire.example (Ann Lee)", date(2024, 4, 7)),
        ("Mon, 08 Apr 2024 00:30:00 +0200", "ann@wire.com (Ann Lee)", date(2024, 4, 8)),
        ("Sun, 07 Apr 24 10:00:00 GMT", "Ann Lee", date(2024, 4, 7)),
    ):
        article = read_feed(feed.format(written, author).encode(), "a.rss")[0]
        assert isinstance(article, Article)
        assert (article.published, article.author) == (published, "Ann Lee")
    authors = "<author><name>Ann Lee</name></author><author><name>Bo Roe</name><email>b@a.example</email></author>"
    atom = made.ATOM.replace("<author><name>Ann Lee</name></author>", authors)
    atom = atom.replace("2026-01-26T10:00:00Z", "2026-01-26T23:30:00-05:00")
    (article,) = read_feed(atom.encode(), "a.atom")
    assert isinstance(article, Article)
    assert (article.author, article.published) == ("Ann Lee, Bo Roe", date(2026, 1, 26))


def test_a_feed_s_tags_part_words() -> None:
    html = "The shift.&lt;p&gt;It had 45 workers.&lt;/p&gt;&lt;table&gt;&lt;td&gt;a&lt;/td&gt;&lt;td&gt;b&lt;/td&gt;"
    article = read_feed(re.sub(r"&lt;p&gt;It rained.*(?=</desc)", html, made.FEED).encode(), "a.rss")[0]
    assert isinstance(article, Article)
    assert article.text == "The shift.\n\nIt had 45 workers.\n\na b"

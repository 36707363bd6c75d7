"""Reading text, Markdown, JSONL and folders: what the lines are, what is rejected and why; the rest goes on."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.articles import read_articles
from index.dates import parse_date
from index.decode import Unreadable, decode, normalise
from index.readers_jsonl import article_from_record
from index.readers_text import read_markdown
from index.settings import IndexSettings
from index.structure import article_from_text
from index.types import Article, Rejected

DATA = Path(os.environ.get("NEWSDESK_DATA", Path(__file__).parents[2] / "shared" / "data"))
GOOD = "Rain Falls on Town\n\nIt rained in the town on Monday.\n"


def one(path: Path, **options: int) -> Article:
    (item,) = read_articles(path, settings=IndexSettings(**options))  # type: ignore[arg-type]
    assert isinstance(item, Article), item
    return item


def reasons(*paths: Path, **options: int) -> list[str]:
    items = read_articles(*paths, settings=IndexSettings(**options))  # type: ignore[arg-type]
    return [item.reason for item in items if isinstance(item, Rejected)]


def quoted(article: Article) -> list[tuple[str, str]]:
    return [(s.heading, article.text[s.start : s.end]) for s in article.sections]


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data sets are not here")
def test_the_seed_article() -> None:
    article = one(DATA / "seed-article")
    assert article.title.startswith("Trump Weighs Slashing ICE Presence") and article.title not in article.text
    assert [s.heading for s in article.sections][1:] == [
        "Relations Between Federal and State Officials Reach Breaking Point",
        "Minnesota's Governor Appeals to Trump in Public Pleas",
        "Federal Legal and Political Pressures Mount",
        "'Productive Call' Signals Unusual Breakthrough Between Trump and Walz",
        "The Human Toll",
    ]
    deck = article.sections[0].heading
    assert deck.startswith("President Trump signals potential") and article.text.startswith(deck)
    inside = "".join(text for _, text in quoted(article))
    assert "Copyright" in article.text and "Copyright" not in inside
    assert "— Governor Tim Walz (@GovTimWalz) January 26, 2026" in inside
    assert article.published is None  # the date of a tweet is not the article's
    assert article.metadata["root"] == str(DATA / "seed-article")


def test_the_head_of_an_article(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(
        "Rain Falls\nThe town is wet and the river rises\n\nBy Ann Lee | Harbour Wire | Monday, 26 January 2026\n\n"
        "It rained.\n\nWhat next\n\nMore rain comes.\n\n© 2026 Harbour Wire\nAll rights reserved.\n\n\n"
    )
    article = one(path)
    assert (article.id, article.title, article.author, article.source) == (
        "a.txt",
        "Rain Falls",
        "Ann Lee",
        "Harbour Wire",
    )
    assert article.published == date(2026, 1, 26)
    assert quoted(article) == [
        ("The town is wet and the river rises", "It rained."),
        ("What next", "More rain comes."),
    ]


@pytest.mark.parametrize(
    ("line", "source", "author", "published"),
    [
        ("Harbour Wire | 27 January 2026", "Harbour Wire", None, date(2026, 1, 27)),
        ("— Harbour Wire, 27 January 2026", "Harbour Wire", None, date(2026, 1, 27)),
        ("By Ann Lee | Harbour Wire, Jan. 27, 2026", "Harbour Wire", "Ann Lee", date(2026, 1, 27)),
        ("Published on Tuesday 27 January 2026 at 10:30", None, None, date(2026, 1, 27)),
        ("Last updated: 2026-01-27T10:30:00Z", None, None, date(2026, 1, 27)),
        ("Source: Harbour Wire", "Harbour Wire", None, None),
        ("By Ann Lee", None, "Ann Lee", None),
        ("Harbour Wire | 01/02/2026", None, None, None),
        ("January 27, 2026 — Harbour Wire", "Harbour Wire", None, date(2026, 1, 27)),
        ("*July 9, 2024 — by Ann Lee*", None, "Ann Lee", date(2024, 7, 9)),
        ("By Ann Lee · 27 Jan 2026 · 5 min read", None, "Ann Lee", date(2026, 1, 27)),
        ("Date: Tue, 27 Jan 2026 10:00:00 GMT", None, None, date(2026, 1, 27)),
        ("The Sun, 27 Jan 2026", "The Sun", None, date(2026, 1, 27)),
        ("Tue Jan 27 2026", None, None, date(2026, 1, 27)),
        ("January 27th 2026 at 9am", None, None, date(2026, 1, 27)),
        ("2026/01/27 | Harbour Wire", "Harbour Wire", None, date(2026, 1, 27)),
        ("Updated 3 hours ago", None, None, None),
        ("Updated an hour ago", None, None, None),
        ("Source: Channel 4", "Channel 4", None, None),
        ("By Ann Lee, Reuters", "Reuters", "Ann Lee", None),
        ("By ANN LEE, Staff Writer", None, "ANN LEE", None),
        ("By Ann Lee, Bo Chen and Jim Roe", None, "Ann Lee, Bo Chen and Jim Roe", None),
    ],
)
def test_date_and_source_lines(line: str, source: str | None, author: str | None, published: date | None) -> None:
    article = article_from_text(f"Rain Falls\n\n{line}\n\nIt rained in the town.", id="a")
    assert (article.source, article.author, article.published) == (source, author, published)


@pytest.mark.parametrize(
    "line",
    ["The war ended on 8 May 1945.", "By Monday the river had risen.", "The flood of 8 May 1945 took the bridge"],
)
def test_a_sentence_with_a_date_is_no_date_line(line: str) -> None:
    article = article_from_text(f"Rain Falls\n\n{line}\n\nIt rained in the town.", id="a")
    assert article.published is None and article.author is None
    assert line in (article.sections[0].heading, article.text[: article.sections[0].end].split("\n")[0])


@pytest.mark.parametrize(
    ("paragraph", "published", "source"),
    [
        ("WASHINGTON, D.C., Jan. 26, 2026 (AP) — The Senate met.", date(2026, 1, 26), "AP"),
        ("OSLO, 26 January 2026 — It snowed.", date(2026, 1, 26), None),
        ("New York – January 26, 2026 – The firm grew.", date(2026, 1, 26), None),
        ("MINNEAPOLIS, Jan 26 (Reuters) - A man was shot.", None, "Reuters"),
        ("On Monday, January 26, 2026 — a cold day — it snowed.", None, None),
        ("Anna Smith (Labour) — the mayor — said so.", None, None),
        ("The bridge of 26 January 2026 — built in haste — fell.", None, None),
    ],
)
def test_a_dateline_tells_the_day_and_stays_in_its_paragraph(
    paragraph: str, published: date | None, source: str | None
) -> None:
    article = article_from_text(f"Rain Falls\n\n{paragraph}\n\nMore rain came.", id="a")
    assert (article.published, article.source) == (published, source)
    assert quoted(article)[0][1].startswith(paragraph)
    headed = article_from_text(f"Rain Falls\n\nHarbour Wire | 1 May 2025\n\n{paragraph}\n\nMore came.", id="a")
    assert (headed.published, headed.source) == (date(2025, 5, 1), "Harbour Wire")


def test_a_headline_s_label_is_no_part_of_it() -> None:
    article = article_from_text("Headline: Rain Falls\nAuthor: Ann Lee\nDate: 2026-01-26\n\nIt rained.", id="a")
    assert (article.title, article.author, article.published) == ("Rain Falls", "Ann Lee", date(2026, 1, 26))
    assert quoted(article) == [("", "It rained.")]


def test_metadata_that_goes_too_deep_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"text": "It rained.", "a": {"[" * n}{"]" * n}}}\n' for n in (10, 100, 480, 900)))
    items = list(read_articles(path))
    assert [isinstance(item, Article) for item in items] == [True, False, False, False]
    assert all("nested" in item.reason for item in items if isinstance(item, Rejected))


def test_names_that_are_not_utf_8_stay_apart(tmp_path: Path) -> None:
    for name in (b"n\xff.txt", b"n\xfe.txt"):
        (tmp_path / os.fsdecode(name)).write_text(GOOD)
    assert [item.id for item in read_articles(tmp_path) if isinstance(item, Article)] == ["n\\xfe.txt", "n\\xff.txt"]


def test_a_hyphen_at_a_line_end_stays_in_plain_text() -> None:
    text = "It was the well-\nknown rain that the town had seen for so many\nyears and the\nriver rose.\n\nOn it went."
    assert "the well- known rain" in article_from_text(text, id="a").text


def test_lines_broken_at_a_width_are_joined() -> None:
    text = "Rain\n\nIt rained in the town for so long that the\n"
    text += "river rose over its banks and the\nbridge was closed.\n\nOn it went."
    article = article_from_text(text, id="a")
    assert "for so long that the river rose over its banks and the bridge was closed." in article.text


@pytest.mark.parametrize(
    "text",
    ["He said so. It rained.", "one line without a stop", "- a\n- b\n- c", "A\nB\nC", "?", "Title\n\nAnother Title"],
)
def test_short_texts_keep_something_to_quote(text: str) -> None:
    article = article_from_text(text, id="a") if any(c.isalnum() for c in text) else None
    assert article is None or any(text.strip() for _, text in quoted(article))


def test_markdown(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(
        "---\ntitle: 'Rain'\ndate: 2026-01-26\nauthor: Ann Lee\n---\n# Rain\n\nIt **rained** on\n[Monday](http://x.example).\n\n"
        "## Next\n\n> It will rain.\n\n* one\n* two\n\n<script>alert(1)</script>\n"
    )
    article = one(path)
    assert (article.title, article.author, article.published) == ("Rain", "Ann Lee", date(2026, 1, 26))
    assert quoted(article) == [("", "It rained on Monday."), ("Next", "It will rain.\n\none\n\ntwo")]


@pytest.mark.parametrize(
    ("front", "source", "author"),
    [
        (
            "---\ntitle: 'It''s over'\nauthors: [Ann Lee, Bo Roe]\npublisher: Wire\ndate: 2026-01-26\n---\n",
            "Wire",
            True,
        ),
        ("---\ntitle: It's over\nauthor:\n  - Ann Lee\n  - name: Bo Roe\ndate: 26 Jan 2026\n---\n", None, True),
        ('+++\ntitle = "It\'s over"\nauthors = ["Ann Lee", "Bo Roe"]\ndate = 2026-01-26T10:00:00Z\n+++\n', None, True),
        ('+++\ntitle = "It\'s over"\npublisher = "Wire"\ndate = 2026-01-26\n+++\n', "Wire", False),
    ],
)
def test_front_matter(tmp_path: Path, front: str, source: str | None, author: bool) -> None:
    path = tmp_path / "a.md"
    path.write_text(front + "\nThe match ended.\n")
    article = one(path)
    assert (article.title, article.source, article.published) == ("It's over", source, date(2026, 1, 26))
    assert article.author == ("Ann Lee, Bo Roe" if author else None)
    assert quoted(article) == [("", "The match ended.")]


BOMB = "".join(f"l{n}: &l{n} {{? [{f'*l{n - 1}, ' * 9}]}}\n" for n in range(1, 40))


@pytest.mark.parametrize(
    ("front", "title"),
    [
        ("---\ntitle: Rain: the story\ndate: 2026-13-45\n---\n", "Rain: the story"),  # no YAML
        ("---\ntitle: Rain\nauthor: &a [*a]\n---\n", "Rain"),
        ("---\ntitle: Rain\nauthor: " + "[" * 5000 + "\n---\n", "Rain"),
        (f"---\ntitle: Rain\nl0: &l0 [a]\n{BOMB.replace('?', 'a:')}author: *l39\n---\n", "Rain"),
        (f"---\ntitle: Rain\nl0: &l0 {{a: b}}\n{BOMB.replace('?', '<<:')}author: *l39\n---\n", "Rain"),
        ("---\ntitle: Rain\n" + "tags: [a, b]\n" * 30_000 + "---\n", "Rain"),
        ("---\n- Rain\n---\n", "a"),
    ],
    ids=["colon", "loop", "deep", "aliases", "merges", "long", "list"],
)
def test_front_matter_that_tricks(front: str, title: str) -> None:
    (article,) = read_markdown((front + "It rained.\n").encode(), "a.md")
    assert (article.title, article.text, article.published) == (title, "It rained.", None)


def test_what_is_no_toml_stays_text() -> None:
    (article,) = read_markdown(b"+++\nIt rained = a lot.\n+++\n\nIt snowed.\n", "a.md")
    assert "It rained = a lot." in article.text and "It snowed." in article.text


def record(**fields: object) -> Article:
    return article_from_record(fields, id="a")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"id": "bbc", "name": "BBC"}, "BBC"),
        ([{"@type": "Person", "name": "Ann Lee"}, {"name": "Bo Roe"}, "Cy Poe"], "Ann Lee, Bo Roe, Cy Poe"),
        ({"id": 3}, None),
        (7, None),
        (" \n", None),
    ],
)
def test_records_name_authors_and_sources_in_many_ways(value: object, name: str | None) -> None:
    article = record(text="It rained.", author=value, source=value, title={"rendered": "?"}, url=[], metadata="m")
    assert (article.author, article.source, article.url) == (name, name, None)
    assert record(text="It rained.", author=value, byline="Ann").author == (name or "Ann")


@pytest.mark.parametrize("name", ["publishedAt", "datePublished", "date_publish", "pub_date", "PUBLISH_DATE"])
def test_names_of_fields_are_compared_without_case_and_underscores(name: str) -> None:
    article = record(**{name: "2026-01-26"}, bodyText="It rained.", docId="d")
    assert (article.published, article.id, dict(article.metadata)) == (date(2026, 1, 26), "d", {})
    assert record(article_text="It rained.").text == "It rained."


def test_a_blank_field_hides_no_other() -> None:
    article = record(title="", headline="Rain", text=" ", body="It rained.", id="", _id="d", published="?", date="2026")
    assert (article.title, article.text, article.id, article.published) == ("Rain", "It rained.", "d", None)
    assert record(text="It rained.", pub_date="2026-01-26", pubDate="").published == date(2026, 1, 26)
    with pytest.raises(Unreadable, match="'body' is dict, not text"):
        record(body={"html": "It rained."})


def test_html_in_a_record_is_text() -> None:
    html = (
        "It <b>rained</b>.<p>Tea &amp; rain<br/>for all.</p><ul><li>One</li><li>Two</li></ul><script>var a = 1</script>"
    )
    assert record(text=html).text == "It rained.\n\nTea & rain\n\nfor all.\n\nOne\n\nTwo"
    assert (
        record(text="<div>" * 5000 + "It rained." + "</div>" * 5000 + "<p>It snowed.").text
        == "It rained.\n\nIt snowed."
    )
    assert record(text="It\0 rained.<br>\ud800It snowed.").text == "It\ufffd rained.\n\n\ufffdIt snowed."
    with pytest.raises(Unreadable, match="no text"):
        record(text="<p></p>")
    assert record(text="If a < b & c > d, use &amp;.").text == "If a < b & c > d, use &amp;."


def test_jsonl_rejects_bad_lines_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [
        json.dumps({"id": 7, "headline": "Rain", "body": "It rained.", "date": "2026-01-26", "views": 3}),
        "{not json",
        "[1, 2]",
        json.dumps({"title": "no text"}),
        json.dumps({"text": 5}),
        json.dumps(
            {"text": ["It rained.", "It snowed."], "authors": ["A. Lee", "B. Roe"], "link": "https://a.example/1"}
        ),
        '{"text": "lone \\ud800 surrogate.", "metadata": {"k": "\\udc00"}}',
        json.dumps({"id": 7, "text": "The same id."}),
        "",
        json.dumps({"text": "T.", "id": {}}),
        "[" * 100_000,
    ]
    path.write_text("\n".join(lines))
    items = list(read_articles(path))
    articles = [i for i in items if isinstance(i, Article)]
    assert [(a.id, a.author) for a in articles] == [
        ("7", None),
        ("https://a.example/1", "A. Lee, B. Roe"),
        ("a.jsonl#7", None),
    ]
    assert articles[0].published == date(2026, 1, 26) and articles[0].metadata["views"] == 3
    json.dumps([dict(a.metadata) for a in articles]).encode()
    rejected = [i for i in items if isinstance(i, Rejected)]
    assert [int(r.path.rsplit(":", 1)[1]) for r in rejected] == [2, 3, 4, 5, 8, 10, 11]
    assert "not JSON" in rejected[0].reason and "'text' is int" in rejected[3].reason and "'7'" in rejected[4].reason


def test_a_jsonl_of_something_else_is_rejected_once(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"question": "Why?"}\n' * 500)
    assert len(reasons(path)) == 1 and "not articles" in reasons(path)[0]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Café déjà vu".encode("utf-8-sig"), "Café déjà vu"),
        ("Café".encode("utf-16"), "Café"),
        ("Rain fell.".encode("utf-16-le"), "Rain fell."),
        ("Rain fell.".encode("utf-16-be"), "Rain fell."),
        ("Rain fell.".encode("utf-32"), "Rain fell."),
        ("Café déjà vu".encode("latin-1"), "Café déjà vu"),
        ("“Rain,” he said".encode("cp1252"), "“Rain,” he said"),
        (
            ("Привет, как дела? Это новости из города. " * 20).encode("cp1251"),
            "Привет, как дела? Это новости из города. " * 20,
        ),
        (("日本語のニュース記事です。" * 40).encode("shift_jis"), "日本語のニュース記事です。" * 40),
        (b"a\r\nb\rc\x0bd\x00e", "a\nb\nc\nd\ufffde"),
        ("é à ".encode() * 50 + b"\xff", "é à " * 50 + "\ufffd"),
    ],
    ids=[
        "bom",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "latin-1",
        "cp1252",
        "cp1251",
        "shift_jis",
        "ends",
        "stray",
    ],
)
def test_encodings(data: bytes, text: str) -> None:
    assert decode(data) == text


@given(st.binary(max_size=300))
def test_decoding_gives_clean_text_or_a_reason(data: bytes) -> None:
    try:
        text = decode(data)
    except Unreadable as error:
        assert str(error)
    else:
        text.encode()
        assert "\x00" not in text and "\r" not in text


@settings(max_examples=200)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=80),
            st.sampled_from(["Rain Falls", "It rained.", "", "© 2026 A", "By Ann", "— A", "2026-01-26"]),
        )
    )
)
def test_no_word_of_a_text_is_lost(lines: list[str]) -> None:
    text = normalise("\n".join(lines))
    try:
        article = article_from_text(text, id="a")
    except Unreadable:
        return
    kept, given_text = "".join((article.title + article.text).split()), "".join(text.split())
    # A title that the next line repeats is kept once.
    assert kept == given_text or "".join(article.title.split()) + kept == given_text
    last = 0
    for section in article.sections:
        assert last <= section.start < section.end <= len(article.text)
        last = section.end
    assert article.sections


def test_what_cant_be_read_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text(GOOD)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "good.txt").write_text(GOOD)
    (tmp_path / ".hidden.txt").write_text(GOOD)
    (tmp_path / "empty.txt").touch()
    (tmp_path / "blank.txt").write_text(" \n\n \n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)) * 50)
    (tmp_path / "large.txt").write_text("word " * 500)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self.txt").symlink_to(tmp_path / "self.txt")
    (tmp_path / "dangling.txt").symlink_to(tmp_path / "nothing.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / os.fsdecode(b"n\xffame.txt")).write_text(GOOD)
    items = list(read_articles(tmp_path, tmp_path / "missing", settings=IndexSettings(max_file_bytes=2000)))
    assert [i.id for i in items if isinstance(i, Article)] == ["good.txt", "n\\xffame.txt", "sub/good.txt"]
    found = {Path(i.path).name: i.reason for i in items if isinstance(i, Rejected)}
    expected = {
        "empty.txt": "empty",
        "blank.txt": "blank lines",
        "picture.png": ".png is not read",
        "binary.txt": "larger than",
        "large.txt": "max_file_bytes",
        "loop": "a link to a folder",
        "self.txt": "can't be read",
        "dangling.txt": "can't be read",
        "pipe.txt": "not a regular file",
        "missing": "no such file",
    }
    assert found.keys() == expected.keys()
    assert all(part in found[name] for name, part in expected.items()), found


def test_binary_and_long_texts_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(bytes(range(256)) * 50)
    (tmp_path / "b.txt").write_text("Rain fell. " * 50)
    assert ["binary" in r or "max_article_characters" in r for r in reasons(tmp_path, max_article_characters=100)] == [
        True,
        True,
    ]


def test_the_same_name_under_two_folders_is_two_articles(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text(GOOD)
        (tmp_path / name / "y.jsonl").write_text(
            json.dumps({"text": GOOD}) + "\n" + json.dumps({"id": 7, "text": GOOD})
        )
    items = list(read_articles(tmp_path / "a", tmp_path / "b"))
    assert [i.id for i in items if isinstance(i, Article)] == ["x.txt", "y.jsonl#1", "7", "b/x.txt", "b/y.jsonl#1"]
    assert [i.reason for i in items if isinstance(i, Rejected)] == [
        f"its id '7' is already that of an article in {tmp_path / 'a' / 'y.jsonl'}"
    ]


def test_a_file_that_two_paths_hold_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(GOOD)
    (tmp_path / "b.txt").write_text(GOOD)
    items = list(read_articles(tmp_path / "b.txt", tmp_path, f"{tmp_path}/../{tmp_path.name}/a.txt"))
    assert [item.id for item in items if isinstance(item, Article)] == ["b.txt", "a.txt"] and len(items) == 2


def test_an_index_among_the_articles_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(GOOD)
    (tmp_path / "newsdesk-data").mkdir()
    (tmp_path / "newsdesk-data" / "newsdesk.sqlite").touch()
    (tmp_path / "newsdesk-data" / "feedback.jsonl").write_text(json.dumps({"text": GOOD}))
    assert [item.id for item in read_articles(tmp_path) if isinstance(item, Article)] == ["a.txt"]
    assert reasons(tmp_path / "newsdesk-data") == ["an index, not articles"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-26", date(2026, 1, 26)),
        ("2026-01-26T23:59:59+01:00", date(2026, 1, 26)),
        ("26 January 2026", date(2026, 1, 26)),
        ("Jan. 26, 2026", date(2026, 1, 26)),
        ("Monday 26th of Jan 2026, 10:00", date(2026, 1, 26)),
        ("13/02/2026", date(2026, 2, 13)),
        ("01/02/2026", None),
        ("31 February 2026", None),
        ("9999-12-31", date(9999, 12, 31)),
        ("yesterday", None),
        (float("nan"), None),
        (10**30, None),
        (10**400, None),
        (True, None),
        ("2026/01/26", date(2026, 1, 26)),
        ("2026.01.26", date(2026, 1, 26)),
        ("26-Jan-2026", date(2026, 1, 26)),
        ("20260126T100000Z", date(2026, 1, 26)),
        ("20260126100000", date(2026, 1, 26)),
        ("Mon Jan 26 10:00:00 +0000 2026", date(2026, 1, 26)),
        ("Mon Jan 26 10:00:00 UTC 2026", date(2026, 1, 26)),
        ("24-26 January 2026", None),
        ("1769385600", date(2026, 1, 26)),
        ("1769385600000", date(2026, 1, 26)),
        (1769385600000, date(2026, 1, 26)),
        (1769385600.5, date(2026, 1, 26)),
        (20240105, date(2024, 1, 5)),
        (20240105.0, date(2024, 1, 5)),
        (20241399, None),
        (2021, None),
        ("2021", None),
        (0, None),
        (-1, None),
    ],
)
def test_dates(text: object, expected: date | None) -> None:
    assert parse_date(text) == expected

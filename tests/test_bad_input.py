"""More than 40 causes of bad input, several sizes of each: read or rejected with a reason, and the good files stay."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import format_helpers as made
import pytest

from index.articles import read_articles
from index.passages import split
from index.settings import IndexSettings
from index.types import Article, Rejected

GOOD = "Rain Falls on Town\n\nIt rained in the town on Monday.\n"
SENTENCE = "It rained in the town on Monday. "
PDF = made.make_pdf(made.PDF_PAGES)

# Each cause: the ending of the file, and what a size makes of it.
Maker = Callable[[int], bytes]
CAUSES: dict[str, tuple[str, Maker]] = {
    "empty": (".txt", lambda n: b""),
    "blank lines": (".txt", lambda n: b" \t\r\n" * n),
    "only NUL": (".txt", lambda n: b"\x00" * n),
    "only BOM": (".txt", lambda n: b"\xef\xbb\xbf"),
    "binary": (".txt", lambda n: bytes(range(256)) * n),
    "picture as text": (".txt", lambda n: b"\x89PNG\r\n\x1a\n" + b"\x00\x01\x02" * n),
    "one long line": (".txt", lambda n: b"word " * (n * 20)),
    "one long word": (".txt", lambda n: b"x" * (n * 100)),
    "no full stop": (".txt", lambda n: b"A Line\n" * n),
    "only stops": (".txt", lambda n: b". " * n),
    "latin-1": (".txt", lambda n: ("Café déjà vu. " * n).encode("latin-1")),
    "cp1252 quotes": (".txt", lambda n: ("“Rain,” he said. " * n).encode("cp1252")),
    "utf-16 without BOM": (".txt", lambda n: (SENTENCE * n).encode("utf-16-le")),
    "utf-16 cut in the middle": (".txt", lambda n: (SENTENCE * n).encode("utf-16")[:-1]),
    "utf-8 cut in the middle": (".txt", lambda n: ("é" * n).encode()[:-1]),
    "surrogates in utf-8": (".txt", lambda n: b"It rained. \xed\xa0\x80" * n),
    "NUL in text": (".txt", lambda n: b"It rained.\x00 " * n),
    "right to left": (".txt", lambda n: ("\u202eهطل المطر على المدينة. " * n).encode()),
    "zero width": (".txt", lambda n: ("It\u200b rai\u200dned\ufeff. " * n).encode()),
    "combining marks": (".txt", lambda n: ("e" + "\u0301" * n + " fell. ").encode()),
    "emoji": (".txt", lambda n: ("👨‍👩‍👧‍👦 " * n).encode()),
    "old Mac line ends": (".txt", lambda n: b"Rain\r\rIt rained.\r" * n),
    "escape codes": (".txt", lambda n: b"\x1b[31mIt rained.\x1b[0m " * n),
    "title only": (".txt", lambda n: b"Rain " * min(n, 30)),
    "year 9999": (".txt", lambda n: b"Rain\n\n31 December 9999\n\n" + SENTENCE.encode() * n),
    "markdown nested quotes": (".md", lambda n: b">" * n + b" It rained."),
    "markdown nested lists": (".md", lambda n: b"".join(b" " * i + b"- a\n" for i in range(min(n, 300)))),
    "markdown open brackets": (".md", lambda n: b"[" * n + b"a"),
    "markdown only a picture": (".md", lambda n: b"![](a.png)\n\n" * n),
    "front matter only": (".md", lambda n: b"---\ntitle: a\n---\n"),
    "jsonl bad lines": (".jsonl", lambda n: b'{"text": "It rained."}\n{bad\n[]\n"a"\n1\nnull\n' * min(n, 50)),
    "jsonl wrong types": (
        ".jsonl",
        lambda n: b'{"text": 1}\n{"text": "a b.", "id": []}\n{"text": "a.", "title": {}}\n',
    ),
    "jsonl deep": (".jsonl", lambda n: b'{"text": "It rained.", "a": ' + b"[" * n + b"]" * n + b"}\n"),
    "jsonl deep enough to be read": (
        ".jsonl",
        lambda n: b'{"text": "It rained.", "a": ' + b"[" * (n // 4) + b"]" * (n // 4) + b"}\n",
    ),
    "jsonl same id": (".jsonl", lambda n: b'{"id": "a", "text": "It rained."}\n' * min(n, 50)),
    "jsonl huge numbers": (".jsonl", lambda n: b'{"text": "It rained.", "date": 1e308, "a": ' + b"9" * n + b"}\n"),
    "jsonl lone surrogates": (".jsonl", lambda n: b'{"text": "It \\ud800 rained.", "title": "\\udfff"}\n'),
    "jsonl date in year 9999": (".jsonl", lambda n: b'{"text": "It rained.", "date": "9999-12-31"}\n'),
    "jsonl of questions": (".jsonl", lambda n: b'{"question": "Why?"}\n' * n),
    "html deep": (".html", lambda n: b"<div>" * n + b"It rained."),
    "html script only": (".html", lambda n: b"<script>" + b"var a = 1;" * n + b"</script>"),
    "html style only": (".html", lambda n: b"<style>p { color: red }</style>" * n),
    "html without text": (".html", lambda n: b"<html><body>" + b"<br>" * n + b"</body></html>"),
    "html broken": (".html", lambda n: b"<p <<a b='c>It rained" * n),
    "html entities": (".html", lambda n: b"<p>&#0;&#xD800;&bogus;&#99999999;" * n),
    "html attributes": (".html", lambda n: b"<p " + b"a=1 " * n + b">It rained.</p>"),
    "pdf empty": (".pdf", lambda n: b"%PDF-1.4\n"),
    "pdf junk": (".pdf", lambda n: b"%PDF-1.4\n" + bytes(range(256)) * n),
    "pdf cut off": (".pdf", lambda n: PDF[: len(PDF) // 2]),
    "pdf scan": (".pdf", lambda n: made.make_pdf([[]] * min(n, 20))),
    "pdf encrypted": (".pdf", lambda n: made.encrypt_pdf(PDF, "secret")),
    "pdf not a pdf": (".pdf", lambda n: SENTENCE.encode() * n),
    "pdf loop of pages": (".pdf", lambda n: PDF.replace(b"/Kids[4 0 R", b"/Kids[2 0 R")),
    "docx junk": (".docx", lambda n: b"PK\x03\x04" + b"junk" * n),
    "docx cut off": (".docx", lambda n: made.make_docx()[:5000]),
    "docx old doc": (".docx", lambda n: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * n),
    "docx zip of something else": (".docx", lambda n: made.make_zip_bomb(10)),
    "docx zip bomb": (".docx", lambda n: made.make_zip_bomb(3_000_000 + n)),
    "mail empty": (".eml", lambda n: b"\n" * n),
    "mail without head": (".eml", lambda n: SENTENCE.encode() * n),
    "mail without body": (".eml", lambda n: made.make_mail("")),
    "mail bad charset": (".eml", lambda n: made.make_mail("It rained.").replace(b"utf-8\r\n\r\n", b"klingon\r\n\r\n")),
    "mail nested": (".eml", lambda n: b"Content-Type: message/rfc822\n\n" * min(n, 300) + b"It rained."),
    "saved page cut off": (".mht", lambda n: made.make_saved_page(made.PAGE)[: 300 + n]),
    "saved page without a page": (".mhtml", lambda n: made.make_saved_page("<script>" + "a=1;" * n + "</script>")),
    "feed junk": (".xml", lambda n: b"<a>" * n),
    "feed without entries": (".rss", lambda n: made.FEED.split("<item>")[0].encode() + b"</channel></rss>"),
    "feed bad dates": (".rss", lambda n: made.FEED.replace("Mon, 26 Jan 2026", "Mon, 99 Foo 99999").encode()),
    "feed entity bomb": (
        ".xml",
        lambda n: (
            b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "'
            + b"&b;" * n
            + b'">]><rss version="2.0"><channel><item><description>'
            + b"&c;" * n
            + b"</description></item></channel></rss>"
        ),
    ),
    "unknown ending": (".exe", lambda n: b"MZ" * n),
    "no ending": ("", lambda n: SENTENCE.encode() * n),
}
SIZES = (1, 60, 2000)


def test_there_are_enough_causes() -> None:
    assert len(CAUSES) >= 40


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Article | Rejected]]:
    """What became of each file, by its name: all of them in one folder, read in one go."""
    folder = tmp_path_factory.mktemp("bad")
    for name, (suffix, make) in CAUSES.items():
        for size in SIZES:
            (folder / f"{name} {size}{suffix}").write_bytes(make(size))
    for number in range(5):
        (folder / f"good {number}.txt").write_text(GOOD)
    (folder / os.fsdecode(b"good \xff.txt")).write_text(GOOD)
    found: dict[str, list[Article | Rejected]] = {}
    for item in read_articles(folder, settings=IndexSettings(read_seconds=20)):
        place = item.path if isinstance(item, Rejected) else item.metadata["path"]
        found.setdefault(Path(place).name.split(".jsonl:")[0].split("#")[0].removesuffix(".jsonl"), []).append(item)
    return found


@pytest.mark.parametrize("name", CAUSES)
def test_bad_input_is_read_or_rejected_with_a_reason(outcomes: dict[str, list[Article | Rejected]], name: str) -> None:
    for size in SIZES:
        items = outcomes[f"{name} {size}{CAUSES[name][0].replace('.jsonl', '')}"]
        for item in items:
            if isinstance(item, Rejected):
                assert item.reason and "\n" not in item.reason and len(item.reason) < 400
                assert "could not be read:" not in item.reason, f"a reason that names an exception: {item.reason}"
                continue
            json.dumps([item.id, item.title, item.text, dict(item.metadata)]).encode()
            item.text.encode()
            passages = split(item, count_tokens=lambda texts: [len(t.split()) + len(t) // 8 + 2 for t in texts])
            assert passages and all(item.text[p.start : p.end] == p.text for p in passages)


def test_the_good_files_beside_them_are_all_read(outcomes: dict[str, list[Article | Rejected]]) -> None:
    good = [items[0] for name, items in outcomes.items() if name.startswith("good ")]
    assert len(good) == 6
    assert all(isinstance(item, Article) and item.title == "Rain Falls on Town" for item in good)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty 1.txt", "empty"),
        ("binary 60.txt", "binary"),
        ("pdf scan 1.pdf", "no OCR"),
        ("pdf encrypted 1.pdf", "password"),
        ("pdf junk 60.pdf", "a broken PDF"),
        ("docx zip bomb 1.docx", "zip bomb"),
        ("docx old doc 1.docx", "save it as DOCX"),
        ("jsonl of questions 60", "not articles"),
        ("html script only 60.html", "no main text"),
        ("unknown ending 1.exe", ".exe is not read"),
    ],
)
def test_reasons_say_what_is_wrong(outcomes: dict[str, list[Article | Rejected]], name: str, words: str) -> None:
    (item,) = outcomes[name]
    assert isinstance(item, Rejected) and words in item.reason, item


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".html"])
def test_one_line_of_100_mb(tmp_path: Path, suffix: str) -> None:
    with (tmp_path / f"large{suffix}").open("wb") as file:
        file.write(b'{"text": "')
        for _ in range(100):
            file.write(b"word " * 200_000)
    (tmp_path / "z.txt").write_text(GOOD)
    large, good = read_articles(tmp_path)
    assert isinstance(large, Rejected) and "max_file_bytes" in large.reason
    assert isinstance(good, Article)


def test_a_large_text_is_killed_at_its_time_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Short Line\n" * 300_000)
    (tmp_path / "b.txt").write_text(GOOD)
    late, good = read_articles(tmp_path, settings=IndexSettings(read_seconds=0.05))
    assert isinstance(late, Rejected) and "read_seconds" in late.reason
    assert isinstance(good, Article)


def test_odd_names_and_surrogates_go_all_the_way_into_an_index(tmp_path: Path) -> None:
    from index.store import PassageStore

    folder = tmp_path / os.fsdecode(b"f\xff")
    folder.mkdir()
    for name in (b"n\xff.txt", b"n\xfe.txt", b"new\nline.txt", "\u202etxt.exe.txt".encode()):
        (folder / os.fsdecode(name)).write_text(GOOD)
    (folder / "a.jsonl").write_text('{"id": "\\ud800", "text": "It \\ud800 rained.", "k\\udfff": "\\udfff"}\n')
    with PassageStore.open(tmp_path / "index", create=True, read_only=False) as store:
        report = store.add_articles(read_articles(folder), roots=(str(folder),), prune=True)
        assert len(report.added) == 5 and not report.rejected
        again = store.add_articles(read_articles(folder), roots=(str(folder),), prune=True)
        assert len(again.unchanged) == 5 and not again.removed
        (folder / os.fsdecode(b"n\xff.txt")).unlink()
        assert len(store.add_articles(read_articles(folder), roots=(str(folder),), prune=True).removed) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(GOOD)
    (tmp_path / "a.txt").chmod(0)
    (item,) = read_articles(tmp_path)
    assert isinstance(item, Rejected) and "Permission denied" in item.reason


def test_paths_that_trick(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text(GOOD)
    folder = tmp_path / "folder"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "up").symlink_to(folder / "a")
    (folder / "link.txt").symlink_to(outside)
    (folder / "new\nline.txt").write_text(GOOD)
    items = list(read_articles(folder / "a" / ".."))
    assert sorted(i.id for i in items if isinstance(i, Article)) == ["link.txt", "new\nline.txt"]
    assert ["link to a folder" in i.reason for i in items if isinstance(i, Rejected)] == [True]


def test_what_lies_below_a_folder_that_cannot_be_read_is_not_gone(tmp_path: Path) -> None:
    news, disk = tmp_path / "news", tmp_path / "disk"
    news.mkdir()
    disk.mkdir()
    (disk / "away.txt").write_text("Rain\n\nIt rained on Monday.", encoding="utf-8")
    (news / "here.txt").write_text("Snow\n\nIt snowed on Tuesday.", encoding="utf-8")
    (news / "volume").symlink_to(disk)
    from index.store import PassageStore

    with PassageStore.open(tmp_path / "index", create=True, read_only=False) as store:
        assert len(store.add_articles(read_articles(news), roots=(str(news),), prune=True).added) == 2
        disk.rename(tmp_path / "unmounted")
        report = store.add_articles(read_articles(news), roots=(str(news),), prune=True)
        assert not report.removed and len(report.unchanged) == 1
        (news / "volume").unlink()
        assert len(store.add_articles(read_articles(news), roots=(str(news),), prune=True).removed) == 1

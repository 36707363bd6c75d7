"""Reads articles from files, folders and URLs, one by one: `read_articles(path) -> Article or Rejected`.

What can't be read is a Rejected with its reason, and the rest goes on. Formats are the table in index.readers. It
leaves out what an article's lines mean (index.structure) and what a passage is (index.passages).
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from index.decode import Unreadable, shown_path
from index.isolated import ReaderProcess
from index.readers import READERS
from index.readers_jsonl import read_jsonl
from index.schema import DATABASE
from index.settings import IndexSettings
from index.types import Article, Rejected

if TYPE_CHECKING:
    from index.fetch import Fetched

LINE_SUFFIXES = (".jsonl", ".ndjson")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.I)
IN_PROCESS_BYTES = 1_000_000
"""A larger plain text is read in a process of its own too, for read_seconds to hold."""


def read_articles(*paths: str | Path, settings: IndexSettings = IndexSettings()) -> Iterator[Article | Rejected]:
    """The articles of files and folders, in the order of their names, and of http and https URLs.

    An id is a record's own, else its URL, else the path relative to the path given (for a file, its name). Each
    article's metadata names its file (`path`) and the path given (`root`).
    """
    with ReaderProcess(settings) as process:
        yield from _read_all(paths, settings, process)


def _read_all(
    paths: Sequence[str | Path], settings: IndexSettings, process: ReaderProcess
) -> Iterator[Article | Rejected]:
    seen: dict[str, str] = {}
    files: set[str] = set()
    for given in paths:
        is_url = isinstance(given, str) and _ADDRESS.match(given)
        found = (
            _read_url(str(given), settings, process) if is_url else _read_root(Path(given), settings, process, files)
        )
        for item in found:
            if isinstance(item, Rejected):
                yield item
                continue
            path = str(item.metadata["path"])
            if item.id in seen and seen[item.id] != path and Path(path).name in item.id:
                # The same name under two folders given is two articles; the same id that two records have is one.
                item = replace(item, id=f"{Path(given).name}/{item.id}")
            if item.id in seen:
                yield Rejected(_place(item), f"its id {item.id!r} is already that of an article in {seen[item.id]}")
            elif len(item.text) > settings.max_article_characters:
                yield Rejected(
                    _place(item),
                    f"{len(item.text):,} characters; max_article_characters is {settings.max_article_characters:,}",
                )
            else:
                seen[item.id] = path
                yield item


def _place(article: Article) -> str:
    line = article.metadata.get("line")
    return f"{article.metadata['path']}:{line}" if line else str(article.metadata["path"])


def _read_root(
    root: Path, settings: IndexSettings, process: ReaderProcess, done: set[str]
) -> Iterator[Article | Rejected]:
    """done: files that were read before, under another path given; those of this one are added."""
    if not root.exists() and not root.is_symlink():
        yield Rejected(shown_path(root), "no such file or folder")
        return
    absolute = shown_path(Path(os.path.abspath(root)))
    for path, relative in _walk(root):
        if isinstance(relative, Rejected):
            yield relative
            continue
        file = shown_path(Path(os.path.abspath(path)))
        if file in done:
            continue
        done.add(file)
        for item in _read_file(path, relative, settings, process):
            if isinstance(item, Article):
                metadata = {**item.metadata, "path": file, "root": absolute}
                item = replace(item, metadata=metadata)
            yield item


def _read_url(url: str, settings: IndexSettings, process: ReaderProcess) -> Iterator[Article | Rejected]:
    from index.fetch import fetch  # ssl and http.client, for those who fetch

    try:
        fetched = fetch(
            url, max_bytes=settings.max_file_bytes, seconds=settings.read_seconds, allow_private=settings.fetch_private
        )
    except Unreadable as error:
        yield Rejected(url, str(error))
        return
    for item in _read_fetched(fetched, url, settings, process):
        if isinstance(item, Article):
            item = replace(item, url=item.url or fetched.url, metadata={**item.metadata, "path": url, "root": url})
        yield item


def _read_fetched(
    fetched: Fetched, url: str, settings: IndexSettings, process: ReaderProcess
) -> Iterator[Article | Rejected]:
    if fetched.suffix not in LINE_SUFFIXES:
        yield from process.read(fetched.data, suffix=fetched.suffix, id=url, shown=url, url=fetched.url)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines"
        path.write_bytes(fetched.data)
        yield from read_jsonl(path, url, url, settings)


def _walk(root: Path) -> Iterator[tuple[Path, str | Rejected]]:
    """Files with their ids, sorted by name, but hidden ones, indexes, and links that come back to their folder."""
    if not root.is_dir():
        yield root, shown_path(Path(root.name))
        return
    stack: list[tuple[Path, frozenset[tuple[int, int]]]] = [(root, frozenset())]
    while stack:
        folder, above = stack.pop()
        try:
            status = folder.stat()
            key = (status.st_dev, status.st_ino)
            if key in above:
                yield folder, Rejected(shown_path(folder), "a link to a folder that it is in: not followed")
                continue
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield folder, Rejected(shown_path(folder), f"can't be read: {error.strerror or error}")
            continue
        if any(entry.name == DATABASE for entry in entries):
            if folder == root:
                yield folder, Rejected(shown_path(folder), "an index, not articles")
            continue
        folders = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = Path(entry.path)
            try:
                is_folder = entry.is_dir()
            except OSError as error:
                yield path, Rejected(shown_path(path), f"can't be read: {error.strerror or error}")
                continue
            if is_folder:
                folders.append((path, above | {key}))
            else:
                yield path, shown_path(path.relative_to(root))
        stack += reversed(folders)


def _read_file(path: Path, id: str, settings: IndexSettings, process: ReaderProcess) -> Iterator[Article | Rejected]:
    shown = shown_path(path)
    suffix = path.suffix.lower()
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            yield Rejected(shown, "not a regular file")
            return
        if suffix in LINE_SUFFIXES:
            yield from read_jsonl(path, id, shown, settings)
            return
        reader = READERS.get(suffix)
        if reader is None:
            known = " ".join(sorted((*READERS, *LINE_SUFFIXES)))
            yield Rejected(shown, f"{suffix or 'a file without an ending'} is not read; these are: {known}")
            return
        if status.st_size > settings.max_file_bytes:
            yield Rejected(shown, f"{status.st_size:,} bytes: larger than max_file_bytes = {settings.max_file_bytes:,}")
            return
        if not status.st_size:
            yield Rejected(shown, "empty")
            return
        with path.open("rb") as file:
            data = file.read(settings.max_file_bytes + 1)
        if reader.isolated or len(data) > IN_PROCESS_BYTES:
            yield from process.read(data, suffix=suffix, id=id, shown=shown)
        else:
            yield from reader.read(data, id)
    except Unreadable as error:
        yield Rejected(shown, str(error))
    except OSError as error:
        yield Rejected(shown, f"can't be read: {error.strerror or error}")

"""The SQLite file: tables, connections and what the index says about itself. It decides nothing about articles.

SQLite is the truth; FAISS and tantivy files are derived from it. Every transaction that changes content raises
`generation` by one. Keys are AUTOINCREMENT and never reused, so what is newer than a snapshot is what has a higher key.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from index.errors import IndexDamaged, IndexFolderError

FORMAT = 2
"""What this newsdesk writes; `index.migrate` brings older formats up to it. 2: signatures carry a checksum."""
DATABASE = "newsdesk.sqlite"

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE articles (
    key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, text TEXT NOT NULL, url TEXT,
    source TEXT, author TEXT, published TEXT, sections TEXT NOT NULL, metadata TEXT NOT NULL, content BLOB NOT NULL,
    sealed BLOB NOT NULL, path TEXT, document INTEGER NOT NULL
);
CREATE INDEX articles_content ON articles (content);
CREATE INDEX articles_published ON articles (published);
CREATE INDEX articles_source ON articles (source);
CREATE TABLE passages (
    key INTEGER PRIMARY KEY AUTOINCREMENT, article INTEGER NOT NULL REFERENCES articles (key), start INTEGER NOT NULL,
    end INTEGER NOT NULL, title TEXT NOT NULL, section TEXT NOT NULL, hash BLOB NOT NULL, born INTEGER NOT NULL,
    UNIQUE (article, start, end)
);
CREATE INDEX passages_born ON passages (born);
CREATE INDEX passages_hash ON passages (hash);
CREATE TABLE tombstones (passage INTEGER PRIMARY KEY, born INTEGER NOT NULL, generation INTEGER NOT NULL);
CREATE INDEX tombstones_generation ON tombstones (generation);
CREATE TABLE vectors (hash BLOB PRIMARY KEY, vector BLOB NOT NULL, sealed INTEGER NOT NULL);
CREATE TABLE signatures (article INTEGER PRIMARY KEY, signature BLOB NOT NULL, sealed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE bands (band INTEGER NOT NULL, article INTEGER NOT NULL, PRIMARY KEY (band, article)) WITHOUT ROWID;
CREATE INDEX bands_article ON bands (article);
"""


@contextmanager
def telling_damage(folder: Path) -> Iterator[None]:
    """Turns SQLite's complaints about its file into IndexDamaged, which says how to recover."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "decode" in text or "malformed" in text or "no such table" in text or "no such column" in text:
            raise damaged(folder, text) from error
        raise IndexFolderError(f"{folder / DATABASE}: {text}; check the disk and the folder's permissions") from error
    except (UnicodeDecodeError, OverflowError) as error:
        raise damaged(folder, str(error)) from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.ProgrammingError):
            raise
        raise damaged(folder, str(error)) from error


def make_folder(folder: Path) -> None:
    """Makes the folder, and those above it, where there is none. Raises IndexFolderError where a file is in the way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise IndexFolderError(f"{folder} is not a folder: give one, or a name that is free") from None


def damaged(folder: Path, what: str) -> IndexDamaged:
    """The error of a database that can't be trusted."""
    return IndexDamaged(
        f"{folder / DATABASE} is damaged ({what}): restore the folder from a backup or `newsdesk import` an export, "
        "or remove the folder and index the articles again"
    )


class Database:
    """One SQLite connection a thread over one file. Read-only ones can't write a row, and work in read-only folders.

    A thread's connection is closed when another thread opens one after it has ended. Never before: it may be amid a
    statement, and the sqlite3 module crashes over that. So `close` leaves those of living threads to be collected.
    """

    def __init__(self, folder: Path, *, read_only: bool) -> None:
        self.path = folder / DATABASE
        self.read_only = read_only
        self._local: threading.local | None = threading.local()
        self._all: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._lock = threading.Lock()

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode=rw"
        if self.read_only and not os.access(self.path.parent, os.W_OK):
            # SQLite can't make its shared-memory file there; without one, only a file nobody writes can be read.
            uri = f"{self.path.absolute().as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -32000")
        if self.read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        return connection

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection. Raises IndexFolderError after `close`."""
        local = self._local
        if local is None:
            raise IndexFolderError(f"the index in {self.path.parent} was closed")
        found: sqlite3.Connection | None = getattr(local, "connection", None)
        if found is None:
            found = local.connection = self._connect()
            with self._lock:
                self._close_ended()
                self._all.append((threading.current_thread(), found))
        return found

    def _close_ended(self) -> None:
        ended = [pair for pair in self._all if not pair[0].is_alive()]  # asked once: one may end meanwhile
        for pair in ended:
            self._all.remove(pair)
            pair[1].close()

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """All rows of a query."""
        return self.connection.execute(sql, values).fetchall()

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, None where there is no row."""
        row = self.connection.execute(sql, values).fetchone()
        return row[0] if row else None

    def meta(self, name: str) -> Any:
        return self.value("SELECT value FROM meta WHERE name = ?", name)

    def number(self, name: str) -> int:
        """A number of `meta`; one that is absent or no number is damage."""
        found = self.meta(name)
        if not isinstance(found, int):
            raise sqlite3.DatabaseError(f"its {name} is missing")
        return found

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        """All or nothing; for reading, what SQLite held at one moment, which a reading inside another shares."""
        connection = self.connection
        if not write and connection.in_transaction:
            yield connection
            return
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        try:
            yield connection
            connection.commit()
        except BaseException:
            connection.rollback()
            raise

    def close(self) -> None:
        local, self._local = self._local, None
        own: sqlite3.Connection | None = getattr(local, "connection", None)
        if own is not None:
            own.close()
        with self._lock:
            self._close_ended()
            self._all.clear()


def create(folder: Path, about: dict[str, Any]) -> None:
    """Makes the database, whole or not at all. `about` goes into `meta`."""
    aside = folder / f"{DATABASE}.new"
    aside.unlink(missing_ok=True)
    connection = sqlite3.connect(aside, isolation_level=None)
    try:
        connection.executescript(f"BEGIN; {TABLES}")
        started = {"format": FORMAT, "generation": 0, "articles": 0, "passages": 0, "tombstones_from": 0}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", list((started | about).items()))
        connection.commit()
    finally:
        connection.close()
    os.replace(aside, folder / DATABASE)

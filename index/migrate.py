"""Brings the SQLite file of an older newsdesk up to today's format, all steps in one transaction; refuses newer ones.

Derived files need no steps: they are made anew where their manifest names another format. Exports have a format of
their own (`index.backup`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

from index.errors import IndexMismatch
from index.lock import WriterLock
from index.rows import vector_seal
from index.schema import FORMAT, Database

Step = Callable[[sqlite3.Connection], None]


def seal_signatures(connection: sqlite3.Connection) -> None:
    """1 to 2: MinHash signatures get a checksum, as articles and vectors have."""
    connection.execute("ALTER TABLE signatures ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0")
    rows = connection.execute("SELECT article, signature FROM signatures").fetchall()
    connection.executemany(
        "UPDATE signatures SET sealed = ? WHERE article = ?", [(vector_seal(blob), article) for article, blob in rows]
    )


STEPS: Mapping[int, Step] = {1: seal_signatures}
"""The step from each format to the next."""


def bring_up(
    folder: Path,
    database: Database,
    *,
    locked: bool,
    to: int = FORMAT,
    steps: Mapping[int, Step] = STEPS,
) -> None:
    """Brings the index to the format `to`; locked: the caller holds the writer's lock.

    Raises IndexMismatch for a newer format and where the folder can't be written, IndexLocked while another writes.
    """
    found = database.number("format")
    if found == to:
        return
    if found > to or any(version not in steps for version in range(found, to)):
        raise IndexMismatch(
            f"{folder} has format {found}, this newsdesk reads formats up to {to}: use the newsdesk that made it, "
            "or let it `newsdesk export` the index and import that"
        )
    if not os.access(folder, os.W_OK):
        raise IndexMismatch(
            f"{folder} has format {found} and can't be written, so it can't be brought to format {to}: make the folder "
            "writable and run `newsdesk status` once"
        )
    with nullcontext() if locked else WriterLock(folder):
        writing = Database(folder, read_only=False)
        try:
            with writing.transaction() as connection:
                # Another process may have done it since.
                for version in range(writing.number("format"), to):
                    steps[version](connection)
                    connection.execute("UPDATE meta SET value = ? WHERE name = 'format'", (version + 1,))
        finally:
            writing.close()

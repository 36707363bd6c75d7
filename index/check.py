"""Verifies every part of an index against the others, and mends what SQLite can give back. It never guesses.

Derived files and signatures are made anew from SQLite; vectors are embedded again; an altered article can only come
from its file or a backup, and is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from index import copies, upkeep
from index.errors import IndexDamaged, IndexFolderError
from index.lexical import lasting_damage
from index.manifest import Manifest
from index.reports import CheckReport
from index.rows import ARTICLE, article_from_row, passages_by_key, vector_seal

if TYPE_CHECKING:
    from index.store import PassageStore

PAGE = 1_000
ORPHANS = {
    "passages without an article": "passages WHERE article NOT IN (SELECT key FROM articles)",
    "signatures without an article": "signatures WHERE article NOT IN (SELECT key FROM articles)",
    "copy bands without an article": "bands WHERE article NOT IN (SELECT key FROM articles)",
    "tombstones of living passages": "tombstones WHERE passage IN (SELECT key FROM passages)",
}


def check(store: PassageStore, *, repair: bool) -> CheckReport:
    """`PassageStore.check`."""
    if repair and store.lock is None:
        raise IndexFolderError(f"{store.folder} was opened for reading: open it with read_only=False to repair it")
    repaired = list(store.mended)
    with store.database.transaction(write=False):  # all of one moment, though another process writes
        problems = [*repaired, *database_problems(store)]
        vectors, orphans, signatures = vector_problems(store), orphan_problems(store), signature_problems(store)
    files = file_problems(store)
    problems += vectors + signatures + files + orphans
    open_problems = len(problems) - len(repaired)
    if repair:
        if orphans:
            with store.database.transaction() as connection:
                for where in ORPHANS.values():
                    connection.execute(f"DELETE FROM {where}")
            repaired.append("orphaned rows were removed")
        if vectors:
            upkeep.mend_vectors(store)
            repaired.append("altered vectors were embedded again")
        if signatures:
            upkeep.mend_signatures(store)
            repaired.append("signatures for finding copies were computed again")
        if files or vectors:
            upkeep.rebuild(store)
            repaired.append("FAISS and BM25 files were made anew")
        left = database_problems(store) + vector_problems(store) + signature_problems(store)
        open_problems = len(left + file_problems(store) + orphan_problems(store))
    return CheckReport(ok=not open_problems, problems=tuple(problems), repaired=tuple(repaired))


def database_problems(store: PassageStore) -> list[str]:
    """SQLite's own check, counts, every article and every passage against what was sealed, offsets."""
    database = store.database
    found = [f"SQLite: {line}" for (line,) in database.rows("PRAGMA integrity_check(20)") if line != "ok"]
    for table in ("articles", "passages"):
        counted, said = database.value(f"SELECT count(*) FROM {table}"), database.meta(table)
        if counted != said:
            found.append(f"{counted} {table}, where there should be {said}")
    for (key,) in database.rows("SELECT key FROM articles ORDER BY key"):
        row = database.rows(f"SELECT {ARTICLE} FROM articles WHERE key = ?", key)[0]
        try:
            article = article_from_row(row, store.folder)
            keys = [passage for (passage,) in database.rows("SELECT key FROM passages WHERE article = ?", key)]
            for passage in passages_by_key(database, keys, store.embeddings_digest, store.folder).values():
                if article.text[passage.start : passage.end] != passage.text:
                    found.append(f"passage {passage.id!r} is not what stands there in its article")
        except IndexDamaged as error:
            found.append(str(error))
    return found


def vector_problems(store: PassageStore) -> list[str]:
    """Passages whose vector is absent, altered or not of length 1."""
    found = 0
    size = 2 * store.index_embeddings.dimension
    for blob, sealed in store.database.connection.execute(
        "SELECT v.vector, v.sealed FROM passages p LEFT JOIN vectors v ON v.hash = p.hash"
    ):
        if not isinstance(blob, bytes) or len(blob) != size or vector_seal(blob) != sealed:
            found += 1
            continue
        length = float(np.linalg.norm(np.frombuffer(blob, dtype="<f2").astype(np.float32)))
        found += not (length == 0 or abs(length - 1) < 0.01)
    return [f"{found} passages have no vector, or an altered one"] if found else []


def signature_problems(store: PassageStore) -> list[str]:
    """Articles whose MinHash is absent or altered."""
    found = len(copies.altered(store.database))
    return [f"{found} articles have no signature for finding copies, or an altered one"] if found else []


def file_problems(store: PassageStore) -> list[str]:
    """Manifest, FAISS snapshot and BM25 files against their digests and against SQLite's keys."""
    store.viewer.forget()
    with store.viewer.reading() as view:
        found = list(view.notes)
        if view.dense.keys.tolist() != store.viewer.all_keys():
            found.append("the dense index doesn't hold the passages that SQLite holds")
    manifest = Manifest.read(store.folder)
    if manifest and manifest.lexical and (wrong := lasting_damage(store.folder / manifest.lexical)):
        if Manifest.read(store.folder) != manifest:  # another process has put other files in their place
            return file_problems(store)
        found.append(f"{manifest.lexical}: {wrong}")
    return found


def orphan_problems(store: PassageStore) -> list[str]:
    """Rows that belong to nothing."""
    counts = {what: store.database.value(f"SELECT count(*) FROM {where}") for what, where in ORPHANS.items()}
    return [f"{count} {what}" for what, count in counts.items() if count]

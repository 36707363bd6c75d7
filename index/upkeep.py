"""Derived files kept in step with SQLite: caught up on opening, made anew when damaged, rewritten by compact.

Each file is written beside the one that it replaces; the manifest, renamed last, says which counts. It changes no
article.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from index import copies
from index.dense import write_snapshot
from index.errors import IndexDamaged, IndexFolderError
from index.lexical import LexicalIndex, collect
from index.manifest import MANIFEST, Manifest
from index.rows import passages_by_key, to_half, vector_seal
from index.schema import FORMAT
from index.view import MENDS, all_vectors, fill

if TYPE_CHECKING:
    from index.store import PassageStore


def require_writer(store: PassageStore) -> None:
    if store.lock is None:
        raise IndexFolderError(f"{store.folder} was opened for reading: open it with read_only=False to change it")


def prepare(store: PassageStore) -> None:
    """What a writer does on opening: the derived files catch up with SQLite, damaged ones are made anew."""
    fresh = not (store.folder / MANIFEST).exists() and not store.database.number("generation")
    sweep(store)
    manifest = Manifest.read(store.folder)
    if manifest and manifest.lexical:
        collect(store.folder / manifest.lexical)
    try:
        view = store.view()
    except IndexDamaged:
        if not mend_vectors(store):
            raise
        store.mended += ("altered vectors were embedded again",)
        view = store.view()
    if view.notes or view.lexical.folder is None or (view.manifest and view.manifest.made_with != made_with(store)):
        if not fresh:
            store.mended += tuple(note.replace(MENDS, "made anew") for note in view.notes)
        rebuild(store)
    else:
        try:
            catch_up(store)
        except (OSError, ValueError):  # files that won't be written on with may still be written anew
            rebuild(store)


def catch_up(store: PassageStore) -> None:
    """BM25's files reach SQLite's generation."""
    view = store.view()
    if view.lexical.folder is None:
        rebuild(store)
    elif view.words.generation != view.generation:
        view.lexical.remove(view.dead)
        view.lexical.add(view.tail.items())
        view.lexical.commit(view.generation)
        store.viewer.forget()


def mend_vectors(store: PassageStore) -> int:
    """Embeds passages whose vector is absent or altered; how many there were. Raises IndexDamaged for altered text."""
    rows = store.database.rows(
        "SELECT p.key, p.hash, v.vector, v.sealed FROM passages p LEFT JOIN vectors v ON v.hash = p.hash"
    )
    size = 2 * store.index_embeddings.dimension
    lost = {
        hash_: key
        for key, hash_, blob, sealed in rows
        if not isinstance(blob, bytes) or len(blob) != size or vector_seal(blob) != sealed
    }
    if lost:
        passages = passages_by_key(store.database, list(lost.values()), store.embeddings_digest, store.folder)
        texts = {hash_: passages[key].indexed_text for hash_, key in lost.items()}
        with store.database.transaction() as connection:
            connection.executemany("DELETE FROM vectors WHERE hash = ?", [(hash_,) for hash_ in lost])
            connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'generation'")
        embed(store, texts)
    return len(lost)


def mend_signatures(store: PassageStore) -> None:
    """Computes again what finds near-duplicates, for articles where it is absent or altered."""
    with store.database.transaction() as connection:
        for key in copies.altered(store.database):
            copies.remember(connection, key, store.database.value("SELECT text FROM articles WHERE key = ?", key))


def embed(store: PassageStore, texts: dict[bytes, str]) -> None:
    """Embeds texts and keeps their vectors under their hashes, in one transaction."""
    halves = to_half(store.index_embeddings.embed_documents(list(texts.values())))
    if halves.shape != (len(texts), store.index_embeddings.dimension) or not np.isfinite(halves).all():
        raise IndexFolderError(f"the embedder {store.index_embeddings.name!r} gave vectors that can't be kept")
    keep(store, dict(zip(texts, halves, strict=True)))


def keep(store: PassageStore, vectors: dict[bytes, NDArray[np.float16]]) -> None:
    """Keeps vectors under the hashes of their texts."""
    blobs = {hash_: vector.astype("<f2").tobytes() for hash_, vector in vectors.items()}
    with store.database.transaction() as connection:
        connection.executemany(
            "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)",
            [(hash_, blob, vector_seal(blob)) for hash_, blob in blobs.items()],
        )


@contextmanager
def writing_files(store: PassageStore) -> Iterator[None]:
    """Says what it means when a derived file can't be written: nothing is lost."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise IndexFolderError(
            f"{store.folder}: its search files could not be written ({error}); the articles are safe: free some space "
            "and run the command again"
        ) from error


def made_with(store: PassageStore) -> dict[str, Any]:
    names = ("embedder", "precision", "dimension", "chunking")
    return {"format": FORMAT} | {name: json.loads(store.database.meta(name)) for name in names}


def publish(store: PassageStore, *, lexical: str | None = None, threads: int | None = None) -> None:
    """A new FAISS snapshot of SQLite's generation, and a manifest that names it; lexical: BM25's new folder."""
    manifest = Manifest.read(store.folder)
    with writing_files(store):
        with store.database.transaction(write=False):
            generation = store.database.number("generation")
            keys, vectors = all_vectors(store.database, store.index_embeddings.dimension, store.folder)
        snapshot = write_snapshot(
            store.folder,
            generation=generation,
            keys=keys,
            vectors=vectors,
            hnsw_from=store.settings.hnsw_from,
            threads=threads or store.settings.threads,
        )
        Manifest(made_with(store), snapshot, lexical or (manifest.lexical if manifest else None)).write(store.folder)
    store.viewer.forget()
    sweep(store)


def rebuild(store: PassageStore, *, threads: int | None = None) -> None:
    """FAISS and BM25 files anew from SQLite, beside the old ones until the manifest names them."""
    store.viewer.forget()
    numbers = [int(path.name[8:]) for path in store.folder.glob("lexical-*") if path.name[8:].isdigit()]
    folder = store.folder / f"lexical-{1 + max(numbers, default=0)}"
    with writing_files(store):
        lexical = LexicalIndex(folder)
        try:
            with store.database.transaction(write=False):
                keys = [key for (key,) in store.database.rows("SELECT key FROM passages ORDER BY key")]
                fill(lexical, store.database, keys, store.embeddings_digest, store.folder)
                lexical.commit(store.database.number("generation"))
        finally:
            lexical.close()
    publish(store, lexical=folder.name, threads=threads)


def compact(store: PassageStore) -> None:
    """`PassageStore.compact`."""
    require_writer(store)
    rebuild(store, threads=1)  # FAISS links an HNSW graph's nodes in a fixed order only where one thread does it
    drop_dead(store)
    shrink(store)


def drop_dead(store: PassageStore) -> None:
    """Forgets what no file refers to any more: deleted passages, and vectors that no passage has."""
    with store.database.transaction() as connection:
        connection.execute("DELETE FROM vectors WHERE hash NOT IN (SELECT hash FROM passages)")
        connection.execute("DELETE FROM tombstones")
        connection.execute(
            "UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'generation') WHERE name = 'tombstones_from'"
        )


def shrink(store: PassageStore) -> None:
    """Gives the space of deleted rows back to the disk."""
    store.database.connection.execute("VACUUM")
    store.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def sweep(store: PassageStore) -> None:
    """Removes derived files that the manifest doesn't name: a killed writer's, and those that were replaced."""
    manifest = Manifest.read(store.folder)
    if manifest is None:
        return
    kept = {manifest.lexical, manifest.snapshot.file if manifest.snapshot else None}
    for path in [*store.folder.glob("dense-*"), *store.folder.glob("lexical-*"), *store.folder.glob("*.new")]:
        if path.name not in kept:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

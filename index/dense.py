"""Nearest passages by embedding: a FAISS snapshot of one generation, and a tail of newer vectors in memory.

It knows keys and vectors, not passages: what is in the snapshot, what is newer and what is gone comes from the store.
Vectors are float16 on disk and everywhere else; scores are inner products of unit vectors.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

Keys = NDArray[np.int64]
Vectors = NDArray[np.float32]
HNSW_NEIGHBOURS = 32
HNSW_BUILD = 80
HNSW_SEARCH = 128


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the manifest says of a snapshot file: its generation, its highest key, its size in vectors, its xxh3."""

    file: str
    generation: int
    last_key: int
    count: int
    xxh3: str


def file_xxh3(path: Path) -> str:
    """The file's xxh3-128 in hex, "" where there is no such file."""
    digest = xxhash.xxh3_128()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Makes renames in the folder outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_snapshot(
    folder: Path, *, generation: int, keys: Keys, vectors: Vectors, hnsw_from: int, threads: int = 1
) -> Snapshot | None:
    """Builds and writes `dense-<generation>.faiss`, aside first; None for no vectors at all.

    keys of shape (n,), vectors (n, dimension); an HNSW graph depends on their order, and is the same each time where
    threads is 1. Raises OSError where the disk is full.
    """
    if not len(keys):
        return None
    import faiss

    faiss.omp_set_num_threads(threads)
    half, metric, width = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, vectors.shape[1]
    if len(keys) >= hnsw_from:
        inner = faiss.IndexHNSWSQ(width, half, HNSW_NEIGHBOURS, metric)
        inner.hnsw.efConstruction = HNSW_BUILD
    else:
        inner = faiss.IndexScalarQuantizer(width, half, metric)
    index = faiss.IndexIDMap(inner)
    index.train(vectors)
    index.add_with_ids(vectors, keys)
    path = folder / f"dense-{generation}.faiss"
    aside = path.with_suffix(".new")
    try:
        faiss.write_index(index, str(aside))
    except RuntimeError as error:
        aside.unlink(missing_ok=True)
        raise OSError(
            errno.ENOSPC, f"FAISS could not write it ({str(error).splitlines()[-1][-120:]})", str(path)
        ) from None
    with aside.open("rb+") as file:
        os.fsync(file.fileno())
    digest = file_xxh3(aside)
    os.replace(aside, path)
    sync_folder(folder)
    return Snapshot(path.name, generation, int(keys.max()), len(keys), digest)


@dataclass(frozen=True)
class Mapped:
    """A snapshot in memory: FAISS's index, the same vectors for exact scoring, and the key at each position."""

    whole: Any
    inner: Any
    exact: Any
    keys: Keys

    @property
    def hnsw(self) -> bool:
        return self.inner is not self.exact


def read_snapshot(path: Path, snapshot: Snapshot, *, threads: int = 1) -> Mapped | None:
    """The snapshot, memory-mapped; None where the file is absent or not the one that was written."""
    # FAISS parses a flipped byte without complaint, so the file is checked before it sees it.
    if file_xxh3(path) != snapshot.xxh3:
        return None
    import faiss

    faiss.omp_set_num_threads(threads)
    try:
        whole = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError:  # a writer has removed it since, for a newer one
        return None
    inner = faiss.downcast_index(whole.index)
    exact = faiss.downcast_index(inner.storage) if hasattr(inner, "hnsw") else inner
    return Mapped(whole, inner, exact, faiss.vector_to_array(whole.id_map).astype(np.int64))


@dataclass(frozen=True)
class DenseIndex:
    """Searches snapshot and tail as one. A value: a change gives a new one, so a search never sees half of it.

    alive marks the snapshot's positions that still count; tail_keys ascend.
    """

    mapped: Mapped | None
    alive: NDArray[np.bool_]
    tail_keys: Keys
    tail: Vectors

    @classmethod
    def of(cls, mapped: Mapped | None, dimension: int) -> DenseIndex:
        """A snapshot without a tail, or nothing at all."""
        alive = np.ones(len(mapped.keys) if mapped else 0, dtype=np.bool_)
        return cls(mapped, alive, np.zeros(0, dtype=np.int64), np.zeros((0, dimension), dtype=np.float32))

    @property
    def stale(self) -> float:
        """Newer and deleted vectors as a share of the snapshot's."""
        changed = len(self.tail_keys) + int((~self.alive).sum())
        return changed / max(len(self.alive), 1)

    @property
    def keys(self) -> Keys:
        """Every key that can be found, ascending."""
        kept = self.mapped.keys[self.alive] if self.mapped else self.tail_keys[:0]
        return np.sort(np.concatenate([kept, self.tail_keys]))

    def changed(self, *, removed: Sequence[int], keys: Sequence[int], vectors: Vectors) -> DenseIndex:
        """Without the removed keys, unknown ones passed over, and with newer vectors; keys ascend above all others."""
        gone = np.asarray(removed, dtype=np.int64)
        alive = self.alive & ~np.isin(self.mapped.keys, gone) if self.mapped else self.alive
        kept = ~np.isin(self.tail_keys, gone)
        return DenseIndex(
            self.mapped,
            alive,
            np.concatenate([self.tail_keys[kept], np.asarray(keys, dtype=np.int64)]),
            np.concatenate([self.tail[kept], vectors]),
        )

    def search(
        self, query: Vectors, k: int, *, allowed: Keys | None = None, exact: bool = True
    ) -> list[tuple[int, float]]:
        """The k best keys with their scores, best first; query of shape (dimension,). Fewer only where fewer exist.

        allowed: only these keys, ascending. exact: score all of them rather than walk the HNSW graph.
        """
        keys, vectors = self.tail_keys, self.tail
        if allowed is not None:
            among = np.isin(keys, allowed)
            keys, vectors = keys[among], vectors[among]
        scores = vectors @ query
        best = np.argsort(-scores, kind="stable")[:k]
        found = [(int(keys[i]), float(scores[i])) for i in best]
        found += self._search_snapshot(query, k, allowed=allowed, exact=exact)
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:k]

    def _search_snapshot(self, query: Vectors, k: int, *, allowed: Keys | None, exact: bool) -> list[tuple[int, float]]:
        if self.mapped is None:
            return []
        keys, mask = self.mapped.keys, self.alive
        if allowed is not None:
            mask = mask & np.isin(keys, allowed, assume_unique=True)
        count = int(mask.sum())
        k = min(k, count)
        if not k:
            return []
        import faiss

        bits = np.packbits(mask, bitorder="little")  # the selector only points at it
        selector = faiss.IDSelectorBitmap(bits) if count < len(mask) else None
        if self.mapped.hnsw and not exact:
            # A graph walked with few allowed nodes finds few of them: look at more as they get rarer.
            reach = min(max(HNSW_SEARCH, 2 * k) * len(mask) // count, len(mask))
            parameters = faiss.SearchParametersHNSW(efSearch=reach, sel=selector)
            scores, positions = self.mapped.inner.search(query[None, :], k, params=parameters)
            if (positions[0] >= 0).all():
                return [(int(keys[i]), float(s)) for i, s in zip(positions[0], scores[0], strict=True)]
        parameters = faiss.SearchParameters(sel=selector) if selector else None
        scores, positions = self.mapped.exact.search(query[None, :], k, params=parameters)
        return [(int(keys[i]), float(s)) for i, s in zip(positions[0], scores[0], strict=True) if i >= 0]

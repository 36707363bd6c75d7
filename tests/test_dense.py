"""The dense index against plain NumPy: snapshot, tail, deletions, selections, exact and HNSW."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.dense import DenseIndex, Keys, Vectors, read_snapshot, write_snapshot


def unit(count: int, seed: int = 0) -> Vectors:
    found = np.random.default_rng(seed).normal(size=(count, 32)).astype(np.float16).astype(np.float32)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)


def best(keys: Keys, vectors: Vectors, query: Vectors, k: int) -> list[int]:
    order = np.argsort(-(vectors @ query), kind="stable")[:k]
    return [int(keys[i]) for i in order]


@pytest.mark.parametrize("hnsw_from", [10_000, 1], ids=["flat", "hnsw"])
@pytest.mark.parametrize("exact", [True, False])
def test_search_equals_numpy(tmp_path: Path, hnsw_from: int, exact: bool) -> None:
    keys = np.arange(500, dtype=np.int64) * 3 + 1
    vectors = unit(500)
    snapshot = write_snapshot(tmp_path, generation=4, keys=keys[:400], vectors=vectors[:400], hnsw_from=hnsw_from)
    assert snapshot is not None and (snapshot.last_key, snapshot.count) == (1198, 400)
    mapped = read_snapshot(tmp_path / snapshot.file, snapshot)
    assert mapped is not None and mapped.hnsw == (hnsw_from == 1)
    gone = keys[[3, 50, 399, 410]]
    index = DenseIndex.of(mapped, 32).changed(removed=[], keys=keys[400:].tolist(), vectors=vectors[400:])
    index = index.changed(removed=gone.tolist(), keys=[], vectors=vectors[:0])
    kept = ~np.isin(keys, gone)
    assert index.keys.tolist() == keys[kept].tolist() and index.stale > 0.2
    for query in unit(10, seed=1):
        assert [k for k, _ in index.search(query, 5, exact=exact)] == best(keys[kept], vectors[kept], query, 5)
        allowed = keys[5:450:17]
        among = kept & np.isin(keys, allowed)
        found = index.search(query, 50, allowed=allowed, exact=exact)
        assert [k for k, _ in found] == best(keys[among], vectors[among], query, 50)
    assert len(index.search(query, 1_000, exact=exact)) == kept.sum()
    assert index.search(query, 5, allowed=keys[:0], exact=exact) == []


def test_a_graph_built_by_one_thread_is_the_same_each_time(tmp_path: Path) -> None:
    keys, vectors = np.arange(2_000, dtype=np.int64), unit(2_000)
    digests = set()
    for generation in (1, 2):
        snapshot = write_snapshot(tmp_path, generation=generation, keys=keys, vectors=vectors, hnsw_from=1, threads=1)
        assert snapshot is not None
        digests.add(snapshot.xxh3)
    assert len(digests) == 1


def test_scores_are_inner_products(tmp_path: Path) -> None:
    vectors = unit(20)
    keys = np.arange(20, dtype=np.int64)
    snapshot = write_snapshot(tmp_path, generation=1, keys=keys, vectors=vectors, hnsw_from=1_000)
    assert snapshot is not None
    index = DenseIndex.of(read_snapshot(tmp_path / snapshot.file, snapshot), 32)
    assert index.search(vectors[7], 1)[0] == (7, pytest.approx(1, abs=1e-3))


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    snapshot = write_snapshot(
        tmp_path, generation=1, keys=np.arange(9, dtype=np.int64), vectors=unit(9), hnsw_from=1_000
    )
    assert snapshot is not None
    path = tmp_path / snapshot.file
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    assert read_snapshot(path, snapshot) is None
    path.unlink()
    assert read_snapshot(path, snapshot) is None


def test_no_vectors_no_file(tmp_path: Path) -> None:
    assert write_snapshot(tmp_path, generation=1, keys=np.zeros(0, np.int64), vectors=unit(0), hnsw_from=1) is None
    assert DenseIndex.of(None, 32).search(unit(1)[0], 3) == []

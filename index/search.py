"""Searches over one view of an index: nearest passages, BM25, exact cosines, filters. It changes nothing.

Every function reads files and SQLite of one moment (`Viewer.reading`), so a result never holds half an article that a
writer is just replacing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from index.dense import Keys, Vectors
from index.rows import filter_sql, passages_by_key, vectors_from_rows
from index.types import Filter, Passage
from index.view import View

if TYPE_CHECKING:
    from index.store import PassageStore

MARGIN = 8
"""Candidates beyond k, so that equal scores are ordered by passage id and not by where a passage lies."""

Hits = list[tuple[int, float]]


def nearest(store: PassageStore, vector: Vectors, k: int, filter: Filter | None) -> list[tuple[Passage, float]]:
    """The k passages nearest to a unit vector, best first."""

    def find(view: View, allowed: Keys | None) -> Hits:
        exact = allowed is not None and len(allowed) <= store.settings.exact_filter_limit
        keys = [key for key, _ in view.dense.search(vector, k + MARGIN, allowed=allowed, exact=exact)]
        # Scored again from what SQLite keeps, so that a score doesn't depend on which index found the passage.
        return _scored(store, keys, vector)

    return _search(store, find, k, filter)


def by_words(store: PassageStore, query: str, k: int, filter: Filter | None) -> list[tuple[Passage, float]]:
    """The k passages with the best BM25 scores, best first."""

    def find(view: View, allowed: Keys | None) -> Hits:
        wanted = k + MARGIN
        among = None if allowed is None else {int(key) for key in allowed}
        in_query = among is not None and len(among) <= store.settings.exact_filter_limit
        limit = wanted + len(view.dead)
        while True:
            hits = view.words.search(query, limit, allowed=sorted(among) if among is not None and in_query else None)
            kept = [hit for hit in hits if hit[0] not in view.dead and (among is None or hit[0] in among)]
            # Until what is left out scores less than the k-th: which of equals is found must not be chance.
            if len(hits) < limit or (len(kept) >= wanted and kept[-1][1] < kept[k - 1][1]):
                break
            limit *= 4
        kept += [hit for hit in view.words.tail_scores(query, view.tail) if among is None or hit[0] in among]
        kept.sort(key=lambda hit: (-hit[1], hit[0]))
        return [hit for hit in kept if len(kept) <= wanted or hit[1] >= kept[k - 1][1]]

    return _search(store, find, k, filter)


def cosines(store: PassageStore, vector: Vectors, passage_ids: Sequence[str]) -> list[float]:
    """The exact cosine of a unit vector and each passage, in their order; 0 for a passage that is gone."""
    with store.database.transaction(write=False):
        keys = {id_: key_of(store, id_) for id_ in passage_ids}
        scores = dict(_scored(store, (key for key in keys.values() if key is not None), vector))
    return [scores.get(keys[id_] or -1, 0.0) for id_ in passage_ids]


def key_of(store: PassageStore, passage: str) -> int | None:
    """The key of a passage's public id."""
    article_id, _, place = passage.rpartition("#")
    start, _, end = place.partition("-")
    if not (start.isdigit() and end.isdigit()):
        return None
    key: int | None = store.database.value(
        "SELECT p.key FROM articles a JOIN passages p ON p.article = a.key WHERE a.id = ? AND p.start = ? "
        "AND p.end = ?",
        article_id,
        int(start),
        int(end),
    )
    return key


def _search(
    store: PassageStore, find: Callable[[View, Keys | None], Hits], k: int, filter: Filter | None
) -> list[tuple[Passage, float]]:
    if k < 1:
        return []
    with store.viewer.reading() as view:
        allowed = _allowed(store, filter) if filter else None
        hits = [] if allowed is not None and not len(allowed) else find(view, allowed)
        passages = passages_by_key(store.database, [key for key, _ in hits], store.embeddings_digest, store.folder)
    found = [(passages[key], score) for key, score in hits if key in passages]
    return sorted(found, key=lambda pair: (-pair[1], pair[0].id))[:k]


def _allowed(store: PassageStore, wanted: Filter) -> Keys:
    where, values = filter_sql(wanted)
    rows = store.database.rows(
        f"SELECT p.key FROM articles a JOIN passages p ON p.article = a.key WHERE {where} ORDER BY p.key", *values
    )
    return np.fromiter((key for (key,) in rows), dtype=np.int64, count=len(rows))


def _scored(store: PassageStore, keys: Iterable[int], vector: Vectors) -> Hits:
    rows = store.database.rows(
        "SELECT p.key, v.vector, v.sealed FROM json_each(?) j JOIN passages p ON p.key = j.value "
        "LEFT JOIN vectors v ON v.hash = p.hash",
        json.dumps(list(keys)),
    )
    blobs = [(blob, sealed) for _, blob, sealed in rows]
    vectors = vectors_from_rows(blobs, store.index_embeddings.dimension, store.folder)
    # In double precision and rounded, so that a score doesn't depend on how many are computed together.
    scores = np.round(vectors.astype(np.float64) @ vector.astype(np.float64), 8)
    return [(int(key), float(score)) for (key, _, _), score in zip(rows, scores, strict=True)]

"""An index as open files and back: articles as JSON Lines, vectors as safetensors, a manifest that says what made them.

    FOLDER/manifest.json         format, embedder and its digest, precision, dimension, chunking, counts
    FOLDER/articles.jsonl        one article a line, with all its fields
    FOLDER/vectors.safetensors   `hashes` (n, 32) uint8 and `vectors` (n, dimension) float16, one for each embedded text

Import cuts the articles again, which gives the same passages, and finds each one's vector by the hash of its text, so
nothing is embedded. FAISS and BM25 files are not exported: they are made from the rest.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index import ingest
from index.errors import IndexFolderError, IndexMismatch
from index.rows import vector_seal, vectors_from_rows
from index.schema import DATABASE, telling_damage
from index.settings import IndexSettings
from index.store import PassageStore
from index.types import Article, Section

FORMAT = 1
MANIFEST, ARTICLES, VECTORS = "manifest.json", "articles.jsonl", "vectors.safetensors"
MADE_WITH = ("embedder", "precision", "dimension", "chunking")


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What was written or read; `embedded` counts passages whose vector the export didn't hold."""

    articles: int
    vectors: int
    embedded: int = 0


def export_index(store: PassageStore, folder: str | Path) -> BackupReport:
    """Writes the index to `folder`, which must be empty or absent. Raises IndexFolderError otherwise."""
    from safetensors.numpy import save_file

    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise IndexFolderError(f"{folder} is not an empty folder: export to a new one")
    folder.mkdir(parents=True, exist_ok=True)
    with telling_damage(store.folder):
        rows = store.database.rows(
            "SELECT hash, vector, sealed FROM vectors WHERE hash IN (SELECT hash FROM passages) ORDER BY hash"
        )
    dimension = store.index_embeddings.dimension
    halves = vectors_from_rows([row[1:] for row in rows], dimension, store.folder).astype(np.float16)
    hashes = np.frombuffer(b"".join(row[0] for row in rows), dtype=np.uint8).reshape(len(rows), 32)
    save_file({"hashes": hashes, "vectors": halves}, folder / VECTORS)
    documents = {id_ for (id_,) in store.database.rows("SELECT id FROM articles WHERE document")}
    count = 0
    with (folder / ARTICLES).open("w", encoding="utf-8", newline="\n") as lines:
        for article in store.articles():
            fields = asdict(article) | {"published": article.published and article.published.isoformat()}
            fields["metadata"] = dict(article.metadata)
            lines.write(json.dumps(fields | {"document": article.id in documents}, ensure_ascii=False) + "\n")
            count += 1
    about = {name: json.loads(store.database.meta(name)) for name in MADE_WITH}
    # Last, so that an export which was cut off has no manifest and is refused.
    manifest = {"format": FORMAT, "articles": count, "vectors": len(rows)} | about
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return BackupReport(count, len(rows))


def import_index(
    folder: str | Path, index: str | Path, *, settings: IndexSettings = IndexSettings(), embeddings: Any = None
) -> BackupReport:
    """Makes the index folder `index` from an export. It is made aside and put in place whole.

    Raises IndexFolderError where the export is not one or `index` holds something already, IndexMismatch where the
    export was made with another embedder or chunking.
    """
    folder, index = Path(folder), Path(index)
    manifest = _manifest(folder)
    if (index / DATABASE).exists() or (index.exists() and (not index.is_dir() or any(index.iterdir()))):
        raise IndexFolderError(f"{index} is not an empty folder: import into a new one with --index")
    aside = index.with_name(f"{index.name}.importing")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        with PassageStore.open(aside, settings=settings, embeddings=embeddings, create=True, read_only=False) as store:
            for name in MADE_WITH:
                here = json.loads(store.database.meta(name))
                if manifest.get(name) != here:
                    raise IndexMismatch(
                        f"{folder} was exported with {name} {manifest.get(name)!r}, the settings say {here!r}: "
                        "import with the settings that it was made with"
                    )
            hashes, halves = _vectors(folder / VECTORS, store.index_embeddings.dimension)
            blobs = [half.astype("<f2").tobytes() for half in halves]
            with store.database.transaction() as connection:
                connection.executemany(
                    "INSERT INTO vectors VALUES (?, ?, ?)",
                    [(h.tobytes(), b, vector_seal(b)) for h, b in zip(hashes, blobs, strict=True)],
                )
            embedded = articles = 0
            for documents in (False, True):
                items = (article for article, document in _articles(folder / ARTICLES) if document is documents)
                report = ingest.add_articles(store, items, documents=documents)
                embedded += report.embedded
                articles += len(report.added)
            if articles != manifest["articles"]:
                raise IndexFolderError(f"{folder / ARTICLES} holds {articles} of {manifest['articles']} articles")
        if index.exists():
            index.rmdir()
        os.replace(aside, index)
        return BackupReport(articles, len(blobs), embedded)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise IndexFolderError(f"{folder} holds no export ({MANIFEST} is missing)") from None
    except ValueError as error:
        raise IndexFolderError(f"{folder / MANIFEST} is damaged ({error}): export again") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise IndexMismatch(f"{folder} is an export of format {found!r}, this newsdesk reads {FORMAT}")
    return manifest


def _vectors(path: Path, dimension: int) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        hashes, halves = arrays["hashes"], arrays["vectors"]
    except (OSError, KeyError, SafetensorError) as error:
        raise IndexFolderError(f"{path} is damaged ({error}): export again") from None
    if hashes.shape != (len(halves), 32) or halves.shape[1:] != (dimension,) or not np.isfinite(halves).all():
        raise IndexFolderError(f"{path} is damaged (its arrays don't fit each other): export again")
    return hashes, halves


def _articles(path: Path) -> Iterator[tuple[Article, bool]]:
    """Each line's article, and whether it came as a LangChain Document."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                fields = json.loads(line)
                document = bool(fields.pop("document"))
                published = fields.pop("published")
                sections = tuple(Section(**section) for section in fields.pop("sections"))
                day = date.fromisoformat(published) if published else None
                yield Article(**fields, sections=sections, published=day), document
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise IndexFolderError(f"{path}, line {number} is damaged ({error}): export again") from None

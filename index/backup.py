"""An index as open files and back: articles and passages as JSON lines, vectors as a NumPy array. Nothing is embedded.

    about.json        format, embedder, dimension, chunking, counts
    articles.jsonl    one article a line: its fields, and passages as [start, end, title, section, row of vectors.npy]
    vectors.npy       float16, (passages' distinct texts, dimension)

It leaves out derived files (an import makes them anew) and vectors of deleted articles.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from index import ingest, schema, upkeep
from index.errors import IndexFolderError, IndexMismatch, IndexMissing
from index.rows import ARTICLE, article_from_row, article_values, text_hash, vectors_from_rows
from index.settings import IndexSettings
from index.types import Article, Passage, Section, passage_id

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

    from index.store import PassageStore

EXPORT_FORMAT = 1


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What was written or read."""

    articles: int
    passages: int
    vectors: int


def export_index(store: PassageStore, folder: str | Path) -> BackupReport:
    """Writes the index into an empty or new folder. Raises IndexFolderError where it holds something."""
    target = Path(folder)
    schema.make_folder(target)
    if any(target.iterdir()):
        raise IndexFolderError(f"{target} is not empty: export into a folder that is empty or doesn't exist yet")
    database = store.database
    with schema.telling_damage(store.folder), database.transaction(write=False):
        rows: dict[bytes, int] = {}
        vectors: list[Any] = []
        articles = passages = 0
        with (target / "articles.jsonl").open("w", encoding="utf-8") as file:
            for key, document in database.rows("SELECT key, document FROM articles ORDER BY key"):
                article = article_from_row(
                    database.rows(f"SELECT {ARTICLE} FROM articles WHERE key = ?", key)[0], store.folder
                )
                cut = []
                for start, end, title, section, hash_, blob, sealed in database.rows(
                    "SELECT p.start, p.end, p.title, p.section, p.hash, v.vector, v.sealed FROM passages p "
                    "LEFT JOIN vectors v ON v.hash = p.hash WHERE p.article = ? ORDER BY p.start, p.end",
                    key,
                ):
                    if hash_ not in rows:
                        rows[hash_] = len(vectors)
                        vectors.append((blob, sealed))
                    cut.append([start, end, title, section, rows[hash_]])
                articles += 1
                passages += len(cut)
                line = {name: getattr(article, name) for name in ("id", "title", "text", "url", "source", "author")}
                line |= {
                    "published": article.published.isoformat() if article.published else None,
                    "sections": [[s.heading, s.start, s.end] for s in article.sections],
                    "metadata": dict(article.metadata),
                    "document": bool(document),
                    "passages": cut,
                }
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        array = vectors_from_rows(vectors, store.index_embeddings.dimension, store.folder).astype(np.float16)
        about = {name: json.loads(database.meta(name)) for name in ("embedder", "precision", "dimension", "chunking")}
    report = BackupReport(articles, passages, len(array))
    np.save(target / "vectors.npy", array, allow_pickle=False)
    about |= {"export": EXPORT_FORMAT, "articles": report.articles, "passages": passages, "vectors": len(array)}
    (target / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return report


def import_index(
    folder: str | Path,
    index: str | Path,
    *,
    settings: IndexSettings = IndexSettings(),
    embeddings: Embeddings | None = None,
) -> BackupReport:
    """Makes a new index from an export, whole or not at all.

    Raises IndexMissing, IndexMismatch, and IndexFolderError for a damaged export.
    """
    from index.store import PassageStore

    source, target = Path(folder), Path(index)
    if not (source / "about.json").is_file():
        raise IndexMissing(f"{source} holds no export: about.json is missing; `newsdesk export` writes it last")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise IndexFolderError(f"{target} already holds something: import into an empty or new folder")
    aside = target.with_name(target.name + ".importing")
    shutil.rmtree(aside, ignore_errors=True)  # left by an import that was killed
    try:
        about = json.loads((source / "about.json").read_text(encoding="utf-8"))
        if about["export"] != EXPORT_FORMAT:
            raise IndexMismatch(f"{source} has export format {about['export']}; this newsdesk reads {EXPORT_FORMAT}")
        vectors = np.load(source / "vectors.npy", allow_pickle=False)
        if vectors.shape != (about["vectors"], about["dimension"]) or vectors.dtype != np.float16:
            raise ValueError(f"vectors.npy has shape {vectors.shape} of {vectors.dtype}")
        settings = settings.model_copy(update=about["chunking"])
        with PassageStore.open(aside, embeddings=embeddings, settings=settings, create=True) as store:
            made = {"name": store.index_embeddings.name, "digest": store.embeddings_digest}
            if about["embedder"] != made:
                raise IndexMismatch(
                    f"{source} was made with the embedder {about['embedder']['name']!r} "
                    f"({about['embedder']['digest'][:12]}…), not {made['name']!r} ({made['digest'][:12]}…): "
                    "import it with that"
                )
            writing = ingest.Writing(store)
            count = 0
            with (source / "articles.jsonl").open(encoding="utf-8") as file:
                for line in file:
                    count += 1
                    writing.store_with_vectors(*_read(line, store.embeddings_digest), vectors)
            writing.flush()
            if (count, store.status().passages) != (about["articles"], about["passages"]):
                raise ValueError(f"{count} articles where about.json says {about['articles']}")
            writing.commit()
            upkeep.compact(store)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise IndexFolderError(f"{source} is not a whole export ({error}): export it again") from error
    else:
        if target.exists():
            target.rmdir()
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return BackupReport(about["articles"], about["passages"], about["vectors"])


def _read(line: str, embedder: str) -> tuple[ingest.Pending, list[int]]:
    """An article with its passages, and the row of each passage's vector."""
    data = json.loads(line)
    article = Article(
        id=data["id"],
        title=data["title"],
        text=data["text"],
        url=data["url"],
        source=data["source"],
        author=data["author"],
        published=date.fromisoformat(data["published"]) if data["published"] else None,
        sections=tuple(Section(*entry) for entry in data["sections"]),
        metadata=data["metadata"],
    )
    passages = [
        Passage(passage_id(article.id, start, end), article.id, start, end, article.text[start:end], section, title)
        for start, end, title, section, _ in data["passages"]
    ]
    values = article_values(article) | {"document": int(data["document"])}
    hashes = [text_hash(passage.indexed_text, embedder) for passage in passages]
    return ingest.Pending(article, values, passages, hashes, "added"), [entry[4] for entry in data["passages"]]

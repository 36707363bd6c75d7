"""Passages by their words: BM25 on tantivy. It knows keys and texts, not passages.

The generation that the files stand at travels in a document of its own, so it commits with the data. Queries are built
from analysed terms and never parsed, so any text is safe. What tantivy has not committed yet is scored here in Python
with tantivy's own document frequencies (`tail_scores`).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import struct
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tantivy

ANALYSER = "newsdesk_english"
QUESTION_WORDS = "what when who whom whose where why how which did does do has have had were been about from".split()
QUERY_TERMS = 512
K1, B = 1.2, 0.75
HEAP_BYTES = 50_000_000
FOOTER_MAGIC = 1337


def analyser(*, query: bool) -> tantivy.TextAnalyzer:
    """Lower case, no accents, English stems; for a query also without words that say nothing.

    >>> analyser(query=False).analyze("São Paulo's governors AND (")
    ['sao', 'paulo', 's', 'governor', 'and']
    """
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(60)).filter(Filter.lowercase())
    if query:
        builder = builder.filter(Filter.stopword("english")).filter(Filter.custom_stopword(QUESTION_WORDS))
    return builder.filter(Filter.ascii_fold()).filter(Filter.stemmer("english")).build()


def idf(documents: int, with_term: int) -> float:
    """tantivy's inverse document frequency.

    >>> round(idf(10, 1), 3)
    1.992
    """
    return math.log(1 + (documents - with_term + 0.5) / (with_term + 0.5))


def _schema() -> tantivy.Schema:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("key", stored=False, indexed=True, fast=True)
    builder.add_text_field("text", stored=False, tokenizer_name=ANALYSER, index_option="freq")
    builder.add_unsigned_field("generation", stored=True, indexed=True)
    builder.add_unsigned_field("marker", stored=False, indexed=True)
    return builder.build()


class Words:
    """What one commit made searchable; it stays as it is while the index goes on."""

    def __init__(self, schema: tantivy.Schema, searcher: tantivy.Searcher) -> None:
        import tantivy

        self._schema, self._searcher = schema, searcher
        self._analyser, self._query_analyser = analyser(query=False), analyser(query=True)
        marker = tantivy.Query.term_query(schema, "marker", 1, "basic")
        hits = searcher.search(marker, 2, count=False).hits
        self.generation = max((int(searcher.doc(at).get_first("generation") or 0) for _, at in hits), default=0)
        self.count = int(searcher.num_docs) - len(hits)

    def terms(self, query: str) -> list[str]:
        """The query's distinct terms; words that say nothing only where there are no others."""
        found = self._query_analyser.analyze(query) or self._analyser.analyze(query)
        return list(dict.fromkeys(found))[:QUERY_TERMS]

    def search(self, query: str, k: int, *, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """The k best keys with their BM25 scores, best first; allowed: only these keys."""
        from tantivy import Occur, Query

        terms = self.terms(query)
        if not terms or k < 1 or (allowed is not None and not allowed):
            return []
        wanted = Query.boolean_query(
            [(Occur.Should, Query.term_query(self._schema, "text", term, "freq")) for term in terms]
        )
        if allowed is not None:
            only = Query.const_score_query(Query.term_set_query(self._schema, "key", list(allowed)), 0.0)
            wanted = Query.boolean_query([(Occur.Must, wanted), (Occur.Must, only)])
        hits = self._searcher.search(wanted, k, count=False).hits
        keys = self._searcher.fast_field_values("key", [address for _, address in hits]) if hits else []
        return sorted(
            ((int(key), float(score)) for key, (score, _) in zip(keys, hits, strict=True) if key is not None),
            key=lambda pair: (-pair[1], pair[0]),
        )

    def tail_scores(self, query: str, texts: Mapping[int, str]) -> list[tuple[int, float]]:
        """BM25 of passages that the index doesn't hold, on the scale of those that it does."""
        terms = self.terms(query)
        if not terms or not texts:
            return []
        counts = {key: Counter(self._analyser.analyze(text)) for key, text in texts.items()}
        lengths = {key: sum(count.values()) for key, count in counts.items()}
        mean = sum(lengths.values()) / len(lengths) or 1
        total = int(self._searcher.num_docs) + len(texts)
        weights = {
            term: idf(total, self._searcher.doc_freq("text", term) + sum(term in count for count in counts.values()))
            for term in terms
        }
        found: list[tuple[int, float]] = []
        for key, count in counts.items():
            room = K1 * (1 - B + B * lengths[key] / mean)
            score = sum(weights[t] * count[t] * (K1 + 1) / (count[t] + room) for t in terms if count[t])
            if score:
                found.append((key, score))
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))


class LexicalIndex:
    """A tantivy index in a folder, or in memory where `folder` is None.

    Raises ValueError where the folder holds files that tantivy can't open.
    """

    def __init__(self, folder: Path | None, *, threads: int = 1) -> None:
        import tantivy

        self.folder = folder
        self._threads = threads
        self._writer: Any = None
        self._schema = _schema()
        if folder is not None:
            folder.mkdir(exist_ok=True)
        self._index = tantivy.Index(self._schema, path=str(folder) if folder else None)
        self._index.register_tokenizer(ANALYSER, analyser(query=False))
        # Reloads happen when the store asks; a watching thread would see half of the store's other parts.
        self._index.config_reader("manual")
        self._index.reload()

    def words(self) -> Words:
        """What was committed last, as far as `reload` has seen it."""
        return Words(self._schema, self._index.searcher())

    def reload(self) -> None:
        """Sees what another process has committed."""
        for attempt in range(10):
            try:
                self._index.reload()
                return
            except ValueError:  # the other process was just replacing files
                if attempt == 9 or (self.folder and not _meta(self.folder)):
                    raise
                time.sleep(0.02 * (attempt + 1))

    def _writing(self) -> Any:
        if self._writer is None:
            self._writer = self._index.writer(HEAP_BYTES, self._threads)
            # tantivy stamps a writer's first operation like the commit before it. A merge that runs at that moment
            # takes it for done where a segment's deletes bear that stamp, and drops it: so it is one that does nothing.
            self._delete("marker", [0])
        return self._writer

    def _delete(self, field: str, values: list[int]) -> None:
        """By query, since delete_documents_by_term looks for a signed number and finds no unsigned one (0.27)."""
        import tantivy

        self._writing().delete_documents_by_query(tantivy.Query.term_set_query(self._schema, field, values))

    def add(self, items: Iterable[tuple[int, str]]) -> None:
        """Takes passages up; they are found after `commit`."""
        import tantivy

        for key, text in items:
            document = tantivy.Document()
            document.add_unsigned("key", key)
            document.add_text("text", text)
            self._writing().add_document(document)

    def remove(self, keys: Iterable[int]) -> None:
        """Drops passages; they are gone after `commit`."""
        if gone := [int(key) for key in keys]:
            self._delete("key", gone)

    def commit(self, generation: int) -> None:
        """Makes additions and removals visible and lasting, as the state of `generation`."""
        import tantivy

        self._delete("marker", [1])
        writer = self._writing()
        marker = tantivy.Document()
        marker.add_unsigned("marker", 1)
        marker.add_unsigned("generation", generation)
        writer.add_document(marker)
        writer.commit()
        self._let_read()
        self._index.reload()

    def close(self) -> None:
        """Lets go of tantivy's writer lock; what was not committed is dropped."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            with contextlib.suppress(ValueError):  # a writer that failed has no threads left to wait for
                writer.wait_merging_threads()
            self._let_read()

    def _let_read(self) -> None:
        """Whoever may read the folder may read tantivy's notes in it, which it writes for its own user only."""
        if self.folder is not None:
            mode = self.folder.stat().st_mode & 0o666
            for name in ("meta.json", ".managed.json"):
                with contextlib.suppress(OSError):  # a merge may be replacing it
                    (self.folder / name).chmod(mode)

    def drop(self) -> None:
        """Forgets what was not committed, and removes what a commit that failed has left."""
        self.close()
        if self.folder is not None:
            collect(self.folder)


def damage(folder: Path) -> str | None:
    """What is wrong with tantivy's files, None where nothing is.

    tantivy seals each segment file with a CRC-32 in its footer and doesn't look at it on opening.
    """
    try:
        segments = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["segments"]
        for segment in segments:
            name = segment["segment_id"].replace("-", "")
            names = [f"{name}.{kind}" for kind in ("idx", "pos", "term", "store", "fast", "fieldnorm")]
            if segment["deletes"]:  # other .del files of the segment are a killed writer's
                names.append(f"{name}.{segment['deletes']['opstamp']}.del")
            for file in (folder / name for name in names):
                if not file.is_file():
                    return f"{file.name} is missing"
                data = file.read_bytes()
                size, magic = struct.unpack("<II", data[-8:])
                footer = json.loads(data[-8 - size : -8])
                if magic != FOOTER_MAGIC or zlib.crc32(memoryview(data)[: -8 - size]) != footer["crc"]:
                    return f"{file.name} is damaged"
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        return f"{type(error).__name__} in reading its files"
    return None


def lasting_damage(folder: Path) -> str | None:
    """As `damage`, but not what only looks like it while a writer replaces files."""
    wrong = None
    for _ in _while_replaced(folder):
        wrong = damage(folder)
        if wrong is None:
            break
    return wrong


def collect(folder: Path) -> None:
    """Removes files that a killed writer left and meta.json doesn't name: the next commit stumbles over their names."""
    try:
        segments = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["segments"]
        deletes = {entry["segment_id"].replace("-", ""): (entry["deletes"] or {}).get("opstamp") for entry in segments}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # `damage` will find what is wrong
    for path in folder.iterdir():
        segment = path.name.partition(".")[0]
        stale = path.suffix == ".del" and path.name != f"{segment}.{deletes.get(segment)}.del"
        if len(segment) == 32 and (segment not in deletes or stale):
            path.unlink(missing_ok=True)


def open_lexical(folder: Path, *, threads: int = 1) -> LexicalIndex | None:
    """The index in the folder; None where it is absent or damaged. Tries again while a writer is replacing files."""
    for _ in _while_replaced(folder):
        if damage(folder) is None:
            try:
                found = LexicalIndex(folder, threads=threads)
                found.words()
                return found
            except BaseException as error:  # tantivy panics over some damage; pyo3's panic is no Exception
                if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                    raise
    return None


def permitted(folder: Path) -> bool:
    """Whether tantivy may open the folder: also to read, it puts a lock file there."""
    needed = ((folder, os.W_OK), (folder / "meta.json", os.R_OK))
    return all(os.access(path, how) for path, how in needed if path.exists())


def _while_replaced(folder: Path) -> Iterator[None]:
    """A turn, and further ones (20 in all) as long as a writer has replaced files during the last.

    A commit replaces meta.json before it removes the files that the old one named.
    """
    for _ in range(20):
        meta = _meta(folder)
        yield
        if _meta(folder) == meta:
            return


def _meta(folder: Path) -> bytes:
    try:
        return (folder / "meta.json").read_bytes()
    except OSError:
        return b""

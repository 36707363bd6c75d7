"""Fuzzes the readers and the splitter with atheris: changed bytes of real files in, only articles or reasons out.

    pip install atheris
    python bench/fuzz_readers.py .pdf -max_total_time=60

The first argument is a format's ending; the others are libFuzzer's own. What would be found: an exception that is no
Unreadable (the ingest would survive it, in a process of its own, but its reason would name no cause), a passage whose
characters don't stand in its article, or a run that doesn't end. It leaves out memory, which index.isolated caps.
"""

from __future__ import annotations

import logging
import re
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


def check(data: bytes, suffix: str) -> int:
    """Reads and splits `data`; gives the number of passages. Raises AssertionError where an invariant doesn't hold."""
    from index.decode import Unreadable
    from index.passages import split
    from index.readers import read_any
    from index.types import Article

    try:
        items = read_any(data, suffix=suffix, id="fuzz")
    except Unreadable as error:
        assert str(error)
        return 0
    count = 0
    for article in items:
        if not isinstance(article, Article):
            continue
        article.text.encode()
        passages = split(article, count_tokens=lambda texts: [len(re.findall(r"\w+|[^\w\s]", t)) for t in texts])
        assert all(article.text[p.start : p.end] == p.text != "" for p in passages)
        assert len({p.id for p in passages}) == len(passages)
        assert passages
        count += len(passages)
    return count


def main() -> None:
    import atheris

    suffix, *options = sys.argv[1:] or [".txt"]
    warnings.simplefilter("ignore")
    logging.disable()
    with atheris.instrument_imports(include=["index"]):
        import format_helpers as made

        import index.passages
        import index.readers  # noqa: F401
    seeds = {
        ".html": made.PAGE.encode(),
        ".pdf": made.make_pdf(made.PDF_PAGES),
        ".docx": made.make_docx(),
        ".eml": made.make_mail("It rained.\r\n\r\nThe river rose."),
        ".mhtml": made.make_saved_page(made.PAGE),
        ".rss": made.FEED.encode(),
        ".atom": made.ATOM.encode(),
        ".md": b"---\ntitle: a\n---\n# Rain\n\nIt *rained*.\n\n## Next\n\n- a\n- b\n",
        ".txt": b"Rain Falls\nThe town is wet\n\nBy Ann Lee | 26 January 2026\n\nIt rained.\n\nNext\n\nMore rain.\n",
    }
    with tempfile.TemporaryDirectory() as corpus:
        (Path(corpus) / "seed").write_bytes(seeds[suffix])
        atheris.Setup([sys.argv[0], *options, corpus], lambda data: check(data, suffix) and None)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

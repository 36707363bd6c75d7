"""Values in, text on the terminal out: answers, reports, tables, JSON, error lines. Asks and stores nothing.

Article text is data: it is printed with rich's markup off and without control characters, so that no article can
colour, move or hide anything on a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from index.reports import CheckReport, IngestReport, StoreStatus
    from rag.types import Answer, Citation

# Of a long list only so many are named; --json has them all.
LISTED = 20


def say(text: str) -> None:
    """One line on standard output, as it is."""
    Console(highlight=False).print(Text(printable(text)), soft_wrap=True)


def fail(reason: str, *, code: int = 1, label: str = "error: ") -> int:
    """Write one line to standard error and return the exit code."""
    line = " ".join(printable(reason).split())
    print(f"newsdesk: {label}{line}", file=sys.stderr)
    return code


def show_json(value: Any) -> None:
    """A dataclass or a mapping as one JSON object; dates and paths as text."""
    fields = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    print(json.dumps(fields, ensure_ascii=False, indent=2, default=str))


def show_answer(answer: Answer) -> None:
    """The sentences with their [n], then what each number cites; a refusal says so and names what came closest."""
    console = Console(highlight=False)
    if answer.answerer == "about":  # a greeting, thanks, "what can you answer?": a refusal in form only
        console.print(Text(printable(answer.text)))
        return
    if answer.refused:
        console.print(Text("Not answered by this collection.", style="bold yellow"))
        for note in answer.notes:
            console.print(Text(printable(note)))
        _sources(console, "Closest:", answer.closest)
        return
    for statement in answer.statements:
        if not statement.struck:
            numbers = "".join(f"[{citation.number}]" for citation in statement.citations)
            missing = numbers if numbers and numbers not in statement.text else ""
            console.print(Text.assemble(printable(statement.text), (f" {missing}" if missing else "", "cyan")))
    for note in answer.notes:
        console.print(Text(printable(note), style="dim"))
    if answer.disagreement:
        console.print()
        console.print(Text("Articles disagree:", style="bold"))
        for other in answer.disagreement:
            numbers = "".join(f"[{citation.number}]" for citation in other.citations)
            console.print(Text(printable(f"  {other.text}  {other.published or 'undated'} {numbers}")))
    _sources(console, "Sources:", answer.citations)


def _sources(console: Console, heading: str, citations: Sequence[Citation]) -> None:
    if not citations:
        return
    console.print()
    console.print(Text(heading, style="bold"))
    for citation in citations:
        parts = [citation.title or citation.article_id, citation.source, citation.published, citation.section]
        if citation.page:
            parts.append(f"page {citation.page}")
        where = " · ".join(str(part) for part in parts if part)
        console.print(Text.assemble((f"[{citation.number}] ", "cyan"), printable(where)))
        quote = Text(printable(f"“{citation.quote}”"))
        if citation.answer_start is not None and citation.answer_end is not None:
            quote.stylize("bold", *(1 + end - citation.start for end in (citation.answer_start, citation.answer_end)))
        indented = Table.grid(padding=(0, 0, 0, 4))
        indented.add_row("", quote)
        console.print(indented)
        if citation.also_in:
            others = ", ".join(copy.title or copy.article_id for copy in citation.also_in)
            console.print(Text(printable(f"    also in: {others}"), style="dim"))


def show_ingest(report: IngestReport, *, total: int, folder: object) -> None:
    """What an ingest did to each kind of article, and the reason for everything that was rejected."""
    console = Console(highlight=False)
    table = Table("", "articles", "which", show_edge=False, pad_edge=False)
    for name in ("added", "changed", "renamed", "removed", "unchanged"):
        ids = getattr(report, name)
        if ids:
            listed = "" if name == "unchanged" else _some([str(one) for one in ids])
            table.add_row(name, str(len(ids)), Text(printable(listed), overflow="ellipsis", no_wrap=True))
    if report.rejected:
        table.add_row("rejected", str(len(report.rejected)), "see below")
    if table.row_count:
        console.print(table)
    else:
        say("no articles were found")
    for rejected in report.rejected[:LISTED]:
        console.print(Text(printable(f"rejected {rejected.path}: {rejected.reason}"), style="yellow"), soft_wrap=True)
    if len(report.rejected) > LISTED:
        say(f"… and {len(report.rejected) - LISTED} more; --json lists all")
    embedded = plural(report.embedded, "passage")
    say(f"{plural(total, 'article')} in {folder}; {embedded} embedded in {report.seconds:.1f} s")


def show_status(status: StoreStatus) -> None:
    """One line for each thing an index holds."""
    dates = f"{status.published_from} to {status.published_to}" if status.published_from else "none"
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("articles", f"{status.articles:,}"),
        ("passages", f"{status.passages:,}"),
        ("dates", dates),
        ("sources", _some([str(source) for source in status.sources]) or "none"),
        ("embedder", status.embedder),
        ("size", size(status.bytes)),
        ("generation", str(status.generation)),
        *(("note", note) for note in status.notes),
    ):
        table.add_row(name, Text(printable(str(value))))
    Console(highlight=False).print(table)


def show_check(report: CheckReport) -> None:
    """Every problem on a line of its own, then the verdict."""
    for problem in report.problems:
        say(f"problem: {problem}")
    for repaired in report.repaired:
        say(f"repaired: {repaired}")
    say("the index is whole" if report.ok else "the index is not whole; `newsdesk check --repair` mends what it can")


def plural(count: int, what: str) -> str:
    """The number and the noun.

    >>> plural(1, "article"), plural(2, "article")
    ('1 article', '2 articles')
    """
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def size(count: float) -> str:
    """Bytes for people.

    >>> size(2_150_000)
    '2.2 MB'
    """
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def printable(text: str) -> str:
    r"""The text without control characters but for newlines, each replaced by a space so that offsets stay.

    >>> printable("a\x1b[31mb")
    'a [31mb'
    """
    return "".join(c if c == "\n" or (c >= " " and not "\x7f" <= c <= "\x9f") else " " for c in text)


def _some(names: Sequence[str]) -> str:
    more = f", and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more

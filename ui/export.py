"""A conversation as Markdown: questions as headings, answers, and sources as footnotes. Text is shown literally."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.types import Citation, Turn
from ui.notes import beside, understood
from ui.render import safe_url
from ui.texts import Texts

_ENGLISH = Texts("en")


def markdown_text(text: str) -> str:
    """Plain text as Markdown that shows it literally, on one line."""
    flat = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"([\\`*_{}\[\]<>#|~!$&])", r"\\\1", flat)


def conversation_markdown(turns: Sequence[Turn], *, texts: Texts = _ENGLISH) -> str:
    """A conversation with its sources as footnotes, numbered through."""
    parts = [f"# {texts('exported')}"]
    notes: list[str] = []
    numbers: dict[tuple[str, int, int], int] = {}

    def note(citation: Citation) -> str:
        key = (citation.article_id, citation.start, citation.end)
        if key not in numbers:
            numbers[key] = len(numbers) + 1
            where = " · ".join(
                markdown_text(part)
                for part in (
                    citation.title or citation.article_id,
                    citation.source or "",
                    texts.date(citation.published),
                    texts("page", number=citation.page) if citation.page else "",
                )
                if part
            )
            link = safe_url(citation.url)
            address = f" <{citation.url}>" if link else ""
            notes.append(f"[^{numbers[key]}]: “{markdown_text(citation.quote)}” — {where}{address}")
        return f"[^{numbers[key]}]"

    for turn in turns:
        parts.append(f"## {markdown_text(turn.question)}")
        answer = turn.answer
        said = [markdown_text(text) for text in beside(answer, texts)]
        if answer.answerer == "about":
            parts += said
            continue
        if alone := understood(answer, texts):
            parts.append(markdown_text(alone))
        if answer.refused:
            parts += [f"*{texts('refused')}*", *said]
            continue
        for statement in answer.statements:
            if not statement.struck:
                marks = "".join(note(citation) for citation in statement.citations)
                quoted = "> " if statement.support == "quoted" else ""
                parts.append(f"{quoted}{markdown_text(statement.text)}{marks}")
        for alternative in answer.disagreement:
            marks = "".join(note(citation) for citation in alternative.citations)
            parts.append(f"- {texts.date(alternative.published)}: {markdown_text(alternative.text)}{marks}")
        parts += said
    return "\n\n".join([*parts, "\n".join(notes)] if notes else parts) + "\n"

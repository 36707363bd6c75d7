"""Which articles may answer: the form for it, what a browser sends of it, and how it is said beside an answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from html import escape

from index.types import Filter
from ui.render import one_line
from ui.texts import Texts

MAX_SOURCES = 100
"""Sources that the form lists."""
MAX_SENT = 20_000
"""Characters of a filter that a browser may send."""
_ENGLISH = Texts("en")


def filter_html(sources: Sequence[str], first: date | None, last: date | None, *, texts: Texts = _ENGLISH) -> str:
    """The choice of the articles that may answer, by source and day; empty where there is nothing to choose from."""
    days = chosen = ""
    if first and last and first != last:
        # No bounds but the last day that Python knows: a day outside the collection's is an answer too.
        fields = "".join(
            f'<label>{texts(f"filter_{side}")} <input type="date" data-day="{side}" max="{date.max}"></label>'
            for side in ("from", "to")
        )
        days = f'<fieldset class="nd-days"><legend class="nd-label">{texts("filter_days")}</legend>{fields}</fieldset>'
    if len(sources) > 1:
        boxes = "".join(
            f'<label><input type="checkbox" value="{escape(source)}"> '
            f'<span class="nd-iso">{one_line(source)}</span></label>'
            for source in sources[:MAX_SOURCES]
        )
        left = len(sources) - MAX_SOURCES
        more = f'<p class="nd-note">{texts("more", count=f"{left:,}")}</p>' if left > 0 else ""
        chosen = f'<fieldset><legend class="nd-label">{texts("filter_sources")}</legend>{boxes}{more}</fieldset>'
    if not days and not chosen:
        return ""
    return (
        '<details class="nd-filter"><summary>'
        f'<span class="nd-filter-text nd-iso">{texts("filter_all")}</span></summary>'
        f'<div class="nd-filter-body" role="group" aria-label="{texts("filter_which")}">{days}{chosen}'
        f'<button type="button" class="nd-quiet" data-clear="">{texts("filter_clear")}</button></div></details>'
    )


def filter_of(text: str | None) -> Filter | None:
    """The filter that the page's form wrote down, or None: whatever can't be read filters nothing.

    >>> filter_of('{"sources": ["Harbour Wire"], "from": "2026-01-26", "to": ""}').published_from
    datetime.date(2026, 1, 26)
    """
    try:
        chosen = json.loads((text or "")[:MAX_SENT])
        first, last = (date.fromisoformat(chosen[side]) if chosen.get(side) else None for side in ("from", "to"))
        sources = tuple(source for source in chosen.get("sources") or () if isinstance(source, str))
        return Filter(published_from=first, published_to=last, sources=sources) or None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def scope_words(filter: Filter, texts: Texts = _ENGLISH) -> str:
    """Where an answer was looked for; nothing for everywhere.

    >>> scope_words(Filter(published_from=date(2026, 1, 26), sources=("Harbour Wire",)))
    'only Harbour Wire, since 26 January 2026'
    """
    if not filter:
        return ""
    what = list(filter.sources[:3])
    if len(filter.sources) > 3:
        what.append(texts("more", count=len(filter.sources) - 3))
    first, last = filter.published_from, filter.published_to
    if first and last:
        what.append(texts("between", first=texts.date(first), last=texts.date(last)))
    elif first or last:
        what.append(texts("since" if first else "until", day=texts.date(first or last)))
    return texts("only", what=", ".join(what))

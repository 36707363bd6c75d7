"""Verifies an index, and mends what can be mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from index.reports import CheckReport

if TYPE_CHECKING:
    from index.store import PassageStore


def check(store: PassageStore, *, repair: bool) -> CheckReport:
    return CheckReport(ok=not store.view().notes, problems=store.view().notes)

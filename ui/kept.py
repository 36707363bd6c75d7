"""What the chat keeps in the index folder: judgements of answers, and the key of conversations in browsers."""

from __future__ import annotations

import json
import logging
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from rag.types import Turn

log = logging.getLogger(__name__)
MAX_FEEDBACK = 50_000_000


def append_feedback(path: Path, turn: Turn, *, liked: bool, reason: str) -> None:
    """One line `{"at", "question", "liked", "reason", "answer"}`; nothing is written once the file is very large."""
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "question": turn.question,
        "liked": liked,
        "reason": reason,
        "answer": json.loads(turn.answer.to_json()),
    }
    if path.exists() and path.stat().st_size > MAX_FEEDBACK:
        log.warning("%s is larger than %s bytes; move it away to record more", path, f"{MAX_FEEDBACK:,}")
        return
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def storage_secret(folder: Path) -> str:
    """The key of the browser's stored conversation: made once, so that a restart doesn't lose it."""
    path = folder / "chat-secret"
    try:
        return path.read_text(encoding="ascii").strip() or secrets.token_hex(16)
    except FileNotFoundError:
        pass
    made = secrets.token_hex(16)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(made)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        log.warning("%s cannot be written: conversations will not outlive this server", path)
    return made

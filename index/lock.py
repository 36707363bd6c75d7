"""The writer's lock: one process writes, and the lock names it. It dies with its process, so it is never stale."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import weakref
from datetime import datetime
from pathlib import Path

from index.errors import IndexLocked

LOCK = "writer.lock"


class WriterLock:
    """An exclusive flock on `folder/writer.lock`, which holds its owner's process id and host. Raises IndexLocked."""

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK
        self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            text = os.pread(self._file, 1000, 0)
            os.close(self._file)
            self._file = None
            raise IndexLocked(f"{folder} is being written by {_holder(text)}: wait until it has finished") from None
        about = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now().isoformat(timespec="seconds"),
        }
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(about).encode(), 0)
        # A forked child shares the lock and would keep it after its parent's death.
        held = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _forget(held))

    def release(self) -> None:
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None

    def __enter__(self) -> WriterLock:
        return self

    def __exit__(self, *about: object) -> None:
        self.release()


def _forget(held: weakref.ref[WriterLock]) -> None:
    lock = held()
    if lock is not None and lock._file is not None:
        os.close(lock._file)
        lock._file = None


def _holder(text: bytes) -> str:
    try:
        about = json.loads(text)
        return f"process {about['pid']} on {about['host']} since {about['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"

"""Reads risky formats in a process of its own, which is killed at `read_seconds` and can't pass `read_memory_bytes`.

One process reads many files; one that was killed, ran out of memory or crashed costs its file only, and the next file
starts another. The two speak JSON and bytes over pipes, no pickle. It is no sandbox: the process may do what
its user may.

    parent -> child   {"reader": ".pdf", "id": …, "bytes": n} newline, then n bytes
    child -> parent   {"items": [article or rejected, …]} newline
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from index.settings import IndexSettings
from index.types import Article, Rejected, Section

_OUT_OF_MEMORY = 77


class ReaderProcess:
    """Reads bytes with a reader of the table `index.readers.READERS`, elsewhere. A context manager."""

    def __init__(self, settings: IndexSettings = IndexSettings()) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(
        self, data: bytes, *, suffix: str, id: str, shown: str, url: str | None = None
    ) -> list[Article | Rejected]:
        """What the reader of `suffix` finds in `data`; `shown` names the file in a Rejected."""
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        late = threading.Event()

        def kill() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(self._settings.read_seconds, kill)
        timer.start()
        line = b""
        try:
            header = {"reader": suffix, "id": id, "bytes": len(data), "url": url}
            process.stdin.write(json.dumps(header).encode() + b"\n" + data)
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            pass  # it died while we wrote: said below
        finally:
            timer.cancel()
            timer.join()
        if line.endswith(b"\n") and not late.is_set():
            return [_item_from_json(item, shown) for item in json.loads(line)["items"]]
        process.kill()
        code = process.wait()
        self.close()
        if late.is_set():
            reason = f"took longer than read_seconds = {self._settings.read_seconds:g}"
        elif code == _OUT_OF_MEMORY:
            reason = f"needs more memory than read_memory_bytes = {self._settings.read_memory_bytes:,}"
        else:
            reason = "its reader crashed on it"
        return [Rejected(shown, reason)]

    def close(self) -> None:
        """Ends the process; a later `read` starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:
                pass  # what was still to be written has no reader any more
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        # The package's own place, so that the child finds it wherever it is started.
        root = str(Path(__file__).resolve().parents[1])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "index.isolated", str(self._settings.read_memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )
        return self._process


def _item_to_json(item: Article | Rejected) -> dict[str, Any]:
    if isinstance(item, Rejected):
        return {"path": item.path, "reason": item.reason}
    return {
        "id": item.id,
        "title": item.title,
        "text": item.text,
        "url": item.url,
        "source": item.source,
        "author": item.author,
        "published": item.published.isoformat() if item.published else None,
        "sections": [[s.heading, s.start, s.end] for s in item.sections],
        "metadata": dict(item.metadata),
    }


def _item_from_json(item: dict[str, Any], shown: str) -> Article | Rejected:
    if "reason" in item:
        return Rejected(shown + item["path"], item["reason"])
    published = item["published"]
    return Article(
        **{
            **item,
            "published": date.fromisoformat(published) if published else None,
            "sections": tuple(Section(*section) for section in item["sections"]),
        }
    )


def _serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    from index.decode import Unreadable
    from index.readers import read_any

    while line := requests.readline():
        header = json.loads(line)
        data = requests.read(header["bytes"])
        items: list[Article | Rejected]
        try:
            items = read_any(data, suffix=header["reader"], id=header["id"], url=header["url"])
        except Unreadable as error:
            items = [Rejected("", str(error))]
        except MemoryError:
            os._exit(_OUT_OF_MEMORY)
        except Exception as error:  # a reader may raise anything on a file made to break it
            items = [Rejected("", f"could not be read: {type(error).__name__}: {' '.join(str(error).split())[:120]}")]
        replies.write(json.dumps({"items": [_item_to_json(item) for item in items]}, default=str).encode() + b"\n")
        replies.flush()


def main() -> None:
    import contextlib

    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no limits
        import resource

        limit = int(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand among the replies
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        _serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()

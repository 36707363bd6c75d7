"""A scripted OpenAI-compatible server on loopback, for tests: real HTTP, real server-sent events, no model.

A script is a list of steps: text is streamed as one chunk each, numbers are pauses in seconds, and the words in
`Step` do what they say. The server notes the requests, and whether the client hung up before the end.
"""

from __future__ import annotations

import json
import select
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Action = Literal["<error status>", "<error event>", "<hang up>", "<length>", "<silent end>"]
Step = str | float


@dataclass
class LlmServer:
    """`url` is the base URL. `next_scripts` are played one a request, then `script` for each; `hung_up` is set when a
    client leaves early."""

    script: Sequence[Step] = ()
    next_scripts: list[Sequence[Step]] = field(default_factory=list)
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)

    def reset(self) -> None:
        """As it was before any request."""
        self.script, self.next_scripts[:], self.requests[:], self.keys[:] = (), [], [], []
        self.hung_up.clear()

    @property
    def prompt(self) -> str:
        """The messages of the last request as one text."""
        return "\n".join(message["content"] for message in self.requests[-1]["messages"])


@contextmanager
def serve_llm() -> Iterator[LlmServer]:
    """The server, running until the block ends."""
    state = LlmServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.requests.append(json.loads(body))
            state.keys.append(self.headers.get("Authorization"))
            script = state.next_scripts.pop(0) if state.next_scripts else state.script
            if "<error status>" in script:
                self._reply_error()
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                self._play(list(script))
            except (BrokenPipeError, ConnectionResetError):
                state.hung_up.set()
                self.close_connection = True

        def _play(self, script: list[Step]) -> None:
            finish = "stop"
            for step in script:
                if isinstance(step, int | float):
                    self._pause(step)
                elif step == "<hang up>":
                    self.close_connection = True
                    self.connection.shutdown(2)
                    return
                elif step == "<error event>":
                    self._event({"error": {"message": "the model crashed", "type": "server_error"}})
                    break
                elif step == "<length>":
                    finish = "length"
                elif step == "<silent end>":
                    self._chunk(b"")
                    return
                else:
                    self._event(_delta({"content": step}))
            self._event(_delta({}, finish))
            self._chunk(b"data: [DONE]\n\n")
            self._chunk(b"")

        def _pause(self, seconds: float) -> None:
            """Waits, and notices when the client leaves meanwhile."""
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0:
                readable, _, _ = select.select([self.connection], [], [], min(left, 0.05))
                if readable and not self.connection.recv(1, 2):  # MSG_PEEK
                    raise BrokenPipeError

        def _event(self, event: dict[str, Any]) -> None:
            self._chunk(f"data: {json.dumps(event)}\n\n".encode())

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()

        def _reply_error(self) -> None:
            body = json.dumps({"error": {"message": "bad key sk-secret", "type": "invalid_request_error"}}).encode()
            self.send_response(400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _delta(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "scripted", "choices": [choice]}


def returned(steps: Generator[None, None, str]) -> str:
    """What a generator returns when it has run to its end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return str(end.value)

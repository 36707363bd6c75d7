"""A chat model's stream as an ordinary iterator with time limits, which closes the connection when it is closed.

The model runs as a task on one event loop in a background thread, because only a task can be cancelled while it waits
for the wire. It leaves out what the text means.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rag.errors import ChatModelError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

CLOSE_SECONDS = 5.0
"""How long closing waits for the connection to be closed."""
WAKE_SECONDS = 0.2
"""How long a silent model is waited for at a time: a generator that is still inside next() cannot be closed."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of text; `finish` is the provider's reason for stopping ("stop", "length"), "" until it gives one.

    One without either says that the model is still at work.
    """

    text: str
    finish: str = ""


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    """The one loop of this process: providers' clients keep connections open, and those belong to their loop."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="newsdesk-llm", daemon=True).start()
    return loop


def stream(
    chat_model: BaseChatModel, messages: Sequence[BaseMessage], *, seconds: float, first_seconds: float
) -> Generator[Chunk, None, None]:
    """The model's chunks, and an empty one whenever nothing has come for WAKE_SECONDS, so that it can be closed then.

    Raises ChatModelError when the model fails, or takes longer than `seconds` in all or `first_seconds` to its first
    text. The error never carries the provider's own message, which may quote a key.
    """
    arrived: queue.SimpleQueue[Chunk | BaseException | None] = queue.SimpleQueue()

    started, finished = threading.Event(), threading.Event()

    async def work() -> None:
        started.set()
        try:
            chunks = chat_model.astream(list(messages))
            try:
                async for message in chunks:
                    arrived.put(Chunk(text_of(message.content), finish_of(message)))
            finally:
                if close := getattr(chunks, "aclose", None):
                    await close()
        except Exception as error:
            arrived.put(error)
        else:
            arrived.put(None)
        finally:
            finished.set()

    began = time.monotonic()
    future: Future[None] = asyncio.run_coroutine_threadsafe(work(), _loop())
    spoken = False
    try:
        while True:
            limit = seconds if spoken else min(seconds, first_seconds)
            left = began + limit - time.monotonic()
            try:
                item = arrived.get(timeout=max(0.0, min(left, WAKE_SECONDS)))
            except queue.Empty:
                if left > WAKE_SECONDS:
                    yield Chunk("")
                    continue
                what = f"took longer than {seconds:g} s" if limit == seconds else f"wrote nothing for {limit:g} s"
                raise ChatModelError(f"the language model {what}") from None
            if item is None:
                return
            if isinstance(item, BaseException):
                raise ChatModelError(f"the language model failed ({type(item).__name__})") from None
            spoken = spoken or bool(item.text)
            yield item
    finally:
        future.cancel()
        if started.is_set():  # cancelling is only asked for: wait until the connection is closed
            finished.wait(CLOSE_SECONDS)


def text_of(content: str | list[Any]) -> str:
    """The text of a message's content; reasoning and tool blocks are left out."""
    if isinstance(content, str):
        return content
    parts = (part if isinstance(part, str) else part.get("text", "") for part in content if _is_text(part))
    return "".join(str(part) for part in parts)


def _is_text(part: Any) -> bool:
    return isinstance(part, str) or isinstance(part, dict) and part.get("type") in ("text", "text_delta", None)


def finish_of(message: BaseMessage) -> str:
    """The provider's reason for stopping, "" until it gives one."""
    metadata = message.response_metadata
    return str(metadata.get("finish_reason") or metadata.get("stop_reason") or metadata.get("done_reason") or "")

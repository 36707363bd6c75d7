"""A chat model that remembers what it wrote: the same prompt to the same model is not paid for twice.

For the evaluation only, which asks the same again after every change elsewhere. It leaves out time limits and checking,
and remembers only texts that came to their own end. A prompt's nonce is another each time and doesn't count.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from rag.chat_stream import finish_of, text_of

_NONCE = re.compile(r"\b(passage|turns)-[0-9a-f]{16}\b")


class RememberingChatModel(BaseChatModel):
    """`model` with its finished texts kept in `folder`, one JSON file each, named by the digest of what was asked."""

    model: BaseChatModel
    folder: Path
    model_name: str

    @property
    def _llm_type(self) -> str:
        return "remembering"

    def _generate(self, messages: list[BaseMessage], *arguments: Any, **options: Any) -> ChatResult:
        raise NotImplementedError("it only streams, as newsdesk does")

    async def _astream(
        self, messages: list[BaseMessage], *arguments: Any, **options: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        file = self.folder / f"{self._key(messages)}.json"
        if file.is_file():
            kept = json.loads(file.read_text("utf-8"))
            yield _chunk(kept["text"], kept["finish"])
            return
        text, finish = "", ""
        async for message in self.model.astream(messages):
            piece, finish = text_of(message.content), finish_of(message) or finish
            text += piece
            yield _chunk(piece, finish_of(message))
        if finish:
            self.folder.mkdir(parents=True, exist_ok=True)
            aside = file.with_suffix(f".{os.getpid()}")
            aside.write_text(json.dumps({"text": text, "finish": finish}, ensure_ascii=False), "utf-8")
            aside.replace(file)

    def _key(self, messages: list[BaseMessage]) -> str:
        asked = [[message.type, _NONCE.sub(r"\1", text_of(message.content))] for message in messages]
        return hashlib.sha256(json.dumps([self.model_name, asked]).encode()).hexdigest()


def _chunk(text: str, finish: str) -> ChatGenerationChunk:
    told = {"finish_reason": finish} if finish else {}
    return ChatGenerationChunk(message=AIMessageChunk(content=text, response_metadata=told))

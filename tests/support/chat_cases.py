"""Recorded traffic of chat completions servers, and what a chat stream says once it is translated."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

import msgspec
import pytest

from headwater.core.answer.fold import Fold
from headwater.core.machine.config import MachineConfig
from headwater.core.machine.machine import Machine
from headwater.core.machine.steps import STEPS, Close, Open, Read, Stop, Wait
from headwater.core.wire.openai.chat_answer import ChatOptions, TranslatedChunk
from headwater.core.wire.openai.chat_dialect import ChatDialect, ChatResult
from headwater.core.wire.request import HttpRequest
from headwater.errors import HeadwaterError
from headwater.types import GenerateContentResponse
from tests.support.corpus_cases import ONCE, shared

REQUEST = HttpRequest("POST", "http://chat.test/v1/chat/completions", {"authorization": "Bearer secret"})
#: How the corpus reads an answer: with its thoughts, and with tags as text.
AS_RECORDED = ChatOptions(include_thoughts=True, think_tags="off")


class ChatCase(NamedTuple):
    """One recorded exchange."""

    id: str
    meta: dict[str, Any]
    body: bytes

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream, and not an error or a whole answer."""
        return bool(self.meta["wire"] == "sse")

    @property
    def expected(self) -> dict[str, Any]:
        """What it holds, as the corpus has worked it out."""
        expected: dict[str, Any] = self.meta["expected"]
        return expected


@cache
def chat_cases() -> list[ChatCase]:
    """Return every recorded exchange; none where there is no corpus."""
    root = shared("corpus-openai")
    paths = [] if root is None else sorted(root.glob("*/*/meta.json"))
    found = []
    for path in paths:
        meta = json.loads(path.read_text("utf-8"))
        if meta.get("endpoint") == "openai-chat":
            body = (path.parent / meta["response_file"]).read_bytes()
            found.append(ChatCase(f"{path.parent.parent.name}/{path.parent.name}", meta, body))
    return found


def some_chat_cases() -> list[ChatCase]:
    """Return every recorded exchange, or skip the test."""
    return chat_cases() or pytest.skip("no recorded traffic of chat servers beside the checkout")


class ChatOutcome(NamedTuple):
    """What came of a call: the chunks, folded into one response, and the error that ended it."""

    chunks: list[dict[str, Any]]
    response: GenerateContentResponse
    error: HeadwaterError | None

    @property
    def candidate(self) -> dict[str, Any]:
        """The first candidate of the response as plain JSON."""
        document = msgspec.to_builtins(self.response)
        return next((one for one in document.get("candidates", ()) if not one.get("index")), {})

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The parts of that candidate."""
        found: list[dict[str, Any]] = self.candidate.get("content", {}).get("parts", [])
        return found


def read_chat(
    pieces: Iterable[bytes],
    options: ChatOptions = AS_RECORDED,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> ChatOutcome:
    """Play a shell on one answer: hand the pieces to a machine and do what it says."""
    machine: Machine[ChatResult] = Machine(ChatDialect(options), REQUEST, MachineConfig(retry=ONCE))
    left, chunks, fold = iter(pieces), list[dict[str, Any]](), Fold()
    while True:
        step = machine.next_step(0.0)
        match step:
            case Open():
                machine.opened(status, headers or {}, 0.0)
            case Read():
                machine.received(next(left, b""), 0.0)
            case Stop(error):
                return ChatOutcome(chunks, fold.response, error)
            case Close() | Wait():
                raise AssertionError("a single attempt neither closes nor waits")
        if type(step) is TranslatedChunk:
            chunks.append(step.document)
            fold.add(msgspec.json.decode(step.raw, type=GenerateContentResponse))
        else:
            assert type(step) in STEPS or not isinstance(step, GenerateContentResponse)


def sse(*events: Any, end: bytes = b"data: [DONE]\n\n") -> bytes:
    """Return events as the body of a chat stream."""
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events) + end


def delta(fields: dict[str, Any], finish: str | None = None, *, index: int = 0, **event: Any) -> dict[str, Any]:
    """Return one event."""
    choice = {"index": index, "delta": fields, "finish_reason": finish}
    return {"id": "chatcmpl-1", "model": "m", "choices": [choice], **event}

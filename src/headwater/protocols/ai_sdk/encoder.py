"""The UI message stream of the AI SDK (npm ``ai``, majors 5, 6 and 7), which ``useChat`` reads.

https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol. Readers check every chunk against a schema, and one that their major
does not know ends the stream with an error: what only a later major knows is sent as a ``data-`` part to the others.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal, assert_never

from headwater.core.answer.ending import EndingKind
from headwater.errors import UsageError
from headwater.protocols.base import EVENT_STREAM, EventEncoder, StreamOutcome, event
from headwater.protocols.data_urls import file_of
from headwater.protocols.error_documents import ErrorDocument
from headwater.protocols.events import (
    AnswerReset,
    CallDelta,
    CallEnd,
    CallResult,
    CallStart,
    FilePart,
    Piece,
    ServerToolCall,
    ServerToolResult,
    SourceCitation,
    TextDelta,
    TurnStart,
)
from headwater.protocols.splitter import ChunkSplitter
from headwater.protocols.tool_names import CUT
from headwater.protocols.usage import TokenCount
from headwater.types import Candidate, Content, GenerateContentResponse, Part

Version = Literal[5, 6, 7]
VERSIONS: tuple[Version, ...] = (5, 6, 7)
_DONE = b"data: [DONE]\n\n"
_FINISH = {
    EndingKind.FINISHED: "stop",
    EndingKind.STOP_SEQUENCE: "stop",
    EndingKind.MAX_TOKENS: "length",
    EndingKind.TRUNCATED: "length",
    EndingKind.BLOCKED: "content-filter",
    EndingKind.MALFORMED_CALL: "error",
}


class AiSdk(EventEncoder):
    """Writes one answer for a ``useChat`` of the major ``version``.

    ``message_id`` is the id that the message gets. Leave it out and the page makes one, or keeps that of the message
    which goes on after the output of a tool. Give one where the stream can be read again, the same each time; and where
    a message goes on, that message's. ``model`` is told at the start; else the API's word for it with the first chunk.
    ``before`` is what a message that goes on held already: for a page that comes back to it, and begins it anew.
    """

    headers: ClassVar[Mapping[str, str]] = MappingProxyType({**EVENT_STREAM, "x-vercel-ai-ui-message-stream": "v1"})

    def __init__(
        self,
        *,
        version: Version = 5,
        message_id: str | None = None,
        model: str = "",
        before: Sequence[Content] = (),
    ) -> None:
        if version not in VERSIONS:
            raise UsageError(f"the AI SDK's majors are 5, 6 and 7, not {version!r}")
        super().__init__(seed=message_id or "")
        self._version = version
        self._message_id = message_id
        self._model = model
        self._before = before
        self._block: _Block | None = None
        self._blocks = 0

    def _begin(self) -> bytes:
        told: dict[str, Any] = {"type": "start"}
        if self._message_id is not None:
            told["messageId"] = self._message_id
        if self._model:
            told["messageMetadata"] = {"model": self._model}
        return event(told) + _START_STEP + b"".join(self._said_before())

    def _said_before(self) -> Iterator[bytes]:
        """What was said, and answered by functions, before this answer, whose ids do not depend on it."""
        pieces = ChunkSplitter(f"{self._message_id} before")
        for content in self._before:
            for piece in pieces.of(GenerateContentResponse(candidates=[Candidate(content=content)])):
                yield self._piece(piece)
            if content.role != "model":
                yield self._close() + _NEXT_STEP

    def _piece(self, piece: Piece) -> bytes:
        match piece:
            case TextDelta():
                return self._said(piece)
            case CallStart():
                return self._close() + _chunk("tool-input-start", toolCallId=piece.id, toolName=piece.name)
            case CallDelta():
                return _chunk("tool-input-delta", toolCallId=piece.id, inputTextDelta=piece.text)
            case CallEnd():
                return self._called(piece)
            case CallResult():
                return self._answered(piece)
            case ServerToolCall():
                return self._close() + _available(piece, piece.input, _server_tool(piece))
            case ServerToolResult():
                return self._returned(piece)
            case FilePart():
                return self._shown(piece.part)
            case SourceCitation():
                return _cited(piece)
            case TurnStart():
                return self._close() + _NEXT_STEP
            case AnswerReset():
                return self._voided()
            case _:
                assert_never(piece)

    def _chunk_over(self) -> bytes:
        if self._model or not self._tally.model:
            return b""
        self._model = self._tally.model
        return _chunk("message-metadata", messageMetadata={"model": self._model})

    def _end(self, outcome: StreamOutcome) -> bytes:
        if outcome.reason == "cancelled":
            return self._cancelled(outcome)
        finish = _chunk("finish", finishReason=self._finish_reason)
        return b"".join([self._close_all(), self._facts(outcome), _FINISH_STEP, finish, _DONE])

    def _cancelled(self, outcome: StreamOutcome) -> bytes:
        """The end of a cancelled answer.

        A page may go on by itself (``sendAutomaticallyWhen``) from a last step that has nothing but calls with outputs,
        and it can not tell a cancelled answer from a good one. So calls are not in the last step. The metadata makes
        the page take note of that, and tell the reader; on 7 ``interrupted`` says the same.
        """
        has_calls = self._pieces.has_calls
        closed = self._close_all()
        step = _NEXT_STEP if has_calls else b""
        abort = _chunk("abort", **({"reason": outcome.message} if outcome.message else {}))
        reason = "interrupted" if self._version == 7 else "other"
        finish = _chunk("finish", finishReason=reason, messageMetadata={"cancelled": True})
        return b"".join([closed, self._facts(outcome), step, _FINISH_STEP, abort, finish, _DONE])

    def _fail(self, failure: ErrorDocument) -> bytes:
        facts = {"code": failure.code, "status": failure.status, "message": failure.message}
        return b"".join(
            [
                self._close_all(),
                _chunk("data-error", data=facts, transient=True),
                _FINISH_STEP,
                _chunk("error", errorText=failure.message),
                _chunk("finish", finishReason="error"),
                _DONE,
            ]
        )

    @property
    def _finish_reason(self) -> str:
        reason = _FINISH.get(self._tally.kind, "other")
        return "tool-calls" if reason == "stop" and self._pieces.asked else reason

    # Text

    def _said(self, said: TextDelta) -> bytes:
        kind = "reasoning" if said.is_thought else "text"
        block, written = self._block, b""
        signed = None if said.signature is None else _google(thoughtSignature=_base64(said.signature))
        if block is None or block.kind != kind or (block.is_signed and signed is not None):
            written = self._close()
            self._blocks += 1
            block = self._block = _Block(kind, f"{kind}-{self._blocks}")
            written += _chunk(f"{kind}-start", id=block.id)
        block.is_signed = block.is_signed or signed is not None
        return written + _chunk(f"{kind}-delta", id=block.id, delta=said.text, **(signed or {}))

    def _close(self) -> bytes:
        block, self._block = self._block, None
        return b"" if block is None else _chunk(f"{block.kind}-end", id=block.id)

    def _close_all(self) -> bytes:
        """Close the block, and the call that never came to its end."""
        written, half = self._close(), self._pieces.cut()
        if half is None:
            return written
        return written + _chunk("tool-input-error", **_named(half), input=half.args, errorText=CUT)

    # Tools

    def _called(self, call: CallEnd) -> bytes:
        written = self._close()
        if call.is_begun:
            written += _chunk("tool-input-delta", toolCallId=call.id, inputTextDelta=call.rest)
        signed = {} if call.signature is None else _google(thoughtSignature=_base64(call.signature))
        return written + _available(call, call.args, signed)

    def _answered(self, answer: CallResult) -> bytes:
        if answer.error is not None:
            return _chunk("tool-output-error", toolCallId=answer.id, errorText=answer.error)
        return _chunk("tool-output-available", toolCallId=answer.id, output=answer.output)

    def _returned(self, returned: ServerToolResult) -> bytes:
        told: dict[str, Any] = {"toolCallId": returned.id, "output": returned.output, "providerExecuted": True}
        told |= {} if returned.tool_type is None else {"dynamic": True}
        told |= {} if returned.signature is None else _google(thoughtSignature=_base64(returned.signature))
        return _chunk("tool-output-available", **told) + self._signed(returned.signature)

    # Files

    def _shown(self, part: Part) -> bytes:
        written, told = self._close(), _file(part)
        if told is None:
            return written
        signed = {} if part.thought_signature is None else _google(thoughtSignature=_base64(part.thought_signature))
        if part.thought:
            if self._version == 7:
                return written + _chunk("reasoning-file", **told, **signed)
            return written + _chunk("data-reasoning-file", data=told)
        return written + _chunk("file", **told, **signed) + self._signed(part.thought_signature)

    def _signed(self, signature: bytes | None) -> bytes:
        """The signature of the part before, where this major keeps none with it."""
        if signature is None or self._version == 7:
            return b""
        return _chunk("data-signature", data={"thoughtSignature": _base64(signature)})

    # Besides

    def _voided(self) -> bytes:
        written = self._close_all()
        self._blocks = 0
        if self._version == 7:
            return written + _chunk("reset-step")
        return written + _NEXT_STEP + _chunk("data-reset", data={})

    def _facts(self, outcome: StreamOutcome) -> bytes:
        usage = TokenCount(outcome.usage or self._tally.usage)
        times = {"firstChunkSeconds": outcome.first, "seconds": outcome.seconds}
        metrics = {name: seconds for name, seconds in times.items() if seconds is not None}
        written = _chunk("data-usage", data=usage) if usage else b""
        return written + (_chunk("data-metrics", data=metrics) if metrics else b"")


class _Block:
    """A text or a thought that is being written."""

    def __init__(self, kind: str, id: str) -> None:
        self.kind = kind
        self.id = id
        self.is_signed = False


def _chunk(kind: str, **fields: Any) -> bytes:
    return event({"type": kind, **fields})


_START_STEP = _chunk("start-step")
_FINISH_STEP = _chunk("finish-step")
_NEXT_STEP = _FINISH_STEP + _START_STEP


def _available(call: CallEnd | ServerToolCall, given: Any, more: dict[str, Any]) -> bytes:
    return _chunk("tool-input-available", **_named(call), input=given, **more)


def _named(call: CallEnd | ServerToolCall) -> dict[str, Any]:
    return {"toolCallId": call.id, "toolName": call.name}


def _server_tool(ran: ServerToolCall) -> dict[str, Any]:
    about: dict[str, Any] = {}
    if ran.tool_type is not None:
        about |= {"serverToolCallId": ran.id, "serverToolType": ran.tool_type}
    if ran.signature is not None:
        about["thoughtSignature"] = _base64(ran.signature)
    dynamic = {} if ran.tool_type is None else {"dynamic": True}
    return {"providerExecuted": True, **dynamic, **(_google(**about) if about else {})}


def _google(**facts: Any) -> dict[str, Any]:
    """What the next request needs again, where @ai-sdk/google keeps it, too."""
    return {"providerMetadata": {"google": facts}}


def _file(part: Part) -> dict[str, Any] | None:
    found = file_of(part)
    return None if found is None else {"url": found[0], "mediaType": found[1]}


def _cited(source: SourceCitation) -> bytes:
    if source.url is None:
        title = source.title or ""
        return _chunk("source-document", sourceId=source.id, mediaType="application/octet-stream", title=title)
    return _chunk("source-url", sourceId=source.id, url=source.url, **({"title": source.title} if source.title else {}))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()

"""The UI message stream of the AI SDK (npm ``ai``, majors 5, 6 and 7), which ``useChat`` reads.

https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol. The page validates every chunk against a schema, and an unknown type
ends the stream with an error. So what only a later major knows is sent to the others as a ``data-`` part.
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


class AiSdk(EventEncoder):
    """Writes one answer for ``useChat`` of major ``version``.

    ``message_id`` is the id of the message. Without one, the page makes one up, or keeps that of the message which
    continues after a tool's output. Pass one if the stream can be read again, the same each time, and for a message
    that continues, its own. ``model`` is sent at the start; otherwise the API's name for it with the first chunk.
    ``before`` is what a continued message contained already, for a page that resumes it, and so starts it over.
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
        start: dict[str, Any] = {"type": "start"}
        if self._message_id is not None:
            start["messageId"] = self._message_id
        if self._model:
            start["messageMetadata"] = {"model": self._model}
        return event(start) + _START_STEP + b"".join(self._before_pieces())

    def _before_pieces(self) -> Iterator[bytes]:
        """The parts before this answer, split apart from it, so that ids in the answer do not depend on them."""
        splitter = ChunkSplitter(f"{self._message_id} before")
        for content in self._before:
            for piece in splitter.split(GenerateContentResponse(candidates=[Candidate(content=content)])):
                yield self._piece(piece)
            # Results of functions end a step: the next content is another answer of the model.
            if content.role != "model":
                yield self._close() + _NEXT_STEP

    def _piece(self, piece: Piece) -> bytes:
        match piece:
            case TextDelta():
                return self._text(piece)
            case CallStart():
                return self._close() + _chunk("tool-input-start", toolCallId=piece.id, toolName=piece.name)
            case CallDelta():
                return _chunk("tool-input-delta", toolCallId=piece.id, inputTextDelta=piece.text)
            case CallEnd():
                return self._call_end(piece)
            case CallResult():
                return self._call_result(piece)
            case ServerToolCall():
                return self._close() + _available(piece, piece.input, _server_fields(piece))
            case ServerToolResult():
                return self._server_result(piece)
            case FilePart():
                return self._file_part(piece.part)
            case SourceCitation():
                return _source(piece)
            case TurnStart():
                return self._close() + _NEXT_STEP
            case AnswerReset():
                return self._reset()
            case _:
                assert_never(piece)

    def _end_chunk(self) -> bytes:
        # The model's name may come with the first chunk only. It is sent once.
        if self._model or not self._usage.model:
            return b""
        self._model = self._usage.model
        return _chunk("message-metadata", messageMetadata={"model": self._model})

    def _end(self, outcome: StreamOutcome) -> bytes:
        if outcome.reason == "cancelled":
            return self._cancelled(outcome)
        finish = _chunk("finish", finishReason=self._finish_reason)
        return b"".join([self._close_all(), self._usage_and_metrics(outcome), _FINISH_STEP, finish, _DONE])

    def _cancelled(self, outcome: StreamOutcome) -> bytes:
        """The end of a cancelled answer.

        A page may send the next request by itself (``sendAutomaticallyWhen``) if the last step has only calls with
        outputs, and it cannot tell a cancelled answer from a finished one. So a step is added after such calls. The
        metadata lets the page show the cancellation; on 7, ``interrupted`` says the same.
        """
        has_calls = self._splitter.has_calls
        closed = self._close_all()
        step = _NEXT_STEP if has_calls else b""
        abort = _chunk("abort", **({"reason": outcome.message} if outcome.message else {}))
        reason = "interrupted" if self._version == 7 else "other"
        finish = _chunk("finish", finishReason=reason, messageMetadata={"cancelled": True})
        return b"".join([closed, self._usage_and_metrics(outcome), step, _FINISH_STEP, abort, finish, _DONE])

    def _fail(self, failure: ErrorDocument) -> bytes:
        details = {"code": failure.code, "status": failure.status, "message": failure.message}
        return b"".join(
            [
                self._close_all(),
                # The error chunk has a text only. A transient part reaches `onData` and is not kept in the message.
                _chunk("data-error", data=details, transient=True),
                _FINISH_STEP,
                _chunk("error", errorText=failure.message),
                _chunk("finish", finishReason="error"),
                _DONE,
            ]
        )

    @property
    def _finish_reason(self) -> str:
        # Gemini says STOP for calls, too; the AI SDK has a reason of its own for calls that the page has to run.
        reason = _finish_reason(self._usage.kind)
        return "tool-calls" if reason == "stop" and self._splitter.pending_calls else reason

    # Text

    def _text(self, delta: TextDelta) -> bytes:
        kind = "reasoning" if delta.is_thought else "text"
        block, written = self._block, b""
        signed = None if delta.signature is None else _google(thoughtSignature=_base64(delta.signature))
        # The page keeps one signature per block, so a second one starts another block.
        if block is None or block.kind != kind or (block.is_signed and signed is not None):
            written = self._close()
            self._blocks += 1
            block = self._block = _Block(kind, f"{kind}-{self._blocks}")
            written += _chunk(f"{kind}-start", id=block.id)
        block.is_signed = block.is_signed or signed is not None
        return written + _chunk(f"{kind}-delta", id=block.id, delta=delta.text, **(signed or {}))

    def _close(self) -> bytes:
        block, self._block = self._block, None
        return b"" if block is None else _chunk(f"{block.kind}-end", id=block.id)

    def _close_all(self) -> bytes:
        """Close the block and an incomplete call."""
        written, partial = self._close(), self._splitter.take_partial_call()
        if partial is None:
            return written
        return written + _chunk("tool-input-error", **_call_fields(partial), input=partial.args, errorText=CUT)

    # Tools

    def _call_end(self, call: CallEnd) -> bytes:
        written = self._close()
        if call.is_begun:
            written += _chunk("tool-input-delta", toolCallId=call.id, inputTextDelta=call.rest)
        signed = {} if call.signature is None else _google(thoughtSignature=_base64(call.signature))
        return written + _available(call, call.args, signed)

    def _call_result(self, answer: CallResult) -> bytes:
        if answer.error is not None:
            return _chunk("tool-output-error", toolCallId=answer.id, errorText=answer.error)
        return _chunk("tool-output-available", toolCallId=answer.id, output=answer.output)

    def _server_result(self, returned: ServerToolResult) -> bytes:
        fields: dict[str, Any] = {"toolCallId": returned.id, "output": returned.output, "providerExecuted": True}
        fields |= {} if returned.tool_type is None else {"dynamic": True}
        fields |= {} if returned.signature is None else _google(thoughtSignature=_base64(returned.signature))
        return _chunk("tool-output-available", **fields) + self._signature(returned.signature)

    # Files

    def _file_part(self, part: Part) -> bytes:
        written, file = self._close(), _file(part)
        if file is None:
            return written
        signed = {} if part.thought_signature is None else _google(thoughtSignature=_base64(part.thought_signature))
        # Only 7 knows files in reasoning; elsewhere a plain file part would look like part of the answer.
        if part.thought:
            if self._version == 7:
                return written + _chunk("reasoning-file", **file, **signed)
            return written + _chunk("data-reasoning-file", data=file)
        return written + _chunk("file", **file, **signed) + self._signature(part.thought_signature)

    def _signature(self, signature: bytes | None) -> bytes:
        """The signature of the part before, for majors whose parts cannot have one."""
        if signature is None or self._version == 7:
            return b""
        return _chunk("data-signature", data={"thoughtSignature": _base64(signature)})

    # Reset, usage and metrics

    def _reset(self) -> bytes:
        # On 7 the page itself removes the parts of the step. On 5 and 6 a marker says where the answer starts over, and
        # pages that know it hide what is before.
        written = self._close_all()
        self._blocks = 0
        if self._version == 7:
            return written + _chunk("reset-step")
        return written + _NEXT_STEP + _chunk("data-reset", data={})

    def _usage_and_metrics(self, outcome: StreamOutcome) -> bytes:
        usage = TokenCount(outcome.usage or self._usage.usage)
        times = {"firstChunkSeconds": outcome.first, "seconds": outcome.seconds}
        metrics = {name: seconds for name, seconds in times.items() if seconds is not None}
        written = _chunk("data-usage", data=usage) if usage else b""
        return written + (_chunk("data-metrics", data=metrics) if metrics else b"")


class _Block:
    """A text or thought that is being written."""

    def __init__(self, kind: str, id: str) -> None:
        self.kind = kind
        self.id = id
        self.is_signed = False


def _chunk(kind: str, **fields: Any) -> bytes:
    return event({"type": kind, **fields})


_START_STEP = _chunk("start-step")
_FINISH_STEP = _chunk("finish-step")
_NEXT_STEP = _FINISH_STEP + _START_STEP


def _available(call: CallEnd | ServerToolCall, args: Any, fields: dict[str, Any]) -> bytes:
    return _chunk("tool-input-available", **_call_fields(call), input=args, **fields)


def _call_fields(call: CallEnd | ServerToolCall) -> dict[str, Any]:
    return {"toolCallId": call.id, "toolName": call.name}


def _server_fields(ran: ServerToolCall) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if ran.tool_type is not None:
        metadata |= {"serverToolCallId": ran.id, "serverToolType": ran.tool_type}
    if ran.signature is not None:
        metadata["thoughtSignature"] = _base64(ran.signature)
    dynamic = {} if ran.tool_type is None else {"dynamic": True}
    return {"providerExecuted": True, **dynamic, **(_google(**metadata) if metadata else {})}


def _google(**fields: Any) -> dict[str, Any]:
    """What the next request needs, in the place where @ai-sdk/google has it, too."""
    return {"providerMetadata": {"google": fields}}


def _file(part: Part) -> dict[str, Any] | None:
    file = file_of(part)
    return None if file is None else {"url": file[0], "mediaType": file[1]}


def _source(source: SourceCitation) -> bytes:
    # source-url requires a URL; documents of a corpus often have none.
    if source.url is None:
        title = source.title or ""
        return _chunk("source-document", sourceId=source.id, mediaType="application/octet-stream", title=title)
    return _chunk("source-url", sourceId=source.id, url=source.url, **({"title": source.title} if source.title else {}))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _finish_reason(kind: EndingKind) -> str:
    """The AI SDK's ``FinishReason`` for an ending."""
    match kind:
        case EndingKind.FINISHED | EndingKind.STOP_SEQUENCE:
            return "stop"
        case EndingKind.MAX_TOKENS | EndingKind.TRUNCATED:
            return "length"
        case EndingKind.BLOCKED:
            return "content-filter"
        case EndingKind.MALFORMED_CALL:
            return "error"
        case EndingKind.STALLED | EndingKind.INTERRUPTED | EndingKind.CANCELLED | EndingKind.FAILED:
            return "other"
        case _:
            assert_never(kind)

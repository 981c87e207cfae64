"""The events of AG-UI (https://docs.ag-ui.com, protocol 1.0), which CopilotKit and ``@ag-ui/client`` read."""

from __future__ import annotations

from typing import Any, assert_never

import msgspec

from headwater.protocols.base import EventEncoder, StreamOutcome, event
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
from headwater.protocols.tool_names import signature_value
from headwater.protocols.usage import TokenCount
from headwater.types import Part

VERSION = "1.0"


class AgUi(EventEncoder):
    """Writes one run, with the ids of its ``RunAgentInput``. Message ids are derived from ``run_id``.

    What AG-UI has no event for is sent as ``CUSTOM``: ``file``, ``source``, ``usage``, ``metrics`` and ``reset`` (the
    messages with these ids are void).
    """

    def __init__(self, *, thread_id: str, run_id: str, model: str = "") -> None:
        super().__init__(seed=run_id)
        self._ids = {"threadId": thread_id, "runId": run_id}
        self._run_id = run_id
        self._model = model
        self._count = 0
        self._open: tuple[str, str] | None = None  # kind and id of the message that is being written
        self._last_text: str | None = None  # the message of this turn that its calls belong to
        self._message_ids: list[str] = []  # message ids since the last turn, which a reset voids

    def _begin(self) -> bytes:
        return _event("RUN_STARTED", **self._ids, protocolVersion=VERSION)

    def _piece(self, piece: Piece) -> bytes:
        match piece:
            case TextDelta():
                return self._text(piece)
            case CallStart():
                return self._close() + self._start(piece)
            case CallDelta():
                return _event("TOOL_CALL_ARGS", toolCallId=piece.id, delta=piece.text)
            case CallEnd():
                return self._call_end(piece)
            case CallResult():
                output = piece.output if piece.error is None else {"error": piece.error}
                return self._close() + self._result(piece.id, output)
            case ServerToolCall():
                arguments = msgspec.json.encode(piece.input).decode()
                return self._call_end(CallEnd(piece.id, piece.name, {}, arguments, piece.signature))
            case ServerToolResult():
                return self._close() + self._result(piece.id, piece.output)
            case FilePart():
                return _file(piece.part)
            case SourceCitation():
                return _custom("source", {"id": piece.id, "url": piece.url, "title": piece.title})
            case TurnStart():
                return self._turn()
            case AnswerReset():
                return self._reset()
            case _:
                assert_never(piece)

    def _end(self, outcome: StreamOutcome) -> bytes:
        usage = TokenCount(outcome.usage or self._usage.usage)
        times = {"firstChunkSeconds": outcome.first, "seconds": outcome.seconds}
        metrics = {name: seconds for name, seconds in times.items() if seconds is not None}
        written = [self._close_all()]
        written += [_custom("usage", usage)] if usage else []
        written += [_custom("metrics", metrics)] if metrics else []
        fields: dict[str, Any] = {"usage": [self._provider | usage]} if usage else {}
        if outcome.reason == "cancelled":
            fields["outcome"] = {"type": "cancelled"}
        else:
            fields["result"] = {"finishReason": self._usage.finish_reason}
        return b"".join([*written, _event("RUN_FINISHED", **self._ids, **fields)])

    def _fail(self, failure: ErrorDocument) -> bytes:
        usage = TokenCount(self._usage.usage)
        fields = {"usage": [self._provider | usage]} if usage else {}
        return self._close_all() + _event("RUN_ERROR", message=failure.message, code=failure.status, **fields)

    @property
    def _provider(self) -> dict[str, Any]:
        model = self._usage.model or self._model
        return {"provider": "google", **({"model": model} if model else {})}

    # Text

    def _text(self, delta: TextDelta) -> bytes:
        kind, written = ("reasoning" if delta.is_thought else "text"), b""
        # A message is either text or reasoning; AG-UI has different events for the two.
        if self._open is None or self._open[0] != kind:
            written = self._close()
            self._open = (kind, self._new_id())
            written += self._open_message(*self._open)
        message = self._open[1]
        # The schema of AG-UI refuses an empty delta.
        if delta.text:
            written += _event(_MESSAGE[kind] + "_CONTENT", messageId=message, delta=delta.text)
        # The value belongs to the finished message, so that is closed first.
        if delta.signature is not None:
            written += self._close() + _encrypted("message", message, delta.signature)
        return written

    def _open_message(self, kind: str, id: str) -> bytes:
        if kind == "text":
            self._last_text = id
            return _event("TEXT_MESSAGE_START", messageId=id, role="assistant")
        start = _event("REASONING_START", messageId=id)
        return start + _event("REASONING_MESSAGE_START", messageId=id, role="reasoning")

    def _close(self) -> bytes:
        opened, self._open = self._open, None
        if opened is None:
            return b""
        kind, message = opened
        end = _event(_MESSAGE[kind] + "_END", messageId=message)
        return end if kind == "text" else end + _event("REASONING_END", messageId=message)

    def _close_all(self) -> bytes:
        """Close the message and an incomplete call, whose arguments then end in the middle."""
        written, partial = self._close(), self._splitter.take_partial_call()
        return written if partial is None else written + _event("TOOL_CALL_END", toolCallId=partial.id)

    def _new_id(self) -> str:
        self._count += 1
        message = f"{self._run_id}-{self._count}"
        self._message_ids.append(message)
        return message

    # Tools

    def _start(self, call: CallStart | CallEnd) -> bytes:
        # AG-UI attaches calls to a message. A turn without text gets the id of one that is never opened.
        if self._last_text is None:
            self._last_text = self._new_id()
        ids = {"toolCallId": call.id, "parentMessageId": self._last_text}
        return _event("TOOL_CALL_START", **ids, toolCallName=call.name)

    def _call_end(self, call: CallEnd) -> bytes:
        written = self._close() if call.is_begun else self._close() + self._start(call)
        written += _event("TOOL_CALL_ARGS", toolCallId=call.id, delta=call.rest)
        written += _event("TOOL_CALL_END", toolCallId=call.id)
        return written if call.signature is None else written + _encrypted("tool-call", call.id, call.signature)

    def _result(self, id: str, output: Any) -> bytes:
        content = output if isinstance(output, str) else msgspec.json.encode(output).decode()
        # Calls after a result belong to the next message of the model.
        self._last_text = None
        return _event("TOOL_CALL_RESULT", messageId=self._new_id(), toolCallId=id, content=content, role="tool")

    # Turns

    def _turn(self) -> bytes:
        # A restart of the next answer does not void the messages of this one.
        self._last_text = None
        self._message_ids = []
        return self._close()

    def _reset(self) -> bytes:
        written, voided = self._close_all(), self._message_ids
        self._message_ids, self._last_text = [], None
        return written + _custom("reset", {"messageIds": voided})


_MESSAGE = {"text": "TEXT_MESSAGE", "reasoning": "REASONING_MESSAGE"}


def _event(kind: str, **fields: Any) -> bytes:
    return event({"type": kind, **fields})


def _custom(name: str, value: Any) -> bytes:
    return _event("CUSTOM", name=name, value=value)


def _encrypted(kind: str, id: str, signature: bytes) -> bytes:
    """A thought signature, which the next request needs: clients keep it with the message or the call."""
    return _event("REASONING_ENCRYPTED_VALUE", subtype=kind, entityId=id, encryptedValue=signature_value(signature))


def _file(part: Part) -> bytes:
    file = None if part.thought else file_of(part)
    return b"" if file is None else _custom("file", {"url": file[0], "mediaType": file[1]})

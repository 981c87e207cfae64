"""Reads an answer's message from its log: what there is so far, or all of it and its end."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from headwater.contract.streams import StreamEnding
from headwater.core.answer.fold import Fold
from headwater.errors import UnknownStreamError
from headwater.log.base import PAGE_RECORDS, Log
from headwater.server.chats.model import Message
from headwater.server.http.errors import server_error
from headwater.server.streams import record_format
from headwater.server.streams.log_keys import header_of
from headwater.server.streams.protocol_encoding import read_chunk
from headwater.server.streams.record_format import CHUNK, END, ERROR


async def read_answer(log: Log, message: Message) -> Message:
    """Return a running message as the log of its stream has it now.

    Raises:
        LogError: if the log cannot be read.
    """
    fold = _AnswerFold()
    try:
        after = await _first_event(log, message.stream or "")
        start = after
        while True:
            page = await log.read(message.stream or "", after)
            for record in page.records:
                fold.take(record)
            after = page.next
            await asyncio.sleep(0)  # a log that never makes its readers wait would have a long answer stop all others
            if page.is_end or len(page.records) < PAGE_RECORDS:
                return fold.message(message, after - start, is_end=page.is_end)
    except UnknownStreamError:  # dropped by retention, or the store was lost, before the end was saved
        error = server_error(404, "NOT_FOUND", "FORGOTTEN", "the server no longer has the rest of this answer")
        fold.error = msgspec.json.decode(record_format.error_body(error))
        return fold.message(message, 0, is_end=True)


async def has_ended(log: Log, message: Message) -> bool:
    """Return whether the stream of a running message has ended, without reading it.

    Raises:
        LogError: if the log cannot be read.
    """
    try:
        return (await log.state(message.stream or "")).is_sealed
    except UnknownStreamError:
        return True


async def _first_event(log: Log, name: str) -> int:
    """The number of records before the first event of a stream."""
    head = await header_of(log, name)
    if head is None:
        raise UnknownStreamError("there is no such stream")
    return head.start


class _AnswerFold:
    """Folds the records of an answer into its message."""

    def __init__(self) -> None:
        self._fold = Fold()
        self._ending: StreamEnding | None = None
        self.error: dict[str, Any] | None = None

    def take(self, record: bytes) -> None:
        if record[0] == CHUNK:
            self._fold.add(read_chunk(record[1:]))
        elif record[0] == ERROR:
            self.error = msgspec.json.decode(record[1:])
        elif record[0] == END:
            self._ending = msgspec.json.decode(record[1:], type=StreamEnding)

    def message(self, running: Message, count: int, *, is_end: bool) -> Message:
        """Return the message, which has the first ``count`` events of its stream."""
        answer = msgspec.to_builtins(self._fold.response)
        candidate = (answer.get("candidates") or [{}])[0]
        content = candidate.get("content") or {}
        # A continued answer has contents from before; its stream has only what is new.
        contents = [*running.contents, *([{"role": "model", **content}] if content.get("parts") else [])]
        # A blocked prompt has no candidate, so its block reason takes the place of the finish reason.
        blocked = (answer.get("promptFeedback") or {}).get("blockReason")
        message = msgspec.structs.replace(
            running,
            contents=contents,
            finish_reason=candidate.get("finishReason") or blocked,
            usage=answer.get("usageMetadata"),
        )
        return self._end(message) if is_end else msgspec.structs.replace(message, next=count)

    def _end(self, message: Message) -> Message:
        ending = self._ending
        if self.error is not None:  # what there is of the answer stays
            return msgspec.structs.replace(message, state="failed", error=self.error.get("error", self.error))
        metrics = {"first_chunk": ending and ending.first_chunk, "seconds": ending and ending.seconds}
        metrics = {name: seconds for name, seconds in metrics.items() if seconds is not None}
        is_stopped = ending is not None and ending.reason == "cancelled"
        usage = message.usage or (ending.usage if ending is not None else None)
        return msgspec.structs.replace(
            message, state="stopped" if is_stopped else "done", metrics=metrics or None, usage=usage
        )

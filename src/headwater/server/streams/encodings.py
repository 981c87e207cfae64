"""Encodings: from records to the bytes that one kind of reader gets. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from headwater.contract.streams import CHUNK_EVENT, END_EVENT, FAILED_EVENT
from headwater.core.wire import sse
from headwater.protocols.base import one_line
from headwater.server.http.responses import JSON
from headwater.server.streams.record_format import CHUNK, END, ERROR, HEAD, REQUEST

#: Keeps a connection alive. Clients of Gemini ignore a blank line, while many fail on an SSE comment.
KEEP_ALIVE = b"\r\n"
# Records that most readers do not get: the end of their body is the end.
_SILENT = (HEAD, REQUEST, END)
_EVENTS = {CHUNK: CHUNK_EVENT.encode(), ERROR: FAILED_EVENT.encode(), END: END_EVENT.encode()}


class ResponseEncoding(Protocol):
    """How one answer is written into the body of a response. Lives as long as the response."""

    content_type: bytes
    #: Headers in addition to those of every stream.
    headers: Sequence[tuple[bytes, bytes]]
    #: Whether the response is sent at the end of the answer, so that its status can be that of an error.
    is_unary: bool
    #: Whether status and headers are sent before the first record, so that an error is an event and not a status.
    headers_first: bool
    #: What is sent while there is nothing to say. Empty where a blank line would become a part of the answer.
    keep_alive: bytes

    def error_in(self, record: bytes) -> bytes | None:
        """Return the error that the first record is, in Google's format; None if it is not one.

        The answer then is a refusal with an HTTP status. Not asked where headers come first.
        """

    def encode(self, records: Sequence[bytes]) -> bytes:
        """Return the next bytes of the body."""

    def end(self) -> bytes:
        """Return the bytes that close the body."""

    def interrupt(self) -> bytes:
        """Return the bytes that close the body of a reader that is disconnected before the end."""

    def refusal(self, body: bytes) -> bytes:
        """Return the whole body of an answer that failed before its first chunk."""


class _BaseEncoding:
    """What encodings without bytes of their own have in common."""

    headers: Sequence[tuple[bytes, bytes]] = ()
    keep_alive = KEEP_ALIVE

    def error_in(self, record: bytes) -> bytes | None:
        """Return the error that ended the answer."""
        return record[1:] if is_error(record) else None

    def end(self) -> bytes:
        """Return nothing."""
        return b""

    def interrupt(self) -> bytes:
        """Return nothing: the reader notices that the end is missing."""
        return b""

    def refusal(self, body: bytes) -> bytes:
        """Return the error as it is."""
        return body


class EventEncoding(_BaseEncoding):
    """Server-sent events as Google sends them: chunks and errors. The end of the body is the end."""

    content_type = b"text/event-stream"
    is_unary = False
    headers_first = False

    def encode(self, records: Sequence[bytes]) -> bytes:
        """Return an event for each record."""
        return sse_frames(records)


class ArrayEncoding(_BaseEncoding):
    """The elements of one JSON array, which the API sends without ``alt=sse``."""

    content_type = JSON
    is_unary = False
    headers_first = False

    def __init__(self) -> None:
        self._separator = b"["

    def encode(self, records: Sequence[bytes]) -> bytes:
        """Return the next elements."""
        pieces: list[bytes] = []
        for record in records:
            if record[0] not in _SILENT:
                # The opening bracket is the first separator.
                pieces += (self._separator, record[1:])
                self._separator = b",\r\n"
        return b"".join(pieces)

    def end(self) -> bytes:
        """Return the bytes that close the array."""
        return b"]" if self._separator != b"[" else b"[]"

    def refusal(self, body: bytes) -> bytes:
        """Return the error as the one element of the array."""
        return b"[" + body + b"]"


class NumberedEncoding(_BaseEncoding):
    """Server-sent events for readers that may reconnect: ``id`` counts them from ``after``, ``event`` is their type.

    ``chunk`` as the API has it; ``failed``, an error in Google's shape; ``end``. One of the last two comes last.
    """

    content_type = b"text/event-stream"
    is_unary = False
    headers_first = True

    def __init__(self, after: int = 0) -> None:
        self._count = after

    def encode(self, records: Sequence[bytes]) -> bytes:
        """Return the next events."""
        pieces: list[bytes] = []
        for number, record in enumerate(records, self._count + 1):
            pieces.append(b"id: %d\r\nevent: %b\r\n" % (number, _EVENTS[record[0]]))
            pieces.append(sse.encode(one_line(record[1:])))
        self._count += len(records)
        return b"".join(pieces)


class WholeEncoding(_BaseEncoding):
    """One JSON document: the only chunk of the answer."""

    content_type = JSON
    is_unary = True
    headers_first = False

    def encode(self, records: Sequence[bytes]) -> bytes:
        """Return the chunk. An answer without one is an empty response."""
        return next((record[1:] for record in records if is_chunk(record)), b"{}")


def sse_frames(records: Sequence[bytes]) -> bytes:
    """Return records as server-sent events."""
    return b"".join([sse.encode(one_line(record[1:])) for record in records if record[0] not in _SILENT])


def is_chunk(record: bytes) -> bool:
    """Return whether a record is a chunk, and not an end."""
    return record[0] == CHUNK


def is_error(record: bytes) -> bool:
    """Return whether a record is the error that ended an answer."""
    return record[0] == ERROR

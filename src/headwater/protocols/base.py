"""``Encoder``: writes one answer in a front end's protocol; and ``EventEncoder``, the base of the built-in ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Protocol

import msgspec

from headwater.core.wire import sse
from headwater.protocols.error_documents import ErrorDocument
from headwater.protocols.events import Piece, TurnStart
from headwater.protocols.splitter import ChunkSplitter
from headwater.protocols.usage import UsageCounter
from headwater.types import GenerateContentResponse, UsageMetadata

#: The headers of every event stream: no proxy may store it, transform it or buffer it (RFC 9111, 5.2.2; nginx).
EVENT_STREAM: Mapping[str, str] = MappingProxyType(
    {
        "content-type": "text/event-stream",
        "cache-control": "no-cache, no-store, no-transform",
        "x-accel-buffering": "no",
    }
)


class StreamOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer ended that did not fail, and its metrics.

    ``message`` is the reason given for a cancellation. ``usage`` is set if it counts more than the chunks show: an
    answer may take several requests. ``first`` and ``seconds`` are the times to the first chunk and to the end.
    """

    reason: Literal["finished", "cancelled"] = "finished"
    message: str = ""
    usage: UsageMetadata | None = None
    first: float | None = None
    seconds: float | None = None


class Encoder(Protocol):
    """Writes one answer as the bytes of a response. One instance per answer; never blocks.

    Everything is written once: after ``end`` or ``fail`` every method returns nothing.
    """

    #: The headers of the response, with lower-case names.
    headers: ClassVar[Mapping[str, str]]

    def begin(self) -> bytes:
        """Return what precedes the first chunk. Whichever method is called first writes it."""

    def chunk(self, chunk: GenerateContentResponse) -> bytes:
        """Return the encoding of a chunk, which may be empty."""

    def end(self, outcome: StreamOutcome | None = None) -> bytes:
        """Return the end of an answer that finished or was cancelled. Closes what is open first."""

    def fail(self, error: Exception | bytes) -> bytes:
        """Return the end of an answer that failed: by an exception, or an error as JSON in Google's format."""


class EventEncoder(ABC):
    """The base of the built-in encoders: the order of calls, splitting of chunks, usage."""

    headers: ClassVar[Mapping[str, str]] = EVENT_STREAM

    def __init__(self, *, seed: str = "") -> None:
        self._splitter = ChunkSplitter(seed)
        self._usage = UsageCounter()
        self._has_begun = False
        self._is_finished = False

    def begin(self) -> bytes:
        """Return what precedes the first chunk. Whichever method is called first writes it."""
        if self._has_begun:
            return b""
        self._has_begun = True
        return self._begin()

    def chunk(self, chunk: GenerateContentResponse) -> bytes:
        """Return the encoding of a chunk, which may be empty."""
        if self._is_finished:
            return b""
        # A turn starts before its first chunk is counted: the tokens of that chunk belong to the new turn.
        written = [self.begin()]
        for piece in self._splitter.split(chunk):
            if isinstance(piece, TurnStart):
                self._usage.start_turn()
            written.append(self._piece(piece))
        self._usage.add(chunk)
        return b"".join([*written, self._end_chunk()])

    def end(self, outcome: StreamOutcome | None = None) -> bytes:
        """Return the end of an answer that finished or was cancelled. Closes what is open first."""
        if self._is_finished:
            return b""
        outcome = outcome or StreamOutcome()
        written = [self.begin()]
        if outcome.reason == "finished":  # a cancelled call is incomplete, and must not look whole
            written += [self._piece(piece) for piece in self._splitter.finish()]
        self._is_finished = True
        return b"".join([*written, self._end(outcome)])

    def fail(self, error: Exception | bytes) -> bytes:
        """Return the end of an answer that failed: by an exception, or an error as JSON in Google's format."""
        if self._is_finished:
            return b""
        # An error before the first chunk still needs the beginning: readers expect it first.
        begun = self.begin()
        self._is_finished = True
        return begun + self._fail(ErrorDocument.of(error))

    @abstractmethod
    def _begin(self) -> bytes: ...

    @abstractmethod
    def _piece(self, piece: Piece) -> bytes: ...

    @abstractmethod
    def _end(self, outcome: StreamOutcome) -> bytes: ...

    @abstractmethod
    def _fail(self, failure: ErrorDocument) -> bytes: ...

    def _end_chunk(self) -> bytes:
        return b""


def event(document: Any) -> bytes:
    """Return a JSON document as one event."""
    return b"data: %b\n\n" % one_line(msgspec.json.encode(document))


def named_event(data: bytes, *, type: str = "", id: str = "") -> bytes:
    """Return one event with its type and id.

    Lines end in LF, here and above: the parser of ``@ag-ui/client`` accepts no other ending, nor do many hand-written
    ones, although SSE allows CRLF.
    """
    return sse.encode(data, type=type, id=id).replace(b"\r\n", b"\n")


def one_line(data: bytes) -> bytes:
    """Escape the characters in JSON that some parsers take for line endings: U+2028, U+2029, U+0085."""
    if b"\xe2\x80\xa8" in data or b"\xe2\x80\xa9" in data or b"\xc2\x85" in data:
        data = data.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
        data = data.replace(b"\xc2\x85", b"\\u0085")
    return data

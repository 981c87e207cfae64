"""The ``Encoder``: how a protocol writes one answer as bytes; and what all encoders have in common."""

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

#: The headers of every event stream: nothing on the way may keep it, change it, or hold it back.
EVENT_STREAM: Mapping[str, str] = MappingProxyType(
    {
        "content-type": "text/event-stream",
        "cache-control": "no-cache, no-store, no-transform",
        "x-accel-buffering": "no",
    }
)


class StreamOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer ended that did not fail, and what was measured of it.

    ``message`` is the reason that was given for a cancel. ``usage`` counts more than the encoder saw, where the answer
    took several requests. ``first`` and ``seconds`` are the times to the first chunk and to the end.
    """

    reason: Literal["finished", "cancelled"] = "finished"
    message: str = ""
    usage: UsageMetadata | None = None
    first: float | None = None
    seconds: float | None = None


class Encoder(Protocol):
    """Writes one answer as the bytes of a response. Lives as long as the answer, and never waits.

    Everything is written once: after ``end`` or ``fail`` nothing more comes, whatever is called.
    """

    #: What the response has to say about its body, lower-case names.
    headers: ClassVar[Mapping[str, str]]

    def begin(self) -> bytes:
        """Return what comes before the first chunk. What is called first writes it, too."""

    def chunk(self, chunk: GenerateContentResponse) -> bytes:
        """Return what a chunk says; maybe nothing."""

    def end(self, outcome: StreamOutcome | None = None) -> bytes:
        """Return the end of an answer that finished, or was cancelled. What is open is closed first."""

    def fail(self, error: Exception | bytes) -> bytes:
        """Return the end of an answer that failed, with an exception or the JSON of an error as Google writes it."""


class EventEncoder(ABC):
    """What the encoders of this package share: their order, and the account of the answer."""

    headers: ClassVar[Mapping[str, str]] = EVENT_STREAM

    def __init__(self, *, seed: str = "") -> None:
        self._pieces = ChunkSplitter(seed)
        self._tally = UsageCounter()
        self._has_begun = False
        self._is_over = False

    def begin(self) -> bytes:
        """Return what comes before the first chunk. What is called first writes it, too."""
        if self._has_begun:
            return b""
        self._has_begun = True
        return self._begin()

    def chunk(self, chunk: GenerateContentResponse) -> bytes:
        """Return what a chunk says; maybe nothing."""
        if self._is_over:
            return b""
        written = [self.begin()]
        for piece in self._pieces.of(chunk):
            if isinstance(piece, TurnStart):
                self._tally.turn()
            written.append(self._piece(piece))
        self._tally.add(chunk)
        return b"".join([*written, self._chunk_over()])

    def end(self, outcome: StreamOutcome | None = None) -> bytes:
        """Return the end of an answer that finished or was cancelled. What is open is closed first."""
        if self._is_over:
            return b""
        outcome = outcome or StreamOutcome()
        written = [self.begin()]
        if outcome.reason == "finished":
            written += [self._piece(piece) for piece in self._pieces.finish()]
        self._is_over = True
        return b"".join([*written, self._end(outcome)])

    def fail(self, error: Exception | bytes) -> bytes:
        """Return the end of an answer that failed, with an exception or the JSON of an error as Google writes it."""
        if self._is_over:
            return b""
        begun = self.begin()
        self._is_over = True
        return begun + self._fail(ErrorDocument.of(error))

    @abstractmethod
    def _begin(self) -> bytes: ...

    @abstractmethod
    def _piece(self, piece: Piece) -> bytes: ...

    @abstractmethod
    def _end(self, outcome: StreamOutcome) -> bytes: ...

    @abstractmethod
    def _fail(self, failure: ErrorDocument) -> bytes: ...

    def _chunk_over(self) -> bytes:
        return b""


def event(document: Any) -> bytes:
    """Return a JSON document as one event."""
    return b"data: %b\n\n" % one_line(msgspec.json.encode(document))


def named_event(data: bytes, *, type: str = "", id: str = "") -> bytes:
    """Return one event with its type and id.

    Lines end in LF, here and above: the reader of ``@ag-ui/client`` knows no other end, nor do many of people's own.
    """
    return sse.encode(data, type=type, id=id).replace(b"\r\n", b"\n")


def one_line(data: bytes) -> bytes:
    """Return JSON without the characters that some readers take for the end of a line: U+2028, U+2029, U+0085."""
    if b"\xe2\x80\xa8" in data or b"\xe2\x80\xa9" in data or b"\xc2\x85" in data:
        data = data.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
        data = data.replace(b"\xc2\x85", b"\\u0085")
    return data

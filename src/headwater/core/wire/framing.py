"""``Framing``: from the bytes of a body to the documents in it."""

from __future__ import annotations

from typing import Protocol

from headwater.core.wire import sse
from headwater.core.wire.json_stream import Splitter
from headwater.errors import WireError

_BOM = b"\xef\xbb\xbf"
#: White space may precede the first document; more of it than this is an event stream that is kept alive.
_DETECT_BYTES = 4096


class Framing(Protocol):
    """Cuts one body into documents. Lives as long as the body.

    ``ends_with_body`` says whether the end of the body alone shows that the answer is complete.
    """

    ends_with_body: bool

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the documents that ``piece`` completes."""

    def flush(self) -> list[bytes]:
        """Return what the end of the body completes."""

    @property
    def leftover(self) -> bytes:
        """After the end: what was not a document, or an incomplete one (its first 200 bytes)."""


class SingleDocument:
    """The body is one document: unary answers and errors."""

    ends_with_body = True
    leftover = b""

    def __init__(self, *, limit: int = sse.MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Keep ``piece``.

        Raises:
            WireError: if the body is larger than the limit.
        """
        self._size += len(piece)
        if self._size > self._limit:
            raise WireError(f"the answer is larger than the limit of {self._limit:,} bytes")
        self._pieces.append(piece)
        return []

    def flush(self) -> list[bytes]:
        """Return the body."""
        return [b"".join(self._pieces)]


class DocumentStream:
    """The body is a stream of documents: JSON if it begins with a bracket, else SSE.

    Inside SSE, lines of bare JSON are documents too, because some errors arrive that way; ``[DONE]`` and empty events
    are ignored.
    """

    # The first bytes tell the framing; content types are not to be trusted, because gateways rewrite them. Nothing here
    # may refer back to the object (a bound method kept in an attribute does): the buffer of a large event that was cut
    # has to go with the last reference, and not when the garbage collector happens to run.

    ends_with_body = False

    def __init__(self, *, limit: int = sse.MAX_EVENT_BYTES) -> None:
        self._splitter = Splitter(limit=limit)
        self._foreign = _ForeignLines(self._splitter)
        self._events = sse.Decoder(limit=limit, foreign=self._foreign)
        self._is_sse: bool | None = None  # None until it is known
        self._head = b""
        self._count = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the documents that ``piece`` completes.

        Raises:
            WireError: if one is larger than the limit.
        """
        if not self._is_sse:
            return self._detect(piece) if self._is_sse is None else self._json(piece)
        data = self._events.single(piece)
        if data is not None and data[:1] == b"{" and not self._splitter.is_open:
            self._count += 1
            return [data]
        found = self._documents(self._events.feed(piece))
        self._count += len(found)
        return found

    def flush(self) -> list[bytes]:
        """Return the document whose framing the end of the body cut off, if any."""
        if self._is_sse is None:
            return []
        found = self._documents(self._events.flush())
        self._count += len(found)
        return found

    @property
    def leftover(self) -> bytes:
        """What was not a document, or an incomplete one."""
        if self._splitter.is_open:
            return self._splitter.open_bytes[:200]
        return b"" if self._count else (self._foreign.head or bytes(self._splitter.stray))[:200]

    @staticmethod
    def _documents(events: list[sse.Event]) -> list[bytes]:
        """Return the documents in events."""
        return [event.data for event in events if event.data and event.data != b"[DONE]" and not event.data.isspace()]

    def _detect(self, piece: bytes) -> list[bytes]:
        self._head += piece
        start = self._head.removeprefix(_BOM).lstrip(b" \t\r\n")
        if len(self._head) < _DETECT_BYTES and (not start or _BOM.startswith(self._head)):
            return []
        self._is_sse = start[:1] not in (b"{", b"[")
        head, self._head = self._head, b""
        return self.feed(head)

    def _json(self, piece: bytes) -> list[bytes]:
        found = self._splitter.feed(piece)
        self._count += len(found)
        return found


class _ForeignLines:
    """Takes the lines of an event stream that are not fields: JSON, or anything else, of which ``head`` is kept."""

    def __init__(self, splitter: Splitter) -> None:
        self._splitter = splitter
        self.head = b""

    def __call__(self, line: bytes) -> list[bytes]:
        if self._splitter.is_open or line.lstrip()[:1] in (b"{", b"["):
            return self._splitter.feed(line + b"\n")
        if len(self.head) < 200:
            self.head += line + b"\n"
        return []

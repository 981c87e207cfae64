"""Server-sent events: bytes to events and events to bytes. The only place that knows ``data:``.

``Decoder`` follows the WHATWG standard (https://html.spec.whatwg.org/multipage/server-sent-events.html, sections 9.2.5
"Parsing an event stream" and 9.2.6 "Interpreting an event stream") and adds what Gemini traffic needs: ``flush``
returns the last event of a body whose final blank line is missing, and lines that are not fields are handed to
``foreign``, because an error may arrive as bare JSON between the events; what it returns becomes the data of further
events.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from headwater.errors import WireError

#: The largest event that is accepted, in bytes. A generated 4K image takes about 30 MB of base64.
MAX_EVENT_BYTES = 256 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
#: Python refuses to parse numbers of thousands of digits, and longer times than these are not meant.
_RETRY_DIGITS = 18


class Event(msgspec.Struct, frozen=True):
    """One event. ``data`` is undecoded: the reader replaces invalid UTF-8. ``id`` is the last one seen."""

    data: bytes
    type: str = "message"
    id: str = ""


class Decoder:
    """Turns the bytes of one body into events, however they are cut. Lives as long as the body.

    ``last_event_id`` is what the next request would send, and where the decoder of its response begins.
    """

    def __init__(
        self,
        *,
        limit: int = MAX_EVENT_BYTES,
        foreign: Callable[[bytes], list[bytes]] | None = None,
        last_event_id: str = "",
    ) -> None:
        self._limit = limit
        self._foreign = foreign
        self._pieces: list[bytes] = []  # of the line that has not ended
        self._held = 0  # bytes in _pieces and _data
        self._data: list[bytes] = []
        self._type = ""
        self._id = last_event_id
        self._heard: tuple[str, int | None] = (last_event_id, None)  # takes effect at the next blank line
        self._told: tuple[str, int | None] = self._heard
        self._fresh = True  # at the start, where a byte order mark is allowed
        self._after_cr = False

    @property
    def last_event_id(self) -> str:
        """The last id of an event that has ended, even if it had no data."""
        return self._told[0]

    @property
    def retry(self) -> int | None:
        """The reconnection time in milliseconds that the stream asked for, or None."""
        return self._told[1]

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that ``piece`` completes.

        Raises:
            WireError: if an event is larger than the limit.
        """
        if self._after_cr and piece:
            self._after_cr = False
            if piece[0] == 10:  # the LF of a CRLF that was cut: one line end, not two
                piece = piece[1:]
        if b"\n" not in piece and b"\r" not in piece:
            if piece:
                self._hold(piece)
            return []
        if self._pieces:
            self._held -= sum(map(len, self._pieces))
            self._pieces.append(piece)
            piece = b"".join(self._pieces)
            self._pieces.clear()
        if self._fresh:
            self._fresh = False
            piece = piece.removeprefix(_BOM)
        return self._lines(piece)

    def single(self, piece: bytes) -> bytes | None:
        """Return the data of ``piece`` if it is exactly one plain event, else None: the short way of ``feed``.

        A paced stream arrives one event at a time, and then this is most of the work of decoding.
        """
        if (
            piece.endswith(b"\r\n\r\n")
            and piece.startswith(b"data: ")
            and piece.find(b"\r") == len(piece) - 4
            and piece.find(b"\n") == len(piece) - 3
            and not (self._pieces or self._data or self._after_cr or self._fresh or self._type)
            and self._told is self._heard
        ):
            return piece[6:-4]
        return None

    def flush(self) -> list[Event]:
        """Return the event that the end of the body cut off, if any. WHATWG discards it; Gemini clients keep it."""
        events = self.feed(b"\n") if self._pieces else []
        self._after_cr = False
        return events + self.feed(b"\n")

    def _hold(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._count(len(piece))

    def _count(self, size: int) -> None:
        self._held += size
        if self._held > self._limit:
            raise WireError(f"an event of the stream is larger than the limit of {self._limit:,} bytes")

    def _lines(self, text: bytes) -> list[Event]:
        events: list[Event] = []
        start, size = 0, len(text)
        next_cr = text.find(b"\r")
        while start < size:
            if next_cr != -1 and next_cr < start:
                next_cr = text.find(b"\r", start)
            end = text.find(b"\n", start) if next_cr == -1 else text.find(b"\n", start, next_cr)
            if end == -1:
                end = next_cr
            if end == -1:
                self._hold(text[start:])
                break
            if end == start:
                self._dispatch(events)
            elif text.startswith(b"data:", start):
                first = start + 6 if text[start + 5] == 32 else start + 5
                self._data.append(text[first:end])
                self._count(end - first)
            else:
                events += self._field(text[start:end])
            start = end + 1
            if end == next_cr:
                if start == size:
                    self._after_cr = True
                elif text[start] == 10:
                    start += 1
        return events

    def _dispatch(self, events: list[Event]) -> None:
        self._told = self._heard
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            events.append(Event(data, self._type or "message", self._id))
            self._data = []
            self._held = 0
        self._type = ""

    def _field(self, line: bytes) -> list[Event]:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"":
                pass  # a comment: many servers keep connections alive with it
            case b"data":
                self._data.append(value)
                self._count(len(value))
            case b"event":
                self._type = value.decode("utf-8", "replace")
            case b"id":
                if b"\0" not in value:  # WHATWG 9.2.6: an id with NUL is ignored
                    self._id = value.decode("utf-8", "replace")
                    self._heard = (self._id, self._heard[1])
            case b"retry":
                if value.isdigit() and len(value) <= _RETRY_DIGITS:  # WHATWG 9.2.6: ASCII digits only
                    self._heard = (self._id, int(value))
            case _:
                if self._foreign is not None:
                    return self._between(self._foreign(line))
        return []

    def _between(self, found: list[bytes]) -> list[Event]:
        """Documents outside of any field end the event that was open before them."""
        events: list[Event] = []
        if found:
            self._dispatch(events)
        return events + [Event(data, "foreign") for data in found]


def encode(data: bytes, *, type: str = "", id: str = "") -> bytes:
    """Return one event as bytes, with CRLF as Google sends it; each line of ``data`` becomes a field."""
    if not type and not id and b"\n" not in data and b"\r" not in data:  # all that a relay sends
        return b"data: %b\r\n\r\n" % data
    head = (f"event: {_one_line(type)}\r\n" if type else "") + (f"id: {_one_line(id)}\r\n" if id else "")
    if b"\n" in data or b"\r" in data:
        lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        data = b"\r\ndata: ".join(lines)
    return head.encode() + b"data: " + data + b"\r\n\r\n"


def _one_line(value: str) -> str:
    if any(char in value for char in "\r\n\0"):
        raise ValueError("an event's type and id are one line without NUL")
    return value

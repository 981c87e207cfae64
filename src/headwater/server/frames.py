"""From records to the bytes that a reader of each kind gets. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.core import sse
from headwater.server.records import CHUNK, END

#: Keeps a connection alive; no client of Gemini stumbles over a blank line, as many do over an SSE comment.
KEEP_ALIVE = b"\r\n"


def sse_frames(records: Sequence[bytes]) -> bytes:
    """Return records as the events that Google would send: chunks and errors; the end is the end of the body."""
    return b"".join([sse.encode(one_line(record[1:])) for record in records if record[0] != END])


class ArrayFrames:
    """Records as the elements of one JSON array, which is what the API sends without ``alt=sse``."""

    def __init__(self) -> None:
        self._separator = b"["

    def frames(self, records: Sequence[bytes]) -> bytes:
        """Return the next elements."""
        pieces: list[bytes] = []
        for record in records:
            if record[0] != END:
                pieces += (self._separator, record[1:])
                self._separator = b",\r\n"
        return b"".join(pieces)

    def end(self) -> bytes:
        """Return what closes the array."""
        return b"]" if self._separator != b"[" else b"[]"


def one_line(data: bytes) -> bytes:
    """Return JSON without the characters that some readers take for the end of a line: U+2028, U+2029, U+0085."""
    if b"\xe2\x80\xa8" in data or b"\xe2\x80\xa9" in data or b"\xc2\x85" in data:
        data = data.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
        data = data.replace(b"\xc2\x85", b"\\u0085")
    return data


def is_chunk(record: bytes) -> bool:
    """Return whether a record is a chunk, and not an end."""
    return record[0] == CHUNK

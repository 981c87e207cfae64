"""``Splitter``: the JSON objects in a byte stream that holds one after another, or an array of them."""

from __future__ import annotations

import re

from headwater.errors import WireError

_STRUCTURE = re.compile(rb'["{}\[\]]')
_STRING_END = re.compile(rb'["\\]')
_BETWEEN = b" \t\r\n,"


class Splitter:
    r"""Cuts a body into its top-level objects, however the bytes arrive; elements of an array count as top level.

    Understands ``[{...},\\r\\n{...}]`` (the API without ``alt=sse``), objects one after another, and pretty-printed
    errors. Each byte is looked at once.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._at = 0  # the next byte to look at
        self._start = -1  # where the open object begins; -1 between objects
        self._depth = 0
        self._in_string = False
        self._escaped = False
        #: Bytes between the objects other than white space, commas and brackets.
        self.stray = bytearray()

    @property
    def is_open(self) -> bool:
        """Whether an object has begun and not ended."""
        return self._start != -1

    @property
    def open_bytes(self) -> bytes:
        """What has arrived of the open object; empty between objects."""
        return bytes(self._buffer[self._start :]) if self.is_open else b""

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the objects that ``piece`` completes.

        Raises:
            WireError: if an object is larger than the limit.
        """
        self._buffer += piece
        found: list[bytes] = []
        while self._at < len(self._buffer):
            if self._start == -1:
                self._seek()
            elif self._in_string:
                self._skip_string()
            else:
                self._walk(found)
        if self._start == -1:
            self._forget(self._at)
        elif len(self._buffer) > self._limit:
            raise WireError(f"a JSON object of the stream is larger than the limit of {self._limit:,} bytes")
        return found

    def _seek(self) -> None:
        """Advance to the next object."""
        start = self._buffer.find(b"{", self._at)
        end = start if start != -1 else len(self._buffer)
        if len(self.stray) < 4096:
            self.stray += bytes(self._buffer[self._at : end]).translate(None, _BETWEEN + b"[]")
        self._at = end
        self._start = start

    def _skip_string(self) -> None:
        if self._escaped:  # the piece before ended with a backslash
            self._escaped, self._at = False, self._at + 1
        match = _STRING_END.search(self._buffer, self._at)
        if match is None:
            self._at = len(self._buffer)
        elif match[0] == b'"':
            self._in_string, self._at = False, match.end()
        else:
            self._escaped = match.end() == len(self._buffer)
            self._at = match.end() + (not self._escaped)

    def _walk(self, found: list[bytes]) -> None:
        match = _STRUCTURE.search(self._buffer, self._at)
        if match is None:
            self._at = len(self._buffer)
            return
        self._at = match.end()
        match match[0]:
            case b'"':
                self._in_string = True
            case b"{" | b"[":
                self._depth += 1
            case _:
                self._depth -= 1
                if self._depth == 0:
                    found.append(bytes(self._buffer[self._start : self._at]))
                    self._forget(self._at)
                    self._start = -1

    def _forget(self, upto: int) -> None:
        del self._buffer[:upto]
        self._at -= upto

"""``StrictResponse``: http.client's response, as strict about chunked bodies as the parser of the async transport."""

from __future__ import annotations

import http.client
import re
import time

#: RFC 9112, section 7.1: hexadecimal digits, and what no body needs more of. ``int`` would take "-5", "0x5" and "1_0".
_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}")
#: Lines after the body. Nothing reads them, so more than a head may have is an attack.
_MAX_TRAILERS = 100
_PIECE = 65536
_MALFORMED = "the body is malformed (its chunks do not have the announced form)"


class StrictResponse(http.client.HTTPResponse):
    """A response whose chunk sizes, chunk ends and trailers have to be what RFC 9112 says.

    http.client takes negative sizes, skips what should be the end of a chunk, and reads trailers for ever.
    """

    def _read_next_chunk_size(self) -> int:
        line = self._size_line()
        if not line:
            raise http.client.IncompleteRead(b"")
        digits = line.removesuffix(b"\r\n").partition(b";")[0].rstrip(b" \t")
        if not line.endswith(b"\r\n") or not _SIZE.fullmatch(digits):
            self.close()
            raise http.client.HTTPException(_MALFORMED)
        return int(digits, 16)

    def _size_line(self) -> bytes:
        """Return the line of a chunk's size, without what a long extension has after its first 64 KiB.

        A read waits for bytes of the body, so the line as a whole has as long as one read of the socket.
        """
        first = line = self.fp.readline(_PIECE)
        if line.endswith(b"\n") or not line:
            return line
        limit = self.fp.raw._sock.gettimeout()  # type: ignore[attr-defined]  # io knows no sockets
        due = None if limit is None else time.monotonic() + limit
        while line and not line.endswith(b"\n"):
            if due is not None and time.monotonic() > due:
                raise TimeoutError("timed out in the extension of a chunk")
            line = self.fp.readline(_PIECE)
        return first + b"\r\n" if line else b""

    def _safe_read(self, amt: int) -> bytes:
        data: bytes = super()._safe_read(amt)  # type: ignore[misc]  # not in typeshed
        if amt == 2 and self.chunked and self.chunk_left == 0 and data != b"\r\n":
            self.close()
            raise http.client.HTTPException(_MALFORMED)
        return data

    def _read_and_discard_trailer(self) -> None:
        for _ in range(_MAX_TRAILERS):
            if self.fp.readline(_PIECE) in (b"\r\n", b"\n", b""):
                return
        self.close()
        raise http.client.HTTPException("too many lines after the body")

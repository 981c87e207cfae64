"""The fake Gemini API of the relay benchmark: endless streams whose every event has the time when it was sent.

    stamped-20       20 chunks per second, one write each, starting at a random phase, until the client goes away;
                     each chunk's text begins with ``@`` + the server's time.monotonic_ns() before the write + ``@``

Everything else is ``upstream.py``: 405 bytes per event, Google's framing, chunked transfer encoding.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time

from upstream import PIECE, STREAM_HEAD, Connection, Ledger, event, framed

STAMP_DIGITS = 19
MARK = "@" + "0" * STAMP_DIGITS + "@"
BEFORE, AFTER = framed(event(MARK + PIECE[len(MARK) :])).split(MARK.encode())


class StampedConnection(Connection):
    """A connection that also knows ``stamped``."""

    def _stream_stamped(self, rate: int = 20) -> None:
        self._begin_stream()
        self.transport.write(STREAM_HEAD + b"\r\n")
        self.interval = 1 / rate
        self.due = self.loop.time() + random.random() * self.interval
        self.timer = self.loop.call_at(self.due, self._send_stamped)

    def _send_stamped(self) -> None:
        self.due += self.interval
        self.timer = self.loop.call_at(self.due, self._send_stamped)
        self.transport.write(b"%b@%0*d@%b" % (BEFORE, STAMP_DIGITS, time.monotonic_ns(), AFTER))


async def serve() -> None:
    """Serve until standard input ends; the port is printed first."""
    loop = asyncio.get_running_loop()
    ledger = Ledger()
    server = await loop.create_server(lambda: StampedConnection(ledger), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve())

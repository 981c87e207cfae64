"""The WebSocket protocol class for uvicorn: its websockets-sansio protocol with time limits and strict UTF-8.

Theory of operation
-------------------

uvicorn picks the class for the upgraded connection (``ws=``). It derives from uvicorn's own, whose ``conn`` is the
state machine of the ``websockets`` package (bytes in, events and bytes out, no I/O). Four things are added.

*Fail fast on invalid UTF-8.* RFC 6455, 8.1, has an endpoint fail the connection when a text message is not UTF-8.
``websockets`` decodes whole messages; Autobahn's suite (6.4) wants 1007 as soon as a fragment shows it.
``StrictFraming.recv_frame`` decodes each frame incrementally before the parent sees it. A close frame resets
``current_size``, since an unfinished message before a close is not an error (7.1.5).

*Refuse heads that only HTTP understands.* When httptools accepts a request that websockets cannot parse, the handshake
neither starts nor fails, and the client would wait forever. After ``data_received`` such a connection gets 400 and is
closed.

*Always end.* ``transport.close()`` waits until the buffer is empty, and a client that reads nothing never empties it.
So uvicorn's ``close_timeout`` bounds the closing handshake (7.1.4), and after the application has returned, or at
shutdown, a timer aborts what is still open when the peer has had ``LINGER_SECONDS`` to read it. There is one timer, and
the last call sets it; ``connection_lost`` cancels it, so that none outlives its connection.

*Log nothing.* The parent logs heads and frames, which contain keys and prompts. So its logger is replaced before
``conn`` is used, and ``debug`` is off.

Relies on these names of uvicorn: ``handshake_initiated``, ``transport``, ``conn``, ``close_timeout``, ``run_asgi``,
``shutdown``, ``disconnected``. The tests of this room run against the installed version, so a change shows there.
"""

from __future__ import annotations

import asyncio
import codecs
import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

#: How long the peer may take to answer a close frame (seconds).
CLOSING_SECONDS = 3.0
#: How long the peer may take to read what was sent before the close (seconds).
LINGER_SECONDS = 3.0
_REFUSAL = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


_quiet = logging.getLogger("headwater.server.websocket")
_quiet.setLevel(logging.WARNING)
# uvicorn logs an error for every handshake that the application refuses with a status.
_quiet.addFilter(lambda record: "without completing handshake" not in str(record.msg))


class StrictFraming(ServerProtocol):
    """The frames of one connection, with text checked frame by frame."""

    _decoder: codecs.IncrementalDecoder | None = None

    def recv_frame(self, frame: Frame) -> None:
        """Handle a frame.

        Raises:
            UnicodeDecodeError: if a text is not UTF-8, at the first frame that shows it (close code 1007).
            ProtocolError: if websockets finds a violation (close code 1002).
        """
        # Control frames may come between fragments (RFC 6455, 5.4), so they leave the decoder alone.
        match frame.opcode:
            case Opcode.TEXT:
                self._decoder = codecs.getincrementaldecoder("utf-8")()
            case Opcode.BINARY:
                self._decoder = None
            case Opcode.CLOSE:  # an unfinished message before a close is not an error (7.1.5)
                self.current_size = None
        if self._decoder is not None and frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._decoder.decode(frame.data, frame.fin)
        super().recv_frame(frame)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection. A transport whose buffer never empties is aborted."""

    _abort_timer: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The parent logs queries, headers and messages, with keys and prompts in them.
        self.logger = _quiet
        self.conn = StrictFraming(max_size=self.config.ws_max_size, logger=_quiet)
        self.conn.debug = False

    def data_received(self, data: bytes) -> None:
        """Handle bytes. A head that HTTP accepted but websockets cannot parse is refused; it would wait forever."""
        super().data_received(data)
        # The whole head is in the first data: uvicorn writes it again from what httptools has parsed.
        if not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(_REFUSAL)
            self.transport.close()

    async def run_asgi(self) -> None:
        """Run the application, then make sure that the connection ends."""
        self.close_timeout = CLOSING_SECONDS
        try:
            await super().run_asgi()
        finally:
            self._abort_after(LINGER_SECONDS)

    def shutdown(self) -> None:
        """Close the connection because the server shuts down."""
        try:
            super().shutdown()
        except InvalidState:  # it is closing already, and the peer reads nothing
            self.transport.abort()
        else:
            self._abort_after(1.0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer."""
        super().connection_lost(exc)
        if self._abort_timer is not None:
            self._abort_timer.cancel()
        self._abort_timer = None

    def _abort_after(self, seconds: float) -> None:
        if not self.disconnected:
            if self._abort_timer is not None:
                self._abort_timer.cancel()
            self._abort_timer = self.loop.call_later(seconds, self.transport.abort)

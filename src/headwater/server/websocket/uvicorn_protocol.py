"""WebSocket as uvicorn speaks it over websockets, with what they lack: limits on who reads nothing, strict UTF-8."""

from __future__ import annotations

import asyncio
import codecs
import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

#: How long, in seconds, the other side may take to answer a close.
CLOSING = 3.0
#: How long what was sent before a close may still take to be read.
LINGER = 3.0
_REFUSAL = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


_quiet = logging.getLogger("headwater.server.websocket")
_quiet.setLevel(logging.WARNING)
# uvicorn's error for every handshake that the application refuses with a status, which is no error.
_quiet.addFilter(lambda record: "without completing handshake" not in str(record.msg))


class StrictFraming(ServerProtocol):
    """The frames of one connection, as RFC 6455 has them and Autobahn's test suite asks for them."""

    _decoder: codecs.IncrementalDecoder | None = None

    def recv_frame(self, frame: Frame) -> None:
        """Take a frame.

        Raises:
            UnicodeDecodeError: a text is not UTF-8, which is said with the first frame that shows it; code 1007.
            ProtocolError: as websockets finds; code 1002.
        """
        match frame.opcode:
            case Opcode.TEXT:
                self._decoder = codecs.getincrementaldecoder("utf-8")()
            case Opcode.BINARY:
                self._decoder = None
            case Opcode.CLOSE:  # a message that is left unfinished is no error (7.1.5)
                self.current_size = None
        if self._decoder is not None and frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._decoder.decode(frame.data, frame.fin)
        super().recv_frame(frame)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection. A transport is closed when its buffer is empty; where that never happens it is aborted."""

    _last_look: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What they would say holds the query, the headers and the messages: keys and prompts.
        self.logger = _quiet
        self.conn = StrictFraming(max_size=self.config.ws_max_size, logger=_quiet)
        self.conn.debug = False

    def data_received(self, data: bytes) -> None:
        """Read; a head that the HTTP side could read and websockets can not is refused, or it would wait for ever."""
        super().data_received(data)
        if not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(_REFUSAL)
            self.transport.close()

    async def run_asgi(self) -> None:
        """Run the application, then see to it that the connection ends."""
        self.close_timeout = CLOSING
        try:
            await super().run_asgi()
        finally:
            self._abort_after(LINGER)

    def shutdown(self) -> None:
        """Close the connection because the server ends."""
        try:
            super().shutdown()
        except InvalidState:  # it is closing already, with a buffer that is not read
            self.transport.abort()
        else:
            self._abort_after(1.0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go."""
        super().connection_lost(exc)
        if self._last_look is not None:
            self._last_look.cancel()
        self._last_look = None

    def _abort_after(self, seconds: float) -> None:
        if not self.disconnected:
            if self._last_look is not None:
                self._last_look.cancel()
            self._last_look = self.loop.call_later(seconds, self.transport.abort)

"""WebSocket as uvicorn speaks it over websockets, except that who reads nothing can not keep a socket for ever."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

#: How long, in seconds, the other side may take to answer a close.
CLOSING = 3.0
#: How long what was sent before a close may still take to be read.
LINGER = 5.0


_quiet = logging.getLogger("headwater.server.websocket")
_quiet.setLevel(logging.WARNING)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection. A transport is closed when its buffer is empty; where that never happens it is aborted."""

    _last_look: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = self.conn.logger = _quiet  # what they would say holds the query, the headers and the messages:
        self.conn.debug = False  # keys and prompts

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

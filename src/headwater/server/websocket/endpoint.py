"""The WebSocket at ``/ws``: authentication, and the end of all connections at shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headwater.errors import APIError, api_error
from headwater.server.http.access_log import REQUEST_ID, log_request, request_id
from headwater.server.http.auth import Auth
from headwater.server.http.metrics import ServerMetrics
from headwater.server.streams import record_format
from headwater.server.streams.recorder import Recorder
from headwater.server.streams.registry import StreamRegistry
from headwater.server.websocket.connection import Connection
from headwater.server.websocket.socket import MessageSocket

logger = logging.getLogger("headwater.access")

#: The subprotocol (RFC 6455, 1.9). Clients may offer it, but need not.
SUBPROTOCOL = "streamgen.v1"


class WebSocketEndpoint:
    """The ASGI application of the WebSocket. When the recorder starts to drain, every client is told to leave."""

    def __init__(
        self,
        registry: StreamRegistry,
        recorder: Recorder,
        auth: Auth,
        metrics: ServerMetrics,
        *,
        grace: float = 10.0,
    ) -> None:
        self._registry = registry
        self._draining = recorder.draining
        self._auth = auth
        self._metrics = metrics
        self._grace = grace
        self._connections: set[Connection] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._is_empty = asyncio.Event()

    def __len__(self) -> int:
        return len(self._connections)

    async def wait_closed(self, timeout: float) -> None:
        """Wait until the last connection has ended, for at most ``timeout`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._connections:
                    await self._is_empty.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        began, own_id = time.monotonic(), request_id(scope)
        await receive()  # websocket.connect
        # Refused before accepting, so that the client gets an HTTP status instead of a close code.
        try:
            principal = self._identify(HTTPConnection(scope))
        except APIError as error:
            self._metrics.refused(str(error.code))
            await _deny(error, own_id, scope, receive, send)
            log_request(scope, own_id, error.code, began)
            return
        protocol = SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None
        headers = [(REQUEST_ID, own_id.encode())]
        await send({"type": "websocket.accept", "subprotocol": protocol, "headers": headers})
        socket = MessageSocket(receive, send, self._auth.limits)
        try:
            await self._serve(Connection(socket, self._registry, self._auth, principal))
        finally:
            log_request(scope, own_id, 101, began)

    async def _serve(self, connection: Connection) -> None:
        self._watch()
        self._connections.add(connection)
        self._is_empty.clear()
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            if not self._connections:
                self._is_empty.set()

    def _identify(self, http: HTTPConnection) -> bytes | None:
        """Return the principal, or None if the key is still to be sent, with hello.

        Raises:
            APIError: if the host, the origin or the key is not allowed, or the server is shutting down.
        """
        if self._draining.is_set():
            raise api_error(503, "the server is shutting down: try again", status="UNAVAILABLE")
        # Both before the key: a page of another site must not learn whether this browser's requests would be accepted.
        self._auth.check_host(http)
        self._auth.check_origin(http)
        # Browsers always send Origin with a handshake (RFC 6455, 10.2). Cookies without one hide where they come from.
        if "cookie" in http.headers and "origin" not in http.headers:
            raise api_error(403, "a request with cookies needs an Origin header", status="PERMISSION_DENIED")
        if self._auth.needs_key and not _carries_key(http):
            return None
        return self._auth.identify(http)

    def _watch(self) -> None:
        # Started with the first connection, since there is no event loop yet when the application is built.
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._announce_shutdown())

    async def _announce_shutdown(self) -> None:
        await self._draining.wait()
        in_ms = round(self._grace * 1000)
        leaving = [connection.go_away(in_ms, "shutdown") for connection in self._connections]
        await asyncio.gather(*leaving, return_exceptions=True)


def _carries_key(http: HTTPConnection) -> bool:
    headers = http.headers
    return "x-goog-api-key" in headers or "authorization" in headers or "key" in http.query_params


async def _deny(error: APIError, own_id: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse the handshake: with a status and a body if the server can, otherwise by closing, which ASGI makes 403."""
    if "websocket.http.response" in scope.get("extensions", {}):
        headers = {REQUEST_ID.decode(): own_id}
        body = record_format.error_body(error)
        await Response(body, error.code, headers, "application/json")(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": error.message[:100]})

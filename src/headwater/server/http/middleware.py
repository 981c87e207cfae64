"""The edge, which every HTTP request passes: security headers, CORS, one line in the access log."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Collection
from typing import Any

import msgspec
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headwater.contract import headers

logger = logging.getLogger("headwater.access")

_NOTES = "headwater.notes"
_BODY = "headwater.body"
_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_REQUEST_HEADERS = (
    b"authorization, content-type, x-goog-api-client, x-goog-api-key, x-goog-user-project, x-server-timeout, "
    b"x-goog-upload-command, x-goog-upload-file-name, x-goog-upload-header-content-length, "
    b"x-goog-upload-header-content-type, x-goog-upload-offset, x-goog-upload-protocol, "
    b"if-none-match, producer-epoch, producer-id, producer-seq, stream-closed, stream-expires-at, stream-fork-offset, "
    b"stream-fork-sub-offset, stream-forked-from, stream-seq, stream-ttl, "
    + ", ".join((headers.AFTER, headers.KEEP, headers.STREAM, headers.IDEMPOTENCY_KEY, headers.LAST_EVENT_ID))
    .lower()
    .encode()
)
_RESPONSE_HEADERS = (
    b"x-goog-upload-chunk-granularity, x-goog-upload-size-received, x-goog-upload-status, x-goog-upload-url, "
    b"etag, location, producer-epoch, producer-expected-seq, producer-received-seq, producer-seq, stream-closed, "
    b"stream-cursor, stream-expires-at, stream-next-offset, stream-sse-data-encoding, stream-ttl, stream-up-to-date, "
    + headers.STREAM.lower().encode()
)


def body_sender(scope: Scope, send: Send) -> Send:
    """Return the shortest way for the body of an answer whose head has gone through ``send``.

    Starlette wraps ``send`` once in each of its middlewares to see the head go by; a body of thousands of pieces need
    not pass them all.
    """
    found: Send = scope.get(_BODY, send)
    return found


def add_log_fields(scope: Scope, **facts: str) -> None:
    """Add facts to the line that the access log will have for this request. Never a key, a prompt or an answer."""
    scope.get(_NOTES, {}).update(facts)


class EdgeMiddleware:
    """Wraps the application; what is not HTTP goes through untouched. ``origins`` are the web origins that may read."""

    def __init__(self, app: ASGIApp, *, origins: Collection[str] = ()) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = _Visit(scope, send, self._allowed(scope))
        try:
            if visit.is_preflight:
                await _answer_preflight(visit.send)
            else:
                await self._app(scope, receive, visit.send)
        finally:
            visit.log()

    def _allowed(self, scope: Scope) -> bytes | None:
        """The origin of the request, where it is one that may read the answer."""
        if not self._origins:
            return None
        origin = next((value for name, value in scope["headers"] if name == b"origin"), b"")
        return origin if origin.lower() in self._origins else None


class _Visit:
    """One request on its way through the edge."""

    def __init__(self, scope: Scope, send: Send, origin: bytes | None) -> None:
        self._scope = scope
        self._send = send
        self._origin = origin
        self._notes: dict[str, str] = {}
        self._status = 0
        self._bytes = 0
        self._began = time.monotonic()
        scope[_NOTES] = self._notes
        scope[_BODY] = self._send_body

    @property
    def is_preflight(self) -> bool:
        """Whether a browser asks, for an origin that is allowed, if it may ask."""
        is_options = self._scope["method"] == "OPTIONS" and self._origin is not None
        return is_options and "access-control-request-method" in Headers(scope=self._scope)

    async def send(self, message: Message) -> None:
        """Pass on what the application sends."""
        if message["type"] == "http.response.body":
            self._bytes += len(message.get("body", b""))
        elif message["type"] == "http.response.start":
            self._status = message["status"]
            message = {**message, "headers": self._headers(message.get("headers", ()))}
        await self._send(message)

    def _send_body(self, message: Message) -> Awaitable[None]:
        self._bytes += len(message.get("body", b""))
        return self._send(message)

    def _headers(self, given: Collection[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        names = {name for name, _ in given}
        headers = [*given, *(header for header in _SECURITY if header[0] not in names)]
        if self._origin is not None:
            headers += [
                (b"access-control-allow-origin", self._origin),
                (b"access-control-expose-headers", _RESPONSE_HEADERS),
                (b"vary", b"Origin"),
            ]
        return headers

    def log(self) -> None:
        """Write the line of this request."""
        if not logger.isEnabledFor(logging.INFO):
            return
        line: dict[str, Any] = {
            "method": self._scope["method"],
            "path": self._scope["path"][:500],
            "status": self._status or 499,  # the client left before there was an answer
            "ms": round((time.monotonic() - self._began) * 1000, 1),
            "bytes": self._bytes,
            **self._notes,
        }
        logger.info("%s", msgspec.json.encode(line).decode())


async def _answer_preflight(send: Send) -> None:
    headers = [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _REQUEST_HEADERS),
        (b"access-control-max-age", b"600"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})

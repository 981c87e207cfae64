"""The outermost middleware, which every HTTP request passes: security headers, CORS, the access log."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headwater.contract import headers
from headwater.server.http.access_log import REQUEST_ID, log_request, request_id
from headwater.server.http.quotas import BodyMeter

_LOG_FIELDS = "headwater.notes"
_BODY = "headwater.body"
_METER = "headwater.meter"
_ID = "headwater.request"
# Sent unless the application sets them itself. Nothing but the server's page is a document, so scripts and frames are
# forbidden.
_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
# CORS (Fetch standard): the headers that scripts of allowed origins may send, and those of responses that they may
# read. Without these lists they could use and see a few simple ones only.
_REQUEST_HEADERS = (
    b"api-revision, authorization, content-type, "
    b"x-goog-api-client, x-goog-api-key, x-goog-user-project, x-server-timeout, "
    # What OpenAI's JavaScript client sends with every request.
    b"x-stainless-arch, x-stainless-lang, x-stainless-os, x-stainless-package-version, x-stainless-retry-count, "
    b"x-stainless-runtime, x-stainless-runtime-version, x-stainless-timeout, "
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
    b"x-request-id, "
    b"etag, location, producer-epoch, producer-expected-seq, producer-received-seq, producer-seq, stream-closed, "
    b"stream-cursor, stream-expires-at, stream-next-offset, stream-sse-data-encoding, stream-ttl, stream-up-to-date, "
    + headers.STREAM.lower().encode()
)


def body_sender(scope: Scope, send: Send) -> Send:
    """Return a shortcut for the body of a response whose start went through ``send``.

    Each of Starlette's middlewares wraps ``send`` to see the start of the response. A body of thousands of messages
    does not have to pass through all of them.
    """
    found: Send = scope.get(_BODY, send)
    return found


def add_log_fields(scope: Scope, **fields: str) -> None:
    """Add fields to this request's line in the access log. Never a key, a prompt or an answer."""
    scope.get(_LOG_FIELDS, {}).update(fields)


def set_body_meter(scope: Scope, meter: BodyMeter) -> None:
    """Count the body of this request with ``meter``, which is released when the request is over."""
    if _METER in scope:
        scope[_METER].append(meter)


def count_body(scope: Scope, size: int) -> None:
    """Count bytes of this request's body. Those of a request without a principal are not counted.

    Raises:
        APIError: 429, if the principal has too many bytes in flight.
    """
    for meter in scope.get(_METER, ()):
        meter.add(size)


def id_headers(scope: Scope) -> dict[str, str]:
    """Return the header with the request's id, for a response that does not pass the middleware."""
    return {REQUEST_ID.decode(): scope[_ID]} if _ID in scope else {}


class EdgeMiddleware:
    """Wraps the application. What is not HTTP passes unchanged. ``origins`` are web origins that may read responses."""

    def __init__(self, app: ASGIApp, *, origins: Collection[str] = ()) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send, self._allowed_origin(scope))
        try:
            await self._serve(exchange, scope, receive)
        except Exception:
            exchange.fail()
            raise
        finally:
            exchange.release()
            exchange.log()

    async def _serve(self, exchange: _Exchange, scope: Scope, receive: Receive) -> None:
        if exchange.is_preflight:
            await _answer_preflight(exchange.send)
        else:
            await self._app(scope, receive, exchange.send)

    def _allowed_origin(self, scope: Scope) -> bytes | None:
        """The origin of the request if it may read the response, else None."""
        if not self._origins:
            return None
        origin = next((value for name, value in scope["headers"] if name == b"origin"), b"")
        return origin if origin.lower() in self._origins else None


class _Exchange:
    """One request on its way through the middleware."""

    def __init__(self, scope: Scope, send: Send, origin: bytes | None) -> None:
        self._scope = scope
        self._send = send
        self._origin = origin
        self._log_fields: dict[str, str] = {}
        self._status = 0
        self._bytes = 0
        self._started_at = time.monotonic()
        self._meters: list[BodyMeter] = []
        self._id = scope[_ID] = request_id(scope)
        scope[_LOG_FIELDS] = self._log_fields
        scope[_METER] = self._meters
        scope[_BODY] = self._send_body

    @property
    def is_preflight(self) -> bool:
        """Whether this is the CORS preflight of an allowed origin."""
        is_options = self._scope["method"] == "OPTIONS" and self._origin is not None
        return is_options and "access-control-request-method" in Headers(scope=self._scope)

    async def send(self, message: Message) -> None:
        """Pass on a message of the application, with headers added to the first."""
        if message["type"] == "http.response.body":
            self._bytes += len(message.get("body", b""))
        elif message["type"] == "http.response.start":
            self._status = message["status"]
            message = {**message, "headers": self._headers(message.get("headers", ()))}
        await self._send(message)

    def _send_body(self, message: Message) -> Awaitable[None]:
        self._bytes += len(message.get("body", b""))
        return self._send(message)

    def _headers(self, app_headers: Collection[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        # A header that the application has set wins over the default.
        names = {name for name, _ in app_headers}
        defaults = ((REQUEST_ID, self._id.encode()), *_SECURITY)
        headers = [*app_headers, *(header for header in defaults if header[0] not in names)]
        if self._origin is not None:
            # ``vary``: a cache must not give another origin the response that this one is allowed to read.
            headers += [
                (b"access-control-allow-origin", self._origin),
                (b"access-control-expose-headers", _RESPONSE_HEADERS),
                (b"vary", b"Origin"),
            ]
        return headers

    def release(self) -> None:
        """Release the memory that was counted for the request's body."""
        for meter in self._meters:
            meter.release()

    def fail(self) -> None:
        """Record that the application failed: Starlette answers 500, outside of this middleware."""
        self._status = self._status or 500

    def log(self) -> None:
        """Write this request's line."""
        status = self._status or 499  # the client disconnected before the response started
        log_request(self._scope, self._id, status, self._started_at, bytes=self._bytes, **self._log_fields)


async def _answer_preflight(send: Send) -> None:
    headers = [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _REQUEST_HEADERS),
        # Ten minutes: then browsers ask again, and a changed configuration takes effect.
        (b"access-control-max-age", b"600"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})

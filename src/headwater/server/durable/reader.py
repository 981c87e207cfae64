"""GET: catch-up reads, long-poll and SSE ("Read Stream - Catch-up", "- Live (Long-poll)", "- Live (SSE)")."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from typing import NamedTuple

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headwater.errors import APIError, LogError
from headwater.server.durable import codec, fields
from headwater.server.durable.fields import refusal
from headwater.server.durable.streams import DurableStreams, OpenedStream, ReadResult
from headwater.server.http.auth import Auth
from headwater.server.http.middleware import body_sender

#: The protocol has SSE connections closed about every minute ("Connection Lifecycle"): readers that reconnect with the
#: same offset and cursor can then share one request at a cache.
_SSE_SECONDS = 60.0
_SSE = "sse"
_LONG_POLL = "long-poll"


class ReadQuery(NamedTuple):
    """The query of a read."""

    offset: str
    live: str | None
    cursor: str | None


def parse_query(http: HttpRequest) -> ReadQuery:
    """Return the query of a GET.

    Raises:
        APIError: 400, if a parameter is invalid.
    """
    offsets, live = http.query_params.getlist("offset"), http.query_params.get("live")
    if len(offsets) > 1:
        raise refusal(400, "more than one offset")
    if live not in (None, _LONG_POLL, _SSE):
        raise refusal(400, f"live={live[:100]!r} is neither {_LONG_POLL} nor {_SSE}")
    if live is not None and not offsets:  # required in the live modes
        raise refusal(400, f"live={live} needs an offset")
    return ReadQuery(offsets[0] if offsets else fields.BEGINNING, live, http.query_params.get("cursor"))


def stream_headers(stream: OpenedStream, upto: int, *, is_closed: bool) -> dict[str, str]:
    """Return the headers that describe a stream and say where a reader continues."""
    headers = {"content-type": stream.note.content_type, fields.NEXT_OFFSET: fields.format_offset(upto)}
    return headers | ({fields.CLOSED: "true"} if is_closed else {})


def etag(stream: OpenedStream, start: str, upto: int, *, is_closed: bool) -> str:
    """Return the ETag of one part of a stream. It changes when the stream is closed, as the response then does."""
    return f'"{stream.note.id}:{start}:{upto}{":c" if is_closed else ""}"'


class DurableReader:
    """Reads streams for HTTP clients. A live read also ends when the server drains or its key is revoked."""

    def __init__(self, streams: DurableStreams, auth: Auth, draining: asyncio.Event) -> None:
        self._streams = streams
        self._auth = auth
        self._draining = draining

    async def read(self, http: HttpRequest, principal: bytes, path: str) -> Response:
        """Return the response to a GET.

        Raises:
            APIError: 400, if the query is invalid; 404 or 410, if there is no such stream; 429, if ``principal`` has
                too many live reads.
        """
        query = parse_query(http)
        stream = await self._streams.find(principal, path)
        after = _start(stream, query.offset)
        await self._streams.renew(stream)
        if query.live == _SSE:
            return _SseResponse(self, stream, after, query.cursor, principal)
        if query.live == _LONG_POLL:
            return await self._poll(http, stream, after, query, principal)
        if query.offset == fields.NOW:  # "Offsets": an empty response with the tail, never cached
            result = ReadResult([], stream.tail, True, stream.note.is_closed)
            return _whole(stream, result, {"cache-control": "no-store"})
        return self._catch_up(http, stream, query, await self._streams.read(stream, after))

    def _catch_up(self, http: HttpRequest, stream: OpenedStream, query: ReadQuery, result: ReadResult) -> Response:
        tag = etag(stream, query.offset, result.next, is_closed=result.is_closed)
        # "Catch-up and Long-poll Reads": a full part never changes, nor does a closed stream. The tail may move at any
        # time. Always private, since streams belong to a principal.
        is_final = result.is_closed or not result.is_tail
        caching = "private, max-age=60, stale-while-revalidate=300" if is_final else "private, no-cache"
        headers = {"etag": tag, "cache-control": caching}
        tags = [one.strip().removeprefix("W/") for one in http.headers.get("if-none-match", "").split(",")]
        if tag in tags:  # If-None-Match compares weakly (RFC 9110, 13.1.2)
            return Response(None, 304, headers)
        return _whole(stream, result, headers)

    async def _poll(
        self, http: HttpRequest, stream: OpenedStream, after: int, query: ReadQuery, principal: bytes
    ) -> Response:
        async with self.present(http.receive, principal) as left:
            result = await self._read_or_wait(stream, after, left)
        await self._streams.renew(stream)
        headers = {fields.CURSOR: new_cursor(query.cursor), "cache-control": "private, no-cache"}
        if result.records:
            tag = etag(stream, fields.format_offset(after), result.next, is_closed=result.is_closed)
            return _whole(stream, result, headers | {"etag": tag})
        headers |= stream_headers(stream, result.next, is_closed=result.is_closed)
        # A timeout must not be cached, or readers behind that cache would never see new data.
        return Response(None, 204, headers | {fields.UP_TO_DATE: "true", "cache-control": "no-store"})

    async def _read_or_wait(self, stream: OpenedStream, after: int, left: asyncio.Event) -> ReadResult:
        """Read once there is something, the stream is closed, the poll times out or the read has to end."""
        until = time.monotonic() + self._auth.limits.keep_alive
        result = await self._streams.read(stream, after)
        # A page may hold no message for readers of a read-only stream, hence the loop.
        while not result.records and not result.is_closed and time.monotonic() < until and not left.is_set():
            await self.wait(stream, result.next, until - time.monotonic(), left)
            result = await self._streams.read(stream, result.next)
        return result

    async def pages(self, stream: OpenedStream, after: int, left: asyncio.Event) -> AsyncGenerator[ReadResult]:
        """Yield what follows ``after`` records up to the end; an empty result if a pause elapsed without data."""
        until = time.monotonic() + _SSE_SECONDS
        pause = self._auth.limits.keep_alive
        while True:
            result = await self._streams.read(stream, after)
            yield result
            after = result.next
            if result.is_closed or left.is_set() or time.monotonic() >= until:
                return
            if result.is_tail:
                await self.wait(stream, after, min(pause, max(0.0, until - time.monotonic())), left)
                await self._streams.renew(stream)

    async def wait(self, stream: OpenedStream, after: int, timeout: float, left: asyncio.Event) -> None:
        """Return when there may be more, after ``timeout`` seconds, or when the read has to end."""
        moved = asyncio.create_task(self._streams.wait(stream, after, timeout))
        leaving = asyncio.create_task(left.wait())
        try:
            await asyncio.wait({moved, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            moved.cancel()
        if moved.done():
            moved.result()

    @asynccontextmanager
    async def present(self, receive: Receive, principal: bytes) -> AsyncIterator[asyncio.Event]:
        """Hold a live read of ``principal``. The event is set when it has to end.

        Raises:
            APIError: 429, if ``principal`` has too many open already.
        """
        left = asyncio.Event()
        tasks = [asyncio.create_task(_leave(left, wait)) for wait in (partial(_gone, receive), self._draining.wait)]
        try:
            with self._auth.quotas.stream(principal), self._auth.on_revoked(principal, lambda _: left.set()):
                yield left
        finally:
            for task in tasks:
                task.cancel()


class _SseResponse(Response):
    """A stream as SSE ("Response Format"): a ``control`` event with the next offset follows each ``data`` event."""

    def __init__(
        self, reader: DurableReader, stream: OpenedStream, after: int, cursor: str | None, principal: bytes
    ) -> None:
        encoding = {} if fields.is_text(stream.note.content_type) else {fields.SSE_ENCODING: "base64"}
        caching = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}
        super().__init__(None, 200, {"content-type": "text/event-stream"} | caching | encoding)
        del self.headers["content-length"]
        self._reader = reader
        self._stream = stream
        self._after = after
        self._cursor = cursor
        self._principal = principal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the stream is closed, the minute is over or the read has to end."""
        async with self._reader.present(receive, self._principal) as left:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            send_body = body_sender(scope, send)
            with suppress(APIError, LogError):  # the reader is told why when it reconnects
                async with aclosing(self._reader.pages(self._stream, self._after, left)) as pages:
                    async for result in pages:
                        await send_body({"type": "http.response.body", "body": self._encode(result), "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _encode(self, result: ReadResult) -> bytes:
        data = codec.data_event(result.records, self._stream.note.content_type) if result.records else b""
        return data + codec.control_event(
            streamNextOffset=fields.format_offset(result.next),
            streamCursor=None if result.is_closed else new_cursor(self._cursor),
            upToDate=result.is_tail and not result.is_closed,
            streamClosed=result.is_closed,
        )


def new_cursor(echoed: str | None) -> str:
    """Return the cursor of a live response now."""
    return fields.cursor(time.time(), echoed, random.random())  # noqa: S311 - spreads load, hides nothing


def _start(stream: OpenedStream, offset: str) -> int:
    """The number of records before the offset where a reader starts.

    Raises:
        APIError: 400, if the offset is invalid or beyond the tail.
    """
    if offset in (fields.BEGINNING, fields.NOW):
        return 0 if offset == fields.BEGINNING else stream.tail
    after = fields.parse_offset(offset)
    if after > stream.tail:
        raise refusal(400, "the offset is beyond the end of the stream")
    return after


def _whole(stream: OpenedStream, result: ReadResult, headers: dict[str, str]) -> Response:
    headers |= stream_headers(stream, result.next, is_closed=result.is_closed)
    if result.is_tail:
        headers[fields.UP_TO_DATE] = "true"
    return Response(codec.join(result.records, stream.note.content_type), 200, headers)


async def _leave(left: asyncio.Event, when: Callable[[], Awaitable[object]]) -> None:
    await when()
    left.set()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

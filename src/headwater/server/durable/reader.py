"""GET: what is there, what comes next (long-poll), or all that comes (events)."""

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

#: Events are sent for so long; readers then come again, so that caches can let many of them share one request.
_ROLL_SECONDS = 60.0
_EVENTS = "sse"
_POLL = "long-poll"


class ReadQuery(NamedTuple):
    """The query of a read."""

    offset: str
    live: str | None
    cursor: str | None


def parse_query(http: HttpRequest) -> ReadQuery:
    """Return what a read asks for.

    Raises:
        APIError: 400.
    """
    offsets, live = http.query_params.getlist("offset"), http.query_params.get("live")
    if len(offsets) > 1:
        raise refusal(400, "more than one offset")
    if live not in (None, _POLL, _EVENTS):
        raise refusal(400, f"live={live[:100]!r} is neither {_POLL} nor {_EVENTS}")
    if live is not None and not offsets:
        raise refusal(400, f"live={live} needs an offset")
    return ReadQuery(offsets[0] if offsets else fields.BEGINNING, live, http.query_params.get("cursor"))


def view_headers(found: OpenedStream, upto: int, *, is_closed: bool) -> dict[str, str]:
    """Return the headers that say what a stream is, and where a reader goes on."""
    headers = {"content-type": found.note.content_type, fields.NEXT_OFFSET: fields.show_offset(upto)}
    return headers | ({fields.CLOSED: "true"} if is_closed else {})


def etag(found: OpenedStream, start: str, upto: int, *, is_closed: bool) -> str:
    """Return the tag of one part of a stream; it changes when the stream is closed."""
    return f'"{found.note.id}:{start}:{upto}{":c" if is_closed else ""}"'


class DurableReader:
    """Reads streams for HTTP clients. A live read ends when the server does, or when its key is let in no longer."""

    def __init__(self, streams: DurableStreams, access: Auth, draining: asyncio.Event) -> None:
        self._streams = streams
        self._access = access
        self._draining = draining

    async def read(self, http: HttpRequest, who: bytes, path: str) -> Response:
        """Return the answer to a GET.

        Raises:
            APIError: 400, 404, 410; 429, too many live reads.
        """
        asked = parse_query(http)
        found = await self._streams.find(who, path)
        after = _start(found, asked.offset)
        await self._streams.renew(found)
        if asked.live == _EVENTS:
            return _Events(self, found, after, asked.cursor, who)
        if asked.live == _POLL:
            return await self._poll(http, found, after, asked, who)
        if asked.offset == fields.NOW:
            there = ReadResult([], found.tail, True, found.note.is_closed)
            return _whole(found, there, {"cache-control": "no-store"})
        return self._catch_up(http, found, asked, await self._streams.read(found, after))

    def _catch_up(self, http: HttpRequest, found: OpenedStream, asked: ReadQuery, there: ReadResult) -> Response:
        tag = etag(found, asked.offset, there.next, is_closed=there.is_closed)
        # What follows a part that is full or closed never changes; the end of a stream may have moved at any time.
        is_final = there.is_closed or not there.is_tail
        caching = "private, max-age=60, stale-while-revalidate=300" if is_final else "private, no-cache"
        headers = {"etag": tag, "cache-control": caching}
        tags = [one.strip().removeprefix("W/") for one in http.headers.get("if-none-match", "").split(",")]
        if tag in tags:
            return Response(None, 304, headers)
        return _whole(found, there, headers)

    async def _poll(self, http: HttpRequest, found: OpenedStream, after: int, asked: ReadQuery, who: bytes) -> Response:
        until = time.monotonic() + self._access.limits.keep_alive
        async with self.present(http.receive, who) as left:
            there = await self._streams.read(found, after)
            while not there.records and not there.is_closed and time.monotonic() < until and not left.is_set():
                await self.wait(found, there.next, until - time.monotonic(), left)
                there = await self._streams.read(found, there.next)
        await self._streams.renew(found)
        headers = {fields.CURSOR: new_cursor(asked.cursor), "cache-control": "private, no-cache"}
        if there.records:
            start = fields.show_offset(after)
            return _whole(found, there, headers | {"etag": etag(found, start, there.next, is_closed=there.is_closed)})
        headers |= view_headers(found, there.next, is_closed=there.is_closed)
        return Response(None, 204, headers | {fields.UP_TO_DATE: "true", "cache-control": "no-store"})

    async def pages(self, found: OpenedStream, after: int, left: asyncio.Event) -> AsyncGenerator[ReadResult]:
        """Yield what comes after ``after`` records, an empty slice where nothing came for a while, up to the end."""
        until = time.monotonic() + _ROLL_SECONDS
        pause = self._access.limits.keep_alive
        while True:
            there = await self._streams.read(found, after)
            yield there
            after = there.next
            if there.is_closed or left.is_set() or time.monotonic() >= until:
                return
            if there.is_tail:
                await self.wait(found, after, min(pause, max(0.0, until - time.monotonic())), left)
                await self._streams.renew(found)

    async def wait(self, found: OpenedStream, after: int, timeout: float, left: asyncio.Event) -> None:
        """Return when there may be more, when the time is up, or when the reader is to leave."""
        moved = asyncio.create_task(self._streams.wait(found, after, timeout))
        leaving = asyncio.create_task(left.wait())
        try:
            await asyncio.wait({moved, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            moved.cancel()
        if moved.done():
            moved.result()

    @asynccontextmanager
    async def present(self, receive: Receive, who: bytes) -> AsyncIterator[asyncio.Event]:
        """Hold a live read of ``who``; the event is set when it is to end.

        Raises:
            APIError: 429, there are too many already.
        """
        left = asyncio.Event()
        tasks = [asyncio.create_task(_leave(left, wait)) for wait in (partial(_gone, receive), self._draining.wait)]
        try:
            with self._access.quotas.stream(who), self._access.on_revoked(who, lambda _: left.set()):
                yield left
        finally:
            for task in tasks:
                task.cancel()


class _Events(Response):
    """A stream as events, each piece of data followed by where the reader goes on."""

    def __init__(self, reader: DurableReader, found: OpenedStream, after: int, cursor: str | None, who: bytes) -> None:
        encoding = {} if fields.is_text(found.note.content_type) else {fields.SSE_ENCODING: "base64"}
        caching = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}
        super().__init__(None, 200, {"content-type": "text/event-stream"} | caching | encoding)
        del self.headers["content-length"]
        self._reader = reader
        self._found = found
        self._after = after
        self._cursor = cursor
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it as it comes."""
        async with self._reader.present(receive, self._who) as left:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            send_body = body_sender(scope, send)
            with suppress(APIError, LogError):  # a reader who comes again is told why
                async with aclosing(self._reader.pages(self._found, self._after, left)) as pages:
                    async for there in pages:
                        await send_body({"type": "http.response.body", "body": self._show(there), "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _show(self, there: ReadResult) -> bytes:
        data = codec.data_event(there.records, self._found.note.content_type) if there.records else b""
        return data + codec.control_event(
            streamNextOffset=fields.show_offset(there.next),
            streamCursor=None if there.is_closed else new_cursor(self._cursor),
            upToDate=there.is_tail and not there.is_closed,
            streamClosed=there.is_closed,
        )


def new_cursor(echoed: str | None) -> str:
    """Return the cursor of a live answer now."""
    return fields.cursor(time.time(), echoed, random.random())  # noqa: S311 - spreads load, hides nothing


def _start(found: OpenedStream, offset: str) -> int:
    """The offset where a reader begins.

    Raises:
        APIError: 400.
    """
    if offset in (fields.BEGINNING, fields.NOW):
        return 0 if offset == fields.BEGINNING else found.tail
    after = fields.parse_offset(offset)
    if after > found.tail:
        raise refusal(400, "the offset is behind the end of the stream")
    return after


def _whole(found: OpenedStream, there: ReadResult, headers: dict[str, str]) -> Response:
    headers |= view_headers(found, there.next, is_closed=there.is_closed)
    if there.is_tail:
        headers[fields.UP_TO_DATE] = "true"
    return Response(codec.join(there.records, found.note.content_type), 200, headers)


async def _leave(left: asyncio.Event, when: Callable[[], Awaitable[object]]) -> None:
    await when()
    left.set()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

"""Answers as HTTP responses: read from their log while it grows, in an encoding.

A ``RelayResponse`` owns its answer and stops it when the client disconnects. A ``StreamResponse`` only reads a stored
stream. Both use ``deliver``: there is no other path from an engine to a client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import ExitStack, aclosing, suppress
from typing import NamedTuple

import msgspec
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from headwater.contract.headers import IGNORED, STREAM
from headwater.engines.base import Engine, EngineRequest
from headwater.errors import APIError, UnknownStreamError
from headwater.log.base import Log, Page, tail
from headwater.protocols.base import EVENT_STREAM
from headwater.server.http.auth import Auth
from headwater.server.http.errors import http_status, retry_after, server_error
from headwater.server.http.middleware import body_sender
from headwater.server.http.responses import JSON
from headwater.server.streams.encodings import ResponseEncoding
from headwater.server.streams.record_format import StreamHeader, error_record
from headwater.server.streams.recorder import Backpressure, Generation, Recorder, log_unwritable, shutting_down
from headwater.server.streams.registry import StreamRegistry

#: How much is written at once (bytes): what a slow reader holds in memory besides the log.
_WRITE_BYTES = 64 * 1024
#: How far a relayed answer may be ahead of its client (bytes).
_MAX_AHEAD_BYTES = 256 * 1024
#: How long readers have to receive the end of their stream after the server's last generation has ended (seconds).
_CLOSING_SECONDS = 1.0
_Headers = list[tuple[bytes, bytes]]
#: A browser that may store an answer takes it piece by piece; nginx must pass on each piece at once.
_STREAM_HEADERS = [(name.encode(), value.encode()) for name, value in EVENT_STREAM.items() if name != "content-type"]


class RelayResponse(Response):
    """An answer for this client alone: ``engine`` runs while the client is connected."""

    def __init__(
        self,
        recorder: Recorder,
        engine: Engine,
        request: EngineRequest,
        encoding: ResponseEncoding,
        *,
        auth: Auth,
        principal: bytes,
    ) -> None:
        self.background = None
        self._recorder = recorder
        self._engine = engine
        self._request = request
        self._encoding = encoding
        self._auth = auth
        self._principal = principal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the engine and send its answer.

        Raises:
            HeadwaterError: if the answer was refused; nothing was sent.
        """
        auth = self._auth
        with ExitStack() as stack:
            stack.enter_context(auth.quotas.stream(self._principal))
            backpressure = Backpressure(_MAX_AHEAD_BYTES)
            self._request = await self._recorder.prepare(self._principal, self._engine, self._request)
            generation = await self._recorder.relay(self._engine, self._request, backpressure=backpressure)
            stack.enter_context(auth.on_revoked(self._principal, generation.cancel))
            # ASGI reports a disconnect through ``receive`` only, so a task must be waiting for it.
            watcher = asyncio.create_task(_watch(receive, generation))
            source = LogSource(generation.log, generation.key, auth.limits.keep_alive)
            try:
                await deliver(
                    source, self._encoding, scope, send, backpressure=backpressure, extra_headers=self._ignored
                )
            finally:
                watcher.cancel()
                generation.cancel()
                await generation.log.drop(generation.key)

    def _ignored(self) -> _Headers:
        """What the engine left out of the request, which it knows by its first chunk."""
        names = ", ".join(self._request.ignored)
        return [(IGNORED.lower().encode(), names.encode())] if names else []


class StreamResponse(Response):
    """Streams a stored answer from the event after ``after``. Disconnecting does not stop the answer.

    ``principal`` is the key that reads, or that made the link which is read by. It writes at most once in
    ``min_interval`` seconds.
    """

    def __init__(
        self,
        registry: StreamRegistry,
        name: str,
        header: StreamHeader,
        encoding: ResponseEncoding,
        *,
        auth: Auth,
        principal: bytes,
        after: int = 0,
        min_interval: float = 0.0,
    ) -> None:
        self.background = None
        self._registry = registry
        self._name = name
        self._header = header
        self._encoding = encoding
        self._auth = auth
        self._principal = principal
        self._after = after
        self._min_interval = min_interval

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the stream ends, the client disconnects, the key is revoked or the server shuts down.

        Also until the end of the stream could not be written: then nothing follows until the log can be written again.

        Raises:
            HeadwaterError: if the stream does not exist any more, or the server shuts down; nothing was sent.
        """
        started = asyncio.Event()

        async def send_start(message: Message) -> None:
            started.set()
            await send(message)

        self._registry.add_reader(self._name, self._header)
        reading = asyncio.create_task(self._read(scope, send_start))
        try:
            is_interrupted = await self._watch(reading, receive)
        finally:
            reading.cancel()
            self._registry.remove_reader(self._name)
        with suppress(asyncio.CancelledError):
            await reading
        if is_interrupted and not started.is_set():
            raise log_unwritable() if self._registry.is_lost(self._name) else shutting_down()
        if is_interrupted:  # the client can read the rest elsewhere, or is not allowed to
            await send({"type": "http.response.body", "body": self._encoding.interrupt(), "more_body": False})

    async def _watch(self, reading: asyncio.Task[None], receive: Receive) -> bool:
        """Return when reading has ended or must end; whether the client is still waiting for more."""
        revoked = asyncio.Event()
        disconnected = asyncio.create_task(_disconnected(receive))
        # Besides the reading itself, four things end it: the client, the shutdown of the server, the key, and a log
        # that cannot be written.
        closing = asyncio.create_task(self._registry.wait_drained())
        revocation = asyncio.create_task(revoked.wait())
        losing = asyncio.create_task(self._registry.wait_lost(self._name))
        tasks = (disconnected, closing, revocation, losing)
        try:
            with ExitStack() as stack:
                stack.enter_context(self._auth.on_revoked(self._principal, lambda _: revoked.set()))
                await asyncio.wait({reading, *tasks}, return_when=asyncio.FIRST_COMPLETED)
                if closing.done() or revocation.done() or losing.done():
                    await asyncio.wait(
                        {reading, disconnected}, timeout=_CLOSING_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
            return not reading.done() and not disconnected.done()
        finally:
            for task in tasks:
                task.cancel()

    async def _read(self, scope: Scope, send: Send) -> None:
        after, heartbeat = self._header.start + self._after, self._auth.limits.keep_alive
        source = LogSource(self._registry.log, self._name, heartbeat, after, self._min_interval)
        name_header = (STREAM.lower().encode(), self._name.encode())
        await deliver(source, self._encoding, scope, send, extra_headers=lambda: [name_header])


class LogSource(NamedTuple):
    """What a response sends: the records of a log after offset ``after``.

    It writes at most once in ``min_interval`` seconds, and a blank line after ``heartbeat`` seconds of silence.
    """

    log: Log
    key: str
    heartbeat: float
    after: int = 0
    min_interval: float = 0.0

    def pages(self) -> AsyncGenerator[Page]:
        """Return the records in pages, as they are appended."""
        return tail(self.log, self.key, self.after, heartbeat=self.heartbeat, min_interval=self.min_interval)


async def deliver(
    source: LogSource,
    encoding: ResponseEncoding,
    scope: Scope,
    send: Send,
    *,
    backpressure: Backpressure | None = None,
    extra_headers: Callable[[], _Headers] = list,
) -> None:
    """Send records while they are appended, up to the end of their log.

    The status can only be that of an error if nothing has been sent: so an encoding either waits for the first record
    before it sends the head, or has a way to report errors later (``headers_first``).
    """
    async with aclosing(source.pages()) as pages:
        page = Page([], source.after, False) if encoding.headers_first else await anext(pages)
        while encoding.is_unary and not page.records and not page.is_end:
            page = await anext(pages)
        error = encoding.error_in(page.records[0]) if page.records and not encoding.headers_first else None
        if error is not None:
            await _send_error(error, encoding, send)
        elif encoding.is_unary:
            await _send_whole(200, encoding.content_type, encoding.encode(page.records), send, extra_headers())
        else:
            await _send_stream(
                page,
                pages,
                encoding,
                backpressure or Backpressure(_MAX_AHEAD_BYTES),
                send,
                body_sender(scope, send),
                extra_headers(),
            )


async def _send_stream(
    page: Page,
    pages: AsyncGenerator[Page],
    encoding: ResponseEncoding,
    backpressure: Backpressure,
    send: Send,
    send_body: Send,
    extra_headers: Sequence[tuple[bytes, bytes]],
) -> None:
    headers: _Headers = [(b"content-type", encoding.content_type), *_STREAM_HEADERS, *encoding.headers, *extra_headers]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while True:
        has_written = False
        for records in batches(page.records):
            body = encoding.encode(records)
            if body:
                has_written = True
                await send_body({"type": "http.response.body", "body": body, "more_body": True})
            # Released after the send, which waits while the client is slow: so the engine is never far ahead of it.
            backpressure.release(sum(map(len, records)))
        if encoding.keep_alive and not page.records and not page.is_end and not has_written:
            await send({"type": "http.response.body", "body": encoding.keep_alive, "more_body": True})
        if page.is_end:
            break
        try:
            page = await anext(pages)
        except UnknownStreamError:
            # The status is long sent, so the deletion is reported as an error in the stream.
            page = Page([error_record(_deleted())], page.next + 1, True)
    await send({"type": "http.response.body", "body": encoding.end(), "more_body": False})


def _deleted() -> APIError:
    return server_error(404, "NOT_FOUND", "FORGOTTEN", "the stream was deleted while it was read")


def batches(records: list[bytes], max_bytes: int = _WRITE_BYTES) -> Iterator[list[bytes]]:
    """Yield records in groups of about ``max_bytes`` bytes: a long log is not copied at once for a slow reader."""
    if sum(map(len, records)) <= max_bytes:
        yield records
        return
    batch, size = list[bytes](), 0
    for record in records:
        if batch and size + len(record) > max_bytes:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += len(record)
    yield batch


async def _send_error(body: bytes, encoding: ResponseEncoding, send: Send) -> None:
    document = msgspec.json.decode(body)
    status = http_status(document["error"].get("code"))
    extra_headers: _Headers = [(b"retry-after", retry_after(document).encode())] if status == 429 else []
    # As JSON, not as an event stream as Google labels it: google-genai with aiohttp loses an error in an event stream.
    await _send_whole(status, JSON, encoding.refusal(body), send, extra_headers)


async def _send_whole(
    status: int, content_type: bytes, body: bytes, send: Send, extra_headers: _Headers | None = None
) -> None:
    headers: _Headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        *(extra_headers or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _watch(receive: Receive, generation: Generation) -> None:
    """Stop the engine when the client disconnects."""
    await _disconnected(receive)
    generation.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

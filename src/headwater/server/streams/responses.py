"""One answer as an HTTP response: produced into the log, read from it as it grows, stopped when the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import ExitStack, aclosing, suppress

import msgspec
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from headwater.engines.base import Engine, EngineRequest
from headwater.errors import APIError, UnknownStreamError
from headwater.log.base import Log, Page, tail
from headwater.server.http.auth import Auth
from headwater.server.http.errors import http_status, retry_after, server_error
from headwater.server.http.middleware import body_sender
from headwater.server.http.responses import JSON
from headwater.server.streams.encodings import KEEP_ALIVE, ResponseEncoding, is_error
from headwater.server.streams.record_format import StreamHeader, error_record
from headwater.server.streams.recorder import Backpressure, Generation, Recorder, shutting_down
from headwater.server.streams.registry import StreamRegistry
from headwater.server.streams.retention import STREAM

#: How much is written at once: a slow reader holds up this much beside the log.
_WRITE_BYTES = 64 * 1024
#: How far a production may be ahead of the client, the only one to read it.
_LEAD_BYTES = 256 * 1024
#: After the last answer of this server has ended, those who still read one have so long to hear of it (seconds).
_LAST_WORDS = 1.0
_Headers = list[tuple[bytes, bytes]]
_STREAM_HEADERS = (
    (b"cache-control", b"no-cache, no-store, no-transform"),  # a browser that stores takes piece by piece
    (b"x-accel-buffering", b"no"),  # nginx: send on what comes, at once
)


class RelayResponse(Response):
    """What ``engine`` answers to ``request`` of ``who``, written in ``form``, for this client alone."""

    def __init__(
        self,
        recorder: Recorder,
        engine: Engine,
        request: EngineRequest,
        form: ResponseEncoding,
        *,
        access: Auth,
        who: bytes,
    ) -> None:
        self.background = None
        self._recorder = recorder
        self._engine = engine
        self._request = request
        self._form = form
        self._access = access
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Produce the answer and send it.

        Raises:
            HeadwaterError: there is no place for it; nothing was sent.
        """
        access = self._access
        with ExitStack() as held:
            held.enter_context(access.quotas.stream(self._who))
            lead = Backpressure(_LEAD_BYTES)
            generation = await self._recorder.relay(self._engine, self._request, lead=lead)
            held.enter_context(access.tie(self._who, generation.cancel))
            watcher = asyncio.create_task(_watch(receive, generation))
            log, key, pause = generation.log, generation.key, access.limits.keep_alive
            try:
                await deliver(log, key, self._form, pause, scope, send, lead=lead)
            finally:
                watcher.cancel()
                generation.cancel()
                await log.drop(key)


class StreamResponse(Response):
    """What follows after ``after`` events of an answer that has a name; it stays when the client goes.

    ``who`` is the key that reads; None for who needs none. It is sent on at most once in ``every`` seconds.
    """

    def __init__(
        self,
        generations: StreamRegistry,
        name: str,
        head: StreamHeader,
        form: ResponseEncoding,
        *,
        access: Auth,
        who: bytes | None,
        after: int = 0,
        every: float = 0.0,
    ) -> None:
        self.background = None
        self._generations = generations
        self._name = name
        self._head = head
        self._form = form
        self._access = access
        self._who = who
        self._after = after
        self._every = every

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it as it comes, until its end, the client's or the server's, or that of the key.

        Raises:
            HeadwaterError: there is no such answer any more, or the server shuts down; nothing was sent.
        """
        begun = asyncio.Event()

        async def send_head(message: Message) -> None:
            begun.set()
            await send(message)

        self._generations.enter(self._name, self._head)
        reading = asyncio.create_task(self._read(scope, send_head))
        try:
            is_cut = await self._watch(reading, receive)
        finally:
            reading.cancel()
            self._generations.leave(self._name)
        with suppress(asyncio.CancelledError):
            await reading
        if is_cut and not begun.is_set():
            raise shutting_down()
        if is_cut:  # the rest is to be had elsewhere, or not at all
            await send({"type": "http.response.body", "body": self._form.cut(), "more_body": False})

    async def _watch(self, reading: asyncio.Task[None], receive: Receive) -> bool:
        """Return when the reading is over or has to be; whether it is the client who still wants more."""
        barred = asyncio.Event()
        gone = asyncio.create_task(_disconnected(receive))
        closing = asyncio.create_task(self._generations.closing())
        barring = asyncio.create_task(barred.wait())
        try:
            with ExitStack() as held:
                if self._who is not None:
                    held.enter_context(self._access.tie(self._who, lambda _: barred.set()))
                await asyncio.wait({reading, gone, closing, barring}, return_when=asyncio.FIRST_COMPLETED)
                if closing.done() or barring.done():
                    await asyncio.wait({reading, gone}, timeout=_LAST_WORDS, return_when=asyncio.FIRST_COMPLETED)
            return not reading.done() and not gone.done()
        finally:
            for task in (gone, closing, barring):
                task.cancel()

    async def _read(self, scope: Scope, send: Send) -> None:
        log, after, pause = self._generations.log, self._head.first + self._after, self._access.limits.keep_alive
        more = [(STREAM.encode(), self._name.encode())]
        every = self._every
        await deliver(log, self._name, self._form, pause, scope, send, after=after, every=every, more=more)


async def deliver(
    log: Log,
    key: str,
    form: ResponseEncoding,
    pause: float,
    scope: Scope,
    send: Send,
    *,
    after: int = 0,
    every: float = 0.0,
    lead: Backpressure | None = None,
    more: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    """Send what a log says after ``after`` records, as it comes, with ``more`` headers."""
    async with aclosing(tail(log, key, after, pause=pause, every=every)) as pages:
        page = Page([], after, False) if form.is_patient else await anext(pages)
        while form.is_whole and not page.records and not page.is_end:
            page = await anext(pages)
        if page.records and is_error(page.records[0]) and not form.is_patient:
            await _send_error(page.records[0][1:], form, send)
        elif form.is_whole:
            await _send_whole(200, form.content_type, form.frames(page.records), send)
        else:
            await _send_stream(
                page, pages, form, lead or Backpressure(_LEAD_BYTES), send, body_sender(scope, send), more
            )


async def _send_stream(
    page: Page,
    pages: AsyncGenerator[Page],
    form: ResponseEncoding,
    lead: Backpressure,
    send: Send,
    send_body: Send,
    more: Sequence[tuple[bytes, bytes]],
) -> None:
    headers: _Headers = [(b"content-type", form.content_type), *_STREAM_HEADERS, *form.headers, *more]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while True:
        for records in batches(page.records):
            body = form.frames(records)
            if body:
                await send_body({"type": "http.response.body", "body": body, "more_body": True})
            lead.shrink(sum(map(len, records)))
        if not page.records and not page.is_end:
            await send({"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})
        if page.is_end:
            break
        try:
            page = await anext(pages)
        except UnknownStreamError:
            page = Page([error_record(_forgotten())], page.next + 1, True)
    await send({"type": "http.response.body", "body": form.end(), "more_body": False})


def _forgotten() -> APIError:
    return server_error(404, "NOT_FOUND", "FORGOTTEN", "the stream was forgotten while it was read")


def batches(records: list[bytes], most: int = _WRITE_BYTES) -> Iterator[list[bytes]]:
    """Yield records in groups of about ``most`` bytes, so that what waits for a slow reader is not copied at once."""
    if sum(map(len, records)) <= most:
        yield records
        return
    batch, size = list[bytes](), 0
    for record in records:
        if batch and size + len(record) > most:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += len(record)
    yield batch


async def _send_error(body: bytes, form: ResponseEncoding, send: Send) -> None:
    document = msgspec.json.decode(body)
    status = http_status(document["error"].get("code"))
    more: _Headers = [(b"retry-after", retry_after(document).encode())] if status == 429 else []
    # Under the label of an event stream, as Google sends it, it is one that google-genai's aiohttp side loses.
    await _send_whole(status, JSON, form.refusal(body), send, more)


async def _send_whole(status: int, label: bytes, body: bytes, send: Send, more: _Headers | None = None) -> None:
    headers: _Headers = [(b"content-type", label), (b"content-length", b"%d" % len(body)), *(more or ())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _watch(receive: Receive, generation: Generation) -> None:
    """Stop the production when the client goes away."""
    await _disconnected(receive)
    generation.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

"""One answer as an HTTP response: produced into the log, read from it as it grows, stopped when the client leaves."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing, suppress

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headwater.engines.base import Engine, Request
from headwater.errors import api_error
from headwater.log.base import Log, Page, tail
from headwater.server.access import Access
from headwater.server.edge import body_sender
from headwater.server.frames import JSON, KEEP_ALIVE, Form, is_error
from headwater.server.keeping import STREAM, Keeper, Kept
from headwater.server.recorder import Generation, Lead, Recorder

#: How much is written at once: a slow reader holds up this much beside the log.
_WRITE_BYTES = 64 * 1024
#: How far a production may be ahead of the client, the only one to read it.
_LEAD_BYTES = 256 * 1024
_Headers = list[tuple[bytes, bytes]]
_STREAM_HEADERS = (
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx: send on what comes, at once
)


class Answer(Response):
    """What ``engine`` answers to ``request`` of ``who``, written in ``form``; kept for ``keep`` seconds where asked."""

    def __init__(
        self,
        recorder: Recorder,
        engine: Engine,
        request: Request,
        form: Form,
        *,
        access: Access,
        who: bytes,
        keeper: Keeper,
        keep: float | None = None,
    ) -> None:
        self.background = None
        self._keeper = keeper
        self._keep = keep
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
        access, log = self._access, self._recorder.log
        with ExitStack() as held:
            held.enter_context(access.quotas.stream(self._who))
            generation = await self._recorder.start(self._engine, self._request, lead=Lead(_LEAD_BYTES))
            held.enter_context(access.tie(self._who, generation.cancel))
            if self._keep is not None:
                kept = self._keeper.keep(generation, self._who, self._keep, held.pop_all())
                await Rest(self._keeper, kept, 0, log, self._form, access.limits.keep_alive)(scope, receive, send)
                return
            watcher = asyncio.create_task(_watch(receive, generation))
            try:
                await deliver(log, generation, self._form, access.limits.keep_alive, scope, send)
            finally:
                watcher.cancel()
                generation.cancel()
                await log.drop(generation.key)


class Rest(Response):
    """What follows after ``after`` records of a stream that is kept; the stream stays when the client goes."""

    def __init__(self, keeper: Keeper, kept: Kept, after: int, log: Log, form: Form, pause: float) -> None:
        self.background = None
        self._keeper = keeper
        self._kept = kept
        self._after = after
        self._log = log
        self._form = form
        self._pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it as it comes."""
        kept = self._kept
        self._keeper.enter(kept)
        reading = asyncio.create_task(
            deliver(self._log, kept.generation, self._form, self._pause, scope, send, after=self._after, kept=True)
        )
        gone = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({reading, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            reading.cancel()
            self._keeper.leave(kept)
        with suppress(asyncio.CancelledError):
            await reading


async def deliver(
    log: Log,
    generation: Generation,
    form: Form,
    pause: float,
    scope: Scope,
    send: Send,
    *,
    after: int = 0,
    kept: bool = False,
) -> None:
    """Send what a generation says after ``after`` records, as it comes; what is ``kept`` is given its name."""
    more: _Headers = [(STREAM.encode(), generation.key.encode())] if kept else []
    async with aclosing(tail(log, generation.key, after, pause=pause)) as pages:
        page = await anext(pages)
        while form.is_whole and not page.records:
            page = await anext(pages)
        if page.records and is_error(page.records[0]):
            await _send_error(page.records[0][1:], form, send)
        elif form.is_whole:
            await _send_whole(200, form.content_type, form.frames(page.records), send)
        else:
            lead = generation.lead if generation.lead is not None else Lead(_LEAD_BYTES)
            await _send_stream(page, pages, form, lead, send, body_sender(scope, send), more)


async def _send_stream(
    page: Page, pages: AsyncGenerator[Page], form: Form, lead: Lead, send: Send, send_body: Send, more: _Headers
) -> None:
    headers: _Headers = [(b"content-type", form.content_type), *_STREAM_HEADERS, *more]
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
        page = await anext(pages)
    await send({"type": "http.response.body", "body": form.end(), "more_body": False})


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


async def _send_error(body: bytes, form: Form, send: Send) -> None:
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


def http_status(code: object) -> int:
    """Return ``code`` where it is an error's HTTP status, else 500."""
    return code if isinstance(code, int) and 400 <= code <= 599 else 500


def retry_after(document: object) -> str:
    """Return the seconds after which to ask again, as the body of a 429 has them: 1 where it does not say."""
    return str(math.ceil(api_error(429, "", details=document).retry_after or 1))

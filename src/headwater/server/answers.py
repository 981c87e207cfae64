"""One answer as an HTTP response: produced into the log, read from it as it grows, stopped when the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractContextManager, aclosing

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headwater.engines.base import Engine, Request
from headwater.log.base import Page, tail
from headwater.server.edge import body_sender
from headwater.server.frames import KEEP_ALIVE, Form, is_error
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
    """What ``engine`` answers to ``request``, written in ``form``. ``place`` is held while it runs."""

    def __init__(
        self,
        recorder: Recorder,
        engine: Engine,
        request: Request,
        form: Form,
        *,
        place: AbstractContextManager[None],
        keep_alive: float,
    ) -> None:
        self.background = None
        self._recorder = recorder
        self._engine = engine
        self._request = request
        self._form = form
        self._place = place
        self._keep_alive = keep_alive
        self._lead = Lead(_LEAD_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Produce the answer and send it.

        Raises:
            HeadwaterError: there is no place for it; nothing was sent.
        """
        log = self._recorder.log
        with self._place:
            generation = await self._recorder.start(self._engine, self._request, lead=self._lead)
            watcher = asyncio.create_task(_watch(receive, generation))
            try:
                async with aclosing(tail(log, generation.key, pause=self._keep_alive)) as pages:
                    await self._send(pages, send, body_sender(scope, send))
            finally:
                watcher.cancel()
                generation.cancel()
                await log.drop(generation.key)

    async def _send(self, pages: AsyncGenerator[Page], send: Send, send_body: Send) -> None:
        form = self._form
        page = await anext(pages)
        while form.is_whole and not page.records:
            page = await anext(pages)
        if page.records and is_error(page.records[0]):
            body = page.records[0][1:]
            await _send_whole(status_in(body), form.content_type, form.refusal(body), send, is_error=True)
        elif form.is_whole:
            await _send_whole(200, form.content_type, form.frames(page.records), send)
        else:
            await self._send_stream(page, pages, send, send_body)

    async def _send_stream(self, page: Page, pages: AsyncGenerator[Page], send: Send, send_body: Send) -> None:
        form = self._form
        headers: _Headers = [(b"content-type", form.content_type), *_STREAM_HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while True:
            for records in batches(page.records):
                body = form.frames(records)
                if body:
                    await send_body({"type": "http.response.body", "body": body, "more_body": True})
                self._lead.shrink(sum(map(len, records)))
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


async def _send_whole(status: int, label: bytes, body: bytes, send: Send, *, is_error: bool = False) -> None:
    # An error under the label of an event stream, as Google sends it, is one that google-genai's aiohttp side loses.
    label = b"application/json; charset=UTF-8" if is_error else label
    headers: _Headers = [(b"content-type", label), (b"content-length", b"%d" % len(body))]
    if status == 429:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _watch(receive: Receive, generation: Generation) -> None:
    """Stop the production when the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    generation.cancel()


def status_in(body: bytes) -> int:
    """Return the HTTP status that an error in Google's shape is sent with."""
    return http_status(msgspec.json.decode(body)["error"].get("code"))


def http_status(code: object) -> int:
    """Return ``code`` where it is an error's HTTP status, else 500."""
    return code if isinstance(code, int) and 400 <= code <= 599 else 500

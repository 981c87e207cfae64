"""Runs engines into logs. It owns what runs: readers come and go, productions stop when told to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any

from headwater.engines.base import Engine, Request
from headwater.errors import APIError, HeadwaterError, StreamError
from headwater.log.base import Log
from headwater.server import records
from headwater.server.metrics import Metrics

logger = logging.getLogger("headwater.server")

#: After so many bytes of one answer the others get their turn.
_TURN_BYTES = 64 * 1024


class Lead:
    """How far a production is ahead of its only reader. At more than ``most`` bytes it waits for the reader."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._moved = asyncio.Event()

    async def grow(self, size: int) -> None:
        """Note what was produced; return when there may be more."""
        self._bytes += size
        while self._bytes > self._most:
            self._moved.clear()
            await self._moved.wait()

    def shrink(self, size: int) -> None:
        """Note what the reader has taken."""
        self._bytes -= size
        self._moved.set()


class Generation:
    """One answer that is being produced. ``key`` is its name in the log."""

    def __init__(self, key: str, request: Request, lead: Lead | None = None) -> None:
        self.key = key
        self.request = request
        self.lead = lead
        self.started = self.begun = time.monotonic()
        self.first: float | None = None  # seconds to the first chunk
        #: What its log ends with where it is stopped early; nothing but the end, if it is the reader who wants no more.
        self.stopped_by: HeadwaterError | None = None
        self._is_stopped = False
        self._task: asyncio.Task[None] | None = None

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin the work."""
        self._task = asyncio.create_task(work, name=f"generation {self.key}")
        return self._task

    def when_done(self, call: Callable[[], None]) -> None:
        """Call ``call`` once, when nothing is produced any more and the log has its end."""
        if self._task is None:
            call()
        else:
            self._task.add_done_callback(lambda _: call())

    def cancel(self, error: HeadwaterError | None = None) -> None:
        """Stop the production at once; the log gets its end, or ``error``. Harmless after the end."""
        if not self._is_stopped and self._task is not None:
            self._is_stopped, self.stopped_by = True, error
            asyncio.get_running_loop().call_soon(self._task.cancel)  # not before its first step, or it ends nothing


class Recorder:
    """Starts productions and ends their logs, whatever becomes of them."""

    def __init__(self, log: Log, metrics: Metrics) -> None:
        self.log = log
        self._metrics = metrics
        self._running: dict[str, Generation] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        #: Set when the server begins to shut down.
        self.draining = asyncio.Event()

    def __len__(self) -> int:
        return len(self._running)

    async def start(
        self,
        engine: Engine,
        request: Request,
        *,
        key: str | None = None,
        head: bytes | None = None,
        lead: Lead | None = None,
    ) -> Generation:
        """Begin to produce an answer and return it at once; its records appear in the log under its key.

        ``head`` is a record that the log begins with. With a ``lead``, the production does not run further ahead.

        Raises:
            ConflictError: there is a log of that key already.
            APIError: 503, the server is shutting down.
        """
        if self.draining.is_set():
            raise _shutting_down()
        generation = Generation(key or secrets.token_urlsafe(24), request, lead)
        await self.log.create(generation.key)
        if head is not None:
            await self.log.append(generation.key, [head])
        self._running[generation.key] = generation
        self._tasks[generation.key] = generation.run(self._run(engine, generation))
        return generation

    def get(self, key: str) -> Generation | None:
        """Return the generation that runs under ``key``; None when none does."""
        return self._running.get(key)

    async def drain(self, grace: float) -> None:
        """Begin nothing more; end what has not finished within ``grace`` seconds with an error that says why."""
        self.draining.set()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=grace)
        for generation in list(self._running.values()):
            generation.cancel(_shutting_down())
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _run(self, engine: Engine, generation: Generation) -> None:
        key, metrics = generation.key, self._metrics
        metrics.opened(engine.name)
        try:
            await self._produce(engine, generation)
            end = records.end_record("finished", generation.first, time.monotonic() - generation.begun)
        except asyncio.CancelledError:
            metrics.cancelled(engine.name)
            end = (
                records.end_record("cancelled", generation.first, time.monotonic() - generation.begun)
                if generation.stopped_by is None
                else records.error_record(generation.stopped_by)
            )
        except HeadwaterError as error:
            metrics.failed(engine.name, type(error).__name__)
            end = records.error_record(error)
        except Exception:
            logger.exception("the engine %s failed on %s", engine.name, generation.request.model)
            metrics.failed(engine.name, "internal")
            end = records.error_record(_internal())
        finally:
            self._running.pop(key, None)
            self._tasks.pop(key, None)
            metrics.closed(engine.name)
        with contextlib.suppress(HeadwaterError):  # a log that was dropped meanwhile needs no end
            await self.log.append(key, [end])
            await self.log.seal(key)

    async def _produce(self, engine: Engine, generation: Generation) -> None:
        chunks = engine.stream(generation.request)
        unbroken = 0
        append, key, seen, lead = self.log.append, generation.key, self._metrics.chunk, generation.lead
        try:
            async with asyncio.timeout(generation.request.timeout):
                async for chunk in chunks:
                    record = records.chunk_record(chunk)
                    if generation.first is None:
                        generation.first = time.monotonic() - generation.begun
                    seen(engine.name, len(record), generation)
                    await append(key, [record])
                    if lead is not None:
                        await lead.grow(len(record))
                    unbroken += len(record)
                    if unbroken > _TURN_BYTES:  # an engine that never waits would keep everybody else waiting
                        unbroken = 0
                        await asyncio.sleep(0)
        except TimeoutError as error:
            if isinstance(error, StreamError):
                raise
            raise _too_late() from error
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()


def _shutting_down() -> APIError:
    return records.own_error(503, "UNAVAILABLE", "SHUTDOWN", "the server is shutting down: ask again")


def _internal() -> APIError:
    return records.own_error(500, "INTERNAL", "INTERNAL", "the engine failed; the server's log says why")


def _too_late() -> APIError:
    message = "the answer took longer than the client allowed (X-Server-Timeout)"
    return records.own_error(504, "DEADLINE_EXCEEDED", "DEADLINE", message)

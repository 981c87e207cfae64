"""Runs engines into logs. It owns what runs: readers come and go, productions stop when told to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any

from headwater.engines.base import Engine, EngineRequest
from headwater.errors import APIError, HeadwaterError, LogError, StreamError
from headwater.log.base import Log
from headwater.log.memory import MemoryLog
from headwater.server.http.errors import server_error
from headwater.server.http.metrics import ServerMetrics
from headwater.server.streams import record_format
from headwater.server.streams.log_keys import new_name
from headwater.server.streams.log_writer import LOST, BatchingWriter, DirectWriter, LogWriter
from headwater.server.streams.record_format import StreamStatus

logger = logging.getLogger("headwater.server")

#: After so many bytes of one answer the others get their turn.
_TURN_BYTES = 64 * 1024
#: For how long a server that does not speak up counts as alive (seconds).
LEASE = 10.0


class Backpressure:
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
    """One answer that is being produced. ``key`` is its name in ``log``; ``account`` is what was said of it before."""

    def __init__(
        self,
        key: str,
        request: EngineRequest,
        log: Log,
        *,
        lead: Backpressure | None = None,
        goes_on: bool = False,
        account: StreamStatus | None = None,
    ) -> None:
        self.key = key
        self.request = request
        self.log = log
        self.pen: LogWriter = DirectWriter(log, key)
        self.lead = lead
        #: Whether another server may go on with it when this one has to leave.
        self.goes_on = goes_on
        self.account = account or StreamStatus()
        self.started = self.begun = time.monotonic()
        self.first: float | None = None  # seconds to the first chunk
        #: What its log ends with where it is stopped early; nothing but the end, if it is the reader who wants no more.
        self.stopped_by: HeadwaterError | None = None
        #: Whether its log is not ours to end.
        self.is_lost = False
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

    def lose(self) -> None:
        """Stop the production at once, and write nothing any more."""
        self.is_lost = True
        self.cancel()

    def failed(self, error: HeadwaterError) -> None:
        """Stop the production: its log could not be written."""
        if isinstance(error, LOST):
            self.lose()
        else:
            self.cancel(_not_kept())

    def ended(self, reason: str, code: int | None = None) -> StreamStatus:
        """Return what there is to say of it at its end."""
        seconds, taken = time.monotonic() - self.begun, self.account.takeovers
        return StreamStatus(reason=reason, first=self.first, seconds=seconds, takeovers=taken, code=code)


class Recorder:
    """Starts productions and ends their logs, whatever becomes of them.

    Answers that somebody may come back for are in ``log``, in the name of ``node``: other servers go on with them or
    end them when this one says nothing for ``lease`` seconds. The others are in ``passing``, in memory. A server that
    ``hands_over`` leaves answers to the others at shutdown where they may go on with them.
    """

    def __init__(self, log: Log, metrics: ServerMetrics, *, lease: float = LEASE) -> None:
        self.log = log
        self.passing = MemoryLog()
        self.node = secrets.token_urlsafe(12)
        self.lease = lease
        self.hands_over = not isinstance(log, MemoryLog)
        self._metrics = metrics
        self._running: dict[str, Generation] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        #: Set when the server begins to shut down, and when nothing runs any more.
        self.draining = asyncio.Event()
        self.drained = asyncio.Event()

    def __len__(self) -> int:
        return len(self._running)

    async def relay(self, engine: Engine, request: EngineRequest, *, lead: Backpressure | None = None) -> Generation:
        """Begin to produce an answer for one reader and return it at once; it is in ``passing``.

        With a ``lead``, the production does not run further ahead of the reader.

        Raises:
            APIError: 503, the server is shutting down.
        """
        self._check_open()
        generation = Generation(new_name(), request, self.passing, lead=lead)
        await self.passing.create(generation.key)
        return self._begin(engine, generation)

    async def create(self, key: str, *heads: bytes) -> None:
        """Begin the log of an answer, with ``heads``; ``run`` comes next.

        Raises:
            ConflictError: there is a log of that key already.
            APIError: 503, the server is shutting down.
        """
        self._check_open()
        await self.log.create(key, writer=self.node, lease=self.lease)
        await self.log.append(key, heads, writer=self.node)

    def run(
        self,
        engine: Engine,
        request: EngineRequest,
        key: str,
        *,
        goes_on: bool = False,
        count: int = 0,
        account: StreamStatus | None = None,
    ) -> Generation:
        """Begin to produce an answer into a log that is ours and has ``count`` chunks, and return it at once."""
        generation = Generation(key, request, self.log, goes_on=goes_on and self.hands_over, account=account)
        generation.pen = BatchingWriter(self.log, key, self.node, generation.failed, count=count)
        return self._begin(engine, generation)

    def get(self, key: str) -> Generation | None:
        """Return the generation that runs under ``key``; None when none does."""
        return self._running.get(key)

    async def renew(self) -> None:
        """Say of what runs and is silent that it runs; what others have taken over stops."""
        quiet = [generation for generation in self._running.values() if self._is_quiet(generation)]
        renewing = (self.log.append(generation.key, [], writer=self.node) for generation in quiet)
        for generation, result in zip(quiet, await asyncio.gather(*renewing, return_exceptions=True), strict=True):
            if isinstance(result, LOST) and generation.key in self._running:
                generation.lose()

    async def drain(self, grace: float) -> None:
        """Begin nothing more; end what has not finished within ``grace`` seconds with an error that says why."""
        self.draining.set()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=grace)
        for generation in list(self._running.values()):
            if generation.goes_on:
                generation.lose()
            else:
                generation.cancel(shutting_down())
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self.drained.set()

    def _check_open(self) -> None:
        if self.draining.is_set():
            raise shutting_down()

    def _begin(self, engine: Engine, generation: Generation) -> Generation:
        self._running[generation.key] = generation
        self._tasks[generation.key] = generation.run(self._run(engine, generation))
        return generation

    def _is_quiet(self, generation: Generation) -> bool:
        pen = generation.pen
        return isinstance(pen, BatchingWriter) and time.monotonic() - pen.written >= self.lease / 4

    async def _run(self, engine: Engine, generation: Generation) -> None:
        self._metrics.opened(engine.name)
        try:
            record, account = await self._outcome(engine, generation)
            with contextlib.suppress(HeadwaterError):  # a log that was dropped meanwhile needs no end
                if generation.is_lost:
                    await generation.pen.settle()
                else:
                    await generation.pen.end(record, account)
        finally:
            self._running.pop(generation.key, None)
            self._tasks.pop(generation.key, None)
            self._metrics.closed(engine.name)

    async def _outcome(self, engine: Engine, generation: Generation) -> tuple[bytes, StreamStatus]:
        """Produce, and return the last record, and what there is to say."""
        metrics = self._metrics
        try:
            await self._produce(engine, generation)
            return _good_end(generation, "finished")
        except asyncio.CancelledError:
            metrics.cancelled(engine.name)
            if generation.stopped_by is None:
                return _good_end(generation, "cancelled")
            error: HeadwaterError = generation.stopped_by
        except LogError as reason:
            metrics.failed(engine.name, type(reason).__name__)
            generation.is_lost |= isinstance(reason, LOST)
            error = _not_kept()
        except HeadwaterError as reason:
            metrics.failed(engine.name, type(reason).__name__)
            error = reason
        except Exception:
            logger.exception("the engine %s failed on %s", engine.name, generation.request.model)
            metrics.failed(engine.name, "internal")
            error = _internal()
        return record_format.error_record(error), generation.ended("failed", record_format.error_code(error))

    async def _produce(self, engine: Engine, generation: Generation) -> None:
        chunks = engine.stream(generation.request)
        unbroken = 0
        add, seen, lead = generation.pen.add, self._metrics.chunk, generation.lead
        try:
            async with asyncio.timeout(generation.request.timeout):
                async for chunk in chunks:
                    record = record_format.chunk_record(chunk)
                    if generation.first is None:
                        generation.first = time.monotonic() - generation.begun
                    seen(engine.name, len(record), generation)
                    await add(record)
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


def _good_end(generation: Generation, reason: str) -> tuple[bytes, StreamStatus]:
    account = generation.ended(reason)
    return record_format.end_record(reason, account.first, account.seconds), account


def shutting_down() -> APIError:
    """Return the error of what can not begin or end here any more."""
    return server_error(503, "UNAVAILABLE", "SHUTDOWN", "the server is shutting down: ask again")


def _internal() -> APIError:
    return server_error(500, "INTERNAL", "INTERNAL", "the engine failed; the server's log says why")


def _not_kept() -> APIError:
    return server_error(503, "UNAVAILABLE", "LOG", "the server could not keep the answer: ask again")


def _too_late() -> APIError:
    message = "the answer took longer than the client allowed (X-Server-Timeout)"
    return server_error(504, "DEADLINE_EXCEEDED", "DEADLINE", message)

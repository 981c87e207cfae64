"""Runs engines into logs. It owns what runs: readers come and go, generations stop when told to.

Three classes share the life of a stream, each with one question to answer:

- ``Recorder``: what *runs* here? It iterates engines, writes their chunks, and guarantees that every log gets an end,
  whatever becomes of the engine, unless another server owns the log. It knows nothing of names, keys or readers.
- ``StreamRegistry``: what *exists*? It starts, finds, lists and stops streams on behalf of principals, wherever in the
  cluster they run. What it knows is in logs; it may be asked on any server.
- ``Retention``: what may be *deleted*? It counts the readers of the streams that ran on this server, and drops those
  whose time is up. It is the only one with timers.

They know each other in this order only: the registry uses the recorder and the retention, which do not know it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec

from headwater.contract.streams import CANCELLED, FAILED, FINISHED
from headwater.engines.base import Engine, EngineRequest
from headwater.errors import APIError, HeadwaterError, LogError, StreamError
from headwater.log.base import Log, is_in_memory
from headwater.log.memory import MemoryLog
from headwater.protocols.serving import TURN_BYTES
from headwater.server.http.errors import server_error
from headwater.server.http.metrics import ServerMetrics
from headwater.server.streams import record_format
from headwater.server.streams.log_health import LogHealth
from headwater.server.streams.log_keys import new_name
from headwater.server.streams.log_writer import NOT_OWNER, BatchingWriter, DirectWriter, LogWriter
from headwater.server.streams.record_format import StreamStatus

logger = logging.getLogger("headwater.server")


class Backpressure:
    """Limits how far a generation is ahead of its only reader, in bytes. Beyond ``limit`` the engine waits."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._moved = asyncio.Event()

    async def add(self, size: int) -> None:
        """Count what was produced; return when more may be."""
        self._bytes += size
        while self._bytes > self._limit:
            self._moved.clear()
            await self._moved.wait()

    def release(self, size: int) -> None:
        """Count what the reader has taken."""
        self._bytes -= size
        self._moved.set()


class Generation:
    """An engine at work on the answer in log ``key``. ``status`` is the answer's status if it was taken over."""

    def __init__(
        self,
        key: str,
        request: EngineRequest,
        log: Log,
        *,
        backpressure: Backpressure | None = None,
        resumable: bool = False,
        status: StreamStatus | None = None,
    ) -> None:
        self.key = key
        self.request = request
        self.log = log
        self.writer: LogWriter = DirectWriter(log, key)
        self.backpressure = backpressure
        #: Whether another server may resume it when this one shuts down.
        self.resumable = resumable
        self.status = status or StreamStatus()
        self.waiting_since = self.started_at = time.monotonic()
        self.first_chunk: float | None = None  # seconds to the first chunk
        #: The error that its log ends with if it is stopped early; None if a reader stopped it, which is a good end.
        self.stopped_by: HeadwaterError | None = None
        #: Whether another server is to end its log.
        self.is_abandoned = False
        #: Whether this server leaves it to the others since it shuts down.
        self.is_handed_over = False
        #: Whether the engine is done, and the end is written.
        self.is_ending = False
        self._is_stopped = False
        self._task: asyncio.Task[None] | None = None

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start the work."""
        self._task = asyncio.create_task(work, name=f"generation {self.key}")
        return self._task

    def add_done_callback(self, call: Callable[[], None]) -> None:
        """Call ``call`` once, when the work is done and the log has its end."""
        if self._task is None:
            call()
        else:
            self._task.add_done_callback(lambda _: call())

    def cancel(self, error: HeadwaterError | None = None) -> None:
        """Stop the engine at once. The log gets an end, or ``error``. Harmless after the end."""
        if not self._is_stopped and self._task is not None:
            self._is_stopped, self.stopped_by = True, error
            # Not before the task's first step: a task that is cancelled before it runs never gets to end its log.
            asyncio.get_running_loop().call_soon(self._cancel_task)

    def _cancel_task(self) -> None:
        # Nor while it writes the end.
        if self._task is not None and not self.is_ending:
            self._task.cancel()

    def hand_over(self) -> None:
        """Stop the engine at once, and leave the log without an end to another server."""
        self.is_handed_over = True
        self.abandon()

    def abandon(self) -> None:
        """Stop the engine at once, and write nothing more to the log."""
        self.is_abandoned = True
        self.cancel()

    def on_write_error(self, error: HeadwaterError) -> None:
        """Stop the engine, since its log could not be written."""
        if isinstance(error, NOT_OWNER):
            self.abandon()
        else:
            self.cancel(log_unwritable())

    def final_status(self, reason: str, code: int | None = None) -> StreamStatus:
        """Return its status at its end."""
        seconds, taken = time.monotonic() - self.started_at, self.status.takeovers
        return StreamStatus(reason=reason, first_chunk=self.first_chunk, seconds=seconds, takeovers=taken, code=code)


#: Returns a principal's request as the engine is to get it.
Prepare = Callable[[bytes, Engine, EngineRequest], Awaitable[EngineRequest]]


async def _unchanged(principal: bytes, engine: Engine, request: EngineRequest) -> EngineRequest:
    return request


class Recorder:
    """Starts generations and ends their logs, whatever becomes of them.

    Stored streams are in ``log``, owned by ``node_id``: after ``lease`` seconds without a renewal other servers resume
    or end them. Answers that are relayed to one reader are in ``relay_log``, in memory. A server that ``hands_over``
    leaves resumable streams to the other servers when it shuts down.
    """

    def __init__(self, log: Log, metrics: ServerMetrics, *, lease: float) -> None:
        self.log = log
        self.relay_log = MemoryLog()
        self.node_id = secrets.token_urlsafe(12)
        self.lease = lease
        self.hands_over = not is_in_memory(log)
        self._metrics = metrics
        self._running: dict[str, Generation] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.health = LogHealth()
        #: Puts what a request refers to into it, before it is written and an engine gets it.
        self.prepare: Prepare = _unchanged
        #: Set when the server begins to shut down, and when nothing runs any more.
        self.draining = asyncio.Event()
        self.drained = asyncio.Event()

    def __len__(self) -> int:
        return len(self._running)

    @property
    def generations(self) -> tuple[Generation, ...]:
        """The generations that run now."""
        return tuple(self._running.values())

    async def relay(
        self, engine: Engine, request: EngineRequest, *, backpressure: Backpressure | None = None
    ) -> Generation:
        """Start a generation for one reader and return it at once. Its log is in ``relay_log``.

        With ``backpressure`` the engine does not run further ahead of the reader than that allows.

        Raises:
            APIError: 503, if the server is shutting down.
        """
        self._check_open()
        generation = Generation(new_name(), request, self.relay_log, backpressure=backpressure)
        await self.relay_log.create(generation.key)
        return self._launch(engine, generation)

    async def create(self, key: str, *headers: bytes) -> None:
        """Create the log of a stream, beginning with ``headers``. ``run`` comes next.

        Raises:
            ConflictError: if a log of that key exists.
            APIError: 503, if the server is shutting down.
        """
        self._check_open()
        try:
            await self.log.create(key, writer=self.node_id, lease=self.lease)
            await self.log.append(key, headers, writer=self.node_id)
        except NOT_OWNER:
            raise
        except LogError:
            self.health.record_write(is_done=False)
            raise

    def run(
        self,
        engine: Engine,
        request: EngineRequest,
        key: str,
        *,
        resumable: bool = False,
        count: int = 0,
        status: StreamStatus | None = None,
    ) -> Generation:
        """Start a generation on a log that is ours and has ``count`` chunks, and return it at once."""
        generation = Generation(key, request, self.log, resumable=resumable and self.hands_over, status=status)
        generation.writer = BatchingWriter(self.log, key, self.node_id, generation.on_write_error, count=count)
        return self._launch(engine, generation)

    def get(self, key: str) -> Generation | None:
        """Return the generation that writes to the log ``key``, or None."""
        return self._running.get(key)

    async def renew_leases(self) -> None:
        """Renew the leases of generations that append nothing; abandon those that another server has taken over."""
        silent = [generation for generation in self._running.values() if self._needs_renewal(generation)]
        renewing = (self.log.append(generation.key, [], writer=self.node_id) for generation in silent)
        for generation, result in zip(silent, await asyncio.gather(*renewing, return_exceptions=True), strict=True):
            if isinstance(result, NOT_OWNER) and generation.key in self._running:
                generation.abandon()

    async def drain(self, grace: float) -> None:
        """Start nothing more, and after ``grace`` seconds end what still runs, with an error that says why.

        Streams that another server may resume get no end: their leases run out.
        """
        self.draining.set()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=grace)
        for generation in self.generations:
            if generation.resumable:
                generation.hand_over()
            else:
                generation.cancel(shutting_down())
        # Cancelled generations still write their ends.
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self.drained.set()

    def _check_open(self) -> None:
        if self.draining.is_set():
            raise shutting_down()

    def _launch(self, engine: Engine, generation: Generation) -> Generation:
        self._running[generation.key] = generation
        self._tasks[generation.key] = generation.run(self._run(engine, generation))
        return generation

    def _needs_renewal(self, generation: Generation) -> bool:
        writer = generation.writer
        return isinstance(writer, BatchingWriter) and time.monotonic() - writer.written_at >= self.lease / 4

    async def _run(self, engine: Engine, generation: Generation) -> None:
        self._metrics.opened(engine.name)
        try:
            # The log gets its end before the generation counts as done: readers, retention and shutdown rely on that
            # order.
            record, status = await self._outcome(engine, generation)
            generation.is_ending = True
            with contextlib.suppress(*NOT_OWNER):  # what is no longer ours, or was dropped, needs no end
                await self._end(generation, record, status)
        finally:
            self._running.pop(generation.key, None)
            self._tasks.pop(generation.key, None)
            self._metrics.closed(engine.name)

    async def _end(self, generation: Generation, record: bytes, status: StreamStatus) -> None:
        try:
            if generation.is_abandoned:
                await self._leave(generation)
            else:
                await generation.writer.end(record, status)
        except NOT_OWNER:
            raise
        except LogError as error:
            logger.error("the end of stream %s could not be written: %s", generation.key, error)
            self.health.add_lost(generation.key)

    async def _leave(self, generation: Generation) -> None:
        """Leave a log to the other servers. One that was not lost to them says that this server did not die of it."""
        await generation.writer.flush()
        if generation.is_handed_over:
            note = msgspec.json.encode(msgspec.structs.replace(generation.status, handed_over=True))
            await self.log.append(generation.key, [], writer=self.node_id, note=note)

    async def _outcome(self, engine: Engine, generation: Generation) -> tuple[bytes, StreamStatus]:
        """Run the engine to its end. Return the last record of the log, and the final status."""
        metrics = self._metrics
        try:
            await self._produce(engine, generation)
            return _end_record(generation, FINISHED)
        except asyncio.CancelledError:
            metrics.cancelled(engine.name)
            if generation.stopped_by is None:
                return _end_record(generation, CANCELLED)
            error: HeadwaterError = generation.stopped_by
        except LogError as reason:
            metrics.failed(engine.name, type(reason).__name__)
            generation.is_abandoned |= isinstance(reason, NOT_OWNER)
            error = log_unwritable()
        except HeadwaterError as reason:
            metrics.failed(engine.name, type(reason).__name__)
            error = reason
        except Exception:
            logger.exception("the engine %s failed on %s", engine.name, generation.request.model)
            metrics.failed(engine.name, "internal")
            error = _engine_error()
        return record_format.error_record(error), generation.final_status(FAILED, record_format.error_code(error))

    async def _produce(self, engine: Engine, generation: Generation) -> None:
        chunks = engine.stream(generation.request)
        unbroken = 0
        # The loop below is what a chunk costs on the server. What it needs is looked up once.
        add, seen, backpressure = generation.writer.add, self._metrics.chunk, generation.backpressure
        try:
            async with asyncio.timeout(generation.request.timeout):
                async for chunk in chunks:
                    record = record_format.chunk_record(chunk)
                    if generation.first_chunk is None:
                        generation.first_chunk = time.monotonic() - generation.started_at
                    seen(engine.name, len(record), generation)
                    await add(record)
                    if backpressure is not None:
                        await backpressure.add(len(record))
                    unbroken += len(record)
                    if unbroken > TURN_BYTES:  # an engine that never waits would starve the other tasks
                        unbroken = 0
                        await asyncio.sleep(0)
        except TimeoutError as error:
            # A deadline of the engine itself, not the one that the client has set.
            if isinstance(error, StreamError):
                raise
            raise _deadline_error() from error
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()


def _end_record(generation: Generation, reason: str) -> tuple[bytes, StreamStatus]:
    status = generation.final_status(reason)
    return record_format.end_record(reason, status.first_chunk, status.seconds), status


def shutting_down() -> APIError:
    """Return the error of what cannot start or finish here any more."""
    return server_error(503, "UNAVAILABLE", "SHUTDOWN", "the server is shutting down: send the request again")


def _engine_error() -> APIError:
    return server_error(500, "INTERNAL", "INTERNAL", "the engine failed; the server's log says why")


def log_unwritable() -> APIError:
    """Return the error of an answer that cannot be stored."""
    return server_error(503, "UNAVAILABLE", "LOG", "the server could not store the answer: send the request again")


def _deadline_error() -> APIError:
    message = "the answer took longer than the client allowed (X-Server-Timeout)"
    return server_error(504, "DEADLINE_EXCEEDED", "DEADLINE", message)

"""One server among those that share a log: it says that it is alive, hears what the others want, and follows dead ones.

Each server has a log of its own, in which the others leave messages. Its leases are renewed in time; where a lease runs
out, its server is dead, and whoever sees it first ends the answer or goes on with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress

import msgspec

from headwater.contract.streams import FAILED, FINISHED
from headwater.engines.base import EngineRequest
from headwater.engines.resuming import ResumingEngine
from headwater.errors import APIError, ConflictError, HeadwaterError, LogError, SealedError, UnknownStreamError
from headwater.log.base import tail
from headwater.server.http.errors import server_error
from headwater.server.streams import record_format
from headwater.server.streams.log_keys import CONTROL, control_key, is_name
from headwater.server.streams.record_format import StreamHeader, StreamStatus
from headwater.server.streams.recorder import Recorder
from headwater.server.streams.registry import StreamRegistry
from headwater.server.streams.routing import EngineRouter

logger = logging.getLogger("headwater.server")

#: An answer over which so many servers died, one after the other and without another chunk, is given up.
_MAX_IDLE_TAKEOVERS = 3
#: How often to look for what dead servers have left, at least (seconds): an answer goes on so soon after the lease.
_MAX_POLL = 0.5


class ClusterNode:
    """Lives as long as its server, and works from ``join`` to ``leave``."""

    def __init__(self, registry: StreamRegistry, recorder: Recorder, router: EngineRouter) -> None:
        self._registry = registry
        self._recorder = recorder
        self._router = router
        self._log = recorder.log
        self._key = control_key(recorder.node_id)
        self._tasks: list[asyncio.Task[None]] = []

    def join(self) -> None:
        """Begin to work."""
        period = self._recorder.lease / 4
        works = ((self._listen, period), (self._renew, period), (self._take_over_stale, min(period, _MAX_POLL)))
        self._tasks = [asyncio.create_task(self._repeat(work, period)) for work, period in works]

    async def leave(self) -> None:
        """Stop working, and tell the others that there is nobody here any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(LogError):
            await self._log.drop(self._key)

    async def _repeat(self, work: Callable[[], Awaitable[None]], period: float) -> None:
        while True:
            try:
                await work()
            except LogError as error:
                logger.warning("the log does not answer: %s", error)
            except Exception:
                logger.exception("a server task failed; it goes on")
            await asyncio.sleep(period)

    # What the others want

    async def _listen(self) -> None:
        with suppress(ConflictError):  # it is there since the last time
            await self._log.create(self._key, writer=self._recorder.node_id, lease=self._recorder.lease)
        with suppress(UnknownStreamError):  # taken for dead: begin anew
            async with aclosing(tail(self._log, self._key)) as pages:
                async for page in pages:
                    for record in page.records:
                        self._handle_message(record)

    def _handle_message(self, record: bytes) -> None:
        match msgspec.json.decode(record):
            case {"stop": str(name)}:
                self._registry.retention.stop(name)
                running = self._recorder.get(name)
                if running is not None:
                    running.cancel()
            case {"hold": str(name)}:
                self._registry.retention.keep_alive(name)

    # Leases

    async def _renew(self) -> None:
        """Say that this server and what runs here are alive."""
        await self._recorder.renew_leases()
        with suppress(UnknownStreamError, ConflictError):
            await self._log.append(self._key, [], writer=self._recorder.node_id)

    async def _take_over_stale(self) -> None:
        """Follow dead servers."""
        if not self._recorder.draining.is_set():
            await asyncio.gather(*map(self._take_over, await self._log.stale()))

    async def _take_over(self, key: str) -> None:
        if key.startswith(CONTROL) and key != self._key:
            await self._log.drop(key)
            return
        if not is_name(key) or self._recorder.get(key) is not None:
            return
        with suppress(ConflictError, SealedError, UnknownStreamError):  # another was faster
            state = await self._log.take_over(key, self._recorder.node_id, lease=self._recorder.lease)
            await self._resume_or_end(key, record_format.read_status(state.note))

    async def _resume_or_end(self, key: str, status: StreamStatus) -> None:
        """End an answer that is ours now, or go on with it."""
        records = await self._read_records(key)
        header = record_format.read_header(records[0]) if records else None
        status = _status_after_takeover(status, len(records))
        if header is None:  # its server died before it had begun
            await self._log.drop(key)
        elif not header.has_request or len(records) < header.start or status.idle_takeovers > _MAX_IDLE_TAKEOVERS:
            await self._end(key, _server_died(), status)
        else:
            await self._resume(key, header, records, status)

    async def _resume(self, key: str, header: StreamHeader, records: list[bytes], status: StreamStatus) -> None:
        chunks = [record[1:] for record in records[header.start :]]
        try:
            engine = self._router.named(header.engine) if header.engine else self._router.for_model(header.model)
            resuming = ResumingEngine(engine, chunks)
        except HeadwaterError as error:  # no such engine here, or a chunk that nobody understands
            await self._end(key, error if isinstance(error, APIError) else _server_died(), status)
            return
        if resuming.is_whole:
            await self._end(key, None, status)
            return
        note = msgspec.json.encode(status)
        await self._log.append(key, [], writer=self._recorder.node_id, note=note)
        request = EngineRequest(header.model, records[1][1:])
        generation = self._recorder.run(resuming, request, key, resumable=True, count=len(chunks), status=status)
        self._registry.adopt(key, header, generation)
        logger.warning("the server of a stream died: going on with it after %d chunks", len(chunks))

    async def _end(self, key: str, error: APIError | None, status: StreamStatus) -> None:
        reason, code = (FINISHED, None) if error is None else (FAILED, error.code)
        record = record_format.end_record(reason) if error is None else record_format.error_record(error)
        note = msgspec.json.encode(msgspec.structs.replace(status, reason=reason, code=code))
        await self._log.append(key, [record], writer=self._recorder.node_id, seal=True, note=note)

    async def _read_records(self, key: str) -> list[bytes]:
        records: list[bytes] = []
        while page := (await self._log.read(key, len(records))).records:
            records += page
        return records


def _status_after_takeover(status: StreamStatus, count: int) -> StreamStatus:
    """What there is to say of an answer with ``count`` records that was taken over once more."""
    idle = status.idle_takeovers + 1 if count == status.known_records else 1
    return msgspec.structs.replace(status, takeovers=status.takeovers + 1, idle_takeovers=idle, known_records=count)


def _server_died() -> APIError:
    return server_error(503, "UNAVAILABLE", "LOST", "the server that produced this answer died: ask again")

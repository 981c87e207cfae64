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
_MOST_IDLE = 3
#: How often to look for what dead servers have left, at least (seconds): an answer goes on so soon after the lease.
_LOOK = 0.5


class ClusterNode:
    """Lives as long as its server, and works from ``join`` to ``leave``."""

    def __init__(self, generations: StreamRegistry, recorder: Recorder, engines: EngineRouter) -> None:
        self._generations = generations
        self._recorder = recorder
        self._engines = engines
        self._log = recorder.log
        self._key = control_key(recorder.node)
        self._tasks: list[asyncio.Task[None]] = []

    def join(self) -> None:
        """Begin to work."""
        often = self._recorder.lease / 4
        works = ((self._listen, often), (self._renew, often), (self._look, min(often, _LOOK)))
        self._tasks = [asyncio.create_task(self._again(work, period)) for work, period in works]

    async def leave(self) -> None:
        """Stop working, and tell the others that there is nobody here any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(LogError):
            await self._log.drop(self._key)

    async def _again(self, work: Callable[[], Awaitable[None]], period: float) -> None:
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
            await self._log.create(self._key, writer=self._recorder.node, lease=self._recorder.lease)
        with suppress(UnknownStreamError):  # taken for dead: begin anew
            async with aclosing(tail(self._log, self._key)) as pages:
                async for page in pages:
                    for record in page.records:
                        self._hear(record)

    def _hear(self, record: bytes) -> None:
        match msgspec.json.decode(record):
            case {"stop": str(name)}:
                self._generations.keeper.stop(name)
                running = self._recorder.get(name)
                if running is not None:
                    running.cancel()
            case {"hold": str(name)}:
                self._generations.keeper.hold(name)

    # Leases

    async def _renew(self) -> None:
        """Say that this server and what runs here are alive."""
        await self._recorder.renew()
        with suppress(UnknownStreamError, ConflictError):
            await self._log.append(self._key, [], writer=self._recorder.node)

    async def _look(self) -> None:
        """Follow dead servers."""
        if not self._recorder.draining.is_set():
            await asyncio.gather(*map(self._follow, await self._log.stale()))

    async def _follow(self, key: str) -> None:
        if key.startswith(CONTROL) and key != self._key:
            await self._log.drop(key)
            return
        if not is_name(key) or self._recorder.get(key) is not None:
            return
        with suppress(ConflictError, SealedError, UnknownStreamError):  # another was faster
            state = await self._log.take_over(key, self._recorder.node, lease=self._recorder.lease)
            await self._take(key, record_format.read_status(state.note))

    async def _take(self, key: str, account: StreamStatus) -> None:
        """End an answer that is ours now, or go on with it."""
        found = await self._read(key)
        head = record_format.read_header(found[0]) if found else None
        account = _taken(account, len(found))
        if head is None:  # its server died before it had begun
            await self._log.drop(key)
        elif not head.has_request or len(found) < head.first or account.idle > _MOST_IDLE:
            await self._end(key, _lost(), account)
        else:
            await self._go_on(key, head, found, account)

    async def _go_on(self, key: str, head: StreamHeader, found: list[bytes], account: StreamStatus) -> None:
        said = [record[1:] for record in found[head.first :]]
        try:
            engine = self._engines.named(head.engine) if head.engine else self._engines.for_model(head.model)
            onward = ResumingEngine(engine, said)
        except HeadwaterError as error:  # no such engine here, or a chunk that nobody understands
            await self._end(key, error if isinstance(error, APIError) else _lost(), account)
            return
        if onward.is_whole:
            await self._end(key, None, account)
            return
        note = msgspec.json.encode(account)
        await self._log.append(key, [], writer=self._recorder.node, note=note)
        request = EngineRequest(head.model, found[1][1:])
        generation = self._recorder.run(onward, request, key, goes_on=True, count=len(said), account=account)
        self._generations.go_on(key, head, generation)
        logger.warning("the server of a stream died: going on with it after %d chunks", len(said))

    async def _end(self, key: str, error: APIError | None, account: StreamStatus) -> None:
        reason, code = ("finished", None) if error is None else ("failed", error.code)
        record = record_format.end_record(reason) if error is None else record_format.error_record(error)
        note = msgspec.json.encode(msgspec.structs.replace(account, reason=reason, code=code))
        await self._log.append(key, [record], writer=self._recorder.node, seal=True, note=note)

    async def _read(self, key: str) -> list[bytes]:
        found: list[bytes] = []
        while page := (await self._log.read(key, len(found))).records:
            found += page
        return found


def _taken(account: StreamStatus, count: int) -> StreamStatus:
    """What there is to say of an answer with ``count`` records that was taken over once more."""
    idle = account.idle + 1 if count == account.known else 1
    return msgspec.structs.replace(account, takeovers=account.takeovers + 1, idle=idle, known=count)


def _lost() -> APIError:
    return server_error(503, "UNAVAILABLE", "LOST", "the server that produced this answer died: ask again")

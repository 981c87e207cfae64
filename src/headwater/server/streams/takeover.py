"""One server among those that share a log: it renews its leases, reads its messages, and takes over from dead servers.

Theory of operation
===================

Servers that share a log share its streams: any of them lists, describes and reads any stream, since everything about a
stream is in its log. Only one of them *runs* it, the log's writer. No server knows the others, there is no coordinator
and no membership list. Two mechanisms are enough.

*Leases: who may write.* A running stream's log has its server as writer, and a lease. Appends renew the lease; a silent
generation's lease is renewed every quarter of it (``Recorder.renew_leases``). A server that stops renewing is
considered dead. Any server that finds a stale log (``_take_over_stale``, about twice a second) may call
``take_over``, which succeeds for exactly one of them. From then on the log refuses appends in the old writer's name. A
server that was not dead but paused finds out by that refusal (``NOT_OWNER``), abandons the generation and writes
nothing more, not even an end.

*Messages: who should do what.* Each server has a control log, in which the others leave two kinds of messages: stop
this stream, and "this stream has a reader here" (``hold``). Messages are hints. One that is lost with its server costs
time and no correctness: whoever wants a stream stopped watches the stream's log, and ends it itself once it is stale.

*What a dead server leaves*, and what its successor does with it:

- No header (it died between create and append): the log is dropped. No client was told its name.
- A header with ``on_break`` "fail": the log is sealed with an error that says why (503, LOST).
- The request, and chunks up to a finish reason: sealed as finished. Only the end was missing.
- The request, and a part of the answer: resumed. An engine continues the answer in the same log.
- The same, but the dead server added no chunk: suspect, since the request itself may have killed it. It is retried
  once (``_MAX_IDLE_TAKEOVERS``), and sealed with the error if that server adds nothing either. A request that kills
  its servers must not travel through the whole cluster, nor come back after each restart.

*Suspects are retried alone.* A server retries one suspect at a time (``_retry_suspects``): the next one has to wait for
the first chunk, or until the server has visibly survived the request for a while (``_PROBATION_TICKS``). The others
stay stale, and any server may take them. So if a suspect kills its server again, the innocent ones that had waited for
their first chunk on the same dead server are not counted as guilty with it.

*Why nothing is lost.* What a reader has seen was read from the log, so it is in the log, and the new writer continues
after the last record there. Chunks that the dead server had produced but not appended were seen by no one; the resumed
engine produces their text again, perhaps in other words.

*Why nothing is doubled.* The new writer reads the log after ``take_over``, when no other server can append, so what it
resumes from is complete. ``ResumingEngine`` joins the rest to what is there. The writer name in each append makes two
servers with the same stream impossible, whatever their clocks say.

*The order in a takeover.* First ``take_over`` (the fence), then read, then write the status with the new takeover
count, and only then parse the chunks and run the engine: a server that dies of this request has been counted by then.

*Shutdown* is a gentler death: what may be resumed elsewhere is abandoned after the grace period without an end, its
lease runs out, and another server resumes it. The note says so (``handed_over``): such a server did not die of the
stream, which is no suspect for it. The others get an end that says why. ``leave`` drops the control log, so
that no messages are left for a server that is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress

import msgspec

from headwater.contract.streams import FAILED, FINISHED
from headwater.engines.base import EngineRequest
from headwater.engines.resuming import ResumingEngine
from headwater.errors import APIError, ConflictError, HeadwaterError, LogError, SealedError, UnknownStreamError
from headwater.log.base import tail
from headwater.server.http.errors import server_error
from headwater.server.http.offload import run_sized
from headwater.server.streams import record_format
from headwater.server.streams.log_keys import CONTROL, control_key, header_of, is_name
from headwater.server.streams.record_format import StreamHeader, StreamStatus
from headwater.server.streams.recorder import Generation, Recorder
from headwater.server.streams.registry import StreamRegistry
from headwater.server.streams.routing import EngineRouter

logger = logging.getLogger("headwater.server")

#: How many servers in a row may die without adding a chunk before a stream is given up with the next one that does.
_MAX_IDLE_TAKEOVERS = 1
#: How many rounds the event loop has to make with a suspect before the next one may run (each of ``_TICK`` seconds).
#: Rounds and not a time: a loop that is frozen makes none.
_PROBATION_TICKS = 20
_TICK = 0.05
#: The longest pause between two searches for stale logs (seconds): how long after its lease an answer is resumed.
_MAX_POLL = 0.5


#: Makes the request for an engine again, from the header of a stream and the request in its log.
RequestReader = Callable[[StreamHeader, bytes], Awaitable[EngineRequest]]


class ClusterNode:
    """A server's part in the cluster, from ``join`` to ``leave``.

    ``readers`` read the requests of streams that speak another API than Gemini's, by the ``kind`` in their headers.
    """

    def __init__(
        self,
        registry: StreamRegistry,
        recorder: Recorder,
        router: EngineRouter,
        *,
        readers: Mapping[str, RequestReader] | None = None,
    ) -> None:
        self._registry = registry
        self._readers = readers or {}
        self._recorder = recorder
        self._router = router
        self._log = recorder.log
        self._key = control_key(recorder.node_id)
        self._tasks: list[asyncio.Task[None]] = []
        self._suspects: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()  # those in ``_suspects``, which are found stale again in each round

    def join(self) -> None:
        """Start renewing leases, reading messages and taking over stale logs."""
        period = self._recorder.lease / 4
        search = min(period, _MAX_POLL)
        works = (
            (self._listen, period),
            (self._renew, period),
            (self._take_over_stale, search),
            (self._retry_suspects, search),
        )
        self._tasks = [asyncio.create_task(self._repeat(work, period)) for work, period in works]

    async def leave(self) -> None:
        """Stop, and drop the control log, so that no messages are left for this server."""
        await self.stop()
        with suppress(LogError):
            await self._log.drop(self._key)

    async def stop(self) -> None:
        """Stop without a word: once its lease has run out, the other servers consider this one dead."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, work: Callable[[], Awaitable[None]], period: float) -> None:
        while True:
            try:
                await work()
            except LogError as error:
                logger.warning("the log is unavailable: %s", error)
            except Exception:
                logger.exception("a task of the server failed; it is repeated")
            await asyncio.sleep(period)

    # Messages

    async def _listen(self) -> None:
        with suppress(ConflictError):  # it still exists from the previous round
            await self._log.create(self._key, writer=self._recorder.node_id, lease=self._recorder.lease)
        # A server that considered this one dead has dropped it: it is created again in the next round.
        with suppress(UnknownStreamError):
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
        """Renew the leases of this server and of what runs here."""
        await self._recorder.renew_leases()
        health = self._recorder.health
        try:
            with suppress(UnknownStreamError, ConflictError):
                await self._log.append(self._key, [], writer=self._recorder.node_id)
        except LogError:
            health.record_write(is_done=False)
            raise
        health.record_write(is_done=True)
        for name in health.lost:
            await self._check_lost(name)

    async def _check_lost(self, name: str) -> None:
        """Find out whether another server has ended or taken over a stream whose end could not be written."""
        try:
            state = await self._log.state(name)
        except UnknownStreamError:
            self._recorder.health.remove_lost(name)
        else:
            if state.is_sealed or state.writer != self._recorder.node_id:
                self._recorder.health.remove_lost(name)

    async def _take_over_stale(self) -> None:
        """Take over what dead servers have left. A server that is shutting down starts nothing new."""
        if not self._recorder.draining.is_set():
            await asyncio.gather(*map(self._take_over, await self._log.stale()))

    async def _take_over(self, key: str) -> None:
        if key.startswith(CONTROL) and key != self._key:  # the messages for a dead server
            await self._log.drop(key)
            return
        # Other logs with a lease belong to other parts of the server. A stream that still runs here has a lease that is
        # only late: renewing it is cheaper than taking over from oneself.
        if not is_name(key) or self._recorder.get(key) is not None or key in self._queued:
            return
        if await self._is_suspect(key):
            self._queued.add(key)
            self._suspects.put_nowait(key)
        else:
            await self._take_over_stream(key)

    async def _is_suspect(self, key: str) -> bool:
        """Whether the server of a stale stream may have died of it: it is to be run again, and has not grown."""
        header = await header_of(self._log, key)
        if header is None or not header.has_request:  # it is dropped or ended, and never run
            return False
        with suppress(UnknownStreamError):
            state = await self._log.state(key)
            status = _status_after_takeover(record_format.read_status(state.note), header, state.next)
            return 0 < status.idle_takeovers <= _MAX_IDLE_TAKEOVERS
        return False

    async def _retry_suspects(self) -> None:
        """Retry suspect streams, one after the other."""
        key = await self._suspects.get()
        try:
            if not self._recorder.draining.is_set():
                await self._watch(await self._take_over_stream(key))
        finally:
            self._queued.discard(key)

    async def _watch(self, generation: Generation | None) -> None:
        """Return when a suspect has a chunk or an end, or the server has lived on with it for a while."""
        for _ in range(_PROBATION_TICKS):
            is_running = generation is not None and self._recorder.get(generation.key) is generation
            if not is_running or generation is None or generation.first_chunk is not None:
                return
            await asyncio.sleep(_TICK)

    async def _take_over_stream(self, key: str) -> Generation | None:
        """Become the writer of a stream, and resume or end it. None if nothing runs."""
        with suppress(ConflictError, SealedError, UnknownStreamError):  # another server was faster
            state = await self._log.take_over(key, self._recorder.node_id, lease=self._recorder.lease)
            generation = await self._resume_or_end(key, record_format.read_status(state.note))
            self._recorder.health.remove_lost(key)  # not before: the log may still refuse to be written
            return generation
        return None

    async def _resume_or_end(self, key: str, status: StreamStatus) -> Generation | None:
        """Resume a stream that is ours now, or seal it."""
        records = await self._read_records(key)
        header = record_format.read_header(records[0]) if records else None
        if header is None:  # its server died before it could append the header
            await self._log.drop(key)
            return None
        status = _status_after_takeover(status, header, len(records))
        if header.has_request and len(records) >= header.start and status.idle_takeovers <= _MAX_IDLE_TAKEOVERS:
            return await self._resume(key, header, records, status)
        if status.idle_takeovers > _MAX_IDLE_TAKEOVERS:
            logger.error("stream %s is given up: servers died of it before it had a chunk", key)
        await self._end(key, _server_died(), status)
        return None

    async def _resume(
        self, key: str, header: StreamHeader, records: list[bytes], status: StreamStatus
    ) -> Generation | None:
        note = msgspec.json.encode(status)
        await self._log.append(key, [], writer=self._recorder.node_id, note=note)
        chunks = [record[1:] for record in records[header.start :]]
        try:
            engine = self._router.named(header.engine) if header.engine else self._router.for_model(header.model)
            resuming = await run_sized(sum(map(len, chunks)), ResumingEngine, engine, chunks)
            request = await self._read_request(header, records[1][1:])
        except HeadwaterError as error:  # no such engine here, or chunks that cannot be read
            await self._end(key, error if isinstance(error, APIError) else _server_died(), status)
            return None
        if resuming.is_whole:
            await self._end(key, None, status)
            return None
        generation = self._recorder.run(resuming, request, key, resumable=True, count=len(chunks), status=status)
        self._registry.adopt(key, header, generation)
        logger.warning("the server of a stream died: resuming it after %d chunks", len(chunks))
        return generation

    async def _read_request(self, header: StreamHeader, body: bytes) -> EngineRequest:
        """The request of a stream, which is not Gemini's where the header names another kind."""
        if not header.kind:
            return EngineRequest(header.model, body)
        reader = self._readers.get(header.kind)
        if reader is None:  # stored by a later version of this package
            raise _server_died()
        return await reader(header, body)

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


def _status_after_takeover(status: StreamStatus, header: StreamHeader, count: int) -> StreamStatus:
    """The status of a stream with ``count`` records that was taken over once more."""
    idle = status.idle_takeovers
    if count > max(status.known_records, header.start):
        idle = 0
    elif not status.handed_over:
        idle += 1
    taken = status.takeovers + 1
    return msgspec.structs.replace(status, takeovers=taken, idle_takeovers=idle, known_records=count, handed_over=False)


def _server_died() -> APIError:
    return server_error(503, "UNAVAILABLE", "LOST", "the server that produced this answer died: send the request again")

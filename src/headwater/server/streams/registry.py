"""The stored streams of a server: started here, and found, listed, stopped and deleted from any server on the same log.

Everything about a stream is in its log. Memory only has what runs or is read on this server. ``recorder.py`` says who
else has a part in the life of a stream.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from headwater.contract.streams import CANCELLED
from headwater.engines.base import Engine, EngineRequest
from headwater.errors import ConflictError, LogError, UnknownStreamError
from headwater.log.base import Log, LogState
from headwater.server.http.auth import Auth
from headwater.server.http.background import BackgroundTasks
from headwater.server.http.offload import run_sized
from headwater.server.streams import record_format
from headwater.server.streams.idempotency import IdempotencyKeys, request_digest
from headwater.server.streams.links import shared_secret
from headwater.server.streams.log_keys import claim_key, control_key, header_of, list_keys, new_name, owner_of
from headwater.server.streams.log_writer import NOT_OWNER
from headwater.server.streams.record_format import StreamHeader, StreamStatus
from headwater.server.streams.recorder import Generation, Recorder
from headwater.server.streams.retention import RetainedStream, Retention, RetentionPolicy
from headwater.server.streams.routing import EngineRouter

#: How far a list goes back if streams are kept for ever (seconds).
_LIST_SECONDS = 30 * 24 * 3600.0
#: How often a server checks whether a stream that it wants stopped has ended (seconds).
_STOP_POLL = 0.25


class StartedStream(NamedTuple):
    """A stream that was started: now, or before with the same idempotency key (``is_new`` is False)."""

    name: str
    header: StreamHeader
    is_new: bool


class StoredStream(NamedTuple):
    """A stream as it is now."""

    name: str
    header: StreamHeader
    state: LogState

    @property
    def status(self) -> StreamStatus:
        """Its status, as its writer last set it."""
        return record_format.read_status(self.state.note)

    @property
    def event_count(self) -> int:
        """How many events there are: chunks and the end. Also the number of the last one."""
        return max(0, self.state.next - self.header.start)

    @property
    def chunk_count(self) -> int:
        """How many chunks there are. The status knows it only after the end."""
        return self.event_count - self.state.is_sealed if self.status.chunks is None else self.status.chunks


class StreamRegistry:
    """The stored streams of all servers that share a log, on behalf of their owners."""

    def __init__(self, router: EngineRouter, recorder: Recorder, auth: Auth, *, secret: str | None = None) -> None:
        self._router = router
        self._recorder = recorder
        self._auth = auth
        self._secret = hashlib.sha256(secret.encode()).digest() if secret else None
        self._stopping: dict[str, asyncio.Task[None]] = {}
        self._keepalives: dict[str, tuple[int, asyncio.Task[None]]] = {}
        self._background = BackgroundTasks()
        self._idempotency = IdempotencyKeys(recorder.log)
        self.retention = Retention()

    @property
    def log(self) -> Log:
        """The log that stored streams are in."""
        return self._recorder.log

    def log_of(self, name: str) -> Log:
        """Return the log that the stream ``name`` is in: a relayed one is in memory."""
        retained = self.retention.get(name)
        return self.log if retained is None else retained.log

    async def secret(self) -> bytes:
        """Return the secret that links are signed with: the same on all servers that share the log."""
        if self._secret is None:
            self._secret = await shared_secret(self.log)
        return self._secret

    async def wait_drained(self) -> None:
        """Return when the server is shutting down and no generation runs any more."""
        await self._recorder.drained.wait()

    def is_lost(self, name: str) -> bool:
        """Whether the end of a stream could not be written here: it has to wait until the log can be written again."""
        return name in self._recorder.health.lost

    async def wait_lost(self, name: str) -> None:
        """Return when ``is_lost``."""
        await self._recorder.health.wait_lost(name)

    # Start

    async def start(
        self,
        principal: bytes,
        request: EngineRequest,
        header: StreamHeader,
        policy: RetentionPolicy,
        *,
        idempotency_key: str | None = None,
        stored_body: bytes | None = None,
        engine: Engine | None = None,
    ) -> StartedStream:
        """Start a stream, which runs whether or not it has readers; with an ``idempotency_key``, at most once.

        ``stored_body`` takes the place of the request's body in the log, where another API than Gemini's is spoken.
        ``engine`` is asked instead of the one for the model.

        First the header and the request are written, then the key is claimed, then the engine runs. A server that dies
        in between leaves a log that another server takes over, and never a key that is bound to nothing.

        Raises:
            APIError: 404, if there is no such engine; 422, if the key was used for another request; 429, if the
                principal has too many streams; 503, if the server is shutting down.
        """
        body = request.body if stored_body is None else stored_body
        digest = "" if idempotency_key is None else await run_sized(len(body), request_digest, request.model, body)
        owner = owner_of(principal)
        header = replace(header, owner=owner, created=time.time(), digest=digest, idle_ttl=policy.idle_ttl)
        if engine is None:
            engine = self._router.named(header.engine) if header.engine else self._router.for_model(request.model)
        claim = None if idempotency_key is None else claim_key(owner, idempotency_key)
        earlier = None if claim is None else await self._idempotency.find(claim, digest)
        if earlier is not None:
            return StartedStream(*earlier, is_new=False)
        request = await self._recorder.prepare(principal, engine, request)
        body = request.body if stored_body is None else stored_body
        with ExitStack() as stack:
            # The slot is taken first, so that a refused request writes nothing.
            stack.enter_context(self._auth.quotas.stream(principal))
            name = new_name()
            headers = [record_format.header_record(header)]
            headers += [record_format.request_record(body)] if header.has_request else []
            await self._recorder.create(name, *headers)
            # Of several requests with one key that got here at once, one wins. The others drop their logs, which have
            # no reader yet, and return the winner's stream.
            earlier = None if claim is None else await self._idempotency.claim(claim, name, digest)
            if earlier is not None:
                await self.log.drop(name)
                return StartedStream(*earlier, is_new=False)
            generation = self._recorder.run(engine, request, name, resumable=header.has_request)
            self._retain(principal, generation, owner, policy, stack, related_logs=() if claim is None else (claim,))
        return StartedStream(name, header, is_new=True)

    async def relay(self, principal: bytes, request: EngineRequest, header: StreamHeader) -> StartedStream:
        """Start an answer for one reader. It is dropped with that reader.

        Raises:
            APIError: 429 or 503, as ``start``.
        """
        with ExitStack() as stack:
            stack.enter_context(self._auth.quotas.stream(principal))
            engine = self._router.for_model(request.model)
            request = await self._recorder.prepare(principal, engine, request)
            generation = await self._recorder.relay(engine, request)
            self._retain(principal, generation, header.owner, RetentionPolicy(ttl=0.0), stack)
        return StartedStream(generation.key, header, is_new=True)

    def adopt(self, name: str, header: StreamHeader, generation: Generation) -> None:
        """Record that a stream which another server started runs here now.

        It does not count for the quota of its owner here: refusing it would lose it.
        """
        self.retention.add(
            RetainedStream(generation, header.owner, RetentionPolicy(idle_ttl=header.idle_ttl), ExitStack())
        )

    def _retain(
        self,
        principal: bytes,
        generation: Generation,
        owner: str,
        policy: RetentionPolicy,
        stack: ExitStack,
        related_logs: tuple[str, ...] = (),
    ) -> None:
        stack.enter_context(self._auth.on_revoked(principal, generation.cancel))
        self.retention.add(RetainedStream(generation, owner, policy, stack.pop_all(), related_logs))

    def add_done_callback(self, name: str, call: Callable[[], None]) -> None:
        """Call ``call`` when the stream no longer runs on this server; at once if it does not."""
        running = self._recorder.get(name)
        if running is None:
            call()
        else:
            running.add_done_callback(call)

    # Find

    async def find(self, principal: bytes, name: str) -> StreamHeader:
        """Return the header of a principal's stream.

        Raises:
            UnknownStreamError: if it does not exist or belongs to another principal; the error does not tell which.
        """
        header = await header_of(self.log, name)
        if header is None or not hmac.compare_digest(header.owner, owner_of(principal)):
            raise UnknownStreamError("there is no such stream")
        return header

    async def header(self, name: str) -> StreamHeader:
        """Return the header of a stream, whoever owns it.

        Raises:
            UnknownStreamError: if it does not exist.
        """
        header = await header_of(self.log, name)
        if header is None:
            raise UnknownStreamError("there is no such stream")
        return header

    async def load(self, name: str, header: StreamHeader) -> StoredStream:
        """Return a stream as it is now.

        Raises:
            UnknownStreamError: if it does not exist any more.
        """
        return StoredStream(name, header, await self.log.state(name))

    # List: one log per owner and day

    async def add_to_list(self, name: str, header: StreamHeader) -> None:
        """Add a stream to the list of its owner."""
        (key,) = list_keys(header.owner, header.created, header.created)
        with suppress(ConflictError):
            await self.log.create(key)
        await self.log.append(key, [name.encode()])

    async def list_names(self, principal: bytes, start: int, size: int) -> tuple[list[str], bool]:
        """Return names of a principal's streams, newest first, from index ``start``; and whether there are more.

        Some of the streams may no longer exist: lists are not updated when a stream is dropped.
        """
        found: list[str] = []
        # Newest day first, and no more days than the page needs.
        now, back = time.time(), self._auth.limits.store_ttl or _LIST_SECONDS
        for key in list_keys(owner_of(principal), now, now - back):
            found += reversed(await self._read_list(key))
            if len(found) > start + size:
                break
        return found[start : start + size], len(found) > start + size

    async def _read_list(self, key: str) -> list[str]:
        names: list[str] = []
        try:
            while found := (await self.log.read(key, len(names))).records:
                names += [record.decode() for record in found]
        except UnknownStreamError:
            return []
        return names

    # Read

    def add_reader(self, name: str, header: StreamHeader | None = None) -> None:
        """Record a reader. A stream with an idle TTL is kept while it has readers on any server."""
        self.retention.add_reader(name)
        if header is not None and header.idle_ttl is not None and self.retention.get(name) is None:
            count, task = self._keepalives.get(name, (0, None))
            task = task or asyncio.create_task(self._keep_alive(name, max(header.idle_ttl / 4, 0.05)))
            self._keepalives[name] = count + 1, task

    def remove_reader(self, name: str) -> None:
        """Record that a reader has left."""
        self.retention.remove_reader(name)
        count, task = self._keepalives.get(name, (0, None))
        if task is not None and count > 1:
            self._keepalives[name] = count - 1, task
        elif task is not None:
            del self._keepalives[name]
            task.cancel()

    async def _keep_alive(self, name: str, period: float) -> None:
        """Tell the server that runs a stream, again and again, that the stream has a reader here."""
        with suppress(LogError):
            while True:
                # Read each time: after a takeover another server is the writer.
                node_id = (await self.log.state(name)).writer
                with suppress(UnknownStreamError):
                    await self.send_to(node_id, {"hold": name})
                await asyncio.sleep(period)

    # Stop

    def stop(self, name: str) -> asyncio.Task[None]:
        """Stop a stream wherever it runs. Harmless after its end. The task is done when the stream has ended."""
        self.retention.stop(name)
        task = self._stopping.get(name)
        if task is None:
            task = self._stopping[name] = asyncio.create_task(self._ensure_stopped(name))
            task.add_done_callback(lambda _: self._stopping.pop(name, None))
        return task

    async def drop(self, name: str) -> None:
        """Stop a stream and delete it."""
        with suppress(TimeoutError):
            # No longer: a dead server must not block the deletion. If the writer is only slow, the dropped log refuses
            # its appends.
            async with asyncio.timeout(self._recorder.lease / 5):
                await asyncio.shield(self.stop(name))
        retained = self.retention.get(name)
        if retained is not None:
            self.retention.forget(retained)
        await self.log.drop(name)

    def discard(self, name: str) -> None:
        """Stop and delete a stream: at once, or if it is one of ours, as soon as it has no readers here."""
        if not self.retention.stop(name, discard=True):
            self._background.start(self.drop(name))

    async def send_to(self, node_id: str, message: Mapping[str, str]) -> None:
        """Leave a message for the server ``node_id``.

        Raises:
            UnknownStreamError: if there is no such server.
        """
        await self.log.append(control_key(node_id), [msgspec.json.encode(message)])

    async def _ensure_stopped(self, name: str) -> None:
        """Have the writer stop a stream. If that server is dead, or dies before it does, seal the stream ourselves."""
        # One message per writer is enough, but its successor has to get one as well.
        notified = ""
        with suppress(LogError, TimeoutError):
            async with asyncio.timeout(self._recorder.lease * 4):
                while not (state := await self.log.state(name)).is_sealed:
                    running = self._recorder.get(name)
                    if running is not None:
                        running.cancel()
                    elif state.is_stale:
                        await self._seal_cancelled(name, state)
                    elif state.writer != notified:
                        with suppress(UnknownStreamError):
                            await self.send_to(state.writer, {"stop": name})
                            notified = state.writer
                    await self.log.wait(name, state.next, _STOP_POLL)
                    await asyncio.sleep(_STOP_POLL / 10)  # the log of a stream that grows fast never makes us wait

    async def _seal_cancelled(self, name: str, state: LogState) -> None:
        end = record_format.end_record(CANCELLED)
        note = msgspec.json.encode(replace(record_format.read_status(state.note), reason=CANCELLED))
        with suppress(*NOT_OWNER):  # another server was faster
            await self.log.take_over(name, self._recorder.node_id, lease=self._recorder.lease)
            await self.log.append(name, [end], writer=self._recorder.node_id, seal=True, note=note)

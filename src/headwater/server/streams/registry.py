"""The named answers of a server: begun here, read, stopped and forgotten from any server that shares the log.

All that is to be known of an answer is in its log. In memory there is only which of them run here.
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
from headwater.engines.base import EngineRequest
from headwater.errors import ConflictError, LogError, UnknownStreamError
from headwater.log.base import Log, LogState
from headwater.server.http.auth import Auth
from headwater.server.http.background import BackgroundTasks
from headwater.server.streams import record_format
from headwater.server.streams.idempotency import IdempotencyKeys, request_digest
from headwater.server.streams.links import shared_secret
from headwater.server.streams.log_keys import claim_key, control_key, header_of, list_keys, new_name, owner_of
from headwater.server.streams.log_writer import NOT_OWNER
from headwater.server.streams.record_format import StreamHeader, StreamStatus
from headwater.server.streams.recorder import Generation, Recorder
from headwater.server.streams.retention import RetainedStream, Retention, RetentionPolicy
from headwater.server.streams.routing import EngineRouter

#: How long a list goes back, where answers are kept for ever (seconds).
_LIST_SECONDS = 30 * 24 * 3600.0
#: How often a server looks whether an answer that it wants stopped has ended.
_STOP_POLL = 0.25


class StartedStream(NamedTuple):
    """An answer that was begun, now or, with ``is_new`` False, before by the same key."""

    name: str
    header: StreamHeader
    is_new: bool


class StoredStream(NamedTuple):
    """What is known of an answer."""

    name: str
    header: StreamHeader
    state: LogState

    @property
    def status(self) -> StreamStatus:
        """What its writer says of it."""
        return record_format.read_status(self.state.note)

    @property
    def event_count(self) -> int:
        """The number of the last event: chunks, and the end."""
        return max(0, self.state.next - self.header.start)

    @property
    def chunk_count(self) -> int:
        """How many chunks there are."""
        return self.event_count - self.state.is_sealed if self.status.chunks is None else self.status.chunks


class StreamRegistry:
    """The named answers that a server gives, and those of all servers that share its log."""

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
        """Where the answers are."""
        return self._recorder.log

    def log_of(self, name: str) -> Log:
        """Return where an answer is."""
        retained = self.retention.get(name)
        return self.log if retained is None else retained.log

    async def secret(self) -> bytes:
        """Return what links are signed with: the same on all servers that share the log."""
        if self._secret is None:
            self._secret = await shared_secret(self.log)
        return self._secret

    async def wait_drained(self) -> None:
        """Return when this server has nothing more to say."""
        await self._recorder.drained.wait()

    # Begin

    async def start(
        self,
        principal: bytes,
        request: EngineRequest,
        header: StreamHeader,
        policy: RetentionPolicy,
        *,
        idempotency_key: str | None = None,
    ) -> StartedStream:
        """Begin an answer that runs whether or not anybody reads it; with a ``idempotency_key``, only once.

        Raises:
            APIError: 404, there is no such engine; 422, the key was used for another request; 429, the share of
                streams is used up; 503, the server is shutting down.
        """
        digest = "" if idempotency_key is None else request_digest(request)
        owner = owner_of(principal)
        header = replace(header, owner=owner, created=time.time(), digest=digest, idle_ttl=policy.idle_ttl)
        engine = self._router.named(header.engine) if header.engine else self._router.for_model(request.model)
        claim = None if idempotency_key is None else claim_key(owner, idempotency_key)
        earlier = None if claim is None else await self._idempotency.find(claim, digest)
        if earlier is not None:
            return StartedStream(*earlier, is_new=False)
        with ExitStack() as stack:
            stack.enter_context(self._auth.quotas.stream(principal))
            name = new_name()
            headers = [record_format.header_record(header)]
            headers += [record_format.request_record(request.body)] if header.has_request else []
            await self._recorder.create(name, *headers)
            earlier = None if claim is None else await self._idempotency.claim(claim, name, digest)
            if earlier is not None:
                await self.log.drop(name)
                return StartedStream(*earlier, is_new=False)
            generation = self._recorder.run(engine, request, name, resumable=header.has_request)
            self._retain(principal, generation, owner, policy, stack, related_logs=() if claim is None else (claim,))
        return StartedStream(name, header, is_new=True)

    async def relay(self, principal: bytes, request: EngineRequest, header: StreamHeader) -> StartedStream:
        """Begin an answer whose name nobody is told: it is forgotten with its only reader.

        Raises:
            APIError: 429 or 503, as ``start``.
        """
        with ExitStack() as stack:
            stack.enter_context(self._auth.quotas.stream(principal))
            generation = await self._recorder.relay(self._router.for_model(request.model), request)
            self._retain(principal, generation, header.owner, RetentionPolicy(ttl=0.0), stack)
        return StartedStream(generation.key, header, is_new=True)

    def adopt(self, name: str, header: StreamHeader, generation: Generation) -> None:
        """Take note that an answer runs here that another server began."""
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
        """Call ``call`` when nothing is produced here any more under this name; at once where nothing is."""
        running = self._recorder.get(name)
        if running is None:
            call()
        else:
            running.add_done_callback(call)

    # Look

    async def find(self, principal: bytes, name: str) -> StreamHeader:
        """Return what the answer of this name is about.

        Raises:
            UnknownStreamError: there is none, or it is somebody else's; nobody can tell which.
        """
        header = await header_of(self.log, name)
        if header is None or not hmac.compare_digest(header.owner, owner_of(principal)):
            raise UnknownStreamError("there is no such stream")
        return header

    async def header(self, name: str) -> StreamHeader:
        """Return what the answer of this name is about, whoever asks.

        Raises:
            UnknownStreamError: there is none.
        """
        header = await header_of(self.log, name)
        if header is None:
            raise UnknownStreamError("there is no such stream")
        return header

    async def load(self, name: str, header: StreamHeader) -> StoredStream:
        """Return what is known of an answer now.

        Raises:
            UnknownStreamError: there is none any more.
        """
        return StoredStream(name, header, await self.log.state(name))

    # List: a log for each owner and day

    async def add_to_list(self, name: str, header: StreamHeader) -> None:
        """Have ``list_names`` say this answer."""
        (key,) = list_keys(header.owner, header.created, header.created)
        with suppress(ConflictError):
            await self.log.create(key)
        await self.log.append(key, [name.encode()])

    async def list_names(self, principal: bytes, start: int, size: int) -> tuple[list[str], bool]:
        """Return the names of an owner's answers, the newest first, without the first ``start``; and if there are more.

        Some of them may be forgotten already.
        """
        found: list[str] = []
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
        """Note that somebody reads; an answer that needs readers goes on while they do, wherever it runs."""
        self.retention.add_reader(name)
        if header is not None and header.idle_ttl is not None and self.retention.get(name) is None:
            count, task = self._keepalives.get(name, (0, None))
            task = task or asyncio.create_task(self._keep_alive(name, max(header.idle_ttl / 4, 0.05)))
            self._keepalives[name] = count + 1, task

    def remove_reader(self, name: str) -> None:
        """Note that a reader has left."""
        self.retention.remove_reader(name)
        count, task = self._keepalives.get(name, (0, None))
        if task is not None and count > 1:
            self._keepalives[name] = count - 1, task
        elif task is not None:
            del self._keepalives[name]
            task.cancel()

    async def _keep_alive(self, name: str, period: float) -> None:
        """Tell the server that produced an answer, again and again, that it has a reader here."""
        with suppress(LogError):
            while True:
                node_id = (await self.log.state(name)).writer
                with suppress(UnknownStreamError):
                    await self.send_to(node_id, {"hold": name})
                await asyncio.sleep(period)

    # Stop

    def stop(self, name: str) -> asyncio.Task[None]:
        """Stop an answer wherever it runs; harmless after its end. The task is done when it has ended."""
        self.retention.stop(name)
        task = self._stopping.get(name)
        if task is None:
            task = self._stopping[name] = asyncio.create_task(self._ensure_stopped(name))
            task.add_done_callback(lambda _: self._stopping.pop(name, None))
        return task

    async def drop(self, name: str) -> None:
        """Stop an answer and forget it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._recorder.lease / 5):
                await asyncio.shield(self.stop(name))
        retained = self.retention.get(name)
        if retained is not None:
            self.retention.forget(retained)
        await self.log.drop(name)

    def discard(self, name: str) -> None:
        """Stop an answer and forget it: at once, or, if it is one of ours, as soon as nobody here reads it."""
        if not self.retention.stop(name, discard=True):
            self._background.start(self.drop(name))

    async def send_to(self, node_id: str, message: Mapping[str, str]) -> None:
        """Leave a message for the server ``node_id``.

        Raises:
            UnknownStreamError: there is no such server.
        """
        await self.log.append(control_key(node_id), [msgspec.json.encode(message)])

    async def _ensure_stopped(self, name: str) -> None:
        """Tell who writes the answer; where that server is dead, or dies over it, end the answer ourselves."""
        told = ""
        with suppress(LogError, TimeoutError):
            async with asyncio.timeout(self._recorder.lease * 4):
                while not (state := await self.log.state(name)).is_sealed:
                    running = self._recorder.get(name)
                    if running is not None:
                        running.cancel()
                    elif state.is_stale:
                        await self._seal_cancelled(name, state)
                    elif state.writer != told:
                        with suppress(UnknownStreamError):
                            await self.send_to(state.writer, {"stop": name})
                            told = state.writer
                    await self.log.wait(name, state.next, _STOP_POLL)
                    await asyncio.sleep(_STOP_POLL / 10)  # a log that grows never makes us wait

    async def _seal_cancelled(self, name: str, state: LogState) -> None:
        end = record_format.end_record(CANCELLED)
        note = msgspec.json.encode(replace(record_format.read_status(state.note), reason=CANCELLED))
        with suppress(*NOT_OWNER):  # another was faster
            await self.log.take_over(name, self._recorder.node_id, lease=self._recorder.lease)
            await self.log.append(name, [end], writer=self._recorder.node_id, seal=True, note=note)

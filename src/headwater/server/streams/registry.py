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

from headwater.engines.base import EngineRequest
from headwater.errors import ConflictError, LogError, UnknownStreamError
from headwater.log.base import Log, LogState
from headwater.server.http.auth import Auth
from headwater.server.streams import record_format
from headwater.server.streams.idempotency import IdempotencyKeys, request_digest
from headwater.server.streams.links import shared_secret
from headwater.server.streams.log_keys import claim_key, control_key, header_of, list_keys, new_name, owner_of
from headwater.server.streams.log_writer import LOST
from headwater.server.streams.record_format import StreamHeader, StreamStatus
from headwater.server.streams.recorder import Generation, Recorder
from headwater.server.streams.retention import RetainedStream, Retention, RetentionPolicy
from headwater.server.streams.routing import EngineRouter

#: How long a list goes back, where answers are kept for ever (seconds).
_LISTED = 30 * 24 * 3600.0
#: How often a server looks whether an answer that it wants stopped has ended.
_LOOK = 0.25


class StartedStream(NamedTuple):
    """An answer that was begun, now or, with ``is_new`` False, before by the same key."""

    name: str
    head: StreamHeader
    is_new: bool


class StoredStream(NamedTuple):
    """What is known of an answer."""

    name: str
    head: StreamHeader
    state: LogState

    @property
    def account(self) -> StreamStatus:
        """What its writer says of it."""
        return record_format.read_status(self.state.note)

    @property
    def last(self) -> int:
        """The number of the last event: chunks, and the end."""
        return max(0, self.state.next - self.head.first)

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return self.last - self.state.is_sealed if self.account.chunks is None else self.account.chunks


class StreamRegistry:
    """The named answers that a server gives, and those of all servers that share its log."""

    def __init__(self, engines: EngineRouter, recorder: Recorder, access: Auth, *, secret: str | None = None) -> None:
        self._engines = engines
        self._recorder = recorder
        self._access = access
        self._secret = hashlib.sha256(secret.encode()).digest() if secret else None
        self._stopping: dict[str, asyncio.Task[None]] = {}
        self._holding: dict[str, tuple[int, asyncio.Task[None]]] = {}
        self._dropping: set[asyncio.Task[None]] = set()
        self._claims = IdempotencyKeys(recorder.log)
        self.keeper = Retention()

    @property
    def log(self) -> Log:
        """Where the answers are."""
        return self._recorder.log

    def log_of(self, name: str) -> Log:
        """Return where an answer is."""
        kept = self.keeper.get(name)
        return self.log if kept is None else kept.log

    async def secret(self) -> bytes:
        """Return what links are signed with: the same on all servers that share the log."""
        if self._secret is None:
            self._secret = await shared_secret(self.log)
        return self._secret

    async def closing(self) -> None:
        """Return when this server has nothing more to say."""
        await self._recorder.drained.wait()

    # Begin

    async def start(
        self,
        who: bytes,
        request: EngineRequest,
        head: StreamHeader,
        terms: RetentionPolicy,
        *,
        repeat_key: str | None = None,
    ) -> StartedStream:
        """Begin an answer that runs whether or not anybody reads it; with a ``repeat_key``, only once.

        Raises:
            APIError: 404, there is no such engine; 422, the key was used for another request; 429, the share of
                streams is used up; 503, the server is shutting down.
        """
        asked = "" if repeat_key is None else request_digest(request)
        owner = owner_of(who)
        head = replace(head, owner=owner, created=time.time(), asked=asked, patience=terms.patience)
        engine = self._engines.named(head.engine) if head.engine else self._engines.for_model(request.model)
        claim = None if repeat_key is None else claim_key(owner, repeat_key)
        earlier = None if claim is None else await self._claims.find(claim, asked)
        if earlier is not None:
            return StartedStream(*earlier, is_new=False)
        with ExitStack() as place:
            place.enter_context(self._access.quotas.stream(who))
            name = new_name()
            heads = [record_format.header_record(head)]
            heads += [record_format.request_record(request.body)] if head.has_request else []
            await self._recorder.create(name, *heads)
            earlier = None if claim is None else await self._claims.take(claim, name, asked)
            if earlier is not None:
                await self.log.drop(name)
                return StartedStream(*earlier, is_new=False)
            generation = self._recorder.run(engine, request, name, goes_on=head.has_request)
            self._keep(who, generation, owner, terms, place, others=() if claim is None else (claim,))
        return StartedStream(name, head, is_new=True)

    async def pass_on(self, who: bytes, request: EngineRequest, head: StreamHeader) -> StartedStream:
        """Begin an answer whose name nobody is told: it is forgotten with its only reader.

        Raises:
            APIError: 429 or 503, as ``start``.
        """
        with ExitStack() as place:
            place.enter_context(self._access.quotas.stream(who))
            generation = await self._recorder.relay(self._engines.for_model(request.model), request)
            self._keep(who, generation, head.owner, RetentionPolicy(life=0.0), place)
        return StartedStream(generation.key, head, is_new=True)

    def go_on(self, name: str, head: StreamHeader, generation: Generation) -> None:
        """Take note that an answer runs here that another server began."""
        self.keeper.keep(RetainedStream(generation, head.owner, RetentionPolicy(patience=head.patience), ExitStack()))

    def _keep(
        self,
        who: bytes,
        generation: Generation,
        owner: str,
        terms: RetentionPolicy,
        place: ExitStack,
        others: tuple[str, ...] = (),
    ) -> None:
        place.enter_context(self._access.tie(who, generation.cancel))
        self.keeper.keep(RetainedStream(generation, owner, terms, place.pop_all(), others))

    def when_done(self, name: str, call: Callable[[], None]) -> None:
        """Call ``call`` when nothing is produced here any more under this name; at once where nothing is."""
        running = self._recorder.get(name)
        if running is None:
            call()
        else:
            running.when_done(call)

    # Look

    async def find(self, who: bytes, name: str) -> StreamHeader:
        """Return what the answer of this name is about.

        Raises:
            UnknownStreamError: there is none, or it is somebody else's; nobody can tell which.
        """
        head = await header_of(self.log, name)
        if head is None or not hmac.compare_digest(head.owner, owner_of(who)):
            raise UnknownStreamError("there is no such stream")
        return head

    async def head(self, name: str) -> StreamHeader:
        """Return what the answer of this name is about, whoever asks.

        Raises:
            UnknownStreamError: there is none.
        """
        head = await header_of(self.log, name)
        if head is None:
            raise UnknownStreamError("there is no such stream")
        return head

    async def look(self, name: str, head: StreamHeader) -> StoredStream:
        """Return what is known of an answer now.

        Raises:
            UnknownStreamError: there is none any more.
        """
        return StoredStream(name, head, await self.log.state(name))

    # List: a log for each owner and day

    async def enlist(self, name: str, head: StreamHeader) -> None:
        """Have ``names`` say this answer."""
        (key,) = list_keys(head.owner, head.created, head.created)
        with suppress(ConflictError):
            await self.log.create(key)
        await self.log.append(key, [name.encode()])

    async def names(self, who: bytes, start: int, size: int) -> tuple[list[str], bool]:
        """Return the names of an owner's answers, the newest first, without the first ``start``; and if there are more.

        Some of them may be forgotten already.
        """
        found: list[str] = []
        now, back = time.time(), self._access.limits.store_ttl or _LISTED
        for key in list_keys(owner_of(who), now, now - back):
            found += reversed(await self._listed(key))
            if len(found) > start + size:
                break
        return found[start : start + size], len(found) > start + size

    async def _listed(self, key: str) -> list[str]:
        names: list[str] = []
        try:
            while found := (await self.log.read(key, len(names))).records:
                names += [record.decode() for record in found]
        except UnknownStreamError:
            return []
        return names

    # Read

    def enter(self, name: str, head: StreamHeader | None = None) -> None:
        """Note that somebody reads; an answer that needs readers goes on while they do, wherever it runs."""
        self.keeper.enter(name)
        if head is not None and head.patience is not None and self.keeper.get(name) is None:
            count, task = self._holding.get(name, (0, None))
            task = task or asyncio.create_task(self._hold(name, max(head.patience / 4, 0.05)))
            self._holding[name] = count + 1, task

    def leave(self, name: str) -> None:
        """Note that a reader has left."""
        self.keeper.leave(name)
        count, task = self._holding.get(name, (0, None))
        if task is not None and count > 1:
            self._holding[name] = count - 1, task
        elif task is not None:
            del self._holding[name]
            task.cancel()

    async def _hold(self, name: str, period: float) -> None:
        """Tell the server that produced an answer, again and again, that it has a reader here."""
        with suppress(LogError):
            while True:
                node = (await self.log.state(name)).writer
                with suppress(UnknownStreamError):
                    await self.tell(node, {"hold": name})
                await asyncio.sleep(period)

    # Stop

    def stop(self, name: str) -> asyncio.Task[None]:
        """Stop an answer wherever it runs; harmless after its end. The task is done when it has ended."""
        self.keeper.stop(name)
        task = self._stopping.get(name)
        if task is None:
            task = self._stopping[name] = asyncio.create_task(self._see_stopped(name))
            task.add_done_callback(lambda _: self._stopping.pop(name, None))
        return task

    async def drop(self, name: str) -> None:
        """Stop an answer and forget it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._recorder.lease / 5):
                await asyncio.shield(self.stop(name))
        kept = self.keeper.get(name)
        if kept is not None:
            self.keeper.forget(kept)
        await self.log.drop(name)

    def discard(self, name: str) -> None:
        """Stop an answer and forget it: at once, or, if it is one of ours, as soon as nobody here reads it."""
        if not self.keeper.stop(name, discard=True):
            task = asyncio.create_task(self.drop(name))
            self._dropping.add(task)  # the loop itself holds tasks only weakly
            task.add_done_callback(self._dropping.discard)

    async def tell(self, node: str, message: Mapping[str, str]) -> None:
        """Leave a message for the server ``node``.

        Raises:
            UnknownStreamError: there is no such server.
        """
        await self.log.append(control_key(node), [msgspec.json.encode(message)])

    async def _see_stopped(self, name: str) -> None:
        """Tell who writes the answer; where that server is dead, or dies over it, end the answer ourselves."""
        told = ""
        with suppress(LogError, TimeoutError):
            async with asyncio.timeout(self._recorder.lease * 4):
                while not (state := await self.log.state(name)).is_sealed:
                    running = self._recorder.get(name)
                    if running is not None:
                        running.cancel()
                    elif state.is_stale:
                        await self._end_stopped(name, state)
                    elif state.writer != told:
                        with suppress(UnknownStreamError):
                            await self.tell(state.writer, {"stop": name})
                            told = state.writer
                    await self.log.wait(name, state.next, _LOOK)
                    await asyncio.sleep(_LOOK / 10)  # a log that grows never makes us wait

    async def _end_stopped(self, name: str, state: LogState) -> None:
        end = record_format.end_record("cancelled")
        note = msgspec.json.encode(replace(record_format.read_status(state.note), reason="cancelled"))
        with suppress(*LOST):  # another was faster
            await self.log.take_over(name, self._recorder.node, lease=self._recorder.lease)
            await self.log.append(name, [end], writer=self._recorder.node, seal=True, note=note)

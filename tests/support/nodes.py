"""Servers that share a log, without HTTP: in one process and one event loop, on each kind of log."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headwater import offline
from headwater.engines.base import EngineRequest
from headwater.engines.offline import OfflineEngine
from headwater.log.base import Log, LogState, tail
from headwater.log.memory import MemoryLog
from headwater.log.sqlite.log import SqliteLog
from headwater.server import ServerConfig
from headwater.server.application import Server
from headwater.server.streams import record_format
from headwater.server.streams.record_format import StreamHeader
from headwater.server.streams.registry import StartedStream
from headwater.server.streams.retention import RetentionPolicy
from headwater.server.streams.routing import EngineRouter
from tests.support.sides import run_async
from tests.support.stores import BINARY, redis_server

#: Seconds; short, so that the tests are, and long beside what a loaded machine keeps a task waiting.
LEASE = 1.0
KINDS = ["memory", "sqlite", "redis"]
ASK = {"contents": [{"parts": [{"text": "Tell me a story about a river."}]}]}


class Store:
    """Opens logs of one kind, that all share what is in them."""

    def __init__(self, kind: str, place: str) -> None:
        self._kind = kind
        self._place = place
        self._memory = MemoryLog()

    def open(self) -> Log:
        if self._kind == "memory":
            return self._memory
        if self._kind == "sqlite":
            return SqliteLog(self._place, is_shared=True)
        from headwater.log.redis.log import RedisLog

        return RedisLog(self._place)


@contextlib.contextmanager
def stored(kind: str, folder: Path) -> Iterator[Store]:
    """Yield a store of this kind."""
    if kind != "redis":
        yield Store(kind, str(folder / "answers.db"))
        return
    if BINARY is None:
        pytest.skip("redis-server is not installed (apt-get install redis-server)")
    with redis_server(folder) as server:
        yield Store(kind, server.url)


class Node:
    """One server of several."""

    def __init__(self, engine: Any, log: Log, *, lease: float = LEASE, by_model: Any = None, **options: Any) -> None:
        engines = EngineRouter(engine or OfflineEngine(offline.INSTANT), by_model)
        self.server = Server(engines, log, ServerConfig(grace=0.0, lease=lease, **options))
        self.log = log
        self.registry = self.server.registry
        self.recorder = self.server.recorder

    async def begin(
        self,
        body: Any = None,
        *,
        who: bytes = b"",
        terms: RetentionPolicy | None = None,
        key: str | None = None,
        **head: Any,
    ) -> StartedStream:
        """Begin an answer."""
        request = EngineRequest("m", msgspec.json.encode(body or ASK))
        return await self.registry.start(
            who, request, StreamHeader("", "m", **head), terms or RetentionPolicy(), idempotency_key=key
        )

    async def read(self, name: str, after: int = 0) -> list[bytes]:
        """Return the records of an answer, to its end."""
        return [record async for page in tail(self.log, name, after, heartbeat=60) for record in page.records]

    async def text(self, name: str) -> str:
        """Return the text of an answer, at its end."""
        return text_of(await self.read(name))

    async def until(self, fact: Callable[[LogState], bool], name: str) -> LogState:
        """Return the state of an answer's log, when the fact is true of it."""
        async with asyncio.timeout(10):
            while not fact(state := await self.log.state(name)):
                await asyncio.sleep(0.01)
        return state

    async def die(self) -> None:
        """Stop as a process that was killed: nothing more is written, and nobody is told."""
        for generation in self.recorder.generations:
            generation.abandon()
        await self.server.cluster.stop()
        while len(self.recorder):
            await asyncio.sleep(0.001)


def text_of(found: list[bytes]) -> str:
    """Return the text that the chunks of a log say."""
    texts = []
    for record in found:
        if record[0] == record_format.CHUNK:
            for candidate in msgspec.json.decode(record[1:]).get("candidates", ()):
                texts += [part.get("text", "") for part in candidate.get("content", {}).get("parts", ())]
    return "".join(texts)


def ends_of(found: list[bytes]) -> list[bytes]:
    """Return the records that end an answer: there should be one, the last."""
    return [record for record in found if record[0] in (record_format.ERROR, record_format.END)]


@contextlib.asynccontextmanager
async def joined(store: Store, *engines: Any, **options: Any) -> AsyncIterator[list[Node]]:
    """Yield servers that share a log, one for each engine."""
    nodes = [Node(engine, store.open(), **options) for engine in engines]
    for node in nodes:
        node.server.cluster.join()
    try:
        yield nodes
    finally:
        for node in nodes:
            await node.server.close()


def scene(work: Callable[[Store], Awaitable[None]]) -> Callable[..., None]:
    """Make a test on each kind of log of a coroutine function that takes the store."""
    return _scene(work, KINDS)


def memory_scene(work: Callable[[Store], Awaitable[None]]) -> Callable[..., None]:
    """The same in memory alone: for what is no matter of the log."""
    return _scene(work, KINDS[:1])


def _scene(work: Callable[[Store], Awaitable[None]], kinds: list[str]) -> Callable[..., None]:
    @pytest.mark.parametrize("kind", kinds)
    def test(kind: str, tmp_path: Path) -> None:
        async def run() -> None:
            await work(store)

        with stored(kind, tmp_path) as store:
            run_async(run())

    test.__doc__, test.__name__ = work.__doc__, work.__name__
    return test

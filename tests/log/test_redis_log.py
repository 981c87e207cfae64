"""What the Redis log survives: a Redis that is killed, gone, frozen, out of memory or no longer the one that writes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("redis")

from headwater.errors import LogError
from headwater.log.base import tail
from headwater.log.redis import follower
from headwater.log.redis.log import RedisLog
from tests.support.sides import run_async
from tests.support.stores import RedisServer, needs_redis, redis_server

pytestmark = needs_redis
Work = Callable[..., Awaitable[None]]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path, is_durable=True) as server:
        yield server


def with_logs(url: str, work: Work, *, nodes: int = 1, reconnect_timeout: float = 20.0) -> None:
    async def run() -> None:
        logs = [RedisLog(url, reconnect_timeout=reconnect_timeout) for _ in range(nodes)]
        try:
            await work(*logs)
        finally:
            for log in logs:
                await log.aclose()

    run_async(run())


async def read(log: RedisLog, key: str = "a") -> list[bytes]:
    return [record async for page in tail(log, key, heartbeat=60) for record in page.records]


def test_readers_of_every_node_are_woken(redis: RedisServer) -> None:
    """What one node appends wakes the readers of the others, also of logs that they did not wait for before."""

    async def check(one: RedisLog, two: RedisLog) -> None:
        for key in "abc":
            await one.create(key)
            readers = [asyncio.create_task(read(log, key)) for log in (one, two, two)]
            for number in range(10):
                await (one, two)[number % 2].append(key, [b"%d" % number, b"-"])
            await two.seal(key)
            for reader in readers:
                assert await reader == [part for number in range(10) for part in (b"%d" % number, b"-")]

    with_logs(redis.url, check, nodes=2)


def test_a_long_wait_is_followed_to_its_end(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that waits longer than a stream is followed for nobody is woken all the same."""
    monkeypatch.setattr(follower, "_IDLE_SECONDS", 0.2)

    async def check(one: RedisLog, two: RedisLog) -> None:
        await one.create("a")
        waiting = asyncio.create_task(two.wait("a", 0, 60.0))
        for number in range(8):  # which has the watch look around
            await asyncio.sleep(0.1)
            await one.create(f"other {number}")
            await two.append(f"other {number}", [b"x"])
            await two.wait(f"other {number}", 0, 1.0)
        await one.append("a", [b"late"])
        await asyncio.wait_for(waiting, 10.0)

    with_logs(redis.url, check, nodes=2)


def test_a_redis_that_is_killed_loses_nothing_it_acknowledged(redis: RedisServer) -> None:
    """Killed again and again while it is written and read, it gives every record once and in order after that."""

    async def check(one: RedisLog, two: RedisLog) -> None:
        await one.create("a", writer="me")
        readers = [asyncio.create_task(read(log)) for log in (one, two)]
        written: list[bytes] = []

        async def write() -> None:
            for number in range(300):
                record = b"%d" % number
                written.append(record)
                assert await one.append("a", [record], writer="me") == len(written)
            await one.seal("a")

        writing = asyncio.create_task(write())
        for _ in range(3):
            await asyncio.sleep(0.03)
            await asyncio.to_thread(redis.kill)
            await asyncio.sleep(0.05)
            await asyncio.to_thread(redis.start)
        await writing
        for reader in readers:
            assert await reader == written

    with_logs(redis.url, check, nodes=2)


def test_a_redis_that_stays_away_is_an_error(redis: RedisServer) -> None:
    """After the reconnect timeout a call says that Redis cannot be reached; when it is back, the next one succeeds."""

    async def check(log: RedisLog) -> None:
        await log.create("a")
        await asyncio.to_thread(redis.kill)
        for call in (log.append("a", [b"1"]), log.read("a", 0)):
            with pytest.raises(LogError, match="cannot be reached"):
                await call
        await asyncio.to_thread(redis.start)
        assert await log.append("a", [b"1"], at=0) == 1

    with_logs(redis.url, check, reconnect_timeout=0.1)


def test_a_frozen_redis_holds_up_calls_and_nothing_else(redis: RedisServer) -> None:
    """While Redis does not answer, the event loop runs on; what was asked for is done once when it goes on."""

    async def check(log: RedisLog) -> None:
        await log.create("a")
        redis.freeze(frozen=True)
        append = asyncio.create_task(log.append("a", [b"1"]))
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert not append.done()
        redis.freeze(frozen=False)
        assert await append == 1
        assert (await log.read("a", 0)).records == [b"1"]

    with_logs(redis.url, check)


def test_out_of_memory_is_a_clear_error(redis: RedisServer) -> None:
    """A Redis that is full refuses appends with what to do about it; reading goes on, and with room writing too."""

    async def check(log: RedisLog) -> None:
        await log.create("a")
        await log.append("a", [b"1"])
        redis.tell("CONFIG SET maxmemory 1")
        with pytest.raises(LogError, match="out of memory"):
            await log.append("a", [b"2"])
        assert (await log.read("a", 0)).records == [b"1"]
        redis.tell("CONFIG SET maxmemory 0")
        assert await log.append("a", [b"2"], at=1) == 2

    with_logs(redis.url, check)


def test_a_replica_is_waited_for(redis: RedisServer) -> None:
    """While a Redis is a replica (READONLY), appends wait; they are done when it is the one that writes again."""

    async def check(log: RedisLog) -> None:
        await log.create("a")
        redis.tell("REPLICAOF 127.0.0.1 1")
        append = asyncio.create_task(log.append("a", [b"1"]))
        await asyncio.sleep(0.1)
        assert not append.done()
        redis.tell("REPLICAOF NO ONE")
        assert await append == 1

    with_logs(redis.url, check)


def test_a_replica_that_stays_one_is_a_clear_error(redis: RedisServer) -> None:
    """After the reconnect timeout an append says that this Redis cannot be written to."""

    async def check(log: RedisLog) -> None:
        await log.create("a")
        redis.tell("REPLICAOF 127.0.0.1 1")
        with pytest.raises(LogError, match="replica"):
            await log.append("a", [b"1"])

    with_logs(redis.url, check, reconnect_timeout=0.05)


def test_a_cancelled_command_leaves_its_answer_to_nobody(redis: RedisServer) -> None:
    """However calls are cancelled, no other gets their answers (CVE-2023-28858)."""

    async def check(log: RedisLog) -> None:
        chance = random.Random(1)
        for number in range(50):
            await log.create(f"{number}", note=b"%d" % number)
            await log.append(f"{number}", [b"%d" % number])
        for _ in range(100):
            tasks = {number: asyncio.create_task(log.state(f"{number}")) for number in chance.sample(range(50), 10)}
            await asyncio.sleep(chance.choice([0, 0, 0.0001, 0.0005, 0.002]))
            for number in chance.sample(sorted(tasks), 5):
                tasks.pop(number).cancel()
            other = chance.randrange(50)
            assert (await log.read(f"{other}", 0)).records == [b"%d" % other]
            for number, task in tasks.items():
                assert (await task).note == b"%d" % number

    with_logs(redis.url, check)


def test_an_append_is_one_entry_and_a_repeated_one_changes_nothing(redis: RedisServer) -> None:
    """A group is one stream entry; the same call sent twice, as after a lost answer, is done once."""

    async def check(log: RedisLog) -> None:
        await log.create("a")
        send, calls = log._writes.execute, []

        async def twice(*command: object) -> object:
            calls.append(command)
            first = await send(*command)
            assert await send(*command) == first
            return first

        log._writes.execute = twice  # type: ignore[method-assign]
        assert await log.append("a", [b"1", b"2", b"3"]) == 3
        assert await log.append("a", [b"4"], at=3) == 4
        assert await log._reads.execute("XLEN", log._keys("a")[1]) == 2
        assert (await log.read("a", 0)).records == [b"1", b"2", b"3", b"4"]

    with_logs(redis.url, check)

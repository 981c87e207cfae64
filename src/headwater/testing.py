"""For tests of code that builds on headwater: ``log_contract()``, what every ``Log`` has to keep.

    @pytest.mark.parametrize("check", log_contract(), ids=lambda check: check.__name__)
    def test_my_log(check):
        asyncio.run(check(MyLog()))

Each check is a coroutine function that takes a fresh, empty log and raises ``AssertionError`` where it breaks the
contract. None of them sleeps: where a log is to wake a reader, the reader waits and the check writes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from headwater.errors import ConflictError, HeadwaterError, SealedError, UnknownStreamError
from headwater.log.base import Log, LogState, tail

__all__ = ["Check", "log_contract"]

T = TypeVar("T")
Check = Callable[[Log], Awaitable[None]]

#: How long a check waits for what should come at once.
PATIENCE = 10.0


def log_contract() -> list[Check]:
    """Return the checks."""
    return [
        a_log_begins_empty,
        a_key_is_taken_once,
        records_are_read_as_they_were_written,
        a_page_has_a_limit,
        an_unknown_log_is_an_error,
        a_writer_may_say_where_the_log_is,
        a_sealed_log_stays_as_it_is,
        a_waiting_reader_is_woken,
        waiting_ends_by_itself,
        a_dropped_log_is_unknown,
        tail_reads_to_the_end,
        tail_says_that_nothing_came,
        logs_do_not_mix,
        readers_and_writers_at_once,
        writers_that_compete,
        an_append_may_be_the_end,
        a_note_is_kept,
        of_many_who_create_one_wins,
        a_log_without_a_writer_is_never_stale,
        a_writer_that_lives_keeps_its_log,
        a_stale_log_can_be_taken_over,
        of_many_who_take_over_one_wins,
        what_is_old_is_swept,
        what_is_too_much_is_swept,
        a_cancelled_call_spoils_no_other,
    ]


async def a_log_begins_empty(log: Log) -> None:
    """A new log has no records and no end."""
    await log.create("a")
    page = await log.read("a", 0)
    assert (page.records, page.next, page.is_end) == ([], 0, False)


async def a_key_is_taken_once(log: Log) -> None:
    """A second log of the same key is a conflict and changes nothing; after ``drop`` the key is free."""
    await log.create("a")
    await log.append("a", [b"1"])
    await _raises(ConflictError, log.create("a"))
    assert (await log.read("a", 0)).records == [b"1"]
    await log.drop("a")
    await log.create("a")
    assert (await log.read("a", 0)).records == []


async def records_are_read_as_they_were_written(log: Log) -> None:
    """Records come back in order and byte for byte, from every offset."""
    records = [b"", b"\x00\xff\r\n", "é\u2028".encode(), b"x" * 100_000, b"last"]
    await log.create("a")
    assert await log.append("a", records[:2]) == 2
    assert await log.append("a", []) == 2
    assert await log.append("a", records[2:]) == 5
    for after in range(6):
        page = await log.read("a", after)
        assert (page.records, page.next, page.is_end) == (records[after:], 5, False)


async def a_page_has_a_limit(log: Log) -> None:
    """``limit`` cuts a page; the next one goes on where it ended, and only the last is the end."""
    await log.create("a")
    await log.append("a", [b"%d" % number for number in range(5)])
    await log.seal("a")
    first, second = await log.read("a", 0, 3), await log.read("a", 3, 3)
    assert (first.records, first.next, first.is_end) == ([b"0", b"1", b"2"], 3, False)
    assert (second.records, second.next, second.is_end) == ([b"3", b"4"], 5, True)


async def an_unknown_log_is_an_error(log: Log) -> None:
    """What was not created can neither be read nor written nor sealed; to drop it is harmless."""
    await _raises(UnknownStreamError, log.append("a", [b"1"]))
    await _raises(UnknownStreamError, log.read("a", 0))
    await _raises(UnknownStreamError, log.wait("a", 0, 0.01))
    await _raises(UnknownStreamError, log.seal("a"))
    await log.drop("a")


async def a_writer_may_say_where_the_log_is(log: Log) -> None:
    """With ``at`` records are added at that offset or not at all."""
    await log.create("a")
    assert await log.append("a", [b"1"], at=0) == 1
    await _raises(ConflictError, log.append("a", [b"x"], at=0))
    await _raises(ConflictError, log.append("a", [b"x"], at=2))
    assert await log.append("a", [b"2"], at=1) == 2
    assert (await log.read("a", 0)).records == [b"1", b"2"]


async def a_sealed_log_stays_as_it_is(log: Log) -> None:
    """After ``seal`` nothing is added, all is still read, and sealing again is harmless."""
    await log.create("a")
    await log.append("a", [b"1"])
    await log.seal("a")
    await log.seal("a")
    await _raises(SealedError, log.append("a", [b"2"]))
    page = await log.read("a", 0)
    assert (page.records, page.is_end) == ([b"1"], True)
    assert (await log.read("a", 1)).is_end


async def a_waiting_reader_is_woken(log: Log) -> None:
    """``wait`` returns at an append, at the seal, and at once where there is something already."""
    await log.create("a")
    await _woken_by(log, 0, log.append("a", [b"1"]))
    await _in_time(log.wait("a", 0, PATIENCE * 2))
    await _woken_by(log, 1, log.seal("a"))
    await _in_time(log.wait("a", 1, PATIENCE * 2))


async def waiting_ends_by_itself(log: Log) -> None:
    """``wait`` returns after its timeout though nothing came, and a cancelled one leaves the log as it was."""
    await log.create("a")
    await _in_time(log.wait("a", 0, 0.01))
    waiting = asyncio.create_task(log.wait("a", 0, PATIENCE * 2))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await _woken_by(log, 0, log.append("a", [b"1"]))


async def a_dropped_log_is_unknown(log: Log) -> None:
    """Dropping a log ends the waiting of its readers, and they find it unknown."""
    await log.create("a")
    reader = asyncio.create_task(_read(log, "a"))
    await asyncio.sleep(0)
    await log.drop("a")
    await _raises(UnknownStreamError, _in_time(reader))
    await _raises(UnknownStreamError, log.append("a", [b"1"]))


async def tail_reads_to_the_end(log: Log) -> None:
    """``tail`` gives what is there, then what comes, and ends with the seal; from every offset the same rest."""
    await log.create("a")
    await log.append("a", [b"1", b"2"])
    readers = [asyncio.create_task(_read(log, "a", after)) for after in range(3)]
    await asyncio.sleep(0)
    await log.append("a", [b"3"])
    await log.seal("a")
    assert [await _in_time(reader) for reader in readers] == [[b"1", b"2", b"3"], [b"2", b"3"], [b"3"]]


async def tail_says_that_nothing_came(log: Log) -> None:
    """``tail`` yields an empty page when nothing came for ``pause`` seconds."""
    await log.create("a")
    pages = tail(log, "a", heartbeat=0.01)
    page = await _in_time(anext(pages))
    assert (page.records, page.is_end) == ([], False)
    await pages.aclose()


async def logs_do_not_mix(log: Log) -> None:
    """What is done to one log is not done to another, whatever its key looks like."""
    keys = ["a", "A", "a ", "a/b", "é", "'; --", "a%", "a" * 200]
    for key in keys:
        await log.create(key)
        await log.append(key, [key.encode()])
    await log.seal("a")
    await log.drop("A")
    for key in keys:
        if key != "A":
            page = await log.read(key, 0)
            assert (page.records, page.is_end) == ([key.encode()], key == "a")


async def readers_and_writers_at_once(log: Log) -> None:
    """Readers that begin anywhere, at any time, each get every record once and in order while it is written."""
    for seed in range(5):
        await _race(log, random.Random(seed), f"race {seed}")  # noqa: S311 - chance, not secrets


async def writers_that_compete(log: Log) -> None:
    """Of two writers that name the same offset one wins; together they lose and double nothing."""
    await log.create("a")

    async def write(name: bytes) -> None:
        for number in range(20):
            while True:
                at = (await log.read("a", 0)).next
                try:
                    await log.append("a", [b"%s%d" % (name, number)], at=at)
                except ConflictError:
                    continue
                break

    await _in_time(asyncio.gather(write(b"a"), write(b"b")))
    records = (await log.read("a", 0)).records
    for name in (b"a", b"b"):
        assert [record for record in records if record.startswith(name)] == [b"%s%d" % (name, n) for n in range(20)]


async def an_append_may_be_the_end(log: Log) -> None:
    """``seal`` ends the log with the records of the same append, for those who wait too; refused, it ends nothing."""
    await log.create("a")
    await _raises(ConflictError, log.append("a", [b"x"], at=7, seal=True))
    assert not (await log.state("a")).is_sealed
    await _woken_by(log, 0, log.append("a", [b"1", b"2"], seal=True))
    page = await log.read("a", 0)
    assert (page.records, page.is_end) == ([b"1", b"2"], True)
    await _raises(SealedError, log.append("a", [b"3"]))
    await log.create("b")
    await log.append("b", [], seal=True)
    assert (await log.read("b", 0)).is_end


async def a_note_is_kept(log: Log) -> None:
    """The note is what ``create`` or the last append with one said; an append that is refused leaves it."""
    await log.create("a", note=b"\x00first")
    await log.append("a", [b"1"])
    assert (await log.state("a")).note == b"\x00first"
    await log.append("a", [], note=b"second")
    await _raises(ConflictError, log.append("a", [b"2"], at=0, note=b"lost"))
    assert await log.state("a") == LogState(1, False, "", False, b"second")
    await log.append("a", [b"2"], note=b"", seal=True)
    assert await log.state("a") == LogState(2, True, "", False, b"")


async def of_many_who_create_one_wins(log: Log) -> None:
    """A key can stand for "done once": the others find the winner's note."""

    async def create(name: bytes) -> bytes:
        try:
            await log.create("a", note=name)
        except ConflictError:
            return b""
        return name

    won = await asyncio.gather(*(create(b"%d" % number) for number in range(10)))
    winners = [name for name in won if name]
    assert winners == [(await log.state("a")).note]


async def a_log_without_a_writer_is_never_stale(log: Log) -> None:
    """Nobody said to write it, so nobody can be missing; and it cannot be taken over."""
    await log.create("a", lease=0.0)
    assert not (await log.state("a")).is_stale
    assert await log.stale() == []
    await _raises(ConflictError, log.take_over("a", "me"))
    await _raises(UnknownStreamError, log.take_over("b", "me"))
    await _raises(UnknownStreamError, log.state("b"))


async def a_writer_that_lives_keeps_its_log(log: Log) -> None:
    """Before its lease has run out, a log is not stale, and nobody takes it over."""
    await log.create("a", writer="one", lease=PATIENCE * 100)
    await log.append("a", [b"1"], writer="one")
    assert await log.state("a") == LogState(1, False, "one", False, b"")
    assert await log.stale() == []
    await _raises(ConflictError, log.take_over("a", "two"))
    await _raises(ConflictError, log.append("a", [b"x"], writer="two"))
    assert (await log.read("a", 0)).records == [b"1"]


async def a_stale_log_can_be_taken_over(log: Log) -> None:
    """After the lease another may write, and the writer before may not; a log with an end is never stale."""
    await log.create("a", writer="one", lease=0.02, note=b"n")
    await log.create("b", writer="one", lease=0.0)
    await log.append("a", [b"1"], writer="one")
    await log.seal("b")
    while not (await log.state("a")).is_stale:
        await log.wait("a", 1, 0.02)
    assert await log.stale() == ["a"]
    assert await log.take_over("a", "two", lease=PATIENCE * 100) == LogState(1, False, "two", False, b"n")
    assert await log.stale() == []
    await _raises(ConflictError, log.append("a", [b"x"], writer="one"))
    assert await log.append("a", [b"2"], at=1, writer="two", seal=True) == 2
    assert (await log.read("a", 0)).records == [b"1", b"2"]
    for key in "ab":
        await _raises(SealedError, log.take_over(key, "three"))


async def of_many_who_take_over_one_wins(log: Log) -> None:
    """Of those who find the same log stale at the same time, one becomes its writer."""
    await log.create("a", writer="one", lease=0.0)

    async def take(name: str) -> str:
        try:
            await log.take_over("a", name, lease=PATIENCE * 100)
        except ConflictError:
            return ""
        return name

    took = [name for name in await asyncio.gather(*map(take, "abcdefgh")) if name]
    assert took == [(await log.state("a")).writer]


async def what_is_old_is_swept(log: Log) -> None:
    """``sweep`` drops what is older than ``age``, with an end or without a living writer, and nothing younger."""
    await log.create("sealed", writer="me")
    await log.append("sealed", [b"1"], seal=True)
    await log.create("idle")
    await log.create("dead", writer="me", lease=0.0)
    await log.create("written", writer="me", lease=PATIENCE * 100)
    assert await log.sweep() == 0
    assert await log.sweep(age=PATIENCE * 100) == 0
    assert (await log.read("sealed", 0)).records == [b"1"]
    assert await log.sweep(age=0.0) == 3
    for key in ("sealed", "idle", "dead"):
        await _raises(UnknownStreamError, log.read(key, 0))
    assert (await log.read("written", 0)).records == []


async def what_is_too_much_is_swept(log: Log) -> None:
    """``sweep`` drops the oldest until what is left has ``size`` bytes at most; what is written stays."""
    await log.create("written", writer="me", lease=PATIENCE * 100)
    await log.append("written", [b"x" * 1000])
    for key in ("first", "second", "third"):
        await log.create(key)
        await log.append(key, [b"x" * 500, b"y" * 500])
        await log.seal(key)
    assert await log.sweep(size=10_000) == 0
    assert await log.sweep(size=2500) == 2
    for key in ("first", "second"):
        await _raises(UnknownStreamError, log.read(key, 0))
    assert len((await log.read("third", 0)).records) == 2
    assert await log.sweep(size=0) == 1
    assert len((await log.read("written", 0)).records) == 1


async def a_cancelled_call_spoils_no_other(log: Log) -> None:
    """A call that is cancelled at any moment leaves its answer to nobody else, and the log whole."""
    chance = random.Random(0)  # noqa: S311 - chance, not secrets
    keys = [f"{number}" for number in range(5)]
    for key in keys:
        await log.create(key)
        await log.append(key, [key.encode()])
    for _ in range(60):
        key = chance.choice(keys)
        calls: list[Callable[[], Awaitable[object]]] = [
            partial(log.read, key, 0),
            partial(log.append, key, [key.encode()]),
            partial(log.state, key),
        ]
        task = asyncio.ensure_future(chance.choice(calls)())
        for _ in range(chance.randint(0, 6)):
            await asyncio.sleep(0)
        task.cancel()
        other = chance.choice(keys)
        assert set((await _in_time(log.read(other, 0))).records) == {other.encode()}
        await asyncio.gather(task, return_exceptions=True)


async def _race(log: Log, chance: random.Random, key: str) -> None:
    records = [b"%d" % number for number in range(200)]
    await log.create(key)

    async def write() -> None:
        done = 0
        while done < len(records):
            more = chance.randint(1, 20)
            await log.append(key, records[done : done + more])
            done += more
            for _ in range(chance.randint(0, 3)):
                await asyncio.sleep(0)
        await log.seal(key)

    async def read() -> None:
        for _ in range(chance.randint(0, 20)):
            await asyncio.sleep(0)
        after = chance.randint(0, (await log.read(key, 0)).next)
        assert await _read(log, key, after) == records[after:]

    await _in_time(asyncio.gather(write(), *(read() for _ in range(8))))


async def _read(log: Log, key: str, after: int = 0) -> list[bytes]:
    return [record async for page in tail(log, key, after, heartbeat=PATIENCE * 2) for record in page.records]


async def _woken_by(log: Log, after: int, work: Awaitable[object]) -> None:
    waiting = asyncio.create_task(log.wait("a", after, PATIENCE * 2))
    await asyncio.sleep(0)
    await work
    await _in_time(waiting)


async def _in_time(work: Awaitable[T]) -> T:
    return await asyncio.wait_for(work, PATIENCE)


async def _raises(kind: type[HeadwaterError], work: Awaitable[object]) -> None:
    try:
        await work
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was to be raised")

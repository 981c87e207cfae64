"""For tests of code that builds on headwater: ``log_contract()``, the checks that every ``Log`` has to pass.

    @pytest.mark.parametrize("check", log_contract(), ids=lambda check: check.__name__)
    def test_my_log(check):
        asyncio.run(check(MyLog()))

Each check is a coroutine function that takes a new, empty log and raises ``AssertionError`` if it breaks the contract.
None of them sleeps: where a log has to wake a reader, the reader waits and the check writes.
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

#: How long a check waits for what should happen at once, in seconds.
TIMEOUT = 10.0


def log_contract() -> list[Check]:
    """Return the checks, as coroutine functions; their names say what they check."""
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
    """A new log has no records and is not sealed."""
    await log.create("a")
    page = await log.read("a", 0)
    assert (page.records, page.next, page.is_end) == ([], 0, False)


async def a_key_is_taken_once(log: Log) -> None:
    """Creating a log again is a conflict and changes nothing; after ``drop`` the key is free."""
    await log.create("a")
    await log.append("a", [b"1"])
    await _raises(ConflictError, log.create("a"))
    assert (await log.read("a", 0)).records == [b"1"]
    await log.drop("a")
    await log.create("a")
    assert (await log.read("a", 0)).records == []


async def records_are_read_as_they_were_written(log: Log) -> None:
    """Records are returned in order and byte for byte, from every offset."""
    records = [b"", b"\x00\xff\r\n", "é\u2028".encode(), b"x" * 100_000, b"last"]
    await log.create("a")
    assert await log.append("a", records[:2]) == 2
    assert await log.append("a", []) == 2
    assert await log.append("a", records[2:]) == 5
    for after in range(6):
        page = await log.read("a", after)
        assert (page.records, page.next, page.is_end) == (records[after:], 5, False)


async def a_page_has_a_limit(log: Log) -> None:
    """``limit`` bounds a page; the next one continues after it, and only the last is the end."""
    await log.create("a")
    await log.append("a", [b"%d" % number for number in range(5)])
    await log.seal("a")
    first, second = await log.read("a", 0, 3), await log.read("a", 3, 3)
    assert (first.records, first.next, first.is_end) == ([b"0", b"1", b"2"], 3, False)
    assert (second.records, second.next, second.is_end) == ([b"3", b"4"], 5, True)


async def an_unknown_log_is_an_error(log: Log) -> None:
    """A log that was not created cannot be read, written or sealed; dropping it is not an error."""
    await _raises(UnknownStreamError, log.append("a", [b"1"]))
    await _raises(UnknownStreamError, log.read("a", 0))
    await _raises(UnknownStreamError, log.wait("a", 0, 0.01))
    await _raises(UnknownStreamError, log.seal("a"))
    await log.drop("a")


async def a_writer_may_say_where_the_log_is(log: Log) -> None:
    """With ``at`` records are appended at that offset or not at all."""
    await log.create("a")
    assert await log.append("a", [b"1"], at=0) == 1
    await _raises(ConflictError, log.append("a", [b"x"], at=0))
    await _raises(ConflictError, log.append("a", [b"x"], at=2))
    assert await log.append("a", [b"2"], at=1) == 2
    assert (await log.read("a", 0)).records == [b"1", b"2"]


async def a_sealed_log_stays_as_it_is(log: Log) -> None:
    """After ``seal`` nothing can be appended, everything can be read, and sealing again is not an error."""
    await log.create("a")
    await log.append("a", [b"1"])
    await log.seal("a")
    await log.seal("a")
    await _raises(SealedError, log.append("a", [b"2"]))
    page = await log.read("a", 0)
    assert (page.records, page.is_end) == ([b"1"], True)
    assert (await log.read("a", 1)).is_end


async def a_waiting_reader_is_woken(log: Log) -> None:
    """``wait`` returns at an append, at the seal, and at once if there are records already."""
    await log.create("a")
    await _woken_by(log, 0, log.append("a", [b"1"]))
    await _in_time(log.wait("a", 0, TIMEOUT * 2))
    await _woken_by(log, 1, log.seal("a"))
    await _in_time(log.wait("a", 1, TIMEOUT * 2))


async def waiting_ends_by_itself(log: Log) -> None:
    """``wait`` returns after its timeout without records, and cancelling it does not affect the log."""
    await log.create("a")
    await _in_time(log.wait("a", 0, 0.01))
    waiting = asyncio.create_task(log.wait("a", 0, TIMEOUT * 2))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await _woken_by(log, 0, log.append("a", [b"1"]))


async def a_dropped_log_is_unknown(log: Log) -> None:
    """Dropping a log wakes its readers, for which it is then unknown."""
    await log.create("a")
    reader = asyncio.create_task(_read(log, "a"))
    await asyncio.sleep(0)
    await log.drop("a")
    await _raises(UnknownStreamError, _in_time(reader))
    await _raises(UnknownStreamError, log.append("a", [b"1"]))


async def tail_reads_to_the_end(log: Log) -> None:
    """``tail`` yields the records that exist, then new ones, and ends at the seal; from any offset."""
    await log.create("a")
    await log.append("a", [b"1", b"2"])
    readers = [asyncio.create_task(_read(log, "a", after)) for after in range(3)]
    await asyncio.sleep(0)
    await log.append("a", [b"3"])
    await log.seal("a")
    assert [await _in_time(reader) for reader in readers] == [[b"1", b"2", b"3"], [b"2", b"3"], [b"3"]]


async def tail_says_that_nothing_came(log: Log) -> None:
    """``tail`` yields an empty page after ``heartbeat`` seconds without records."""
    await log.create("a")
    pages = tail(log, "a", heartbeat=0.01)
    page = await _in_time(anext(pages))
    assert (page.records, page.is_end) == ([], False)
    await pages.aclose()


async def logs_do_not_mix(log: Log) -> None:
    """Operations on one log do not affect another, whatever their keys."""
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
    """Readers that begin at any offset and time each get every record once and in order."""
    for seed in range(5):
        await _race(log, random.Random(seed), f"race {seed}")  # noqa: S311 - chance, not secrets


async def writers_that_compete(log: Log) -> None:
    """Of two writers at the same offset one wins; no record is lost or duplicated."""
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
    """An append with ``seal`` is the end of the log, for waiting readers, too; a refused one seals nothing."""
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
    """The note is that of ``create`` or of the last append with one; a refused append does not change it."""
    await log.create("a", note=b"\x00first")
    await log.append("a", [b"1"])
    assert (await log.state("a")).note == b"\x00first"
    await log.append("a", [], note=b"second")
    await _raises(ConflictError, log.append("a", [b"2"], at=0, note=b"lost"))
    assert await log.state("a") == LogState(1, False, "", False, b"second")
    await log.append("a", [b"2"], note=b"", seal=True)
    assert await log.state("a") == LogState(2, True, "", False, b"")


async def of_many_who_create_one_wins(log: Log) -> None:
    """Of many concurrent ``create`` calls one wins, and the others find its note."""

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
    """Without a writer there is no lease that could expire, so the log cannot be taken over."""
    await log.create("a", lease=0.0)
    assert not (await log.state("a")).is_stale
    assert await log.stale() == []
    await _raises(ConflictError, log.take_over("a", "me"))
    await _raises(UnknownStreamError, log.take_over("b", "me"))
    await _raises(UnknownStreamError, log.state("b"))


async def a_writer_that_lives_keeps_its_log(log: Log) -> None:
    """Before its lease expires a log is not stale and cannot be taken over."""
    await log.create("a", writer="one", lease=TIMEOUT * 100)
    await log.append("a", [b"1"], writer="one")
    assert await log.state("a") == LogState(1, False, "one", False, b"")
    assert await log.stale() == []
    await _raises(ConflictError, log.take_over("a", "two"))
    await _raises(ConflictError, log.append("a", [b"x"], writer="two"))
    assert (await log.read("a", 0)).records == [b"1"]


async def a_stale_log_can_be_taken_over(log: Log) -> None:
    """After the lease another writer may take over, and the previous one may not write; a sealed log is never stale."""
    await log.create("a", writer="one", lease=0.02, note=b"n")
    await log.create("b", writer="one", lease=0.0)
    await log.append("a", [b"1"], writer="one")
    await log.seal("b")
    while not (await log.state("a")).is_stale:
        await log.wait("a", 1, 0.02)
    assert await log.stale() == ["a"]
    assert await log.take_over("a", "two", lease=TIMEOUT * 100) == LogState(1, False, "two", False, b"n")
    assert await log.stale() == []
    await _raises(ConflictError, log.append("a", [b"x"], writer="one"))
    assert await log.append("a", [b"2"], at=1, writer="two", seal=True) == 2
    assert (await log.read("a", 0)).records == [b"1", b"2"]
    for key in "ab":
        await _raises(SealedError, log.take_over(key, "three"))


async def of_many_who_take_over_one_wins(log: Log) -> None:
    """Of many concurrent ``take_over`` calls one wins."""
    await log.create("a", writer="one", lease=0.0)

    async def take(name: str) -> str:
        try:
            await log.take_over("a", name, lease=TIMEOUT * 100)
        except ConflictError:
            return ""
        return name

    took = [name for name in await asyncio.gather(*map(take, "abcdefgh")) if name]
    assert took == [(await log.state("a")).writer]


async def what_is_old_is_swept(log: Log) -> None:
    """``sweep`` drops logs older than ``age`` that are sealed or have no live writer, and no others."""
    await log.create("sealed", writer="me")
    await log.append("sealed", [b"1"], seal=True)
    await log.create("idle")
    await log.create("dead", writer="me", lease=0.0)
    await log.create("written", writer="me", lease=TIMEOUT * 100)
    assert await log.sweep() == 0
    assert await log.sweep(age=TIMEOUT * 100) == 0
    assert (await log.read("sealed", 0)).records == [b"1"]
    assert await log.sweep(age=0.0) == 3
    for key in ("sealed", "idle", "dead"):
        await _raises(UnknownStreamError, log.read(key, 0))
    assert (await log.read("written", 0)).records == []


async def what_is_too_much_is_swept(log: Log) -> None:
    """``sweep`` drops the oldest logs until at most ``size`` bytes are left; a log with a live writer stays."""
    await log.create("written", writer="me", lease=TIMEOUT * 100)
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
    """A call cancelled at any moment affects neither the results of other calls nor the log."""
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
    return [record async for page in tail(log, key, after, heartbeat=TIMEOUT * 2) for record in page.records]


async def _woken_by(log: Log, after: int, work: Awaitable[object]) -> None:
    waiting = asyncio.create_task(log.wait("a", after, TIMEOUT * 2))
    await asyncio.sleep(0)
    await work
    await _in_time(waiting)


async def _in_time(work: Awaitable[T]) -> T:
    return await asyncio.wait_for(work, TIMEOUT)


async def _raises(kind: type[HeadwaterError], work: Awaitable[object]) -> None:
    try:
        await work
    except kind:
        return
    raise AssertionError(f"{kind.__name__} should have been raised")

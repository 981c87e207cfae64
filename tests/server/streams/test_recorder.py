"""Named answers: they run without readers, are read and stopped from any server, begin once, and belong to one key."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest

from headwater import offline
from headwater.engines.base import EngineRequest
from headwater.engines.offline import OfflineEngine
from headwater.errors import APIError, UnknownStreamError
from headwater.log.base import Log
from headwater.log.memory import MemoryLog
from headwater.server import Limits, app
from headwater.server.http.metrics import ServerMetrics
from headwater.server.streams import record_format
from headwater.server.streams.recorder import Recorder
from headwater.server.streams.retention import RetentionPolicy
from tests.support.live import Held, Scripted, says
from tests.support.nodes import Store, ends_of, joined, scene, text_of

_QUICK = offline.Pace(first=0.0, rate=4000.0)


@scene
async def test_answer_runs_without_readers(store: Store) -> None:
    """An answer that nobody reads comes to its end, and its note says how: state, tokens, times, chunks."""
    async with joined(store, OfflineEngine(_QUICK)) as (node,):
        name = (await node.begin()).name
        await node.until(lambda state: state.is_sealed, name)
        known = await node.registry.load(name, await node.registry.find(b"", name))
        assert known.status.reason == "finished"
        assert known.status.usage is not None
        assert known.status.usage["candidatesTokenCount"] > 10
        assert 0 <= (known.status.first_chunk or 0) <= (known.status.seconds or 0)
        found = await node.read(name)
        assert known.chunk_count == len(found) - 2 == known.event_count - 1
        assert record_format.read_header(found[0]) == known.header


@scene
async def test_every_server_reads_the_same(store: Store) -> None:
    """Readers on each server, from the start, late, and after the end, get the same records and one ending."""
    async with joined(store, OfflineEngine(_QUICK), None, None) as nodes:
        name = (await nodes[0].begin()).name
        early = [asyncio.create_task(node.read(name)) for node in nodes for _ in range(3)]
        await nodes[1].until(lambda state: state.next > 20, name)
        late = [asyncio.create_task(node.read(name, 10)) for node in nodes]
        whole = await early[0]
        assert all([await reader == whole for reader in early])
        assert all([await reader == whole[10:] for reader in late])
        assert [await node.read(name) for node in nodes] == [whole] * 3
        assert ends_of(whole) == [whole[-1]]


@scene
async def test_key_begins_one_answer_on_all_servers(store: Store) -> None:
    """Of many requests with one key, at once and later, on any server, one begins an answer and all get its name."""
    async with joined(store, Held(), Held(), Held()) as nodes:
        begun = await asyncio.gather(*(node.begin(key="once") for node in nodes for _ in range(4)))
        begun.append(await nodes[2].begin(key="once"))
        assert len({started.name for started in begun}) == 1
        assert sum(started.is_new for started in begun) == 1
        assert sum(len(node.recorder) for node in nodes) == 1
        assert (await nodes[0].begin(key="once", who=b"other")).name != begun[0].name, "another owner's key is another"
        with pytest.raises(APIError) as caught:
            await nodes[1].begin({"contents": []}, key="once")
        assert caught.value.code == 422


@scene
async def test_forgotten_answer_frees_its_key(store: Store) -> None:
    """When the answer is forgotten, its key begins a new one, and only one."""
    async with joined(store, Scripted(lambda _: [says("a", "STOP")]), Held()) as nodes:
        name = (await nodes[0].begin(key="k")).name
        await nodes[0].until(lambda state: state.is_sealed, name)
        await nodes[1].registry.drop(name)
        again = await asyncio.gather(*(node.begin(key="k") for node in nodes for _ in range(3)))
        assert len({started.name for started in again} | {name}) == 2
        assert sum(started.is_new for started in again) == 1


@scene
async def test_stop_reaches_the_server_that_produces(store: Store) -> None:
    """A stop on another server ends the engine in a moment; what was said is kept, and every reader gets one end."""
    held = Held(first=3)
    took = []
    async with joined(store, held, None, None) as nodes:
        for number in range(50):
            name = (await nodes[0].begin()).name
            await nodes[0].until(lambda state: state.next == 4, name)
            readers = [asyncio.create_task(node.read(name)) for node in nodes]
            began = time.monotonic()
            stopping = nodes[1 + number % 2].registry.stop(name)
            while held.cancelled <= number:
                await asyncio.sleep(0.001)
            took.append(time.monotonic() - began)
            await stopping
            (found, *others) = [await reader for reader in readers]
            assert others == [found, found]
            assert text_of(found) == "0 1 2 "
            assert record_format.read_status((await nodes[2].log.state(name)).note).reason == "cancelled"
            assert ends_of(found) == [found[-1]]
    took.sort()
    print(f"stop on another server: p50 {took[25] * 1000:.1f} ms, p99 {took[49] * 1000:.1f} ms")
    assert took[25] < 0.25


@scene
async def test_answer_belongs_to_its_key(store: Store) -> None:
    """Another key finds no more than for a name that never was; nor is any other log taken for an answer."""
    async with joined(store, Held(), None) as nodes:
        name = (await nodes[0].begin(who=b"me")).name
        assert (await nodes[1].registry.find(b"me", name)).model == "m"
        control = f"control:{nodes[0].recorder.node_id}"
        for who, asked in ((b"you", name), (b"", name), (b"me", "x" * 32), (b"me", control), (b"", "link:secret")):
            with pytest.raises(UnknownStreamError):
                await nodes[1].registry.find(who, asked)


@scene
async def test_names_are_listed_newest_first(store: Store) -> None:
    """An owner's answers are listed by any server, in pages, and nobody else's."""
    async with joined(store, Scripted(lambda _: [says("a", "STOP")]), None) as nodes:
        names: list[str] = []
        for _ in range(5):
            started = await nodes[0].begin(who=b"me")
            await nodes[0].registry.add_to_list(started.name, started.header)
            names.insert(0, started.name)
        assert await nodes[1].registry.list_names(b"me", 0, 3) == (names[:3], True)
        assert await nodes[1].registry.list_names(b"me", 3, 3) == (names[3:], False)
        assert await nodes[1].registry.list_names(b"you", 0, 3) == ([], False)


@scene
async def test_answer_with_patience_needs_a_reader_anywhere(store: Store) -> None:
    """An answer that is kept while somebody reads goes on as long as one reads on another server, and not longer."""
    held = Held()
    async with joined(store, held, None) as nodes:
        started = await nodes[0].begin(terms=RetentionPolicy(idle_ttl=0.3))
        nodes[0].registry.add_reader(started.name, started.header)
        nodes[1].registry.add_reader(started.name, started.header)
        nodes[0].registry.remove_reader(started.name)
        await asyncio.sleep(0.8)
        assert held.running == 1
        nodes[1].registry.remove_reader(started.name)
        async with asyncio.timeout(5):
            while held.running or nodes[0].registry.retention.get(started.name):
                await asyncio.sleep(0.01)
        with pytest.raises(UnknownStreamError):
            await nodes[0].until(lambda _: False, started.name)


@scene
async def test_share_of_a_key_is_held_while_an_answer_runs(store: Store) -> None:
    """A key has so many running answers and no more; one that has ended, or was begun before, takes nothing."""
    async with joined(store, Held(), limits=Limits(max_streams=1)) as (node,):
        name = (await node.begin(key="k")).name
        assert (await node.begin(key="k")).name == name
        with pytest.raises(APIError) as caught:
            await node.begin()
        assert caught.value.code == 429
        await node.registry.stop(name)
        await node.until(lambda _: not len(node.recorder), name)
        assert (await node.begin()).is_new


@scene
async def test_chunks_come_into_the_log_in_groups(store: Store) -> None:
    """Chunks that come while a group is being written are the next one; none is lost and their order is kept."""
    appended: list[int] = []
    script = Scripted(lambda _: [*(says(f"{number} ") for number in range(500)), says("", "STOP")])
    async with joined(store, script) as (node,):
        append = node.log.append

        async def counted(key: str, group: list[bytes], **options: object) -> int:
            appended.append(len(group))
            return await append(key, group, **options)

        node.log.append = counted  # type: ignore[method-assign,assignment]
        found = await node.read((await node.begin()).name)
        assert text_of(found) == "".join(f"{number} " for number in range(500))
        assert len(appended) < 250


def test_plain_answers_stay_in_memory() -> None:
    """An answer that nobody can come back for never touches the log that lasts."""

    async def run() -> None:
        log = MemoryLog()
        recorder = Recorder(log, ServerMetrics(), lease=10.0)
        generation = await recorder.relay(OfflineEngine(offline.INSTANT), EngineRequest("m", b'{"contents":[]}'))
        assert (len(log), len(recorder.relay_log)) == (0, 1)
        done = asyncio.Event()
        generation.add_done_callback(done.set)
        await done.wait()

    asyncio.run(run())


class FiledLog(MemoryLog):
    """A subclass whose records outlive the process."""

    is_in_memory = False


class WrappedLog:
    """A log of a program's own; it does not say where it is."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    def __getattr__(self, name: str) -> Any:
        if name == "is_in_memory":
            raise AttributeError(name)
        return getattr(self._log, name)


def test_a_log_says_whether_it_is_lost_with_its_server() -> None:
    """Only a server on such a log leaves no streams to others; the class of the log does not matter."""
    for log, hands_over in ((MemoryLog(), False), (FiledLog(), True), (WrappedLog(MemoryLog()), True)):
        assert Recorder(cast("Log", log), ServerMetrics(), lease=1.0).hands_over is hands_over


def test_a_log_is_used_even_if_it_is_empty() -> None:
    """``MemoryLog`` has a length: an empty one is false, and is a log nevertheless."""
    log = MemoryLog()
    assert not log
    assert app(log=log).state.server.recorder.log is log

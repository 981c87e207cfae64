"""When a server dies: its answers end with one honest error, or go on elsewhere without a gap or a repeat."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headwater import offline
from headwater.engines.base import EngineRequest
from headwater.engines.offline import OfflineEngine
from headwater.server.streams import record_format
from headwater.types import GenerateContentResponse
from tests.support.live import Held, Scripted, says
from tests.support.nodes import LEASE, Store, ends_of, joined, memory_scene, scene, stored, text_of
from tests.support.servers import PATIENCE
from tests.support.sides import run_async

_SLOW = offline.Pace(first=0.0, rate=500.0)
_SLOWER = offline.Pace(first=0.0, rate=250.0)
_STORY = {"contents": [{"parts": [{"text": "Tell me a story about a river in 300 words."}]}]}


async def whole_text() -> str:
    """What the offline engine answers if no server dies."""
    engine = OfflineEngine(offline.INSTANT)
    chunks = [
        record_format.chunk_record(chunk)
        async for chunk in engine.stream(EngineRequest("m", msgspec.json.encode(_STORY)))
    ]
    return text_of(chunks)


@scene
async def test_answer_of_a_dead_server_ends_with_one_error(store: Store) -> None:
    """Within the lease and a second all readers of a dead server's answer, on every server, get the same error."""
    async with joined(store, Held(first=2), None, None) as nodes:
        name = (await nodes[0].begin()).name
        await nodes[0].until(lambda state: state.next == 3, name)
        readers = [asyncio.create_task(node.read(name)) for node in nodes]
        await nodes[0].die()
        began = time.monotonic()
        found, *others = [await reader for reader in readers]
        assert time.monotonic() - began < LEASE + 1.0
        assert others == [found, found]
        assert text_of(found) == "0 1 "
        assert ends_of(found) == [found[-1]]
        error = json.loads(found[-1][1:])["error"]
        assert (error["code"], error["status"], error["details"][0]["reason"]) == (503, "UNAVAILABLE", "LOST")
        account = record_format.read_status((await nodes[1].log.state(name)).note)
        assert (account.reason, account.code, account.takeovers) == ("failed", 503, 1)


@scene
async def test_answer_goes_on_where_it_was(store: Store) -> None:
    """Under the continue policy another server says the rest: the text is the whole one, and there is one end."""
    async with joined(store, *(OfflineEngine(_SLOW) for _ in range(3))) as nodes:
        name = (await nodes[0].begin(_STORY, on_break="continue")).name
        readers = [asyncio.create_task(node.read(name)) for node in nodes]
        await nodes[0].until(lambda state: state.next > 20, name)
        await nodes[0].die()
        there = (await nodes[1].log.state(name)).next
        found, *others = [await reader for reader in readers]
        assert others == [found, found]
        assert text_of(found) == await whole_text()
        assert there < len(found)
        assert ends_of(found) == [found[-1]]
        account = record_format.read_status((await nodes[1].log.state(name)).note)
        assert (account.reason, account.takeovers, account.chunks) == ("finished", 1, len(found) - 3)
        assert not len(nodes[1].recorder)
        assert not len(nodes[2].recorder)


@pytest.mark.slow
@memory_scene
async def test_answer_outlives_two_deaths(store: Store) -> None:
    """A server that goes on with an answer may die over it too."""
    async with joined(store, *(OfflineEngine(_SLOWER) for _ in range(3))) as nodes:
        name = (await nodes[0].begin(_STORY, on_break="continue")).name
        reader = asyncio.create_task(nodes[2].read(name))
        await nodes[0].until(lambda state: state.next > 5, name)
        node = nodes[2].server.cluster
        node._tasks[2].cancel()  # it reads and does not look for the dead, for now
        await nodes[0].die()
        there = (await nodes[0].log.state(name)).next
        await nodes[1].until(lambda state: state.next > there + 5, name)
        node._tasks[2] = asyncio.create_task(node._repeat(node._take_over_stale, 0.05))
        await nodes[1].die()
        found = await reader
        assert text_of(found) == await whole_text()
        assert ends_of(found) == [found[-1]]
        assert record_format.read_status((await nodes[2].log.state(name)).note).takeovers == 2


class Model(Held):
    """An engine that goes on from its own words, as a model does that is shown them, and repeats a few of them."""

    name = "model"
    words = "Once upon a time there was a river that wished to see the sea and went down to it."

    def __init__(self, *, stops_after: int | None = None) -> None:
        super().__init__()
        self._stops_after = stops_after
        self.asked: list[Any] = []

    async def stream(self, request: EngineRequest) -> Any:
        body = json.loads(request.body)
        self.asked.append(body)
        last = body["contents"][-1]
        said = last["parts"][0]["text"] if last.get("role") == "model" else ""
        rest = self.words[max(0, len(said) - 15) :]
        for start in range(0, len(rest), 6):
            if self._stops_after is not None and start >= self._stops_after:
                await asyncio.sleep(3600)
            yield says(rest[start : start + 6])
        yield says("", "STOP")


@memory_scene
async def test_model_is_shown_its_own_words(store: Store) -> None:
    """An engine that would not say the same again is asked to go on from the text; what it repeats is left out."""
    first, second = Model(stops_after=36), Model()
    async with joined(store, first, second) as nodes:
        name = (await nodes[0].begin(on_break="continue")).name
        await nodes[0].until(lambda state: state.next == 8, name)
        await nodes[0].die()
        found = await nodes[1].read(name)
        assert text_of(found) == Model.words
        assert ends_of(found) == [found[-1]]
        assert second.asked[0]["contents"][-1] == {"role": "model", "parts": [{"text": Model.words[:36]}]}


@memory_scene
async def test_call_of_a_function_is_not_gone_on_with(store: Store) -> None:
    """Where there is more than words, and the engine would not say them again, the answer ends with an error."""
    call = GenerateContentResponse.model_validate(
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {}}}]}}]}
    )

    class Caller(Held):
        async def stream(self, request: EngineRequest) -> Any:
            yield call
            await asyncio.sleep(3600)

    async with joined(store, Caller(), Caller()) as nodes:
        name = (await nodes[0].begin(on_break="continue")).name
        await nodes[0].until(lambda state: state.next == 3, name)
        await nodes[0].die()
        found = await nodes[1].read(name)
        assert len(found) == 4
        assert found[-1][0] == record_format.ERROR


@memory_scene
async def test_whole_answer_gets_the_end_that_it_lacks(store: Store) -> None:
    """Where only the end was not written, it is written, and no engine runs."""

    class Hanging(Held):
        async def stream(self, request: EngineRequest) -> Any:
            self.running += 1
            yield says("all", "STOP")
            await asyncio.sleep(3600)

    second = Hanging()
    async with joined(store, Hanging(), second) as nodes:
        name = (await nodes[0].begin(on_break="continue")).name
        await nodes[0].until(lambda state: state.next == 3, name)
        await nodes[0].die()
        found = await nodes[1].read(name)
        assert record_format.read_status((await nodes[1].log.state(name)).note).reason == "finished"
        assert (text_of(found), found[-1][0], second.running) == ("all", record_format.END, 0)


@scene
async def test_answer_that_kills_servers_is_given_up(store: Store) -> None:
    """An answer whose server died without a chunk is retried once; the next server ends it and runs nothing."""
    silent = [Held(first=0) for _ in range(3)]
    async with joined(store, silent[0]) as (first,):
        name = (await first.begin(on_break="continue")).name
        await first.die()
        async with joined(store, silent[1]) as (second,):
            await second.until(lambda _: silent[1].running == 1, name)
            await second.die()
        async with joined(store, silent[2]) as (third,):
            found = await third.read(name)
            status = record_format.read_status((await third.log.state(name)).note)
    error = json.loads(found[-1][1:])["error"]
    assert (error["code"], error["status"], error["details"][0]["reason"]) == (503, "UNAVAILABLE", "LOST")
    assert (status.reason, status.code, status.takeovers) == ("failed", 503, 2)
    assert (silent[2].running, silent[2].cancelled) == (0, 0)


@memory_scene
async def test_suspects_are_retried_one_by_one(store: Store) -> None:
    """Of the answers that a dead server left without a chunk the second runs when the first has one."""
    first, second = Held(first=0), Held(first=0)
    async with joined(store, first, second) as nodes:
        names = [(await nodes[0].begin(on_break="continue")).name for _ in range(2)]
        cluster = nodes[1].server.cluster
        watched = asyncio.Queue[Any]()

        async def watch(generation: Any) -> None:
            watched.put_nowait(generation)
            async with asyncio.timeout(PATIENCE):
                while generation.first_chunk is None:
                    await asyncio.sleep(0.01)

        cluster._watch = watch  # type: ignore[method-assign]
        await nodes[0].die()
        one = await asyncio.wait_for(watched.get(), PATIENCE)
        async with asyncio.timeout(PATIENCE):
            while len(cluster._queued) < 2:  # the other one is found as well, and waits
                await asyncio.sleep(0.01)
        assert (second.running, len(nodes[1].recorder)) == (1, 1)
        other = names[1 - names.index(one.key)]
        assert (await nodes[1].log.state(other)).writer == nodes[0].recorder.node_id
        assert second.gate is not None
        second.gate.set()
        assert [await nodes[1].text(name) for name in names] == ["end", "end"]


@memory_scene
async def test_suspect_that_leaves_the_server_alive_makes_room(store: Store) -> None:
    """A model may think for long before its first chunk: it does not keep the next suspect waiting for that."""
    second = Held(first=0)
    async with joined(store, Held(first=0), second) as nodes:
        names = [(await nodes[0].begin(on_break="continue")).name for _ in range(2)]
        await nodes[0].die()
        await nodes[1].until(lambda _: second.running == 2, names[0])


@memory_scene
async def test_server_that_shuts_down_is_no_victim(store: Store) -> None:
    """Servers that are restarted one after the other did not die of the answer that they hand over."""
    engines = [Held(first=0) for _ in range(4)]
    async with joined(store, engines[0]) as (node,):
        node.recorder.hands_over = True  # as a log on disk does
        name = (await node.begin(on_break="continue")).name
        await node.until(lambda _: engines[0].running == 1, name)
        await node.recorder.drain(0.0)
        for engine in engines[1:]:
            async with joined(store, engine) as (successor,):
                successor.recorder.hands_over = True
                await successor.until(lambda _, engine=engine: engine.running == 1, name)  # type: ignore[misc]
                await successor.recorder.drain(0.0)
        state = await node.log.state(name)
        assert not state.is_sealed
        assert record_format.read_status(state.note).takeovers == 3


@memory_scene
async def test_answer_that_grows_is_gone_on_with_again_and_again(store: Store) -> None:
    """Of the servers that died over an answer only those count that brought nothing."""
    async with joined(store, Held(), Held()) as nodes:
        name = (await nodes[0].begin(on_break="continue")).name
        await nodes[0].until(lambda state: state.next == 3, name)
        account = msgspec.json.encode(record_format.StreamStatus(takeovers=9, idle_takeovers=3, known_records=2))
        await nodes[0].log.append(name, [], writer=nodes[0].recorder.node_id, note=account)
        await nodes[0].die()
        state = await nodes[1].until(lambda state: state.writer == nodes[1].recorder.node_id, name)
        await nodes[1].until(lambda _: len(nodes[1].recorder) == 1, name)
        assert not state.is_sealed


@scene
async def test_server_that_lost_its_answer_stops_at_once(store: Store) -> None:
    """A server that was silent for too long, and comes back to find another in its place, writes nothing more."""
    held = Held()
    async with joined(store, held, None) as nodes:
        name = (await nodes[0].begin()).name
        await nodes[0].until(lambda state: state.next == 2, name)
        await nodes[0].server.cluster.stop()  # as if the process had been stopped for a while
        found = await nodes[1].read(name)
        nodes[0].server.cluster.join()
        async with asyncio.timeout(PATIENCE):
            while held.running:
                await asyncio.sleep(0.01)
        assert held.cancelled == 1
        assert await nodes[0].read(name) == found
        assert len(ends_of(found)) == 1


@memory_scene
async def test_silent_engine_keeps_its_lease(store: Store) -> None:
    """An engine that says nothing for longer than the lease is not taken for dead."""
    held = Held()
    async with joined(store, held, None) as nodes:
        name = (await nodes[0].begin()).name
        await asyncio.sleep(LEASE * 2.5)
        state = await nodes[1].log.state(name)
        assert (state.is_stale, state.is_sealed, held.running) == (False, False, 1)
        assert held.gate is not None
        held.gate.set()
        assert text_of(await nodes[1].read(name)) == "0 end"


@memory_scene
async def test_stop_of_an_answer_whose_server_died_ends_it(store: Store) -> None:
    """A stop wins over going on: the answer ends as stopped, and no engine runs."""
    second = Held()
    async with joined(store, Held(), second) as nodes:
        name = (await nodes[0].begin(on_break="continue")).name
        await nodes[0].until(lambda state: state.next == 3, name)
        nodes[1].server.cluster._tasks[1].cancel()
        await nodes[0].die()
        await nodes[1].registry.stop(name)
        assert record_format.read_status((await nodes[1].log.state(name)).note).reason == "cancelled"
        assert second.running == 0


def test_server_that_shuts_down_hands_over(tmp_path: Path) -> None:
    """At shutdown an answer that others may go on with is left to them; any other ends with an error."""

    async def run(store: Store) -> None:
        async with joined(store, OfflineEngine(_SLOW), OfflineEngine(_SLOW)) as nodes:
            goes_on, ends = [(await nodes[0].begin(_STORY, on_break=how)).name for how in ("continue", "fail")]
            await nodes[0].until(lambda state: state.next > 10, goes_on)
            await nodes[0].recorder.drain(0.0)
            error = (await nodes[1].read(ends))[-1]
            assert json.loads(error[1:])["error"]["details"][0]["reason"] == "SHUTDOWN"
            assert text_of(await nodes[1].read(goes_on)) == await whole_text()

    with stored("sqlite", tmp_path) as store:
        run_async(run(store))


class Process:
    """A ``headwater serve`` of its own, to be killed."""

    def __init__(self, log: str, *options: str, cwd: Path | None = None) -> None:
        command = [sys.executable, "-m", "headwater", "serve", "--port", "0", "--pace", "first=0,rate=400"]
        self.process = subprocess.Popen(
            [*command, "--engine", "offline", "--store", log, "--lease", "1", *options],
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")},
        )
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in range(3)]
        match = re.search(r"http://\S+:(\d+)", lines[1])
        assert match, lines
        self.port = int(match[1])

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    @contextlib.contextmanager
    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Iterator[http.client.HTTPResponse]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE * 2)) as connection:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, json.dumps(body) if body else None, names)
            with connection.getresponse() as response:
                yield response


_FREEZING = """
import pathlib
import time

from headwater.engines.offline import OfflineEngine


class Freezing(OfflineEngine):
    name = "freezing"

    async def stream(self, request):
        with open("frozen", "a") as file:
            file.write("x")
        time.sleep(3600)
        yield


def engine():
    return Freezing()
"""


@pytest.mark.slow
def test_request_that_freezes_servers_stops_after_two_of_them(tmp_path: Path) -> None:
    """A request that blocks the event loop does so to the server that got it, and once more; then it is over."""
    log, frozen = f"sqlite:{tmp_path / 'answers.db'}", tmp_path / "frozen"
    (tmp_path / "freezing.py").write_text(_FREEZING)
    options = ("--model-engine", "poison=freezing:engine")
    body = json.dumps({"model": "poison", "on_break": "continue", **_STORY}).encode()
    head = b"POST /v1/streams HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nContent-Length: %d\r\n\r\n"
    for life in (1, 2):
        with Process(log, *options, cwd=tmp_path) as server:
            if life == 1:
                with socket.create_connection(("127.0.0.1", server.port)) as connection:
                    connection.sendall(head % len(body) + body)
                    _until(lambda: frozen.exists())
            _until(lambda life=life: len(frozen.read_text()) == life)  # type: ignore[misc]
    with Process(log, *options, cwd=tmp_path) as server:

        def state() -> Any:
            with server.ask("POST", "/v1/streams", json.loads(body), idempotency_key="k") as answer:
                return json.load(answer)

        _until(lambda: state()["state"] == "failed")
        assert (state()["code"], state()["takeovers"]) == (503, 2)
        with server.ask("GET", "/healthz") as answer:
            assert json.load(answer)["status"] == "ok"
    assert frozen.read_text() == "xx"


def _until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE * 3
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_killed_process_is_followed_by_another(tmp_path: Path) -> None:
    """After ``kill -9`` a reader that comes back to another process gets the rest: every event once, and one end."""
    log = f"sqlite:{tmp_path / 'answers.db'}?shared=yes"
    with Process(log) as first, Process(log) as second:
        with first.ask("POST", "/v1/streams", {"model": "m", "on_break": "continue", **_STORY}) as answer:
            path = f"/v1/streams/{json.load(answer)['name']}/events"
        with first.ask("GET", path) as reading:
            events = _events(reading, 20)
            first.process.send_signal(signal.SIGKILL)
            events += _events(reading)
        with second.ask("GET", path, last_event_id=str(events[-1][0])) as reading:
            events += _events(reading)
        assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
        assert {kind for _, kind, _ in events[:-1]} == {"chunk"}
        assert events[-1][1] == "end"
        expected = run_async(whole_text())
        assert text_of([b"c" + data.encode() for _, kind, data in events if kind == "chunk"]) == expected
        with second.ask("GET", path.removesuffix("/events")) as answer:
            state = json.load(answer)
        assert (state["state"], state["takeovers"]) == ("finished", 1)


def _events(response: http.client.HTTPResponse, most: int = 10**6) -> list[tuple[int, str, str]]:
    """The next events, up to ``most`` of them, of a body that may be cut."""
    found: list[tuple[int, str, str]] = []
    fields: dict[str, str] = {}
    try:
        while len(found) < most and (line := response.readline()):
            name, _, value = line.decode().rstrip("\r\n").partition(": ")
            if name:
                fields[name] = value
            elif fields:
                found.append((int(fields["id"]), fields["event"], fields["data"]))
                fields = {}
    except (OSError, ValueError, http.client.IncompleteRead):
        pass
    return found


def test_scripted_engine_is_asked_again_when_nothing_was_said(tmp_path: Path) -> None:
    """An answer whose server died before its first word is begun anew."""

    async def run(store: Store) -> None:
        async with joined(store, Held(first=0), Scripted(lambda _: [says("hello", "STOP")])) as nodes:
            name = (await nodes[0].begin(on_break="continue")).name
            await nodes[0].die()
            assert await nodes[1].text(name) == "hello"

    with stored("memory", tmp_path) as store:
        run_async(run(store))

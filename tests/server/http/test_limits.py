"""What a connection may cost: sizes, slowness, and clients that go away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.engines.base import EngineRequest
from headwater.server import Limits
from headwater.types import GenerateContentResponse
from tests.support.live import ASK, Held, Live, Scripted, post_bytes, read_all, read_until, says

PATH = "/v1beta/models/m:generateContent"
#: Like the real limits, but a test can wait for them.
SHORT = Limits(head_timeout=0.3, stall_timeout=0.3)
#: Room for one body of 3,000 bytes and a few small ones.
LITTLE = Limits(max_body=4000, max_bodies=4500)


def test_a_body_over_the_limit_is_refused_before_it_has_come() -> None:
    """A body that says it is too large, or becomes it, is 413 while most of it is still to come."""
    with Live(limits=Limits(max_body=1000)) as live:
        with live.connect() as connection:
            connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n".encode())
            assert b" 413 " in read_until(connection, b"}}")
        with live.connect() as connection:
            connection.sendall(
                f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            )
            connection.sendall(b"3e9\r\n" + b" " * 1001 + b"\r\n")
            assert b" 413 " in read_until(connection, b"}}")
        assert live.post(PATH).status == 200


def test_bodies_in_flight_count_against_the_quota_of_a_key() -> None:
    """The bodies of a key's requests that are on their way or being answered have a limit together; then it is 429."""
    held = Held(first=0)
    with Live(held, api_keys=["a-test-key-number-1", "a-test-key-number-2"], limits=LITTLE) as live:
        one, two = {"x_goog_api_key": "a-test-key-number-1"}, {"x_goog_api_key": "a-test-key-number-2"}
        large = {"contents": [{"parts": [{"text": "x" * 3000}]}]}
        unfinished = live.connect()
        unfinished.sendall(post_bytes(PATH, large, **one)[:-10])
        live.until(lambda: live.server.auth.quotas._bytes.total() > 2000)
        refused = live.post(PATH, large, **one)
        assert (refused.status, refused.json["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
        small = live.connect()
        small.sendall(post_bytes(PATH, ASK, **one))
        other = live.connect()
        other.sendall(post_bytes(PATH, large, **two))
        live.until(lambda: held.running == 2)  # a small one and another key's have room
        unfinished.close()
        other.close()
        live.until(lambda: live.server.auth.quotas._bytes.total() < 2000)
        large_again = live.connect()  # there is room again
        large_again.sendall(post_bytes(PATH, large, **one))
        live.until(lambda: held.running == 2)
        assert live.server.auth.quotas._bytes.total() > 3000  # while it is answered, it counts
        live.on_loop(lambda: held.gate and held.gate.set())
        live.until(lambda: not live.server.auth.quotas._bytes)


@pytest.mark.parametrize("piece", [b"a" * 4000, b"x: y\r\n" * 600], ids=["one line", "many lines"])
def test_a_head_over_the_limit_is_refused(piece: bytes) -> None:
    """64 KiB of head are 431, before the head has an end."""
    with Live() as live, live.connect() as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: localhost:{live.port}\r\nx: ".encode())
        try:
            for _ in range(40):
                connection.sendall(piece)
        except ConnectionError:
            pass
        assert b" 431 " in read_all(connection)


def test_a_head_just_over_the_limit_in_one_piece_is_refused() -> None:
    """The size of a head counts even when all of it comes at once."""
    with Live() as live:
        assert live.get("/", x_long="a" * 60_000).status == 200
        assert live.get("/", x_long="a" * 70_000).status == 431


class Slow:
    """One connection that is slow in its own way."""

    def __init__(self, live: Live, kind: str) -> None:
        self.socket = live.connect(4096 if kind == "reader" else 0)
        match kind:
            case "nothing":
                pass
            case "head":
                self.socket.sendall(b"GET / HTTP/1.1\r\nHost: loc")
            case "body":
                self.socket.sendall(post_bytes(PATH, ASK)[:-10])
            case "refused body":
                self.socket.sendall(b"POST /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
            case "reader":
                self.socket.sendall(post_bytes("/v1beta/models/big:streamGenerateContent?alt=sse", ASK))


_BIG = [says("x" * 1_000_000)] * 8  # more than the kernel takes off our hands


def _big_or_small(request: EngineRequest) -> list[GenerateContentResponse]:
    return _BIG if request.model == "big" else [says("small", "STOP")]


@pytest.mark.parametrize("kind", ["nothing", "head", "body", "reader"])
def test_slow_clients_are_let_go_while_others_stream(kind: str) -> None:
    """Clients that do not finish a head or a body, or do not read, are closed in time; nobody else notices."""
    count = 10 if kind == "reader" else 60
    with Live(Scripted(_big_or_small), limits=SHORT) as live:
        slow = [Slow(live, kind) for _ in range(count)]
        connections = live.runner.server_state.connections
        live.until(lambda: len(connections) >= count)
        assert live.post(PATH).status == 200
        live.until(lambda: len(connections) <= 1, patience=5)
        for one in slow:
            told = read_all(one.socket)
            assert (b" 408 " in told) == (kind in ("head", "body", "nothing"))
            one.socket.close()
        assert live.post(PATH).status == 200


def kernel_holds(port: int) -> int:
    """How many connections of this port the kernel has, those included that no process knows any more."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(fields[1].endswith(f":{port:04X}") and fields[3] in ("01", "04", "08", "0B") for fields in lines)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells, and has such a limit")
@pytest.mark.parametrize("size", [60_000, 1_000_000])
def test_an_answer_that_nobody_takes_does_not_stay_in_the_kernel(size: int) -> None:
    """Not even an answer that the kernel could hold keeps a connection to a client that never reads."""
    with Live(Scripted(lambda _: [says("x" * 1000)] * (size // 1000)), limits=SHORT) as live:
        for _ in range(50):
            Slow(live, "reader")
        assert kernel_holds(live.port) >= 50
        live.until(lambda: kernel_holds(live.port) == 0, patience=4)  # less than it takes to close an idle connection


def test_an_engine_does_not_run_ahead_of_a_reader_who_is_slow() -> None:
    """What is produced for a client who reads nothing stays small, and goes on to its end when the client reads."""
    produced = 0

    def script(_: EngineRequest) -> Iterator[GenerateContentResponse]:
        nonlocal produced
        for _ in range(5000):  # type: ignore[assignment]
            produced += 1
            yield says("x" * 1000)
        yield says("", "STOP")

    with Live(Scripted(script), limits=Limits(stall_timeout=5)) as live:
        slow = live.open_stream(connection="close")
        before = -1
        while before != live.on_loop(lambda: produced) or not before:
            before = produced
            live.get("/healthz")
        assert produced < 1500
        assert read_all(slow).count(b'xxx"') == 5000
        assert produced == 5000


def test_a_refused_body_does_not_hold_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a client goes on sending after its refusal is not read for ever, even if it comes steadily."""
    monkeypatch.setattr("headwater.server.http.uvicorn_protocol.LINGER_SECONDS", 0.2)
    with Live(limits=SHORT) as live:
        slow = Slow(live, "refused body")
        assert b" 404 " in read_until(slow.socket, b"}}")
        connections = live.runner.server_state.connections
        deadline = time.monotonic() + 5
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < deadline:
                slow.socket.sendall(b"a")
                live.on_loop(lambda: None)
        live.until(lambda: not connections)
        assert time.monotonic() < deadline
        slow.socket.close()


def test_a_slow_but_steady_body_is_read() -> None:
    """A body may take longer than the stall limit as long as it keeps coming, at some speed."""
    with Live(limits=Limits(stall_timeout=1.2)) as live, live.connect() as connection:
        data = post_bytes(PATH, ASK | {"labels": {"x": "x" * 1600}})
        connection.sendall(data[:-1600])
        for start in range(len(data) - 1600, len(data), 200):
            asyncio.run(asyncio.sleep(0.25))
            connection.sendall(data[start : start + 200])
        assert b" 200 " in read_until(connection, b"\r\n\r\n")


def test_a_body_that_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that comes in drops does not hold the connection, however steadily they come."""
    monkeypatch.setattr("headwater.server.http.uvicorn_protocol.MIN_BODY_RATE", 1e9)
    with Live(limits=Limits(stall_timeout=0.3)) as live, live.connect() as connection:
        connection.sendall(post_bytes(PATH, b" " * 1_000_000)[:-999_999])
        connections = live.runner.server_state.connections
        deadline = time.monotonic() + 5
        with contextlib.suppress(ConnectionError):
            while connections and time.monotonic() < deadline:
                connection.sendall(b" ")
                live.on_loop(lambda: None)
        live.until(lambda: not connections)
        assert time.monotonic() < deadline


def test_garbage_behind_a_request_does_not_enter_its_answer() -> None:
    """Bytes that are no HTTP, sent while an answer streams, end the connection, not the framing of the answer."""
    with Live(Held()) as live, live.open_stream() as connection:
        read_until(connection, b'"0 "')
        connection.sendall(b"\x00garbage\r\n\r\n")
        assert b"400" not in read_all(connection)


def test_leaving_clients_leave_nothing_behind() -> None:
    """When 200 clients are killed in the middle of their streams, every engine stops and no task or log is left."""
    held = Held()
    with Live(held, limits=Limits(max_streams=1000)) as live:
        live.post("/v1beta/models/m:countTokens")
        tasks = live.on_loop(lambda: len(asyncio.all_tasks()))
        streams = [live.open_stream() for _ in range(200)]
        for stream in streams:
            read_until(stream, b'"0 "')
        assert live.on_loop(lambda: held.running) == 200
        for stream in streams:
            stream.close()
        live.until(lambda: held.running == 0 and len(live.runner.server_state.connections) == 0)
        assert held.cancelled == 200
        assert live.on_loop(lambda: len(live.server.recorder.relay_log)) == 0
        live.until(lambda: len(asyncio.all_tasks()) <= tasks)
        figures = live.get("/metrics").body.decode()
        assert 'headwater_cancellations_total{engine="held"} 200.0' in figures
        assert 'headwater_streams_open{engine="held"} 0.0' in figures


@pytest.mark.parametrize("path", ["streamGenerateContent?alt=sse", "streamGenerateContent", "generateContent"])
def test_a_leaving_client_stops_its_engine(path: str) -> None:
    """In every form an engine that has said nothing yet is cancelled as soon as its client is gone."""
    held = Held(first=0)
    with Live(held) as live:
        with live.connect() as connection:
            connection.sendall(post_bytes(f"/v1beta/models/m:{path}", ASK))
            live.until(lambda: held.running == 1)
        live.until(lambda: held.cancelled == 1)


def test_streams_of_one_key_are_limited() -> None:
    """One key has so many streams at once and no more, another key its own; a place that is left is free."""
    held = Held()
    with Live(held, api_keys=["one", "two"], limits=Limits(max_streams=1)) as live:
        stream = live.open_stream(x_goog_api_key="one")
        read_until(stream, b'"0 "')
        reply = live.post("/v1beta/models/m:streamGenerateContent", x_goog_api_key="one")
        assert (reply.status, reply.json["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
        assert reply.headers["retry-after"]
        other = live.open_stream(x_goog_api_key="two")
        read_until(other, b'"0 "')
        stream.close()
        live.until(lambda: held.running == 1)
        again = live.open_stream(x_goog_api_key="one")
        read_until(again, b'"0 "')
        other.close()
        again.close()


def test_shutdown_lets_streams_finish_then_ends_them_with_an_error() -> None:
    """At shutdown an answer within the grace period is whole; one beyond it ends with 503 UNAVAILABLE in the stream."""
    held = Held()
    live = Live(held, grace=30)
    with live:
        stream = live.open_stream()
        read_until(stream, b'"0 "')
        live.runner.should_exit = True
        live.until(live.server.recorder.draining.is_set)
        live.on_loop(lambda: held.gate and held.gate.set())
        assert b'"STOP"' in read_all(stream)
        stream.close()
    with Live(Held(), grace=0.1) as live:
        stream = live.open_stream()
        read_until(stream, b'"0 "')
        live.stop()
        rest = read_all(stream)
        error = json.loads(rest[rest.index(b"data: ") + 6 : rest.index(b"\r\n\r\n", rest.index(b"data: "))])
        assert (error["error"]["code"], error["error"]["status"]) == (503, "UNAVAILABLE")
        assert rest.endswith(b"0\r\n\r\n")
        stream.close()


def test_streams_do_not_mix() -> None:
    """Of 300 streams at once, a third of them cut at random, each carries the chunks of its own user only."""
    chance = random.Random(3)
    script = Scripted(lambda request: [says(f"<{request.model}> {request.content.contents}")] * 30)

    async def user(port: int, name: str, leaves_after: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        ask = {"contents": [{"parts": [{"text": name}]}]}
        writer.write(post_bytes(f"/v1beta/models/{name}:streamGenerateContent?alt=sse", ask, connection="close"))
        heard = await reader.read(leaves_after) if leaves_after else await reader.read()
        writer.close()
        assert set(re.findall(rb"user-\d{3}", heard)) <= {name.encode()}
        assert leaves_after or heard.count(b"data: ") == 30

    async def everybody(port: int) -> None:
        leaving = [chance.choice([0, 0, chance.randint(1, 5000)]) for _ in range(300)]
        async with asyncio.timeout(30):
            await asyncio.gather(*(user(port, f"user-{number:03}", after) for number, after in enumerate(leaving)))

    with Live(script, limits=Limits(max_streams=1000)) as live:
        asyncio.run(everybody(live.port))
        live.until(lambda: len(live.server.recorder) == 0)

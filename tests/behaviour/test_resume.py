"""Streams that survive a cut: the server keeps what a client may come back for, and nothing longer than it said."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from headwater import genai
from headwater.core.wire import gemini
from headwater.engines.base import EngineRequest
from headwater.errors import NotFoundError, RateLimitError, StreamInterrupted, UnknownStreamError
from headwater.server import Limits
from headwater.streaming import Retry
from headwater.types import GenerateContentResponse
from tests.support.live import ASK, Held, Live, events, post_bytes, read_all, read_until, says
from tests.support.servers import PATIENCE

QUICK = Retry(attempts=5, initial_delay=0.01, jitter=0.0)


class Counting(Held):
    """An engine that counts to ``most``, a number every ``pause`` seconds, and how often it was asked to."""

    name = "counting"

    def __init__(self, most: int = 200, pause: float = 0.001) -> None:
        super().__init__()
        self.runs = 0
        self.most, self.pause = most, pause

    @property
    def text(self) -> str:
        return "".join(f"{number} " for number in range(self.most))

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
        self.runs += 1
        self.running += 1
        try:
            for number in range(self.most):
                await asyncio.sleep(self.pause)
                yield says(f"{number} ", "STOP" if number == self.most - 1 else None)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        finally:
            self.running -= 1


class Line:
    """A line to a server that is cut after ``size`` bytes of answers, again and again, at most ``cuts`` times."""

    def __init__(self, port: int, size: Callable[[], int], cuts: int) -> None:
        self._port, self._size, self.cuts = port, size, cuts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._open: list[socket.socket] = []

    def __enter__(self) -> Line:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        for sock in [self._listener, *self._open]:
            sock.close()

    def client(self, key: str = "test-key") -> genai.Client:
        return genai.Client(api_key=key, http_options={"base_url": self.url})

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._open += [near, far]
                for carry in (self._there, self._back):
                    self._threads.append(threading.Thread(target=carry, args=(near, far)))
                    self._threads[-1].start()

    def _there(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                far.sendall(data)
            far.shutdown(socket.SHUT_RDWR)

    def _back(self, near: socket.socket, far: socket.socket) -> None:
        left = self._size() if self.cuts > 0 else sys.maxsize
        with contextlib.suppress(OSError):
            while left > 0 and (data := far.recv(min(left, 65536))):
                near.sendall(data)
                left -= len(data)
            self.cuts -= left <= 0
            for sock in (near, far):
                sock.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> float:
    """The client asks for its streams to be kept for this time only (seconds)."""
    monkeypatch.setattr(gemini, "KEEP_SECONDS", 0.2)
    return 0.2


# --- the client comes back --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1500, 4000, 9001])
def test_cut_lines_lose_nothing(side: Any, size: int) -> None:
    """However often the line is cut, the text is whole, nothing comes twice, and the answer is produced once."""
    engine = Counting()
    with Live(engine) as live, Line(live.port, lambda: size, 6) as line:
        stream = side.stream(line.client(), on_break="continue", retry=QUICK)
        pieces = [chunk.text for chunk in side.read(stream)]
        assert "".join(pieces) == stream.text == engine.text
        assert len(pieces) == engine.most
        assert engine.runs == 1
        assert line.cuts < 6
        assert stream.metrics.attempts == 7 - line.cuts
        assert str(stream.ending) == "finished"


def test_fail_is_a_prefix_and_a_position(side: Any) -> None:
    """Without leave to go on, a cut ends the stream with what had come; nothing is kept for who did not ask."""
    engine = Counting(pause=0.005)
    with Live(engine) as live, Line(live.port, lambda: 2000, 1) as line:
        stream = side.stream(line.client())
        with pytest.raises(StreamInterrupted) as caught:
            side.read(stream)
        assert engine.text.startswith(stream.text)
        assert caught.value.position is None
        live.until(lambda: engine.cancelled == 1)


_PROGRAM = """
import asyncio, sys
from headwater import genai

colour, url, position = sys.argv[1:]
client = genai.Client(api_key="test-key", http_options={"base_url": url})

async def main():
    async for chunk in await client.aio.models.resume_stream(position):
        print(chunk.text, end="")

if colour == "async":
    asyncio.run(main())
else:
    for chunk in client.models.resume_stream(position):
        print(chunk.text, end="")
"""


def test_another_process_goes_on(side: Any) -> None:
    """A position that one process saved gives another the rest, although the first connection is gone."""
    engine = Counting()
    with Live(engine) as live:
        stream = side.stream(live.client(), on_break="continue")
        first = "".join(side.next(stream).text for _ in range(5))
        position = stream.position
        assert "test-key" not in position
        side.close(stream)
        command = [sys.executable, "-c", _PROGRAM, side.name, live.url, position]
        rest = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 3, check=True).stdout
        assert first + rest == engine.text
        assert engine.runs == 1


def test_the_position_moves_and_the_error_has_it(side: Any) -> None:
    """Each position stands behind the chunks that were read by then; the error of a cut says the last one."""
    engine = Counting(most=30)
    with Live(engine) as live, Line(live.port, lambda: 1800, 99) as line:
        stream = side.stream(line.client(), on_break="continue", retry=Retry(attempts=1))
        with pytest.raises(StreamInterrupted) as caught:
            side.read(stream)
        rest = side.call(live.client(), "models.resume_stream", position=caught.value.position)
        assert stream.text + "".join(chunk.text for chunk in side.read(rest)) == engine.text


def test_two_readers_of_one_stream(side: Any) -> None:
    """Two who go on from one position both get all the rest, at once or one after the other."""
    engine = Counting()
    with Live(engine) as live:
        stream = side.stream(live.client(), on_break="continue")
        first = side.next(stream).text
        position = stream.position
        both = [side.call(live.client(), "models.resume_stream", position=position) for _ in range(2)]
        for reader in both:
            side.next(reader)
        for reader in (*both, stream):
            assert side.do(reader.collect()).text[-8:] == engine.text[-8:]
        assert all(first + reader.text == engine.text for reader in both)
        late = side.call(live.client(), "models.resume_stream", position=position)
        assert first + side.do(late.collect()).text == engine.text
        assert engine.runs == 1


# --- nobody else, and no longer ---------------------------------------------------------------------------------------


def test_another_key_does_not_get_it(side: Any) -> None:
    """A stream is found with the key that began it only; to others it does not exist."""
    engine = Counting()
    with Live(engine, api_keys=["mine", "yours"]) as live:
        stream = side.stream(live.client("mine"), on_break="continue")
        side.next(stream)
        with pytest.raises(NotFoundError, match="no longer stored"):
            side.read(side.call(live.client("yours"), "models.resume_stream", position=stream.position))
        mine = side.call(live.client("mine"), "models.resume_stream", position=stream.position)
        assert side.do(mine.collect()).text.endswith(engine.text[-8:])


def test_after_the_grace_it_is_gone(side: Any, short: float) -> None:
    """When nobody comes back in time, the production is stopped, its log is dropped, and the error says so."""
    engine = Counting(most=10_000, pause=0.01)
    with Live(engine) as live:
        stream = side.stream(live.client(), on_break="continue")
        side.next(stream)
        position, key = stream.position, stream.headers["headwater-stream"]
        began = time.monotonic()
        side.close(stream)
        live.until(lambda: engine.cancelled == 1)
        assert time.monotonic() - began >= short
        assert engine.running == 0
        with pytest.raises(NotFoundError, match="no longer stored"):
            side.read(side.call(live.client(), "models.resume_stream", position=position))
        _wait_for_drop(live, key)


def test_who_comes_back_stops_the_clock(side: Any, short: float) -> None:
    """While somebody reads, a stream is kept for as long as it takes."""
    engine = Counting(most=60, pause=0.01)
    with Live(engine) as live:
        stream = side.stream(live.client(), on_break="continue")
        first = side.next(stream).text
        position = stream.position
        side.close(stream)
        rest = side.do(side.call(live.client(), "models.resume_stream", position=position).collect())
        assert first + rest.text == engine.text
        assert engine.cancelled == 0


def test_a_whole_stream_is_kept_for_the_grace_too(short: float) -> None:
    """What was produced to its end can still be read again, until the grace is over."""
    engine = Counting(most=5)
    with Live(engine) as live:
        reply = live.post(_PATH, headwater_keep=str(short))
        key = reply.headers["headwater-stream"]
        again = live.post(_PATH, headwater_stream=key, headwater_after="2")
        assert events(again.body) == events(reply.body)[2:]
        _wait_for_drop(live, key)
        assert live.post(_PATH, headwater_stream=key, headwater_after="2").status == 404


def test_a_share_is_held_while_it_is_produced(side: Any) -> None:
    """A kept stream counts against its key while it is produced, reader or not, and no longer."""
    engine = Counting(most=100, pause=0.005)
    with Live(engine, limits=Limits(max_streams=1)) as live:
        client = live.client()
        stream = side.stream(client, on_break="continue")
        side.next(stream)
        position = stream.position
        side.close(stream)
        with pytest.raises(RateLimitError, match="concurrent streams"):
            side.ask(client, retry=Retry(attempts=1))
        side.read(side.call(client, "models.resume_stream", position=position))
        live.until(lambda: engine.running == 0)
        assert side.ask(client).text  # although the first is still kept


def test_plain_clients_are_not_kept() -> None:
    """A client that does not ask for it has its stream cancelled as soon as it goes."""
    engine = Held()
    with Live(engine) as live:
        connection = live.open_stream()
        head = read_until(connection, b'"0 "')
        assert b"headwater-stream" not in head
        connection.close()
        live.until(lambda: engine.cancelled == 1)


@pytest.mark.parametrize(
    ("name", "value"), [("headwater_keep", "nan"), ("headwater_keep", "-1"), ("headwater_keep", "long")]
)
def test_nonsense_is_refused(name: str, value: str) -> None:
    """A time that is none is an error of the client's."""
    with Live() as live:
        assert live.post(_PATH, **{name: value}).status == 400
        assert live.post(_PATH, headwater_stream="x", headwater_after="-1").status == 400
        assert live.post(_PATH, headwater_stream="x").status == 404


def test_a_revoked_key_ends_a_kept_stream() -> None:
    """When a key is revoked, what is kept under it stops at once, read or not."""
    engine = Held()
    with Live(engine, api_keys=["mine", "other"]) as live:
        connection = live.open_stream(x_goog_api_key="mine", headwater_keep="30")
        read_until(connection, b'"0 "')
        connection.close()
        time.sleep(0.05)
        assert engine.cancelled == 0
        live.on_loop(lambda: live.server.auth.revoke("mine"))
        live.until(lambda: engine.cancelled == 1)


# --- shutting down ----------------------------------------------------------------------------------------------------


def test_what_nobody_reads_ends_with_the_server() -> None:
    """At a shutdown, a kept stream without a reader is stopped when the grace period is over, and not kept longer."""
    engine = Held()
    with Live(engine, grace=0.2) as live:
        connection = live.connect()
        connection.sendall(post_bytes(_PATH, ASK, headwater_keep="60"))
        read_until(connection, b'"0 "')
        connection.close()
        live.until(lambda: engine.running == 1)
        began = time.monotonic()
        live.stop()
        assert time.monotonic() - began < PATIENCE
        assert engine.cancelled == 1


def test_what_is_read_ends_in_order() -> None:
    """At a shutdown, a kept stream that somebody reads has the grace period, and then an error for its end."""
    engine = Held()
    with Live(engine, grace=0.1) as live:
        connection = live.connect()
        connection.sendall(post_bytes(_PATH, ASK, headwater_keep="60"))
        read_until(connection, b'"0 "')
        stopping = threading.Thread(target=live.stop)
        stopping.start()
        assert b'"UNAVAILABLE"' in read_all(connection)
        stopping.join(PATIENCE)


_PATH = "/v1beta/models/m:streamGenerateContent?alt=sse"


def _wait_for_drop(live: Live, key: str) -> None:
    """Wait until the log is unknown."""

    async def gone() -> None:
        with pytest.raises(UnknownStreamError):  # noqa: PT012
            while True:
                await live.server.recorder.log.state(key)
                await asyncio.sleep(0.01)

    assert live.loop is not None
    asyncio.run_coroutine_threadsafe(gone(), live.loop).result(PATIENCE)

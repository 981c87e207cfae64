"""The four clocks over real connections: plain, TLS and compressed, in both colours."""

from __future__ import annotations

import ssl
import time
import zlib
from typing import Any

import pytest

from headwater import genai
from headwater.errors import DeadlineExceeded, StreamStalled
from headwater.streaming import Deadlines, Retry, smooth
from tests.support.servers import Connection, Request, Script, Server, says, sse
from tests.support.stopping import silent

#: What is to happen at its time may be so late (seconds) on a machine that has other things to do.
LATE = 1.0
LIMIT = 0.15


def one_then_stall(connection: Connection, request: Request) -> None:
    """Say something, then nothing."""
    connection.begin()
    connection.event(says("Hel"))
    connection.stall()


def packed_then_stall(connection: Connection, request: Request) -> None:
    """The same, compressed, with the beginning of a block at the end."""
    packer = zlib.compressobj(wbits=31)
    connection.begin(content_encoding="gzip")
    connection.chunk(packer.compress(sse(says("Hel"))) + packer.flush(zlib.Z_SYNC_FLUSH))
    connection.stall()


def half_then_stall(connection: Connection, request: Request) -> None:
    """Say something, then the beginning of a chunk, then nothing."""
    connection.begin()
    connection.event(says("Hel"))
    time.sleep(0.05)
    connection.send(b"40\r\ndata: {")
    connection.stall()


def framing_then_stall(connection: Connection, request: Request) -> None:
    """Say something, then that something comes, then nothing."""
    connection.begin()
    connection.event(says("Hel"))
    time.sleep(0.05)
    connection.send(b"40\r\n")
    connection.stall()


def keeps_alive(connection: Connection, request: Request) -> None:
    """Say something, then blank lines for ever."""
    connection.begin()
    connection.event(says("Hel"))
    while True:
        connection.chunk(b"\r\n")
        time.sleep(0.03)


def empty_parts(connection: Connection, request: Request) -> None:
    """Say something, then chunks without content for ever."""
    connection.begin()
    connection.event(says("Hel"))
    while True:
        connection.event(says(""))
        time.sleep(0.03)


def words(connection: Connection, request: Request) -> None:
    """Say a word every now and then, for ever."""
    connection.begin()
    while True:
        connection.event(says("word "))
        time.sleep(0.03)


CASES: dict[str, tuple[Script, str, Any, str]] = {
    "no head": (silent, "first_content", StreamStalled, "connect"),
    "no head, bytes": (silent, "byte_gap", StreamStalled, "connect"),
    "no head, total": (silent, "total", DeadlineExceeded, "connect"),
    "silence, content": (one_then_stall, "content_gap", StreamStalled, "body"),
    "silence, bytes": (one_then_stall, "byte_gap", StreamStalled, "body"),
    "silence, total": (one_then_stall, "total", DeadlineExceeded, "body"),
    "compressed": (packed_then_stall, "content_gap", StreamStalled, "body"),
    "half a chunk": (half_then_stall, "content_gap", StreamStalled, "body"),
    "framing alone": (framing_then_stall, "content_gap", StreamStalled, "body"),
    "blank lines": (keeps_alive, "content_gap", StreamStalled, "body"),
    "empty parts": (empty_parts, "content_gap", StreamStalled, "body"),
    "words": (words, "total", DeadlineExceeded, "body"),
}


def check(error: Any, clock: str, phase: str, took: float, setting: str = "") -> None:
    """The error names its clock, what had come and how long it took; it came in time."""
    assert isinstance(error, TimeoutError)
    assert (error.deadline, error.limit, error.phase) == (clock, LIMIT, phase)  # type: ignore[attr-defined]
    assert LIMIT - 0.02 <= error.elapsed <= took  # type: ignore[attr-defined]
    assert took < LIMIT + LATE
    assert (setting or f"(Deadlines({clock}={LIMIT:g}))") in str(error)


@pytest.mark.parametrize(("tls", "paced"), [(False, False), (True, True)], ids=["plain", "paced over TLS"])
@pytest.mark.parametrize("case", CASES)
def test_each_clock_runs_out(side: Any, case: str, tls: bool, paced: bool, known: ssl.SSLContext) -> None:
    """A clock that runs out is an error that names it, in time; the connection is closed. Pacing changes nothing."""
    script, clock, kind, phase = CASES[case]
    with Server(script, tls=known if tls else None) as server:
        limits = {"first_content": None, "content_gap": None} | {clock: LIMIT}
        stages = {"stages": [smooth(delay=5.0)]} if paced else {}
        began = time.monotonic()
        stream = side.stream(server.client(), deadlines=Deadlines(**limits), **stages)
        with pytest.raises(kind) as caught:
            side.read(stream)
        check(caught.value, clock, phase, time.monotonic() - began)
        assert str(stream.ending) == "stalled"
        if case != "words":
            assert stream.text == ("Hel" if phase == "body" else "")
        if script in (silent, one_then_stall, packed_then_stall, half_then_stall, framing_then_stall):
            server.closed_at()


def test_first_content_runs_over_all_attempts(side: Any) -> None:
    """Attempts that fail do not wind the first clock up again."""

    def busy(connection: Connection, request: Request) -> None:
        connection.answer(b"", "503 Busy")

    # On a busy machine the first limit may pass before a second attempt: then there is nothing to see, and a longer one
    # is needed.
    for limit in (0.5, 2.0, 8.0):
        with Server(busy) as server:
            began = time.monotonic()
            stream = side.stream(
                server.client(),
                deadlines=Deadlines(first_content=limit),
                retry=Retry(attempts=1000, initial_delay=limit / 10, max_delay=limit / 10),
            )
            with pytest.raises(genai.errors.HeadwaterError):
                side.read(stream)
            assert time.monotonic() - began < limit + LATE
            if len(server.requests) > 1:
                break
    assert 1 < len(server.requests) < 20


def test_the_readers_own_time_does_not_count(side: Any) -> None:
    """Who takes long between two chunks does not make the gap clocks run out."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        for number in range(4):
            connection.event(says(f"{number} ", "STOP" if number == 3 else None))
            time.sleep(0.02)
        connection.end()

    with Server(script) as server:
        stream = side.stream(server.client(), deadlines=Deadlines(content_gap=0.3, byte_gap=0.3))
        for number in range(4):
            assert side.next(stream).text == f"{number} "
            time.sleep(0.35)
        assert side.next(stream) is None


def test_timeout_of_http_options_is_the_longest_silence(side: Any) -> None:
    """google-genai's timeout (milliseconds) bounds each silence, not the whole: steady words may take longer."""

    def steady(connection: Connection, request: Request) -> None:
        connection.begin()
        for number in range(8):
            connection.event(says("word ", "STOP" if number == 7 else None))
            time.sleep(0.05)
        connection.end()

    with Server(steady) as server:
        assert len(side.read(side.stream(server.client(timeout=200)))) == 8
    with Server(one_then_stall) as server:
        began = time.monotonic()
        with pytest.raises(StreamStalled) as caught:
            side.read(side.stream(server.client(timeout=round(LIMIT * 1000))))
        check(
            caught.value,
            "byte_gap",
            "body",
            time.monotonic() - began,
            "(http_options.timeout=150; `timeout` is in milliseconds)",
        )


@pytest.mark.parametrize("clock", ["first_content", "byte_gap", "total"])
def test_unary_calls_have_the_clocks_too(side: Any, clock: str) -> None:
    """A unary call that gets no answer ends by its clocks."""
    with Server(silent) as server:
        limits = {"first_content": None, "content_gap": None} | {clock: LIMIT}
        began = time.monotonic()
        with pytest.raises(TimeoutError) as caught:
            side.ask(server.client(), deadlines=Deadlines(**limits))
        check(caught.value, clock, "connect", time.monotonic() - began)
        server.closed_at()


def test_offline_streams_have_the_clocks_too(side: Any) -> None:
    """The clocks run for the offline engine as for a network."""
    for pace, clock in (("first=30,rate=1", "first_content"), ("first=0,rate=0.01", "content_gap")):
        client = genai.Client(http_options={"base_url": f"offline:{pace}"})
        with pytest.raises(StreamStalled) as caught:
            side.read(side.stream(client, deadlines=Deadlines(**{clock: LIMIT})))
        assert caught.value.deadline == clock

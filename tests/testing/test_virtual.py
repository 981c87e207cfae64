"""A virtual script plays in-process, and its time passes without waiting."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from headwater import genai
from headwater.errors import HeadwaterError
from headwater.genai import errors
from headwater.streaming import Deadlines, smooth
from headwater.testing import Fault, cut, error, faults, pause, redirect, slow_head, stall, truncate, virtual
from tests.support.sides import Sync


def client(server: Any, **options: Any) -> genai.Client:
    return genai.Client(api_key="any", transport=server, **options)


def read(side: Sync, server: Any, **options: Any) -> tuple[Any, HeadwaterError | None]:
    stream = side.stream(client(server), **options)
    try:
        side.read(stream)
    except HeadwaterError as problem:
        return stream, problem
    return stream, None


@pytest.mark.parametrize(
    ("deadlines", "kind", "at"),
    [
        (Deadlines(byte_gap=30), errors.StreamStalled, 40),
        (Deadlines(content_gap=45), errors.StreamStalled, 55),
        (Deadlines(total=25), errors.DeadlineExceeded, 25),
    ],
)
def test_deadlines_expire_to_the_second(side: Sync, deadlines: Deadlines, kind: Any, at: float) -> None:
    server = virtual("Hel", pause(10), "lo", stall())
    stream, problem = read(side, server, deadlines=deadlines)
    assert type(problem) is kind
    assert stream.text == server.said == "Hello"
    assert server.now == pytest.approx(at)


def test_first_content_counts_from_the_request(side: Sync) -> None:
    server = virtual(slow_head(4), pause(60), "Hello")
    _, problem = read(side, server, deadlines=Deadlines(first_content=10))
    assert isinstance(problem, errors.StreamStalled)
    assert server.now == pytest.approx(10)


def test_retries_wait_as_long_as_they_are_told(side: Sync) -> None:
    server = virtual([error(429, retry_after=7)], [cut()], ["Hello"])
    config = {"http_options": {"retry_options": {"attempts": 3, "initial_delay": 2.0, "jitter": 0.0}}}
    stream, problem = read(side, server, config=config)
    assert problem is None
    assert stream.text == "Hello"
    assert len(server.requests) == 3
    assert server.now >= 9


def test_a_minute_of_smoothing_takes_no_time(side: Sync) -> None:
    lines = [line for number in range(60) for line in (f"word{number} and some more ", pause(1.0))]
    server = virtual(*lines)
    began = time.monotonic()
    stream, problem = read(side, server, stages=[smooth()])
    assert problem is None
    assert stream.text == server.said
    assert server.now >= 59
    assert sum(stream.gaps) == pytest.approx(server.now, abs=1.1)
    assert time.monotonic() - began < 30  # on any machine


@pytest.mark.parametrize(
    ("lines", "text", "kind"),
    [
        (("Hel", cut()), "Hel", errors.StreamInterrupted),
        (("Hel", cut("inside")), "Hel", errors.StreamInterrupted),
        (("Hel", truncate()), "Hel", errors.StreamTruncated),
        ((cut(),), "", errors.ConnectError),
        ((redirect(), "Hello"), "Hello", None),
        (("Hello", cut(at=3)), "", errors.StreamInterrupted),
    ],
)
def test_what_breaks_on_a_socket_breaks_here(side: Sync, lines: Any, text: str, kind: Any) -> None:
    stream, problem = read(side, virtual(*lines), config={"http_options": {"retry_options": {"attempts": 1}}})
    assert type(problem) is (kind or type(None))
    assert stream.text == text


@pytest.mark.parametrize("fault", faults(), ids=str)
def test_faults_are_the_same_here(side: Sync, fault: Fault) -> None:
    server = fault.virtual()
    stream, problem = read(side, server)
    fault.check(stream.text, problem, server)


def test_one_answer(side: Sync) -> None:
    server = virtual("Hel", pause(100), "lo")
    assert side.ask(client(server)).text == "Hello"
    assert server.now == 100
    assert server.requests[0].json["contents"][0]["parts"] == [{"text": "hi"}]


def test_cancelling_ends_it(side: Sync) -> None:
    server = virtual("Hel", stall())
    stream = side.stream(client(server))
    assert side.next(stream).text == "Hel"
    stream.cancel("enough")
    assert side.next(stream) is None
    assert stream.ending.kind == "cancelled"
    assert server.now == 0


def test_other_tasks_get_their_turn() -> None:
    async def run() -> int:
        turns = 0
        done = asyncio.Event()

        async def count() -> None:
            nonlocal turns
            while not done.is_set():
                turns += 1
                await asyncio.sleep(0)

        counter = asyncio.create_task(count())
        server = virtual(*["a "] * 50)
        async for _ in await client(server).aio.models.generate_content_stream(model="m", contents="hi"):
            pass
        done.set()
        await counter
        return turns

    assert asyncio.run(run()) > 20

"""What a stream that broke leaves behind: nothing that only the garbage collector could free."""

from __future__ import annotations

import gc
import json
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from headwater import genai
from headwater.core.wire import framing
from headwater.engines.base import EngineRequest
from headwater.engines.gemini import GeminiEngine
from headwater.errors import HeadwaterError, StreamError, WireError
from tests.support.servers import Connection, Request, Server, says
from tests.support.sides import run_async
from tests.support.waiting import blocked

#: Of one event that is cut before its end.
_CUT = 4_000_000
_TIMES = 5
Failure = tuple[HeadwaterError, Any]


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _cut(connection: Connection, request: Request) -> None:
    """Begin an answer, and break off in the middle of an image."""
    connection.begin()
    connection.event(says("Hello"))
    connection.chunk(b'data: {"candidates": [{"content": {"parts": [{"inlineData": {"data": "' + b"A" * _CUT)
    connection.close()


def _fail(server: Server) -> Failure:
    stream = server.client().models.generate_content_stream(model="m", contents="hi")
    try:
        for _ in stream:
            pass
    except HeadwaterError as error:
        return error, stream
    raise AssertionError("it did not break")


async def _fail_async(server: Server) -> Failure:
    async with server.client().aio as client:
        stream = await client.models.generate_content_stream(model="m", contents="hi")
        try:
            async for _ in stream:
                pass
        except HeadwaterError as error:
            return error, stream
    raise AssertionError("it did not break")


async def _fail_relay(server: Server) -> Failure:
    engine = GeminiEngine(api_key="k" * 20, http_options={"base_url": server.url})
    body = json.dumps({"contents": [{"parts": [{"text": "hi"}]}]}).encode()
    request = EngineRequest(model="m", body=body)
    try:
        async with aclosing(engine.stream(request)) as chunks:  # type: ignore[type-var]
            async for _ in chunks:
                pass
    except HeadwaterError as error:
        return error, engine
    finally:
        await engine.aclose()
    raise AssertionError("it did not break")


def _in_loop(fail: Any) -> Callable[[Server], Failure]:
    return lambda server: run_async(fail(server))


WAYS = {"sync": _fail, "async": _in_loop(_fail_async), "relay": _in_loop(_fail_relay)}


def _held(action: Callable[[], object]) -> int:
    """How many bytes more are in use after ``action``."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = action()
        blocked()  # or the server still holds what it sends
        after = tracemalloc.get_traced_memory()[0]
        del kept
    finally:
        tracemalloc.stop()
    return after - before


@pytest.mark.parametrize("way", WAYS)
def test_the_buffer_of_a_cut_event_is_dropped(way: str) -> None:
    """Neither the errors nor the streams of answers that were cut hold what had arrived of the event."""
    with Server(_cut) as server:
        WAYS[way](server)  # imports, pools
        assert _held(lambda: [WAYS[way](server) for _ in range(_TIMES)]) < _CUT


@pytest.mark.parametrize("way", WAYS)
def test_an_event_over_the_limit_is_dropped(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same if it is refused for its size."""
    limited = lambda: framing.DocumentStream(limit=_CUT // 2)  # noqa: E731
    monkeypatch.setattr("headwater.core.wire.gemini.DocumentStream", limited)
    with Server(_cut) as server:
        assert type(WAYS[way](server)[0]) is WireError
        assert _held(lambda: [WAYS[way](server) for _ in range(_TIMES)]) < _CUT


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_stream_that_broke_goes_with_its_last_reference(way: str) -> None:
    """There is no cycle through the traceback of its error, in which the answer would stay."""
    with Server(_cut) as server:
        error, stream = WAYS[way](server)
        assert isinstance(error, StreamError)
        assert stream.ending.kind == "interrupted"
        gone = weakref.ref(stream), weakref.ref(error)
        del error, stream
        assert [one() for one in gone] == [None, None]


def test_the_error_of_an_ending_says_what_the_raised_one_says() -> None:
    """The stream keeps a copy of its error, without the traceback."""
    with Server(_cut) as server:
        error, stream = _fail(server)
        known = stream.ending.error
        assert (type(known), str(known), known.partial) == (type(error), str(error), error.partial)
        assert (known.phase, known.attempts) == (error.phase, error.attempts)
        assert error.__traceback__ is not None
        assert known.__traceback__ is None


def test_a_retried_stream_that_is_dropped_early_is_freed() -> None:
    """A break that was recovered from leaves no cycle in a stream that the reader leaves."""
    times = 0

    def script(connection: Connection, request: Request) -> None:
        nonlocal times
        times += 1
        connection.begin()
        connection.event(says("once upon a time " if times == 1 else "once upon a time there was "))
        connection.reset() if times == 1 else connection.stall()

    with Server(script) as server:
        client = genai.Client(api_key="k", http_options={"base_url": server.url})
        stream = client.models.generate_content_stream(model="m", contents="hi", on_break="restart")
        assert [next(stream).text for _ in range(3)][-1] == "once upon a time there was "
        gone = weakref.ref(stream)
        del stream
        assert gone() is None


@pytest.mark.parametrize("first", [b"data: {", b"{", b"hello\n", b""])
def test_framings_are_freed_at_once(first: bytes) -> None:
    """What cuts a body into documents is in no cycle, whatever the body is."""
    stream = framing.DocumentStream()
    stream.feed(first + b"x" * 5000)
    decoder = weakref.ref(stream)
    del stream
    assert decoder() is None

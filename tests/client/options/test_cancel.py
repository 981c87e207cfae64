"""A ``CancelToken`` stops many streams and calls, and holds none."""

from __future__ import annotations

import contextlib
import gc
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from headwater.errors import StreamCancelled
from headwater.streaming import CancelToken
from tests.support.servers import PATIENCE, Connection, Request, Server, says, two_then_stall, whole
from tests.support.stopping import ends, silent


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Threads that read."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


def one_then_stall(connection: Connection, request: Request) -> None:
    """Say something, then nothing until the client closes."""
    with contextlib.suppress(OSError):  # the client may have gone already, which is to be noted, too
        connection.begin()
        connection.event(says("one "))
    connection.stall()


def test_a_token_stops_many_streams(side: Any, threads: ThreadPoolExecutor) -> None:
    """One token stops all streams that it was given to, at once, and those made later before they begin."""
    token = CancelToken()
    with Server(one_then_stall) as server:
        client = server.client()
        streams = [side.stream(client, cancel=token) for _ in range(5)]
        reading = [threads.submit(side.read, stream) for stream in streams]
        server.wait_for(5)
        began = time.monotonic()
        token.cancel("closing time")
        token.cancel("again")
        for each in reading:
            ends(each, began)
        for _ in streams:
            server.closed_at()
        assert {stream.ending.reason for stream in streams} == {"closing time"}
        late = side.stream(client, cancel=token, raise_on_cancel=True)
        with pytest.raises(StreamCancelled, match="closing time"):
            side.next(late)
        assert server.accepted == 5
        assert token.is_cancelled
        assert token.reason == "closing time"


def test_a_token_stops_a_unary_call(side: Any, threads: ThreadPoolExecutor) -> None:
    """generate_content with a token raises StreamCancelled when it is cancelled, before it is sent or in its wait."""
    token = CancelToken()
    with Server(silent) as server:
        client = server.client()
        asking = threads.submit(side.ask, client, cancel=token)
        server.wait_for(1)
        began = time.monotonic()
        token.cancel("too slow")
        with pytest.raises(StreamCancelled, match="too slow"):
            ends(asking, began)
        server.closed_at()
        with pytest.raises(StreamCancelled, match="too slow"):
            side.ask(client, cancel=token)
        assert len(server.requests) == 1


def test_a_token_holds_no_stream(side: Any) -> None:
    """Streams that are dropped are forgotten, and a token that is dropped stops nothing."""
    token = CancelToken()
    with Server(whole) as server:
        client = server.client()
        streams = [side.stream(client, cancel=token) for _ in range(20)]
        for stream in streams:
            side.read(stream)
        gone = [weakref.ref(stream) for stream in streams]
        assert "20 streams" in repr(token)
        del stream, streams
        deadline = time.monotonic() + PATIENCE  # a coroutine that has ended may hold one for a moment
        while "0 streams" not in repr(token) and time.monotonic() < deadline:
            time.sleep(0.005)
        assert [ref() for ref in gone] == [None] * 20
        kept = side.stream(client, cancel=CancelToken())
        gc.collect()
        assert len(side.read(kept)) == 2


def test_a_token_is_given_up_with_its_streams(side: Any) -> None:
    """A token that nobody has any more goes without the garbage collector, once its streams have gone."""
    with Server(whole) as server:
        token = CancelToken()
        stream = side.stream(server.client(), cancel=token)
        side.read(stream)
        gone = weakref.ref(token)
        gc.disable()
        try:
            del token, stream
            deadline = time.monotonic() + PATIENCE
            while gone() is not None and time.monotonic() < deadline:
                time.sleep(0.005)
            assert gone() is None
        finally:
            gc.enable()


def test_a_hook_that_fails_leaves_no_stream_running(side: Any) -> None:
    """What ``on_end`` of one stream raises comes to who cancels, after all streams of the token are stopped."""

    def fail(_: object) -> None:
        raise ZeroDivisionError

    token = CancelToken()
    with Server(two_then_stall) as server:
        client = server.client()
        streams = [side.stream(client, cancel=token, on_end=fail) for _ in range(3)]
        for stream in streams:
            side.next(stream)
        with pytest.raises(ZeroDivisionError):
            token.cancel()
        for stream in streams:
            server.closed_at()
            assert str(stream.ending) == "cancelled"

"""close() ends a stream at any moment: before the request, before the head, in a pause, in the answer."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from typing import Any

import pytest

from tests.support.servers import PATIENCE, Connection, Request, Server, says, two_then_stall
from tests.support.stopping import silent
from tests.support.waiting import idle


def _stream(server: Server) -> Any:
    return server.client().models.generate_content_stream(model="m", contents="hi")


async def _astream(server: Server) -> Any:
    return await server.client().aio.models.generate_content_stream(model="m", contents="hi")


# --- before the head ----------------------------------------------------------------------------------------------


def test_sync_close_while_the_head_is_awaited() -> None:
    """close() from another thread ends a stream that still waits for the head of the answer."""
    with Server(silent) as server:
        stream = _stream(server)
        ended = []
        thread = threading.Thread(target=lambda: ended.append(list(stream)))
        thread.start()
        server.wait_for(1)
        let_go = time.monotonic()
        stream.close()
        thread.join(PATIENCE)
        took = server.closed_at() - let_go
        print(f"LATENCY sync_close_before_head {took * 1000:.2f} ms")
        assert ended == [[]]
        assert took < 1
        assert len(server.requests) == 1


def test_async_close_while_the_head_is_awaited() -> None:
    """aclose() from another task ends a stream that still waits for the head of the answer."""

    async def scenario(server: Server) -> None:
        stream = await _astream(server)

        async def read() -> list[Any]:
            return [chunk async for chunk in stream]

        task = asyncio.create_task(read())
        await asyncio.to_thread(server.wait_for, 1)
        let_go = time.monotonic()
        await stream.aclose()
        assert await task == []
        took = await asyncio.to_thread(server.closed_at) - let_go
        print(f"LATENCY async_close_before_head {took * 1000:.2f} ms")
        assert took < 1
        assert len(server.requests) == 1

    with Server(silent) as server:
        asyncio.run(asyncio.wait_for(scenario(server), PATIENCE))


def refuse_for_now(connection: Connection, request: Request) -> None:
    """Answer with an error that may go away."""
    connection.answer(b"", "503 Service Unavailable")


PATIENT = {"attempts": 2, "initial_delay": 60.0, "jitter": 0.0}


def test_sync_close_while_it_rests() -> None:
    """close() from another thread ends the pause between two attempts."""
    with Server(refuse_for_now) as server:
        stream = server.client(retry_options=PATIENT).models.generate_content_stream(model="m", contents="hi")
        ended = []
        thread = threading.Thread(target=lambda: ended.append(list(stream)))
        thread.start()
        server.wait_for(1)
        stream.close()
        thread.join(PATIENCE)
        assert ended == [[]]


def test_async_close_while_it_rests() -> None:
    """aclose() from another task ends the pause between two attempts."""

    async def scenario(server: Server) -> None:
        models = server.client(retry_options=PATIENT).aio.models
        stream = await models.generate_content_stream(model="m", contents="hi")

        async def read() -> list[Any]:
            return [chunk async for chunk in stream]

        task = asyncio.create_task(read())
        await asyncio.to_thread(server.wait_for, 1)
        await idle()
        await stream.aclose()
        assert await task == []

    with Server(refuse_for_now) as server:
        asyncio.run(asyncio.wait_for(scenario(server), PATIENCE))


def test_cancelled_while_the_head_is_awaited() -> None:
    """A task that is cancelled before the head has come closes its connection."""

    async def scenario(server: Server) -> None:
        async def read() -> None:
            async for _ in await _astream(server):
                pass

        task = asyncio.create_task(read())
        await asyncio.to_thread(server.wait_for, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(server.closed_at)

    with Server(silent) as server:
        asyncio.run(asyncio.wait_for(scenario(server), PATIENCE))


# --- the rest of the answer ----------------------------------------------------------------------------------------


def test_closed_stream_says_no_more(side: Any) -> None:
    """After break or close(), a stream yields nothing more, even what had already arrived."""

    def all_at_once(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.chunk(b"".join(b"data: %b\r\n\r\n" % text for text in _documents()))
        connection.end()

    with Server(all_at_once) as server:
        stream = side.stream(server.client())
        assert side.next(stream).text == "a"
        side.close(stream)
        assert side.read(stream) == []
        assert stream.is_over


def _documents() -> list[bytes]:
    return [json.dumps(says(text, "STOP" if text == "c" else None)).encode() for text in "abc"]


def test_stream_that_was_never_begun_sends_nothing(side: Any) -> None:
    """A stream that is closed, or dropped, before its first chunk sends nothing."""
    with Server(two_then_stall) as server:
        stream = side.stream(server.client())
        side.close(stream)
        assert side.read(stream) == []
        side.stream(server.client())
        assert (server.accepted, stream.is_over) == (0, True)


def test_closing_twice_is_closing_once(side: Any) -> None:
    """close() may be called any number of times, before, within and after the answer."""
    with Server(two_then_stall) as server:
        stream = side.stream(server.client())
        side.next(stream)
        for _ in range(3):
            side.close(stream)
        server.closed_at()
        assert stream.text.startswith("one ")


def test_signal_handler_may_close() -> None:
    """close() may be called by a signal handler in the thread that reads: the loop ends."""
    with Server(two_then_stall) as server:
        stream = _stream(server)
        previous = signal.signal(signal.SIGALRM, lambda *_: stream.close())
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            assert [chunk.text for chunk in stream] == ["one ", "two "]
        finally:
            signal.signal(signal.SIGALRM, previous)
        server.closed_at()


def test_close_at_any_moment() -> None:
    """close() from another thread ends the loop whenever it comes: before, while and after the request is sent."""
    with Server(two_then_stall) as server:
        client = server.client()
        for step in range(60):
            stream = client.models.generate_content_stream(model="m", contents="hi")
            thread = threading.Thread(target=list, args=[stream])
            thread.start()
            until = time.monotonic() + step * 0.00005
            while time.monotonic() < until:
                pass
            stream.close()
            thread.join(PATIENCE)
            assert not thread.is_alive(), step


def test_aclose_at_any_moment() -> None:
    """aclose() from another task ends the loop whenever it comes: before, while and after the request is sent."""

    async def scenario(client: Any) -> None:
        for step in range(60):
            stream = await client.aio.models.generate_content_stream(model="m", contents="hi")

            async def read(stream: Any = stream) -> list[Any]:
                return [chunk async for chunk in stream]

            task = asyncio.create_task(read())
            for _ in range(step % 30):
                await asyncio.sleep(0)
            if step >= 30:
                await asyncio.sleep((step - 30) * 0.0001)
            await stream.aclose()
            await asyncio.wait_for(task, PATIENCE)

    with Server(two_then_stall) as server:
        asyncio.run(scenario(server.client()))


def test_cancelling_at_any_moment() -> None:
    """A task may be cancelled whenever: it ends as cancelled, and leaves no connection open."""

    async def scenario(client: Any) -> None:
        async def read() -> None:
            async for _ in await client.aio.models.generate_content_stream(model="m", contents="hi"):
                pass

        for step in range(60):
            task = asyncio.create_task(read())
            for _ in range(step % 30):
                await asyncio.sleep(0)
            if step >= 30:
                await asyncio.sleep((step - 30) * 0.0001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, PATIENCE)
        before = len(asyncio.all_tasks())
        await asyncio.sleep(0.05)
        assert len(asyncio.all_tasks()) <= before == 1

    with Server(two_then_stall) as server:
        asyncio.run(scenario(server.client()))

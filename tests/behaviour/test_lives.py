"""Clients and connections come and go: streams go on, and connections are used again."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from headwater import genai
from tests.support.servers import PATIENCE, Connection, Request, Server, refuses, says, two_then_stall, whole


def test_stream_outlives_its_client(side: Any) -> None:
    """Dropping the last reference to a client does not end the streams that it made."""
    go_on = threading.Event()

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("one "))
        assert go_on.wait(PATIENCE)
        connection.event(says("two", "STOP"))
        connection.end()

    with Server(script) as server:
        client = server.client()
        stream = side.stream(client)
        assert side.next(stream).text == "one "
        del client
        gc.collect()
        go_on.set()
        assert [chunk.text for chunk in side.read(stream)] == ["two"]


def test_closing_the_client_leaves_running_streams_alone(side: Any) -> None:
    """Closing the client closes idle connections only, and the client works afterwards."""
    go_on = threading.Event()

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("one "))
        assert go_on.wait(PATIENCE)
        connection.event(says("two", "STOP"))
        connection.end()

    with Server(script) as server:
        client = server.client()
        stream = side.stream(client)
        side.next(stream)
        side.close(client)
        go_on.set()
        assert side.do(stream.collect()).text == "one two"
        assert side.do(side.stream(client).collect()).text == "one two"


def test_closing_the_client_leaves_a_waiting_reader_alone() -> None:
    """client.aio.aclose() while a task waits for a chunk, or for the head, does not make it wait for ever."""
    go_on = threading.Event()

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("one "))
        assert go_on.wait(PATIENCE)
        connection.event(says("two", "STOP"))
        connection.end()

    def late(connection: Connection, request: Request) -> None:
        assert go_on.wait(PATIENCE)
        whole(connection, request)

    async def scenario(server: Server) -> None:
        client = server.client()
        stream = await client.aio.models.generate_content_stream(model="m", contents="hi")
        await anext(stream)
        reader = asyncio.create_task(anext(stream))
        asker = asyncio.create_task(client.aio.models.generate_content(model="m", contents="hi"))
        await asyncio.to_thread(server.wait_for, 2)
        await client.aio.aclose()
        go_on.set()
        assert (await reader).text == "two"
        assert (await asker).text == "Hello world"

    def either(connection: Connection, request: Request) -> None:
        (script if "stream" in request.target else late)(connection, request)

    with Server(either) as server:
        asyncio.run(asyncio.wait_for(scenario(server), PATIENCE))


def test_300_streams_in_threads_all_start() -> None:
    """300 streams that threads read at once all get their first chunk: there is no hidden limit."""
    with Server(two_then_stall) as server, ThreadPoolExecutor(300) as threads:
        client = server.client()

        def first(_: int) -> Any:
            stream = client.models.generate_content_stream(model="m", contents="hi")
            assert next(stream).text == "one "
            return stream

        streams = list(threads.map(first, range(300)))
        assert server.accepted == 300
        for stream in streams:
            stream.close()
        for _ in streams:
            server.closed_at()


def test_1000_streams_in_tasks_all_start() -> None:
    """1000 streams that tasks read at once all get their first chunk: there is no hidden limit."""

    async def scenario(client: genai.Client) -> list[Any]:
        async def first() -> Any:
            stream = await client.aio.models.generate_content_stream(model="m", contents="hi")
            assert (await anext(stream)).text == "one "
            return stream

        return await asyncio.gather(*(first() for _ in range(1000)))

    with Server(two_then_stall) as server:
        streams = asyncio.run(asyncio.wait_for(scenario(server.client()), PATIENCE * 4))
        assert server.accepted == 1000
        for _ in streams:
            server.closed_at()


def test_connections_are_used_again(side: Any) -> None:
    """Whole streams and unary calls, refused ones too, leave their connection to the next call."""

    def script(connection: Connection, request: Request) -> None:
        if "refused" in request.target:
            connection.answer(refuses(400, "INVALID_ARGUMENT", "no"), "400 Bad Request")
        else:
            whole(connection, request)

    with Server(script) as server:
        client = server.client()
        for _ in range(3):
            assert "".join(chunk.text for chunk in side.read(side.stream(client))) == "Hello world"
            assert side.ask(client).text == "Hello world"
            assert side.call(client, "models.count_tokens", model="m", contents="hi").total_tokens == 3
            with pytest.raises(genai.errors.ClientError):
                side.ask(client, model="refused")
            with pytest.raises(genai.errors.ClientError):
                side.read(side.stream(client, model="refused"))
        assert (server.accepted, len(server.requests)) == (1, 15)


def test_connection_closed_while_idle_is_no_failure(side: Any) -> None:
    """A kept-alive connection that the server closed meanwhile does not fail the next call."""
    closed = threading.Event()

    def script(connection: Connection, request: Request) -> None:
        whole(connection, request)
        connection.close()
        closed.set()

    with Server(script) as server:
        client = server.client()
        for _ in range(3):
            assert side.ask(client).text == "Hello world"
            assert closed.wait(PATIENCE)
            closed.clear()


def test_connection_closed_as_it_is_used_is_no_failure(side: Any) -> None:
    """A kept-alive connection that the server closes as the request comes is replaced by a new one."""
    count = 0

    def script(connection: Connection, request: Request) -> None:
        nonlocal count
        count += 1
        if count == 2:
            connection.reset()
        else:
            whole(connection, request)

    with Server(script) as server:
        client = server.client()
        assert side.ask(client).text == "Hello world"
        assert side.ask(client).text == "Hello world"
        assert server.accepted == 2


def test_no_file_descriptor_is_left() -> None:
    """A hundred streams of every ending leave no open socket behind."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("one "))
        if b"whole" in request.body:
            connection.event(says("two", "STOP"))
            connection.end()
        elif b"reset" in request.body:
            connection.reset()
        else:
            connection.stall()

    async def scenario(client: genai.Client) -> None:
        for how in ["whole", "reset", "break"] * 10:
            try:
                async for _ in await client.aio.models.generate_content_stream(model="m", contents=how):
                    if how == "break":
                        break
            except genai.errors.StreamError:
                pass
        await client.aio.aclose()

    with Server(script) as server:
        client = server.client()
        before = len(os.listdir("/proc/self/fd"))
        for how in ["whole", "reset", "break"] * 10:
            try:
                for _ in client.models.generate_content_stream(model="m", contents=how):
                    if how == "break":
                        break
            except genai.errors.StreamError:
                pass
        client.close()
        asyncio.run(scenario(client))
        gc.collect()
        deadline = time.monotonic() + PATIENCE  # the server's ends are closed by its own threads
        while len(os.listdir("/proc/self/fd")) > before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(os.listdir("/proc/self/fd")) <= before

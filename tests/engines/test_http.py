"""Calls of an HTTP API for an engine, in a dialect that is not Gemini's."""

from __future__ import annotations

import asyncio

import pytest

from headwater.core.machine.policy import Deadlines, Retry
from headwater.engines import HttpCaller
from headwater.errors import APIError, StreamInterrupted, StreamStalled
from headwater.types import GenerateContentResponse
from tests.support.heron import HERON, netstring, talk
from tests.support.servers import Connection, Request, Server
from tests.support.sides import run_async

HELLO, DONE = netstring("say", "Hello "), netstring("done", "bored", 2)


def read(server: Server, caller: HttpCaller[GenerateContentResponse], most: int = 100) -> str:
    """The text of the first ``most`` chunks of a stream."""

    async def run() -> str:
        chunks = caller.stream(talk(server.url))
        text = ""
        try:
            for _ in range(most):
                text += (await anext(chunks)).text
        except StopAsyncIteration:
            pass
        finally:
            await chunks.aclose()
            await caller.aclose()
        return text

    text: str = run_async(run())
    return text


def test_a_stream_in_any_dialect_without_settings() -> None:
    """The request goes out as the engine made it: no key, no header of Google's is added."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin(content_type="text/heron")
        connection.chunk(HELLO + HELLO + DONE)
        connection.end()

    with Server(script) as server:
        assert read(server, HttpCaller(HERON)) == "Hello Hello "
        assert not [name for name in server.requests[0].headers if name.startswith("x-goog")]
        assert server.requests[0].headers["heron-key"] == "k"


def test_a_reader_that_leaves_closes_the_connection() -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.chunk(HELLO)
        connection.stall()

    with Server(script) as server:
        assert read(server, HttpCaller(HERON), most=1) == "Hello "
        server.closed_at()


def test_nothing_is_retried_unless_the_engine_says_so() -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.answer(b"busy: come back later", "503 Service Unavailable")

    with Server(script) as server:
        with pytest.raises(APIError, match="come back later"):
            read(server, HttpCaller(HERON))
        assert len(server.requests) == 1
        with pytest.raises(APIError):
            read(server, HttpCaller(HERON, retry=Retry(attempts=2, initial_delay=0.0, jitter=0.0)))
        assert len(server.requests) == 3


def test_a_break_and_a_silence_are_typed_errors() -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.chunk(HELLO)
        if len(server.requests) == 1:
            connection.reset()
        else:
            connection.stall()

    with Server(script) as server:
        with pytest.raises(StreamInterrupted):
            read(server, HttpCaller(HERON))
        with pytest.raises(StreamStalled):
            read(server, HttpCaller(HERON, deadlines=Deadlines(content_gap=0.2)))


def test_a_call_with_one_result() -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.answer(b'["say", "Hello"]')

    async def run(url: str) -> str:
        caller = HttpCaller(HERON)
        result = await caller.call(talk(url))
        await caller.aclose()
        return result.text

    with Server(script) as server:
        assert asyncio.run(run(server.url)) == "Hello"

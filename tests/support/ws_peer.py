"""A client of the WebSocket for tests, on aiohttp: it shares no code with the server's side of the protocol."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from headwater.engines.base import EngineRequest
from headwater.log.memory import MemoryLog
from headwater.server.streams.log_keys import is_name
from headwater.types import GenerateContentResponse
from tests.support.live import Held, Live
from tests.support.servers import PATIENCE

ENDS = ("complete", "error")


def scene(work: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a test of a coroutine function; it may take a while, but not for ever."""

    @functools.wraps(work)
    def test(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(work(*args, **kwargs), PATIENCE * 4))

    return test


class Closed(Exception):
    """The server closed the socket."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class Peer:
    """One client on one socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, message: Any = None, **fields: Any) -> None:
        """Send a message: its fields, or text or bytes as they are."""
        if isinstance(message, bytes):
            await self.socket.send_bytes(message)
        else:
            await self.socket.send_str(message if isinstance(message, str) else json.dumps(fields))

    async def hear(self) -> dict[str, Any]:
        """Return the next message."""
        received = await self.socket.receive(PATIENCE)
        if received.type is not aiohttp.WSMsgType.TEXT:
            raise Closed(self.socket.close_code)
        message = json.loads(received.data)
        assert isinstance(message, dict)
        return message

    async def hear_until(self, *types: str) -> list[dict[str, Any]]:
        """Return the messages up to the first of one of these types."""
        heard = [await self.hear()]
        while heard[-1]["type"] not in types:
            heard.append(await self.hear())
        return heard

    async def hear_end(self) -> list[dict[str, Any]]:
        """Return the messages up to the end of a stream."""
        return await self.hear_until(*ENDS)

    async def hear_close(self) -> int | None:
        """Return the code that the server closes with; what it says before is not looked at."""
        try:
            while True:
                await self.hear()
        except Closed as closed:
            return closed.code

    async def greet(self, **fields: Any) -> dict[str, Any]:
        """Say hello and return the answer."""
        await self.say(type="hello", **fields)
        return await self.hear()

    async def generate(self, id: str = "a", prompt: str = "Tell me a story.", **fields: Any) -> dict[str, Any]:
        """Ask for an answer and return the ``started`` message."""
        await self.say(type="generate", id=id, prompt=prompt, **fields)
        return await self.hear()

    @property
    def transport(self) -> Any:
        """What carries the socket."""
        connection = self.socket._response.connection
        assert connection is not None
        return connection.transport

    def hold(self) -> None:
        """Read nothing any more."""
        self.transport.pause_reading()

    def release(self) -> None:
        """Read again."""
        self.transport.resume_reading()

    def cut(self) -> None:
        """Break the connection off, without goodbye."""
        self.transport.abort()


@asynccontextmanager
async def dial(live: Live, *, path: str = "/ws", **options: Any) -> AsyncIterator[Peer]:
    """Open a WebSocket; the options are those of aiohttp's ``ws_connect``."""
    options.setdefault("timeout", aiohttp.ClientWSTimeout(ws_close=0.2))
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(live.url + path, max_msg_size=0, **options) as socket,
    ):
        yield Peer(socket)


class Fed(Held):
    """An engine that says what a test feeds it: chunks, and None for the end."""

    name = "fed"

    def __init__(self) -> None:
        super().__init__()
        self.live: Live | None = None
        self.queues: list[asyncio.Queue[GenerateContentResponse | None]] = []

    def feed(self, *chunks: GenerateContentResponse | None, to: int = -1) -> None:
        """Feed the answer number ``to``, all at once, and wait until it has taken everything."""
        live = self.live
        assert live is not None
        live.until(lambda: len(self.queues) > max(to, 0))
        live.on_loop(lambda: list(map(self.queues[to].put_nowait, chunks)))
        live.until(self.queues[to].empty)

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
        queue: asyncio.Queue[GenerateContentResponse | None] = asyncio.Queue()
        self.queues.append(queue)
        self.running += 1
        try:
            while (chunk := await queue.get()) is not None:
                yield chunk
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        finally:
            self.running -= 1


@asynccontextmanager
async def serving(engine: Any = None, **options: Any) -> AsyncIterator[Live]:
    """Serve, without holding up this event loop at the start and at the end."""
    live = Live(engine, **options)
    if isinstance(engine, Fed):
        engine.live = live
    await asyncio.to_thread(live.__enter__)
    try:
        yield live
    finally:
        await asyncio.to_thread(live.__exit__)


def logs(live: Live) -> int:
    """Return how many logs of answers there are."""
    log, passing = live.server.recorder.log, live.server.recorder.relay_log
    assert isinstance(log, MemoryLog)
    return len(passing) + sum(map(is_name, log._entries))


def text_of(messages: list[dict[str, Any]]) -> str:
    """Return the text of the answer."""
    return "".join(message["text"] for message in messages if message["type"] == "chunk")


def check_numbers(messages: list[dict[str, Any]], after: int = 0) -> int:
    """Assert that the numbers go on from ``after`` without a gap, a repeat or a step back; return the last."""
    for message in messages:
        if "seq" in message:
            assert message.get("from", message["seq"]) == after + 1, messages
            assert message["seq"] > after
            after = message["seq"]
    return after


def chunk(*parts: dict[str, Any], finish: str | None = None, **fields: Any) -> GenerateContentResponse:
    """Return a chunk of these parts, as JSON that came from the API."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return raw({"candidates": [candidate | fields.pop("candidate", {})], **fields})


def raw(document: Any) -> GenerateContentResponse:
    """Return a chunk that came as this JSON."""
    response = GenerateContentResponse()
    response.__dict__["_raw"] = json.dumps(document).encode()
    return response

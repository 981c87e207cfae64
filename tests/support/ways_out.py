"""The ways in which a call ends, one row each: what the server does, how it is read, and how that is called."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from headwater import genai
from headwater.client.options.observers import Observer
from headwater.errors import HeadwaterError
from headwater.streaming import CancelToken, Deadlines, StreamOptions
from tests.support.servers import (
    CHUNKED,
    EVENT,
    PATIENCE,
    Connection,
    Request,
    Script,
    Server,
    chunk,
    refuses,
    says,
    sends,
)
from tests.support.servers import two_then_stall as silent
from tests.support.waiting import idle

USAGE = {
    "promptTokenCount": 5,
    "toolUsePromptTokenCount": 2,
    "candidatesTokenCount": 7,
    "thoughtsTokenCount": 3,
    "cachedContentTokenCount": 4,
    "totalTokenCount": 17,
}


def answers(finish: str | None, **fields: Any) -> Script:
    """Return a script that answers in two chunks, or in one."""

    def script(connection: Connection, request: Request) -> None:
        if ":stream" in request.target:
            connection.stream(says("Hello "), says("world", finish, usageMetadata=USAGE, **fields))
        else:
            connection.answer(says("Hello world", finish, usageMetadata=USAGE, **fields))

    return script


def _blocked(connection: Connection, request: Request) -> None:
    connection.stream({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": USAGE})


def _refused(connection: Connection, request: Request) -> None:
    connection.answer(refuses(400, "INVALID_ARGUMENT", "you said: a secret"), "400 Bad Request")


def _read(side: Any, client: genai.Client) -> None:
    with suppress(HeadwaterError):
        side.read(side.stream(client))


def _break(side: Any, client: genai.Client) -> None:
    async def leave() -> None:
        async for _ in await client.aio.models.generate_content_stream(model="m", contents="hi"):
            break

    if side.name == "async":
        side.do(leave())
    else:
        for _ in side.stream(client):
            break


def _raise(side: Any, client: genai.Client) -> None:
    def spoil(_: Any) -> None:
        raise ZeroDivisionError

    with suppress(ZeroDivisionError):
        side.read(side.stream(client, on_chunk=spoil))


def _close(side: Any, client: genai.Client) -> None:
    stream = side.stream(client)
    side.next(stream)
    side.close(stream)
    side.close(stream)


def _token(side: Any, client: genai.Client) -> None:
    token = CancelToken()
    stream = side.stream(client, cancel=token, raise_on_cancel=True)
    side.next(stream)
    token.cancel("enough")
    with suppress(HeadwaterError):
        side.next(stream)


def _cancel_task(side: Any, client: genai.Client) -> None:
    """Cancel the task that waits for a chunk; in sync, where there are none, Ctrl-C comes in the middle."""

    async def wait() -> None:
        async for _ in await client.aio.models.generate_content_stream(model="m", contents="hi"):
            pass

    async def scenario() -> None:
        task = asyncio.create_task(wait())
        await idle()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    if side.name == "async":
        side.do(scenario())
        return

    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        side.read(side.stream(client, on_text=interrupt))


def _drop(side: Any, client: genai.Client) -> None:
    side.next(side.stream(client))
    gc.collect()


class Way(msgspec.Struct, frozen=True):
    """A way out of a stream, the ending that it is, and the ``error.type`` that it has."""

    name: str
    script: Script
    ending: str
    error: str | None = None
    read: Callable[[Any, genai.Client], None] = _read
    options: StreamOptions = {}


WAYS = [
    Way("finished", answers("STOP"), "finished"),
    Way("max tokens", answers("MAX_TOKENS"), "max_tokens"),
    Way("blocked answer", answers("SAFETY"), "blocked"),
    Way("blocked prompt", _blocked, "blocked"),
    Way("blocked, raised", answers("SAFETY"), "blocked", "BlockedError", options={"raise_on_block": True}),
    Way("malformed call", answers("MALFORMED_FUNCTION_CALL"), "malformed_call"),
    Way("truncated", answers(None), "truncated", "StreamTruncated"),
    Way("stalled", silent, "stalled", "StreamStalled", options={"deadlines": Deadlines(byte_gap=0.1)}),
    Way("interrupted", sends(CHUNKED + chunk(EVENT), reset=True), "interrupted", "StreamInterrupted"),
    Way("refused", _refused, "failed", "400"),
    Way("break", silent, "cancelled", read=_break),
    Way("exception of a hook", silent, "cancelled", read=_raise),
    Way("close", silent, "cancelled", read=_close),
    Way("token", silent, "cancelled", read=_token),
    Way("cancelled task", silent, "cancelled", read=_cancel_task),
    Way("garbage", silent, "cancelled", read=_drop),
]
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)


def client_of(server: Server, *observers: Observer, **options: Any) -> genai.Client:
    """Return a client of a scripted server whose calls are observed."""
    http: Any = {"base_url": server.url, "retry_options": {"attempts": 3, "initial_delay": 0.01, "max_delay": 0.01}}
    given: Any = {"observers": observers} | options
    return genai.Client(api_key="test-key", http_options=http, options=given)


def go(way: Way, side: Any, observer: Observer) -> None:
    """Live through one way out."""
    with Server(way.script) as server:
        way.read(side, client_of(server, observer, **way.options))


def soon(find: Callable[[], Any]) -> Any:
    """Return what ``find`` finds, once it does: what another thread lets go of goes a moment later."""
    until = time.monotonic() + PATIENCE
    while not (found := find()) and time.monotonic() < until:
        gc.collect()
        time.sleep(0.005)
    return found

"""A client's stream as the body of a response, sync and async."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from headwater import genai
from headwater.errors import api_error
from headwater.protocols import AgUi, AiSdk, Encoder, PlainText, aencoded, encoded
from tests.support.chat_app import chat_app
from tests.support.grammars import AiSdkReader, documents
from tests.support.live import Held, Live, post_bytes, read_until, says
from tests.support.served import Served
from tests.support.servers import PATIENCE, Server
from tests.support.servers import says as told

OFFLINE = {"base_url": "offline:instant"}


def client() -> genai.Client:
    return genai.Client(api_key="k", http_options=OFFLINE)


def weather(city: str) -> dict[str, Any]:
    """Return the weather."""
    return {"celsius": 21, "city": city}


def gathered(stream: Any, encoder: Encoder) -> bytes:
    return b"".join(encoded(stream, encoder))


def agathered(**asked: Any) -> bytes:
    async def run() -> bytes:
        stream = await client().aio.models.generate_content_stream(model="m", **asked)
        return b"".join([piece async for piece in aencoded(stream, AiSdk(version=7))])

    return asyncio.run(run())


def test_sync_and_async_write_the_same() -> None:
    """Text, tokens and times; only the times differ."""
    asked: Any = {"contents": "Tell me a story."}
    one = gathered(client().models.generate_content_stream(model="m", **asked), AiSdk(version=7))
    other = agathered(**asked)
    assert AiSdkReader(one, 7).text == AiSdkReader(other, 7).text != ""
    kinds = [[document["type"] for document in documents(body)[:-1]] for body in (one, other)]
    assert kinds[0] == kinds[1]
    assert kinds[0].count("data-usage") == kinds[0].count("data-metrics") == 1


def test_functions_that_are_called_on_the_way_are_told() -> None:
    """The call, its output, and the answer to it in a step of its own; the tokens are those of both requests."""
    stream = client().models.generate_content_stream(
        model="m", contents="What is the weather in Paris? Call the tool.", config={"tools": [weather]}
    )
    found = documents(gathered(stream, AiSdk()))
    kinds = [document["type"] for document in found[:-1]]
    assert kinds[:3] == ["start", "start-step", "tool-input-available"]
    assert kinds.count("start-step") == kinds.count("finish-step") == 2
    output = next(one for one in found if one["type"] == "tool-output-available")
    assert output["output"] == {"celsius": 21, "city": "Paris"}
    usage = next(one["data"] for one in found if one["type"] == "data-usage")
    assert usage["totalTokens"] == stream.usage_metadata.total_token_count
    assert found[-2] == {"type": "finish", "finishReason": "stop"}


def test_error_of_the_stream_is_the_protocols() -> None:
    """An API's refusal is told in its words, and nothing is raised."""

    def refuse(connection: Any, _: Any) -> None:
        body = {"error": {"code": 400, "message": "no such thing", "status": "INVALID_ARGUMENT"}}
        connection.answer(json.dumps(body).encode(), status="400 Bad Request")

    with Server(refuse) as server:
        stream = server.client().models.generate_content_stream(model="m", contents="hi")
        found = documents(gathered(stream, AgUi(thread_id="t", run_id="r")))
    assert found[-1] == {"type": "RUN_ERROR", "message": "no such thing", "code": "INVALID_ARGUMENT"}


def test_cancelled_stream_ends_as_one() -> None:
    """Whether the stream says so by an error or just stops."""
    for raises in (False, True):
        stream = client().models.generate_content_stream(model="m", contents="Tell me a story.", raise_on_cancel=raises)
        body = b""
        for piece in encoded(stream, AiSdk()):
            body += piece
            if b"text-delta" in piece:
                stream.cancel("enough")
        assert documents(body)[-3] == {"type": "abort", "reason": "enough"}
        AiSdkReader(body, 5)


def test_reader_that_leaves_closes_the_stream() -> None:
    """Sync and async, with the connection below it."""

    def script(connection: Any, _: Any) -> None:
        connection.begin()
        connection.event(told("Hel"))
        connection.stall()

    async def leave(server: Server) -> bool:
        stream = await server.client().aio.models.generate_content_stream(model="m", contents="hi")
        pieces = aencoded(stream, AiSdk())
        async for piece in pieces:
            if b"Hel" in piece:
                break
        await pieces.aclose()  # type: ignore[attr-defined]
        return stream.is_over

    with Server(script) as server:
        stream = server.client().models.generate_content_stream(model="m", contents="hi")
        pieces = encoded(stream, PlainText())
        assert b"Hel" in next(pieces)
        pieces.close()  # type: ignore[attr-defined]
        assert stream.is_over
        assert server.closed_at()
    with Server(script) as server:
        assert asyncio.run(leave(server))
        assert server.closed_at()


def test_browser_that_leaves_stops_the_answer() -> None:
    """An endpoint that hands the stream to its response has nothing else to do for that."""
    held = Held(first=1)
    with Live(held) as live, Served(lambda: chat_app(live.client()), lambda: None) as served:
        url = urlsplit(served.url)
        asked = {"threadId": "t", "runId": "r", "messages": [{"id": "1", "role": "user", "content": "hi"}]}
        with socket.create_connection((url.hostname, url.port), PATIENCE) as connection:
            connection.sendall(post_bytes("/agent", asked))
            read_until(connection, b'"0 "')
            assert held.running == 1
        live.until(lambda: held.cancelled == 1)


def test_what_is_no_error_of_the_stream_is_raised_after_the_reader_was_told() -> None:
    """A bug is for the log, not for the reader; any iterable of chunks will do."""

    def chunks() -> Iterator[Any]:
        yield says("half")
        raise ZeroDivisionError("secret")

    async def achunks() -> Any:
        yield says("half")
        raise ZeroDivisionError("secret")

    async def collect(found: list[bytes]) -> None:
        async for piece in aencoded(achunks(), AiSdk()):
            found.append(piece)

    one: list[bytes] = []
    with pytest.raises(ZeroDivisionError):
        one.extend(encoded(chunks(), AiSdk()))  # keeps what came before the error
    other: list[bytes] = []
    with pytest.raises(ZeroDivisionError):
        asyncio.run(collect(other))
    for body in (b"".join(one), b"".join(other)):
        assert AiSdkReader(body, 5).text == "half"
        assert b"the server failed" in body
        assert b"secret" not in body


def test_errors_of_any_iterable_are_the_protocols() -> None:
    async def achunks() -> Any:
        yield says("half")
        raise api_error(503, "busy", status="UNAVAILABLE")

    async def collect() -> bytes:
        return b"".join([piece async for piece in aencoded(achunks(), PlainText())])

    assert b"event: failed" in asyncio.run(collect())


def test_a_flood_can_be_left() -> None:
    """A stream that always has more data blocks no other task, and its reader can be cancelled."""

    class Flood:
        """Says something at once, whenever it is asked."""

        is_closed = False

        def __aiter__(self) -> AsyncIterator[Any]:
            return self

        async def __anext__(self) -> Any:
            return says("word " * 2000)

        async def aclose(self) -> None:
            self.is_closed = True

    async def run() -> bool:
        flood = Flood()

        async def read() -> None:
            async for _ in aencoded(flood, AiSdk()):
                pass

        reading = asyncio.create_task(read())
        for _ in range(3):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        return flood.is_closed

    assert asyncio.run(run())

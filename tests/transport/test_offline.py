"""The offline engine behind the transport's interface: no key, no network, the same streams, errors and ways out."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from headwater import genai
from headwater.errors import ClientError, NotFoundError, StreamStalled, UsageError
from tests.support.waiting import blocked, idle

MODEL = "gemini-2.5-flash"


def client(pace: str = "instant", **options: Any) -> genai.Client:
    """Return a client of the offline engine."""
    return genai.Client(http_options={"base_url": f"offline:{pace}"} | options)


def test_story_is_streamed(side: Any) -> None:
    """A stream of the offline engine has chunks, an end and a count of tokens."""
    stream = side.stream(client(), model=MODEL)
    chunks = side.read(stream)
    assert len(chunks) > 1
    assert stream.text == "".join(chunk.text or "" for chunk in chunks)
    assert (stream.finish_reason, stream.is_over) == ("STOP", True)
    assert stream.usage_metadata.total_token_count > 0


def test_same_question_same_answer(side: Any) -> None:
    """The offline engine answers the same question in the same words, streamed or not."""
    first = side.do(side.stream(client(), model=MODEL).collect())
    assert first.text == side.do(side.stream(client(), model=MODEL).collect()).text
    assert first.text == side.ask(client(), model=MODEL).text


def test_other_methods_are_there(side: Any) -> None:
    """Models are listed and looked up, and tokens counted."""
    assert side.call(client(), "models.count_tokens", model=MODEL, contents="one two three").total_tokens > 0
    names = [model.name for model in side.call(client(), "models.list").page]
    assert f"models/{MODEL}" in names
    assert side.call(client(), "models.get", model=MODEL).name == f"models/{MODEL}"


def test_pace_is_kept(side: Any) -> None:
    """offline:first=... waits before the first chunk, and rate=... paces what follows."""
    started = time.monotonic()
    stream = side.stream(client("first=0.3,rate=1000"), model=MODEL)
    side.next(stream)
    assert time.monotonic() - started >= 0.3
    side.close(stream)


@pytest.mark.parametrize("pace", ["fast", "first=x", "rate=-1", "speed=1", "first=0.1;rate=2", "rate=nan", "rate=inf"])
def test_pace_that_is_none_is_refused(side: Any, pace: str) -> None:
    """A pace that is none is a UsageError that shows how to write one."""
    with pytest.raises(UsageError, match="offline:instant"):
        side.read(side.stream(client(pace), model=MODEL))


def test_rate_of_nothing_ends(side: Any) -> None:
    """rate=0 does not break the offline engine: it speaks, or says that it cannot."""
    stream = side.stream(client("rate=0,first=0", timeout=500), model=MODEL)
    try:
        side.next(stream)
        side.close(stream)
    except (UsageError, StreamStalled):
        pass


def test_unknown_model_is_not_found(side: Any) -> None:
    """A model that does not exist is a 404, as at the API."""
    with pytest.raises(NotFoundError) as caught:
        side.call(client(), "models.get", model="nonexistent-model")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


@pytest.mark.parametrize("stream", [True, False])
def test_nonexistent_model_does_not_answer(side: Any, stream: bool) -> None:
    """A nonexistent model answers no question, streamed or not."""
    with pytest.raises(NotFoundError):
        side.read(side.stream(client(), model="nonexistent")) if stream else side.ask(client(), model="nonexistent")


def test_wrong_request_is_refused(side: Any) -> None:
    """A request that the API would refuse is a 400."""
    options = {"extra_body": {"contents": "no list"}}
    with pytest.raises(ClientError) as caught:
        side.read(side.stream(client(), model=MODEL, config={"http_options": options}))
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")


def test_silence_is_noticed(side: Any) -> None:
    """A pause that is longer than the timeout is a StreamStalled."""
    started = time.monotonic()
    with pytest.raises(StreamStalled):
        side.read(side.stream(client("first=30", timeout=200, retry_options={"attempts": 1}), model=MODEL))
    assert 0.2 <= time.monotonic() - started < 5


def test_close_ends_a_pause_sync() -> None:
    """close() from another thread ends a pause of the offline engine."""
    stream = client("first=60").models.generate_content_stream(model=MODEL, contents="hi")
    ended: list[Any] = []
    thread = threading.Thread(target=lambda: ended.append(list(stream)))
    thread.start()
    blocked()
    stream.close()
    thread.join(5)
    assert ended == [[]]


def test_close_ends_a_pause_async() -> None:
    """aclose() from another task ends a pause of the offline engine."""

    async def scenario() -> None:
        stream = await client("first=60").aio.models.generate_content_stream(model=MODEL, contents="hi")

        async def read() -> list[Any]:
            return [chunk async for chunk in stream]

        task = asyncio.create_task(read())
        await idle()
        await stream.aclose()
        assert await asyncio.wait_for(task, 5) == []

    asyncio.run(scenario())


def test_many_at_once() -> None:
    """A hundred stories told at once do not get into each other's way."""

    async def scenario() -> list[str]:
        talker = client().aio
        return [
            answer.text
            for answer in await asyncio.gather(
                *(talker.models.generate_content(model=MODEL, contents="hi") for _ in range(100))
            )
        ]

    assert len(set(asyncio.run(scenario()))) == 1


def test_loop_that_is_gone_is_no_trouble() -> None:
    """A stream of the offline engine may be closed, or dropped, after its loop has ended."""

    async def scenario() -> Any:
        stream = await client().aio.models.generate_content_stream(model=MODEL, contents="hi")
        await anext(stream)
        return stream

    stream = asyncio.run(scenario())
    stream.close()
    assert stream.is_over

"""``events()`` and ``text_stream`` over real connections: what they give, and what leaving them does."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from headwater.errors import StreamTruncated
from headwater.streaming import Call, End, Media, Reset, Retry, Retrying, Text, Thought, Usage
from tests.support.servers import PATIENCE, Connection, Request, Server, refuses, says, scripted, two_then_stall

#: What is to happen at once may take so long (seconds) on a machine that has other things to do.
AT_ONCE = 2.0
QUICK = Retry(attempts=3, initial_delay=0.0)


def parts(*given: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A chunk of these parts."""
    return {"candidates": [{"content": {"role": "model", "parts": list(given)}, **fields}]}


def rich(connection: Connection, request: Request) -> None:
    """One of everything."""
    connection.stream(
        parts({"text": "Hm.", "thought": True}),
        parts({"text": "Hello "}),
        parts({"text": "world"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
        parts({"functionCall": {"name": "look", "args": {"at": "this"}}}),
        {"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"totalTokenCount": 7}},
    )


def cut(connection: Connection, request: Request) -> None:
    """Some text, and no end."""
    connection.stream(says("Hello "))


def whole(connection: Connection, request: Request) -> None:
    """The answer."""
    connection.stream(says("Bonjour"), says(" !", "STOP"))


def names(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_events_are_typed_and_in_order(side: Any) -> None:
    """Each thing that comes is an event of its kind, in the order in which it came; the last is End."""
    with Server(rich) as server:
        events = side.read(side.stream(server.client()).events())
    assert names(events) == ["Thought", "Text", "Text", "Media", "Call", "Usage", "End"]
    thought, hello, world, media, call, usage, end = events
    assert (thought.text, hello.text, world.snapshot, call.call.name) == ("Hm.", "Hello ", "Hello world", "look")
    assert media.part.inline_data.mime_type == "image/png"
    assert usage.usage.total_token_count == 7
    assert str(end.ending) == "finished"
    assert {Thought, Text, Media, Call, Usage, End} == {type(event) for event in events}


def test_an_error_comes_after_end(side: Any) -> None:
    """What a stream ends with is raised after End, which says it too; a further step gives nothing or raises it."""
    with Server(cut) as server:
        events = side.stream(server.client()).events()
        assert isinstance(side.next(events), Text)
        end = side.next(events)
        assert isinstance(end, End)
        assert str(end.ending) == "truncated"
        with pytest.raises(StreamTruncated):
            side.next(events)


def test_attempts_are_told(side: Any) -> None:
    """Another attempt is a Retrying, a new beginning a Reset; text after it counts from nothing."""
    busy = refuses(503, "UNAVAILABLE", "busy")
    script = scripted(lambda connection, _: connection.answer(busy, "503 Busy"), cut, whole)
    with Server(script) as server:
        events = side.read(side.stream(server.client(), retry=QUICK, on_break="restart").events())
    assert [type(event) for event in events] == [Retrying, Text, Reset, Text, Text, End]
    assert events[-2].snapshot == "Bonjour !"


def test_a_loop_over_chunks_is_told_by_a_chunk(side: Any) -> None:
    """A plain loop gets chunks only: the new beginning is one of them, without content."""
    with Server(scripted(cut, whole)) as server:
        chunks = side.read(side.stream(server.client(), retry=QUICK, on_break="restart"))
    assert [(chunk.text, chunk.is_reset) for chunk in chunks] == [
        ("Hello ", False),
        ("", True),
        ("Bonjour", False),
        (" !", False),
    ]


def test_text_stream_is_the_text(side: Any) -> None:
    """text_stream gives the pieces of text without thoughts, and raises what the stream ends with."""
    with Server(rich) as server:
        assert side.read(side.stream(server.client()).text_stream) == ["Hello ", "world"]
    with Server(cut) as server:
        pieces = side.stream(server.client()).text_stream
        assert side.next(pieces) == "Hello "
        with pytest.raises(StreamTruncated):
            side.next(pieces)


@pytest.mark.parametrize("how", ["events", "text_stream"])
def test_sync_break_closes_at_once(how: str) -> None:
    """Leaving a loop over events, or over the text, closes the connection."""
    with Server(two_then_stall) as server:
        stream = server.client().models.generate_content_stream(model="m", contents="hi")
        for _ in stream.events() if how == "events" else stream.text_stream:
            left = time.monotonic()
            break
        assert stream.is_over
        assert server.closed_at() - left < AT_ONCE


@pytest.mark.parametrize("how", ["events", "text_stream"])
def test_async_break_closes_at_once(how: str) -> None:
    """Leaving a loop over events, or over the text, closes the connection, with no help of the event loop's."""

    async def scenario(server: Server) -> float:
        stream = await server.client().aio.models.generate_content_stream(model="m", contents="hi")
        async for _ in stream.events() if how == "events" else stream.text_stream:
            break
        assert stream.is_over
        left = time.monotonic()
        return await asyncio.to_thread(server.closed_at) - left

    with Server(two_then_stall) as server:
        assert asyncio.run(asyncio.wait_for(scenario(server), PATIENCE)) < AT_ONCE


@pytest.mark.parametrize("how", ["events", "text_stream"])
def test_looking_at_it_ends_nothing(side: Any, how: str) -> None:
    """What was only looked at, and never begun, leaves the stream to other loops."""
    with Server(whole) as server:
        stream = side.stream(server.client())
        looked = stream.events() if how == "events" else stream.text_stream
        del looked
        assert not stream.is_over
        assert [chunk.text for chunk in side.read(stream)] == ["Bonjour", " !"]


def test_ways_of_reading_can_follow_each_other(side: Any) -> None:
    """Chunks, events and text may be taken in turns: each goes on where the one before stopped."""

    def slowly(connection: Connection, request: Request) -> None:
        connection.stream(*(says(f"{number} ", "STOP" if number == 5 else None) for number in range(6)))

    with Server(slowly) as server:
        stream = side.stream(server.client())
        assert side.next(stream).text == "0 "
        events = stream.events()
        assert side.next(events).text == "1 "
        pieces = stream.text_stream
        assert side.next(pieces) == "2 "
        assert side.next(stream).text == "3 "
        assert names(side.read(events)) == ["Text", "Text", "End"]
        assert stream.text == "0 1 2 3 4 5 "


def test_who_reads_chunks_gets_chunks_only(side: Any) -> None:
    """A loop over chunks gets no events, although events were read before."""
    with Server(scripted(cut, whole)) as server:
        stream = side.stream(server.client(), retry=QUICK, on_break="restart")
        events = stream.events()
        assert side.next(events).text == "Hello "
        assert [chunk.text for chunk in side.read(stream)] == ["", "Bonjour", " !"]

"""Hooks and options of a stream: what is called when and how often, and what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from headwater import genai
from headwater.errors import HeadwaterError, StreamCancelled, StreamTruncated, UsageError
from headwater.streaming import CancelToken, Deadlines, Retry, smooth
from tests.support.servers import (
    PATIENCE,
    Connection,
    Request,
    Script,
    Server,
    refuses,
    says,
    scripted,
    sends,
    two_then_stall,
    whole,
)


class Given(Exception):
    """What a hook raises."""


def three(connection: Connection, request: Request) -> None:
    """Two pieces of text and a chunk without any."""
    connection.stream(says("Hello "), says("world"), {"candidates": [{"finishReason": "STOP"}]})


def cut(connection: Connection, request: Request) -> None:
    """A piece, and no finish reason."""
    connection.stream(says("Hello "))


def noted(called: list[Any]) -> dict[str, Any]:
    """Hooks that write down what they are called with."""
    return {
        "on_chunk": lambda chunk: called.append(("chunk", chunk.text)),
        "on_text": lambda text: called.append(("text", text)),
        "on_progress": lambda progress: called.append(("progress", progress.words)),
        "on_end": lambda stream: called.append(("end", str(stream.ending), stream.text)),
    }


# --- what is called ---------------------------------------------------------------------------------------------------


def test_hooks_are_called_in_order(side: Any) -> None:
    """For each chunk on_chunk, on_text where it has text, on_progress; then on_end, once; before the loop has it."""
    called: list[Any] = []
    with Server(three) as server:
        stream = side.stream(server.client(), **noted(called))
        side.next(stream)
        assert [name for name, *_ in called] == ["chunk", "text", "progress"]
        side.read(stream)
        stream.close()
    assert called == [
        ("chunk", "Hello "),
        ("text", "Hello "),
        ("progress", 1),
        ("chunk", "world"),
        ("text", "world"),
        ("progress", 2),
        ("chunk", ""),
        ("progress", 2),
        ("end", "finished", "Hello world"),
    ]


def test_hooks_are_called_for_events_and_collect(side: Any) -> None:
    """However a stream is read, its hooks are called alike."""
    for read in ("collect", "events", "text_stream"):
        called: list[Any] = []
        with Server(three) as server:
            stream = side.stream(server.client(), **noted(called))
            if read == "collect":
                side.do(stream.collect())
            else:
                side.read(stream.events() if read == "events" else stream.text_stream)
        assert [name for name, *_ in called].count("text") == 2, read
        assert called[-1] == ("end", "finished", "Hello world"), read


def test_coroutine_functions_are_awaited() -> None:
    """In async, hooks may be coroutine functions: the loop has the chunk when they have returned."""
    called: list[str] = []

    async def on_text(text: str) -> None:
        await asyncio.sleep(0.01)
        called.append(text)

    async def scenario(client: genai.Client) -> None:
        stream = await client.aio.models.generate_content_stream(
            model="m", contents="hi", on_text=on_text, on_chunk=lambda chunk: on_text("chunk"), on_progress=on_text
        )
        count = 0
        async for chunk in stream:
            count += 1
            assert called[-2 if chunk.text else -1] == (chunk.text or called[-1])
        assert count == 3
        assert called.count("chunk") == 3

    with Server(three) as server:
        asyncio.run(asyncio.wait_for(scenario(server.client()), PATIENCE))


# --- what a hook raises -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["on_chunk", "on_text", "on_progress", "trace"])
def test_what_a_hook_raises_ends_the_stream(side: Any, name: str) -> None:
    """An exception of a hook comes out of the loop, the connection is closed, and on_end is called once."""
    ends: list[str] = []

    def fail(*_: object) -> None:
        raise Given

    with Server(two_then_stall) as server:
        options = {name: fail, "on_end": lambda stream: ends.append(str(stream.ending))}
        stream = side.stream(server.client(), **options)
        with pytest.raises(Given):
            side.read(stream)
        if name != "trace":  # which is called before anything is sent
            server.closed_at()
        assert stream.is_over
        assert side.read(stream) == []
        assert ends == ["cancelled"]


def test_what_on_retry_raises_ends_the_stream(side: Any) -> None:
    """An exception of on_retry comes out of the loop, and nothing is tried again."""

    def fail(_: object) -> None:
        raise Given

    with Server(lambda connection, _: connection.answer(b"", "503 Busy")) as server:
        with pytest.raises(Given):
            side.read(side.stream(server.client(), retry=Retry(initial_delay=0.0), on_retry=fail))
        assert len(server.requests) == 1


def test_what_on_end_raises_is_raised(side: Any) -> None:
    """An exception of on_end comes out of the loop at the end; it is not called again."""
    calls: list[Any] = []

    def fail(stream: Any) -> None:
        calls.append(stream.text)
        raise Given

    with Server(three) as server:
        stream = side.stream(server.client(), on_end=fail)
        with pytest.raises(Given):
            side.read(stream)
        stream.close()
        assert calls == ["Hello world"]


def test_a_hook_may_cancel(side: Any) -> None:
    """A hook may stop the stream that calls it: the loop gets that chunk, and no other."""
    token = CancelToken()
    with Server(two_then_stall) as server:
        stream = side.stream(server.client(), cancel=token, on_text=lambda text: token.cancel("seen"))
        assert [chunk.text for chunk in side.read(stream)] == ["one "]
        assert stream.ending.reason == "seen"
        server.closed_at()


# --- on_end, once -----------------------------------------------------------------------------------------------------


def read_all(side: Any, stream: Any) -> None:
    side.read(stream)


def leave(side: Any, stream: Any) -> None:
    side.next(stream)
    side.close(stream)
    side.close(stream)


def cancel(side: Any, stream: Any) -> None:
    side.next(stream)
    stream.cancel("enough")
    stream.cancel("again")
    with contextlib.suppress(StreamCancelled):
        side.read(stream)


def never_begin(side: Any, stream: Any) -> None:
    side.close(stream)


def drop(side: Any, stream: Any) -> None:
    side.next(stream)  # and the last reference goes with the caller's


WAYS: dict[str, tuple[Script, dict[str, Any], Callable[[Any, Any], None], str]] = {
    "read to the end": (three, {}, read_all, "finished"),
    "cut short": (cut, {}, read_all, "truncated"),
    "refused": (lambda connection, _: connection.answer(refuses(400, "X", "no"), "400 No"), {}, read_all, "failed"),
    "stalled": (two_then_stall, {"deadlines": Deadlines(content_gap=0.05)}, read_all, "stalled"),
    "closed": (two_then_stall, {}, leave, "cancelled"),
    "cancelled": (two_then_stall, {}, cancel, "cancelled"),
    "cancelled, raising": (two_then_stall, {"raise_on_cancel": True}, cancel, "cancelled"),
    "closed before it began": (three, {}, never_begin, "cancelled"),
    "dropped": (two_then_stall, {}, drop, "cancelled"),
    "broken, gone on with": (
        scripted(cut, lambda connection, _: connection.stream(says("world", "STOP"))),
        {"on_break": "continue"},
        read_all,
        "finished",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_on_end_is_called_once(side: Any, way: str) -> None:
    """However a stream ends, on_end is called once, and can see how."""
    script, options, end, kind = WAYS[way]
    seen: list[str] = []
    with Server(script) as server:
        stream = side.stream(
            server.client(retry_options=None) if "gone on" in way else server.client(),
            on_end=lambda stream: seen.append(str(stream.ending)),
            **({"retry": Retry(initial_delay=0.0)} if "gone on" in way else {}),
            **options,
        )
        with contextlib.suppress(HeadwaterError):
            end(side, stream)
        if way != "dropped":
            stream.close()
        del stream
        deadline = time.monotonic() + PATIENCE  # a task that has ended may hold it for a moment
        while not seen and time.monotonic() < deadline:
            time.sleep(0.005)
    assert seen == [kind]


@pytest.mark.parametrize("is_read", [False, True])
def test_a_stream_with_hooks_goes_when_it_is_dropped(side: Any, is_read: bool) -> None:
    """A stream with every hook and a token goes with its last reference, without the garbage collector."""
    called: list[Any] = []
    with Server(two_then_stall if not is_read else three) as server:
        gc.collect()
        gc.disable()
        try:
            stream = side.stream(server.client(), cancel=CancelToken(), stages=[smooth()], **noted(called))
            side.next(stream)
            if is_read:
                side.read(stream)
            gone = weakref.ref(stream)
            del stream
            deadline = time.monotonic() + PATIENCE
            while gone() is not None and time.monotonic() < deadline:
                time.sleep(0.005)
            assert gone() is None
        finally:
            gc.enable()
        if not is_read:
            server.closed_at()


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ({"on_txt": print}, "did you mean 'on_text'"),
        ({"deadline": Deadlines()}, "did you mean 'deadlines'"),
        ({"nonsense": 1}, "the options are cancel, deadlines"),
        ({"deadlines": 5}, "deadlines must be a Deadlines"),
        ({"retry": 3}, "retry must be a Retry"),
        ({"cancel": True}, r"cancel must be a CancelToken\(\)"),
        ({"on_break": "ignore"}, "one of"),
        ({"raise_on_cancel": "yes"}, "True or False"),
        ({"stages": [print]}, "stage"),
        ({"stages": 5}, "stage"),
        ({"on_chunk": "print"}, "a function"),
        ({"target_words": 0}, "a number of words"),
    ],
)
def test_a_wrong_option_is_refused_in_words(side: Any, option: dict[str, Any], hint: str) -> None:
    """An option of another name, or with a value that does not fit, is a UsageError that helps; nothing is sent."""
    with Server(whole) as server:
        with pytest.raises(UsageError, match=hint):
            side.read(side.stream(server.client(), **option))
        assert server.accepted == 0


@pytest.mark.parametrize("name", ["on_break", "stages", "on_text", "raise_on_cancel", "target_words"])
def test_what_only_streams_take_is_refused_elsewhere(side: Any, name: str) -> None:
    """An option of streams is refused by a unary call, which says so."""
    with Server(whole) as server:
        with pytest.raises(UsageError, match=f"'{name}' is for streams only"):
            side.ask(server.client(), **{name: "fail"})
        assert side.ask(server.client(), deadlines=Deadlines(total=PATIENCE), trace=lambda *_: None).text


def test_on_end_is_no_coroutine_function(side: Any) -> None:
    """A coroutine function as on_end is refused: a stream can end where nothing can be awaited."""

    async def on_end(stream: object) -> None:
        raise AssertionError

    with Server(whole) as server, pytest.raises(UsageError, match="plain function"):
        side.stream(server.client(), on_end=on_end)


def test_options_go_with_the_offline_engine(side: Any) -> None:
    """The offline engine's streams take the same options."""
    called: list[Any] = []
    client = genai.Client(http_options={"base_url": "offline:instant"})
    stream = side.stream(client, stages=[smooth()], target_words=50, **noted(called))
    side.read(stream)
    assert called[-1] == ("end", "finished", stream.text)
    assert "".join(text for name, text, *_ in called if name == "text") == stream.text
    with pytest.raises(UsageError):
        side.stream(client, nonsense=1)


def test_an_error_carries_what_came(side: Any) -> None:
    """The error of a stream with hooks is the stream's own, with what had come."""
    with Server(sends(b"")) as server, pytest.raises(HeadwaterError):
        side.read(side.stream(server.client(), on_text=print))
    with Server(cut) as server:
        with pytest.raises(StreamTruncated) as caught:
            side.read(side.stream(server.client(), on_text=lambda text: None))
        assert caught.value.partial.text == "Hello "

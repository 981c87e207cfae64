"""Slow readers: the window, the socket that is full, and what happens to those who are stuck."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from headwater.server import Limits, run
from headwater.server.websocket import uvicorn_protocol
from tests.support.live import Live, Scripted, says
from tests.support.ws_peer import Fed, Peer, check_numbers, chunk, dial, scene, serving, text_of


@scene
async def test_window_stops_the_reading_and_then_one_message_catches_up() -> None:
    """With its window full a reader gets nothing; after its ack one merged message brings all that came meanwhile."""
    engine = Fed()
    async with serving(engine) as live, dial(live) as peer:
        await peer.greet(window=3)
        await peer.generate()
        engine.feed(*[says(f"{number} ") for number in range(3)])
        heard = [await peer.hear() for _ in range(3)]
        for number in range(3, 53):  # one at a time, so that each would have been a message
            engine.feed(says(f"{number} "))
        await peer.say(type="ping")
        assert (await peer.hear())["type"] == "pong"
        await peer.say(type="ack", id="a", seq=1)
        heard.append(await peer.hear())
        assert (heard[-1]["from"], heard[-1]["seq"]) == (4, 53)
        await peer.say(type="ack", id="a", seq=53)
        engine.feed(says("end", "STOP"), None)
        heard += await peer.hear_end()
        assert check_numbers(heard) == 55
        assert text_of(heard) == "".join(f"{number} " for number in range(53)) + "end"


@scene
async def test_window_holds_for_every_kind_of_message() -> None:
    """Never are more numbered messages under way than the window has places, whatever their types."""
    parts = [chunk({"text": "x"}, {"functionCall": {"name": "f"}}, {"text": "y"}) for _ in range(20)]
    async with serving(Scripted(lambda _: parts)) as live, dial(live) as peer:
        await peer.greet(window=4)
        await peer.generate()
        heard = [await peer.hear() for _ in range(4)]
        while heard[-1]["type"] != "complete":
            await peer.say(type="ping", n=heard[-1]["seq"])
            assert (await peer.hear()) == {"type": "pong", "n": heard[-1]["seq"]}  # so nothing else was sent
            await peer.say(type="ack", id="a", seq=heard[-1]["seq"])
            heard += await _up_to(4, peer)
        assert check_numbers(heard) == 61


async def _up_to(count: int, peer: Peer) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    while len(heard) < count and (not heard or heard[-1]["type"] != "complete"):
        heard.append(await peer.hear())
    return heard


@scene
async def test_reader_that_acknowledges_nothing_is_sent_away_and_loses_nothing() -> None:
    """Who leaves the window full for too long gets goaway and 1013, and can resume where it was."""
    parts = [chunk({"text": "x"}, {"functionCall": {"name": "f"}}) for _ in range(25)]
    async with serving(Scripted(lambda _: parts), limits=Limits(stall_timeout=0.2)) as live:
        async with dial(live) as peer:
            await peer.greet(window=5)
            stream = (await peer.generate())["stream"]
            heard = [await peer.hear() for _ in range(5)]
            assert await peer.hear() == {"type": "goaway", "in_ms": 0, "reason": "slow"}
            assert await peer.hear_close() == 1013
        async with dial(live) as peer:
            await peer.greet()
            await peer.say(type="resume", stream=stream, after=heard[-1]["seq"])
            heard += (await peer.hear_end())[1:]
            assert check_numbers(heard) == 51


@scene
async def test_window_that_is_full_without_news_is_no_reason_to_go() -> None:
    """While the engine is silent, no client is waited for."""
    engine = Fed()
    async with serving(engine, limits=Limits(stall_timeout=0.1, keep_alive=0.1)) as live, dial(live) as peer:
        await peer.greet(window=1)
        await peer.generate()
        engine.feed(says("a"))
        assert (await peer.hear())["type"] == "chunk"
        assert [await peer.hear() for _ in range(4)] == [{"type": "ping"}] * 4
        await peer.say(type="ack", id="a", seq=1)
        engine.feed(None)
        assert (await peer.hear_until("complete"))[-1]["seq"] == 2


@scene
async def test_socket_that_is_full_makes_larger_messages_and_no_queue() -> None:
    """A reader that does not read costs the server no memory: the text waits in the log and comes merged."""
    text = "x" * 1000
    engine = Fed()
    async with serving(engine) as live, dial(live) as peer:
        await peer.greet()
        await peer.generate()
        peer.hold()
        for _ in range(200):
            engine.feed(*[says(text)] * 100)
        assert _unsent(live) < 1_000_000
        peer.release()
        engine.feed(says("", "STOP"), None)
        heard = await peer.hear_end()
        assert check_numbers(heard) == 20_001
        assert len(text_of(heard)) == 20_000_000
        assert len(heard) < 10_000


def _unsent(live: Live) -> int:
    """Return how many bytes the server's sockets hold in their write buffers."""
    connections = live.runner.server_state.connections
    return int(live.on_loop(lambda: sum(one.transport.get_write_buffer_size() for one in connections)))


@pytest.mark.parametrize("kernel_helps", [True, False])
@scene
async def test_reader_that_never_reads_is_let_go(monkeypatch: pytest.MonkeyPatch, kernel_helps: bool) -> None:
    """A socket that takes nothing for too long is given up, whether or not the kernel knows how; the stream goes on."""
    monkeypatch.setattr(uvicorn_protocol, "LINGER_SECONDS", 0.3)
    if not kernel_helps:
        monkeypatch.setattr(run, "_limit_kernel", lambda *_: None)
    engine = Fed()
    async with serving(engine, limits=Limits(stall_timeout=0.3, keep_alive=0.3)) as live:
        async with dial(live) as peer:
            await peer.greet()
            await peer.generate()
            peer.hold()
            for _ in range(100):
                engine.feed(*[says("x" * 1000)] * 100)
            connections = live.runner.server_state.connections
            await asyncio.to_thread(live.until, lambda: not len(live.server.sockets) and not connections)
            assert engine.running == 1
            peer.cut()
        engine.feed(None)

"""How sockets end: the server's shutdown, and what is left of those that vanish."""

from __future__ import annotations

import asyncio
import time

import pytest

from headwater import offline
from headwater.engines.offline import OfflineEngine
from headwater.server import Limits
from headwater.server.streams import retention
from tests.support.live import Held, Scripted, says
from tests.support.ws_peer import Fed, Peer, check_numbers, dial, logs, scene, serving


@scene
async def test_shutdown_is_announced_and_lets_streams_finish() -> None:
    """At shutdown each client is told goaway, a running stream may finish, a new one may not begin; then 1012."""
    engine = Fed()
    async with serving(engine, grace=8.0) as live, dial(live) as busy, dial(live) as idle, dial(live) as plain:
        await busy.greet()
        await idle.greet()
        await busy.generate()
        await plain.say(prompt="x")
        engine.feed(says("one "), to=0)
        engine.feed(says("one "), to=1)
        assert (await busy.hear())["text"] == (await plain.hear())["text"] == "one "
        stopping = asyncio.create_task(asyncio.to_thread(live.stop))
        assert await idle.hear() == {"type": "goaway", "in_ms": 8000, "reason": "shutdown"}
        assert await idle.hear_close() == 1012
        assert (await busy.hear())["type"] == "goaway"
        refusal = await busy.generate(id="b")
        assert (refusal["type"], refusal["code"], refusal["retryable"]) == ("error", "busy", True)
        for number in (0, 1):
            engine.feed(says("two", "STOP"), None, to=number)
        assert [message["type"] for message in await busy.hear_end()] == ["chunk", "complete"]
        assert [message["type"] for message in await plain.hear_end()] == ["chunk", "complete"]
        assert await busy.hear_close() == await plain.hear_close() == 1012
        await stopping


@scene
async def test_stream_that_outlasts_the_grace_ends_in_an_error() -> None:
    """A stream that does not finish in time ends in one error that says to try again."""
    async with serving(Held(), grace=0.1) as live, dial(live) as peer:
        await peer.greet()
        await peer.generate()
        await peer.hear()
        stopping = asyncio.create_task(asyncio.to_thread(live.stop))
        heard = await peer.hear_end()
        assert [message["type"] for message in heard] == ["goaway", "error"]
        assert (heard[-1]["code"], heard[-1]["retryable"], heard[-1]["seq"]) == ("busy", True, 2)
        assert await peer.hear_close() == 1012
        await stopping


@scene
async def test_shutdown_does_not_wait_for_who_never_reads() -> None:
    """A client that has stopped reading, and even one that was sent away for it, does not hold up the shutdown."""
    engine = Fed()
    async with (
        serving(engine, limits=Limits(stall_timeout=0.2, keep_alive=0.2)) as live,
        dial(live) as one,
        dial(live) as two,
    ):
        for number, peer in enumerate((one, two)):
            await peer.greet()
            await peer.generate()
            peer.hold()
            for _ in range(100):
                engine.feed(*[says("x" * 1000)] * 100, to=number)
            if peer is one:
                await asyncio.to_thread(live.until, lambda: len(live.server.sockets) == 1)
        began = time.monotonic()
        await asyncio.to_thread(live.stop)
        assert time.monotonic() - began < 9
        one.cut()
        two.cut()


@scene
async def test_nothing_is_left_of_two_hundred_sockets_that_vanish() -> None:
    """Two hundred sockets that are cut off in mid-stream leave no task, no log, no stream and no reader behind."""
    engine = OfflineEngine(offline.Pace(first=0, rate=100))
    async with serving(engine, limits=Limits(stream_ttl=0.2, max_streams=1000)) as live:
        tasks = live.on_loop(lambda: len(asyncio.all_tasks()))

        async def visit(number: int) -> None:
            async with dial(live) as peer:
                if number % 2:
                    await peer.greet(window=100)
                    await peer.generate(prompt="Tell me a story in 500 words.", on_disconnect="cancel")
                else:
                    await peer.say(prompt="Tell me a story in 500 words.")
                await peer.hear()
                peer.cut()

        await asyncio.gather(*(visit(number) for number in range(200)))
        server = live.server
        await asyncio.to_thread(
            live.until,
            lambda: not (len(server.sockets) or len(server.recorder) or logs(live)),
        )
        retention = server.registry.retention
        assert not live.on_loop(lambda: len(retention) or len(retention._finished) or len(retention._dropping))
        assert not live.on_loop(lambda: server.auth.quotas._open)
        live.until(lambda: len(asyncio.all_tasks()) <= tasks + 3)  # the watcher of the shutdown, and this call's own


@scene
async def test_socket_cut_before_its_stream_is_followed_leaves_nothing() -> None:
    """A client that asks and is gone at once leaves nothing, however the two events meet."""
    engine = Scripted(lambda _: [says("x", "STOP")])
    async with serving(engine, limits=Limits(stream_ttl=0.05)) as live:
        for number in range(60):
            async with dial(live) as peer:
                await peer.greet(window=1)
                for other in range(number % 5):
                    await peer.say(type="generate", id=str(other), prompt="x")
                if number % 2:
                    await peer.say(prompt="x")
                peer.cut()
        server = live.server
        live.until(lambda: not (len(server.sockets) or logs(live) or len(server.registry.retention)))


@scene
async def test_named_streams_of_vanished_sockets_are_forgotten_in_time() -> None:
    """A stream that no client resumes runs to its end, is kept for its TTL, and is then deleted."""
    engine = Scripted(lambda _: [says("x", "STOP")])
    async with serving(engine, limits=Limits(stream_ttl=0.2)) as live:
        for _ in range(20):
            async with dial(live) as peer:
                await peer.greet()
                await peer.generate()
                peer.cut()
        assert live.on_loop(lambda: len(live.server.registry.retention))
        live.until(lambda: not logs(live) and not len(live.server.registry.retention))


@scene
async def test_finished_streams_of_a_key_are_kept_in_number_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many finished streams of one key the oldest are forgotten before their time."""
    monkeypatch.setattr(retention, "MAX_FINISHED_PER_OWNER", 3)
    async with serving(Scripted(lambda _: [says("x", "STOP")])) as live, dial(live) as peer:
        await peer.greet()
        names = [await _finished(peer) for _ in range(5)]
        live.until(lambda: logs(live) == 3)
        for number, name in enumerate(names):
            await peer.say(type="resume", stream=name, after=0)
            assert (await peer.hear_end())[-1]["type"] == ("error" if number < 2 else "complete")


async def _finished(peer: Peer) -> str:
    stream = (await peer.generate())["stream"]
    assert check_numbers(await peer.hear_end()) == 2
    assert isinstance(stream, str)
    return stream

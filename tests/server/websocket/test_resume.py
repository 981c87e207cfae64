"""Coming back: from any cut, on any connection, by the owner only, as long as the stream is kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from headwater import offline
from headwater.engines.offline import OfflineEngine
from headwater.server import Limits
from tests.support.live import Held, Scripted, says
from tests.support.ws_peer import Fed, check_numbers, chunk, dial, logs, scene, serving, text_of

_MIXED = [
    chunk({"text": "hm", "thought": True}, {"text": "Once "}),
    chunk({"text": "upon "}),
    chunk({"functionCall": {"name": "f"}}, {"text": "a "}, {"text": "time", "thoughtSignature": "c2ln"}),
    chunk({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
    chunk({"text": "."}, finish="STOP"),
]


@scene
async def test_cut_at_every_message_loses_nothing() -> None:
    """After a cut at any message, before or after the end of the answer, a resume brings each number exactly once."""
    engine = Fed()
    async with serving(engine) as live, dial(live) as back:
        await back.greet()
        async with dial(live) as peer:
            await peer.greet()
            await peer.generate()
            engine.feed(*_MIXED, None)
            whole = await peer.hear_end()
        count = check_numbers(whole)
        for cut in range(count):
            async with dial(live) as peer:
                await peer.greet()
                await peer.generate()
                heard: list[dict[str, Any]] = []
                stream = live.on_loop(lambda: live.server.recorder.generations[0].key)
                engine.feed(*_MIXED[:3])
                while len(heard) < min(cut, 7):
                    heard.append(await peer.hear())
                peer.cut()
            if cut % 2:  # resumed while it runs, and after its end
                engine.feed(*_MIXED[3:], None)
            await back.say(type="resume", stream=stream, after=heard[-1]["seq"] if heard else 0, id=f"r{cut}")
            assert (await back.hear())["stream"] == stream
            if not cut % 2:
                engine.feed(*_MIXED[3:], None)
            heard += await back.hear_end()
            assert check_numbers(heard) == count
            assert text_of(heard) == text_of(whole) == "Once upon a time."
            assert (heard[-1]["chars"], heard[-1]["sha256"]) == (whole[-1]["chars"], whole[-1]["sha256"])


@scene
async def test_cut_again_and_again_loses_nothing() -> None:
    """A client that is cut off after every single message, time after time, still gets each number exactly once."""
    async with serving(OfflineEngine(offline.Pace(first=0, rate=1500))) as live:
        heard: list[dict[str, Any]] = []
        stream = None
        while not heard or heard[-1]["type"] != "complete":
            async with dial(live) as peer:
                await peer.greet(want=[])
                if stream is None:
                    stream = (await peer.generate(prompt="Tell me a story in 60 words."))["stream"]
                else:
                    await peer.say(type="resume", stream=stream, after=heard[-1]["seq"], id="a")
                    assert (await peer.hear())["type"] == "started"
                heard.append(await peer.hear())
                peer.cut()
        check_numbers(heard)
        assert heard[-1]["chars"] == len(text_of(heard)) > 100


@scene
async def test_two_connections_follow_one_stream() -> None:
    """Two connections on one stream get the same numbers, the one that came later first a replay in one message."""
    engine = Fed()
    async with serving(engine) as live, dial(live) as first, dial(live) as second:
        await first.greet()
        await second.greet()
        stream = (await first.generate())["stream"]
        engine.feed(*[says(f"{number} ") for number in range(10)])
        one = [await first.hear() for _ in range(10)]
        await second.say(type="resume", stream=stream, after=0)
        started = await second.hear()
        assert (started["type"], started["id"], started["stream"]) == ("started", "a", stream)
        two = [await second.hear()]
        assert (two[0]["from"], two[0]["seq"], two[0]["replay"]) == (1, 10, True)
        engine.feed(says("ten ", "STOP"), None)
        one += await first.hear_end()
        two += await second.hear_end()
        assert "replay" not in two[1]
        assert check_numbers(one) == check_numbers(two) == 12
        assert text_of(one) == text_of(two)
        assert one[-1]["sha256"] == two[-1]["sha256"]


@scene
async def test_long_replay_is_a_few_messages() -> None:
    """Three thousand chunks are replayed in a handful of messages."""
    engine = Scripted(lambda _: [*(says(f"{number} ") for number in range(3000)), says("", "STOP")])
    async with serving(engine) as live, dial(live) as peer:
        await peer.greet()
        stream = (await peer.generate())["stream"]
        whole = await peer.hear_end()
        await peer.say(type="resume", stream=stream, after=17, id="b")
        heard = (await peer.hear_end())[1:]
        assert len(heard) < 10
        assert check_numbers(heard, after=17) == check_numbers(whole) == 3001
        assert text_of(whole).endswith(text_of(heard))
        assert heard[-1]["sha256"] == whole[-1]["sha256"]


@scene
async def test_who_has_seen_the_end_is_told_it_again() -> None:
    """A resume after the last number is answered with the end alone."""
    async with serving(Scripted(lambda _: [says("a", "STOP")])) as live, dial(live) as peer:
        await peer.greet()
        stream = (await peer.generate())["stream"]
        end = (await peer.hear_end())[-1]
        await peer.say(type="resume", stream=stream, after=end["seq"], id="a")
        _, again = await peer.hear_end()
        assert again == end


@pytest.mark.parametrize("is_over", [False, True])
@scene
async def test_resume_after_a_number_that_is_not_there_is_refused(is_over: bool) -> None:
    """A resume beyond what the stream has is a bad request, and the socket goes on."""
    engine = Scripted(lambda _: [says("a", "STOP")]) if is_over else Held()
    async with serving(engine) as live, dial(live) as peer:
        await peer.greet()
        stream = (await peer.generate())["stream"]
        await (peer.hear_end() if is_over else peer.hear())
        await peer.say(type="resume", stream=stream, after=99, id="b")
        error = (await peer.hear_end())[-1]
        assert (error["type"], error["id"], error["code"]) == ("error", "b", "bad_request")
        await peer.say(type="ping")
        assert (await peer.hear())["type"] == "pong"


@scene
async def test_stream_belongs_to_its_key() -> None:
    """Another key gets for a stream what it gets for a name that never was, whatever it asks for, and stops nothing."""
    engine = Held()
    mine = {"x-goog-api-key": "alice"}
    server = serving(engine, api_keys=["alice", "bob"])
    async with server as live, dial(live, headers=mine) as alice, dial(live) as bob:
        await alice.greet()
        await bob.greet(token="bob")
        stream = (await alice.generate())["stream"]
        await alice.hear()
        for verb in ({"type": "resume", "after": 0}, {"type": "resume", "after": 5, "id": "x"}, {"type": "cancel"}):
            answers = []
            for name in (stream, "x" * 32):
                await bob.say(stream=name, **verb)
                answers.append(await bob.hear() | {"stream": "?"})
            assert answers[0] == answers[1]
            assert answers[0]["code"] == "not_found"
        await bob.say(type="cancel", id=stream)
        await bob.say(type="cancel", id="a")
        assert (await bob.generate(idempotency_key="k"))["stream"] != stream
        assert engine.cancelled == 0
        await alice.say(type="cancel", stream=stream)
        assert (await alice.hear_end())[-1]["finish_reason"] == "cancelled"


@scene
async def test_answers_of_the_other_endpoint_can_not_be_resumed() -> None:
    """What the Gemini endpoint produces has no name here, even for someone who knows its key in the log."""
    engine = Held()
    async with serving(engine) as live, dial(live) as peer:
        with live.open_stream() as connection:
            assert connection.recv(1)
            name = live.on_loop(lambda: live.server.recorder.generations[0].key)
            await peer.say(type="resume", stream=name, after=0)
            assert (await peer.hear())["code"] == "not_found"


@scene
async def test_finished_stream_is_kept_for_its_time_and_not_longer() -> None:
    """A finished stream can be resumed until its time is up; then it is unknown, and its log is gone."""
    engine = Scripted(lambda _: [says("a", "STOP")])
    async with serving(engine, limits=Limits(stream_ttl=0.3)) as live, dial(live) as peer:
        await peer.greet()
        stream = (await peer.generate())["stream"]
        await peer.hear_end()
        await peer.say(type="resume", stream=stream, after=0)
        assert (await peer.hear_end())[-1]["type"] == "complete"
        live.until(lambda: not logs(live) and not len(live.server.registry.retention))
        await peer.say(type="resume", stream=stream, after=0)
        assert (await peer.hear())["code"] == "not_found"


@scene
async def test_stream_that_is_being_read_is_not_forgotten() -> None:
    """The time of a finished stream does not run out under a reader who is still at it."""
    engine = Scripted(lambda _: [*(says(f"{number} ") for number in range(100)), says("", "STOP")])
    async with serving(engine, limits=Limits(stream_ttl=0.05)) as live, dial(live) as peer:
        await peer.greet(window=2)
        await peer.generate()
        heard = [await peer.hear(), await peer.hear()]
        retention = live.server.registry.retention
        live.until(lambda: all(kept.is_expired for kept in retention._streams.values()))
        while heard[-1]["type"] != "complete":
            await peer.say(type="ack", id="a", seq=heard[-1]["seq"])
            heard.append(await peer.hear())
        assert check_numbers(heard) == 101
        live.until(lambda: not logs(live))


@scene
async def test_log_that_is_dropped_under_a_reader_is_an_expired_stream() -> None:
    """A reader whose log vanishes gets one error, expired."""
    async with serving(Held()) as live, dial(live) as peer:
        await peer.greet()
        stream = (await peer.generate())["stream"]
        await peer.hear()
        dropping = live.server.recorder.log.drop(stream)
        live.on_loop(lambda: asyncio.ensure_future(dropping))
        assert (await peer.hear_end())[-1]["code"] == "expired"

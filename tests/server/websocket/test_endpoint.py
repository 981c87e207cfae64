"""After hello: the full protocol, message by message."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from headwater import offline
from headwater.engines.base import EngineRequest
from headwater.engines.offline import OfflineEngine
from headwater.errors import StreamStalled
from headwater.server import Limits
from tests.support.live import Held, Scripted, says
from tests.support.ws_peer import Fed, check_numbers, chunk, dial, scene, serving, text_of


@scene
async def test_hello_is_answered_with_ready() -> None:
    """``ready`` says what the server takes and keeps."""
    limits = Limits(max_streams=7, max_message=5000, keep_alive=12.0, stream_ttl=34.0)
    async with serving(limits=limits) as live, dial(live) as peer:
        ready = await peer.greet(want=["thought", "something new"], unknown={"x": 1})
        assert ready.pop("session")
        assert ready == {
            "type": "ready",
            "limits": {"max_streams": 7, "max_prompt_bytes": 5000},
            "heartbeat_ms": 12000,
            "resume_ttl_s": 34.0,
        }


@scene
async def test_stream_is_started_numbered_and_completed() -> None:
    """A stream begins with ``started``, has numbers from 1 without a gap, and its complete proves its text."""
    async with serving(OfflineEngine(offline.Pace(first=0, rate=2000))) as live, dial(live) as peer:
        await peer.greet(want=["thought", "usage", "progress", "metrics"], min_interval_ms=0)
        started = await peer.generate(
            prompt="Tell me a story in 120 words.",
            config={"maxOutputTokens": 500, "thinkingConfig": {"includeThoughts": True}},
        )
        assert (started["type"], started["id"], started["model"]) == ("started", "a", "gemini-3.8-flash")
        assert started["resumable"] is True
        assert len(started["stream"]) >= 32
        assert started["expires_at"] > 1_700_000_000
        heard = await peer.hear_end()
        assert {message["type"] for message in heard} == {"thought", "chunk", "data", "usage", "progress", "complete"}
        assert all(message["id"] == "a" for message in heard)
        check_numbers(heard)
        end, text = heard[-1], text_of(heard)
        assert end["chars"] == len(text) > 100
        assert end["sha256"] == hashlib.sha256(text.encode()).hexdigest()
        assert end["finish_reason"] == "STOP"
        assert end["usage"]["output"] > 50
        assert end["metrics"]["total_s"] >= end["metrics"]["first_s"] >= 0
        last = [message for message in heard if message["type"] == "usage"][-1]
        assert {key: last[key] for key in end["usage"]} == end["usage"]


@scene
async def test_want_chooses_what_comes() -> None:
    """What a client does not want does not come; the numbers of what was left out are covered by the next message."""
    parts = [
        chunk({"text": "hm", "thought": True}),
        chunk({"text": "one"}),
        chunk({"functionCall": {"name": "f"}}, finish="STOP"),
    ]
    async with serving(Scripted(lambda _: parts)) as live, dial(live) as peer:
        await peer.greet(want=[])
        await peer.generate()
        heard = await peer.hear_end()
        assert [(message["type"], message.get("from"), message["seq"]) for message in heard] == [
            ("chunk", 1, 2),
            ("tool", None, 3),
            ("complete", None, 4),
        ]


@scene
async def test_many_streams_run_on_one_socket() -> None:
    """Twenty streams on one socket each have their own numbers and their own text."""
    engine = Scripted(lambda request: [*(says(f"{_model(request)}.{n} ") for n in range(30)), says("", "STOP")])
    async with serving(engine) as live, dial(live) as peer:
        await peer.greet()
        for number in range(20):
            await peer.say(type="generate", id=str(number), prompt="x", model=f"m{number}")
        streams: dict[str, list[dict[str, Any]]] = {str(number): [] for number in range(20)}
        while not all(heard and heard[-1]["type"] == "complete" for heard in streams.values()):
            message = await peer.hear()
            streams[message["id"]].append(message)
        for name, heard in streams.items():
            assert check_numbers(heard) == 31
            assert text_of(heard) == "".join(f"m{name}.{n} " for n in range(30))


@scene
async def test_server_makes_the_id_where_the_client_gives_none() -> None:
    """After hello the plain form works too; its messages have an id of the server's making."""
    async with serving() as live, dial(live) as peer:
        await peer.greet()
        await peer.say(prompt="Hello")
        started = await peer.hear()
        assert started["type"] == "started"
        assert {message["id"] for message in await peer.hear_end()} == {started["id"]}


@pytest.mark.parametrize("mode", [None, "now", "discard"])
@scene
async def test_cancel_ends_in_complete_and_is_harmless_when_repeated(mode: str | None) -> None:
    """A cancel ends the stream with finish_reason "cancelled" and the text so far; repeating it says nothing."""
    engine = Held(first=2)
    async with serving(engine) as live, dial(live) as peer:
        await peer.greet()
        started = await peer.generate()
        heard = [await peer.hear(), await peer.hear()]
        fields = {} if mode is None else {"mode": mode}
        await peer.say(type="cancel", id="a", **fields)
        heard += await peer.hear_end()
        assert (heard[-1]["type"], heard[-1]["finish_reason"], heard[-1]["chars"]) == ("complete", "cancelled", 4)
        assert check_numbers(heard) == 3
        live.until(lambda: engine.cancelled == 1 and engine.running == 0)
        await peer.say(type="cancel", id="a")
        await peer.say(type="cancel", id="never")
        await peer.say(type="ping", n=1)
        assert await peer.hear() == {"type": "pong", "n": 1}
        await peer.say(type="resume", stream=started["stream"], after=0)
        again = await peer.hear()
        assert again["type"] == ("error" if mode == "discard" else "started")


@scene
async def test_cancel_comes_from_any_connection_that_knows_the_stream() -> None:
    """A second connection cancels by the stream's name, or by the id under which it follows it; both see the end."""
    engine = Held()
    async with serving(engine) as live, dial(live) as first, dial(live) as second:
        await first.greet()
        await second.greet()
        for number, by_name in enumerate((True, False)):
            started = await first.generate(id=f"a{number}")
            if by_name:
                await second.say(type="cancel", stream=started["stream"])
            else:
                await second.say(type="resume", stream=started["stream"], after=0)
                assert (await second.hear())["id"] == "a1"
                await second.say(type="cancel", id="a1")
                assert (await second.hear_end())[-1]["finish_reason"] == "cancelled"
            assert (await first.hear_end())[-1]["finish_reason"] == "cancelled"


@scene
async def test_ping_is_answered_with_pong() -> None:
    """A pong repeats the ``n`` of its ping, and a pong of the client's is taken without a word."""
    async with serving() as live, dial(live) as peer:
        await peer.greet()
        await peer.say(type="pong")
        await peer.say(type="ping")
        assert await peer.hear() == {"type": "pong"}
        await peer.say(type="ping", n=42)
        assert await peer.hear() == {"type": "pong", "n": 42}


@scene
async def test_silence_is_filled_with_pings() -> None:
    """A client that has said hello hears a ping whenever nothing else came for a while; a plain one never does."""
    async with serving(Held(), limits=Limits(keep_alive=0.06)) as live, dial(live) as peer, dial(live) as plain:
        await peer.greet()
        await plain.say(prompt="x")
        assert await peer.hear() == {"type": "ping"}
        assert await peer.hear() == {"type": "ping"}
        live.on_loop(lambda: live.server.recorder.generations[0].cancel())
        assert [message["type"] for message in await plain.hear_end()] == ["chunk", "complete"]


@scene
async def test_id_twice_closes_the_socket() -> None:
    """An id that is in use cannot start another stream (4409); after the end of its stream it can."""
    async with serving(Held()) as live, dial(live) as peer:
        await peer.greet()
        await peer.generate()
        await peer.say(type="cancel", id="a")
        await peer.hear_end()
        assert (await peer.generate())["type"] == "started"
        await peer.say(type="generate", id="a", prompt="x")
        assert (await peer.hear_until("error"))[-1]["code"] == "bad_request"
        assert await peer.hear_close() == 4409


@scene
async def test_second_hello_closes_the_socket() -> None:
    """Hello is said once (4429)."""
    async with serving() as live, dial(live) as peer:
        await peer.greet()
        assert (await peer.greet())["code"] == "bad_request"
        assert await peer.hear_close() == 4429


@scene
async def test_idempotency_key_begins_one_answer() -> None:
    """A generate that is repeated with its idempotency key follows the answer that is there, from its beginning."""
    engine = Fed()
    async with serving(engine) as live, dial(live) as first, dial(live) as second:
        await first.greet()
        await second.greet()
        started = await first.generate(idempotency_key="k1")
        engine.feed(says("one "), says("two "))
        await first.hear_until("chunk")
        again = await second.generate(id="b", idempotency_key="k1")
        assert again["stream"] == started["stream"]
        engine.feed(says("three", "STOP"), None)
        assert text_of(await second.hear_end()) == "one two three"
        assert len(engine.queues) == 1
        other = await second.generate(id="c", idempotency_key="k2")
        assert other["stream"] != started["stream"]


@scene
async def test_leaving_does_not_cancel_unless_that_was_said() -> None:
    """A named stream outlives its socket; one begun with ``on_disconnect: "cancel"`` does not."""
    engine = Held()
    async with serving(engine) as live:
        async with dial(live) as peer:
            await peer.greet()
            await peer.generate(id="stays")
            await peer.generate(id="goes", on_disconnect="cancel")
            live.until(lambda: engine.running == 2)
            peer.cut()
        live.until(lambda: engine.cancelled == 1 and engine.running == 1)


@scene
async def test_engine_that_stalls_is_a_timeout() -> None:
    """An engine's own error keeps its kind on the way through the log."""
    async with serving(Scripted(lambda _: [says("a"), StreamStalled("nothing came")])) as live, dial(live) as peer:
        await peer.greet()
        await peer.generate()
        error = (await peer.hear_end())[-1]
        assert (error["code"], error["phase"], error["retryable"], error["partial"]) == (
            "timeout_idle",
            "mid",
            True,
            True,
        )
        assert error["id"] == "a"
        assert error["seq"] == 2


def _model(request: EngineRequest) -> str:
    return request.model

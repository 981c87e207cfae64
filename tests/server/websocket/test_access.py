"""Who is let in, and what happens to what makes no sense."""

from __future__ import annotations

import json
import logging
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.server import Limits
from tests.support.live import Held, Live, Scripted, says
from tests.support.ws_peer import check_numbers, dial, scene, serving

_KEYS = ["right-key", "other-key"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "file://"},
        {"Origin": "http://[::1"},
        {"Cookie": "session=1"},
        {"Host": "evil.example"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
@scene
async def test_strange_page_or_host_is_refused_before_the_handshake(headers: dict[str, str]) -> None:
    """A page of another origin, a browser without one and a foreign host get 403 or 421, and no WebSocket."""
    async with serving() as live:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            async with dial(live, headers=headers):
                pass
        assert refusal.value.status == (421 if "Host" in headers else 403)


@scene
async def test_own_page_and_allowed_pages_are_let_in() -> None:
    """The server's own page and those of ``origins`` may open the WebSocket."""
    async with serving(origins=["https://app.example"]) as live:
        for origin in (live.url, "https://app.example"):
            async with dial(live, headers={"Origin": origin, "Cookie": "a=b"}) as peer:
                assert (await peer.greet())["type"] == "ready"


@pytest.mark.parametrize(
    "headers",
    [{"x-goog-api-key": "right-key"}, {"Authorization": "Bearer right-key"}],
)
@scene
async def test_key_comes_by_header(headers: dict[str, str]) -> None:
    """A key in a header is enough, in the plain form too."""
    async with serving(api_keys=_KEYS) as live, dial(live, headers=headers) as peer:
        await peer.say(prompt="Hello")
        assert (await peer.hear_end())[-1]["type"] == "complete"


@scene
async def test_wrong_key_in_a_header_is_refused_before_the_handshake() -> None:
    """A key that is wrong gets no WebSocket."""
    async with serving(api_keys=_KEYS) as live:
        for key in ("wrong", "' OR 1=1--", "right-key2"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                async with dial(live, headers={"x-goog-api-key": key}):
                    pass
            assert refusal.value.status in (401, 403)


@scene
async def test_key_comes_with_hello() -> None:
    """A browser, which can set no header, sends its key as the token of hello."""
    async with serving(api_keys=_KEYS) as live, dial(live) as peer:
        assert (await peer.greet(token="right-key"))["type"] == "ready"
        assert (await peer.generate())["type"] == "started"


@pytest.mark.parametrize(
    ("message", "code", "close"),
    [
        ({"prompt": "x"}, "unauthorized", 4401),
        ({"type": "resume", "stream": "x"}, "unauthorized", 4401),
        ({"type": "hello"}, "unauthorized", 4401),
        ({"type": "hello", "token": "wrong"}, "forbidden", 4403),
        ({"type": "hello", "token": ""}, "forbidden", 4403),
        ({"type": "hello", "token": "\u0000\ud800"}, "bad_request", None),
    ],
)
@scene
async def test_nothing_is_done_without_a_key(message: Any, code: str, close: int | None) -> None:
    """Where a key is needed, nothing but a hello with a right one is heard; the socket is closed."""
    engine = Held()
    async with serving(engine, api_keys=_KEYS) as live, dial(live) as peer:
        await peer.say(**message)
        assert (await peer.hear())["code"] == code
        if close is not None:
            assert await peer.hear_close() == close
        assert engine.running == 0


@scene
async def test_logs_hold_no_key_and_no_prompt(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever level the loggers have, no key, prompt or answer gets into them; each connection has a line."""
    async with serving(Scripted(lambda _: [says("canary-answer", "STOP")]), api_keys=["canary-key"]) as live:
        for name in ("", "uvicorn", "uvicorn.error", "headwater", "headwater.access", "websockets"):
            caplog.set_level(logging.DEBUG, logger=name or None)
        for options in ({"path": "/ws?key=canary-key"}, {"headers": {"x-goog-api-key": "canary-key"}}, {}):
            async with dial(live, **options) as peer:
                await peer.greet(token="canary-key")
                await peer.generate(prompt="canary-prompt")
                await peer.hear_end()
                await peer.say('{"type": "canary-nonsense"')
                await peer.hear()
        live.until(lambda: not len(live.server.sockets))
    assert "canary" not in caplog.text
    assert caplog.text.count('"method":"WEBSOCKET","path":"/ws","status":101') == 3


@scene
async def test_key_has_to_come_in_time() -> None:
    """Where a key is needed and no hello comes, the socket is closed (4408); where none is, it may stay silent."""
    async with serving(api_keys=_KEYS, limits=Limits(head_timeout=0.1)) as live, dial(live) as peer:
        assert await peer.hear_close() == 4408
    async with (
        serving(limits=Limits(head_timeout=0.05, keep_alive=0.1)) as live,
        dial(live) as peer,
        dial(live) as other,
    ):
        await other.greet()
        assert [await other.hear() for _ in range(3)] == [{"type": "ping"}] * 3
        await peer.say(prompt="Hello")
        assert (await peer.hear_end())[-1]["type"] == "complete"


@pytest.mark.parametrize(
    "message",
    [
        "no json",
        "",
        "[]",
        "7",
        "null",
        "{}",
        "[" * 100_000,
        '{"a":' * 50_000 + "1" + "}" * 50_000,
        '{"type": "nonsense"}',
        '{"type": 7}',
        '{"type": "complete"}',
        '{"prompt": 7}',
        '{"prompt": ""}',
        '{"prompt": "x", "model": "../../v1/files"}',
        '{"prompt": "x", "model": "a b"}',
        '{"prompt": "x", "model": "m?key=1"}',
        '{"prompt": "x", "config": []}',
        '{"prompt": "x", "config": {"generationConfig": 3}}',
        '{"contents": 7}',
        '{"contents": [7]}',
        '{"type": "ack", "id": "a", "seq": -1}',
        '{"type": "ack"}',
        '{"type": "resume", "stream": "x", "after": "1"}',
        '{"type": "resume", "stream": ""}',
        '{"type": "cancel"}',
        '{"type": "hello", "window": 0}',
        '{"type": "hello", "want": "thought"}',
        '{"type": "generate", "id": "", "prompt": "x"}',
        b"\x00\x01",
        b'{"prompt": "x"}',
    ],
)
@scene
async def test_what_makes_no_sense_is_answered_and_not_more(message: str | bytes) -> None:
    """Garbage gets one error, bad_request, without an id; the next prompt is answered as if nothing had been."""
    async with serving() as live, dial(live) as peer:
        await peer.say(message)
        error = await peer.hear()
        assert (error["type"], error["code"], error["retryable"]) == ("error", "bad_request", False)
        assert "id" not in error
        assert len(error["message"]) < 400
        await peer.say(prompt="Hello")
        assert (await peer.hear_end())[-1]["type"] == "complete"


@scene
async def test_bad_generate_is_answered_by_its_id() -> None:
    """The error for an invalid generate names its id, unless a stream with that id is running."""
    async with serving(Held()) as live, dial(live) as peer:
        await peer.greet()
        await peer.say(type="generate", id="a", prompt=7)
        assert (await peer.hear())["id"] == "a"
        await peer.generate()
        await peer.hear()
        await peer.say(type="generate", id="a", prompt=7)
        assert "id" not in await peer.hear()


@scene
async def test_ten_messages_of_nonsense_close_the_socket() -> None:
    """After ten messages that make no sense the socket is closed (4400)."""
    async with serving() as live, dial(live) as peer:
        for _ in range(10):
            await peer.say("nonsense")
            assert (await peer.hear())["code"] == "bad_request"
        assert await peer.hear_close() == 4400


@scene
async def test_unknown_fields_are_ignored() -> None:
    """A field that the server does not know changes nothing."""
    async with serving() as live, dial(live) as peer:
        await peer.greet(color="red")
        await peer.say(type="generate", id="a", prompt="Hello", chat_id="c1", after="x", stream=[1])
        assert check_numbers(await peer.hear_end()) > 0


@scene
async def test_message_that_is_too_large_closes_the_socket() -> None:
    """A message larger than the limit closes the socket (1009) and is not answered; one of the limit's size is."""
    engine = Scripted(lambda _: [says("ok", "STOP")])
    async with serving(engine, limits=Limits(max_message=10_000)) as live:
        async with dial(live) as peer:
            await peer.say(json.dumps({"prompt": "x" * 9_980}).replace(" ", ""))
            assert (await peer.hear_end())[-1]["type"] == "complete"
        for text in ("x" * 10_001, "é" * 5_000):
            async with dial(live) as peer:
                await peer.say('{"prompt":"' + text + '"}')
                assert await peer.hear_close() == 1009


@scene
async def test_streams_of_a_key_have_a_limit() -> None:
    """One stream more than a key may have is refused as busy, on whichever socket, until one has ended."""
    server = serving(Held(), api_keys=_KEYS, limits=Limits(max_streams=2))
    async with server as live, dial(live) as one, dial(live) as two, dial(live) as other:
        for peer, key in ((one, "right-key"), (two, "right-key"), (other, "other-key")):
            await peer.greet(token=key)
            assert (await peer.generate())["type"] == "started"
        await two.say(type="generate", id="b", prompt="x")
        refusal = (await two.hear_until("error"))[-1]
        assert (refusal["id"], refusal["code"], refusal["retryable"]) == ("b", "busy", True)
        await one.say(type="cancel", id="a")
        await one.hear_end()
        live.until(lambda: len(live.server.recorder) == 2)
        await two.say(type="generate", id="c", prompt="x")
        assert (await two.hear_until("started", "error"))[-1]["type"] == "started"


@scene
async def test_followed_streams_of_a_socket_have_a_limit() -> None:
    """A socket can follow only so many streams at once, those that it resumes counted."""
    async with serving(Held(), limits=Limits(max_streams=3)) as live, dial(live) as peer:
        await peer.greet()
        stream = (await peer.generate())["stream"]
        for number in range(5):
            await peer.say(type="resume", stream=stream, after=0, id=str(number))
        heard = await peer.hear_until("error")
        assert heard[-1]["code"] == "busy"
        assert [message["type"] for message in heard].count("started") == 2


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = (
    "id",
    "prompt",
    "contents",
    "config",
    "model",
    "stream",
    "after",
    "seq",
    "window",
    "want",
    "token",
    "mode",
    "n",
)
_TYPES = st.sampled_from(["hello", "generate", "resume", "cancel", "ack", "ping", "pong", "chunk", "", None])
_MESSAGES = st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=5).flatmap(
    lambda fields: _TYPES.map(lambda kind: fields | ({} if kind is None else {"type": kind}))
)


@pytest.fixture(scope="module")
def fuzzed() -> Any:
    with Live(Scripted(lambda _: [says("ok", "STOP")])) as live:
        yield live


@given(st.lists(_MESSAGES, max_size=9))
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_no_message_breaks_the_server(fuzzed: Live, messages: list[Any]) -> None:
    """Whatever JSON is sent, the socket stays or is closed with a code of the protocol, and the server goes on."""

    @scene
    async def run() -> None:
        async with dial(fuzzed) as peer:
            for message in messages:
                await peer.say(json.dumps(message))
            await peer.say(type="ping", n="last")
            try:
                while (await peer.hear()) != {"type": "pong", "n": "last"}:
                    pass
            except Exception:
                assert peer.socket.close_code in (4400, 4409, 4429)

    run()
    fuzzed.until(lambda: not len(fuzzed.server.sockets) and not len(fuzzed.server.recorder))

"""The plain form: a prompt in, chunks and one end out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.engines.base import EngineRequest
from headwater.errors import api_error
from tests.support.live import Held, Scripted, says
from tests.support.ws_peer import chunk, dial, logs, scene, serving, text_of


@scene
async def test_prompt_alone_is_answered_with_chunks_and_one_complete() -> None:
    """A client that sends ``{"prompt"}`` and nothing else gets chunks of text and then one complete."""
    async with serving() as live, dial(live) as peer:
        for prompt in ("Tell me a story in 100 words.", "And another one."):
            await peer.say(prompt=prompt)
            heard = await peer.hear_end()
            assert len(heard) > 2
            assert [message["type"] for message in heard[:-1]] == ["chunk"] * (len(heard) - 1)
            assert all(message.keys() == {"type", "text"} for message in heard[:-1])
            assert heard[-1]["type"] == "complete"
            assert heard[-1]["finish_reason"] == "STOP"
            assert heard[-1]["chars"] == len(text_of(heard)) > 20


@scene
async def test_prompts_that_come_together_are_answered_in_turn() -> None:
    """Prompts sent without waiting are answered one after the other, each with one end."""
    engine = Scripted(lambda request: [says("<" + _prompt(request)), says(">", "STOP")])
    async with serving(engine) as live, dial(live) as peer:
        for number in range(5):
            await peer.say(prompt=str(number))
        assert [text_of(await peer.hear_end()) for _ in range(5)] == ["<0>", "<1>", "<2>", "<3>", "<4>"]


@scene
async def test_chunks_are_answer_text_only() -> None:
    """Thoughts, calls and media never get into the text that a plain client sees, nor into messages of their own."""
    parts = [
        chunk({"text": "hm", "thought": True}),
        chunk({"text": "yes"}, {"functionCall": {"name": "f"}}, {"text": " and"}),
        chunk({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, {"text": " no"}, finish="STOP"),
    ]
    async with serving(Scripted(lambda _: parts)) as live, dial(live) as peer:
        await peer.say(prompt="?")
        heard = await peer.hear_end()
        assert text_of(heard) == "yes and no"
        assert {message["type"] for message in heard} == {"chunk", "complete"}


@scene
async def test_model_contents_and_config_reach_the_engine() -> None:
    """The plain form takes a model, contents and a config in the words of the SDKs; http_options go nowhere."""
    seen: list[EngineRequest] = []
    engine = Scripted(lambda request: [seen.append(request) or says("ok", "STOP")])
    config = {
        "temperature": 0.5,
        "max_output_tokens": 7,
        "systemInstruction": "Be brief.",
        "tools": [{"googleSearch": {}}],
        "http_options": {"base_url": "http://127.0.0.1:1"},
        "generationConfig": {"topK": 3},
    }
    contents = [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}]
    async with serving(engine) as live, dial(live) as peer:
        await peer.say(contents=contents, prompt="c", model="models/gemini-x", config=config)
        assert text_of(await peer.hear_end()) == "ok"
    assert seen[0].model == "gemini-x"
    assert json.loads(seen[0].body) == {
        "contents": [*contents, {"role": "user", "parts": [{"text": "c"}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [{"googleSearch": {}}],
        "generationConfig": {"temperature": 0.5, "maxOutputTokens": 7, "topK": 3},
    }


@scene
async def test_error_is_the_end_of_a_prompt_and_not_of_the_socket() -> None:
    """A prompt that fails ends in one error; the next prompt on the same socket is answered."""
    answers: list[Any] = [[api_error(429, "slow down", status="RESOURCE_EXHAUSTED")], [says("fine", "STOP")]]
    async with serving(Scripted(lambda _: answers.pop(0))) as live, dial(live) as peer:
        await peer.say(prompt="one")
        (error,) = await peer.hear_end()
        assert (error["type"], error["code"], error["phase"], error["partial"]) == (
            "error",
            "rate_limited",
            "first",
            False,
        )
        await peer.say(prompt="two")
        assert text_of(await peer.hear_end()) == "fine"


@scene
async def test_leaving_stops_the_answer_and_forgets_it() -> None:
    """A plain client that disconnects stops its stream, since no client could resume it."""
    engine = Held()
    async with serving(engine) as live:
        async with dial(live) as peer:
            await peer.say(prompt="one")
            await peer.say(prompt="two")
            assert (await peer.hear())["text"] == "0 "
            peer.cut()
        live.until(lambda: engine.cancelled == 1 and not logs(live) and not len(live.server.sockets))
        assert engine.running == 0
        assert not live.on_loop(lambda: len(live.server.registry.retention))


@scene
async def test_generate_before_hello_brings_nothing_but_the_three_types() -> None:
    """Without a hello a stream with an id has numbers, and still only chunk, complete and error."""
    parts = [chunk({"text": "hm", "thought": True}), chunk({"text": "one"}), chunk({"text": "two"}, finish="STOP")]
    async with serving(Scripted(lambda _: parts)) as live, dial(live) as peer:
        await peer.say(type="generate", id="x", prompt="?")
        heard = await peer.hear_end()
        assert [(message["type"], message["id"], message.get("from"), message["seq"]) for message in heard] == [
            ("chunk", "x", 1, 2),
            ("chunk", "x", None, 3),
            ("complete", "x", None, 4),
        ]


@pytest.mark.parametrize("subprotocol", [(), ("streamgen.v1",), ("other", "streamgen.v1"), ("other",)])
@scene
async def test_subprotocol_is_agreed_on_where_it_is_offered(subprotocol: tuple[str, ...]) -> None:
    """``streamgen.v1`` is chosen when the client offers it, and never needed."""
    async with serving() as live, dial(live, protocols=subprotocol) as peer:
        assert peer.socket.protocol == ("streamgen.v1" if "streamgen.v1" in subprotocol else None)
        await peer.say(prompt="Hello")
        assert (await peer.hear_end())[-1]["type"] == "complete"


@scene
async def test_too_many_waiting_prompts_are_refused() -> None:
    """Prompts wait for the one before them, but not in any number: the rest are refused as busy."""
    async with serving(Held()) as live, dial(live) as peer:
        for _ in range(20):
            await peer.say(prompt="x")
        heard = await peer.hear_until("error")
        assert heard[-1]["code"] == "busy"
        assert heard[-1]["retryable"]
        assert heard[-1]["retry_after_ms"] > 0


def _prompt(request: EngineRequest) -> str:
    contents = request.content.contents
    assert contents
    assert contents[-1].parts
    return contents[-1].parts[0].text or ""

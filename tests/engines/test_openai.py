"""The openai engine in front of a scripted chat server: what it sends, what it yields, and how it fails."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from headwater.core.machine.policy import Deadlines
from headwater.engines import EngineRequest, EngineSettings, OpenAIEngine, make_engine
from headwater.engines import openai as openai_engine
from headwater.engines.resuming import ResumingEngine
from headwater.errors import (
    APIError,
    ConnectError,
    HeadwaterError,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
    UsageError,
)
from headwater.types import GenerateContentResponse
from tests.support.chat_cases import delta
from tests.support.live import Live
from tests.support.servers import Connection, Request, Server
from tests.support.sides import run_async

KEY = "chat-key-0123456789"
ASK = b'{"contents":[{"parts":[{"text":"hi"}]}]}'
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
MODELS = {
    "data": [{"id": "qwen3:4b", "context_length": 4096}, {"id": "a/b", "name": "B", "meta": {"n_ctx_train": 7}}, 5]
}


def says(connection: Connection, *events: Any, done: bool = True) -> None:
    """Send a stream of chat events."""
    connection.begin(content_type="text/event-stream")
    for event in events:
        connection.chunk(b"data: %b\n\n" % json.dumps(event).encode())
    if done:
        connection.chunk(b"data: [DONE]\n\n")
        connection.end()


def hello(connection: Connection, request: Request) -> None:
    """Answer as a chat server does."""
    if request.path.endswith("/models"):
        connection.answer(MODELS)
    else:
        usage = {"id": "chatcmpl-1", "choices": [], "usage": USAGE}
        says(
            connection,
            delta({"role": "assistant"}),
            delta({"content": "Hel"}),
            delta({"content": "lo"}),
            delta({}, "stop"),
            usage,
        )


def run(server: Server, use: Callable[[OpenAIEngine], Any], **options: Any) -> Any:
    """What ``use`` makes of an engine in front of the server."""

    async def main() -> Any:
        engine = OpenAIEngine(f"{server.url}/v1", **options)
        try:
            return await use(engine)
        finally:
            await engine.aclose()

    return run_async(main())


def chunks(body: bytes = ASK, *, most: int = 100, is_stream: bool = True, request: EngineRequest | None = None) -> Any:
    """A use of an engine: the chunks of one answer."""

    async def use(engine: OpenAIEngine) -> list[GenerateContentResponse]:
        found: list[GenerateContentResponse] = []
        stream = engine.stream(request or EngineRequest("m", body, is_stream=is_stream))
        assert isinstance(stream, AsyncIterator)
        async for chunk in stream:
            found.append(GenerateContentResponse.model_validate_json(chunk.raw))
            if len(found) == most:
                break
        await stream.aclose()  # type: ignore[attr-defined]
        return found

    return use


def test_an_answer_is_translated_chunk_by_chunk_and_ends_with_its_token_counts() -> None:
    """The key goes into the header that servers expect; the last chunk has finish reason and usage, as Gemini's has."""
    with Server(hello) as server:
        found = run(server, chunks(), api_key=KEY)
        assert [chunk.text for chunk in found] == ["Hel", "lo", ""]
        assert (str(found[-1].finish_reason), found[-1].usage_metadata.total_token_count) == ("STOP", 3)
        request = server.requests[0]
        assert (request.path, request.headers["authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
        assert request.json["messages"] == [{"role": "user", "content": "hi"}]
        assert "authorization" not in _headers_without_key(server)


def _headers_without_key(server: Server) -> dict[str, str]:
    run(server, chunks())
    return server.requests[-1].headers


def test_azure_has_its_key_in_another_header_and_its_version_in_the_url() -> None:
    async def use(engine: OpenAIEngine) -> None:
        engine.url += "/openai/deployments/d/?api-version=2025-01-01"
        await chunks()(engine)

    with Server(hello) as server:
        run(server, use, api_key=KEY, preset="azure")
        request = server.requests[0]
        assert request.headers["api-key"] == KEY
        assert "authorization" not in request.headers
        assert request.target == "/v1/openai/deployments/d/chat/completions?api-version=2025-01-01"


def test_a_whole_answer_is_streamed_and_folded() -> None:
    with Server(hello) as server:
        [answer] = run(server, chunks(is_stream=False))
        assert (answer.text, answer.usage_metadata.total_token_count) == ("Hello", 3)
        assert server.requests[0].json["stream"] is True


def test_a_large_request_is_translated_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[Any] = []
    original = asyncio.to_thread

    async def note(call: Any, *args: Any) -> Any:
        threads.append(call)
        return await original(call, *args)

    monkeypatch.setattr(asyncio, "to_thread", note)
    large = json.dumps({"contents": [{"parts": [{"text": "x" * 20_000}]}]}).encode()
    with Server(hello) as server:
        assert run(server, chunks(large))
    assert len(threads) == 1


def test_what_follows_the_finish_reason_is_part_of_the_last_chunk() -> None:
    """A second finish reason, text that came late, another choice: nothing of it is lost or doubled."""

    def script(connection: Connection, request: Request) -> None:
        late = delta({"content": "!"}, "stop", usage=USAGE)
        says(
            connection,
            delta({"content": "Hi"}),
            delta({}, "stop"),
            late,
            delta({"content": "B"}, index=1),
            delta({}, "stop", index=1),
        )

    with Server(script) as server:
        found = run(server, chunks())
        last = found[-1]
        assert [(one.index, (one.content.parts or [])[0].text) for one in last.candidates or () if one.content] == [
            (0, "!"),
            (1, "B"),
        ]
        assert last.usage_metadata.total_token_count == 3


def test_a_server_that_stays_silent_after_the_finish_reason_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_engine, "_USAGE_WAIT", 0.05)

    def script(connection: Connection, request: Request) -> None:
        says(connection, delta({"content": "Hi"}), delta({}, "stop"), done=False)
        connection.stall()

    with Server(script) as server:
        assert str(run(server, chunks())[-1].finish_reason) == "STOP"
        server.closed_at()


def test_a_connection_serves_again_even_if_its_body_ends_a_little_later() -> None:
    """Else each answer would cost another handshake; a body that never ends costs its connection and no answer."""

    def script(connection: Connection, request: Request) -> None:
        says(connection, delta({"content": "Hi"}), delta({}, "stop"), done=False)
        connection.chunk(b"data: [DONE]\n\n")
        if len(connection.server.requests) < 3:
            time.sleep(0.02)  # so that the end of the body arrives by itself
            connection.end()
        else:
            connection.stall()

    async def use(engine: OpenAIEngine) -> None:
        for _ in range(3):
            assert len([chunk async for chunk in engine.stream(EngineRequest("m", ASK))]) == 2

    with Server(script) as server:
        run(server, use)
        assert (len(server.requests), server.accepted) == (3, 1)
        server.closed_at()


def test_a_connection_that_breaks_after_the_finish_reason_loses_nothing() -> None:
    def script(connection: Connection, request: Request) -> None:
        says(connection, delta({"content": "Hi"}), delta({}, "stop"), done=False)
        connection.reset()

    with Server(script) as server:
        assert str(run(server, chunks())[-1].finish_reason) == "STOP"


def test_a_reader_that_leaves_closes_the_connection() -> None:
    def script(connection: Connection, request: Request) -> None:
        says(connection, delta({"content": "Hi"}), done=False)
        connection.stall()

    with Server(script) as server:
        assert len(run(server, chunks(most=1))) == 1
        server.closed_at()


def test_pings_and_roles_do_not_count_as_content_and_pieces_of_a_call_do() -> None:
    """A dead model behind a living server is found out by the deadline of the first content."""

    def script(connection: Connection, request: Request) -> None:
        says(connection, delta({"role": "assistant", "content": ""}), done=False)
        for _ in range(100):
            connection.chunk(b": ping\n\n")
            if connection.server.closes.qsize():
                return
            asyncio.run(asyncio.sleep(0.01))
        connection.stall()

    with Server(script) as server, pytest.raises(StreamStalled) as caught:
        run(server, chunks(), deadlines=Deadlines(first_content=0.2))
    assert caught.value.deadline == "first_content"

    def calling(connection: Connection, request: Request) -> None:
        piece = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}]}
        says(connection, delta(piece), done=False)
        connection.stall()

    with Server(calling) as server, pytest.raises(StreamStalled) as caught:
        run(server, chunks(), deadlines=Deadlines(first_content=5, content_gap=0.2))
    assert caught.value.deadline == "content_gap"


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (lambda connection: connection.chunk(b"data: [DONE]\n\n") or connection.end(), StreamTruncated),
        (lambda connection: connection.end(), StreamTruncated),
        (lambda connection: connection.reset(), StreamInterrupted),
        (lambda connection: connection.chunk(b'data: {"error":{"message":"broke"}}\n\n') or connection.end(), APIError),
    ],
)
def test_an_answer_that_is_cut_is_never_whole(ending: Callable[[Connection], Any], kind: type[HeadwaterError]) -> None:
    def script(connection: Connection, request: Request) -> None:
        says(connection, delta({"content": "half"}), done=False)
        ending(connection)

    with Server(script) as server, pytest.raises(kind):
        run(server, chunks())


def test_an_error_after_the_finish_reason_is_raised_after_what_came() -> None:
    def script(connection: Connection, request: Request) -> None:
        says(connection, delta({"content": "x"}), delta({}, "length"), {"error": {"message": "late", "code": 503}})

    async def use(engine: OpenAIEngine) -> list[bytes]:
        found: list[bytes] = []
        stream = engine.stream(EngineRequest("m", ASK))
        found += [(await anext(stream)).raw, (await anext(stream)).raw]
        with pytest.raises(APIError, match="late"):
            await anext(stream)
        return found

    with Server(script) as server:
        assert len(run(server, use)) == 2


def test_a_request_that_cannot_be_translated_is_refused_before_anything_is_sent() -> None:
    with Server(hello) as server:
        with pytest.raises(UsageError, match="google_search"):
            run(server, chunks(b'{"contents":[{"parts":[{"text":"hi"}]}],"tools":[{"googleSearch":{}}]}'))
        assert not server.requests


# At the server.


def test_a_client_of_the_gemini_api_sees_which_hints_were_left_out_and_no_key() -> None:
    """Streamed and whole, the header names them; a refusal quotes the upstream without its key."""
    hints = json.loads(ASK) | {"generationConfig": {"topK": 3}, "labels": {"a": "b"}}

    def script(connection: Connection, request: Request) -> None:
        if request.path.endswith("/completions") and request.json["messages"][0]["content"] == "key":
            connection.answer({"error": {"message": f"wrong key {KEY}"}}, "401 Unauthorized")
        else:
            hello(connection, request)

    with Server(script) as server, Live(OpenAIEngine(f"{server.url}/v1", api_key=KEY)) as live:
        for method in ("streamGenerateContent?alt=sse", "streamGenerateContent", "generateContent"):
            reply = live.post(f"/v1beta/models/m:{method}", hints)
            assert (reply.status, reply.headers["headwater-ignored"]) == (200, "topK, labels")
        assert "headwater-ignored" not in live.post("/v1beta/models/m:generateContent").headers
        refused = live.post("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": "key"}]}]})
        assert (refused.status, refused.json["error"]["status"]) == (401, "UNAUTHENTICATED")
        assert "the key of this server was refused" in refused.json["error"]["message"]
        assert KEY.encode() not in refused.body
        assert live.post("/v1beta/models/m:generateContent", {"tools": [{"googleSearch": {}}]}).status == 400
        client = live.client()
        assert client.models.generate_content(model="m", contents="hi").text == "Hello"
        assert client.models.get(model="qwen3:4b").input_token_limit == 4096


def test_an_engine_that_cannot_be_reached_rests_and_says_so() -> None:
    """It is named in the log at the start, and in the health of the server; an answer that succeeds ends the rest."""
    with Server(hello) as server:
        engine = OpenAIEngine("http://127.0.0.1:9/v1")
        with Live(engine) as live:
            live.until(lambda: engine.is_resting)
            assert live.get("/healthz").json["engines"] == [{"name": "openai", "resting": True}]
            assert live.post("/v1beta/models/m:generateContent").status == 503
        engine = OpenAIEngine(f"{server.url}/v1")
        engine._resting_until = float("inf")
        with Live(engine) as live:
            live.post("/v1beta/models/m:generateContent")
            assert live.get("/healthz").json["engines"] == [{"name": "openai", "resting": False}]


def test_an_overloaded_server_rests_for_as_long_as_it_says() -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.answer({"error": {"message": "busy"}}, "429 Busy", retry_after="3600")

    async def use(engine: OpenAIEngine) -> bool:
        with pytest.raises(APIError, match="busy"):
            await engine.check()
        return engine.is_resting

    with Server(script) as server:
        assert run(server, use)


# Models and tokens.


def test_models_have_their_names_and_limits() -> None:
    with Server(hello) as server:
        first, second = run(server, lambda engine: engine.models())
        assert (first.name, first.input_token_limit) == ("models/qwen3:4b", 4096)
        assert (second.name, second.display_name, second.input_token_limit) == ("models/a/b", "B", 7)


def test_a_server_without_a_list_of_models_has_none_and_an_odd_one_is_an_error() -> None:
    with Server(lambda connection, _: connection.answer(b"", "404 Not Found")) as server:
        assert run(server, lambda engine: engine.models()) == []
    with Server(lambda connection, _: connection.answer([{"id": "m"}])) as server:
        assert [one.name for one in run(server, lambda engine: engine.models())] == ["models/m"]
    with (
        Server(lambda connection, _: connection.answer(b"<html>")) as server,
        pytest.raises(HeadwaterError, match="html"),
    ):
        run(server, lambda engine: engine.models())


def test_tokens_are_counted_where_the_server_can() -> None:
    def script(connection: Connection, request: Request) -> None:
        replies = {"/apply-template": {"prompt": "<hi>"}, "/tokenize": {"tokens": [1, 2, 3], "count": 4}}
        connection.answer(replies[request.path])

    def count(engine: OpenAIEngine) -> Any:
        return engine.count_tokens(EngineRequest("m", ASK))

    with Server(script) as server:
        assert run(server, count, preset="llamacpp").total_tokens == 3
        assert run(server, count, preset="vllm").total_tokens == 4
        with pytest.raises(APIError) as caught:
            run(server, count)
        assert caught.value.code == 501
    with Server(lambda connection, _: connection.answer([])) as server, pytest.raises(APIError, match="something else"):
        run(server, count, preset="vllm")


# Settings.


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GROQ_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        ("openai", {}, "no URL"),
        ("openai:127.0.0.1:8000/v1", {}, "must start with http"),
        ("openai:ftp://a.example", {}, "must start with http"),
        ("openai:olama", {}, "'olama' must start with http.*, or be one of openai, .*ollama"),
        ("openai:http://[::1", {}, "must start with http"),
        ("openai:http://a.example/v1", {"key": KEY}, "unencrypted"),
        (f"openai:https://me:{KEY}@a.example/v1", {}, "HEADWATER_ENGINE_KEY"),
        ("openai:http://127.0.0.1/v1", {"preset": "olama"}, "there is no preset 'olama'"),
        ("openai:azure", {}, "no address of its own"),
        ("openai:openai", {}, "openai needs a key: set OPENAI_API_KEY"),
        ("openai:https://api.groq.com/openai/v1", {}, "set GROQ_API_KEY"),
        ("openai:http://127.0.0.1/v1", {"options": {"topk": 1}}, "topk"),
        ("openai:http://127.0.0.1/v1", {"options": {"total": "long"}}, "deadline"),
        ("openai:http://127.0.0.1/v1", {"options": {"total": -1}}, "deadline"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(text: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        make_engine(text, EngineSettings(**settings))
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)


def test_settings_choose_server_preset_model_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(text: str, **settings: Any) -> OpenAIEngine:
        engine = make_engine(text, EngineSettings(**settings))
        assert isinstance(engine, OpenAIEngine)
        return engine

    ollama = made("openai:ollama", model="qwen3:4b")
    assert (ollama.url, ollama.preset, ollama._model) == ("http://127.0.0.1:11434/v1", "ollama", "qwen3:4b")
    vllm = made("openai:http://127.0.0.1:1/v1/", preset="vllm", options={"total": 5, "top_k": False}, name="big")
    assert (vllm.url, vllm.preset, vllm.name, vllm._deadlines.total) == ("http://127.0.0.1:1/v1", "vllm", "big", 5)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert made("openai:openai")._headers["authorization"] == f"Bearer {KEY}"
    # A variable of a vendor is for that vendor alone.
    assert "authorization" not in made("openai:https://a.example/v1", preset="openai")._headers


def test_the_model_of_the_settings_is_asked_whatever_the_client_names() -> None:
    with Server(hello) as server:
        run(server, chunks(), model="qwen3:4b")
        assert server.requests[0].json["model"] == "qwen3:4b"


def test_what_cannot_be_reached_is_an_error_that_names_it() -> None:
    async def use() -> None:
        engine = OpenAIEngine("http://127.0.0.1:9/v1")
        with pytest.raises(ConnectError, match=r"127\.0\.0\.1:9"):
            await engine.check()
        await engine.aclose()

    run_async(use())


def test_an_answer_of_a_dead_server_is_resumed_where_the_chat_server_can_continue_one() -> None:
    """Elsewhere it ends with an error that says why, and that is not the client's."""
    body = b'{"contents":[{"parts":[{"text":"hi"}],"role":"user"}]}'
    stored = [b'{"candidates":[{"content":{"parts":[{"text":"The river and its "}],"role":"model"}}]}']

    async def resumed(engine: OpenAIEngine) -> str:
        stream = ResumingEngine(engine, stored).stream(EngineRequest("m", body))
        return "".join([chunk.text async for chunk in stream])

    def script(connection: Connection, request: Request) -> None:
        said = request.json["messages"][-1]["content"]
        says(connection, delta({"content": said + "banks"}), delta({}, "stop"))

    with Server(script) as server:
        assert run(server, resumed, preset="llamacpp") == "banks"
        with pytest.raises(StreamInterrupted, match="cannot continue it"):
            run(server, resumed)

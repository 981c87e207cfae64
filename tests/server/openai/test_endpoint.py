"""``/v1/chat/completions`` as the official client of OpenAI uses it, and what the client does not check."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from headwater.engines import OpenAIEngine
from headwater.engines.base import EngineRequest
from headwater.errors import api_error
from headwater.server import Limits
from headwater.types import GenerateContentResponse, Model
from tests.support.live import Held, Live, Scripted, read_all, read_until, says

openai: Any = pytest.importorskip("openai")

USER = {"role": "user", "content": "Tell me a story about a river in 60 words."}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ASK = {"model": "m", "messages": [USER]}
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with Live() as live:
        yield live


_clients: list[Any] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """The clients of a test are closed after it: each has connections."""
    yield
    while _clients:
        _clients.pop().close()


def client(live: Live, prefix: str = "/v1", key: str = "k") -> Any:
    made = openai.OpenAI(base_url=live.url + prefix, api_key=key, max_retries=0)
    _clients.append(made)
    return made


def sent(body: bytes) -> list[Any]:
    """The documents of a stream's body."""
    events = [line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: ")]
    assert events[-1] == b"[DONE]"
    return [json.loads(event) for event in events[:-1]]


def text_of(documents: list[Any]) -> str:
    return "".join(choice["delta"].get("content") or "" for one in documents for choice in one["choices"])


class _Sync:
    """The official client, sync."""

    def __init__(self, live: Live) -> None:
        self._client = client(live)

    def create(self, **fields: Any) -> Any:
        made = self._client.chat.completions.create(**fields)
        return list(made) if fields.get("stream") else made


class _Async:
    """The same, async."""

    def __init__(self, live: Live) -> None:
        self._url = live.url + "/v1"

    def create(self, **fields: Any) -> Any:
        async def run() -> Any:
            async with openai.AsyncOpenAI(base_url=self._url, api_key="k", max_retries=0) as client:
                made = await client.chat.completions.create(**fields)
                return [chunk async for chunk in made] if fields.get("stream") else made

        return asyncio.run(run())


@pytest.mark.parametrize("kind", [_Sync, _Async])
def test_the_official_client_streams_and_waits(live: Live, kind: Any) -> None:
    """A story in pieces, with its tokens at the end; the same story whole."""
    caller = kind(live)
    options = {"include_usage": True}
    *chunks, last = caller.create(**ASK, stream=True, stream_options=options, reasoning_effort="low")
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    thoughts = "".join(getattr(chunk.choices[0].delta, "reasoning_content", "") for chunk in chunks)
    assert thoughts
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert last.usage.completion_tokens_details.reasoning_tokens > 0
    whole = caller.create(**ASK, reasoning_effort="low")
    assert whole.choices[0].message.content == text
    assert whole.choices[0].message.reasoning_content == thoughts
    assert whole.usage == last.usage
    two = caller.create(**ASK, n=2, max_completion_tokens=5, seed=1)
    assert [choice.finish_reason for choice in two.choices] == ["length", "length"]


@pytest.mark.parametrize("kind", [_Sync, _Async])
def test_a_function_is_called_and_answered(live: Live, kind: Any) -> None:
    caller = kind(live)
    ask = {"role": "user", "content": "What is the weather in Paris?"}
    turn = caller.create(model="m", messages=[ask], tools=[TOOL], tool_choice="required").choices[0]
    assert turn.finish_reason == "tool_calls"
    [call] = turn.message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"sky": "clear"}'}
    said = caller.create(model="m", messages=[ask, turn.message, result], tools=[TOOL])
    assert "clear" in said.choices[0].message.content


def test_hints_that_are_dropped_are_named(live: Live) -> None:
    """Those of the endpoint, and those of the engine behind it."""
    hints = {"min_p": 0.1, "keep_alive": "5m", "top_k": 3}
    assert live.post(CHAT, ASK | hints | {"stream": True}).headers["headwater-ignored"] == "min_p, keep_alive"
    with Live(OpenAIEngine(live.url + "/v1")) as relay:
        assert relay.post(CHAT, ASK | hints).headers["headwater-ignored"] == "min_p, keep_alive, topK"
    assert "headwater-ignored" not in live.post(CHAT, ASK).headers


def test_json_fits_the_schema(live: Live) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    said = client(live).chat.completions.create(**ASK, response_format=wanted).choices[0].message.content
    assert isinstance(json.loads(said)["age"], int)


@pytest.mark.parametrize("prefix", ["/v1", "", "/v1beta/openai"])
def test_every_base_url_has_chats_and_models(live: Live, prefix: str) -> None:
    models = list(client(live, prefix).models.list())
    assert "gemini-2.5-pro" in [model.id for model in models]
    assert client(live, prefix).models.retrieve("gemini-2.5-pro").id == "gemini-2.5-pro"
    answers = [client(live, prefix).chat.completions.create(**ASK | {"model": name}) for name in ("m", "models/m")]
    assert answers[0].choices == answers[1].choices


def test_models_are_those_of_both_apis(live: Live) -> None:
    """At the path that both have, the document has the fields of both, so neither client has to be guessed."""
    both, gemini = live.get("/v1/models").json, live.get("/v1beta/models").json
    assert set(gemini) == {"models"}
    assert both["models"] == gemini["models"]
    assert ["models/" + model["id"] for model in both["data"]] == [model["name"] for model in both["models"]]
    one = live.get("/v1/models/gemini-2.5-pro").json
    assert (one["id"], one["name"], one["object"]) == ("gemini-2.5-pro", "models/gemini-2.5-pro", "model")
    assert live.get("/health").json == live.get("/healthz").json
    missing = live.get("/v1beta/openai/models/none")
    assert (missing.status, missing.json["error"]["code"]) == (404, "model_not_found")


class _Silent(Held):
    """An engine that never lists its models, or fails to."""

    name = "silent"

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self._error = error

    async def models(self) -> list[Model]:
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()
        raise AssertionError


def test_an_engine_that_does_not_answer_is_left_out_of_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater.server.streams.routing._LIST_SECONDS", 0.01)
    failing = _Silent(api_error(503, "down", status="UNAVAILABLE"))
    with Live(Held(), engines={"a": _Silent(), "b": failing}) as live:
        assert [model["id"] for model in live.get("/v1/models").json["data"]] == ["held"]
    with Live(_Silent()) as live:
        assert live.get("/v1/models").status == 504
    with Live(_Silent(ValueError("a bug"))) as live:
        assert live.get("/v1beta/openai/models").status == 500


# Errors


def test_errors_before_the_answer_have_a_status() -> None:
    refusals = {
        "limited": api_error(429, "slow down", status="RESOURCE_EXHAUSTED"),
        "unknown": api_error(404, "no such model", status="NOT_FOUND"),
        "blocked": GenerateContentResponse.model_validate({"promptFeedback": {"blockReason": "SAFETY"}}),
        "cut": says("", "MALFORMED_FUNCTION_CALL"),
    }
    with Live(Scripted(lambda request: [refusals[request.model]]), api_keys=["k", "other"]) as live:
        create = client(live).chat.completions.create
        for is_stream in (False, True):
            with pytest.raises(openai.RateLimitError) as limited:
                create(model="limited", messages=[USER], stream=is_stream)
            assert limited.value.code == "rate_limit_exceeded"
            assert limited.value.response.headers["retry-after"] == "1"
            with pytest.raises(openai.NotFoundError):
                create(model="unknown", messages=[USER], stream=is_stream)
            with pytest.raises(openai.BadRequestError) as blocked:
                create(model="blocked", messages=[USER], stream=is_stream)
            assert blocked.value.code == "content_filter"
        with pytest.raises(openai.InternalServerError) as cut:
            create(model="cut", messages=[USER])
        assert cut.value.code == "malformed_function_call"
        with pytest.raises(openai.BadRequestError) as wrong:
            create(model="../m", messages=[USER])
        assert wrong.value.param == "model"
        with pytest.raises(openai.BadRequestError) as missing:
            create(model="m", messages=[])
        assert missing.value.param == "messages"
        with pytest.raises(openai.AuthenticationError) as stranger:
            client(live, key="wrong").models.with_raw_response.list()
        assert stranger.value.status_code == 401
        refused = live.post(CHAT, ASK, authorization="Bearer wrong")
        assert (refused.status, refused.json["error"]["code"]) == (401, "invalid_api_key")
        assert refused.headers["www-authenticate"] == "Bearer"


def test_limits_of_the_server_are_refused_in_openai_s_form() -> None:
    """Also those that are found when the response starts."""
    with Live(Held(), limits=Limits(max_streams=1, max_body=1_000)) as live:
        first = live.open_stream()
        read_until(first, b"0 ")
        second = live.post(CHAT, ASK | {"stream": True})
        assert (second.status, second.json["error"]["type"]) == (429, "rate_limit_error")
        large = live.post(CHAT, ASK | {"x": "x" * 1_000})
        assert (large.status, large.json["error"]["code"]) == (413, "request_too_large")


def test_a_bug_of_the_server_is_an_error_in_openai_s_form(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("secret")

    monkeypatch.setattr("headwater.server.openai.endpoint.read_chat", fail)
    reply = live.post(CHAT, ASK)
    assert (reply.status, reply.json["error"]["type"]) == (500, "server_error")
    assert b"secret" not in reply.body


def test_an_answer_that_breaks_off_is_never_taken_for_whole() -> None:
    """The client raises, with the text before; there is no finish reason."""
    script: list[Any] = [says("half"), api_error(503, "gone", status="UNAVAILABLE")]
    with Live(Scripted(lambda _: script)) as live:
        seen: list[Any] = []
        stream = client(live).chat.completions.create(**ASK, stream=True)
        with pytest.raises(openai.APIError, match="gone"):
            seen.extend(chunk.choices[0] for chunk in stream)
        assert [choice.delta.content for choice in seen] == ["", "half"]
        assert all(choice.finish_reason is None for choice in seen)


def test_the_engine_stops_when_the_client_goes() -> None:
    """What Open WebUI does when its user stops an answer."""
    engine = Held()
    with Live(engine) as live:
        stream = client(live).chat.completions.create(**ASK, stream=True)
        assert next(iter(stream)).choices[0].delta.role == "assistant"
        stream.close()
        live.until(lambda: engine.cancelled == 1)


def test_answers_are_in_the_metrics_and_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="headwater.access"), Live() as live:
        assert live.post(CHAT, ASK | {"model": "gemini-x"}).status == 200
        assert b'headwater_streams_total{engine="offline"} 1.0' in live.get("/metrics").body
    assert any("gemini-x" in record.getMessage() + str(record.__dict__) for record in caplog.records)


# Kept and resumed


class _Steps(Held):
    """Says three words, each when it is told to."""

    name = "steps"

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
        self.gate = self.gate or asyncio.Event()
        self.running += 1
        yield says("one ")
        yield says("two ")
        await self.gate.wait()
        yield says("three")
        yield says("", "STOP")


def test_a_stream_that_is_kept_is_resumed_where_it_was() -> None:
    """The official client loses its connection, and reads the rest without the engine being asked again."""
    engine = _Steps()
    with Live(engine) as live:
        create = client(live).chat.completions.create
        options = {"stream": True, "stream_options": {"include_usage": True}}
        lost = create(**ASK, **options, extra_headers={"Headwater-Keep": "60", "Idempotency-Key": "a"})
        name, seen = lost.response.headers["headwater-stream"], []
        for chunk in lost:
            seen.append(chunk)
            if len(seen) == 3:  # the role, and two words
                break
        lost.close()
        # The client's own retry of the same request gets the same stream, from its beginning.
        again = create(**ASK, **options, extra_headers={"Headwater-Keep": "60", "Idempotency-Key": "a"})
        assert again.response.headers["headwater-stream"] == name
        live.on_loop(lambda: engine.gate.set())
        whole = list(again)
        rest = list(create(**ASK, **options, extra_headers={"Headwater-Stream": name, "Headwater-After": "3"}))
        assert seen + rest == whole
        assert "".join(chunk.choices[0].delta.content or "" for chunk in whole) == "one two three"
        assert engine.running == 1
        events = live.get(f"/v1/streams/{name}/events?format=openai").body
        assert text_of(sent(events)) == "one two three"


def test_what_cannot_be_resumed_is_refused(live: Live) -> None:
    unary = live.post(CHAT, ASK, headwater_stream="x")
    assert (unary.status, unary.json["error"]["param"]) == (400, "stream")
    gone = live.post(CHAT, ASK | {"stream": True}, headwater_stream="x")
    assert (gone.status, gone.json["error"]["code"]) == (404, "stream_not_found")
    long = live.post(CHAT, ASK | {"stream": True}, headwater_keep="1", idempotency_key="x" * 257)
    assert long.status == 400


def test_a_reader_who_is_let_go_gets_an_error() -> None:
    """Never [DONE] alone: the server shuts down in the middle of a kept answer."""
    with Live(Held()) as live:
        connection = live.connect()
        body = json.dumps(ASK | {"stream": True}).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nHeadwater-Keep: 60\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        read_until(connection, b"0 ")
        live.runner.should_exit = True
        rest = read_all(connection)
        assert b'"error"' in rest
        assert b'finish_reason":"' not in rest


def test_a_thought_signature_survives_a_client_that_drops_it() -> None:
    """Gemini 3 refuses its own call without it. It goes by the id of the call, for the key that got it."""
    asked: list[Any] = []

    def script(request: EngineRequest) -> list[GenerateContentResponse]:
        asked.append(json.loads(request.body))
        if len(asked) > 1:
            return [says("done", "STOP")]
        part = {"functionCall": {"id": "c1", "name": "get_weather", "args": {}}, "thoughtSignature": "c2ln"}
        content = {"role": "model", "parts": [part]}
        document = {"candidates": [{"content": content, "finishReason": "STOP"}]}
        return [GenerateContentResponse.model_validate(document)]

    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    turns = [USER, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c1", "content": "x"}]
    with Live(Scripted(script), api_keys=["k", "other"]) as live:
        client(live).chat.completions.create(**ASK)
        for key in ("k", "other"):
            client(live, key=key).chat.completions.create(model="m", messages=turns)
    signatures = [request["contents"][1]["parts"][0].get("thoughtSignature") for request in asked[1:]]
    assert signatures == ["c2ln", None]


# Two servers in a row


def test_an_answer_passes_through_another_server_unchanged(live: Live) -> None:
    """OpenAI's client, a server with the openai engine, a server with the offline engine: translated four times."""
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    result = {"role": "tool", "tool_call_id": "c", "content": '{"sky": "clear"}'}
    call = {"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    asks: list[dict[str, Any]] = [
        {"messages": [USER], "stream_options": {"include_usage": True}},
        {"messages": [USER], "reasoning_effort": "low", "stop": ["river"], "seed": 3, "n": 2},
        {"messages": [{"role": "user", "content": "Weather in Rome?"}], "tools": [TOOL], "tool_choice": "required"},
        {"messages": [USER, {"role": "assistant", "tool_calls": [call]}, result], "tools": [TOOL]},
        {"messages": [USER], "response_format": wanted},
    ]
    with Live(OpenAIEngine(live.url + "/v1")) as relay:
        for ask in asks:
            near, far = (
                _told(sent(one.post(CHAT, {"model": "m", "stream": True} | ask).body)) for one in (live, relay)
            )
            assert near == far
        assert client(relay).models.retrieve("gemini-2.5-pro").id == "gemini-2.5-pro"
        with pytest.raises(openai.NotFoundError):
            client(relay).chat.completions.create(model="nonexistent", messages=[USER])


def _told(documents: list[Any]) -> dict[Any, Any]:
    """What a stream says, however it was cut."""
    told: dict[Any, Any] = {}
    for one in documents:
        if one.get("usage"):
            told["usage"] = one["usage"]
        for choice in one["choices"]:
            for name in ("content", "reasoning_content"):
                key = (choice["index"], name)
                told[key] = told.get(key, "") + (choice["delta"].get(name) or "")
            for piece in choice["delta"].get("tool_calls", ()):
                told[choice["index"], "call", piece["index"]] = (piece["id"], piece["function"])
            if choice["finish_reason"]:
                told[choice["index"], "finish"] = choice["finish_reason"]
    return told


# Responses


def _responses(live: Live) -> Any:
    return client(live).responses


def test_the_responses_of_the_official_client(live: Live) -> None:
    """A story streamed and whole; a function that is called and answered; a schema."""
    responses = _responses(live)
    ask = {"model": "m", "input": USER["content"], "reasoning": {"effort": "low", "summary": "auto"}}
    whole = responses.create(**ask)
    with responses.stream(**ask) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == whole.output_text
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert final.usage.output_tokens_details.reasoning_tokens > 0
    tool = {"type": "function", "name": "get_weather", "parameters": TOOL["function"]["parameters"]}
    turns: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    [call] = responses.create(model="m", input=turns, tools=[tool], tool_choice="required").output
    assert json.loads(call.arguments) == {"city": "Paris"}
    turns += [call, {"type": "function_call_output", "call_id": call.call_id, "output": '{"sky": "clear"}'}]
    assert "clear" in responses.create(model="m", input=turns, tools=[tool]).output_text


def test_the_async_client_streams_responses(live: Live) -> None:
    async def run() -> list[str]:
        async with openai.AsyncOpenAI(base_url=live.url + "/v1", api_key="k") as one:
            stream = await one.responses.create(model="m", input="Say hello.", stream=True)
            return [event.type async for event in stream]

    assert asyncio.run(run())[-1] == "response.completed"


def test_responses_that_fail_before_they_begin_have_a_status(live: Live) -> None:
    for is_stream in (False, True):
        with pytest.raises(openai.NotFoundError):
            _responses(live).create(model="nonexistent", input="hi", stream=is_stream)
    with pytest.raises(openai.BadRequestError) as refused:
        _responses(live).create(model="m", input="hi", previous_response_id="resp_1")
    assert refused.value.param == "previous_response_id"

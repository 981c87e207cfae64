"""What is said to the client is what is sent, byte for byte on a real connection."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from typing import Any

import pydantic
import pytest

from headwater import genai
from headwater.client.request.build import _TOP_LEVEL
from headwater.errors import UsageError
from headwater.genai import types
from tests.support.servers import Connection, Request, Server, says, whole

TEXT = {"text": "hi"}
PNG = base64.b64encode(b"\x89PNG\xff").decode()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that answers everything."""
    with Server(whole) as running:
        yield running


def sent(side: Any, server: Server, **arguments: Any) -> Any:
    """Return the body that a call sends."""
    side.ask(server.client(), **arguments)
    return server.requests[-1].json


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


# --- config ---------------------------------------------------------------------------------------------------------

#: Fields of the config that ``build`` treats one by one, or that the client uses itself and never sends.
OWN_WAYS = {
    "automatic_continuation",
    "automatic_function_calling",
    "cached_content",
    "generation_output_config",
    "http_options",
    "should_return_http_response",
    "stream",
    "system_instruction",
    "tools",
}


#: Fields that google-genai has in ``GenerationConfig`` alone.
NOT_IN_CONFIG = {"enable_affective_dialog", "response_format", "translation_config"}


def test_no_field_of_the_config_is_lost() -> None:
    """A new field is a setting of ``generationConfig``, is listed as a field of the body, or is treated by itself."""
    settings, body = set(types.GenerationConfig.__struct_fields__) - NOT_IN_CONFIG, set(_TOP_LEVEL)
    fields = set(types.GenerateContentConfig.__struct_fields__)
    lost = fields - settings - body - OWN_WAYS
    assert not lost, f"never sent: make {lost} fields of _GenerationSettings, or name them in _TOP_LEVEL"
    assert settings | body | OWN_WAYS == fields
    assert len(fields) == len(settings) + len(body) + len(OWN_WAYS)


CONFIG = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "candidate_count": 1,
    "max_output_tokens": 100,
    "stop_sequences": ["x"],
    "seed": 7,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.2,
    "response_logprobs": True,
    "logprobs": 3,
    "response_mime_type": "application/json",
    "response_modalities": ["TEXT"],
    "thinking_config": {"thinking_budget": 0, "include_thoughts": True},
    "system_instruction": "be brief",
    "safety_settings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"}],
    "tools": [{"function_declarations": [{"name": "f", "description": "d"}]}, {"google_search": {}}],
    "tool_config": {"function_calling_config": {"mode": "ANY"}},
    "labels": {"a": "b"},
    "cached_content": "cachedContents/x",
}
WIRE = {
    "contents": [user(TEXT)],
    "systemInstruction": user({"text": "be brief"}),
    "safetySettings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"}],
    "tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f", "description": "d"}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
    "labels": {"a": "b"},
    "cachedContent": "cachedContents/x",
    "generationConfig": {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40.0,
        "candidateCount": 1,
        "maxOutputTokens": 100,
        "stopSequences": ["x"],
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 3,
        "responseMimeType": "application/json",
        "responseModalities": ["TEXT"],
        "thinkingConfig": {"thinkingBudget": 0, "includeThoughts": True},
    },
}


@pytest.mark.parametrize(
    "config",
    [CONFIG, types.GenerateContentConfig(**CONFIG), {**CONFIG, "topP": 0.9, "maxOutputTokens": 100}],
    ids=["dict", "config", "camel"],
)
def test_config_lands_in_its_place(side: Any, server: Server, config: Any) -> None:
    """Every setting is sent at the place that the API reads, from a dict as from a GenerateContentConfig."""
    if isinstance(config, dict) and "topP" in config:
        config = {key: value for key, value in config.items() if key not in ("top_p", "max_output_tokens")}
    before = repr(config)
    assert sent(side, server, config=config) == WIRE
    assert repr(config) == before  # and the caller's own object is left alone


@pytest.mark.parametrize(
    ("instruction", "parts"),
    [
        ("be brief", [{"text": "be brief"}]),
        (["be", "brief"], [{"text": "be"}, {"text": "brief"}]),
        (types.Part(text="be brief"), [{"text": "be brief"}]),
        (types.Content(parts=[types.Part(text="be brief")]), [{"text": "be brief"}]),
        ({"parts": [{"text": "be brief"}]}, [{"text": "be brief"}]),
        ({"text": "be brief"}, [{"text": "be brief"}]),
    ],
)
def test_system_instruction_has_many_forms(side: Any, server: Server, instruction: Any, parts: Any) -> None:
    """A system instruction may be a text, a list, a part or a whole turn."""
    assert sent(side, server, config={"system_instruction": instruction})["systemInstruction"]["parts"] == parts


@pytest.mark.parametrize(
    ("config", "hint"),
    [
        ({"temprature": 1}, "temperature"),
        ({"maxOutputToken": 1}, "max_output_tokens"),
        ({"http_options": {"timeuot": 1}}, "timeout"),
        ({"thinking_config": {"thinking_buget": 1}}, "thinking_budget"),
    ],
)
def test_misspelt_setting_is_named(side: Any, server: Server, config: Any, hint: str) -> None:
    """A misspelt key is a UsageError that names the nearest one; nothing is sent."""
    with pytest.raises(UsageError, match=hint):
        side.ask(server.client(), config=config)
    assert server.requests == []


@pytest.mark.parametrize("config", [5, "text", [], {"temperature": "warm"}, {"stop_sequences": "x"}, {"tools": [5]}])
def test_config_that_does_not_fit_is_refused(side: Any, server: Server, config: Any) -> None:
    """A value that does not fit its setting is a UsageError; nothing is sent."""
    with pytest.raises(UsageError):
        side.ask(server.client(), config=config)
    assert server.requests == []


def test_nothing_is_sent_that_was_not_said(side: Any, server: Server) -> None:
    """Without a config the body is the contents alone."""
    assert sent(side, server) == {"contents": [user(TEXT)]}


def test_extra_body_is_laid_over_the_body(side: Any, server: Server) -> None:
    """extra_body merges into the JSON, of the client and of one call, whatever the case of its keys."""
    client = server.client(extra_body={"generationConfig": {"newThing": 1}, "futureField": {"a": 1}})
    side.ask(client, config={"temperature": 0.5})
    assert server.requests[-1].json == {
        "contents": [user(TEXT)],
        "generationConfig": {"temperature": 0.5, "newThing": 1},
        "futureField": {"a": 1},
    }
    options = {"extra_body": {"generation_config": {"temperature": 1.0}}}
    side.ask(server.client(), config={"temperature": 0.5, "http_options": options})
    assert server.requests[-1].json["generationConfig"] == {"temperature": 1.0}


# --- headers and addresses ------------------------------------------------------------------------------------------


def test_headers_of_a_request(side: Any, server: Server) -> None:
    """A request names its key, its type, its length and what sent it."""
    side.ask(
        server.client(headers={"x-mine": "1"}, timeout=2500), config={"http_options": {"headers": {"x-call": "2"}}}
    )
    headers = server.requests[-1].headers
    assert (headers["x-goog-api-key"], headers["content-type"]) == ("test-key", "application/json")
    assert (headers["x-mine"], headers["x-call"], headers["x-server-timeout"]) == ("1", "2", "3")
    assert headers["user-agent"].startswith("headwater/")
    assert int(headers["content-length"]) == len(server.requests[-1].body)
    assert "transfer-encoding" not in headers
    assert "cookie" not in headers


def test_headers_of_a_call_win(side: Any, server: Server) -> None:
    """The headers of a call replace those of the client, whatever the case, and stay with the call."""
    client = server.client(headers={"x-mine": "client"})
    side.ask(client, config={"http_options": {"headers": {"X-Mine": "call"}}})
    assert server.requests[-1].headers["x-mine"] == "call"
    side.ask(client)
    assert server.requests[-1].headers["x-mine"] == "client"
    side.ask(server.client(headers={"USER-AGENT": "mine", "content-type": "application/json; charset=utf-8"}))
    assert server.requests[-1].headers["user-agent"] == "mine"
    assert server.requests[-1].headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("headers", [{"x": "a\r\nb: c"}, {"x": "☃"}, {"x y": "a"}, {"x": "a\x00"}, {"": "a"}], ids=repr)
def test_header_that_is_none_is_refused(side: Any, server: Server, headers: dict[str, str]) -> None:
    """A header that can not be sent is a UsageError before anything is sent."""
    with pytest.raises(UsageError):
        side.ask(server.client(), config={"http_options": {"headers": headers}})
    with pytest.raises(UsageError):
        side.ask(server.client(headers=headers))
    assert server.requests == []


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-2.5-flash", "/v1/models/gemini-2.5-flash:generateContent"),
        ("models/gemini-2.5-flash", "/v1/models/gemini-2.5-flash:generateContent"),
        ("tunedModels/mine", "/v1/tunedModels/mine:generateContent"),
        ("größe", "/v1/models/gr%C3%B6%C3%9Fe:generateContent"),
        ("a%2Fb", "/v1/models/a%252Fb:generateContent"),
    ],
)
def test_model_is_quoted_into_the_path(side: Any, server: Server, model: str, path: str) -> None:
    """The name of a model stands in the path, quoted."""
    side.ask(server.client(), model=model)
    assert server.requests[-1].target == path


@pytest.mark.parametrize("model", ["", None, "../secrets", "a?b", "a&b", "a b", "a#b", "a\r\nb", 5])
def test_model_that_is_none_is_refused(side: Any, server: Server, model: Any) -> None:
    """A name that is none is a UsageError before anything is sent."""
    with pytest.raises(UsageError):
        side.ask(server.client(), model=model)
    assert server.requests == []


def test_stream_asks_for_sse(side: Any, server: Server) -> None:
    """A stream is asked for as server-sent events; its timeout is not the server's business."""
    side.read(side.stream(server.client(timeout=5000)))
    assert server.requests[-1].target == "/v1/models/m:streamGenerateContent?alt=sse"
    assert "x-server-timeout" not in server.requests[-1].headers


@pytest.mark.parametrize("prefix", ["/prefix", "/prefix/", "/a/b//"])
def test_base_url_may_have_a_path(side: Any, server: Server, prefix: str) -> None:
    """A path in the base URL stays in front."""
    client = genai.Client(api_key="test-key", http_options={"base_url": server.url + prefix})
    side.ask(client)
    assert server.requests[-1].target == prefix.rstrip("/") + "/v1/models/m:generateContent"


def test_options_of_a_call(side: Any, server: Server) -> None:
    """base_url and api_version may be given for one call; an empty version leaves the segment out."""
    client = genai.Client(api_key="test-key", http_options={"base_url": "http://nowhere.invalid"})
    side.ask(client, config={"http_options": {"base_url": server.url, "api_version": "v1alpha"}})
    assert server.requests[-1].target == "/v1alpha/models/m:generateContent"
    side.ask(server.client(api_version=""))
    assert server.requests[-1].target == "/models/m:generateContent"
    side.ask(server.client(base_url_resource_scope="COLLECTION"))
    assert server.requests[-1].target == "/models/m:generateContent"


@pytest.mark.parametrize("base", ["localhost:8080", "ftp://x", "http://", "not a url", "http://[::1", "http://x:port"])
def test_base_url_that_is_none_is_refused(side: Any, server: Server, base: str) -> None:
    """A base URL that is no address is a UsageError, of the client and of one call."""
    with pytest.raises(UsageError):
        side.ask(genai.Client(api_key="test-key", http_options={"base_url": base}))
    with pytest.raises(UsageError):
        side.ask(server.client(), config={"http_options": {"base_url": base}})
    assert server.requests == []


@pytest.mark.parametrize("timeout", [0, -1])
def test_timeout_that_is_none_is_refused(side: Any, server: Server, timeout: int) -> None:
    """A timeout of nothing is a UsageError that says it is in milliseconds."""
    with pytest.raises(UsageError, match="milliseconds"):
        side.ask(server.client(timeout=timeout))
    with pytest.raises(UsageError, match="milliseconds"):
        side.ask(server.client(), config={"http_options": {"timeout": timeout}})


def test_express_mode_of_vertex(side: Any, server: Server) -> None:
    """vertexai=True with a key asks publishers/google, without a project, with the key in the header."""
    client = genai.Client(vertexai=True, api_key="test-key", http_options={"base_url": server.url})
    side.ask(client)
    assert client.vertexai
    assert server.requests[-1].target == "/v1beta1/publishers/google/models/m:generateContent"
    assert server.requests[-1].headers["x-goog-api-key"] == "test-key"
    side.ask(client, model="meta/llama")
    assert server.requests[-1].target == "/v1beta1/publishers/meta/models/llama:generateContent"


def test_vertex_in_a_project(side: Any, server: Server) -> None:
    """vertexai=True with a project asks below it."""
    client = genai.Client(
        vertexai=True, api_key="test-key", project="p", location="us-central1", http_options={"base_url": server.url}
    )
    side.ask(client)
    prefix = "/v1beta1/projects/p/locations/us-central1"
    assert server.requests[-1].target == f"{prefix}/publishers/google/models/m:generateContent"


# --- the other methods ----------------------------------------------------------------------------------------------


def test_tokens_are_counted(side: Any, server: Server) -> None:
    """count_tokens sends the contents and returns the count."""
    answer = side.call(server.client(), "models.count_tokens", model="m", contents=["a", "b"])
    assert answer.total_tokens == 3
    assert server.requests[-1].target == "/v1/models/m:countTokens"
    assert server.requests[-1].json == {"contents": [user({"text": "a"}, {"text": "b"})]}


def catalogue(connection: Connection, request: Request) -> None:
    """Answer with pages of models, or one of them."""
    if request.path == "/v1/models/one":
        connection.answer({"name": "models/one", "inputTokenLimit": 10, "supportedGenerationMethods": ["x"]})
        return
    start = int(request.query.get("pageToken", ["0"])[0])
    models = [{"name": f"models/{number}"} for number in range(start, start + 2)]
    connection.answer({"models": models} | ({"nextPageToken": str(start + 2)} if start < 4 else {}))


def test_model_is_looked_up(side: Any) -> None:
    """models.get returns what is known about a model."""
    with Server(catalogue) as server:
        model = side.call(server.client(), "models.get", model="one")
        assert (model.name, model.input_token_limit) == ("models/one", 10)
        assert (server.requests[-1].method, server.requests[-1].body) == ("GET", b"")


def test_models_come_in_pages(side: Any) -> None:
    """models.list goes through all pages by itself, and asks for each when it is needed."""
    with Server(catalogue) as server:
        pager = side.call(server.client(), "models.list", config={"page_size": 2})
        assert (len(pager), pager[0].name, pager.page_size, len(server.requests)) == (2, "models/0", 2, 1)
        names = [model.name for model in (pager if side.name == "sync" else side.read(pager))]
        assert names == [f"models/{number}" for number in range(6)]
        assert [request.target for request in server.requests] == [
            "/v1/models?pageSize=2",
            "/v1/models?pageSize=2&pageToken=2",
            "/v1/models?pageSize=2&pageToken=4",
        ]
        with pytest.raises(IndexError):
            side.do(pager.next_page())


def test_pages_one_by_one(side: Any) -> None:
    """next_page() goes to the next page and returns it."""
    with Server(catalogue) as server:
        pager = side.call(server.client(), "models.list")
        assert [model.name for model in side.do(pager.next_page())] == ["models/2", "models/3"]
        assert [model.name for model in pager.page] == ["models/2", "models/3"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"routing_config": {}}, "GenerateContentConfig.routing_config is for Vertex AI only"),
        ({"safety_settings": [{"method": "SEVERITY"}]}, "SafetySetting.method is for Vertex AI only"),
        ({"tools": [{"retrieval": {}}]}, "Tool.retrieval is for Vertex AI only"),
        ({"response_schema": dict[str, int]}, "additionalProperties|additional_properties|dict"),
    ],
    ids=str,
)
def test_what_is_for_vertex_only_is_refused(side: Any, server: Server, config: Any, message: str) -> None:
    """The error names the field and the API; nothing is sent."""
    with pytest.raises(UsageError, match=message):
        sent(side, server, config=config)
    assert not server.requests


def test_functions_of_all_tools_are_one_tool_at_the_end(side: Any, server: Server) -> None:
    def python(city: str) -> str:
        """Tell the weather."""
        return city

    tools = [{"function_declarations": [{"name": "a"}]}, {"google_search": {}}, python]
    told = sent(side, server, config={"tools": tools})["tools"]
    assert told[0] == {"googleSearch": {}}
    assert [function["name"] for function in told[1]["functionDeclarations"]] == ["a", "python"]


# --- the key --------------------------------------------------------------------------------------------------------


def test_key_is_never_shown(side: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The key is in no repr, no error, no traceback and no log line."""
    import traceback

    caplog.set_level(logging.DEBUG)
    shown: list[str] = []

    def script(connection: Connection, request: Request) -> None:
        if "reset" in request.target:
            connection.reset()
        elif "refuse" in request.target:
            connection.answer({"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}}, "403 Forbidden")
        else:
            connection.stream(says("a"))

    with Server(script) as server:
        retry = {"attempts": 3, "initial_delay": 0.01, "max_delay": 0.02}
        client = genai.Client(api_key="SECRET-key", http_options={"base_url": server.url, "retry_options": retry})
        shown += [repr(client), repr(client.models), repr(client.aio), repr(client._settings), repr(vars(client))]
        for model in ("reset", "refuse", "cut"):
            stream = side.stream(client, model=model)
            shown += [repr(stream), repr(stream._machine)]
            with pytest.raises(genai.errors.HeadwaterError) as caught:
                side.read(stream)
            shown += [str(caught.value), repr(caught.value), *traceback.format_exception(caught.value)]
            shown += [repr(vars(caught.value))]
        assert all(request.headers["x-goog-api-key"] == "SECRET-key" for request in server.requests)
    shown += [record.getMessage() for record in caplog.records]
    assert len(shown) > 20
    assert not [text for text in shown if "SECRET" in text]


@pytest.mark.parametrize("key", ["SECRET\nkey", "SECRET“key”", "SECRET key", "SECRET\x00"])
def test_key_that_can_not_be_sent_is_refused(key: str) -> None:
    """A key that can not stand in a header is a UsageError, which does not show it."""
    with pytest.raises(UsageError) as caught:
        genai.Client(api_key=key)
    assert "SECRET" not in str(caught.value)


class Answer(pydantic.BaseModel):
    """What a function of a program returns."""

    city_name: str
    degrees: int | None = None


def test_a_pydantic_model_in_a_functions_response_is_sent_as_json(side: Any, server: Server) -> None:
    """google-genai does so; anything else that JSON cannot express is refused before it is sent."""
    part = types.Part.from_function_response(name="f", response={"result": [Answer(city_name="Ulm")]})
    body = sent(side, server, contents=[part])
    assert body["contents"][0]["parts"][0]["functionResponse"]["response"] == {"result": [{"city_name": "Ulm"}]}
    odd = types.Part.from_function_response(name="f", response={"result": object()})
    with pytest.raises(UsageError, match="cannot send a value of type object as JSON"):
        sent(side, server, contents=[odd])

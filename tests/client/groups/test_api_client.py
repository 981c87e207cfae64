"""What frameworks read of a client in private: ``_api_client``, ``_transformers``, ``models.t``, ``DebugConfig``."""

from __future__ import annotations

import importlib
from typing import Any

import httpx
import pytest

from headwater import genai
from headwater.errors import APIError, UsageError
from headwater.genai import types
from tests.support.servers import Server, says, whole


def test_the_settings_of_a_client_can_be_read() -> None:
    client = genai.Client(api_key="k", http_options={"headers": {"x-own": "1"}, "timeout": 5})
    inner: Any = client._api_client
    assert (inner.vertexai, inner.project, inner.location, inner.api_key) == (False, None, None, "k")
    options = inner._http_options
    assert options.base_url == inner.custom_base_url == "https://generativelanguage.googleapis.com/"
    assert (options.api_version, options.timeout, options.headers["x-own"]) == ("v1", 5, "1")
    assert options.headers["Content-Type"] == "application/json"
    assert "k" not in options.headers.values()  # where it would be printed with them


def test_each_group_of_methods_has_it(side: Any) -> None:
    client: Any = genai.Client(vertexai=True, api_key="k")
    one = client if side.name == "sync" else client.aio
    for group in (one, one.models, one.chats, one.files):
        assert group._api_client.vertexai is group.vertexai is True


def test_the_options_that_were_passed_stay_as_they_are() -> None:
    options = types.HttpOptions(headers={"x-own": "1"})
    client = genai.Client(api_key="k", http_options=options)
    client._api_client._httpx_client = httpx.Client()
    assert options == types.HttpOptions(headers={"x-own": "1"})


def test_a_client_that_is_put_in_carries_the_requests(side: Any) -> None:
    """pydantic-ai replaces a client that was closed in this way."""

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=says("replaced", "STOP"))

    transport = httpx.MockTransport(handle)
    with Server(whole) as server:
        client = server.client()
        assert side.ask(client).text == "Hello world"
        inner: Any = client._api_client
        if side.name == "sync":
            inner._httpx_client = own = httpx.Client(transport=transport)
            assert inner._httpx_client is own
        else:
            inner._async_httpx_client = own = httpx.AsyncClient(transport=transport)  # type: ignore[assignment]
            assert inner._async_httpx_client is own
        assert side.ask(client).text == "replaced"


def test_requests_by_path(side: Any) -> None:
    prefix = "" if side.name == "sync" else "async_"
    with Server(whole) as server:
        inner: Any = server.client()._api_client
        body = {"contents": [{"parts": [{"text": "hi"}]}]}
        answer = side.do(getattr(inner, f"{prefix}request")("post", "models/m:generateContent", body))
        assert "Hello" in answer.body
        assert answer.headers["content-type"]
        assert server.requests[0].json == body
        side.do(getattr(inner, f"{prefix}request")("get", "models?pageSize=2", {}, {"headers": {"x-a": "1"}}))
        last = server.requests[-1]
        assert (last.method, last.target, last.headers["x-a"]) == ("GET", "/v1/models?pageSize=2", "1")
        stream = getattr(inner, f"{prefix}request_streamed")("post", "models/m:streamGenerateContent?alt=sse", body)
        assert "Hello" in side.read(side.do(stream))[0].body
    with Server(lambda connection, _: connection.answer({"error": {"code": 400}}, "400 Bad Request")) as server:
        inner = server.client()._api_client
        with pytest.raises(APIError):
            side.do(getattr(inner, f"{prefix}request")("post", "models/m:generateContent", {}))


def test_private_modules_are_there_under_their_names() -> None:
    api_client = importlib.import_module("headwater.genai._api_client")
    transformers: Any = importlib.import_module("headwater.genai._transformers")
    client = genai.Client(api_key="k")
    assert isinstance(client._api_client, api_client.BaseApiClient)
    assert genai.models.t is transformers
    with pytest.raises(AttributeError, match="nonsense"):
        _ = genai.models.nonsense


def test_transformers_are_headwaters_own_conversions() -> None:
    t: Any = importlib.import_module("headwater.genai.models").t
    vertex = genai.Client(vertexai=True, api_key="k")
    developer = genai.Client(api_key="k")
    assert t.t_model(developer, "m") == "models/m"
    assert t.t_model(vertex._api_client, "m") == "publishers/google/models/m"
    assert t.t_content("hi") == types.UserContent(parts="hi")
    assert t.t_contents(["a", "b"]) == [types.UserContent(parts=["a", "b"])]
    assert t.t_parts("a") == [types.Part(text="a")] == t.t_parts(["a"]) == [t.t_part("a")]
    assert t.t_schema(developer, list[int]) == types.Schema(type="ARRAY", items={"type": "INTEGER"})
    assert t.t_schema(None, None) is None

    def look(city: str) -> str:
        """Look at a city."""
        return city

    tool = t.t_tool(developer, look)
    assert tool.function_declarations[0].name == "look"
    assert t.t_tool(developer, None) is None
    merged = t.t_tools(developer, [look, {"function_declarations": [{"name": "b"}]}, types.Tool(google_search={})])
    assert [len(tool.function_declarations or ()) for tool in merged] == [0, 2]
    assert t.t_tools(developer, None) == []
    for convert, value in ((t.t_part, None), (t.t_parts, []), (t.t_content, None), (t.t_contents, None)):
        with pytest.raises(UsageError, match="required"):
            convert(value)


def test_chats_are_made_of_the_models_of_a_client(side: Any) -> None:
    with Server(whole) as server:
        client = server.client()
        chats: Any = (
            genai.chats.Chats(modules=client.models)
            if side.name == "sync"
            else genai.chats.AsyncChats(modules=client.aio.models)
        )
        assert side.do(chats.create(model="m").send_message("hi")).text == "Hello world"


def test_debug_config_takes_real_calls_only() -> None:
    from headwater.genai.client import DebugConfig

    genai.Client(api_key="k", debug_config=DebugConfig())
    genai.Client(api_key="k", debug_config={"client_mode": "api"})
    with pytest.raises(UsageError, match="replay"):
        genai.Client(api_key="k", debug_config=DebugConfig(client_mode="replay", replay_id="x"))


def test_t_tool_gives_the_forms_of_google_genai() -> None:
    """A description even without a docstring, the default None, and a tool of MCP as the API's schema."""

    t: Any = importlib.import_module("headwater.genai._transformers")

    def look(city: str, days: int | None = None) -> None: ...

    (told,) = t.t_tool(None, look).function_declarations
    assert told.description == ""
    days = told.parameters_json_schema["properties"]["days"]
    assert days == {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}
    assert told.parameters_json_schema["required"] == ["city"]

    mcp_types = pytest.importorskip("mcp.types")
    listed = {"type": "object", "properties": {"a": {"type": "string", "examples": ["x"]}}, "$schema": "x"}
    (told,) = t.t_tools(None, [mcp_types.Tool(name="a", description="b", inputSchema=listed)])[0].function_declarations
    assert told == types.FunctionDeclaration(
        name="a", description="b", parameters=types.Schema(type="OBJECT", properties={"a": types.Schema(type="STRING")})
    )

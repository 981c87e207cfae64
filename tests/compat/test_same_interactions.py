"""Each form of call to ``interactions`` sends what google-genai sends, or is refused as it is there."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pydantic
import pytest

from headwater import genai as ours
from tests.support.servers import Connection, Request, Server

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    theirs = pytest.importorskip("google.genai")

#: google-genai takes a third of a second for its first call, and half of that for the others.
pytestmark = pytest.mark.slow

USER = {"type": "user_input", "content": [{"type": "text", "text": "x"}]}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


class Person(pydantic.BaseModel):
    name: str


def lookup(word: str) -> str:
    """Look a word up."""
    return word


def _create(**arguments: Any) -> Any:
    """A call of ``create``; values that are functions are made from the package at hand."""
    return lambda group, genai: group.create(
        **{
            name: value(genai) if getattr(value, "__name__", "") == "<lambda>" else value
            for name, value in {"model": "m", "input": "x", **arguments}.items()
        }
    )


FORMS: dict[str, Any] = {
    "text": _create(),
    "content": _create(input={"type": "text", "text": "x"}),
    "contents": _create(
        input=[{"type": "text", "text": "x"}, {"type": "image", "data": "aGk=", "mime_type": "image/png"}]
    ),
    "typed content": _create(input=lambda genai: [genai.interactions.TextContent(text="x")]),
    "typed steps": _create(
        input=lambda genai: [genai.interactions.UserInputStep(content=[genai.interactions.TextContent(text="x")])]
    ),
    "steps": _create(input=[USER, {"type": "model_output", "content": [{"type": "text", "text": "y"}]}]),
    "unknown step": _create(input=[USER, {"type": "teleport", "to": {"x": [1]}}]),
    "thought and signature": _create(input=[USER, {"type": "thought", "signature": "c2ln"}, USER]),
    "results": _create(
        input=[
            {"type": "function_result", "name": "f", "call_id": "c", "result": "ok"},
            {"type": "function_result", "call_id": "d", "result": [{"type": "text", "text": "t"}], "is_error": True},
        ]
    ),
    "texts in a list": _create(input=["x", "y"]),
    "text for content": _create(input=[{"type": "user_input", "content": "x"}]),
    "roles": _create(input=[{"role": "user", "content": "x"}]),
    "mixed": _create(input=[USER, {"type": "text", "text": "x"}]),
    "one step": _create(input=USER),
    "part": _create(input=lambda genai: [genai.types.Part.from_text(text="x")]),
    "typo in content": _create(input=[{"type": "text", "txt": "x"}]),
    "no input": _create(input=None),
    "empty": _create(input=[]),
    "no model": lambda group, genai: group.create(input="x"),
    "model and agent": _create(agent="a"),
    "agent": lambda group, genai: group.create(
        agent="a", input="x", background=True, agent_config={"type": "deep-research", "thinking_summaries": "auto"}
    ),
    "agent and generation_config": lambda group, genai: group.create(
        agent="a", input="x", generation_config={"temperature": 1}
    ),
    "typo": _create(sistem_instruction="y"),
    "config": _create(config=lambda genai: genai.types.GenerateContentConfig(temperature=0.1)),
    "generation_config": _create(generation_config={"temperature": 0.2, "thinking_level": "low", "top_k": 3}),
    "typed generation_config": _create(generation_config=lambda genai: genai.interactions.GenerationConfig(seed=1)),
    "camel case": _create(generation_config={"maxOutputTokens": 9}),
    "wrong type": _create(generation_config={"temperature": "hot"}),
    "format": _create(response_format={"type": "text", "mime_type": "application/json", "schema": SCHEMA}),
    "bare schema": _create(response_format=SCHEMA),
    "formats": _create(response_format=[{"type": "text"}, {"type": "image", "aspect_ratio": "1:1"}]),
    "modalities": _create(response_modalities=["audio"], response_mime_type="application/json"),
    "tools": _create(tools=[{"type": "google_search"}, {"type": "function", "name": "f", "parameters": SCHEMA}]),
    "unknown tool": _create(tools=[{"type": "teleport", "to": "x"}]),
    "tool of generate_content": _create(tools=lambda genai: [genai.types.Tool()]),
    "tool_choice": _create(generation_config={"tool_choice": {"allowed_tools": {"mode": "any", "tools": ["f"]}}}),
    "everything else": _create(
        store=False,
        service_tier="flex",
        system_instruction="s",
        labels={"a": "b"},
        safety_settings=[{"type": "harassment", "threshold": "off"}],
        cached_content="cachedContents/1",
        environment="remote",
        webhook_config={"uris": ["https://x"]},
        previous_interaction_id="v1_p",
    ),
    "nones": _create(previous_interaction_id=None, tools=None, stream=None),
    "no continuation in the background": _create(background=True, automatic_continuation=False),
    "request": lambda group, genai: group.create(request={"body": {"model": "m", "input": "x"}}),
    "request and more": lambda group, genai: group.create(request={"body": {"model": "m", "input": "x"}}, model="m"),
    "extras": _create(extra_body={"new": 1, "model": "z"}, extra_query={"q": 1}, api_version="v1beta"),
    "positional": lambda group, genai: group.create("m", "x"),
    "get": lambda group, genai: group.get("v1_a"),
    "get with input": lambda group, genai: group.get(id="v1_a", include_input=True),
    "get of an odd id": lambda group, genai: group.get("a/b c"),
    "get a stream": lambda group, genai: list(group.get("v1_a", stream=True, last_event_id=None)),
    "cancel": lambda group, genai: group.cancel("v1_a"),
    "delete": lambda group, genai: group.delete("v1_a"),
    "raw": lambda group, genai: group.with_raw_response.create(model="m", input="x").parse().id,
}
#: What google-genai gets wrong or refuses, and what is sent here.
BETTER: dict[str, tuple[Any, Any]] = {
    "bytes": (
        _create(input=[{"type": "image", "data": b"hi", "mime_type": "image/png"}]),
        [{"type": "user_input", "content": [{"type": "image", "data": "aGk=", "mime_type": "image/png"}]}],
    ),
    "one result": (
        _create(input={"type": "function_result", "call_id": "c", "result": {"a": 1}}),
        [{"type": "function_result", "call_id": "c", "result": {"a": 1}}],
    ),
    "names of tools": (_create(tools=[{"type": "mcp_server", "url": "u", "allowed_tools": ["a"]}]), "x"),
    "function": (_create(tools=[lookup]), "x"),
    "class": (_create(response_format=Person), "x"),
}


def reply(connection: Connection, request: Request) -> None:
    """Answer everything with an interaction, whole or as a stream."""
    interaction = {"id": "v1_a", "status": "completed", "steps": []}
    if request.query.get("stream") == ["true"]:
        connection.stream({"event_type": "interaction.completed", "interaction": interaction})
    elif request.method == "DELETE":
        connection.answer(b"{}")
    else:
        connection.answer(interaction)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(reply) as running:
        yield running


def outcome(genai: ModuleType, server: Server, form: Any) -> Any:
    """What a form of call sends, or that it is refused, and whether as a wrong argument."""
    client = genai.Client(api_key="k", http_options={"base_url": server.url})
    server.requests.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            form(client.interactions, genai)
        except (TypeError, ValueError) as error:
            assert server.requests == []
            return "refused", isinstance(error, TypeError)
    [request] = server.requests
    return request.method, request.target, json.loads(request.body) if request.body else None


@pytest.mark.parametrize("name", FORMS)
def test_what_is_sent_is_the_same(server: Server, name: str) -> None:
    mine, google = outcome(ours, server, FORMS[name]), outcome(theirs, server, FORMS[name])
    if mine[0] != "refused" and mine[1] != google[1]:  # parameters in another order
        mine, google = ((found[0], sorted(found[1].partition("?")[2].split("&")), found[2]) for found in (mine, google))
    assert mine == google


@pytest.mark.parametrize("name", BETTER)
def test_what_google_genai_gets_wrong_is_sent(server: Server, name: str) -> None:
    form, given = BETTER[name]
    assert outcome(ours, server, form)[2]["input"] == given
    assert outcome(theirs, server, form) != outcome(ours, server, form)


def test_an_empty_id_is_refused_where_google_genai_asks_for_the_collection(server: Server) -> None:
    def get(group: Any, genai: ModuleType) -> Any:
        return group.get("")

    assert outcome(ours, server, get) == ("refused", False)
    assert outcome(theirs, server, get)[:2] == ("GET", "/v1/interactions/?stream=false")

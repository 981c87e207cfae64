"""The requests of the Interactions API: what callers pass, what is sent, and what is refused before anything is."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pydantic
import pytest

from headwater.client.request import interactions as build
from headwater.client.request.interactions import InteractionCall
from headwater.client.request.settings import Settings
from headwater.core.machine.policy import Deadlines, Retry
from headwater.errors import UsageError
from headwater.genai import interactions, types

SETTINGS = Settings(api_key="k")
USER = {"type": "user_input", "content": [{"type": "text", "text": "x"}]}


class Person(pydantic.BaseModel):
    name: str


def lookup(word: str) -> str:
    """Look a word up."""
    return word


def create(*, stream: bool | None = None, settings: Settings = SETTINGS, **arguments: Any) -> InteractionCall:
    return build.create(settings, {"model": "m", **arguments}, stream=stream)


def body(**arguments: Any) -> Any:
    return json.loads(create(**arguments).request.body or b"")


# --- input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("x", "x"),
        ("", ""),
        ([], []),
        ({"type": "text", "text": "x"}, {"type": "text", "text": "x"}),
        ({"text": "x"}, {"type": "text", "text": "x"}),
        (interactions.TextContent(text="x"), {"type": "text", "text": "x"}),
        ([{"text": "x"}], [USER]),
        ([{"type": "smell", "of": "rain"}], [{"type": "user_input", "content": [{"type": "smell", "of": "rain"}]}]),
        (({"type": "text", "text": "x"},), [USER]),
        ([interactions.TextContent(text="x")], [{"type": "text", "text": "x"}]),
        ([USER, {"type": "model_output", "content": []}], [USER, {"type": "model_output", "content": []}]),
        (
            [interactions.UserInputStep(content=[{"text": "x"}])],
            [{"type": "user_input", "content": [{"text": "x", "type": "text"}]}],
        ),
        ([{"type": "processing_call", "id": "a"}], [{"type": "processing_call", "id": "a"}]),
        ([{"type": "teleport_call", "id": "a"}], [{"type": "teleport_call", "id": "a"}]),
        (
            {"type": "function_result", "call_id": "c", "result": {"a": 1}},
            [{"type": "function_result", "call_id": "c", "result": {"a": 1}}],
        ),
        (
            [{"type": "image", "data": b"\xff\xfe"}],
            [{"type": "user_input", "content": [{"type": "image", "data": "//4="}]}],
        ),
    ],
)
def test_input_is_sent_as_the_api_takes_it(given: Any, sent: Any) -> None:
    assert body(input=given)["input"] == sent


def test_a_received_conversation_is_sent_back_as_it_came() -> None:
    """Signatures, unknown fields and unknown steps included."""
    steps = [
        {"type": "thought", "signature": "c2ln", "new": 1},
        {"type": "teleport", "to": {"x": [1]}},
        {"type": "model_output", "content": [{"type": "text", "text": "Hi", "tone": "warm"}]},
    ]
    received = interactions.Interaction.from_document(json.loads(json.dumps({"id": "v1_a", "steps": steps})))
    assert body(input=[*received.steps, USER], store=False)["input"] == [*steps, USER]


def test_files_are_read_and_encoded(tmp_path: Path) -> None:
    image = tmp_path / "p.png"
    image.write_bytes(b"\x89PNG")
    sent = body(input=[{"type": "image", "data": image, "mime_type": "image/png"}])["input"]
    assert sent[0]["content"][0]["data"] == base64.b64encode(b"\x89PNG").decode()
    assert body(input=interactions.ImageContent(data=image))["input"]["data"] == base64.b64encode(b"\x89PNG").decode()
    with pytest.raises(UsageError, match=r"the file '.*gone.png' cannot be read: No such file"):
        body(input=[{"type": "image", "data": tmp_path / "gone.png"}])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["x", "y"], r"input\[0\]: expected a text, contents such as"),
        (3, "input: expected a text, contents such as .*, not int"),
        ([{"type": "user_input", "content": "x"}], r"input\[0\].content: expected a list, got str 'x'"),
        ([{"role": "user", "content": "x"}], "turns with a role are the API before June 2026"),
        ([types.Part(text="x")], r"input\[0\]: Part is a type of generate_content"),
        (types.UserContent("x"), "input: UserContent is a type of generate_content"),
        ([USER, {"type": "text", "text": "x"}], r"input mixes steps and contents, at \[1\]"),
        ([{"type": "text", "text": "x"}, USER], r"input mixes steps and contents, at \[0\]"),
        (USER, r"input is one step: pass a list of steps, \[{'type': 'user_input', ...}\]"),
        ([{"type": "text", "txt": "typo"}], r"input\[0\]: TextContent needs text"),
        ([{"type": "text", "text": 3}], r"input\[0\].text: expected str, got int 3"),
        ({"uri": "u"}, "input: expected a text, contents such as .*, not dict"),
    ],
)
def test_other_input_is_refused(given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        body(input=given)


# --- the other fields -----------------------------------------------------------------------------------------------


def test_fields_are_sent_as_they_are_written() -> None:
    """None is left out; unknown keys of settings and unknown tools are the API's to judge."""
    fields = {
        "store": False,
        "service_tier": "flex",
        "system_instruction": "s",
        "labels": {"a": "b"},
        "safety_settings": [{"type": "harassment", "threshold": "off"}],
        "cached_content": "cachedContents/1",
        "environment": "remote",
        "webhook_config": {"uris": ["https://x"]},
        "previous_interaction_id": "v1_p",
        "generation_config": {"temperature": 1, "top_k": 3, "maxOutputTokens": 9, "tool_choice": "any"},
        "response_modalities": ["audio"],
        "response_mime_type": "application/json",
        "tools": [{"type": "teleport", "to": "x"}, {"type": "mcp_server", "url": "u", "allowed_tools": ["a"]}],
        "response_format": {"type": "object", "properties": {}},
    }
    assert body(input="x", **fields) == {"model": "m", "input": "x", **fields}
    assert body(input=None, tools=None, store=None) == {"model": "m"}
    agent = build.create(
        SETTINGS, {"agent": "a", "agent_config": {"type": "deep-research"}, "background": True}, stream=None
    )
    assert json.loads(agent.request.body or b"") == {
        "agent": "a",
        "agent_config": {"type": "deep-research"},
        "background": True,
    }


def test_types_are_sent_as_dicts() -> None:
    sent = body(
        input="x",
        generation_config=interactions.GenerationConfig(temperature=0.5, max_output_tokens=9),
        tools=[interactions.GoogleSearch()],
        response_format=interactions.ImageResponseFormat(aspect_ratio="16:9"),
    )
    assert sent["generation_config"] == {"temperature": 0.5, "max_output_tokens": 9}
    assert sent["tools"] == [{"type": "google_search"}]
    assert sent["response_format"] == {"aspect_ratio": "16:9", "type": "image"}


def test_functions_and_classes_are_declared() -> None:
    call = create(input="x", tools=[lookup, {"type": "google_search"}], response_format=Person)
    sent = json.loads(call.request.body or b"")
    assert sent["tools"][0] == {
        "type": "function",
        "name": "lookup",
        "description": "Look a word up.",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
    }
    assert sent["response_format"]["schema"] == Person.model_json_schema()
    assert (call.config.tools, call.config.response_schema) == ([lookup], Person)


def test_a_whole_body_is_taken() -> None:
    typed = interactions.CreateModelInteraction(model="m", input="x", stream=True)
    for request in ({"body": {"model": "m", "input": "x", "stream": True}}, {"body": typed}, typed):
        call = build.create(SETTINGS, {"request": request}, stream=None)
        assert (json.loads(call.request.body or b""), call.is_stream) == (
            {"model": "m", "input": "x", "stream": True},
            True,
        )
    with pytest.raises(TypeError, match=r"either request=.* or the fields"):
        create(request={"body": {"model": "m"}})
    with pytest.raises(UsageError, match="request is a dict or a CreateModelInteraction, not str"):
        build.create(SETTINGS, {"request": "x"}, stream=None)


def test_streams_are_asked_for() -> None:
    assert body(input="x", stream=True)["stream"] is True
    assert body(input="x", stream=False)["stream"] is False
    call = create(input="x", stream=True, generation_config={"max_output_tokens": 7})
    assert (call.is_stream, call.request.headers["Accept"], call.config.max_output_tokens) == (
        True,
        "text/event-stream",
        7,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"agent": "a"}, "model and agent exclude each other"),
        ({"agent_config": {"type": "dynamic"}}, "agent_config does not go with model='m'"),
        ({"background": True, "automatic_continuation": False}, "cannot be used with background=True"),
        (
            {"sistem_instruction": "y"},
            r"no argument 'sistem_instruction' \(did you mean 'system_instruction'\?\); extra_body",
        ),
        ({"config": types.GenerateContentConfig()}, "no argument 'config' .*generation_config="),
        ({"contents": "x"}, "pass input="),
        ({"zzz": 1}, r"create\(\) has no argument 'zzz'; extra_body"),
        ({"generation_config": {"temperature": "hot"}}, "generation_config.temperature: expected float, got str 'hot'"),
        ({"generation_config": types.GenerateContentConfig()}, "GenerateContentConfig is a type of generate_content"),
        ({"generation_config": 3}, "generation_config: expected GenerationConfig, got int 3"),
        ({"tools": [types.Tool()]}, r"tools\[0\]: Tool is a type of generate_content"),
        ({"tools": {"type": "google_search"}}, "tools is a list, not dict"),
        ({"tools": ["google_search"]}, r"tools\[0\]: a tool is a dict such as"),
        ({"system_instruction": ["a"]}, "system_instruction: expected str, got list"),
        ({"timeout": -1}, "timeout is a number of seconds"),
        ({"on_break": "hope"}, None),
        ({"system_instruction": "\ud800"}, "half of a surrogate pair"),
    ],
)
def test_mistakes_are_refused_before_anything_is_sent(arguments: dict[str, Any], message: str | None) -> None:
    if message is None:  # options are checked where all calls' are
        assert create(input="x", **arguments).options == arguments
        return
    with pytest.raises(UsageError, match=message):
        create(input="x", **arguments)


def test_a_model_or_an_agent_is_needed() -> None:
    with pytest.raises(UsageError, match="needs a model, for example"):
        build.create(SETTINGS, {"input": "x"}, stream=None)
    with pytest.raises(UsageError, match="generation_config does not go with agent='a'"):
        build.create(SETTINGS, {"agent": "a", "generation_config": {}}, stream=None)


def test_an_unknown_argument_is_a_type_error_too() -> None:
    with pytest.raises(TypeError):
        create(zzz=1)
    with pytest.raises(TypeError, match=r"get\(\) has no argument 'zzz'"):
        build.get(SETTINGS, "v1_a", {"zzz": 1})


# --- how it is sent -------------------------------------------------------------------------------------------------


def test_extras_are_added() -> None:
    call = create(
        input="x",
        extra_body={"new": 1, "model": "z"},
        extra_query={"q": 1, "on": True, "off": None},
        extra_headers={"x-y": "z"},
        api_version="v1beta",
    )
    url = urlsplit(call.request.url)
    assert (url.path, parse_qs(url.query)) == ("/v1beta/interactions", {"q": ["1"], "on": ["true"]})
    assert json.loads(call.request.body or b"") == {"model": "z", "input": "x", "new": 1}
    assert call.request.headers["x-y"] == "z"
    above = Settings(api_key="k", http_options={"extra_body": {"labels": {"a": "b"}}, "base_url": "https://x/pre"})
    call = create(settings=above, input="x")
    assert call.request.url == "https://x/pre/v1/interactions"
    assert json.loads(call.request.body or b"")["labels"] == {"a": "b"}


def test_timeouts_are_deadlines() -> None:
    class Timeout:
        read = 7.0

    assert create(timeout=2).options == {"deadlines": Deadlines(total=2.0)}
    assert create(timeout=Timeout()).options == {"deadlines": Deadlines(byte_gap=7.0)}
    mine = Deadlines(content_gap=1.0)
    options = {"deadlines": mine, "retry": Retry(attempts=1)}
    assert create(timeout=2, **options).options == options


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (SETTINGS, "https://generativelanguage.googleapis.com/v1/interactions"),
        (
            Settings(vertexai=True, project="p", location="us-central1", credentials=object()),
            "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/p/locations/us-central1/interactions",
        ),
        (
            Settings(vertexai=True, project="p", credentials=object()),
            "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/interactions",
        ),
        (Settings(vertexai=True, api_key="k"), "https://aiplatform.googleapis.com/v1beta1/interactions"),
    ],
)
def test_the_url_is_the_platforms(settings: Settings, url: str) -> None:
    assert create(settings=settings).request.url == url


def test_stored_interactions_are_addressed() -> None:
    base = "https://generativelanguage.googleapis.com/v1/interactions"
    got = build.get(SETTINGS, "v1_a", {"include_input": True}).request
    assert (got.method, got.url, got.body) == ("GET", f"{base}/v1_a?include_input=true&stream=false", None)
    stream = build.get(SETTINGS, "a/b c", {}, stream=True, last_event_id="x=").request
    assert stream.url == f"{base}/a/b%20c?stream=true&last_event_id=x%3D"
    cancelled = build.cancel(SETTINGS, "v1_a", {}).request
    assert (cancelled.method, cancelled.url) == ("POST", f"{base}/v1_a/cancel")
    deleted = build.delete(SETTINGS, "v1_a", {"api_version": "v1beta"}).request
    assert (deleted.method, deleted.url) == ("DELETE", f"{base}/v1_a".replace("v1/", "v1beta/"))
    with pytest.raises(UsageError, match="last_event_id is for streams"):
        build.get(SETTINGS, "v1_a", {}, last_event_id="x")
    with pytest.raises(UsageError, match="the id of an interaction is a str, not NoneType"):
        build.delete(SETTINGS, None, {})
    with pytest.raises(UsageError, match=r"'\.\./models' is not the id"):
        build.get(SETTINGS, "../models", {})
    with pytest.raises(UsageError, match=r"'' is not the id"):  # it would delete the collection
        build.delete(SETTINGS, "", {})


def test_sessions_of_mcp_servers_are_listed_for_coroutines() -> None:
    """And refused elsewhere, since a session belongs to an event loop."""
    given = {"tools": [lookup]}
    assert asyncio.run(build.with_mcp_tools(given)) is given
    assert asyncio.run(build.with_mcp_tools({})) == {}

"""Requests in which any one value is replaced by another: each is read or refused, and nothing else is raised."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from headwater.errors import HeadwaterError, UsageError
from headwater.protocols.data_urls import part_of
from headwater.protocols.interactions.create_request import read_create
from headwater.protocols.openai.messages import MessageReader
from headwater.protocols.openai.request import read_chat
from headwater.protocols.responses.request import read_response

VALUES: list[Any] = [
    *(None, True, 0, -1, 1.5, 1e300, 2**63, 2**64 - 1, -(2**63), 10**30),
    *("", "x", "\x00", "http://[x", "data:", "data:,", "data:;base64,%", "data:a/b;base64,A===", "../../x"),
    *([], [1], [[]], [None], ["x"], [{}], {}, {"a": 1}, {"type": [1]}, {"type": {"a": 1}}, [{"type": [1]}]),
    *([{"type": {"a": 1}}], {"type": None}, {"type": 1}, [{"type": 1}]),
]
SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}}
CALL = {
    "id": "c",
    "type": "function",
    "function": {"name": "f", "arguments": "{}"},
    "extra_content": {"google": {"thought_signature": "AAAA"}},
}
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "s"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "x"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "input_audio", "input_audio": {"format": "wav", "data": "AAAA"}},
                {"type": "file", "file": {"file_data": "AAAA", "filename": "a.pdf"}},
            ],
        },
        {"role": "assistant", "content": "a", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": "x"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}],
    "tool_choice": {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
    },
    "temperature": 1,
    "top_p": 1,
    "top_k": 3,
    "seed": 1,
    "presence_penalty": 0,
    "max_tokens": 5,
    "n": 1,
    "stop": ["a"],
    "logprobs": True,
    "top_logprobs": 2,
    "modalities": ["text"],
    "reasoning": {"effort": "low"},
    "reasoning_effort": "low",
    "stream_options": {"include_usage": True},
    "parallel_tool_calls": False,
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
    "extra_body": {"google": {"thinking_config": {"thinking_budget": 1}, "cached_content": "cachedContents/x"}},
}
RESPONSE: dict[str, Any] = {
    "model": "m",
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "x"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                {"type": "input_file", "file_data": "data:a/b;base64,AAAA", "filename": "x"},
            ],
        },
        {"type": "reasoning", "summary": []},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "x"},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
    "instructions": "i",
    "reasoning": {"effort": "low", "summary": "auto"},
    "max_output_tokens": 9,
    "top_p": 1,
    "metadata": {"a": "b"},
    "include": ["x"],
    "parallel_tool_calls": True,
}
INTERACTION: dict[str, Any] = {
    "model": "m",
    "input": [
        {
            "type": "user_input",
            "content": [
                {"type": "text", "text": "x"},
                {"type": "image", "mime_type": "image/png", "data": "AAAA", "resolution": "low"},
                {"type": "video", "uri": "gs://x", "processing": {"type": "static", "fps": 1}},
            ],
        },
        {"type": "thought", "signature": "AAAA"},
        {"type": "model_output", "content": [{"type": "text", "text": "x"}]},
        {"type": "function_call", "id": "c", "name": "f", "arguments": {}},
        {"type": "function_result", "call_id": "c", "result": [{"type": "text", "text": "x"}], "is_error": False},
        {"type": "code_execution_call", "arguments": {"language": "python", "code": "x"}},
        {"type": "code_execution_result", "result": "x", "is_error": True},
        {"type": "text", "text": "x"},
    ],
    "generation_config": {
        "temperature": 1,
        "max_output_tokens": 9,
        "seed": 1,
        "stop_sequences": ["a"],
        "thinking_level": "low",
        "tool_choice": {"allowed_tools": {"mode": "auto", "tools": ["f"]}},
        "speech_config": {"speakers": [{"speaker": "a", "voice": "v", "language": "en"}]},
        "image_config": {"aspect_ratio": "1:1"},
    },
    "tools": [
        {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA},
        {"type": "google_search", "search_types": ["web_search"]},
        {"type": "google_maps", "latitude": 1.0, "longitude": 1.0},
        {"type": "file_search", "file_search_store_names": ["x"], "top_k": 1},
        {"type": "computer_use", "environment": "browser"},
    ],
    "response_format": [{"type": "text", "mime_type": "application/json", "schema": SCHEMA}],
    "safety_settings": [{"type": "harassment", "threshold": "block_none", "method": "x"}],
    "response_modalities": ["text"],
    "service_tier": "flex",
    "labels": {"a": "b"},
    "system_instruction": "x",
}


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a value has values, itself first."""
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*place, key))


def replaced(value: Any, place: tuple[Any, ...], other: Any) -> Any:
    """A copy with ``other`` in a place."""
    if not place:
        return other
    copy = holder = deepcopy(value)
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = other
    return copy


@pytest.mark.parametrize(
    ("request_", "read"),
    [
        (CHAT, lambda body: read_chat(body)),
        (RESPONSE, lambda body: read_response(body)),
        (INTERACTION, lambda body: read_create(body).gemini_body()),
    ],
    ids=["chat", "responses", "interactions"],
)
def test_no_value_of_a_request_raises_anything_but_a_refusal(
    request_: dict[str, Any], read: Callable[[bytes], Any]
) -> None:
    """Whatever stands in a field, a client hears what is wrong with it (400), not that the server failed (500)."""
    read(json.dumps(request_).encode())
    refused = 0
    for place in places(request_):
        for value in VALUES:
            body = json.dumps(replaced(request_, place, value)).encode()
            try:
                read(body)
            except HeadwaterError:
                refused += 1
            except Exception as error:
                pytest.fail(f"{value!r} at {place}: {error!r}")
    assert refused > 1000


class CountedId(str):
    """An id that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        CountedId.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_results_in_any_order_take_linear_time() -> None:
    """A message with very many calls, answered from the last to the first, is not searched for each of them."""
    count = 500
    calls = [{"id": CountedId(f"call-{number}"), "function": {"name": "f"}} for number in range(count)]
    reader = MessageReader(lambda call_id: None)
    reader.read({"role": "assistant", "tool_calls": calls}, "messages[0]")
    for number in reversed(range(count)):
        result = {"role": "tool", "tool_call_id": CountedId(f"call-{number}"), "content": "x"}
        reader.read(result, f"messages[{count - number}]")
    reader.check_answered("messages")
    assert len(reader.contents[-1].parts or ()) == count
    assert CountedId.compared < 20 * count


def test_two_calls_with_one_id_need_two_results() -> None:
    """A client's ids need not be unique within a message; each call still has to be answered."""
    calls = [{"id": "c", "function": {"name": "f"}}] * 2
    reader = MessageReader(lambda call_id: None)
    reader.read({"role": "assistant", "tool_calls": calls}, "messages[0]")
    reader.read({"role": "tool", "tool_call_id": "c", "content": "1"}, "messages[1]")
    with pytest.raises(HeadwaterError, match="'c' before it has no tool message"):
        reader.check_answered("messages[2]")
    reader.read({"role": "tool", "tool_call_id": "c", "content": "2"}, "messages[2]")
    reader.check_answered("messages[3]")


@pytest.mark.parametrize("head", [";" * 5000, "a/" + "b" * 5000, ";base64" * 5000])
def test_the_media_type_of_a_data_url_is_bounded(head: str) -> None:
    """Splitting millions of its parameters is one step of the interpreter, in which no other thread runs."""
    with pytest.raises(UsageError, match=r"^x\.url: the media type of a data: URL has at most 1,000 characters"):
        part_of(f"data:{head},AAAA", None, "x.url")

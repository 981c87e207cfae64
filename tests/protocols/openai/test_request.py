"""A chat completion request becomes a request of the Gemini API, or is refused with the field that is wrong."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from headwater.errors import UsageError
from headwater.protocols.openai.fields import ChatFieldError
from headwater.protocols.openai.request import read_chat

USER = {"role": "user", "content": "hi"}
PNG = "data:image/png;base64," + base64.b64encode(b"png").decode()
FUNCTION = {
    "name": "look",
    "description": "Looks.",
    "parameters": {"type": "object", "properties": {"at": {"$ref": "#"}}},
}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}


def asked(*messages: Any, **fields: Any) -> dict[str, Any]:
    """The request of the Gemini API that is made of these messages and fields."""
    body = {"model": "m", "messages": list(messages) or [USER], **fields}
    document: dict[str, Any] = json.loads(read_chat(json.dumps(body).encode()).body)
    return document


def config(model: str = "m", **fields: Any) -> Any:
    return json.loads(read_chat({"model": model, "messages": [USER], **fields}).body).get("generationConfig", {})


def refused(document: Any) -> ChatFieldError:
    with pytest.raises(ChatFieldError) as caught:
        read_chat(document)
    return caught.value


def test_instructions_are_collected_wherever_they_stand() -> None:
    made = asked(
        {"role": "system", "content": "a"}, USER, {"role": "developer", "content": [{"type": "text", "text": "b"}]}
    )
    assert made["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert made["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]


def test_a_system_message_alone_is_asked() -> None:
    assert asked({"role": "system", "content": "a"}) == {"contents": [{"role": "user", "parts": [{"text": "a"}]}]}


def test_media_in_data_urls_become_inline_data() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": base64.b64encode(b"wav").decode(), "format": "wav"}}
    pdf = {"type": "file", "file": {"file_data": base64.b64encode(b"%PDF").decode(), "filename": "a.pdf"}}
    parts = [
        {"type": "text", "text": "what?"},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "image_url", "image_url": PNG},
        audio,
        pdf,
        {"type": "file", "file": {"file_data": "data:application/octet-stream;base64,JVBERg==", "filename": "b.pdf"}},
        {"type": "file", "file": {"file_id": "files/x"}},
        {"type": "image_url", "image_url": {"url": "gs://bucket/a.png"}},
    ]
    found = asked({"role": "user", "content": parts})["contents"][0]["parts"]
    assert found[0] == {"text": "what?"}
    assert [part.get("inlineData", {}).get("mimeType") for part in found[1:6]] == [
        "image/png", "image/png", "audio/wav", "application/pdf", "application/pdf",
    ]  # fmt: skip
    assert base64.b64decode(found[1]["inlineData"]["data"]) == b"png"
    assert [part["fileData"]["fileUri"] for part in found[6:]] == ["files/x", "gs://bucket/a.png"]


@pytest.mark.parametrize(
    "url", ["https://example.com/a.png", "http://169.254.169.254/latest", "file:///etc/passwd", "x"]
)
def test_no_url_of_a_client_is_fetched(url: str) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    error = refused({"model": "m", "messages": [{"role": "user", "content": [part]}]})
    assert error.param == "messages[0].content[0].image_url.url"
    assert "data: URL" in str(error)


def test_calls_and_results_keep_their_ids() -> None:
    """Results of one turn are one content, matched by id and not by order."""
    other = {"id": "c2", "type": "function", "function": {"name": "look", "arguments": ""}}
    made = asked(
        USER,
        {"role": "assistant", "content": "I look.", "tool_calls": [CALL, other]},
        {"role": "tool", "tool_call_id": "c2", "content": '{"seen": 2}'},
        {"role": "tool", "tool_call_id": "c1", "content": "[1]"},
    )
    _, turn, results = made["contents"]
    assert turn["parts"] == [
        {"text": "I look."},
        {"functionCall": {"id": "c1", "name": "look", "args": {"at": 1}}},
        {"functionCall": {"id": "c2", "name": "look", "args": {}}},
    ]
    assert [part["functionResponse"] for part in results["parts"]] == [
        {"id": "c2", "name": "look", "response": {"seen": 2}},
        {"id": "c1", "name": "look", "response": {"output": "[1]"}},
    ]


def test_thought_signatures_are_put_back() -> None:
    """From where Google's endpoint has them, otherwise from what is remembered for the call."""
    signed = CALL | {"extra_content": {"google": {"thought_signature": base64.b64encode(b"sig").decode()}}}
    bare = CALL | {"id": "c2", "function": {"name": "look", "arguments": {"at": 2}}}
    results = [{"role": "tool", "tool_call_id": call, "content": ""} for call in ("c1", "c2")]
    messages = [USER, {"role": "assistant", "tool_calls": [signed, bare]}, *results]
    chat = read_chat({"model": "m", "messages": messages}, {"c2": b"kept"}.get)
    parts = json.loads(chat.body)["contents"][1]["parts"]
    assert [base64.b64decode(part["thoughtSignature"]) for part in parts] == [b"sig", b"kept"]
    assert parts[1]["functionCall"]["args"] == {"at": 2}


def test_sampling_and_limits_are_mapped() -> None:
    assert config(
        temperature=1, top_p=0.5, top_k=4, seed=7.0, presence_penalty=0.1, frequency_penalty=-0.1, stop="x", n=2,
        max_tokens=9, max_completion_tokens=5, logprobs=True, top_logprobs=3, modalities=["text", "image"],
    ) == {
        "temperature": 1.0, "topP": 0.5, "topK": 4, "seed": 7, "presencePenalty": 0.1, "frequencyPenalty": -0.1,
        "stopSequences": ["x"], "candidateCount": 2, "maxOutputTokens": 5, "responseLogprobs": True, "logprobs": 3,
        "responseModalities": ["TEXT", "IMAGE"],
    }  # fmt: skip


def test_hints_and_what_other_servers_know_is_ignored() -> None:
    """What Open WebUI, vLLM's clients and load generators send besides; nulls; what switches a setting off."""
    assert config(
        min_p=0.1, repeat_penalty=1, num_ctx=1, keep_alive="5m", ignore_eos=True, service_tier="auto", user="u",
        metadata={}, store=False, verbosity="low", stop=None, n=None, top_k=-1, logit_bias={}, modalities=["text"],
        stream_options={"include_usage": True, "continuous_usage_stats": True}, parallel_tool_calls=True,
        response_format={"type": "text"}, top_logprobs=0,
    ) == {}  # fmt: skip


def test_what_is_ignored_is_named() -> None:
    """Known to other servers or to none; but not what could not stand in a header, and not without end."""
    fields = {"min_p": 0.1, "user": "u", "bad\r\nname": 1, "store": None, "logit_bias": {}}
    chat = read_chat({"model": "m", "messages": [USER], "temperature": 1, **fields})
    assert chat.ignored == ("min_p", "user")
    many = {f"f{number}": 1 for number in range(99)}
    assert len(read_chat({"model": "m", "messages": [USER], **many}).ignored) == 20


def test_json_is_asked_for_with_the_schema_as_it_is() -> None:
    assert config(response_format={"type": "json_object"}) == {"responseMimeType": "application/json"}
    schema = {"type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"const": 1}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": schema}}
    assert config(response_format=wanted)["responseJsonSchema"] == schema


@pytest.mark.parametrize(
    ("model", "fields", "thinking"),
    [
        ("m", {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
        ("m", {"reasoning_effort": "xhigh"}, {"thinkingLevel": "HIGH", "includeThoughts": True}),
        (
            "m",
            {"reasoning": {"effort": "minimal", "summary": "auto"}},
            {"thinkingLevel": "MINIMAL", "includeThoughts": True},
        ),
        ("models/gemini-2.5-pro", {"reasoning_effort": "medium"}, {"thinkingBudget": 8192, "includeThoughts": True}),
        ("m", {"extra_body": {"google": {"thinking_config": {"thinking_budget": 5}}}}, {"thinkingBudget": 5}),
        ("m", {"reasoning": {"summary": "auto"}}, None),
    ],
)
def test_reasoning_is_mapped(model: str, fields: dict[str, Any], thinking: Any) -> None:
    assert config(model, **fields).get("thinkingConfig") == thinking


def test_tools_are_mapped_with_their_schema_as_it_is() -> None:
    made = asked(tools=[{"type": "function", "function": FUNCTION | {"strict": True}}, {"function": {"name": "now"}}])
    assert made["tools"] == [
        {
            "functionDeclarations": [
                {"name": "look", "description": "Looks.", "parametersJsonSchema": FUNCTION["parameters"]},
                {"name": "now"},
            ]
        }
    ]


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (None, None),
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "look"}}, {"mode": "ANY", "allowedFunctionNames": ["look"]}),
        ("allowed required", {"mode": "ANY", "allowedFunctionNames": ["look"]}),
        ("allowed auto", {"mode": "VALIDATED", "allowedFunctionNames": ["look"]}),
    ],
)
def test_tool_choice_is_mapped(choice: Any, calling: Any) -> None:
    if isinstance(choice, str) and choice.startswith("allowed"):
        tools = [{"type": "function", "function": {"name": "look"}}]
        choice = {"type": "allowed_tools", "allowed_tools": {"mode": choice.split()[1], "tools": tools}}
    made = asked(tools=[{"type": "function", "function": FUNCTION}], tool_choice=choice)
    assert made.get("toolConfig", {}).get("functionCallingConfig") == calling
    assert "toolConfig" not in asked(tool_choice="auto")


def test_what_google_s_own_endpoint_takes_is_taken() -> None:
    assert asked(extra_body={"google": {"cached_content": "cachedContents/x"}})["cachedContent"] == "cachedContents/x"


def test_options_of_the_answer_are_read() -> None:
    chat = read_chat({"model": "m", "messages": [USER], "stream": True, "parallel_tool_calls": False})
    assert (chat.is_stream, chat.include_usage, chat.one_call) == (True, False, True)


_TOOL = {"role": "tool", "tool_call_id": "c1", "content": "x"}
_IMAGE = {"type": "image_url", "image_url": PNG}
_AUDIO = {"type": "input_audio", "input_audio": {"data": "", "format": "../x"}}
_CUT = CALL | {"function": {"name": "f", "arguments": "{"}}
_UNSIGNED = CALL | {"extra_content": {"google": {"thought_signature": "*"}}}
_NAMELESS = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [5]}}
_TURN = {"role": "assistant", "content": None, "tool_calls": [CALL]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["hi"]}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0]"),
        ({"messages": [{"role": "assistant", "content": ""}]}, "messages"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [_AUDIO]}]},
            "messages[0].content[0].input_audio.format",
        ),
        ({"messages": [{"role": "system", "content": [_IMAGE]}]}, "messages[0].content"),
        ({"messages": [USER, _TOOL]}, "messages[1].tool_call_id"),
        ({"messages": [USER, _TURN, _TOOL, _TOOL]}, "messages[3].tool_call_id"),
        ({"messages": [USER, _TURN, USER]}, "messages[2]"),
        ({"messages": [USER, _TURN]}, "messages"),
        ({"messages": [USER, {"role": "assistant", "audio": {"id": "a"}}]}, "messages[1]"),
        (
            {"messages": [USER, {"role": "assistant", "tool_calls": [_CUT]}]},
            "messages[1].tool_calls[0].function.arguments",
        ),
        (
            {"messages": [USER, {"role": "assistant", "tool_calls": [_UNSIGNED]}]},
            "messages[1].tool_calls[0].extra_content.google.thought_signature",
        ),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"seed": 1.5}, "seed"),
        ({"n": 9}, "n"),
        ({"n": 0}, "n"),
        ({"stop": ["a"] * 6}, "stop"),
        ({"stop": [1]}, "stop"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"stream": "yes"}, "stream"),
        ({"modalities": ["audio"]}, "modalities"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"web_search_options": {"x": 1}}, "web_search_options"),
        ({"functions": [FUNCTION]}, "functions"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"reasoning_effort": "much"}, "reasoning_effort"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": _NAMELESS}, "tool_choice.allowed_tools.tools[0].function"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    error = refused({"model": "m", "messages": [USER]} | fields)
    assert error.param == param
    assert str(error)


@pytest.mark.parametrize("body", [b"{", b"[]", b"5", b"\xff"])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(UsageError, match="chat completion request"):
        read_chat(body)

"""Requests to create an interaction as Gemini requests: every field, every form of input, every mistake."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.errors import APIError, UsageError
from headwater.protocols.interactions.create_request import PriorTurns, read_create


def gemini(**fields: Any) -> dict[str, Any]:
    """The Gemini request that a body becomes."""
    request = read_create(json.dumps({"model": "m", "input": "Hi"} | fields).encode())
    body: dict[str, Any] = json.loads(request.gemini_body())
    return body


def contents(value: Any, **fields: Any) -> list[Any]:
    found: list[Any] = gemini(input=value, **fields)["contents"]
    return found


def settings(**fields: Any) -> dict[str, Any]:
    found = gemini(**fields)
    del found["contents"]
    return found


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


def model(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts)}


IMAGE = {"type": "image", "data": "-_A=", "mime_type": "image/png"}
CALL = {"type": "function_call", "id": "c", "name": "look", "arguments": {"a": 1}}
RESULT = {"type": "function_result", "call_id": "c", "result": {"b": 2}}
CALLED = {"functionCall": {"id": "c", "name": "look", "args": {"a": 1}}}


@pytest.mark.parametrize(
    ("value", "turns"),
    [
        ("Hi", [user({"text": "Hi"})]),
        ({"type": "text", "text": "Hi"}, [user({"text": "Hi"})]),
        ({"text": "Hi"}, [user({"text": "Hi"})]),
        (["a", {"type": "text", "text": "b"}], [user({"text": "a"}, {"text": "b"})]),
        ([IMAGE], [user({"inlineData": {"mimeType": "image/png", "data": "+/A="}})]),
        ({"type": "user_input", "content": ["a"]}, [user({"text": "a"})]),
        (
            [{"type": "video", "uri": "gs://v", "mimeType": "video/mp4", "resolution": "LOW"}],
            [
                user(
                    {
                        "fileData": {"fileUri": "gs://v", "mimeType": "video/mp4"},
                        "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"},
                    }
                )
            ],
        ),
        (
            [{"type": "video", "uri": "gs://v", "processing": {"type": "static", "fps": 2, "start_offset": "1s"}}],
            [user({"fileData": {"fileUri": "gs://v"}, "videoMetadata": {"fps": 2, "startOffset": "1s"}})],
        ),
    ],
)
def test_input_in_every_form(value: Any, turns: list[Any]) -> None:
    assert contents(value) == turns


def test_steps_are_turns_and_signatures_stand_on_what_they_signed() -> None:
    steps = [
        {"type": "user_input", "content": [{"type": "text", "text": "a"}]},
        {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "Hm."}]},
        {"type": "model_output", "content": [{"type": "text", "text": "b"}]},
        {"type": "thought", "signature": ""},
        {"type": "google_search_call", "id": "s", "arguments": {"queries": ["q"]}},
        {"type": "thought", "signature": "Y2FsbA=="},
        CALL,
        {"type": "code_execution_call", "id": "x", "arguments": {"code": "1"}},
        {"type": "code_execution_result", "call_id": "x", "result": "1"},
        {"type": "thought", "signature": "bGF0ZQ=="},
        RESULT,
        {"type": "thought", "signature": "ZW5k"},
    ]
    assert contents(steps) == [
        user({"text": "a"}),
        model(
            {"text": "b", "thoughtSignature": "c2ln"},
            {**CALLED, "thoughtSignature": "Y2FsbA=="},
            {"executableCode": {"language": "PYTHON", "code": "1"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
            {"text": "", "thoughtSignature": "bGF0ZQ=="},
        ),
        user({"functionResponse": {"id": "c", "name": "look", "response": {"b": 2}}}),
        model({"text": "", "thoughtSignature": "ZW5k"}),
    ]


@pytest.mark.parametrize(
    ("result", "response"),
    [
        ({"result": "a"}, {"response": {"result": "a"}}),
        ({"result": "a", "is_error": True}, {"response": {"error": "a"}}),
        ({"result": {"a": 1}, "is_error": True}, {"response": {"error": {"a": 1}}}),
        ({"result": [1, 2]}, {"response": {"result": [1, 2]}}),
        (
            {"result": [{"type": "text", "text": "a"}, IMAGE]},
            {"response": {"result": "a"}, "parts": [{"inlineData": {"mimeType": "image/png", "data": "+/A="}}]},
        ),
    ],
)
def test_results_of_functions_in_every_form(result: dict[str, Any], response: dict[str, Any]) -> None:
    """At the top, or inside the user's turn as some clients have it."""
    answer = {"type": "function_result", "call_id": "c", "name": "look", **result}
    turn = user({"functionResponse": {"id": "c", "name": "look", **response}})
    assert contents([answer]) == [turn]
    assert contents({"type": "user_input", "content": [answer, {"type": "text", "text": "?"}, {"text": "!"}]}) == [
        user(*turn["parts"], {"text": "?"}, {"text": "!"})
    ]


def test_a_result_is_named_by_its_call_and_an_id_that_was_made_up_stays_here() -> None:
    request = read_create(json.dumps({"model": "m", "input": [{**RESULT, "call_id": "hw-1"}]}).encode())
    body = json.loads(request.gemini_body(PriorTurns([user({"text": "a"})], {"hw-1": "look"})))
    response = {"functionResponse": {"name": "look", "response": {"b": 2}}}
    assert body["contents"] == [user({"text": "a"}), user(response)]


def test_generation_config_and_other_settings() -> None:
    config = {"temperature": 1, "topP": "0.5", "max_output_tokens": 9.0, "seed": 3, "stop_sequences": ["x"]}
    config |= {"thinking_level": "high", "thinking_summaries": "auto", "image_config": {"aspect_ratio": "1:1"}}
    config |= {"speech_config": [{"voice": "Kore", "language": "de"}]}
    found = settings(
        generation_config=config,
        system_instruction="Be brief.",
        safety_settings=[{"type": "harassment", "threshold": "block_none", "method": "severity"}],
        service_tier="flex",
        labels={"team": "a"},
        cached_content="cachedContents/c",
        continuation_token="dG9r",
        response_modalities=["text", "image"],
    )
    assert found["generationConfig"] == {
        "temperature": 1.0,
        "topP": 0.5,
        "maxOutputTokens": 9,
        "seed": 3,
        "stopSequences": ["x"],
        "thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": True},
        "speechConfig": {
            "languageCode": "de",
            "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}},
        },
        "imageConfig": {"aspectRatio": "1:1"},
        "responseModalities": ["TEXT", "IMAGE"],
    }
    assert found["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    safety = {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE", "method": "SEVERITY"}
    assert found["safetySettings"] == [safety]
    assert (found["serviceTier"], found["labels"]) == ("flex", {"team": "a"})
    assert (found["cachedContent"], found["continuationToken"]) == ("cachedContents/c", "dG9r")


def test_several_speakers() -> None:
    speakers = [{"speaker": "A", "voice": "Kore"}, {"speaker": "B", "voice": "Puck"}]
    found = settings(generation_config={"speech_config": {"speakers": speakers}})["generationConfig"]["speechConfig"]
    configs = found["multiSpeakerVoiceConfig"]["speakerVoiceConfigs"]
    assert [(one["speaker"], one["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"]) for one in configs] == [
        ("A", "Kore"),
        ("B", "Puck"),
    ]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("any", {"mode": "ANY"}),
        ({"allowed_tools": {"mode": "any", "tools": ["look"]}}, {"mode": "ANY", "allowedFunctionNames": ["look"]}),
        ({"allowed_tools": {"tools": ["look"]}}, {"mode": "VALIDATED", "allowedFunctionNames": ["look"]}),
        ({"allowed_tools": {"mode": "none", "tools": ["look"]}}, {"mode": "NONE"}),
    ],
)
def test_tool_choice(choice: Any, config: dict[str, Any]) -> None:
    assert settings(generation_config={"tool_choice": choice}) == {"toolConfig": {"functionCallingConfig": config}}


def test_tools() -> None:
    schema = {"type": "object", "properties": {"camelCase": {"type": "string"}}}
    tools = [
        {"type": "function", "name": "look", "description": "Looks.", "parameters": schema},
        {"type": "function", "name": "go"},
        {"type": "google_search", "search_types": ["web_search", "enterprise_web_search"]},
        {"type": "google_search"},
        {"type": "code_execution"},
        {"type": "url_context"},
        {"type": "google_maps", "enable_widget": True, "latitude": 1, "longitude": 2},
        {"type": "file_search", "file_search_store_names": ["s"], "top_k": 3},
        {"type": "computer_use", "environment": "browser", "excluded_predefined_functions": ["f"]},
    ]
    found = settings(tools=tools, generation_config={"tool_choice": "auto"})
    look = {"name": "look", "description": "Looks.", "parametersJsonSchema": schema}
    assert found["tools"] == [
        {"functionDeclarations": [look, {"name": "go"}]},
        {"googleSearch": {"searchTypes": {"webSearch": {}}}},
        {"googleSearch": {}},
        {"codeExecution": {}},
        {"urlContext": {}},
        {"googleMaps": {"enableWidget": True}},
        {"fileSearch": {"fileSearchStoreNames": ["s"], "topK": 3}},
        {"computerUse": {"environment": "ENVIRONMENT_BROWSER", "excludedPredefinedFunctions": ["f"]}},
    ]
    assert found["toolConfig"] == {
        "retrievalConfig": {"latLng": {"latitude": 1.0, "longitude": 2.0}},
        "functionCallingConfig": {"mode": "AUTO"},
    }


SCHEMA = {"type": "object", "properties": {"fullName": {"type": "string"}}}


@pytest.mark.parametrize(
    ("format", "config"),
    [
        (
            {"type": "text", "mimeType": "application/json", "schema": SCHEMA},
            {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
        ),
        (SCHEMA, {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}),
        ({"type": "text", "mime_type": "application/json"}, {"responseMimeType": "application/json"}),
        (
            [{"type": "text", "mime_type": "text/plain", "schema": {"enum": ["a"]}}],
            {"responseMimeType": "text/x.enum", "responseJsonSchema": {"enum": ["a"]}},
        ),
        (
            [{"type": "text"}, {"type": "image", "aspect_ratio": "16:9", "image_size": "2K"}],
            {"responseModalities": ["TEXT", "IMAGE"], "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"}},
        ),
        ({"type": "audio"}, {"responseModalities": ["AUDIO"]}),
    ],
)
def test_response_format(format: Any, config: dict[str, Any]) -> None:
    assert settings(response_format=format) == {"generationConfig": config}


def test_an_old_schema_beside_a_media_type() -> None:
    found = settings(response_mime_type="application/json", response_format=SCHEMA)["generationConfig"]
    assert found == {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}


def test_what_the_server_needs_to_know() -> None:
    body = {"model": "models/m", "input": "a", "store": True, "background": True, "stream": True, "tools": None}
    request = read_create(json.dumps(body | {"previousInteractionId": "v1_a", "labels": {"a": "b"}}).encode())
    assert (request.model, request.store, request.background, request.stream) == ("models/m", True, True, True)
    assert (request.previous, request.labels, request.service_tier) == ("v1_a", {"a": "b"}, "")


def test_the_rest_of_an_answer_is_asked_for_without_input() -> None:
    body = {"model": "m", "previous_interaction_id": "v1_a", "continuation_token": "dG9r"}
    request = read_create(json.dumps(body).encode())
    assert request.is_continuation
    assert json.loads(request.gemini_body(PriorTurns([user({"text": "a"})], {})))["contents"] == [user({"text": "a"})]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"model": 1}, "'model' must be a string"),
        ({"stream": "yes"}, "'stream' must be true or false"),
        ({"input": []}, "'input' is empty"),
        ({"input": 3}, "'input' must be an object"),
        ({"input": [{"type": "poem"}]}, "'poem' is not supported for 'type' at 'input[0]'"),
        ({"input": [{"type": "user_input", "content": [{"type": "poem"}]}]}, "'input[0].content[0]'"),
        ({"input": [{"type": "image"}]}, "needs 'data' or 'uri'"),
        ({"input": [{"type": "image", "data": "AAAA"}]}, "'input[0].mime_type' must be a string"),
        ({"input": [{"type": "image", "uri": "u", "resolution": "vast"}]}, "use one of low, medium"),
        ({"input": [{"type": "model_output", "content": [{"type": "poem"}]}]}, "'poem'"),
        ({"input": [{"role": "user", "content": "a"}]}, "before June 2026"),
        ({"input": [{**RESULT, "call_id": "lost"}]}, "no function call 'lost'"),
        ({"input": [{**CALL, "arguments": "text"}]}, "'input[0].arguments' must be an object"),
        ({"background": True, "store": False}, "'background' requires 'store'"),
        ({"input": None}, "'input' is required"),
        ({"input": None, "continuation_token": "t"}, "previous_interaction_id"),
        ({"generation_config": {"temperature": "hot"}}, "'generation_config.temperature' must be a number"),
        ({"generation_config": {"seed": 1.5}}, "'generation_config.seed' must be a whole number"),
        ({"generation_config": {"seed": True}}, "'generation_config.seed' must be a whole number"),
        ({"generation_config": {"thinking_level": "vast"}}, "minimal, low"),
        ({"tools": [{"type": "poem"}]}, "'poem' is not supported for 'type' at 'tools[0]'"),
        ({"safety_settings": [{"type": "harassment"}]}, "'safety_settings[0].threshold'"),
    ],
)
def test_a_mistake_is_named_with_its_place(fields: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError) as caught:
        gemini(**fields)
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "code", "word"),
    [
        ({"poem": 1}, "parameter_unknown", "'poem'"),
        ({"generation_config": {"top_k": 1}}, "parameter_unknown", "'generation_config.top_k'"),
        ({"agent": "deep-research"}, "invalid_request", "'agent'"),
        ({"environment": "remote"}, "invalid_request", "'environment'"),
        ({"webhook_config": {"uris": []}}, "invalid_request", "'webhook_config'"),
        ({"service_tier": "deferred"}, "invalid_request", "deferred"),
        ({"generation_config": {"video_config": {}}}, "invalid_request", "video_config"),
        ({"tools": [{"type": "mcp_server", "url": "u"}]}, "invalid_request", "mcp_server"),
        ({"tools": [{"type": "function", "name": "f", "defer_loading": True}]}, "invalid_request", "defer_loading"),
        ({"response_format": {"type": "video"}}, "invalid_request", "response_format"),
        ({"response_format": {"type": "image", "delivery": "uri"}}, "invalid_request", "uri"),
        ({"response_format": {"type": "audio", "sample_rate": 1}}, "invalid_request", "sample_rate"),
        ({"input": [{"type": "video", "uri": "u", "processing": "agentic"}]}, "invalid_request", "processing"),
        ({"labels": {"Team": "a"}}, "invalid_request", "labels"),
    ],
)
def test_what_cannot_be_done_is_refused_and_never_dropped(fields: dict[str, Any], code: str, word: str) -> None:
    with pytest.raises(APIError) as caught:
        gemini(**fields)
    assert (caught.value.code, caught.value.status) == (400, code)
    assert word in str(caught.value.message)


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"[" * 5000])
def test_a_body_that_is_no_request(body: bytes) -> None:
    with pytest.raises(UsageError):
        read_create(body)

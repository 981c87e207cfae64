"""Requests of the Gemini API as chat servers get them: nothing that changes the meaning of an answer is dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.core.wire.openai.chat_state import pack
from headwater.core.wire.openai.requests.chat_request import ChatCall, chat_call
from headwater.core.wire.openai.requests.chat_schema import is_strict, json_schema
from headwater.core.wire.openai.requests.server_traits import PRESETS, ServerTraits, preset_for, traits_of
from headwater.engines.base import EngineRequest
from headwater.errors import UsageError

USER = {"role": "user", "parts": [{"text": "hi"}]}
CALLS = {
    "role": "model",
    "parts": [
        {"functionCall": {"id": "c1", "name": "f", "args": {"n": 1}}},
        {"functionCall": {"id": "c2", "name": "f", "args": {"n": 2}}},
    ],
}
FUNCTIONS = [{"functionDeclarations": [{"name": "f"}, {"name": "g", "description": "G"}]}]


def translated(*contents: Any, preset: str = "openai", traits: Any = None, **fields: Any) -> ChatCall:
    """What becomes of a request with these contents."""
    body = json.dumps({"contents": contents or (USER,), **fields}).encode()
    return chat_call("m", EngineRequest("m", body).content, traits_of(preset, traits), engine="e")


def sent(*contents: Any, **settings: Any) -> dict[str, Any]:
    """The body that a server gets."""
    body: dict[str, Any] = json.loads(translated(*contents, **settings).body)
    return body


def refused(*contents: Any, **settings: Any) -> str:
    with pytest.raises(UsageError) as caught:
        translated(*contents, **settings)
    return str(caught.value)


def config(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": fields}


def result(name: str, response: Any, **fields: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": response, **fields}}


def test_sampling_keeps_its_meaning_in_either_spelling() -> None:
    """R1, R2."""
    body = sent(
        **config(
            temperature=1, seed=7, presencePenalty=0.5, frequency_penalty=0.25, candidateCount=2, top_p=0.5,
            responseLogprobs=True, logprobs=2, max_output_tokens=5, stop_sequences=["x"],
        )
    )  # fmt: skip
    assert (body["temperature"], body["seed"], body["n"], body["stop"], body["top_p"]) == (1, 7, 2, ["x"], 0.5)
    assert (body["presence_penalty"], body["frequency_penalty"]) == (0.5, 0.25)
    assert (body["logprobs"], body["top_logprobs"], body["max_completion_tokens"]) == (True, 2, 5)
    assert (body["model"], body["stream"], body["stream_options"]) == ("m", True, {"include_usage": True})


def test_each_preset_gets_the_fields_that_it_knows() -> None:
    fields = config(maxOutputTokens=5, topK=3, seed=1)
    ollama, vllm, mistral = (sent(preset=name, **fields) for name in ("ollama", "vllm", "mistral"))
    assert (ollama["max_tokens"], "top_k" in ollama) == (5, False)
    assert (vllm["top_k"], vllm["stream_options"]["continuous_usage_stats"]) == (3, True)
    assert (mistral["random_seed"], "stream_options" in mistral) == (1, False)
    assert sent(preset="llamacpp")["timings_per_token"] is True
    assert sent(traits={"extra_body": {"keep_alive": -1, "model": "other"}})["model"] == "other"


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [
        ({"thinkingLevel": "LOW"}, "low"),
        ({"thinkingBudget": 0}, "none"),
        ({"thinkingBudget": 1024}, "low"),
        ({"thinkingBudget": 5000}, "medium"),
        ({"thinkingBudget": 9000}, "high"),
        ({"thinkingBudget": -1}, None),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
        ({"includeThoughts": True}, None),
    ],
)
def test_thinking_is_an_effort(thinking: dict[str, Any], effort: str | None) -> None:
    assert sent(**config(thinkingConfig=thinking)).get("reasoning_effort") == effort


def test_thinking_is_switched_as_the_server_wants_it() -> None:
    off, low = config(thinkingConfig={"thinkingBudget": 0}), config(thinkingConfig={"thinkingLevel": "LOW"})
    assert sent(preset="deepseek", **off)["thinking"] == {"type": "disabled"}
    assert sent(preset="vllm", **low)["chat_template_kwargs"] == {"enable_thinking": True, "reasoning_effort": "low"}
    assert sent(preset="vllm", **off)["chat_template_kwargs"] == {"enable_thinking": False}
    assert sent(preset="openrouter", **low)["reasoning"] == {"effort": "low"}
    assert sent(preset="openrouter", **off)["reasoning"] == {"enabled": False}
    assert translated(preset="mistral", **low).ignored == ("thinkingConfig",)
    assert translated(**config(thinkingConfig={"includeThoughts": True})).options.include_thoughts


def test_hints_are_left_out_and_named() -> None:
    fields: dict[str, Any] = {
        **config(topK=3, enableEnhancedCivicAnswers=True),
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "labels": {"a": "b"},
        "serviceTier": "flex",
        "toolConfig": {"retrievalConfig": {"languageCode": "en"}},
    }
    assert set(translated(preset="generic", **fields).ignored) == {
        "topK", "enableEnhancedCivicAnswers", "safetySettings", "labels", "serviceTier", "retrievalConfig",
    }  # fmt: skip
    openai = translated(preset="openai", **fields)
    assert not {"labels", "serviceTier"} & set(openai.ignored)
    assert json.loads(openai.body)["metadata"] == {"a": "b"}
    assert json.loads(openai.body)["service_tier"] == "flex"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (config(speechConfig={}), "speechConfig"),
        (config(imageConfig={}), "imageConfig"),
        (config(responseModalities=["AUDIO"]), "text only"),
        (config(stopSequences=list("abcde")), "at most 4"),
        (config(responseMimeType="text/csv"), "text/csv"),
        (config(responseMimeType="application/json", responseSchema=["STRING"]), "a response schema is an object"),
        ({"preset": "groq", **config(candidateCount=2)}, "candidateCount"),
        ({"preset": "deepseek", **config(responseMimeType="application/json", responseSchema={})}, "json_schema"),
        ({"cachedContent": "cachedContents/x"}, "cachedContent"),
        ({"tools": [{"googleSearch": {}}]}, "google_search"),
        ({"tools": [{"codeExecution": {}}]}, "code_execution"),
        ({"tools": [{"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING"}]}]}, "NON_BLOCKING"),
        (
            {
                "tools": FUNCTIONS,
                "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["x"]}},
            },
            "not declared",
        ),
        ({"tools": FUNCTIONS, "toolConfig": {"functionCallingConfig": {"mode": "ODD"}}}, "ODD"),
        ({"preset": "ollama", "tools": FUNCTIONS, "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "ANY"),
        ({"systemInstruction": {"parts": [{"inlineData": {"mimeType": "image/png", "data": ""}}]}}, "not text"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(settings: dict[str, Any], words: str) -> None:
    """R9 and its kin."""
    assert words in refused(**settings)


def test_no_contents_are_refused() -> None:
    with pytest.raises(UsageError, match="contents is not specified"):
        chat_call("m", EngineRequest("m", b"{}").content, ServerTraits())


# Turns.


def test_all_of_the_system_instruction_is_sent_first() -> None:
    """R3."""
    messages = sent(systemInstruction={"parts": [{"text": "a"}, {"text": "b"}]})["messages"]
    assert messages == [{"role": "system", "content": "a\n\nb"}, {"role": "user", "content": "hi"}]


def test_results_find_their_calls_by_id_and_come_before_the_text() -> None:
    """R4, R6."""
    answers = {"parts": [{"text": "now?"}, result("f", {"r": 2}, id="c2"), result("f", {"output": "one"}, id="c1")]}
    messages = sent(USER, CALLS, answers)["messages"]
    assert [call["id"] for call in messages[1]["tool_calls"]] == ["c1", "c2"]
    assert messages[1]["content"] is None
    assert messages[2:] == [
        {"role": "tool", "tool_call_id": "c2", "content": '{"r":2}'},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "user", "content": "now?"},
    ]


def test_without_ids_results_find_the_first_open_call_of_their_name() -> None:
    calls = {"role": "model", "parts": [{"functionCall": {"name": name}} for name in ("f", "g", "f")]}
    answers = {"role": "function", "parts": [result(name, {"n": number}) for number, name in enumerate("gff")]}
    messages = sent(USER, calls, answers)["messages"]
    assert [call["id"] for call in messages[1]["tool_calls"]] == ["call_1_0", "call_1_1", "call_1_2"]
    assert [one["tool_call_id"] for one in messages[2:]] == ["call_1_1", "call_1_0", "call_1_2"]


def test_ids_are_as_mistral_wants_them_and_agree() -> None:
    messages = sent(USER, CALLS, {"parts": [result("f", {}, id="c1"), result("f", {}, id="c2")]}, preset="mistral")[
        "messages"
    ]
    ids = [call["id"] for call in messages[1]["tool_calls"]]
    assert all(len(one) == 9 and one.isalnum() for one in ids)
    assert [one["tool_call_id"] for one in messages[2:]] == ids


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ((USER, CALLS, USER), "'f' before it has no functionResponse"),
        ((USER, CALLS, {"parts": [result("f", {}, id="c1")]}), "'f' before it has no functionResponse"),
        ((USER, CALLS, {"role": "model", "parts": [{"text": "x"}]}), "'f' before it has no functionResponse"),
        (({"parts": [result("f", {})]},), "there is no call of 'f'"),
        ((USER, CALLS, {"parts": [result("f", {}, id="c1", willContinue=True)]}), "willContinue"),
        (({"role": "wizard", "parts": [{"text": "x"}]},), "wizard"),
        (({"parts": [{"functionCall": {"name": "f"}}]},), "function_call"),
        (
            (USER, {"role": "model", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]}),
            "text and function calls",
        ),
        ((USER, {"role": "model", "parts": [{"text": "The"}]}), "cannot continue it"),
        (({"parts": [{"inlineData": {"mimeType": "audio/flac", "data": "AA=="}}]},), "audio/flac"),
        (({"parts": [{"fileData": {"fileUri": "gs://b/o.png", "mimeType": "image/png"}}]},), "only Google"),
        (({"parts": [{"fileData": {"fileUri": "https://youtu.be/x"}}]},), "only Google"),
        (
            ({"parts": [{"fileData": {"fileUri": "https://a.example/x.pdf", "mimeType": "application/pdf"}}]},),
            "fetches no",
        ),
    ],
)
def test_turns_that_cannot_be_sent_are_refused_with_their_place(contents: Any, words: str) -> None:
    assert words in refused(*contents)


def test_thoughts_are_never_sent_as_what_the_model_said() -> None:
    """R5."""
    history = {"role": "model", "parts": [{"text": "I ponder", "thought": True}, {"text": "Yes"}, {"text": "."}]}
    assert sent(USER, history, USER)["messages"][1] == {"role": "assistant", "content": "Yes."}
    empty = {"role": "model", "parts": [{"text": "I ponder", "thought": True}]}
    assert len(sent(USER, empty, USER)["messages"]) == 2


def test_what_a_server_wants_back_is_given_back_to_it_alone() -> None:
    details = [{"type": "reasoning.encrypted", "data": "x"}]
    google = {"google": {"thought_signature": "s"}}
    signed = [
        {"functionCall": {"id": "c1", "name": "f"}, "thoughtSignature": pack("e", {"extra_content": google})},
        {"text": "", "thoughtSignature": pack("e", {"reasoning_details": details, "reasoning": "hm"})},
        {"text": "", "thoughtSignature": "R29vZ2xl"},
    ]
    contents = (USER, {"role": "model", "parts": signed}, {"parts": [result("f", {}, id="c1")]})
    message = sent(*contents, preset="openrouter")["messages"][1]
    assert (message["reasoning_details"], message["tool_calls"][0]["extra_content"]) == (details, google)
    assert sent(*contents, preset="deepseek")["messages"][1]["reasoning_content"] == "hm"
    thought = [{"text": "ponder", "thought": True}, {"functionCall": {"id": "c1", "name": "f"}}]
    contents = (USER, {"role": "model", "parts": thought}, {"parts": [result("f", {}, id="c1")]})
    assert sent(*contents, preset="deepseek")["messages"][1]["reasoning_content"] == "ponder"


def test_an_answer_is_begun_for_the_model_where_the_server_can_do_that() -> None:
    begun = (USER, {"role": "model", "parts": [{"text": "The river"}]})
    assert sent(*begun, preset="vllm")["continue_final_message"] is True
    assert sent(*begun, preset="mistral")["messages"][-1]["prefix"] is True
    assert translated(*begun, preset="llamacpp").options.prefill == "The river"


def test_turns_of_one_role_are_sent_as_one_where_templates_are_strict() -> None:
    assert len(sent(USER, USER)["messages"]) == 2
    assert sent(USER, USER, preset="ollama")["messages"] == [{"role": "user", "content": "hi\nhi"}]
    image = {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]}
    assert [one["type"] for one in sent(image, USER, preset="ollama")["messages"][0]["content"]] == [
        "image_url",
        "text",
    ]


def test_media_are_sent_in_the_form_of_each_kind() -> None:
    """R13, R14: base64 that is URL-safe becomes the standard one."""

    def part(kind: str, **more: Any) -> dict[str, Any]:
        return {"inlineData": {"mimeType": kind, "data": "-_-_", "displayName": "a.txt"}, **more}

    low = {"mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}}
    parts = [part("image/png", **low), part("audio/wav"), part("application/pdf"), part("text/plain; charset=utf-8")]
    parts.append({"fileData": {"fileUri": "https://a.example/x.png", "mimeType": "image/png"}})
    image, audio, pdf, text, linked = sent({"parts": parts})["messages"][0]["content"]
    assert image["image_url"] == {"url": "data:image/png;base64,+/+/", "detail": "low"}
    assert audio["input_audio"] == {"data": "+/+/", "format": "wav"}
    assert pdf["file"]["filename"] == "a.txt"
    assert text["text"].startswith("a.txt:\n")
    assert linked["image_url"]["url"] == "https://a.example/x.png"
    video = {"parts": [part("video/mp4"), {"fileData": {"fileUri": "https://a/v", "mimeType": "video/mp4"}}]}
    fetching = sent(video, preset="vllm", traits={"fetches_urls": True})
    assert [one["type"] for one in fetching["messages"][0]["content"]] == ["video_url", "video_url"]
    # A server in one's own network could reach what clients cannot.
    link = {"parts": [{"fileData": {"fileUri": "https://a.example/x.png", "mimeType": "image/png"}}]}
    assert all("fetches no" in refused(link, preset=name) for name in ("vllm", "llamacpp", "ollama", "generic"))


def test_media_in_a_result_follow_it_in_a_turn_of_the_user() -> None:
    shown = result("f", {}, id="c1", parts=[{"inlineData": {"mimeType": "image/png", "data": "AA=="}}])
    messages = sent(USER, CALLS, {"parts": [shown, result("f", {}, id="c2")]})["messages"]
    assert [one["role"] for one in messages[2:]] == ["tool", "tool", "user"]
    assert messages[-1]["content"][0]["text"] == "(from the result of f)"


def test_code_that_ran_is_sent_as_text() -> None:
    ran = [{"executableCode": {"code": "1+1", "language": "PYTHON"}}, {"codeExecutionResult": {"output": "2"}}]
    assert sent(USER, {"role": "model", "parts": ran}, USER)["messages"][1]["content"].count("```") == 4


# Tools.


def test_tools_are_sent_in_either_spelling_and_with_their_schemas() -> None:
    """R7."""
    schema = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}
    declared = [
        {"name": "f", "parameters": schema},
        {"name": "g", "parameters_json_schema": {"type": "object", "$defs": {}}},
    ]
    tools = sent(tools=[{"function_declarations": declared}, {"functionDeclarations": [{"name": "h"}]}])["tools"]
    assert tools[0]["function"]["parameters"] == {"type": "object", "properties": {"city": {"type": "string"}}}
    assert tools[1]["function"]["parameters"] == {"type": "object", "$defs": {}}
    assert tools[2]["function"]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("preset", "mode", "allowed", "choice", "count"),
    [
        ("openai", "AUTO", [], None, 2),
        ("openai", "NONE", [], "none", 2),
        ("openai", "ANY", [], "required", 2),
        ("openai", "ANY", ["g"], {"type": "function", "function": {"name": "g"}}, 2),
        ("llamacpp", "ANY", ["g"], "required", 1),
        ("groq", "ANY", ["f", "g"], "required", 2),
        ("generic", "VALIDATED", ["g"], None, 1),
    ],
)
def test_the_choice_of_tools_is_obeyed(preset: str, mode: str, allowed: list[str], choice: Any, count: int) -> None:
    """R8."""
    calling = {"mode": mode, "allowedFunctionNames": allowed}
    body = sent(preset=preset, tools=FUNCTIONS, toolConfig={"functionCallingConfig": calling})
    assert (body.get("tool_choice"), len(body["tools"])) == (choice, count)


def test_arguments_are_streamed_if_the_client_wants_them_so() -> None:
    calling = {"functionCallingConfig": {"streamFunctionCallArguments": True}}
    assert translated(tools=FUNCTIONS, toolConfig=calling).options.streams_arguments
    assert not translated(tools=FUNCTIONS).options.streams_arguments


def test_several_allowed_functions_and_no_functions() -> None:
    calling = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}}
    assert sent(tools=FUNCTIONS, toolConfig=calling)["tool_choice"]["type"] == "allowed_tools"
    none = {"functionCallingConfig": {"mode": "NONE"}}
    assert "tools" not in sent(preset="ollama", tools=FUNCTIONS, toolConfig=none)


def test_names_that_a_server_refuses_are_changed_reversibly() -> None:
    names = ["my.f", "my:f", "x" * 80]
    call = translated(tools=[{"functionDeclarations": [{"name": name} for name in names]}])
    sent_names = [tool["function"]["name"] for tool in json.loads(call.body)["tools"]]
    assert [call.options.tool_names[name] for name in sent_names] == names
    assert all(len(name) <= 64 and "." not in name for name in sent_names)


def test_validated_functions_are_strict_where_the_schema_allows_it() -> None:
    strict = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    declared = [{"name": "f", "parametersJsonSchema": strict}, {"name": "g"}]
    calling = {"functionCallingConfig": {"mode": "VALIDATED"}}
    tools = sent(tools=[{"functionDeclarations": declared}], toolConfig=calling)["tools"]
    assert [tool["function"].get("strict") for tool in tools] == [True, None]


# Structured output.


def formatted(kind: str, preset: str = "vllm", **fields: Any) -> tuple[dict[str, Any], str]:
    call = translated(preset=preset, **config(responseMimeType=kind, **fields))
    return json.loads(call.body), call.options.frame


def test_json_without_a_schema_is_asked_for_in_words_too() -> None:
    """R10."""
    body, _ = formatted("application/json")
    assert body["response_format"] == {"type": "json_object"}
    assert "JSON" in body["messages"][0]["content"]
    asked = sent({"parts": [{"text": "as json"}]}, **config(responseMimeType="application/json"))
    assert len(asked["messages"]) == 1
    told = sent(systemInstruction={"parts": [{"text": "Be brief."}]}, **config(responseMimeType="application/json"))
    assert [one["role"] for one in told["messages"]] == ["system", "user"]


def test_schemas_are_sent_and_framed_where_the_root_must_be_an_object() -> None:
    """R11, R12."""
    array = {"type": "ARRAY", "items": {"type": "STRING", "nullable": True}}
    plain, frame = formatted("application/json", responseSchema=array)
    sent_schema = plain["response_format"]["json_schema"]["schema"]
    assert (sent_schema, frame) == ({"type": "array", "items": {"type": ["string", "null"]}}, "")
    framed, frame = formatted("application/json", "openai", responseSchema=array)
    assert framed["response_format"]["json_schema"]["schema"]["required"] == ["value"]
    assert (framed["response_format"]["json_schema"]["strict"], frame) == (True, "value")
    words = {"type": "STRING", "enum": ["a", "b"]}
    assert formatted("text/x.enum", responseSchema=words)[1] == "enum"
    assert formatted("text/x.enum", "openai", responseSchema=words)[1] == "enum"
    body, _ = formatted("application/json", responseJsonSchema={"type": "object", "$ref": "#/$defs/a"})
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object", "$ref": "#/$defs/a"}


def test_a_schema_can_be_put_into_the_prompt() -> None:
    settings = {"preset": "deepseek", "traits": {"json_schema": "prompt"}}
    body = sent(**settings, **config(responseMimeType="application/json", responseSchema={"type": "OBJECT"}))
    assert '{"type":"object"}' in body["messages"][0]["content"]


def test_images_are_asked_for_where_the_server_makes_them() -> None:
    assert sent(preset="openrouter", **config(responseModalities=["TEXT", "IMAGE"]))["modalities"] == ["text", "image"]
    assert "modalities" not in sent(**config(responseModalities=["TEXT"]))


def test_schemas_become_json_schema() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "b": {"type": "INTEGER", "format": "int64", "minimum": 1, "example": 3},
            "a": {"any_of": [{"type": "STRING"}, {"type": "TYPE_UNSPECIFIED"}], "nullable": "true"},
            "e": {"type": "STRING", "format": "enum", "enum": ["x"], "nullable": True},
            "l": {"type": "ARRAY", "minItems": "2", "max_items": 3, "items": {"ref": "#/$defs/d"}},
        },
        "propertyOrdering": ["a", "b", "zz"],
        "defs": {"d": {"type": "STRING", "format": "date"}},
        "additional_properties": False,
        "title": None,
    }
    found = json_schema(schema)
    assert list(found["properties"]) == ["a", "b", "e", "l"]
    assert found["properties"] == {
        "a": {"anyOf": [{"type": "string"}, {}, {"type": "null"}]},
        "b": {"type": "integer", "minimum": 1, "examples": [3]},
        "e": {"type": ["string", "null"], "enum": ["x", None]},
        "l": {"type": "array", "minItems": 2, "maxItems": 3, "items": {"$ref": "#/$defs/d"}},
    }
    assert (found["$defs"], found["additionalProperties"]) == ({"d": {"type": "string", "format": "date"}}, False)
    assert not is_strict(found)
    assert json_schema("odd") == "odd"


# Presets.


@pytest.mark.parametrize(
    ("url", "preset"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://x.openai.azure.com/openai/v1", "azure"),
        ("http://127.0.0.1:11434/v1", "ollama"),
        ("http://[::1]:11434/v1", "ollama"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://notopenrouter.ai/api/v1", "generic"),
        ("https://api.openai.com.evil.example/v1", "generic"),
        ("http://127.0.0.1:8000/v1", "generic"),
    ],
)
def test_an_address_suggests_its_preset(url: str, preset: str) -> None:
    assert preset_for(url) == preset


def test_presets_can_be_overridden_and_mistakes_are_named() -> None:
    assert traits_of("ollama", {"top_k": True}).top_k
    for preset, overrides, words in [
        ("olama", {}, "there is no preset 'olama': choose one of openai, azure"),
        ("ollama", {"topk": True}, "topk"),
        ("ollama", {"json_schema": "maybe"}, "json_schema"),
    ]:
        with pytest.raises(UsageError, match=words):
            traits_of(preset, overrides)
    assert all(preset_for(traits.url) == name for name, traits in PRESETS.items() if traits.url.startswith("https"))

"""Requests and answers that gateways between the Gemini API and chat completions get wrong, and what is right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from headwater.core.wire.openai.chat_answer import ChatOptions
from headwater.core.wire.openai.requests.chat_request import chat_call
from headwater.core.wire.openai.requests.server_traits import traits_of
from headwater.engines.base import EngineRequest
from headwater.errors import UsageError
from tests.support.chat_cases import ChatOutcome, delta, read_chat, sse

USER = {"role": "user", "parts": [{"text": "hi"}]}


class TranslationCase(NamedTuple):
    """One case: its number in the table, what is to happen, and whether it does."""

    number: str
    name: str
    is_right: Callable[[], bool]


def sent(*contents: Any, **fields: Any) -> dict[str, Any]:
    """What a chat server gets for a request."""
    body = json.dumps({"contents": contents or (USER,), **fields}).encode()
    call = chat_call("m", EngineRequest("m", body).content, traits_of("openai"))
    document: dict[str, Any] = json.loads(call.body)
    return document


def told(*events: Any, end: bytes = b"data: [DONE]\n\n") -> ChatOutcome:
    """What a client of the Gemini API gets for the answer of a chat server."""
    return read_chat([sse(*events, end=end)], ChatOptions(include_thoughts=True))


def _config(**fields: Any) -> dict[str, Any]:
    return sent(generationConfig=fields)


def _call(arguments: str, name: str = "f", id: str = "a") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return delta({"tool_calls": [{"index": 0, "id": id, "type": "function", "function": function}]})


def _calls(outcome: ChatOutcome) -> list[Any]:
    return [part["functionCall"] for part in outcome.parts if "functionCall" in part]


def _sampling() -> bool:
    body = _config(
        seed=7, presencePenalty=0.5, candidateCount=2, responseLogprobs=True, logprobs=2,
        thinkingConfig={"thinkingLevel": "LOW"},
    )  # fmt: skip
    values = [body[name] for name in ("seed", "presence_penalty", "n", "logprobs", "top_logprobs", "reasoning_effort")]
    return values == [7, 0.5, 2, True, 2, "low"]


def _ids() -> bool:
    calls = [{"functionCall": {"id": f"c{n}", "name": "f", "args": {"n": n}}} for n in (1, 2)]
    results = [{"functionResponse": {"id": f"c{n}", "name": "f", "response": {"r": n}}} for n in (2, 1)]
    messages = sent(USER, {"role": "model", "parts": calls}, {"role": "user", "parts": results})["messages"]
    made = [call["id"] for call in messages[1]["tool_calls"]]
    return [*made, *(one["tool_call_id"] for one in messages[2:])] == ["c1", "c2", "c2", "c1"]


def _thoughts_stay_home() -> bool:
    history = {"role": "model", "parts": [{"text": "I ponder", "thought": True}, {"text": "Yes"}]}
    return bool(sent(USER, history, USER)["messages"][1]["content"] == "Yes")


def _result_first() -> bool:
    call = {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}
    mixed = {"parts": [{"text": "and now?"}, {"functionResponse": {"name": "f", "response": {}}}]}
    return [one["role"] for one in sent(USER, call, mixed)["messages"]][-2:] == ["tool", "user"]


def _snake_tools() -> bool:
    declared = {"name": "f", "parameters_json_schema": {"type": "object", "properties": {}}}
    return bool(sent(tools=[{"function_declarations": [declared]}])["tools"][0]["function"]["name"] == "f")


def _allowed() -> bool:
    tools = [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]
    calling = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g"]}}
    return bool(sent(tools=tools, toolConfig=calling)["tool_choice"]["function"] == {"name": "g"})


def _refused() -> bool:
    try:
        sent(tools=[{"googleSearch": {}}])
    except UsageError as error:
        return "google_search" in str(error)
    return False


def _format(kind: str, **fields: Any) -> Any:
    return _config(responseMimeType=kind, **fields)["response_format"]


def _array() -> bool:
    items = {"type": "STRING", "nullable": True}
    schema = _format("application/json", responseSchema={"type": "ARRAY", "items": items})["json_schema"]["schema"]
    return bool(schema["properties"]["value"] == {"type": "array", "items": {"type": ["string", "null"]}})


def _enum() -> bool:
    schema = {"type": "STRING", "enum": ["a", "b"]}
    found = _format("text/x.enum", responseSchema=schema)["json_schema"]["schema"]["properties"]["value"]
    return bool(found == {"type": "string", "enum": ["a", "b"]})


def _audio() -> bool:
    part = {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}}
    return bool(sent({"role": "user", "parts": [part]})["messages"][0]["content"][0]["type"] == "input_audio")


def _usage() -> bool:
    details = {"completion_tokens_details": {"reasoning_tokens": 7}, "prompt_tokens_details": {"cached_tokens": 4}}
    usage = {"prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 19, **details}
    found = told(delta({"content": "x"}), delta({}, "stop", usage=usage)).response.usage_metadata
    counts = (found.thoughts_token_count, found.cached_content_token_count, found.candidates_token_count)
    return counts == (7, 4, 2)


def _candidates() -> bool:
    events = [delta({"content": "A"}), delta({"content": "B"}, index=1), delta({}, "stop"), delta({}, "stop", index=1)]
    return [one.index for one in told(*events).response.candidates or ()] == [0, 1]


def _cut_call() -> bool:
    outcome = told(_call('{"n":'), delta({}, "length"))
    return not _calls(outcome) and outcome.candidate["finishReason"] == "MAX_TOKENS"


def _index_zero() -> bool:
    return len(_calls(told(_call('{"n":1}'), _call('{"n":2}', "g", "b"), delta({}, "stop")))) == 2


def _cut() -> bool:
    outcome = told(delta({"content": "half"}), end=b"")
    return outcome.error is not None and "finishReason" not in outcome.candidate


def _refusal() -> bool:
    outcome = told(delta({"refusal": "I cannot"}), delta({}, "stop"))
    return outcome.response.text == "I cannot" and outcome.candidate["finishReason"] == "SAFETY"


def _names() -> bool:
    chunks = told(delta({"content": "x"}), delta({}, "stop")).chunks
    return all("modelVersion" in one and "responseId" in one for one in chunks)


CASES = (
    TranslationCase("R1", "`seed`, penalties, `candidateCount`, log probabilities, thinking level are sent", _sampling),
    TranslationCase(
        "R2",
        "`generationConfig` in snake case is read",
        lambda: _config(max_output_tokens=5, stop_sequences=["x"])["max_completion_tokens"] == 5,
    ),
    TranslationCase(
        "R3",
        "a system instruction of two parts is sent whole",
        lambda: sent(systemInstruction={"parts": [{"text": "a"}, {"text": "b"}]})["messages"][0]["content"] == "a\n\nb",
    ),
    TranslationCase("R4", "two calls of one function keep their ids", _ids),
    TranslationCase("R5", "a thought in the history is not sent as the answer's text", _thoughts_stay_home),
    TranslationCase("R6", "a function's result comes before the text of the same turn", _result_first),
    TranslationCase("R7", "tools in snake case, as google-genai sends them, are read", _snake_tools),
    TranslationCase("R8", "`allowedFunctionNames` is obeyed", _allowed),
    TranslationCase("R9", "a tool without a counterpart is refused, not dropped", _refused),
    TranslationCase("R10", "JSON without a schema", lambda: _format("application/json") == {"type": "json_object"}),
    TranslationCase("R11", "a schema with an array at its root, and null", _array),
    TranslationCase("R12", "`text/x.enum`", _enum),
    TranslationCase("R13", "audio is sent as audio", _audio),
    TranslationCase(
        "S1",
        "reasoning becomes thoughts",
        lambda: bool(told(delta({"reasoning_content": "hm"}), delta({}, "stop")).parts[0].get("thought")),
    ),
    TranslationCase(
        "S2", "a call keeps its id", lambda: _calls(told(_call("{}", id="c9"), delta({}, "stop")))[0]["id"] == "c9"
    ),
    TranslationCase(
        "S3", "a call without arguments arrives", lambda: len(_calls(told(_call(""), delta({}, "stop")))) == 1
    ),
    TranslationCase("S4", "two calls with index 0 are two", _index_zero),
    TranslationCase("S5", "an answer that is cut is an error, not finished", _cut),
    TranslationCase(
        "S6",
        "an error in the middle is an error",
        lambda: told(delta({"content": "half"}), {"error": {"message": "died"}}).error is not None,
    ),
    TranslationCase("S7", "a refusal is not an empty answer", _refusal),
    TranslationCase("S8", "thoughts and cached tokens in the counts", _usage),
    TranslationCase("S9", "two candidates stay two", _candidates),
    TranslationCase("S10", "`modelVersion` and `responseId`", _names),
    TranslationCase(
        "S11",
        "`content_filter` becomes SAFETY",
        lambda: told(delta({"content": "x"}, "content_filter")).candidate["finishReason"] == "SAFETY",
    ),
    TranslationCase("S12", "a call that was cut is not given out, and the answer says MAX_TOKENS", _cut_call),
)

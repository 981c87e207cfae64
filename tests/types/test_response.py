"""An answer says what it holds, whatever of it is there, and survives being copied and pickled."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import msgspec
import pytest

from headwater import genai, types
from headwater.core.answer.fold import Fold
from headwater.core.wire.gemini import Gemini
from headwater.types import NO_USAGE, FunctionCall, GenerateContentResponse, ListModelsResponse, Part, UsageMetadata

RAW = (
    b'{"candidates": [{"content": {"parts": [{"text": "hm", "thought": true}, {"text": "a"}, {"text": "b"}, '
    b'{"functionCall": {"name": "f", "args": {"x": 1}}}, {"executableCode": {"code": "1+1"}}, '
    b'{"codeExecutionResult": {"output": "2"}}], "role": "model"}, "finishReason": "NEW", "index": 0}], '
    b'"usageMetadata": {"totalTokenCount": 3}, "fromTheFuture": [1]}'
)


def answer() -> GenerateContentResponse:
    (result,) = Gemini(GenerateContentResponse).decode(RAW, {"server": "x"})
    assert isinstance(result, GenerateContentResponse)
    return result


def test_the_accessors_speak_of_the_first_candidate() -> None:
    found = answer()
    assert found.text == "ab"
    assert found.thought_text == "hm"
    assert len(found.parts) == 6
    assert found.function_calls == [FunctionCall(name="f", args={"x": 1})]
    assert found.executable_code == "1+1"
    assert found.code_execution_result == "2"
    assert found.finish_reason == "NEW"
    assert found.usage_metadata.total_token_count == 3
    assert found.sdk_http_response is not None
    assert found.sdk_http_response.headers == {"server": "x"}


@pytest.mark.parametrize(
    "candidates",
    [
        None,
        [],
        [{}],
        [{"content": {}}],
        [{"content": {"parts": []}}],
        [{"content": {"parts": [{}]}}],
        [{"content": {"parts": [{"text": ""}]}}],
        [{}, {"content": {"parts": ["not mine"]}}],
    ],
)
def test_where_nothing_is_the_accessors_say_so_without_a_fuss(candidates: Any) -> None:
    """``text`` can be joined and compared as it is, never None."""
    found = GenerateContentResponse(candidates=candidates)
    assert (found.text, found.thought_text, found.finish_reason) == ("", "", None)
    assert (found.function_calls, found.executable_code, found.code_execution_result) == (None, None, None)
    assert isinstance(found.parts, list)
    assert found.sdk_http_response is None


def test_a_single_thought_is_no_text() -> None:
    found = GenerateContentResponse(candidates=[{"content": {"parts": [Part(text="hm", thought=True)]}}])
    assert (found.text, found.thought_text) == ("", "hm")


def test_usage_is_false_where_the_api_sent_none() -> None:
    assert not GenerateContentResponse().usage_metadata
    assert not msgspec.json.decode(b"{}", type=GenerateContentResponse).usage_metadata
    assert GenerateContentResponse(usage_metadata={"total_token_count": 0}).usage_metadata
    assert GenerateContentResponse().usage_metadata.total_token_count is None


def test_usage_is_a_value_that_nobody_can_change() -> None:
    """It is shared by all answers without one."""
    with pytest.raises(AttributeError):
        NO_USAGE.total_token_count = 5  # type: ignore[misc]
    assert UsageMetadata(total_token_count=5) == UsageMetadata(total_token_count=5)


def test_raw_is_what_came_or_what_would_be_sent() -> None:
    assert answer().raw == RAW
    built = GenerateContentResponse(candidates=[{"finish_reason": "STOP"}])
    assert built.raw == b'{"candidates":[{"finishReason":"STOP"}]}'


def test_citations_go_by_either_name() -> None:
    for name in ("citations", "citationSources"):
        found = msgspec.json.decode(b'{"%s": [{"uri": "u"}]}' % name.encode(), type=types.CitationMetadata)
        assert found.citations == [types.Citation(uri="u")]


def test_models_go_by_any_of_their_names() -> None:
    for name in ("models", "tunedModels", "publisherModels"):
        page = msgspec.json.decode(b'{"%s": [{"name": "m"}]}' % name.encode(), type=ListModelsResponse)
        assert [model.name for model in page.items] == ["m"]
    assert ListModelsResponse().items == []


def folded() -> GenerateContentResponse:
    fold = Fold()
    fold.add(answer())
    return fold.response


VALUES = [
    answer(),
    folded(),
    GenerateContentResponse(),
    Part("a"),
    Part(text="a", thought_signature=b"\x00", function_call={"name": "f", "args": {"x": [1, {"y": None}]}}),
    types.Content(parts=["a"], role="user"),
    types.UserContent("a"),
    types.ModelContent("a"),
    types.SpeechConfig("Kore"),
    types.GenerateContentConfig(response_modalities=["NEW"], thinking_config={"thinking_budget": 1}, tools=[{"a": 1}]),
    types.CountTokensResponse(total_tokens=5),
    types.Model(name="m", supported_actions=["a"]),
    types.Schema(type="OBJECT", properties={"a": {"type": "STRING"}}, defs={}, ref="#/a"),
    types.CitationMetadata(citation_sources=[{"uri": "u"}]),
    UsageMetadata(total_token_count=5),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))], ids=["copy", "deep", "pickle"]
)
def test_copies_and_pickles_are_equal_to_the_last_byte(value: Any, again: Any) -> None:
    """What came over the wire comes along: the raw bytes, the headers, and the absence of usage."""
    copied = again(value)
    assert copied == value
    assert type(copied) is type(value)
    assert repr(copied) == repr(value)
    assert copied.to_json_dict() == value.to_json_dict()
    assert msgspec.json.encode(copied) == msgspec.json.encode(value)
    if isinstance(value, types.GenerateContentResponse):
        assert copied.raw == value.raw
        assert copied.sdk_http_response == value.sdk_http_response
        assert bool(copied.usage_metadata) is bool(value.usage_metadata)


def test_a_deep_copy_shares_nothing_that_can_change() -> None:
    one = answer()
    two = copy.deepcopy(one)
    two.parts.append(Part("c"))
    two.parts[3].function_call.args["x"] = 2
    assert len(one.parts) == 6
    assert one.function_calls == [FunctionCall(name="f", args={"x": 1})]


def test_equality_is_that_of_the_fields() -> None:
    assert answer() == answer()
    assert answer() == GenerateContentResponse(**msgspec.json.decode(RAW.replace(b', "fromTheFuture": [1]', b"")))
    assert Part("a") != Part("b")
    assert Part("a") != types.FileData()  # type: ignore[comparison-overlap]
    changed = answer()
    changed.response_id = "other"
    assert changed != answer()


def test_the_first_prompt_of_an_answer_has_google_genais_name() -> None:
    usage = GenerateContentResponse(usage_metadata={"prompt_token_count": 3}).usage_metadata
    assert usage.initial_prompt_token_count == 3


@pytest.mark.parametrize("accessor", ["text", "function_calls", "executable_code", "code_execution_result"])
def test_an_accessor_says_once_that_there_are_more_candidates(
    accessor: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As google-genai does, and to its logger; of one candidate nothing is said."""
    assert genai.Client is not None  # what logs is there with the client
    monkeypatch.setattr("headwater.types.notices.given", set())
    one = types.Candidate(content=types.ModelContent("a"))
    getattr(GenerateContentResponse(candidates=[one]), accessor)
    assert not caplog.records
    for _ in range(2):
        getattr(GenerateContentResponse(candidates=[one, one]), accessor)
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("google_genai.types", "WARNING")
    assert "candidates in the response, returning" in record.message

"""A value can be written down in any of the ways that users know, and a mistake is named with what was meant."""

from __future__ import annotations

import contextlib
import copy
import inspect
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import types
from headwater.errors import UsageError
from headwater.types.base import ApiModel, coerce, salvage, to_snake

KINDS = sorted(
    {
        kind
        for _, kind in inspect.getmembers(types, inspect.isclass)
        if issubclass(kind, ApiModel) and kind is not ApiModel
    },
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize(
    "config",
    [
        types.GenerateContentConfig(max_output_tokens=5, thinking_config=types.ThinkingConfig(thinking_budget=0)),
        types.GenerateContentConfig(max_output_tokens=5, thinking_config={"thinking_budget": 0}),
        types.GenerateContentConfig(maxOutputTokens=5, thinkingConfig={"thinkingBudget": 0}),  # type: ignore[call-arg]
        types.GenerateContentConfig(MAX_OUTPUT_TOKENS="5", thinking_config={"thinkingBudget": 0.0}),  # type: ignore[call-arg]
        coerce({"maxOutputTokens": 5, "thinking_config": {"thinkingBudget": 0}}, types.GenerateContentConfig, "x"),
    ],
)
def test_snake_case_camel_case_and_dicts_mean_the_same(config: types.GenerateContentConfig) -> None:
    assert config == types.GenerateContentConfig(max_output_tokens=5, thinking_config={"thinking_budget": 0})
    assert type(config.max_output_tokens) is int
    assert json.loads(msgspec.json.encode(config)) == {"maxOutputTokens": 5, "thinkingConfig": {"thinkingBudget": 0}}


@pytest.mark.parametrize(
    ("kind", "wrong", "meant"),
    [
        (types.GenerateContentConfig, "max_tokens", "max_output_tokens"),
        (types.GenerateContentConfig, "temprature", "temperature"),
        (types.GenerateContentConfig, "systemInstructions", "system_instruction"),
        (types.ThinkingConfig, "include_thought", "include_thoughts"),
        (types.Part, "inlined_data", "inline_data"),
        (types.HttpOptions, "base_uri", "base_url"),
    ],
)
def test_a_typo_is_told_with_the_nearest_name(kind: Any, wrong: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"{kind.__name__} has no field {wrong!r}. Did you mean {meant!r}\?"):
        kind(**{wrong: 1})


def test_a_name_like_no_other_is_told_with_all_names() -> None:
    with pytest.raises(UsageError, match="It has: display_name, file_uri, mime_type"):
        types.FileData(zzzzzzzz=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: types.GenerateContentConfig(temperature="hot"), "GenerateContentConfig.temperature: expected float"),
        (lambda: types.GenerateContentConfig(max_output_tokens=1.5), "max_output_tokens: expected int, got float 1.5"),
        (lambda: types.GenerateContentConfig(max_output_tokens=True), "expected int, got bool"),
        (lambda: types.GenerateContentConfig(seed=float("inf")), "expected int, got float inf"),
        (lambda: types.GenerateContentConfig(temperature=10**400), "expected float, got int 1000"),
        (lambda: types.GenerateContentConfig(seed="1" * 5000), "expected int, got str '111"),
        (lambda: types.GenerateContentConfig(stop_sequences="END"), "stop_sequences: expected a list, got str 'END'"),
        (lambda: types.GenerateContentConfig(labels=["a"]), "labels: expected a dict, got list"),
        (lambda: types.GenerateContentConfig(thinking_config=5), "expected ThinkingConfig or a dict, got int 5"),
        (lambda: types.GenerateContentConfig(response_modalities=[5.0]), "expected one of .*TEXT.*, got float 5.0"),
        (lambda: types.GenerateContentConfig(thinking_config={"budget": 1}), "ThinkingConfig has no field 'budget'"),
        (lambda: types.Blob(data="!!! no base64"), "Blob.data: expected bytes or valid base64, got str"),
        (lambda: types.Blob(data=5), "Blob.data: expected bytes, got int 5"),
        (lambda: types.FileData("gs://x"), r"takes its fields by name, as FileData\(name=value\)"),
        (lambda: types.Part("a", "b"), "takes its fields by name"),  # type: ignore[call-arg]
        (lambda: types.Part(5), "a Part takes text, a File, an image or a dict, not int"),
        (lambda: types.Content(parts=["a", None]), "Content.parts: expected no None in the list"),
        (lambda: types.Content(parts=[5]), "a Part takes text, a File, an image or a dict, not int"),
        (lambda: types.Part(text="x" * 500, thought=["long"] * 100), r"expected bool, got list .{1,60}$"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(build: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build()


def test_the_mistakes_are_also_value_errors() -> None:
    """Who catches what google-genai raises catches ours."""
    with pytest.raises(ValueError, match="no field"):
        types.Part(nothing=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "data",
    [
        b"\xfb\xff\x00",
        bytearray(b"\xfb\xff\x00"),
        memoryview(b"\xfb\xff\x00"),
        *["+/8A", "-_8A", "+/8A\n", "+/\r\n8A"],
    ],
)
def test_bytes_are_bytes_or_base64_of_either_alphabet(data: Any) -> None:
    assert types.Blob(data=data).data == b"\xfb\xff\x00"
    assert types.Blob(data="+w").data == b"\xfb", "padding may be left out"


def test_numbers_in_text_and_whole_floats_are_numbers() -> None:
    config = types.GenerateContentConfig(max_output_tokens=5.0, temperature="0.5", top_k=3)
    assert (config.max_output_tokens, config.temperature, config.top_k) == (5, 0.5, 3)


def test_a_tuple_is_a_list_and_any_mapping_a_dict() -> None:
    assert types.GenerateContentConfig(stop_sequences=("a", "b")).stop_sequences == ["a", "b"]


def test_objects_that_fit_are_taken_as_they_are() -> None:
    part = types.Part("a")
    parts = types.Content(parts=[part]).parts
    assert parts is not None
    assert parts[0] is part


def test_the_list_is_the_value_s_own() -> None:
    """Who changes the list that was passed in does not change the value."""
    parts = [types.Part("a")]
    content = types.Content(parts=parts)
    parts.append(types.Part("b"))
    assert content.parts == [types.Part("a")]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_type_can_be_empty_and_then_shows_and_sends_nothing(kind: Any) -> None:
    value = kind()
    fixed = {"role": value.role} if isinstance(value, types.UserContent | types.ModelContent) else {}
    assert value.to_json_dict() == fixed
    assert json.loads(msgspec.json.encode(value)) == fixed
    assert len(repr(value)) <= len(kind.__name__) + 2 + len("role='model'" if fixed else "")
    assert value == kind()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_takes_its_snake_and_its_camel_name(kind: Any) -> None:
    for python, wire in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True):
        for name in (python, wire):
            assert getattr(kind(**{name: None}), python) == getattr(kind(), python)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_type_and_public_method_says_what_it_is(kind: Any) -> None:
    assert kind.__doc__
    assert kind.__doc__.rstrip().endswith(".")


def test_a_repr_is_compact_and_shows_what_was_set() -> None:
    answer = types.GenerateContentResponse(candidates=[{"content": {"parts": ["a"], "role": "model"}}])
    assert repr(answer) == (
        "GenerateContentResponse(candidates=[Candidate(content=Content(parts=[Part(text='a')], role='model'))])"
    )


def test_to_json_dict_is_plain_json_in_pythons_names() -> None:
    content = types.Content(
        role="user",
        parts=[
            types.Part.from_bytes(data=b"\xfb\xff", mime_type="image/png"),
            types.Part(function_call={"name": "f", "args": {"keepCase": [1, None, {"aB": b"x"}]}}),
            types.Part(executable_code={"language": "PYTHON"}),
        ],
    )
    plain = content.to_json_dict()
    assert (
        json.loads(json.dumps(plain))
        == plain
        == {
            "role": "user",
            "parts": [
                {"inline_data": {"data": "-_8=", "mime_type": "image/png"}},
                {"function_call": {"name": "f", "args": {"keepCase": [1, None, {"aB": "eA=="}]}}},
                {"executable_code": {"language": "PYTHON"}},
            ],
        }
    )
    assert types.Content(**plain) == types.Content(**json.loads(msgspec.json.encode(types.Content(**plain))))


def test_a_usage_that_was_set_is_part_of_the_dict_and_one_that_was_not_is_not() -> None:
    assert types.GenerateContentResponse().to_json_dict() == {}
    assert types.GenerateContentResponse(usage_metadata={"total_token_count": 0}).to_json_dict() == {
        "usage_metadata": {"total_token_count": 0}
    }


def test_salvage_keeps_what_fits_and_leaves_out_the_rest() -> None:
    document = {
        "candidates": [
            {
                "content": {
                    "parts": [{"text": "a", "thought": "no"}, 5, {"thoughtSignature": "?", "new": 1}],
                    "role": 7,
                },
                "finishReason": 1,
                "index": "0",
                "avgLogprobs": "much",
                "safetyRatings": "none",
            },
            None,
            "text",
        ],
        "usageMetadata": {"totalTokenCount": "12", "promptTokenCount": 1.5, "promptTokensDetails": [{"modality": 1}]},
        "promptFeedback": [],
    }
    assert salvage(document, types.GenerateContentResponse) == types.GenerateContentResponse(
        candidates=[
            {"content": {"parts": [{"text": "a"}, {}]}, "finish_reason": "STOP", "index": 0},
        ],
        usage_metadata={"total_token_count": 12, "prompt_tokens_details": [{"modality": "TEXT"}]},
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc_", max_size=4), inner, max_size=3),
    max_leaves=8,
)


def test_salvage_of_a_turn_that_says_nothing_is_an_empty_one() -> None:
    assert salvage({"parts": []}, types.ModelContent) == types.ModelContent()


@given(st.sampled_from(KINDS), st.data())
def test_salvage_takes_any_values_in_any_field(kind: Any, data: st.DataObject) -> None:
    """It never raises, and what it returns can be sent."""
    names = data.draw(st.lists(st.sampled_from([*kind.__struct_encode_fields__, "unknown"]), max_size=4))
    value = salvage({name: data.draw(JSON) for name in names}, kind)
    assert isinstance(value, kind)
    json.dumps(to_snake(value))
    msgspec.json.encode(value)


@given(st.sampled_from(KINDS), st.data())
def test_building_takes_any_values_or_says_what_is_wrong(kind: Any, data: st.DataObject) -> None:
    names = st.sampled_from([*kind.__struct_fields__, *kind.__struct_encode_fields__, "x"])
    values = data.draw(st.dictionaries(names, JSON, max_size=3))
    with contextlib.suppress(UsageError):
        assert isinstance(kind(**values), kind)


class UserMessage(types.Content):
    """A type that a program derives, with a constructor of its own, as from google-genai's pydantic models."""

    def __init__(self, text: str, **fields: Any) -> None:
        super().__init__(role="user", parts=[types.Part(text=text)], **fields)


class Greeting(UserMessage):
    def __init__(self) -> None:
        super().__init__("hello")


def test_a_derived_type_may_have_a_constructor() -> None:
    message = UserMessage("hi")
    assert isinstance(message, types.Content)
    assert message.to_json_dict() == {"role": "user", "parts": [{"text": "hi"}]}
    assert Greeting().parts[0].text == "hello"
    copied = message.model_copy(update={"role": "model"})
    assert (type(copied), copied.role, copied.parts) == (UserMessage, "model", message.parts)
    assert copy.deepcopy(message) == message
    with pytest.raises(UsageError, match=r"UserMessage has no field 'rol'\. Did you mean 'role'"):
        UserMessage("hi", rol="user")

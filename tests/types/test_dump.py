"""The methods of pydantic's models that programs call: what they give is what google-genai's models give."""

from __future__ import annotations

import copy
import json
import pickle
import warnings
from typing import Any

import pytest

from headwater import types
from headwater.errors import UsageError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    google_types = pytest.importorskip("google.genai.types")


def answer(library: Any) -> Any:
    """An answer with a bit of everything."""
    part = library.Part(text="a", thought_signature=b"\xfb\xff")
    call = library.Part(function_call=library.FunctionCall(name="f", args={"keepCase": [1, None, {"aB": "x"}]}))
    blob = library.Part(inline_data=library.Blob(data=b"\xfb\xff\x00", mime_type="image/png"))
    return library.Candidate(
        content=library.Content(parts=[part, call, blob], role="model"),
        finish_reason="STOP",
        safety_ratings=[library.SafetyRating(category="HARM_CATEGORY_HARASSMENT", probability_score=0.5)],
        index=0,
    )


def config(library: Any) -> Any:
    """A config with lists, dicts and objects."""
    return library.GenerateContentConfig(
        temperature=1,
        tools=[library.Tool(google_search=library.GoogleSearch()), library.Tool(url_context={})],
        labels={"a": "b"},
        stop_sequences=["x", "y"],
        thinking_config={"thinkingBudget": 0},
        media_resolution="MEDIA_RESOLUTION_LOW",
    )


DUMPS: list[dict[str, Any]] = [
    {"exclude_none": True},
    {"exclude_none": True, "by_alias": True},
    {"exclude_none": True, "mode": "json"},
    {"exclude_none": True, "mode": "json", "by_alias": True},
    {"exclude_unset": True},
    {"exclude_defaults": True},
    {"exclude_none": True, "exclude": {"content", "tools"}},
    {"exclude_none": True, "include": {"content", "labels", "index"}},
    {"exclude_none": True, "include": {"content": {"parts": {0}}, "tools": {1}}},
    {"exclude_none": True, "exclude": {"content": {"parts": {"__all__": {"text"}}}, "tools": {0: True}}},
    {"exclude_none": True, "exclude": {"content": {"role": True}, "thinking_config": ...}},
]


@pytest.mark.parametrize("make", [answer, config])
@pytest.mark.parametrize("how", DUMPS, ids="-".join)
def test_a_dump_is_google_genais(make: Any, how: dict[str, Any]) -> None:
    """model_dump and model_dump_json say the same, whatever is left in or out."""
    theirs, ours = make(google_types), make(types)
    assert plain(ours.model_dump(**how)) == plain(theirs.model_dump(**how))
    if "mode" not in how:
        assert json.loads(ours.model_dump_json(**how)) == json.loads(theirs.model_dump_json(**how))


def plain(value: Any) -> Any:
    """The same with each library's enums as (class name, text), so that they can be compared."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return (type(value).__name__, value.value) if hasattr(value, "value") else value


@pytest.mark.parametrize("make", [answer, config])
def test_a_full_dump_has_every_field_that_google_genais_has(make: Any) -> None:
    """What was not set is None."""

    def missing(theirs: Any, ours: Any, where: str) -> list[str]:
        if isinstance(theirs, dict):
            return [
                found
                for key, item in theirs.items()
                for found in (missing(item, ours[key], f"{where}.{key}") if key in ours else [f"{where}.{key}"])
            ]
        if isinstance(theirs, list):
            return [found for one, other in zip(theirs, ours, strict=True) for found in missing(one, other, where)]
        return [] if plain(theirs) == plain(ours) else [where]

    assert missing(make(google_types).model_dump(), make(types).model_dump(), "") == []


@pytest.mark.parametrize("make", [answer, config])
def test_plain_json_is_google_genais(make: Any) -> None:
    assert make(types).to_json_dict() == make(google_types).to_json_dict()
    text = make(types).model_dump_json(exclude_none=True)
    assert " " not in text
    assert make(types).model_dump_json(exclude_none=True, indent=2).startswith('{\n  "')


@pytest.mark.parametrize("make", [answer, config])
def test_what_was_dumped_can_be_read_again(make: Any) -> None:
    """In every manner, by google-genai too."""
    value = make(types)
    kind, google_kind = type(value), getattr(google_types, type(value).__name__)
    for how in DUMPS[:4]:
        assert kind.model_validate(value.model_dump(**how)) == value
        assert kind.model_validate_json(value.model_dump_json(**how)) == value
        assert google_kind.model_validate_json(value.model_dump_json(**how)) == make(google_types)


def test_reading_takes_an_object_a_dict_or_json_and_says_what_is_wrong() -> None:
    part = types.Part("a")
    assert types.Part.model_validate(part) is part
    assert types.Content.model_validate({"parts": [{"inlineData": {"mime_type": "m"}}]}).parts == [
        types.Part(inline_data={"mime_type": "m"})
    ]
    for read, wrong in (
        (types.Content.model_validate, {"part": []}),
        (types.Content.model_validate, None),
        (types.FileData.model_validate, 5),
        (types.Content.model_validate_json, '{"parts": 5}'),
        (types.Content.model_validate_json, "no json"),
        (types.GenerateContentResponse.model_validate_json, "[]"),
    ):
        with pytest.raises(UsageError):
            read(wrong)


def test_an_answer_is_read_with_fields_that_nobody_knows_yet() -> None:
    """google-genai refuses them there, though it takes them from the API."""
    raw = '{"candidates": [{"content": {"parts": [{"text": "a", "new": 1}]}, "newer": 2}], "newest": 3}'
    assert types.GenerateContentResponse.model_validate_json(raw).text == "a"


def test_a_copy_has_its_own_values() -> None:
    value = answer(types)
    shallow, deep = value.model_copy(), value.model_copy(deep=True)
    assert shallow == deep == value
    assert shallow.content is value.content
    assert deep.content is not value.content
    changed = value.model_copy(update={"finishReason": "SAFETY", "index": 3})
    assert (changed.finish_reason, changed.index) == (types.FinishReason.SAFETY, 3)
    assert (value.finish_reason, value.index) == (types.FinishReason.STOP, 0)
    with pytest.raises(UsageError, match="no field 'finish'"):
        value.model_copy(update={"finish": 1})


def test_a_frozen_value_is_copied_with_changes_too() -> None:
    usage = types.UsageMetadata(total_token_count=1)
    assert usage.model_copy(update={"total_token_count": 2}) == types.UsageMetadata(total_token_count=2)
    assert usage.total_token_count == 1


def test_fields_can_be_listed() -> None:
    assert set(google_types.Part.model_fields) <= set(types.Part.model_fields)
    part = types.Part(text="", thought=False)
    assert part.model_fields_set == {"text", "thought"} == google_types.Part(text="", thought=False).model_fields_set


def test_values_can_be_put_in_unchecked() -> None:
    assert types.Part.model_construct(text=5).text == 5  # type: ignore[comparison-overlap]


@pytest.mark.parametrize("make", [answer, config])
def test_values_are_equal_copied_and_pickled(make: Any) -> None:
    value = make(types)
    assert value == make(types)
    assert value != value.model_copy(update={"index" if make is answer else "seed": 7})
    for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert (other, type(other), repr(other)) == (value, type(value), repr(value))


def test_a_mode_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="mode must be 'python' or 'json', not 'yaml'"):
        types.Part("a").model_dump(mode="yaml")


def test_an_image_is_told_from_other_bytes(tmp_path: Any) -> None:
    image = types.Part.from_bytes(data=b"png", mime_type="image/png").as_image()
    assert image is not None
    image.save(str(tmp_path / "a.png"))
    assert types.Image.from_file(location=str(tmp_path / "a.png")) == image
    assert types.Part.from_bytes(data=b"x", mime_type="audio/wav").as_image() is None
    assert types.Part("text").as_image() is None
    assert types.Image.from_file(location="gs://b/a.png").gcs_uri == "gs://b/a.png"
    with pytest.raises(UsageError, match="Failed to determine mime type"):
        types.Image.from_file(location="a.unknown")
    with pytest.raises(UsageError, match="no bytes"):
        types.Image(gcs_uri="gs://b/a").save("x")

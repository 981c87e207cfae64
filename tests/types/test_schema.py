"""A schema says in JSON Schema and in the API's words the same, as google-genai says it."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import pytest

from headwater import genai, types
from headwater.errors import UsageError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    google_types = pytest.importorskip("google.genai.types")

JSON_SCHEMAS: list[dict[str, Any]] = [
    {},
    {"type": "null"},
    {"type": ["object", "null"], "properties": {"a": {"type": "string", "format": "date"}}, "required": ["a"]},
    {"type": ["string", "integer", "null"], "title": "T", "minLength": 2, "maximum": 3, "default": "x"},
    {"type": ["array", "object"], "items": {"type": "string"}, "minProperties": 1},
    {"anyOf": [{"type": "string"}, {"type": "null"}]},
    {"anyOf": [{"type": "string"}, {"type": "integer"}], "default": 1, "description": "d"},
    {"type": "object", "$defs": {"X": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/X"}}},
    {"type": "array", "items": {"type": "number", "enum": ["1"]}, "maxItems": 3},
    {"type": "object", "additionalProperties": {"type": "string"}},
]
SCHEMAS: list[dict[str, Any]] = [
    {},
    {"type": "STRING", "nullable": True, "title": "t"},
    {"type": "OBJECT", "properties": {"a": {"type": "INTEGER", "format": "int32"}}, "required": ["a"]},
    {"any_of": [{"type": "STRING"}, {"type": "NULL"}]},
    {"type": "ARRAY", "items": {"type": "STRING"}, "max_items": 3, "example": "x", "default": []},
    {"type": "TYPE_UNSPECIFIED"},
    {"enum": ["a"], "type": "STRING", "pattern": "x"},
    {"nullable": True},
]


@pytest.mark.parametrize("given", JSON_SCHEMAS, ids=str)
def test_json_schema_is_read_as_google_genai_reads_it(given: dict[str, Any]) -> None:
    logging.disable()
    theirs = google_types.Schema.from_json_schema(json_schema=google_types.JSONSchema.model_validate(given))
    logging.disable(logging.NOTSET)
    ours = types.Schema.from_json_schema(json_schema=types.JSONSchema.model_validate(given))
    assert ours.to_json_dict() == theirs.to_json_dict()
    assert types.Schema.from_json_schema(json_schema=given) == ours


@pytest.mark.parametrize("given", SCHEMAS, ids=str)
def test_json_schema_is_written_as_google_genai_writes_it(given: dict[str, Any]) -> None:
    theirs = google_types.Schema(**given).json_schema.to_json_dict()
    assert types.Schema(**given).json_schema.to_json_dict() == theirs


def test_none_of_several_alternatives_stays_a_flag() -> None:
    """google-genai makes of null among three alternatives a schema that takes anything."""
    given = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]}
    schema = types.Schema.from_json_schema(json_schema=given)
    assert schema == types.Schema(any_of=[{"type": "STRING"}, {"type": "INTEGER"}], nullable=True)
    assert schema.json_schema.to_json_dict() == {"any_of": given["anyOf"]}


def test_one_of_is_read_as_any_of() -> None:
    """google-genai leaves it out."""
    assert types.Schema.from_json_schema(json_schema={"oneOf": [{"type": "string"}]}) == types.Schema(type="STRING")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"properties": {"a": {"$ref": "#/$defs/X"}}, "$defs": {}}, "refers to '#/\\$defs/X', which is not in"),
        ({"$ref": "#/$defs/X", "$defs": {"X": {"items": {"$ref": "#/$defs/X"}}}}, "is recursive"),
        ({"uniqueItems": True}, "does not support 'unique_items'"),
    ],
)
def test_what_the_api_can_not_read_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        types.Schema.from_json_schema(json_schema=given, raise_error_on_unsupported_field=True)


def test_a_schema_that_contains_itself_is_cut_off() -> None:
    """As google-genai does it: what is inside may be anything. It is refused only where a program asks for that."""
    given = {"$ref": "#/$defs/X", "$defs": {"X": {"type": "object", "properties": {"x": {"$ref": "#/$defs/X"}}}}}
    schema = types.Schema.from_json_schema(json_schema=given)
    assert schema == types.Schema(type="OBJECT", properties={"x": types.Schema()})


def test_conversions_say_once_that_json_schema_can_be_sent(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One notice for each direction, of the level INFO."""
    assert genai.Client is not None  # what logs is there with the client
    monkeypatch.setattr("headwater.types.notices.given", set())
    caplog.set_level("INFO", "google_genai.types")
    for _ in range(2):
        schema = types.Schema.from_json_schema(json_schema={"type": "object", "properties": {"a": {"type": "string"}}})
        assert schema.json_schema.properties is not None
    assert [record.levelname for record in caplog.records] == ["INFO"] * 2
    assert all("supported natively" in record.message for record in caplog.records)

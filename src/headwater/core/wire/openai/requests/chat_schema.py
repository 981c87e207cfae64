"""Schemas in the Gemini API's language (a subset of OpenAPI 3.0) as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Numbers that the API's JSON writes as text, since they are 64 bits wide there.
_WIDE = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_RENAMED = {"defs": "$defs", "ref": "$ref", "any_of": "anyOf"}
#: Formats that JSON Schema has no word for, and some servers refuse.
_API_FORMATS = frozenset({"enum", "float", "double", "int32", "int64"})
#: Deeper schemas are nobody's; Python's own stack is the limit otherwise.
_MAX_DEPTH = 100


def json_schema(schema: Any, depth: int = 0) -> Any:
    """Return a schema as JSON Schema. What already is JSON Schema stays as it is."""
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return schema
    fields = {_camel(name): value for name, value in schema.items() if value is not None}
    order, nullable = fields.pop("propertyOrdering", None), fields.pop("nullable", None)
    found = {name: _field(name, value, depth) for name, value in fields.items() if _is_kept(name, value)}
    if "example" in found:
        found["examples"] = [found.pop("example")]
    if isinstance(order, list) and isinstance(found.get("properties"), Mapping):
        found["properties"] = _ordered(found["properties"], order)
    return _with_null(found) if nullable in (True, "true") else found


def is_strict(schema: Any) -> bool:
    """Return whether a schema is as OpenAI's strict mode wants it: all properties are required, and no others."""
    if isinstance(schema, list):
        return all(map(is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or properties is not None:
        names = set(properties) if isinstance(properties, Mapping) else set()
        if schema.get("additionalProperties") is not False or names != set(schema.get("required") or ()):
            return False
        if not all(map(is_strict, properties.values() if isinstance(properties, Mapping) else ())):
            return False
    return all(is_strict(value) for name, value in schema.items() if name != "properties")


def _field(name: str, value: Any, depth: int) -> Any:
    match name:
        case "type":
            return value.lower() if isinstance(value, str) else value
        case "properties" | "$defs":
            named = value.items() if isinstance(value, Mapping) else ()
            return {key: json_schema(one, depth + 1) for key, one in named}
        case "items" | "additionalProperties":
            return json_schema(value, depth + 1)
        case "anyOf":
            return [json_schema(one, depth + 1) for one in value] if isinstance(value, list) else value
        case name if name in _WIDE and isinstance(value, str) and value.isdecimal():
            return int(value)
    return value


def _is_kept(name: str, value: Any) -> bool:
    if name == "type":
        return bool(value != "TYPE_UNSPECIFIED")
    return name != "format" or value not in _API_FORMATS


def _camel(name: str) -> str:
    if name in _RENAMED:
        return _RENAMED[name]
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others) if others and first else name


def _ordered(properties: Mapping[str, Any], order: list[Any]) -> dict[str, Any]:
    """``properties`` in this order: JSON Schema has no other way to say in which one they are written."""
    first = {name: properties[name] for name in order if name in properties}
    return first | {name: value for name, value in properties.items() if name not in first}


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        return schema | {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    nullable = dict(schema)
    if isinstance(schema.get("type"), str):
        nullable["type"] = [schema["type"], "null"]
    if isinstance(schema.get("enum"), list):
        nullable["enum"] = [*schema["enum"], None]
    return nullable

"""Structured output: the schema that is sent for a type, and the conversion of the answer to that type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, get_origin

import msgspec

from headwater.client.tools.annotations import bare, is_enum
from headwater.client.tools.convert import ConversionError, choices_text, convert
from headwater.client.tools.json_refs import inline
from headwater.client.tools.json_schema import json_schema
from headwater.errors import ParseError, UsageError
from headwater.types import Schema

_FENCED = re.compile(r"\s*```\w*[ \t]*\n(.*?)\n?\s*```\s*", re.DOTALL)
#: Keywords that the API's schema language does not have. ``parse`` still validates answers against them.
_UNSUPPORTED = frozenset(
    {
        "$schema",
        "$id",
        "$comment",
        "$anchor",
        "uniqueItems",
        "unevaluatedItems",
        "contentEncoding",
        "contentMediaType",
        "discriminator",
        "readOnly",
        "writeOnly",
        "deprecated",
        "multipleOf",
        "not",
        "if",
        "then",
        "else",
        "patternProperties",
        "propertyNames",
        "contains",
    }
)


def to_schema(value: Any, *, vertexai: bool = False) -> Schema:
    """Return the schema of a ``response_schema``: a type of any kind, a schema as dict, or a ``Schema``.

    References are inlined, ``None`` in a union becomes ``nullable``, and objects state the order of their properties.

    Raises:
        UsageError: if the API's schemas cannot express the type; the message says what to use instead.
    """
    if isinstance(value, Schema):
        value = msgspec.to_builtins(value)
    schema = inline(value if isinstance(value, Mapping) else json_schema(value))
    return Schema(**_Translator(vertexai=vertexai).translate(schema))


def parse(value: Any, text: str) -> Any:
    """Return the answer ``text`` as an instance of ``value``, the type that was requested.

    With a dict, a ``Schema`` or None it returns plain JSON values.

    Raises:
        ParseError: if the text is not JSON, or does not fit the type. ``error.text`` is the text.
    """
    # Models fence JSON in Markdown now and then, even in JSON mode of some versions.
    match = _FENCED.fullmatch(text)
    body = match[1] if match else text
    kind = Any if value is None or isinstance(value, Mapping | Schema) else value
    try:
        data = _word(kind, body) or msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise _unparsed(error, text) from error
    try:
        return data if kind is Any else convert(data, kind, "answer")
    except ConversionError as error:
        raise ParseError(str(error), text=text) from error


def _word(kind: Any, text: str) -> str | None:
    """Return the bare word of an answer of the MIME type text/x.enum; None if it is JSON, or not an enum."""
    text = text.strip()
    is_choice = is_enum(kind) or get_origin(bare(kind)[0]) is Literal
    return text if is_choice and not text.startswith('"') else None


def _unparsed(error: Exception, text: str) -> ParseError:
    if not text.strip():
        return ParseError("the answer is empty; JSON was requested", text=text)
    return ParseError(f"the answer is not JSON: {error}", text=text)


class _Translator:
    """Translates an inlined JSON Schema to the fields of a ``Schema``."""

    def __init__(self, *, vertexai: bool) -> None:
        self._vertexai = vertexai

    def translate(self, schema: Any) -> dict[str, Any]:
        if not isinstance(schema, Mapping):
            raise UsageError(f"a schema must be a dict, not {schema!r}")
        # The order matters: a list of types becomes alternatives, which are translated next.
        node = {key: value for key, value in schema.items() if key not in _UNSUPPORTED and value is not None}
        for part in node.pop("allOf", ()):
            node = _merge(part, node)
        _split_types(node)
        self._alternatives(node)
        _offer_texts(node)
        _bound(node)
        self._children(node)
        if "examples" in node:
            node["example"] = next(iter(node.pop("examples")), None)
        return node

    def _alternatives(self, node: dict[str, Any]) -> None:
        """Translate alternatives: null becomes ``nullable``, and a single alternative replaces the node."""
        found = [*node.pop("anyOf", ()), *node.pop("oneOf", ())]
        arms = [arm for arm in found if not _is_null(arm)]
        if len(arms) < len(found):
            node["nullable"] = True
        if len(arms) == 1:
            inner = self.translate(arms[0])
            node.update({key: value for key, value in inner.items() if key not in node})
        elif arms:
            node["anyOf"] = [self.translate(arm) for arm in arms]

    def _children(self, node: dict[str, Any]) -> None:
        # A tuple has a fixed length, which the API can express, and an order of types, which it cannot.
        if isinstance(prefix := node.pop("prefixItems", None), list):
            node.setdefault("items", _common(prefix))
            node |= {"minItems": node.get("minItems", len(prefix)), "maxItems": node.get("maxItems", len(prefix))}
        if "items" in node:
            node["items"] = self.translate({} if node["items"] is True else node["items"])
        if properties := node.get("properties"):
            node["properties"] = {name: self.translate(item) for name, item in properties.items()}
            # Models write properties alphabetically unless told otherwise; the class's order reads better.
            if len(properties) > 1:
                node.setdefault("propertyOrdering", list(properties))
        extra = node.pop("additionalProperties", False)
        if extra is not False:
            node["additionalProperties"] = self._extra(extra)

    def _extra(self, extra: Any) -> Any:
        if not self._vertexai:
            raise UsageError(
                "an object with arbitrary keys (dict, additionalProperties) works in response_schema "
                "on Vertex AI only: use response_json_schema, or a class that names the keys"
            )
        return extra if extra is True else Schema(**self.translate(extra))


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and str(schema.get("type")).lower() == "null"


def _merge(part: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    result = {**part, **node}
    if "properties" in part and "properties" in node:
        result["properties"] = {**part["properties"], **node["properties"]}
    if "required" in part and "required" in node:
        result["required"] = [*dict.fromkeys([*part["required"], *node["required"]])]
    return result


def _split_types(node: dict[str, Any]) -> None:
    """Split ``type: ["string", "null"]``: the API has one type per node, so these become alternatives."""
    if isinstance(node.get("type"), list):
        node["anyOf"] = [*node.get("anyOf", ()), *({"type": kind} for kind in node.pop("type"))]


def _offer_texts(node: dict[str, Any]) -> None:
    """Offer choices as strings, since the API's enums have no others; ``convert`` turns them back into numbers."""
    choices = [node.pop("const")] if "const" in node else node.pop("enum", None)
    if choices is None:
        return
    if None in choices:
        node["nullable"] = True
    node["enum"] = [choices_text(choice) for choice in choices if choice is not None]
    node["type"] = "STRING"


def _bound(node: dict[str, Any]) -> None:
    """Replace exclusive bounds, which the API does not have: by the next integer, or by the bound itself for floats."""
    step = 1 if str(node.get("type")).lower() == "integer" else 0
    for name, bound, sign in (("exclusiveMinimum", "minimum", step), ("exclusiveMaximum", "maximum", -step)):
        if name in node:
            node.setdefault(bound, node.pop(name) + sign)
        node.pop(name, None)


def _common(items: list[Any]) -> dict[str, Any]:
    """Return one schema for the items of a tuple: the common one, else the alternatives."""
    different = [item for index, item in enumerate(items) if item not in items[:index]]
    return different[0] if len(different) == 1 else {"anyOf": different}

"""Requests made up from a seed, written down in the types of any library that has google-genai's names.

The same seed writes the same request down for each library: as objects, snake_case dicts and camelCase dicts, mixed.
Every field of every type that a request can hold comes up, as headwater's types list them.
"""

from __future__ import annotations

import base64
import random
import types as pytypes
import typing
from datetime import UTC, datetime
from typing import Any

from headwater import types
from headwater.client.request.platform import DEVELOPER_ONLY, VERTEX_ONLY
from headwater.types.base import ApiModel
from headwater.types.open_enum import OpenEnum

DEPTH = 4
#: Fields of which not every value is a good one, with values that are.
GOOD: dict[tuple[str, str], list[Any]] = {
    ("GenerationConfigRoutingConfigAutoRoutingMode", "model_routing_preference"): ["BALANCED", "PRIORITIZE_COST"],
    ("PartialArg", "null_value"): ["NULL_VALUE"],
    ("GenerateContentConfig", "cached_content"): ["c1", "cachedContents/c1", "projects/p/locations/l/cachedContents/c"],
    ("GenerateContentConfig", "response_mime_type"): ["application/json", "text/plain", "text/x.enum"],
    ("GenerateContentConfig", "response_json_schema"): [
        {"type": "object", "properties": {"a_b": {"type": "string"}}, "$defs": {"X": {"type": "null"}}},
        {"type": ["string", "null"]},
    ],
    ("GenerateContentConfig", "response_schema"): [
        {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]},
        {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}, "propertyOrdering": ["a"]},
        {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}, "minItems": 1, "max_items": 3},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/X"}}, "$defs": {"X": {"type": "number"}}},
        types.Schema(type="OBJECT", properties={"k": {"type": "STRING"}, "l": {"type": "BOOLEAN"}}, title="T"),
    ],
    ("GenerateContentConfig", "automatic_function_calling"): [{"disable": True}],
    ("GenerateContentConfig", "http_options"): [
        {"headers": {"X-Mine": "a b"}},
        {"api_version": "v1alpha"},
        {"apiVersion": ""},
        {"timeout": 120_500},
        {"extra_body": {"generationConfig": {"temperature": 0.25, "new": {"a_b": [1]}}, "top_level": True}},
        {"extraBody": {"generation_config": {"topP": 0.75}}, "headers": {"x-mine": "c"}},
        {"extra_body": {"systemInstruction": {"parts": [{"text": "other"}]}}},
    ],
}
#: What stays with the client, or is headwater's own.
NOT_SENT = {"should_return_http_response", "stream"}
#: Where these are set, google-genai refuses others, which the API and headwater take: what those others are.
REFUSES: dict[str, dict[str, set[str]]] = {
    "ImageConfig": {"image_output_options": {"output_mime_type", "output_compression_quality"}},
}
#: A dict of nothing but these could be a part as well as a file.
AMBIGUOUS = {"video_metadata"}
#: google-genai refuses dicts of these in a list where a turn stands beside them.
DICTS_ALONE = (types.Part, types.File)
TEXTS = ["", "hi", "Grüße ☃\u2028", "a_b-c/d+e", 'quote " and \\ and \n', "x" * 300]


class Node(typing.NamedTuple):
    """A value of a type, before any library has it."""

    kind: type[ApiModel]
    fields: dict[str, Any]


class Maker:
    """Makes up values from a random source, for one of the two APIs."""

    def __init__(self, seed: int, *, vertexai: bool) -> None:
        self.random = random.Random(seed)
        self._barred = DEVELOPER_ONLY if vertexai else VERTEX_ONLY

    def node(self, kind: type[ApiModel], most: int, depth: int = 0, least: int = 0) -> Node:
        """A value of ``kind`` with ``least`` to ``most`` fields set, none of them barred."""
        barred = NOT_SENT | set(self._barred.get(kind.__name__, ()))
        names = [name for name in kind.__struct_fields__ if name not in barred]
        chosen = self.random.sample(names, min(len(names), self.random.randint(least, most)))
        for name, others in REFUSES.get(kind.__name__, {}).items():
            chosen = [each for each in chosen if name not in chosen or each not in others]
        hints = typing.get_type_hints(kind)
        fields = {name: self._field(kind, name, hints[name], depth + 1) for name in chosen}
        return Node(kind, {name: value for name, value in fields.items() if value is not None})

    def _field(self, kind: type[ApiModel], name: str, hint: Any, depth: int) -> Any:
        good = GOOD.get((kind.__name__, name))
        if good is not None:
            return self.random.choice(good)
        if name == "system_instruction":
            return self.turn()
        if name == "tools":
            return [self._tool(depth) for _ in range(self.random.randint(0, 3))]
        return self.value(hint, depth)

    def _tool(self, depth: int) -> Node:
        """A tool of any kind; half of them functions."""
        tool = self.node(types.Tool, 2, depth)
        if self.random.random() < 0.5:
            functions = [self.node(types.FunctionDeclaration, 4, depth - 1) for _ in range(self.random.randint(1, 2))]
            tool.fields["function_declarations"] = functions
        return tool

    def value(self, hint: Any, depth: int) -> Any:
        """A value for a type hint; None where it would be too deep."""
        origin, arms = typing.get_origin(hint), typing.get_args(hint)
        if origin in (typing.Union, pytypes.UnionType):
            return self.value(next(arm for arm in arms if arm is not type(None)), depth)
        if origin is list:
            found = [self.value(arms[0], depth) for _ in range(self.random.randint(0, 2))]
            return None if None in found else found
        if origin is dict:
            inner = self.value(arms[1], depth)
            return None if inner is None else {"a_Key": inner}
        if hint is Any:
            return self.random.choice([1, "x", True, {"aKey": [1, {"b_c": None}]}, ["a"]])
        if issubclass(hint, OpenEnum):
            return self.random.choice([member for member in hint if "UNSPECIFIED" not in member.value.upper()])
        if issubclass(hint, ApiModel):
            return self.node(hint, 3, depth) if depth < DEPTH else None
        return self._plain(hint)

    def _plain(self, hint: type) -> Any:
        if hint is bool:
            return self.random.choice([True, False])
        if hint is datetime:
            return datetime(2025, 1, 2, 3, 4, 5, self.random.choice([0, 500_000]), UTC)
        if hint is bytes:
            return self.random.randbytes(self.random.randint(1, 9))
        if hint is int:
            return self.random.choice([-1, 0, 1, 40, 2**31])
        return self.random.choice([0.0, 0.5, 1.0]) if hint is float else self.random.choice(TEXTS)

    def part(self) -> Node:
        """A part of any kind."""
        return self.node(types.Part, 3, least=1)

    def turn(self) -> Any:
        """What can stand for one turn."""
        match self.random.randrange(6):
            case 0:
                return self.random.choice(TEXTS)
            case 1:
                return self.part()
            case 2:
                return [self.random.choice(TEXTS) for _ in range(self.random.randint(1, 3))]
            case 3:
                return Node(types.Content, {"parts": [self.part()], "role": self.random.choice(["user", "model"])})
            case 4:
                return Node(types.Content, {"parts": [self.part(), self.part()]})
        return Node(types.File, {"uri": "https://h/v1/files/f", "mime_type": "image/png", "name": "files/f"})

    def config(self) -> Node:
        """A config. google-genai can not stream arguments while it calls functions itself, so here it does not."""
        config = self.node(types.GenerateContentConfig, 8)
        if "tool_config" in config.fields:
            config.fields["automatic_function_calling"] = {"disable": True}
        return config

    def contents(self) -> Any:
        """What can be passed as ``contents``."""
        return self.turn() if self.random.random() < 0.4 else [self.turn() for _ in range(self.random.randint(1, 4))]


class Writer:
    """Writes what a ``Maker`` made in the types of one library."""

    def __init__(self, library: Any, seed: int) -> None:
        self._library = library
        self._random = random.Random(seed)

    def write(self, value: Any, *, in_dict: bool = False) -> Any:
        """The value: nodes as objects of the library or as dicts, below a dict as dicts only."""
        if isinstance(value, Node):
            return self._node(value, in_dict=in_dict)
        if isinstance(value, list):
            return [self._item(item, in_dict=in_dict) for item in value]
        if isinstance(value, types.Schema):
            return self._library.Schema(**value.model_dump(exclude_none=True, mode="json"))
        if isinstance(value, OpenEnum):
            kind = type(value).__name__
            return value.value if in_dict else getattr(self._library, kind)(value.value)
        if isinstance(value, dict):
            return {key: self.write(item, in_dict=in_dict) for key, item in value.items()}
        if isinstance(value, bytes) and in_dict:
            return base64.b64encode(value).decode()
        return value

    def _item(self, value: Any, *, in_dict: bool) -> Any:
        if isinstance(value, Node) and value.kind in DICTS_ALONE and not in_dict:
            return self._object(value)
        return self.write(value, in_dict=in_dict)

    def _object(self, node: Node) -> Any:
        fields = {name: self.write(item) for name, item in node.fields.items()}
        return getattr(self._library, node.kind.__name__)(**fields)

    def _node(self, node: Node, *, in_dict: bool) -> Any:
        style = self._random.choice(["snake", "camel"] if in_dict else ["object", "object", "snake", "camel"])
        if not in_dict and node.fields.keys() <= AMBIGUOUS:
            style = "object"
        if style == "object":
            return self._object(node)
        fields = {name: self.write(item, in_dict=True) for name, item in node.fields.items()}
        return {camel(name) if style == "camel" else name: item for name, item in fields.items()}


def camel(name: str) -> str:
    """A name in camelCase."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)

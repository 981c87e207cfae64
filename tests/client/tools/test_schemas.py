"""Structured output: what is sent for a type, and what an answer becomes."""

from __future__ import annotations

import dataclasses
import enum
import subprocess
import sys
import typing
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NewType, Optional, TypeVar, Union

import msgspec
import pydantic
import pytest
from google.genai import _transformers
from google.genai import types as google

from headwater.client.tools.json_schema import json_schema
from headwater.client.tools.schemas import parse, to_schema
from headwater.errors import ParseError, UsageError
from headwater.types import Schema
from tests.support.tool_cases import City, Color, Even, Everything, Inner, Leaf, Loose, Movie, Node, Size, Tree

T = TypeVar("T")


@dataclasses.dataclass
class Page(Generic[T]):
    items: list[T]


class Digit(enum.Enum):
    ONE = "1"


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    x: Annotated[int, pydantic.Field(gt=0, lt=10)]


def wire(value: Any, **options: Any) -> Any:
    return msgspec.to_builtins(to_schema(value, **options))


def folded(value: Any) -> Any:
    """JSON without what carries no meaning: the case of keys and types, titles that only repeat a name."""
    if isinstance(value, dict):
        pairs = ((key.replace("_", "").lower(), item) for key, item in value.items() if key != "title" or item == {})
        return {key: item.upper() if key == "type" and isinstance(item, str) else folded(item) for key, item in pairs}
    return [folded(item) for item in value] if isinstance(value, list) else value


def googles(value: Any, *, vertexai: bool) -> Any:
    """What google-genai makes of the same type."""
    client = type("Client", (), {"vertexai": vertexai})()
    config = google.GenerateContentConfig(response_schema=value)  # it looks at a Literal, which t_schema does not
    return _transformers.t_schema(client, config.response_schema).model_dump(mode="json", exclude_none=True)


SAME = [
    Inner,
    Everything,
    Color,
    Size,
    list[Inner],
    list[int],
    list[Color],
    list[Literal["a", "b"]],
    Literal["x", "y"],
    Optional[int],  # noqa: UP045
    Union[int, str],  # noqa: UP007
    Inner | int,
    int,
    str,
    float,
    bool,
    {"type": "object", "properties": {"b": {"type": "string"}, "a_b": {"type": "integer"}}},
    {
        "type": "OBJECT",
        "properties": {"x": {"anyOf": [{"type": "STRING"}, {"type": "null"}]}},
        "propertyOrdering": ["x"],
    },
    {
        "type": "object",
        "properties": {"x": {"any_of": [{"type": "string"}, {"type": "integer"}]}},
        "property_ordering": ["x"],
    },
    {"$defs": {"A": {"type": "integer"}}, "type": "object", "properties": {"p": {"$ref": "#/$defs/A"}}},
]


@pytest.mark.parametrize("vertexai", [False, True], ids=["developer", "vertexai"])
@pytest.mark.parametrize("kind", SAME, ids=lambda kind: str(kind)[:40])
def test_the_schema_means_what_google_genais_means(kind: Any, vertexai: bool) -> None:
    """The same types, properties, order, bounds and choices; but no title "Placeholder"."""
    assert folded(wire(kind, vertexai=vertexai)) == folded(googles(kind, vertexai=vertexai))


def test_any_keys_are_for_vertex_ai() -> None:
    """As google-genai has it; the refusal says what to use instead."""
    assert folded(wire(dict[str, int], vertexai=True)) == {
        "type": "OBJECT",
        "additionalproperties": {"type": "INTEGER"},
    }
    for kind in (dict[str, int], dict, list[dict[str, Any]]):
        with pytest.raises(UsageError, match="response_json_schema"):
            to_schema(kind)


def test_a_schema_gets_its_order_and_stays_as_it_was() -> None:
    """The caller's Schema is not written into."""
    given = Schema(type="OBJECT", properties={"b": Schema(type="STRING"), "a": Schema(type="INTEGER")})
    assert to_schema(given).property_ordering == ["b", "a"]
    assert given.property_ordering is None
    assert to_schema(to_schema(given)) == to_schema(given)


def test_types_that_google_genai_does_not_take() -> None:
    """Struct, TypedDict of text annotations, tuples, numbers to choose from, a generic dataclass."""
    assert wire(City)["properties"] == {
        "fullName": {"type": "STRING"},
        "inner": {**wire(Inner), "nullable": True},
        "when": {"type": "INTEGER", "description": "a year", "minimum": 0, "default": 0},
    }
    assert wire(Movie)["required"] == ["title"]
    assert wire(Movie)["properties"]["title"]["description"] == "as on the poster"
    assert wire(tuple[int, str]) == {
        "type": "ARRAY",
        "items": {"anyOf": [{"type": "INTEGER"}, {"type": "STRING"}]},
        "minItems": 2,
        "maxItems": 2,
    }
    assert wire(Literal[1, 2]) == {"type": "STRING", "enum": ["1", "2"]}
    assert wire(Page[int])["properties"]["items"]["items"] == {"type": "INTEGER"}
    assert wire(Strict)["properties"]["x"] == {"title": "X", "type": "INTEGER", "minimum": 1, "maximum": 9}
    assert wire(NewType("Name", str)) == {"type": "STRING"}
    assert wire(Literal["a", None]) == {"type": "STRING", "enum": ["a"], "nullable": True}


def test_a_dataclass_says_what_its_docstring_says() -> None:
    """Descriptions come from its docstring; a signature that Python wrote there is no description."""
    leaf = json_schema(Leaf)
    assert "description" not in leaf
    assert leaf["properties"]["b"] == {"title": "B", "type": "string", "default": "q"}
    assert leaf["required"] == ["a"]
    tree = json_schema(Tree)
    assert tree["properties"]["leaves"]["description"] == "what hangs on it"


@pytest.mark.parametrize("kind", [Node, Tree, {"$defs": {"A": {"items": {"$ref": "#/$defs/A"}}}, "$ref": "#/$defs/A"}])
def test_a_type_that_holds_itself_is_refused(kind: Any) -> None:
    """The API's schemas have no references; an empty schema in its place would be a lie."""
    with pytest.raises(UsageError, match="is recursive"):
        to_schema(kind)


def test_json_schema_may_hold_itself() -> None:
    """JSON Schema, which functions are declared in, has references."""
    schema = json_schema(list[Node])
    kids = schema["items"]["properties"]["kids"]["items"]
    assert kids == {"$ref": "#/$defs/Node"}
    assert schema["$defs"]["Node"]["properties"]["kids"]["items"] == kids


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (complex, "complex"),
        (object(), "no type|no JSON"),
        (Literal[b"x"], "cannot be offered"),
        ({"type": "object", "propertees": {}}, "Did you mean 'properties'"),
        ({"$ref": "#/$defs/Gone"}, "is not defined"),
        ({"type": "array", "items": [{"type": "string"}]}, "a schema must be a dict"),
    ],
)
def test_what_can_not_be_said_is_refused(kind: Any, message: str) -> None:
    """With its name."""
    with pytest.raises(UsageError, match=message):
        to_schema(kind)


def test_properties_may_be_named_like_keywords() -> None:
    """A property ``type``, ``items`` or ``$ref`` is a property."""
    names = ["type", "items", "$ref", "default", "property_ordering", "$defs"]
    schema = wire({"type": "object", "properties": {name: {"type": "string"} for name in names}})
    assert list(schema["properties"]) == names


PARSED = [
    (Inner, '{"x": 1}', Inner(x=1)),
    (list[Inner], '[{"x": 1, "y": "z"}]', [Inner(x=1, y="z")]),
    (Leaf, '{"a": 1}', Leaf(1)),
    (Tree, '{"leaves": [{"a": 1}], "parent": {"leaves": []}}', Tree([Leaf(1)], Tree([]))),
    (Movie, '{"title": "t"}', {"title": "t"}),
    (City, '{"fullName": "Wien", "inner": {"x": 2}}', City("Wien", Inner(x=2))),
    (Page[Color], '{"items": ["red"]}', Page([Color.RED])),
    (Color, '"red"', Color.RED),
    (Color, "red\n", Color.RED),
    (Digit, "1", Digit.ONE),
    (Digit, '"1"', Digit.ONE),
    (Size, '"2"', Size.BIG),
    (Size, "2", Size.BIG),
    (list[Size], "[1]", [Size.SMALL]),
    (Literal["x", "y"], "y", "y"),
    (Literal[1, 2], '"2"', 2),
    (list[Literal[True]], '["true"]', [True]),
    (Optional[int], "null", None),  # noqa: UP045
    (Union[int, str], '"3"', "3"),  # noqa: UP007
    (Union[Leaf, Inner], '{"x": 1}', Inner(x=1)),  # noqa: UP007
    (Union[Loose, Inner], '{"x": 1}', Inner(x=1)),  # noqa: UP007
    (Union[Loose, Inner], "{}", Loose()),  # noqa: UP007
    (int, "3.0", 3),
    (float, "3", 3.0),
    (str, '"a"', "a"),
    (dict[str, int], '{"a": 1}', {"a": 1}),
    (dict[int, list[str]], '{"1": ["a"]}', {1: ["a"]}),
    (tuple[int, str], '[1, "a"]', (1, "a")),
    (set[int], "[1, 1]", {1}),
    (Sequence[int], "[1]", [1]),
    (Decimal, '"1.5"', Decimal("1.5")),
    (bytes, '"eA=="', b"x"),
    (Any, "[1.5]", [1.5]),
    (typing.Annotated[int, "number"], "1", 1),
    ({"type": "object"}, '{"a": [1.5]}', {"a": [1.5]}),
    (Schema(type="OBJECT"), '{"a": 1}', {"a": 1}),
    (None, "[]", []),
    (Inner, '```json\n{"x": 1}\n```', Inner(x=1)),
]


@pytest.mark.parametrize(("kind", "text", "expected"), PARSED, ids=lambda value: str(value)[:30])
def test_an_answer_becomes_the_type_that_was_asked_for(kind: Any, text: str, expected: Any) -> None:
    """The right value, of the right type."""
    value = parse(kind, text)
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (Inner, '{"x": 1', "not JSON"),
        (Inner, "Sorry, no.", "not JSON"),
        (Inner, "", "empty"),
        (Inner, '{"x": "q"}', "answer: 1 validation error for Inner"),
        (list[Leaf], '[{"a": 1}, {"a": "x"}]', r"answer\[1\].a: expected a whole number, got 'x'"),
        (Leaf, "{}", "answer needs 'a'"),
        (Leaf, '{"a": 1, "z": 2}', "answer has no 'z'; it has: a, b, c"),
        (Leaf, "[]", "expected an object"),
        (Even, '{"number": 3}', "the number is odd"),
        (Color, "green", "expected one of 'red', 'blue', got 'green'"),
        (Union[int, list[str]], '"a"', r"expected int or list\[str\]"),  # noqa: UP007
        (int, "true", "expected a whole number"),
        (bool, "1", "true or false"),
        (tuple[int, str], "[1]", "expected 2 items, got 1"),
        (City, '{"fullName": 1}', "fullName"),
        (None, "{", "not JSON"),
    ],
)
def test_an_answer_that_does_not_fit_is_an_error(kind: Any, text: str, message: str) -> None:
    """Not None: it says where and why, and keeps the text."""
    with pytest.raises(ParseError, match=message) as caught:
        parse(kind, text)
    assert caught.value.text == text


def test_pydantic_is_not_needed() -> None:
    """A program without pydantic models does not load it."""
    code = (
        "import sys, dataclasses\n"
        "from headwater.client.tools.schemas import parse, to_schema\n"
        "from headwater.client.tools import calls, functions\n"
        "A = dataclasses.make_dataclass('A', [('x', int)])\n"
        "assert to_schema(A).properties and parse(A, '{\"x\": 1}').x == 1\n"
        "print('pydantic' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (told.stdout.strip(), told.stderr) == ("False", "")


def test_googles_own_schema_is_what_it_is_compared_with() -> None:
    """Else the comparison above would compare nothing."""
    assert googles(Inner, vertexai=False)["properties"]["x"]["type"] == google.Type.INTEGER

"""Functions as tools: what the model is told of them, and how its arguments reach them."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from google.genai import _transformers

from headwater.client.tools.docstrings import parse_docstring
from headwater.client.tools.functions import acall, call, declare, parameters
from headwater.errors import FunctionCallError, UsageError
from headwater.types import Part
from tests.support.tool_cases import (
    Color,
    Counter,
    Inner,
    Leaf,
    Movie,
    Node,
    Size,
    annotated,
    containers,
    models,
    no_annotation,
    plain,
    recursive,
    unions,
)


def resolved(schema: Any, definitions: Any = None) -> Any:
    """A JSON schema with its references put in place, and without null as a default, which says nothing."""
    if isinstance(schema, list):
        return [resolved(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    definitions = definitions or schema.get("$defs", {})
    if "$ref" in schema:
        return resolved(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    kept = {key: resolved(value, definitions) for key, value in schema.items() if key != "$defs"}
    return {key: value for key, value in kept.items() if (key, value) != ("default", None)}


def googles(function: Callable[..., Any]) -> Any:
    """What google-genai declares for the same function."""
    client: Any = type("Client", (), {"vertexai": False})()
    tool: Any = _transformers.t_tool(client, function)
    return tool.function_declarations[0]


@pytest.mark.parametrize("function", [containers, unions, models, annotated], ids=lambda function: function.__name__)
def test_schemas_mean_what_google_genais_mean(function: Callable[..., Any]) -> None:
    """The parameters and the result, as both declare them on the wire."""
    ours, theirs = declare(function), googles(function)
    assert ours.name == theirs.name
    assert resolved(ours.parameters_json_schema) == resolved(theirs.parameters_json_schema)
    assert resolved(ours.response_json_schema) == resolved(theirs.response_json_schema)


def test_the_docstring_is_shared_out() -> None:
    """The text describes the function, and what it says of a parameter describes that."""
    told = declare(plain)
    assert (told.name, told.description) == ("plain", "Do it.")
    assert told.parameters_json_schema == {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "description": "the a"},
            "b": {"type": "number", "description": "the b, which goes on"},
            "c": {"type": "string"},
            "d": {"type": "boolean"},
        },
        "required": ["a", "b", "c", "d"],
    }
    assert declare(containers).description is None


DOCSTRINGS = {
    "google": """Look it up.

    More text.

    Args:
        city (str, optional): where,
            with the country
        days: how many
        *rest: more

    Returns:
        The weather.
    """,
    "numpy": """Look it up.

    More text.

    Parameters
    ----------
    city : str, optional
        where,
        with the country
    days, rest
        how many

    Returns
    -------
    str
        The weather.
    """,
    "rest": """Look it up.

    More text.

    :param str city: where,
        with the country
    :type city: str
    :param days: how many
    :returns: The weather.
    """,
}


@pytest.mark.parametrize("style", DOCSTRINGS)
def test_docstrings_of_three_styles(style: str) -> None:
    """Descriptions are found and taken out, the rest stays."""
    told = parse_docstring(DOCSTRINGS[style])
    assert told.parameters["city"] == "where, with the country"
    assert told.parameters["days"] == "how many"
    assert told.text.startswith("Look it up.\n\nMore text.\n\n")
    assert "The weather." in told.text
    assert "city" not in told.text


@pytest.mark.parametrize(
    "text", [None, "", "Args:", "Args: none", "Parameters\n\nof life", "Note: x: y", "A: b\n\nNote:\n    c: d"]
)
def test_docstrings_that_describe_no_parameter(text: str | None) -> None:
    """They stay as they are."""
    assert parse_docstring(text) == ((text or ""), {})


def test_callables_of_every_kind() -> None:
    """Methods, objects, partials, wrapped functions: neither ``self`` nor what is fixed is the model's to fill in."""
    counter = Counter()
    assert declare(counter.add).name == "add"
    assert [field.name for field in parameters(counter.add)] == ["number"]
    assert (declare(counter).name, declare(counter).description) == ("Counter", "Call it.")
    part = functools.partial(plain, 1, c="x")
    assert (declare(part).name, [field.name for field in parameters(part)]) == ("plain", ["b", "d"])

    @functools.wraps(plain)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return plain(*args, **kwargs)

    assert declare(wrapped) == declare(plain)


def test_a_model_that_holds_itself_keeps_its_definition() -> None:
    """JSON Schema has words for it."""
    schema = declare(recursive).parameters_json_schema
    assert schema["properties"]["node"]["properties"]["kids"]["items"] == {"$ref": "#/$defs/Node"}
    assert schema["$defs"]["Node"]["required"] == ["kids", "x"]


def test_types_that_google_genai_refuses() -> None:
    """Dataclasses, TypedDicts, Enums with a default."""

    def save(leaf: Leaf, movie: Movie, color: Color = Color.RED, size: Size = Size.BIG) -> None: ...

    properties = declare(save).parameters_json_schema["properties"]
    assert properties["leaf"]["properties"]["a"] == {"title": "A", "type": "integer"}
    assert properties["movie"]["required"] == ["title"]
    assert properties["color"] == {"title": "Color", "type": "string", "enum": ["red", "blue"], "default": "red"}
    assert properties["size"] == {"title": "Size", "type": "integer", "enum": [1, 2], "default": 2}


def test_a_result_that_has_no_schema_is_no_obstacle() -> None:
    """The model does without; a response that goes back as it is has none."""

    def number() -> complex: ...  # type: ignore[empty-body]
    def picture() -> Part: ...  # type: ignore[empty-body]
    def nothing() -> None: ...

    assert declare(number).response_json_schema is None
    assert declare(picture).response_json_schema is None
    assert declare(nothing).response_json_schema == {"type": "null"}


def stars(*args: int) -> None: ...
def double_stars(**kwargs: int) -> None: ...
def unknown(a: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def odd(a: complex) -> None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (stars, r"stars takes \*args"),
        (double_stars, r"double_stars takes \*\*kwargs"),
        (no_annotation, "parameter 'a' has no annotation; write for example a: str"),
        (unknown, "Nowhere"),
        (odd, "odd cannot be a tool: complex"),
        (lambda: 1, "<lambda> cannot be a tool"),
    ],
)
def test_what_can_not_be_declared_is_refused(function: Callable[..., Any], message: str) -> None:
    """Before anything is sent, and with its name."""
    with pytest.raises(UsageError, match=message):
        declare(function)


def shown(
    a: Any = None, *, i: int = 0, leaf: Leaf | None = None, inner: Inner | None = None, c: Color | None = None
) -> str:
    return repr((a, i, leaf, inner, c))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (None, (None, 0, None, None, None)),
        ({"a": {"x": [1.0, 2.5]}, "i": 3.0}, ({"x": [1, 2.5]}, 3, None, None, None)),
        ({"leaf": {"a": 1}, "inner": {"x": 2}, "c": "red"}, (None, 0, Leaf(1), Inner(x=2), Color.RED)),
    ],
)
def test_arguments_become_what_the_annotations_promise(arguments: Any, expected: Any) -> None:
    """Models, dataclasses, Enums; whole numbers are ints, also where the wire has them as 3.0."""
    assert call(shown, arguments) == repr(expected)
    assert asyncio.run(acall(shown, arguments)) == repr(expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"i": "3"}, "shown.i: expected a whole number, got '3'"),
        ({"i": 3.5}, "shown.i: expected a whole number, got 3.5"),
        ({"i": True}, "shown.i"),
        ({"leaf": {"a": "x"}}, "shown.leaf"),
        ({"inner": {"x": "x"}}, "shown.inner"),
        ({"z": 1}, "shown has no 'z'; it has: a, i, leaf, inner, c"),
    ],
)
def test_arguments_that_do_not_fit_are_an_error(arguments: Any, message: str) -> None:
    """The model reads it: it says which argument, and what was expected."""
    with pytest.raises(FunctionCallError, match=message):
        call(shown, arguments)
    with pytest.raises(FunctionCallError, match=message):
        asyncio.run(acall(shown, arguments))


def test_a_missing_argument_is_an_error() -> None:
    with pytest.raises(FunctionCallError, match="plain needs 'b'"):
        call(plain, {"a": 1})


def test_arguments_by_position_and_nested_models() -> None:
    """Parameters that can not be named in a call are filled all the same."""

    def position(a: int, /, node: Node, *, b: int = 2) -> tuple[int, int, int]:
        return a, node.kids[0].x, b

    assert call(position, {"node": {"x": 1, "kids": [{"x": 5, "kids": []}]}, "a": 1}) == (1, 5, 2)
    counter = Counter()
    assert [call(counter.add, {"number": 2}), call(counter), call(functools.partial(counter.add, number=4))] == [
        2,
        3,
        7,
    ]


def test_coroutines_are_awaited_and_plain_functions_run_in_a_thread() -> None:
    """The loop stays free; a plain function that returns a coroutine is awaited too."""

    async def where(a: int) -> tuple[int, str]:
        return a, threading.current_thread().name

    def here(a: int) -> tuple[int, str]:
        return a, threading.current_thread().name

    main = threading.current_thread().name
    assert asyncio.run(acall(where, {"a": 1})) == (1, main)
    assert asyncio.run(acall(functools.partial(where, a=2))) == (2, main)
    assert asyncio.run(acall(lambda: where(3))) == (3, main)
    assert asyncio.run(acall(here, {"a": 1}))[1] != main
    with pytest.raises(UsageError, match=r"where is a coroutine function: use client\.aio"):
        call(where, {"a": 1})

"""JSON for schemas, and function calls."""

import json
import re
from typing import Any

import pytest

from headwater.offline import INSTANT, answer, stream
from headwater.types import FunctionCallingConfigMode, GenerateContentRequest, Schema

KINDS = {"object": dict, "array": list, "string": str, "boolean": bool}


def fits(value: Any, schema: Any, root: Any) -> Any:
    """A small checker: whether ``value`` is valid for ``schema``."""
    if "$ref" in schema:
        return fits(value, root["$defs"][schema["$ref"].split("/")[-1]], root)
    if "anyOf" in schema:
        return any(fits(value, option, root) for option in schema["anyOf"])
    if "const" in schema:
        return value == schema["const"]
    if "enum" in schema:
        return value in schema["enum"]
    kind = schema.get("type", "object").lower()
    if kind == "null":
        return value is None
    if kind in ("integer", "number"):
        if isinstance(value, bool) or not isinstance(value, int if kind == "integer" else (int, float)):
            return False
        return schema.get("minimum", value) <= value <= schema.get("maximum", value)
    if not isinstance(value, KINDS[kind]):
        return False
    if kind == "array":
        size = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**6)
        return size and all(fits(entry, schema.get("items", {}), root) for entry in value)  # type: ignore[attr-defined]
    if kind == "string":
        size = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**6)
        return size and (re.search(schema.get("pattern", ""), value) is not None)
    if kind == "object":
        known = schema.get("properties", {})
        return all(key in value for key in schema.get("required", [])) and all(
            fits(value[key], known[key], root)
            for key in value  # type: ignore[attr-defined]
            if key in known
        )
    return True


RECIPE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 3, "maxLength": 20},
        "rating": {"type": "integer", "minimum": 3, "maximum": 4},
        "price": {"type": "number", "minimum": 0.5, "maximum": 0.75},
        "tags": {
            "type": "array",
            "items": {"type": "string", "enum": ["sweet", "salty"]},
            "minItems": 4,
            "maxItems": 5,
        },
        "code": {"type": "string", "pattern": "^[A-Z]{3}-\\d{4}$"},
        "vegan": {"type": "boolean"},
        "kind": {"const": "recipe"},
        "note": {"anyOf": [{"type": "null"}, {"type": "string"}]},
        "day": {"type": "string", "format": "date"},
    },
    "required": ["name", "rating", "tags"],
}
TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "label": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["label", "children"],
        }
    },
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    "schema",
    [
        RECIPE,
        TREE,
        {"type": "array", "items": RECIPE, "maxItems": 2},
        {"type": "integer", "minimum": 7, "maximum": 7},
        {"type": "string"},
    ],
)
@pytest.mark.parametrize("prompt", ["List 2 cookie recipes", "hello", "x"])
def test_the_answer_is_valid_for_a_json_schema(say: Any, schema: Any, prompt: Any) -> None:
    text = say(prompt, config={"response_mime_type": "application/json", "response_json_schema": schema})
    assert fits(json.loads(text), schema, schema), text


def test_the_openapi_subset_is_understood_as_dict_and_as_type(say: Any) -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "recipeName": {"type": "STRING"},
            "count": {"type": "INTEGER"},
            "mood": {"type": "STRING", "enum": ["HAPPY", "SAD"]},
        },
        "required": ["recipeName", "count", "mood"],
        "propertyOrdering": ["mood", "count", "recipeName"],
    }
    for given in (schema, Schema(**schema)):
        value = json.loads(say("a recipe", config={"response_mime_type": "application/json", "response_schema": given}))
        assert list(value) == ["mood", "count", "recipeName"]
        assert value["mood"] in ("HAPPY", "SAD")


def test_an_enum_gives_one_of_its_values(say: Any) -> None:
    schema = {"type": "STRING", "enum": ["Percussion", "String", "Woodwind"]}
    config = {"response_mime_type": "text/x.enum", "response_schema": schema}
    assert say("What type of instrument is an oboe?", config=config) in schema["enum"]
    assert say("Is this woodwind?", config=config) == "Woodwind"


def test_json_without_a_schema_is_an_object(say: Any) -> None:
    assert isinstance(json.loads(say("Tell me about cats", config={"response_mime_type": "application/json"})), dict)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": 5},
        {"$ref": "#/nowhere"},
        {"$ref": "#"},
        {"type": "object", "properties": {"self": {"$ref": "#"}}, "required": ["self"]},
        {"anyOf": []},
        {"type": "string", "pattern": "(((", "minLength": 5},
        {"enum": []},
        {"allOf": [{"$ref": "#"}]},
        {"type": "object", "required": [1, None]},
        {"type": "number", "minimum": 5, "maximum": 1},
        {"type": "string", "minLength": "x"},
    ],
)
def test_odd_schemas_still_give_json(say: Any, schema: Any) -> None:
    json.loads(say("hi", config={"response_mime_type": "application/json", "response_json_schema": schema}))


WEATHER = {
    "name": "get_weather",
    "description": "Get the current weather for a city",
    "parameters": {
        "type": "OBJECT",
        "properties": {"location": {"type": "STRING"}, "unit": {"type": "STRING", "enum": ["celsius", "fahrenheit"]}},
        "required": ["location"],
    },
}
ADD = {
    "name": "add_numbers",
    "parameters_json_schema": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "number"}},
        "required": ["a", "b"],
    },
}
LIGHT = {
    "name": "set_light",
    "description": "Switch a lamp",
    "parameters": {
        "type": "object",
        "properties": {"enabled": {"type": "boolean"}, "brightness": {"type": "integer"}},
        "required": ["enabled"],
    },
}
TOOLS = [{"functionDeclarations": [WEATHER, ADD]}, {"function_declarations": [LIGHT]}]


@pytest.mark.parametrize(
    ("prompt", "name", "args"),
    [
        ("What is the weather in Paris?", "get_weather", {"location": "Paris"}),
        (
            "What's the weather like in San Francisco, CA in celsius?",
            "get_weather",
            {"location": "San Francisco, CA", "unit": "celsius"},
        ),
        ("Add 3 and 4.5", "add_numbers", {"a": 3, "b": 4.5}),
        ("Please turn off the light", "set_light", {"enabled": False}),
        ("Set the light on, brightness 40", "set_light", {"enabled": True, "brightness": 40}),
    ],
)
def test_the_function_that_is_asked_for_is_called(ask: Any, prompt: Any, name: Any, args: Any) -> None:
    (call,) = ask(prompt, tools=TOOLS).function_calls
    assert (call.name, call.args) == (name, args)
    assert call.id


def test_two_places_give_two_calls(ask: Any) -> None:
    calls = ask("What is the weather in Paris and London?", tools=TOOLS).function_calls
    assert [call.args["location"] for call in calls] == ["Paris", "London"]
    assert len({call.id for call in calls}) == 2


def test_a_prompt_that_fits_no_function_is_answered_in_words(ask: Any) -> None:
    response = ask("Tell me a story about a fox", tools=TOOLS)
    assert response.function_calls is None
    assert "fox" in response.text


def test_the_mode_decides_whether_functions_are_called(ask: Any) -> None:
    def tools_with(mode: Any, allowed: Any = None) -> Any:
        return {
            "tools": TOOLS,
            "tool_config": {"function_calling_config": {"mode": mode, "allowed_function_names": allowed}},
        }

    assert ask("What is the weather in Paris?", **tools_with("NONE")).function_calls is None
    assert ask("Tell me a story", **tools_with(FunctionCallingConfigMode.ANY)).function_calls
    (call,) = ask("What is the weather in Paris?", **tools_with("ANY", ["add_numbers"])).function_calls
    assert call.name == "add_numbers"
    assert set(call.args) == {"a", "b"}


def test_the_result_of_a_call_is_put_into_words(ask: Any, request_of: Any) -> None:
    first = ask("What is the weather in Paris?", tools=TOOLS)
    call = first.function_calls[0]
    result = {
        "function_response": {"name": call.name, "id": call.id, "response": {"temperature": 18, "condition": "sunny"}}
    }
    text = ask(
        "What is the weather in Paris?",
        [{"function_call": {"name": call.name, "args": call.args, "id": call.id}}],
        [result],
        tools=TOOLS,
    ).text
    assert all(word in text for word in ("Paris", "18", "sunny", "weather"))


def test_a_failed_call_is_told_honestly(ask: Any) -> None:
    result = {"function_response": {"name": "get_weather", "response": {"error": "no such city"}}}
    assert "no such city" in ask("weather?", [{"function_call": {"name": "get_weather", "args": {}}}], [result]).text


def test_calls_come_with_a_reason_to_stop(request_of: Any) -> None:
    last = list(stream(request_of("What is the weather in Paris?", tools=TOOLS), model="m", pace=INSTANT))[-1].chunk
    assert last.finish_reason == "STOP"
    assert last.function_calls


@pytest.mark.parametrize(
    "tools",
    [
        [{}],
        [5],
        ["x"],
        [{"functionDeclarations": 5}],
        [{"functionDeclarations": [{}, {"name": 5}, {"name": "f", "parameters": 7}]}],
        [{"googleSearch": {}}],
    ],
)
def test_odd_tools_do_no_harm(tools: Any) -> None:
    contents = [{"role": "user", "parts": [{"text": "call f please"}]}]
    assert answer(GenerateContentRequest(contents=contents, tools=tools), model="m").candidates


def test_people_dates_and_topics_are_found_in_the_prompt(ask: Any) -> None:
    names = ("attendees", "date", "time", "topic")
    properties = {name: {"type": "STRING"} for name in names} | {
        "attendees": {"type": "ARRAY", "items": {"type": "STRING"}}
    }
    declaration = {
        "name": "schedule_meeting",
        "parameters": {"type": "OBJECT", "properties": properties, "required": list(names)},
    }
    prompt = "Schedule a meeting with Bob and Alice for 03/27/2025 at 10:00 AM about the Q3 planning."
    (call,) = ask(prompt, tools=[{"functionDeclarations": [declaration]}]).function_calls
    assert call.args == {
        "attendees": ["Bob", "Alice"],
        "date": "03/27/2025",
        "time": "10:00 AM",
        "topic": "Q3 planning",
    }

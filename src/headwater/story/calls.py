"""The caller: decides whether a function of the request should be called, and with which arguments."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from headwater.story.finding import Finder, mentions, named_places, stems_of
from headwater.story.reading import Ask
from headwater.story.schemas import Maker, choices_of, plain, properties_of, types_of
from headwater.types import FunctionCall


class Function(msgspec.Struct, frozen=True):
    """A declared function: its name, what it says of itself, and the schema of its arguments."""

    name: str
    description: str
    schema: dict[str, Any]


def functions_of(ask: Ask) -> list[Function]:
    """Return the functions that the request declares and allows, whichever case its keys are in."""
    found: list[Function] = []
    for tool in ask.request.tools or []:
        tool = plain(tool)
        declared = (
            tool.get("functionDeclarations") or tool.get("function_declarations") if isinstance(tool, dict) else None
        )
        for entry in declared if isinstance(declared, list) else []:
            if isinstance(entry, dict) and isinstance(entry.get("name"), str) and entry["name"]:
                found.append(_function(entry))
    allowed = _config(ask)[1]
    return [function for function in found if not allowed or function.name in allowed]


def _function(entry: dict[str, Any]) -> Function:
    schema = entry.get("parameters") or entry.get("parametersJsonSchema") or entry.get("parameters_json_schema")
    description = entry.get("description")
    return Function(
        entry["name"], description if isinstance(description, str) else "", schema if isinstance(schema, dict) else {}
    )


def _config(ask: Ask) -> tuple[str, list[str]]:
    config = ask.request.tool_config.function_calling_config if ask.request.tool_config else None
    if config is None:
        return "AUTO", []
    return str(config.mode or "AUTO").upper(), config.allowed_function_names or []


def decide_calls(ask: Ask) -> tuple[FunctionCall, ...]:
    """Return the calls with which a request is answered; none when it is better answered in words."""
    mode, _ = _config(ask)
    functions = functions_of(ask)
    if mode == "NONE" or not functions:
        return ()
    scored = sorted(
        ((_score(function, ask.prompt), -place, function) for place, function in enumerate(functions)),
        key=lambda entry: entry[:2],
        reverse=True,
    )
    best = scored[0]
    if mode != "ANY" and best[0] < 2:
        return ()
    chosen = [
        best[2],
        *(entry[2] for entry in scored[1:] if best[0] >= 2 and _also(entry[0], entry[2], best[2], ask.prompt)),
    ]
    calls = [
        FunctionCall(name=function.name, args=arguments)
        for function in chosen
        for arguments in _argument_sets(function, ask)
    ]
    for place, call in enumerate(calls):
        call.id = _call_id(ask.digest, place, call.name or "")
    return tuple(calls[:16])


def _call_id(digest: bytes, place: int, name: str) -> str:
    raw = hashlib.sha256(digest + bytes([place % 256]) + name.encode("utf-8", "replace")).digest()
    return base64.b32encode(raw)[:8].decode().lower()


def _score(function: Function, prompt: str) -> float:
    """How well a function suits the prompt: words shared with its name count most."""
    asked = stems_of(prompt)
    if re.search(rf"\b{re.escape(function.name)}\b", prompt):
        return 10.0
    name, described = stems_of(function.name), stems_of(function.description)
    for word in tuple(asked):
        asked |= _ALIKE.get(word, frozenset())
    names = 2.0 * len(asked & name)
    values = sum(
        1.0
        for schema in properties_of(function.schema).values()
        for value in choices_of(schema)
        if mentions(prompt, str(value))
    )
    return (
        names
        + min(3.0, 0.7 * len((asked & described) - name))
        + values
        + 0.5 * len(asked & stems_of(" ".join(properties_of(function.schema))))
    )


_ALIKE: dict[str, frozenset[str]] = {
    "temperature": frozenset({"weather"}),
    "rain": frozenset({"weather"}),
    "sunny": frozenset({"weather"}),
    "forecast": frozenset({"weather"}),
    "hot": frozenset({"weather", "temperature"}),
    "cold": frozenset({"weather", "temperature"}),
    "umbrella": frozenset({"weather"}),
    "plu": frozenset({"add", "sum"}),
    "plus": frozenset({"add", "sum"}),
    "sum": frozenset({"add"}),
    "add": frozenset({"sum"}),
    "time": frozenset({"multiply"}),
    "times": frozenset({"multiply"}),
    "product": frozenset({"multiply"}),
    "multiplied": frozenset({"multiply"}),
    "minus": frozenset({"subtract"}),
    "subtract": frozenset({"minus"}),
    "divided": frozenset({"divide"}),
    "mail": frozenset({"email"}),
    "email": frozenset({"mail"}),
    "cost": frozenset({"price"}),
    "price": frozenset({"cost"}),
    "worth": frozenset({"price"}),
    "meet": frozenset({"schedule"}),
    "find": frozenset({"search"}),
    "look": frozenset({"search"}),
    "search": frozenset({"find"}),
    "light": frozenset({"lights", "lamp"}),
    "dim": frozenset({"light"}),
    "date": frozenset({"time"}),
    "clock": frozenset({"time"}),
}


def _also(score: float, function: Function, best: Function, prompt: str) -> bool:
    """Whether a second function is asked for as well: its name says something that the first one's does not."""
    own = stems_of(function.name) - stems_of(best.name)
    return score >= 2.5 and bool(own & stems_of(prompt)) and bool(re.search(r"\band\b|\balso\b|\bthen\b|,", prompt))


def _argument_sets(function: Function, ask: Ask) -> Iterator[dict[str, Any]]:
    """One set of arguments for each place that the prompt names, or a single one."""
    places = named_places(ask.prompt)
    key = next((name for name, schema in properties_of(function.schema).items() if _is_place(name, schema)), "")
    if key and len(places) > 1 and "array" not in types_of(properties_of(function.schema)[key]):
        for place in places[:8]:
            yield _arguments(function, ask, {key: place})
        return
    yield _arguments(
        function,
        ask,
        {key: places[0]} if key and places and "array" not in types_of(properties_of(function.schema)[key]) else {},
    )


def _is_place(name: str, schema: Any) -> bool:
    return bool(
        stems_of(name)
        & {"location", "city", "place", "town", "country", "region", "destination", "address", "where", "area"}
    ) and not choices_of(schema)


def _arguments(function: Function, ask: Ask, given: dict[str, Any]) -> dict[str, Any]:
    finder = Finder(ask)
    maker = Maker(ask, function.schema)
    required = function.schema.get("required")
    needed = required if isinstance(required, list) else []
    arguments: dict[str, Any] = {}
    for name, schema in properties_of(function.schema).items():
        value = given[name] if name in given else finder.find(name, maker.resolved(schema))
        if value is None and name in needed:
            value = finder.fallback(maker.resolved(schema))
            value = maker.make(schema, name) if value is None else value
        if value is not None:
            arguments[name] = value
    return arguments

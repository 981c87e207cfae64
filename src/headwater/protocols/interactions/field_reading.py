"""Reads fields of JSON from outside: both spellings of names, and errors that say where something is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from headwater.errors import APIError, UsageError
from headwater.protocols.interactions.error_codes import refusal

T = TypeVar("T")
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")
#: Fields whose keys belong to the client: schemas, arguments, results.
_OPAQUE = frozenset({"parameters", "schema", "arguments", "result", "labels", "response_format"})
_KINDS: Mapping[type[Any], str] = MappingProxyType(
    {
        str: "a string",
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        dict: "an object",
        list: "a list",
    }
)


def snake_names(value: Any) -> Any:
    """Return JSON with snake-case names: like all of Google's APIs, this one takes camelCase as well."""
    if isinstance(value, list):
        return [snake_names(one) for one in value]
    if not isinstance(value, dict):
        return value
    named = ((_HUMP.sub(r"_\1", name).lower(), inner) for name, inner in value.items())
    return {name: inner if name in _OPAQUE else snake_names(inner) for name, inner in named}


def camel_name(name: str) -> str:
    """Return a snake-case name as the Gemini API spells it."""
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)


def expect(value: Any, kind: type[T], where: str) -> T:
    """Return ``value`` if it is of this kind. Numbers may be strings, as everywhere in Google's JSON.

    Raises:
        UsageError: if it is not; ``where`` is the path of the field.
    """
    if kind in (int, float) and isinstance(value, str):
        value = _number(value)
    if kind is float and isinstance(value, int):
        value = float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    # A bool is an int to Python, and not to JSON.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UsageError(f"{where!r} must be {_KINDS[kind]}")
    return value


def kind_of(item: Mapping[str, Any], where: str) -> str | None:
    """Return the ``type`` of an item; None if it has none.

    Raises:
        UsageError: if it is not a string.
    """
    kind = item.get("type")
    return None if kind is None else expect(kind, str, f"{where}.type")


def choice(value: Any, choices: tuple[str, ...], where: str) -> str:
    """Return ``value`` if it is one of ``choices``, whatever its case.

    Raises:
        UsageError: if it is not.
    """
    text = expect(value, str, where).lower()
    if text not in choices:
        raise UsageError(f"the value {text[:50]!r} is not supported for {where!r}: use one of {', '.join(choices)}")
    return text


def check_names(value: Mapping[str, Any], known: frozenset[str], where: str = "") -> None:
    """Check that an object has no other fields than ``known`` ones.

    Raises:
        APIError: 400, if it has; nothing that may change the answer is dropped silently.
    """
    for name in value:
        if name not in known:
            raise unknown_field(f"{where}.{name}" if where else name)


def unknown_field(where: str) -> APIError:
    """Return the error for a field that does not exist."""
    return refusal(400, "parameter_unknown", f"unknown parameter {where[:100]!r}")


def _number(text: str) -> Any:
    try:
        return float(text) if len(text) <= 50 else text
    except ValueError:
        return text

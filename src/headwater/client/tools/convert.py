"""Converts plain JSON to annotated types: models, dataclasses, Enums, dates, containers of these.

It is strict, except where JSON or the API's schemas cannot express a Python value: JSON has one kind of number (so
``3.0`` is an ``int`` where one is expected), its keys are strings, and the API offers choices as strings only.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

import msgspec

from headwater.client.tools.annotations import Field, arms, array_of, bare, fields, is_enum, is_model, mapping_of, show

_SCALARS: dict[Any, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


class ConversionError(ValueError):
    """A value does not fit its annotation; the message says where, what was expected and what it was."""


def convert(value: Any, annotation: Any, where: str) -> Any:
    """Return ``value`` as an instance of the annotated type; ``where`` names it in error messages.

    Raises:
        ConversionError: if it does not fit.
    """
    # The exact cases first; what remains at the end is a container or a class.
    kind, _ = bare(annotation)
    if kind is Any or kind is object:
        return _whole_numbers(value)
    if kind in _SCALARS:
        return _scalar(value, kind, where)
    if kind is None or kind is type(None):
        if value is not None:
            raise _conversion_error("null", value, where)
        return None
    if (alternatives := arms(kind)) is not None:
        return _alternative(value, alternatives, where)
    if get_origin(kind) is Literal:
        return _choice(value, get_args(kind), where)
    if is_enum(kind):
        return kind(_choice(value, tuple(member.value for member in kind), where))
    return _composite(value, kind, where)


def convert_members(value: Mapping[str, Any], members: list[Field], where: str) -> dict[str, Any]:
    """Return the members of an object, each as an instance of its annotated type; optional ones may be absent.

    Raises:
        ConversionError: if one does not fit, is missing, or is unknown.
    """
    known = {member.name: member for member in members}
    for name in value:
        if name not in known:
            raise ConversionError(f"{where} has no {name!r}; it has: {', '.join(known) or 'nothing'}")
    for member in members:
        if member.is_required and member.name not in value:
            raise ConversionError(f"{where} needs {member.name!r}")
    return {name: convert(item, known[name].annotation, f"{where}.{name}") for name, item in value.items()}


def _composite(value: Any, kind: Any, where: str) -> Any:
    if (array := array_of(kind)) is not None:
        items = _list(value, where)
        return array[0](convert(item, array[1], f"{where}[{index}]") for index, item in enumerate(items))
    if get_origin(kind) is tuple:
        return _tuple(_list(value, where), get_args(kind), where)
    if (mapping := mapping_of(kind)) is not None:
        pairs = _object(value, where).items()
        return {_key(key, mapping[0], where): convert(item, mapping[1], f"{where}.{key}") for key, item in pairs}
    if (members := fields(kind)) is not None:
        return _construct(kind, convert_members(_object(value, where), members, where), where)
    return _by_library(value, kind, where)


def _construct(kind: Any, members: dict[str, Any], where: str) -> Any:
    try:
        return kind(**members)
    except (TypeError, ValueError) as error:  # raised by a __post_init__
        raise ConversionError(f"{where}: {error}") from error


def _by_library(value: Any, kind: Any, where: str) -> Any:
    """Convert by pydantic or msgspec: models, Structs, dates, UUIDs, decimals."""
    try:
        if is_model(kind):
            return kind.model_validate_json(
                msgspec.json.encode(value)
            )  # pydantic's rules for JSON are laxer than those for Python values
        return msgspec.convert(value, kind, dec_hook=functools.partial(_inner, kind, where))
    except (ValueError, TypeError) as error:  # pydantic's and msgspec's ValidationError are ValueErrors
        raise ConversionError(f"{where}: {error}") from error


def _inner(outer: Any, where: str, kind: Any, value: Any) -> Any:
    """Convert a value whose type msgspec found inside ``outer`` and does not support."""
    if kind is outer:
        raise ConversionError(f"{where}: {show(kind)} cannot be made from JSON")
    return convert(value, kind, where)


def _scalar(value: Any, kind: Any, where: str) -> Any:
    # Exact types: a bool is an int in Python, but ``true`` is not a number in JSON.
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    if kind is int and type(value) is float and value.is_integer():  # JSON has no integers of its own
        return int(value)
    raise _conversion_error(_SCALARS[kind], value, where)


def _alternative(value: Any, alternatives: tuple[Any, ...], where: str) -> Any:
    """Convert to the first alternative that fits: the value's own type first, models that would drop keys last."""
    for kind in alternatives:
        if type(value) is kind:
            return value
    for kind in sorted(alternatives, key=lambda kind: _drops(value, bare(kind)[0])):
        try:
            return convert(value, kind, where)
        except ConversionError:
            continue
    raise _conversion_error(" or ".join(show(kind) for kind in alternatives), value, where)


def _drops(value: Any, kind: Any) -> bool:
    """Return whether this model would silently drop keys of the value."""
    if not is_model(kind) or not isinstance(value, Mapping):
        return False
    known = set(kind.model_fields) | {field.alias for field in kind.model_fields.values()}
    return not set(value) <= known


def choices_text(choice: Any) -> str:
    """Return the text of a choice: the API's schemas can only offer strings."""
    return str(choice).lower() if isinstance(choice, bool) else str(choice)


def _choice(value: Any, choices: tuple[Any, ...], where: str) -> Any:
    # First the value itself, then its text, in which the API offers numbers and booleans.
    for choice in choices:
        if value == choice and isinstance(value, bool) == isinstance(choice, bool):
            return choice
    for choice in choices:
        if value == choices_text(choice):
            return choice
    raise _conversion_error("one of " + ", ".join(repr(choice) for choice in choices), value, where)


def _tuple(items: list[Any], kinds: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if len(items) != len(kinds):
        raise ConversionError(f"{where}: expected {len(kinds)} items, got {len(items)}")
    return tuple(
        convert(item, kind, f"{where}[{at}]") for at, (item, kind) in enumerate(zip(items, kinds, strict=True))
    )


def _key(key: str, kind: Any, where: str) -> Any:
    """Convert a key; JSON keys are strings, so numbers are parsed."""
    kind, _ = bare(kind)
    if kind in (int, float):
        try:
            return kind(key)
        except ValueError:
            raise _conversion_error(_SCALARS[kind], key, where) from None
    return convert(key, kind, where)


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _conversion_error("a list", value, where)
    return list(value)


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _conversion_error("an object", value, where)
    return value


def _whole_numbers(value: Any) -> Any:
    """Turn ``3.0`` into 3 at any depth: without an annotation, whole numbers are taken for integers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    return {key: _whole_numbers(item) for key, item in value.items()} if isinstance(value, dict) else value


def _conversion_error(expected: str, value: Any, where: str) -> ConversionError:
    text = repr(value)
    return ConversionError(f"{where}: expected {expected}, got {text if len(text) <= 80 else text[:77] + '...'}")

"""Fields of a chat request, read with errors that name the field as OpenAI's do (``param``)."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from headwater.errors import UsageError

T = TypeVar("T")
_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", dict: "an object"}
_NAMES[list] = "a list"


class ChatFieldError(UsageError):
    """A field of a chat request is missing or wrong. ``param`` is its path."""

    def __init__(self, message: str, param: str = "") -> None:
        super().__init__(message)
        self.param = param


def optional(holder: dict[str, Any], name: str, kind: type[T], where: str = "") -> T | None:
    """Return a field of ``holder``, or None if it is absent or null. ``where`` is the path of the holder.

    Raises:
        ChatFieldError: if it is of another kind.
    """
    value = holder.get(name)
    if value is None:
        return None
    # JSON has one kind of number, and a boolean is none of them, though Python's is an int.
    if kind is float and type(value) is int:
        return cast("T", float(value))
    if kind is int and type(value) is float and value.is_integer():
        return cast("T", int(value))
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ChatFieldError(f"{path(where, name)} must be {_NAMES[kind]}", path(where, name))
    return value


def required(holder: dict[str, Any], name: str, kind: type[T], where: str = "") -> T:
    """Return a field of ``holder``.

    Raises:
        ChatFieldError: if it is absent, null or of another kind.
    """
    value = optional(holder, name, kind, where)
    if value is None:
        raise ChatFieldError(f"{path(where, name)} is required: it must be {_NAMES[kind]}", path(where, name))
    return value


def objects(holder: dict[str, Any], name: str, where: str = "") -> list[dict[str, Any]]:
    """Return a field that is a list of objects; an empty list if it is absent or null.

    Raises:
        ChatFieldError: if it is something else.
    """
    values = optional(holder, name, list, where) or []
    if not all(isinstance(value, dict) for value in values):
        raise ChatFieldError(f"{path(where, name)} must be a list of objects", path(where, name))
    return values


def path(where: str, name: str) -> str:
    """Return the path of a field: ``messages[0].content``."""
    return f"{where}.{name}" if where else name

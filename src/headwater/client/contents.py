"""From what a user wrote to the ``contents`` of a request: text, lists, dicts, parts and whole turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.errors import UsageError
from headwater.types import Blob, Content, FileData, Part

_CONTENT_KEYS = {"parts", "role"}


def to_contents(value: Any) -> list[Content]:
    """Return the turns that ``value`` stands for.

    Text, parts and dicts of parts that follow one another make one turn of the user; a part that calls a function makes
    one of the model; a list inside the list is a turn of its own.

    Raises:
        UsageError: there is nothing, or something that can not be said to a model.
    """
    if value is None or (isinstance(value, list | tuple) and not value):
        raise UsageError("contents are required: pass a text, a Part, a Content or a list of them")
    turns: list[Content] = []
    open_parts: list[Part] = []
    for item in value if isinstance(value, list | tuple) else [value]:
        if isinstance(item, list | tuple):
            _close(open_parts, turns)
            turns.append(Content(role="user", parts=[to_part(part) for part in item]))
        elif _is_content(item):
            _close(open_parts, turns)
            turns.append(item if isinstance(item, Content) else Content(**item))
        else:
            part = to_part(item)
            if open_parts and _role(part) != _role(open_parts[0]):
                _close(open_parts, turns)
            open_parts.append(part)
    _close(open_parts, turns)
    return turns


def to_content(value: Any) -> Content:
    """Return ``value`` as one turn: a system instruction, or one message of a chat."""
    if isinstance(value, Content):
        return value
    if _is_content(value):
        return Content(**value)
    items = value if isinstance(value, list | tuple) else [value]
    if not items:
        raise UsageError("an empty list says nothing: pass a text, a Part or a list of them")
    return Content(role="user", parts=[to_part(item) for item in items])


def to_part(value: Any) -> Part:
    """Return ``value`` as one part.

    Raises:
        UsageError: it can not be said to a model; the message says what to pass instead.
    """
    if isinstance(value, Part):
        return value
    if isinstance(value, str):
        return Part(text=value)
    if isinstance(value, FileData):
        return Part(file_data=value)
    if isinstance(value, Mapping):
        return Part(**value)
    if isinstance(value, Blob):
        return Part(inline_data=value)
    if isinstance(value, bytes | bytearray):
        raise UsageError("bytes need their type: pass types.Part.from_bytes(data=..., mime_type='image/png')")
    raise UsageError(f"contents can not hold {type(value).__name__}: pass a text, a Part, a Content, a dict or a list")


def _is_content(value: Any) -> bool:
    return isinstance(value, Content) or (isinstance(value, Mapping) and not _CONTENT_KEYS.isdisjoint(value))


def _role(part: Part) -> str:
    return "model" if part.function_call is not None else "user"


def _close(open_parts: list[Part], turns: list[Content]) -> None:
    if open_parts:
        turns.append(Content(role=_role(open_parts[0]), parts=list(open_parts)))
        open_parts.clear()

"""From a value to plain dicts, in the ways that ``model_dump`` of pydantic's models offers."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Literal, NamedTuple

import msgspec

from headwater.errors import UsageError

#: Names (or positions) to take or to leave; a dict says for each name what of its value is meant.
Choice = set[int] | set[str] | Mapping[int, Any] | Mapping[str, Any] | None


class Manner(NamedTuple):
    """How a value is dumped."""

    json: bool = False
    by_alias: bool = False
    exclude_none: bool = False
    exclude_defaults: bool = False


def manner(
    mode: Literal["python", "json"] | str, by_alias: bool | None, exclude_none: bool, exclude_defaults: bool
) -> Manner:
    """Return the manner that ``model_dump``'s arguments mean.

    Raises:
        UsageError: there is no such mode.
    """
    if mode not in ("python", "json"):
        raise UsageError(f"mode is 'python' or 'json', not {mode!r}")
    return Manner(mode == "json", bool(by_alias), exclude_none, exclude_defaults)


def dump(value: Any, how: Manner, include: Choice = None, exclude: Choice = None) -> Any:
    """Return ``value`` with its structs as dicts; in JSON manner bytes as URL-safe base64, enums as their text."""
    if isinstance(value, msgspec.Struct):
        return {
            name: dump(item, how, *deeper) for name, item, *deeper in _chosen(_fields(value, how), include, exclude)
        }
    if isinstance(value, Mapping):
        items = ((key, item, key) for key, item in value.items())
        return {key: dump(item, how, *deeper) for key, item, *deeper in _chosen(items, include, exclude)}
    if isinstance(value, list | tuple):
        entries = ((place, item, place) for place, item in enumerate(value))
        return [dump(item, how, *deeper) for _, item, *deeper in _chosen(entries, include, exclude)]
    return _plain(value) if how.json else value


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.urlsafe_b64encode(value).decode()
    if isinstance(value, Enum):
        return value.value
    return msgspec.to_builtins(value)


def _fields(value: msgspec.Struct, how: Manner) -> Iterator[tuple[str, Any, str]]:
    kind = type(value)
    defaults = kind.__struct_defaults__  # keyword-only: each field has one
    for python, wire, absent in zip(kind.__struct_fields__, kind.__struct_encode_fields__, defaults, strict=True):
        item = getattr(value, python)
        if item is None or item == absent:  # the default stands for "not there", whatever it is
            if how.exclude_none or how.exclude_defaults:
                continue
            item = None
        yield (wire if how.by_alias else python), item, python


def _chosen(
    items: Iterable[tuple[Any, Any, Any]], include: Choice, exclude: Choice
) -> Iterator[tuple[Any, Any, Choice, Choice]]:
    """The items that are taken, each with what of it is taken and left in turn."""
    for shown, item, name in items:
        inside, outside = _under(include, name), _under(exclude, name)
        if outside is not True and (include is None or inside is not None):
            yield shown, item, (None if inside is True else inside), outside


def _under(choice: Choice, name: Any) -> Any:
    """What a choice says of one name: True is all of it, None nothing."""
    if choice is None:
        return None
    if not isinstance(choice, Mapping):
        return True if name in choice else None
    named: Mapping[Any, Any] = choice
    found = named.get(name, named.get("__all__"))
    return True if found is ... else found or None

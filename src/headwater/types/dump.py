"""Dumps values to plain dicts, with the options of pydantic's ``model_dump``."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from headwater.errors import UsageError

#: Names or positions to include or exclude; a dict has a nested choice for each name.
Choice = set[int] | set[str] | Mapping[int, Any] | Mapping[str, Any] | None
#: A value as a dict. In ``ApiModel`` itself ``dict`` is a method.
Plain: TypeAlias = dict[str, Any]


class DumpOptions(NamedTuple):
    """The options of a dump."""

    json: bool = False
    by_alias: bool = False
    exclude_none: bool = False
    exclude_defaults: bool = False


def dump_options(
    mode: Literal["python", "json"] | str, by_alias: bool | None, exclude_none: bool, exclude_defaults: bool
) -> DumpOptions:
    """Return the options for the arguments of ``model_dump``.

    Raises:
        UsageError: if the mode is unknown.
    """
    if mode not in ("python", "json"):
        raise UsageError(f"mode must be 'python' or 'json', not {mode!r}")
    return DumpOptions(mode == "json", bool(by_alias), exclude_none, exclude_defaults)


def dump(value: Any, options: DumpOptions, include: Choice = None, exclude: Choice = None) -> Any:
    """Return ``value`` with structs as dicts; in JSON mode bytes are URL-safe base64 and enums their values."""
    if isinstance(value, msgspec.Struct):
        return {
            name: dump(item, options, *deeper)
            for name, item, *deeper in select(_fields(value, options), include, exclude)
        }
    if isinstance(value, Mapping):
        items = ((key, item, key) for key, item in value.items())
        return {key: dump(item, options, *deeper) for key, item, *deeper in select(items, include, exclude)}
    if isinstance(value, list | tuple):
        entries = ((place, item, place) for place, item in enumerate(value))
        return [dump(item, options, *deeper) for _, item, *deeper in select(entries, include, exclude)]
    return _plain(value) if options.json else value


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.urlsafe_b64encode(value).decode()
    if isinstance(value, Enum):
        return value.value
    return msgspec.to_builtins(value, enc_hook=plain_model)


def adopt(value: Any) -> Any:
    """Return one of google-genai's own objects as a dict, anything else as it is.

    Both packages can be imported in one program, and what one of them returns is passed to the other.
    """
    if type(value).__module__ == "google.genai.types" and hasattr(value, "model_fields_set"):
        return {name: item for name, item in vars(value).items() if item is not None}
    return value


def plain_model(value: Any) -> Any:
    """Return a pydantic model inside a function's response as JSON: a hook of msgspec's encoders.

    Raises:
        UsageError: if it is something else that JSON cannot express.
    """
    if not hasattr(value, "model_dump"):
        raise UsageError(
            f"cannot send a value of type {type(value).__name__} as JSON: make it a dict, a list or a text"
        )
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


def _fields(value: msgspec.Struct, options: DumpOptions) -> Iterator[tuple[str, Any, str]]:
    kind = type(value)
    defaults = kind.__struct_defaults__  # all fields are keyword-only, and so have one
    for python, wire, absent in zip(kind.__struct_fields__, kind.__struct_encode_fields__, defaults, strict=True):
        item = getattr(value, python)
        if item is None or item == absent:  # fields at their default count as absent
            if options.exclude_none or options.exclude_defaults:
                continue
            item = None
        yield (wire if options.by_alias else python), item, python


def select(
    items: Iterable[tuple[Any, Any, Any]], include: Choice, exclude: Choice
) -> Iterator[tuple[Any, Any, Choice, Choice]]:
    """Yield the included items, each with the nested choices for it."""
    for shown, item, name in items:
        inside, outside = _nested_choice(include, name), _nested_choice(exclude, name)
        if outside is not True and (include is None or inside is not None):
            yield shown, item, (None if inside is True else inside), outside


def _nested_choice(choice: Choice, name: Any) -> Any:
    """Return the choice for one name: True for all of it, None for nothing."""
    if choice is None:
        return None
    if not isinstance(choice, Mapping):
        return True if name in choice else None
    named: Mapping[Any, Any] = choice
    found = named.get(name, named.get("__all__"))
    return True if found is ... else found or None

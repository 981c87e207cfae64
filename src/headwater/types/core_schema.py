"""Types as fields of pydantic models, and as bodies in FastAPI: the core schema that pydantic asks each type for.

A core schema is a plain dict, so pydantic is not imported here: it calls ``ApiModel.__get_pydantic_core_schema__`` with
a handler, and nothing is done before that. One schema has all types that can be reached from its type, as definitions
that refer to each other, because types contain themselves (``Schema.items``).

pydantic decides nothing: each definition wraps the description of the fields, which only JSON Schema needs, in a
function that validates as headwater does, and another that serializes.
"""

from __future__ import annotations

import types as pytypes
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from importlib import import_module
from typing import Any, TypeAlias, Union, get_args, get_origin

import msgspec

from headwater.errors import UsageError
from headwater.types.fields import descriptions

_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "str"},
    int: {"type": "int"},
    float: {"type": "float"},
    bool: {"type": "bool"},
    # In JSON bytes are base64.
    bytes: {"type": "str", "metadata": {"pydantic_js_updates": {"format": "base64url"}}},
    datetime: {"type": "datetime"},
}
_ANY: dict[str, Any] = {"type": "any"}
#: The types of the fields of a type, by Python name.
Hints: TypeAlias = Callable[[Any], Mapping[str, Any]]


def core_schema(kind: Any, handler: Any, hints_of: Hints) -> dict[str, Any]:
    """Return the core schema of ``kind`` and of every type that its fields lead to."""
    builder = _Builder(handler, hints_of)
    reference = builder.schema(kind)
    return {"type": "definitions", "schema": reference, "definitions": builder.definitions()}


class _Builder:
    """The definitions of the types that one schema needs."""

    def __init__(self, handler: Any, hints_of: Hints) -> None:
        self._handler = handler
        self._hints_of = hints_of
        self._open: list[Any] = []
        self._seen: set[Any] = set()

    def definitions(self) -> list[dict[str, Any]]:
        found = []
        while self._open:  # which grows, since fields name further types
            found.append(self._definition(self._open.pop()))
        return found

    def schema(self, hint: Any) -> dict[str, Any]:
        """Return the schema of an annotation."""
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in (Union, pytypes.UnionType):
            return self._union(arguments)
        if origin is list:
            return {"type": "list", "items_schema": self.schema(arguments[0])}
        if origin is dict:
            return {"type": "dict", "keys_schema": _SCALARS[str], "values_schema": self.schema(arguments[1])}
        if not isinstance(hint, type):
            return _ANY
        if issubclass(hint, msgspec.Struct):
            return self._reference(hint)
        found: dict[str, Any] = self._handler.generate_schema(hint) if issubclass(hint, Enum) else {}
        return found or _SCALARS.get(hint, _ANY)

    def _union(self, arms: tuple[Any, ...]) -> dict[str, Any]:
        choices = [self.schema(arm) for arm in arms if arm is not type(None)]
        inner = choices[0] if len(choices) == 1 else {"type": "union", "choices": choices}
        return {"type": "nullable", "schema": inner} if type(None) in arms else inner

    def _reference(self, kind: Any) -> dict[str, Any]:
        if kind not in self._seen:
            self._seen.add(kind)
            self._open.append(kind)
        return {"type": "definition-ref", "schema_ref": _name(kind)}

    def _definition(self, kind: Any) -> dict[str, Any]:
        said = descriptions(kind)
        names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, self._hints_of(kind).values(), strict=True)
        fields = {name: self._field(wire, hint, said.get(name)) for name, wire, hint in names}
        described = {"type": "typed-dict", "fields": fields, "cls": kind, "extra_behavior": "forbid"}
        # Both validate in one way. The first is what JSON Schema describes; the second is tried before it in a union.
        return {
            "type": "lax-or-strict",
            "lax_schema": _wrap(_validator(kind, is_in_union=False), described),
            "strict_schema": _wrap(_validator(kind, is_in_union=True), _ANY),
            "serialization": {"type": "function-plain", "function": _serialize, "info_arg": True},
            "ref": _name(kind),
        }

    def _field(self, wire: str, hint: Any, description: str | None) -> dict[str, Any]:
        return {
            "type": "typed-dict-field",
            "schema": {"type": "default", "schema": self.schema(hint), "default": None},
            "required": False,
            "validation_alias": wire,
            "serialization_alias": wire,
            "metadata": {"pydantic_js_updates": {"description": description}} if description else {},
        }


def _name(kind: type) -> str:
    # pydantic's own form: the name before the colon becomes the name in JSON Schema.
    return f"{kind.__module__}.{kind.__qualname__}:{id(kind)}"


def _wrap(function: Any, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function-wrap", "function": {"type": "no-info", "function": function}, "schema": schema}


def _validator(kind: Any, *, is_in_union: bool) -> Any:
    def validate(value: Any, handler: Any) -> Any:
        # Not coerced: in a union with ``str``, a text has to stay one.
        if not isinstance(value, kind | Mapping):
            raise UsageError(f"expected {kind.__name__} or a dict, got {type(value).__name__}")
        if is_in_union and not isinstance(value, kind):
            handler(value)  # which makes it an inexact match: for ``dict | ThinkingConfig`` a dict stays one
        return kind.model_validate(value)

    return validate


def _serialize(value: Any, info: Any) -> Any:
    if not isinstance(value, msgspec.Struct):
        return value
    names = ("mode", "include", "exclude", "by_alias", "exclude_unset", "exclude_defaults", "exclude_none")
    return value.model_dump(**{name: getattr(info, name) for name in names})  # type: ignore[attr-defined]


def type_adapter(kind: Any) -> Any:
    """Return pydantic's ``TypeAdapter`` of ``kind``.

    Raises:
        UsageError: if pydantic is not installed.
    """
    try:
        # By its name: pydantic is imported only for who has it and asks for it.
        return import_module("pydantic").TypeAdapter(kind)
    except ModuleNotFoundError as error:
        raise UsageError(
            "JSON Schemas of types are made by pydantic, which is not installed: pip install pydantic"
        ) from error

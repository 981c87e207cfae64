"""Type annotations as JSON Schema."""

from __future__ import annotations

import functools
from datetime import datetime
from enum import Enum
from typing import Any, Literal, get_args, get_origin

import msgspec

from headwater.client.tools.annotations import (
    NO_DEFAULT,
    Field,
    arms,
    array_of,
    bare,
    fields,
    is_enum,
    is_model,
    mapping_of,
    own_docstring,
    show,
)
from headwater.client.tools.docstrings import parse_docstring
from headwater.client.tools.json_refs import inline
from headwater.errors import UsageError

_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    bytes: {"type": "string", "format": "byte"},
    datetime: {"type": "string", "format": "date-time"},
    type(None): {"type": "null"},
    None: {"type": "null"},
    Any: {},
    object: {},
}
_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}
_LENGTHS = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}
_JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}


def json_schema(annotation: Any) -> dict[str, Any]:
    """Return the JSON Schema of an annotation: a plain type, a container, an Enum, a model, a dataclass ...

    Raises:
        UsageError: JSON has no words for this type.
    """
    builder = _Builder()
    schema = builder.schema(annotation)
    return inline({**schema, "$defs": builder.definitions}, recursive=True)


def object_schema(members: list[Field]) -> dict[str, Any]:
    """Return the JSON Schema of an object with these members, without titles: the parameters of a function."""
    builder = _Builder()
    schema = builder.members(members, titles=False)
    return inline({**schema, "$defs": builder.definitions}, recursive=True)


class _Builder:
    """Collects the definitions of the classes that it meets, so that one may hold itself."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        self._names: dict[Any, str] = {}

    def schema(self, annotation: Any) -> dict[str, Any]:
        kind, said = bare(annotation)
        return _with_words(self._bare(kind), said)

    def _bare(self, kind: Any) -> dict[str, Any]:
        try:
            if kind in _PLAIN:
                return dict(_PLAIN[kind])
        except TypeError:  # an annotation that cannot be hashed
            raise UsageError(f"{kind!r} is no type") from None
        if (alternatives := arms(kind)) is not None:
            return {"anyOf": [self.schema(alternative) for alternative in alternatives]}
        if get_origin(kind) is Literal:
            return _one_of(list(get_args(kind)))
        if is_enum(kind):
            return {"title": kind.__name__, **_one_of([member.value for member in kind])}
        if (array := array_of(kind)) is not None:
            unique = {"uniqueItems": True} if array[0] in (set, frozenset) else {}
            return {"type": "array", "items": self.schema(array[1]), **unique}
        if get_origin(kind) is tuple:
            items = [self.schema(item) for item in get_args(kind)]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        if (mapping := mapping_of(kind)) is not None:
            return {"type": "object", "additionalProperties": True if mapping[1] is Any else self.schema(mapping[1])}
        return self._class(kind)

    def _class(self, kind: Any) -> dict[str, Any]:
        """A class with a name: defined once, referred to from where it is used."""
        if kind not in self._names:
            name = getattr(kind, "__name__", str(kind))
            while name in self._names.values():
                name += "_"
            self._names[kind] = name
            self.definitions[name] = self._definition(kind)
        return {"$ref": f"#/$defs/{self._names[kind]}"}

    def _definition(self, kind: Any) -> dict[str, Any]:
        if is_model(kind):
            return self._adopted(kind.model_json_schema())
        if (members := fields(kind)) is not None:
            named = get_origin(kind) or kind
            words = {"title": named.__name__, "description": parse_docstring(own_docstring(named)).text}
            return {**{key: word for key, word in words.items() if word}, **self.members(members)}
        try:
            return self._adopted(msgspec.json.schema(kind, schema_hook=functools.partial(_inner_schema, kind)))
        except TypeError as error:
            raise UsageError(f"{show(kind)} has no JSON schema: {error}") from error

    def _adopted(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema that somebody else made, whose definitions become ours."""
        whole = inline(schema, recursive=True)
        self.definitions |= whole.pop("$defs", {})
        return whole

    def members(self, members: list[Field], *, titles: bool = True) -> dict[str, Any]:
        """An object with these members."""
        properties = {}
        for member in members:
            schema = self.schema(member.annotation)
            if titles and "$ref" not in schema:
                schema = {"title": member.name.title().replace("_", " ").strip(), **schema}
            if member.description:
                schema.setdefault("description", member.description)
            default = None if member.default is NO_DEFAULT else plain(member.default)
            if default is not None:
                schema["default"] = default
            properties[member.name] = schema
        required = [member.name for member in members if member.is_required]
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _inner_schema(outer: Any, kind: Any) -> dict[str, Any]:
    """The schema of a type that msgspec found inside ``outer`` and does not know."""
    if kind is outer:
        raise TypeError("it is neither a model, nor a dataclass, nor what JSON has")
    return json_schema(kind)


def plain(value: Any) -> Any:
    """Return ``value`` as JSON has it; None where it cannot be written so."""
    try:
        return to_plain(value)
    except (TypeError, ValueError):
        return None


def to_plain(value: Any) -> Any:
    """Return ``value`` made of what JSON has: models, dataclasses, Structs, Enums and dates are written out.

    Raises:
        TypeError: there is something inside that JSON has no words for.
    """
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_write_out)


def _write_out(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return dump(mode="json")
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _one_of(values: list[Any]) -> dict[str, Any]:
    values = [value.value if isinstance(value, Enum) else value for value in values]
    kinds = {type(value) for value in values}
    if not kinds <= set(_JSON_TYPES):
        raise UsageError(f"{values!r} cannot be offered to a model: it chooses among texts and numbers")
    kind = {"type": _JSON_TYPES[kinds.pop()]} if len(kinds) == 1 else {}
    return {**kind, "enum": values}


def _with_words(schema: dict[str, Any], said: list[Any]) -> dict[str, Any]:
    """What ``Annotated`` adds: text, pydantic's Field, msgspec's Meta, annotated-types' bounds, a ``Doc``."""
    for word in said:
        if isinstance(word, str):
            schema["description"] = word
            continue
        documentation = getattr(word, "documentation", None)
        for name, text in (
            ("description", documentation),
            *((n, getattr(word, n, None)) for n in ("description", "title")),
        ):
            if isinstance(text, str):
                schema[name] = text
        for name, keyword in _BOUNDS.items():
            if isinstance(bound := getattr(word, name, None), int | float | str):
                schema[keyword] = bound
        for name, keyword in zip(("min_length", "max_length"), _LENGTHS.get(schema.get("type", ""), ()), strict=False):
            if isinstance(bound := getattr(word, name, None), int):
                schema[keyword] = bound
        if isinstance(inner := getattr(word, "metadata", None), list):
            schema = _with_words(schema, inner)
    return schema

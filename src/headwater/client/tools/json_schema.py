"""Builds JSON Schemas from type annotations."""

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
        UsageError: if the type has no JSON schema.
    """
    if isinstance(annotation, str):  # its name, or "json"; an annotation inside of a class is another matter
        raise UsageError(f"a schema is a class such as a pydantic model, or a dict, not the text {annotation!r}")
    # Definitions first, inlined at the end: recursion can only be seen when all of them are there.
    builder = _Builder()
    schema = builder.schema(annotation)
    return inline({**schema, "$defs": builder.definitions}, recursive=True)


def object_schema(members: list[Field]) -> dict[str, Any]:
    """Return the JSON Schema of a function's parameters: an object with these members, without titles."""
    builder = _Builder()
    schema = builder.members(members, titles=False)
    return inline({**schema, "$defs": builder.definitions}, recursive=True)


class _Builder:
    """Builds a schema and collects a definition of each class in it, so that classes can be recursive."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        self._names: dict[Any, str] = {}

    def schema(self, annotation: Any) -> dict[str, Any]:
        kind, metadata = bare(annotation)
        return _with_metadata(self._bare(kind), metadata)

    def _bare(self, kind: Any) -> dict[str, Any]:
        try:
            if kind in _PLAIN:
                return dict(_PLAIN[kind])
        except TypeError:  # unhashable
            raise UsageError(f"{kind!r} is not a type") from None
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
        """Define a class once, under a unique name, and return a reference to it."""
        if kind not in self._names:
            name = getattr(kind, "__name__", str(kind))
            # Two classes of one name (from two modules) must not share a definition.
            while name in self._names.values():
                name += "_"
            self._names[kind] = name  # before its definition, which may refer to it
            self.definitions[name] = self._definition(kind)
        return {"$ref": f"#/$defs/{self._names[kind]}"}

    def _definition(self, kind: Any) -> dict[str, Any]:
        if is_model(kind):
            return self._adopt(kind.model_json_schema())
        if (members := fields(kind)) is not None:
            named = get_origin(kind) or kind
            words = {"title": named.__name__, "description": parse_docstring(own_docstring(named)).text}
            return {**{key: word for key, word in words.items() if word}, **self.members(members)}
        try:
            return self._adopt(msgspec.json.schema(kind, schema_hook=functools.partial(_inner_schema, kind)))
        except TypeError as error:
            raise UsageError(f"{show(kind)} has no JSON schema: {error}") from error

    def _adopt(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return a schema made by pydantic or msgspec, and take over its definitions."""
        whole = inline(schema, recursive=True)
        self.definitions |= whole.pop("$defs", {})
        return whole

    def members(self, members: list[Field], *, titles: bool = True) -> dict[str, Any]:
        """Return the schema of an object with these members."""
        properties = {}
        for member in members:
            schema = self.schema(member.annotation)
            if titles and "$ref" not in schema:
                schema = {"title": member.name.title().replace("_", " ").strip(), **schema}
            if member.description:
                schema.setdefault("description", member.description)
            # A default of None says nothing to the model; one without a JSON form is left out.
            default = None if member.default is NO_DEFAULT else plain(member.default)
            if default is not None:
                schema["default"] = default
            properties[member.name] = schema
        required = [member.name for member in members if member.is_required]
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _inner_schema(outer: Any, kind: Any) -> dict[str, Any]:
    """Return the schema of a type that msgspec found inside ``outer`` and does not support."""
    if kind is outer:
        raise TypeError("it is not a model, a dataclass, or a JSON type")
    return json_schema(kind)


def plain(value: Any) -> Any:
    """Return ``value`` as plain JSON; None if that is not possible."""
    try:
        return to_plain(value)
    except (TypeError, ValueError):
        return None


def to_plain(value: Any) -> Any:
    """Return ``value`` as plain JSON, with models, dataclasses, Structs, Enums and dates converted.

    Raises:
        TypeError: if something inside has no JSON form.
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
        raise UsageError(f"{values!r} cannot be offered to a model: choices must be strings, numbers or booleans")
    kind = {"type": _JSON_TYPES[kinds.pop()]} if len(kinds) == 1 else {}
    return {**kind, "enum": values}


def _with_metadata(schema: dict[str, Any], metadata: list[Any]) -> dict[str, Any]:
    """Add what ``Annotated`` says: text, pydantic's Field, msgspec's Meta, annotated-types' bounds, a ``Doc``."""
    # The libraries are recognized by the attributes of their objects: none of them has to be installed.
    for word in metadata:
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
            schema = _with_metadata(schema, inner)
    return schema

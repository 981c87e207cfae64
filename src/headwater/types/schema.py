"""The API's ``Schema`` and JSON Schema, and the conversion between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.errors import UsageError
from headwater.types.base import ApiModel
from headwater.types.enums import Type
from headwater.types.notices import notify
from headwater.types.open_enum import OpenEnum


class JSONSchemaType(OpenEnum):
    """The type of a JSON Schema."""

    NULL = "null"
    BOOLEAN = "boolean"
    OBJECT = "object"
    ARRAY = "array"
    NUMBER = "number"
    INTEGER = "integer"
    STRING = "string"


class JSONSchema(ApiModel):
    """The subset of JSON Schema that can be converted to a ``Schema``."""

    type: JSONSchemaType | list[JSONSchemaType] | None = None
    format: str | None = None
    title: str | None = None
    description: str | None = None
    default: Any = None
    items: JSONSchema | None = None
    min_items: int | None = None
    max_items: int | None = None
    enum: list[Any] | None = None
    properties: dict[str, JSONSchema] | None = None
    required: list[str] | None = None
    min_properties: int | None = None
    max_properties: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    additional_properties: Any = None
    any_of: list[JSONSchema] | None = None
    unique_items: bool | None = None
    ref: str | None = None
    defs: dict[str, JSONSchema] | None = None
    one_of: list[JSONSchema] | None = None


class Schema(ApiModel):
    """A schema in the API's language, a subset of OpenAPI 3.0."""

    type: Type | None = None
    format: str | None = None
    title: str | None = None
    description: str | None = None
    #: Whether null is allowed.
    nullable: bool | None = None
    enum: list[str] | None = None
    items: Schema | None = None
    min_items: int | None = None
    max_items: int | None = None
    properties: dict[str, Schema] | None = None
    required: list[str] | None = None
    #: The order in which the model writes the properties. Not part of OpenAPI.
    property_ordering: list[str] | None = None
    any_of: list[Schema] | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_properties: int | None = None
    max_properties: int | None = None
    pattern: str | None = None
    default: Any = None
    example: Any = None
    additional_properties: Any = None
    defs: dict[str, Schema] | None = None
    ref: str | None = None

    @classmethod
    def from_json_schema(
        cls,
        *,
        json_schema: JSONSchema | Mapping[str, Any],
        api_option: str = "GEMINI_API",
        raise_error_on_unsupported_field: bool = False,
    ) -> Schema:
        """Return the equivalent schema: references are inlined, null becomes ``nullable``.

        Unsupported keywords (``uniqueItems``, ``additionalProperties``) are left out, and a schema that contains itself
        is cut off there with an empty one, which allows anything. Both APIs take the same schemas,
        so ``api_option`` has no effect.

        Raises:
            UsageError: if a reference is undefined; or, with ``raise_error_on_unsupported_field``, if one is recursive
                or a keyword is not supported.
        """
        notify("from_json_schema", _NATIVE, "info")
        source = JSONSchema.model_validate(json_schema)
        return _Reader(source.defs or {}, strict=raise_error_on_unsupported_field).read(source, ())

    @property
    def json_schema(self) -> JSONSchema:
        """The equivalent JSON Schema. ``example`` and the order of properties have no keyword there."""
        notify("json_schema", _NATIVE, "info")
        return self._as_json_schema()

    def _as_json_schema(self) -> JSONSchema:
        fields: dict[str, Any] = {name: getattr(self, name) for name in (*_SHARED, "additional_properties", "ref")}
        if self.type not in (None, Type.TYPE_UNSPECIFIED):
            fields["type"] = JSONSchemaType(str(self.type))
        fields["items"] = None if self.items is None else self.items._as_json_schema()
        fields["properties"] = _each(self.properties)
        fields["defs"] = _each(self.defs)
        fields["any_of"] = None if self.any_of is None else [one._as_json_schema() for one in self.any_of]
        return JSONSchema(**(_with_null(fields) if self.nullable else fields))


_NATIVE = (
    "Json Schema is now supported natively by both APIs: pass it as GenerateContentConfig.response_json_schema or "
    "FunctionDeclaration.parameters_json_schema. The conversion leaves out what the other language does not have."
)
_NULL = JSONSchemaType.NULL
#: Keywords that apply to one type only; each arm of a split union gets those of its own type.
_OWN = {
    JSONSchemaType.STRING: {"min_length", "max_length", "pattern", "format", "enum"},
    JSONSchemaType.ARRAY: {"items", "min_items", "max_items"},
    JSONSchemaType.OBJECT: {"properties", "required", "min_properties", "max_properties"},
    JSONSchemaType.NUMBER: {"minimum", "maximum", "format", "enum"},
    JSONSchemaType.INTEGER: {"minimum", "maximum", "format", "enum"},
}
_NESTED = {"type", "items", "properties", "any_of", "one_of", "defs", "ref"}
_UNSUPPORTED = ("unique_items",)
#: Keywords that mean the same in both languages and contain no schemas.
_SHARED = [
    name
    for name in Schema.__struct_fields__
    if name in JSONSchema.__struct_fields__ and name not in _NESTED and name != "additional_properties"
]


def _each(schemas: Mapping[str, Schema] | None) -> dict[str, JSONSchema] | None:
    return None if schemas is None else {name: schema._as_json_schema() for name, schema in schemas.items()}


def _with_null(fields: dict[str, Any]) -> dict[str, Any]:
    """Add null as JSON Schema writes it."""
    if fields["any_of"] is not None:
        return fields | {"any_of": [*fields["any_of"], JSONSchema(type=_NULL)]}
    kind = fields.get("type")
    return fields | {"type": _NULL if kind is None else [_NULL, kind]}


class _Reader:
    """Converts one JSON Schema with its definitions."""

    def __init__(self, definitions: Mapping[str, JSONSchema], *, strict: bool) -> None:
        self._definitions = definitions
        self._strict = strict

    def read(self, source: JSONSchema, path: tuple[str, ...]) -> Schema:
        """Convert ``source``; ``path`` has the references that led here."""
        if source.ref in path and not self._strict:
            return Schema()  # as google-genai cuts off what contains itself: any value, from there on
        if source.ref is not None:
            return self.read(self._target(source.ref, path), (*path, source.ref))
        self._check(source)
        kinds = source.type if isinstance(source.type, list) else [source.type] if source.type else []
        named = [kind for kind in kinds if kind is not _NULL]
        nullable = True if _NULL in kinds else None
        if len(named) > 1:
            return Schema(any_of=[self._of_kind(source, kind, path, union=True) for kind in named], nullable=nullable)
        arms = [*(source.any_of or ()), *(source.one_of or ())]
        if not named and arms:
            return self._union(source, arms, path)
        schema = self._of_kind(source, named[0] if named else None, path)
        schema.nullable = nullable
        schema.any_of = [self.read(arm, path) for arm in arms] or None
        return schema

    def _of_kind(
        self, source: JSONSchema, kind: JSONSchemaType | None, path: tuple[str, ...], *, union: bool = False
    ) -> Schema:
        foreign = set().union(*_OWN.values()) - _OWN.get(kind, set()) if union and kind else set()
        fields = {name: getattr(source, name) for name in _SHARED if name not in foreign}
        if union:
            fields["default"] = None  # it is unknown which arm it belongs to
        if source.enum is not None and "enum" not in foreign:
            fields["enum"] = [str(value) for value in source.enum]
        if source.items is not None and "items" not in foreign:
            fields["items"] = self.read(source.items, path)
        if source.properties is not None and "properties" not in foreign:
            fields["properties"] = {name: self.read(one, path) for name, one in source.properties.items()}
        return Schema(type=None if kind is None else Type(kind.value), **fields)

    def _union(self, source: JSONSchema, arms: list[JSONSchema], path: tuple[str, ...]) -> Schema:
        """Convert alternatives: null becomes a flag, and a single alternative replaces the union."""
        others = [arm for arm in arms if arm.type is not _NULL]
        nullable = True if len(others) < len(arms) else None
        fields = {name: value for name in _SHARED if (value := getattr(source, name)) is not None}
        if len(others) == 1:
            return self.read(others[0], path).model_copy(update=fields | ({"nullable": True} if nullable else {}))
        return Schema(any_of=[self.read(arm, path) for arm in others] or None, nullable=nullable, **fields)

    def _target(self, ref: str, path: tuple[str, ...]) -> JSONSchema:
        name = ref.rpartition("/")[2]
        if ref in path:
            raise UsageError(f"the schema {ref!r} is recursive, which the API does not support")
        if name not in self._definitions:
            raise UsageError(f"the schema refers to {ref!r}, which is not in its $defs")
        return self._definitions[name]

    def _check(self, source: JSONSchema) -> None:
        for name in _UNSUPPORTED if self._strict else ():
            if getattr(source, name) is not None:
                raise UsageError(f"a Schema does not support {name!r} of JSON Schema")

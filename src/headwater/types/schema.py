"""The two languages of schemas: the API's ``Schema``, and JSON Schema with the way between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.errors import UsageError
from headwater.types.base import ApiModel, OpenEnum
from headwater.types.enums import Type


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
    """The part of JSON Schema that a ``Schema`` can be made from."""

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
    """A schema of the OpenAPI subset that the API reads."""

    type: Type | None = None
    format: str | None = None
    title: str | None = None
    description: str | None = None
    nullable: bool | None = None
    enum: list[str] | None = None
    items: Schema | None = None
    min_items: int | None = None
    max_items: int | None = None
    properties: dict[str, Schema] | None = None
    required: list[str] | None = None
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
        """Return the schema that says the same: references put in place, null as ``nullable``.

        What a schema has no words for (``uniqueItems``, ``additionalProperties``) is left out. Both APIs read the same
        words, so ``api_option`` changes nothing.

        Raises:
            UsageError: a reference leads nowhere or to itself; or, with ``raise_error_on_unsupported_field``, there
                is a field that a schema has no words for.
        """
        source = JSONSchema.model_validate(json_schema)
        return _Reader(source.defs or {}, strict=raise_error_on_unsupported_field).read(source, ())

    @property
    def json_schema(self) -> JSONSchema:
        """The same as JSON Schema. ``example`` and the order of properties have no words there."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in (*_SHARED, "additional_properties", "ref")}
        if self.type not in (None, Type.TYPE_UNSPECIFIED):
            fields["type"] = JSONSchemaType(str(self.type))
        fields["items"] = None if self.items is None else self.items.json_schema
        fields["properties"] = _each(self.properties)
        fields["defs"] = _each(self.defs)
        fields["any_of"] = None if self.any_of is None else [one.json_schema for one in self.any_of]
        return JSONSchema(**(_with_null(fields) if self.nullable else fields))


_NULL = JSONSchemaType.NULL
#: What only values of one type have; a union's part is not told of the others'.
_OWN = {
    JSONSchemaType.STRING: {"min_length", "max_length", "pattern", "format", "enum"},
    JSONSchemaType.ARRAY: {"items", "min_items", "max_items"},
    JSONSchemaType.OBJECT: {"properties", "required", "min_properties", "max_properties"},
    JSONSchemaType.NUMBER: {"minimum", "maximum", "format", "enum"},
    JSONSchemaType.INTEGER: {"minimum", "maximum", "format", "enum"},
}
_NESTED = {"type", "items", "properties", "any_of", "one_of", "defs", "ref"}
_UNSAYABLE = ("unique_items",)
#: Names that mean the same in both languages and hold no schemas.
_SHARED = [
    name
    for name in Schema.__struct_fields__
    if name in JSONSchema.__struct_fields__ and name not in _NESTED and name != "additional_properties"
]


def _each(schemas: Mapping[str, Schema] | None) -> dict[str, JSONSchema] | None:
    return None if schemas is None else {name: schema.json_schema for name, schema in schemas.items()}


def _with_null(fields: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema's way to say that null is fine."""
    if fields["any_of"] is not None:
        return fields | {"any_of": [*fields["any_of"], JSONSchema(type=_NULL)]}
    kind = fields.get("type")
    return fields | {"type": _NULL if kind is None else [_NULL, kind]}


class _Reader:
    """Reads one JSON Schema with its definitions."""

    def __init__(self, definitions: Mapping[str, JSONSchema], *, strict: bool) -> None:
        self._definitions = definitions
        self._strict = strict

    def read(self, source: JSONSchema, path: tuple[str, ...]) -> Schema:
        """``path`` is the references that led here."""
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
            fields["default"] = None  # nobody knows whose it is
        if source.enum is not None and "enum" not in foreign:
            fields["enum"] = [str(value) for value in source.enum]
        if source.items is not None and "items" not in foreign:
            fields["items"] = self.read(source.items, path)
        if source.properties is not None and "properties" not in foreign:
            fields["properties"] = {name: self.read(one, path) for name, one in source.properties.items()}
        return Schema(type=None if kind is None else Type(kind.value), **fields)

    def _union(self, source: JSONSchema, arms: list[JSONSchema], path: tuple[str, ...]) -> Schema:
        """Null among the alternatives is a flag; a single alternative is the thing itself."""
        told = [arm for arm in arms if arm.type is not _NULL]
        nullable = True if len(told) < len(arms) else None
        fields = {name: value for name in _SHARED if (value := getattr(source, name)) is not None}
        if len(told) == 1:
            return self.read(told[0], path).model_copy(update=fields | ({"nullable": True} if nullable else {}))
        return Schema(any_of=[self.read(arm, path) for arm in told] or None, nullable=nullable, **fields)

    def _target(self, ref: str, path: tuple[str, ...]) -> JSONSchema:
        name = ref.rpartition("/")[2]
        if ref in path:
            raise UsageError(f"the schema {ref!r} contains itself, which the API cannot read")
        if name not in self._definitions:
            raise UsageError(f"the schema refers to {ref!r}, which is not in its $defs")
        return self._definitions[name]

    def _check(self, source: JSONSchema) -> None:
        for name in _UNSAYABLE if self._strict else ():
            if getattr(source, name) is not None:
                raise UsageError(f"a Schema has no words for {name!r} of a JSON Schema")

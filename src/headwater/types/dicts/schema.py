"""The twins of ``headwater.types.schema``: written by tests/types/make_dicts.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from headwater.types.enums import Type
from headwater.types.schema import JSONSchema, JSONSchemaType, Schema


class JSONSchemaDict(TypedDict, total=False):
    """``JSONSchema`` as a dict."""

    type: JSONSchemaType | str | Sequence[JSONSchemaType | str] | None
    format: str | None
    title: str | None
    description: str | None
    default: Any
    items: JSONSchemaOrDict | None
    min_items: int | None
    max_items: int | None
    enum: Sequence[Any] | None
    properties: Mapping[str, JSONSchemaOrDict] | None
    required: Sequence[str] | None
    min_properties: int | None
    max_properties: int | None
    minimum: float | None
    maximum: float | None
    min_length: int | None
    max_length: int | None
    pattern: str | None
    additional_properties: Any
    any_of: Sequence[JSONSchemaOrDict] | None
    unique_items: bool | None
    ref: str | None
    defs: Mapping[str, JSONSchemaOrDict] | None
    one_of: Sequence[JSONSchemaOrDict] | None


JSONSchemaOrDict: TypeAlias = JSONSchema | JSONSchemaDict


class SchemaDict(TypedDict, total=False):
    """``Schema`` as a dict."""

    type: Type | str | None
    format: str | None
    title: str | None
    description: str | None
    nullable: bool | None
    enum: Sequence[str] | None
    items: SchemaOrDict | None
    min_items: int | None
    max_items: int | None
    properties: Mapping[str, SchemaOrDict] | None
    required: Sequence[str] | None
    property_ordering: Sequence[str] | None
    any_of: Sequence[SchemaOrDict] | None
    minimum: float | None
    maximum: float | None
    min_length: int | None
    max_length: int | None
    min_properties: int | None
    max_properties: int | None
    pattern: str | None
    default: Any
    example: Any
    additional_properties: Any
    defs: Mapping[str, SchemaOrDict] | None
    ref: str | None


SchemaOrDict: TypeAlias = Schema | SchemaDict

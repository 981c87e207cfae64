"""``FunctionDeclaration.from_callable``: declarations in the API's own schema language, equal to google-genai's."""

from __future__ import annotations

import collections
import inspect
from collections import abc
from collections.abc import Callable
from typing import Any, get_origin

from headwater.client.tools.annotations import NO_DEFAULT, bare, hints_of, show
from headwater.client.tools.functions import declare, name_of, parameters
from headwater.client.tools.json_schema import json_schema
from headwater.client.tools.schemas import to_schema
from headwater.errors import UsageError
from headwater.types import Behavior, FunctionDeclaration, Schema, Type

_UNCOMMON = (abc.Collection, abc.Iterator, abc.Container, collections.ChainMap)
API_OPTIONS = ("ENTERPRISE", "GEMINI_API", "VERTEX_AI")


def from_callable(
    function: Callable[..., Any],
    *,
    api_option: str = "GEMINI_API",
    behavior: Behavior | None = None,
    use_json_schema: bool = False,
) -> FunctionDeclaration:
    """Return the declaration of a function: ``parameters``, or with ``use_json_schema`` a JSON Schema.

    For Vertex AI (``ENTERPRISE``) the result is declared as well.

    Raises:
        UsageError: if ``api_option`` is unknown or the function cannot be a tool; the message says why.
    """
    if api_option not in API_OPTIONS:
        raise UsageError(f"Unsupported api_option value: {api_option}. It is one of {', '.join(API_OPTIONS)}")
    if use_json_schema:
        return declare(function).model_copy(update={"behavior": behavior})
    # google-genai puts the whole docstring into the description, sections and all; this method matches it.
    doc = inspect.getdoc(function)
    declaration = FunctionDeclaration(name=name_of(function), description=doc, behavior=behavior)
    for field in parameters(function):
        _refuse_uncommon(field.annotation)
    properties = {field.name: _schema(field.annotation, field.default) for field in parameters(function)}
    if properties:
        needed = [each.name for each in parameters(function) if each.is_required and not properties[each.name].nullable]
        declaration.parameters = Schema(type=Type.OBJECT, properties=properties, required=needed)
    returns = hints_of(function).get("return", NO_DEFAULT)
    if api_option != "GEMINI_API" and returns is not NO_DEFAULT and returns is not type(None):
        _declare_result(declaration, returns)
    return declaration


def _declare_result(declaration: FunctionDeclaration, returns: Any) -> None:
    """Set the schema of the result. Vertex AI takes alternatives and tuples as JSON Schema only."""
    _refuse_uncommon(returns)
    result = json_schema(returns)
    if "prefixItems" in result:
        declaration.response_json_schema = result | {"unevaluatedItems": False}
        return
    schema = _schema(returns, NO_DEFAULT)
    if schema.any_of:
        declaration.response_json_schema = schema
    else:
        declaration.response = schema


def _refuse_uncommon(annotation: Any) -> None:
    """Refuse the collections that google-genai refuses here, though ``tools`` takes them: the forms are to be equal."""
    origin = get_origin(bare(annotation)[0])
    if origin in _UNCOMMON:
        raise UsageError(f"{show(annotation)} is not supported here: use list, dict, set or tuple, or use_json_schema")


def _schema(annotation: Any, default: Any) -> Schema:
    schema = _plain(to_schema(json_schema(annotation), vertexai=True))
    if default is not NO_DEFAULT:
        schema.default = default
    return schema


def _plain(schema: Schema) -> Schema:
    """Normalize to google-genai's form: no property order, titles or extra keys; alternatives are of type OBJECT."""
    schema.additional_properties = schema.property_ordering = schema.title = None
    if schema.any_of and schema.type is None:
        schema.type = Type.OBJECT
    if schema.items == Schema():
        schema.items = None
    if schema.properties and schema.required is not None:
        schema.required = [name for name in schema.required if not schema.properties[name].nullable]
    for inner in (*(schema.properties or {}).values(), *(schema.any_of or ()), *filter(None, [schema.items])):
        _plain(inner)
    return schema

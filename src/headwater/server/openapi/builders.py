"""Builders for the parts of an OpenAPI description. Schemas are referred to by their Struct or by name."""

from __future__ import annotations

from typing import Any

JSON = "application/json"
TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
ANY = {"type": "object", "additionalProperties": True}
#: Where schemas are: also the template for those that msgspec generates.
REF = "#/components/schemas/{name}"


def ref(schema: type | str) -> dict[str, Any]:
    """Return a reference to a schema."""
    return {"$ref": REF.format(name=schema if isinstance(schema, str) else schema.__name__)}


def operation(
    name: str, summary: str, parameters: list[Any], schema: type | str | None, *, code: str = "200"
) -> dict[str, Any]:
    """Return an operation that succeeds with a body of ``schema``, or with none."""
    success = {"description": summary} if schema is None else response(summary, schema)
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {code: success, "default": {"$ref": "#/components/responses/Error"}},
    }


def open_operation(name: str, summary: str, content_type: str) -> dict[str, Any]:
    """Return an operation that needs no key."""
    content = {content_type: {"schema": {"type": "string" if content_type == "text/plain" else "object"}}}
    responses = {"200": {"description": summary, "content": content}}
    return {"operationId": name, "summary": summary, "security": [], "responses": responses}


def response(description: str, schema: type | str) -> dict[str, Any]:
    """Return a JSON response."""
    return {"description": description, "content": {JSON: {"schema": ref(schema)}}}


def body(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the request body of an operation."""
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


def parameter(name: str, description: str) -> dict[str, Any]:
    """Return a path parameter."""
    return {"name": name, "in": "path", "required": True, "schema": TEXT, "description": description}


def header(name: str, kind: str, description: str = "") -> dict[str, Any]:
    """Return a request header."""
    return {"name": name, "in": "header", "schema": {"type": kind}, "description": description}


def query(name: str, kind: str, description: str = "") -> dict[str, Any]:
    """Return a query parameter."""
    return {"name": name, "in": "query", "schema": {"type": kind}, "description": description}


def object_of(*required: str, **properties: Any) -> dict[str, Any]:
    """Return the schema of an object."""
    schema = {"type": "object", "properties": properties}
    return schema | {"required": list(required)} if required else schema


def list_of(schema: type | str) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": ref(schema)}

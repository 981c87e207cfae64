"""The words of an OpenAPI description, each one in a function."""

from __future__ import annotations

from typing import Any

JSON = "application/json"
TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
ANY = {"type": "object", "additionalProperties": True}


def operation(name: str, summary: str, parameters: list[Any], schema: str, *, code: str = "200") -> dict[str, Any]:
    """Return an operation whose good answer is of a schema."""
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {code: answer(summary, schema), "default": {"$ref": "#/components/responses/Error"}},
    }


def open_operation(name: str, summary: str, content_type: str) -> dict[str, Any]:
    """An operation that needs no key."""
    content = {content_type: {"schema": {"type": "string" if content_type == "text/plain" else "object"}}}
    responses = {"200": {"description": summary, "content": content}}
    return {"operationId": name, "summary": summary, "security": [], "responses": responses}


def answer(description: str, schema: str) -> dict[str, Any]:
    """Return a response of a schema."""
    return {"description": description, "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def parameter(name: str, description: str) -> dict[str, Any]:
    """Return a part of the path."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": description}


def query(name: str, kind: str, description: str = "") -> dict[str, Any]:
    """Return a part of the query."""
    return {"name": name, "in": "query", "schema": {"type": kind}, "description": description}


def object_of(*required: str, **properties: Any) -> dict[str, Any]:
    """Return the schema of an object."""
    schema = {"type": "object", "properties": properties}
    return schema | {"required": list(required)} if required else schema


def list_of(schema: str) -> dict[str, Any]:
    """Return the schema of a list of things of another."""
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{schema}"}}

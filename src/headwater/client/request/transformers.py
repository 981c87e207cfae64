"""google-genai's ``_transformers``: the functions that frameworks call, each over headwater's own conversion.

They are private in google-genai and have no promise here either. ``client`` is anything with ``vertexai``: a client, or
its ``_api_client``.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

from headwater.client.request import build
from headwater.client.request.contents import to_content, to_contents, to_embed_contents, to_part
from headwater.errors import UsageError
from headwater.types import Content, FunctionDeclaration, JSONSchema, Part, Schema, Tool
from headwater.types.base import salvage


def t_model(client: Any, model: str) -> str:
    """Return the resource name of a model.

    Raises:
        UsageError: if ``model`` is not the name of a model.
    """
    return build.model_path(model, _platform(client))


def t_part(part: Any) -> Part:
    """Return ``part`` as a ``Part``.

    Raises:
        UsageError: if it cannot be sent to a model.
    """
    if part is None:
        raise UsageError("content part is required.")
    return to_part(part)


def t_parts(parts: Any) -> list[Part]:
    """Return one part or a list of them as a list of ``Part``.

    Raises:
        UsageError: if it is empty, or a part cannot be sent to a model.
    """
    if parts is None or (isinstance(parts, list) and not parts):
        raise UsageError("content parts are required.")
    return [to_part(part) for part in (parts if isinstance(parts, list) else [parts])]


def t_content(content: Any) -> Content:
    """Return ``content`` as one ``Content``.

    Raises:
        UsageError: if it is empty, or cannot be sent to a model.
    """
    if content is None:
        raise UsageError("content is required.")
    return to_content(content)


def t_contents(contents: Any) -> list[Content]:
    """Return ``contents`` as a list of ``Content``.

    Raises:
        UsageError: if it is empty, or cannot be sent to a model.
    """
    return to_contents(contents)


def t_embed_contents(model: str, contents: Any) -> list[Content]:
    """Return the contents that ``embed_content`` sends to a model of Vertex AI.

    Raises:
        UsageError: if there are no contents, or something cannot be sent to a model.
    """
    return to_contents(contents) if "maas" in model.rpartition("/")[2] else to_embed_contents(model, contents)


def t_schema(client: Any, origin: Any) -> Schema | None:
    """Return a type, a dict or a ``Schema`` as the API's ``Schema``.

    Raises:
        UsageError: if the API's schemas cannot express it.
    """
    if not origin:
        return None
    from headwater.client.tools.schemas import to_schema

    return to_schema(origin, vertexai=_platform(client).vertexai)


def t_tool(client: Any, origin: Any) -> Tool | None:
    """Return a function, a tool of MCP, a dict or a ``Tool`` as a ``Tool``, in the form that google-genai gives it.

    Frameworks compare and rewrite these forms. What the client sends itself is built without them (``build.to_tool``).

    Raises:
        UsageError: if ``origin`` is not a tool.
    """
    if not origin:
        return None
    tool = build.to_tool(origin, _platform(client))
    if isinstance(origin, Tool | Mapping):
        return tool
    told = [_as_google_genai(one, origin) for one in tool.function_declarations or ()]
    return tool.model_copy(update={"function_declarations": told})


def t_tools(client: Any, origin: list[Any]) -> list[Tool]:
    """Return the tools, with all function declarations in one.

    Raises:
        UsageError: if one of them is no tool.
    """
    return build.to_tools([tool for one in origin or () if (tool := t_tool(client, one))], _platform(client))


def _as_google_genai(told: FunctionDeclaration, origin: Any) -> FunctionDeclaration:
    from headwater.client.tools import mcp  # here, as in ``build``: most programs never need it

    if mcp.is_tool(origin):
        # Salvaged: google-genai leaves out the keywords that its JSONSchema does not have.
        schema = told.parameters_json_schema
        parameters = Schema.from_json_schema(json_schema=salvage(schema, JSONSchema)) if schema else None
        return told.model_copy(update={"parameters_json_schema": None, "parameters": parameters})
    schema = told.parameters_json_schema and {**told.parameters_json_schema}
    if schema:
        schema["properties"] = {name: _with_default(each, origin, name) for name, each in schema["properties"].items()}
    return told.model_copy(update={"description": told.description or "", "parameters_json_schema": schema})


def _with_default(schema: dict[str, Any], function: Any, name: str) -> dict[str, Any]:
    parameter = inspect.signature(function).parameters.get(name)
    return {**schema, "default": None} if parameter is not None and parameter.default is None else schema


class _Platform(NamedTuple):
    vertexai: bool


def _platform(client: Any) -> _Platform:
    return _Platform(bool(getattr(client, "vertexai", False)))

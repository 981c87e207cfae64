"""google-genai's ``_transformers``: the functions that frameworks call, each over headwater's own conversion.

They are private in google-genai and have no promise here either. ``client`` is anything with ``vertexai``: a client, or
its ``_api_client``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from headwater.client.request import build
from headwater.client.request.contents import to_content, to_contents, to_embed_contents, to_part
from headwater.errors import UsageError
from headwater.types import Content, Part, Schema, Tool


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
    """Return a function, a dict or a ``Tool`` as a ``Tool``.

    Raises:
        UsageError: if ``origin`` is not a tool.
    """
    return build.to_tool(origin, _platform(client)) if origin else None


def t_tools(client: Any, origin: list[Any]) -> list[Tool]:
    """Return the tools, with all function declarations in one.

    Raises:
        UsageError: if one of them is no tool.
    """
    return build.to_tools(origin or [], _platform(client))


class _Platform(NamedTuple):
    vertexai: bool


def _platform(client: Any) -> _Platform:
    return _Platform(bool(getattr(client, "vertexai", False)))

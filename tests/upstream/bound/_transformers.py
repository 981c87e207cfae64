"""google-genai's content transformers, where headwater has a function that does the same."""

from typing import Any

from headwater import types
from headwater.client.request import build, contents
from headwater.client.tools import schemas
from headwater.types.base import coerce

t_content, t_contents, t_part = contents.to_content, contents.to_contents, contents.to_part


def t_parts(values: Any) -> list[types.Part]:
    return contents.to_content(values if isinstance(values, list) else [] if values is None else [values]).parts or []


def t_tool(client: Any, tool: Any) -> types.Tool | None:
    return tool if tool is None else build._tool(tool, client._settings)


def t_tools(client: Any, tools: list[Any]) -> list[types.Tool] | None:
    return build._tools(tools, client._settings)


def t_schema(client: Any, schema: Any) -> types.Schema:
    return schemas.to_schema(schema, vertexai=client.vertexai)


def t_blob(value: Any) -> types.Blob:
    return (
        coerce(value, types.Blob, "blob")
        if isinstance(value, dict | types.Blob)
        else contents.to_part(value).inline_data
    )


def t_function_responses(values: Any) -> list[types.FunctionResponse]:
    return coerce(values if isinstance(values, list) else [values], list[types.FunctionResponse], "function_responses")


def pil_to_blob(image: Any) -> types.Blob:
    return contents.to_part(image).inline_data  # type: ignore[return-value]


def t_contents_strict(values: Any) -> list[types.Content]:
    return coerce(values if isinstance(values, list) else [values], list[types.Content], "contents")

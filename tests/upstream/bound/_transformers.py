"""google-genai's content transformers: headwater's own, and those that only these tests call."""

from typing import Any

from headwater import types
from headwater.client.request import contents
from headwater.client.request import transformers as real
from headwater.types.base import coerce

t_content, t_contents, t_part, t_parts = real.t_content, real.t_contents, real.t_part, real.t_parts
t_tool, t_tools, t_schema = real.t_tool, real.t_tools, real.t_schema
t_embed_contents = real.t_embed_contents


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

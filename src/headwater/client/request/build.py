"""Builds the HTTP requests of the API from model, contents and config."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from headwater.client.request.contents import to_content, to_contents
from headwater.client.request.platform import check_platform, check_schema
from headwater.client.request.settings import Settings
from headwater.contract.defaults import DEFAULT_MODEL
from headwater.core.wire.request import HttpRequest
from headwater.errors import UsageError
from headwater.types import (
    CountTokensConfig,
    FunctionDeclaration,
    GenerateContentConfig,
    GenerateContentRequest,
    GenerationConfig,
    HttpOptions,
    ImageConfig,
    ImageConfigImageOutputOptions,
    ListModelsConfig,
    Schema,
    Tool,
)
from headwater.types.base import ApiModel
from headwater.types.dump import adopt, plain_model

C = TypeVar("C", bound=ApiModel)

#: Fields of the config that are fields of the body itself, not of its ``generationConfig``, under the same names.
_TOP_LEVEL = (
    "safety_settings",
    "tool_config",
    "labels",
    "service_tier",
    "store",
    "continuation_token",
    "model_armor_config",
)
#: Both have these. Other fields of ``GenerationConfig`` are of the Live API, or only count tokens.
_GENERATION = tuple(
    name for name in GenerationConfig.__struct_fields__ if name in GenerateContentConfig.__struct_fields__
)
#: Fields that google-genai does not have. With any other field set, even one that is sent elsewhere, it writes an empty
#: ``generationConfig``, and so do we: requests are compared with google-genai's byte for byte.
_OWN = frozenset({"stream"})


class Platform(Protocol):
    """Which of the two APIs a request is for: settings, or anything else that knows."""

    @property
    def vertexai(self) -> bool:
        """Whether it is Vertex AI."""


def to_config(value: Any, kind: type[C]) -> C:
    """Return ``value`` (None, a dict or a config) as a config of this kind.

    Raises:
        UsageError: if it has an unknown field, or a value of the wrong type.
    """
    value = adopt(value)
    if value is None:
        return kind()
    if isinstance(value, kind):
        return value
    if isinstance(value, Mapping):
        return kind(**value)
    raise UsageError(f"config is a {kind.__name__} or a dict, not {type(value).__name__}")


async def with_mcp_tools(config: GenerateContentConfig) -> GenerateContentConfig:
    """Return ``config`` with the tools of each MCP server in the place of its session.

    They are listed for every call, since a server may change them at any time.

    Raises:
        UsageError: if two tools have the same name.
    """
    tools = config.tools
    if not tools:
        return config
    from headwater.client.tools.mcp import is_session, list_tools  # imported here, since few programs need it

    # A copy, and only if there is something to list: the caller's config keeps its sessions.
    return msgspec.structs.replace(config, tools=await list_tools(tools)) if any(map(is_session, tools)) else config


def generate_content(
    settings: Settings, model: str, contents: Any, config: GenerateContentConfig, *, stream: bool
) -> HttpRequest:
    """Return the request of ``generateContent`` or ``streamGenerateContent``."""
    body = msgspec.to_builtins(_body(settings, contents, config), enc_hook=plain_model)
    if any(getattr(config, name) is not None for name in config.__struct_fields__ if name not in _OWN):
        body.setdefault("generationConfig", {})
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    url = settings.url(f"{model_path(model, settings)}:{method}", config.http_options)
    return post(settings, url, body, config.http_options, stream=stream)


def count_tokens(settings: Settings, model: str, contents: Any, config: CountTokensConfig) -> HttpRequest:
    """Return the request of ``countTokens``."""
    instruction = config.system_instruction
    body = GenerateContentRequest(
        contents=to_contents(contents),
        system_instruction=to_content(instruction) if instruction is not None else None,
        tools=[to_tool(tool, settings) for tool in config.tools] if config.tools is not None else None,
        generation_config=config.generation_config,
    )
    check_platform(config, body.contents, vertexai=settings.vertexai)
    url = settings.url(f"{model_path(model, settings)}:countTokens", config.http_options)
    return post(settings, url, msgspec.to_builtins(body), config.http_options, stream=False)


def get_model(settings: Settings, model: str, options: HttpOptions | None) -> HttpRequest:
    """Return the request for the details of a model."""
    path = model_path(model, settings)
    return get(settings, settings.url(path, options, project=not path.startswith("publishers/")), options)


def list_models(settings: Settings, config: ListModelsConfig) -> HttpRequest:
    """Return the request for a page of models."""
    # Base models are Google's and have no project; tuned ones belong to the caller.
    base = config.query_base is not False
    if settings.vertexai:
        path = "publishers/google/models" if base else "models"
    else:
        path = "models" if base else "tunedModels"
    query = {"pageSize": config.page_size, "pageToken": config.page_token, "filter": config.filter}
    url = settings.url(path, config.http_options, project=not base)
    return get(settings, url, config.http_options, query)


def model_path(model: str, platform: Platform) -> str:
    """Return the resource name of a model: ``models/x``, or ``publishers/google/models/x`` on Vertex AI.

    Raises:
        UsageError: if the name is empty or malformed.
    """
    if not model or not isinstance(model, str):
        raise UsageError(f"model is required, for example model={DEFAULT_MODEL!r}")
    if any(text in model for text in ("..", "?", "&", "#", " ", "\r", "\n")):
        raise UsageError(f"{model!r} is not the name of a model")
    _check_text(model, "the name of the model")
    # As google-genai reads names: a bare one is Google's; ``publisher/name`` means another publisher on Vertex AI.
    if not platform.vertexai:
        return model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"
    if model.startswith(("projects/", "models/", "publishers/")):
        return model
    publisher, slash, name = model.partition("/")
    return f"publishers/{publisher}/models/{name}" if slash else f"publishers/google/models/{model}"


def _body(settings: Settings, contents: Any, config: GenerateContentConfig) -> GenerateContentRequest:
    instruction = config.system_instruction
    body = GenerateContentRequest(
        contents=to_contents(contents),
        system_instruction=to_content(instruction) if instruction is not None else None,
        generation_config=_generation(settings, config),
        tools=to_tools(config.tools, settings) if config.tools is not None else None,
        cached_content=_cached_content(config.cached_content, settings),
        output_config=config.generation_output_config,
        **{name: value for name in _TOP_LEVEL if (value := getattr(config, name)) is not None},
    )
    check_platform(config, body.contents, body.system_instruction, body.tools, vertexai=settings.vertexai)
    return body


def _generation(settings: Settings, config: GenerateContentConfig) -> GenerationConfig | None:
    fields = {name: value for name in _GENERATION if (value := getattr(config, name)) is not None}
    if "response_schema" in fields:
        fields["response_schema"] = _schema(config.response_schema, settings)
    if "response_json_schema" in fields:
        fields["response_json_schema"] = _json_schema(config.response_json_schema)
    if "image_config" in fields:
        fields["image_config"] = _image_config(fields["image_config"])
    return GenerationConfig(**fields) if fields else None


def _schema(value: Any, settings: Settings) -> Schema:
    from headwater.client.tools.schemas import to_schema  # imported here, since most programs never need it

    schema = to_schema(value, vertexai=settings.vertexai)
    check_schema(schema, vertexai=settings.vertexai)
    return schema


def _json_schema(value: Any) -> Any:
    from headwater.client.tools.json_schema import json_schema

    return value if isinstance(value, Mapping) else json_schema(value)


def _image_config(config: ImageConfig) -> ImageConfig:
    """Move the two options of the format below ``imageOutputOptions``, where the wire has them."""
    kind, quality = config.output_mime_type, config.output_compression_quality
    if kind is None and quality is None:
        return config
    options = config.image_output_options or ImageConfigImageOutputOptions()
    moved = {
        "mime_type": options.mime_type if kind is None else kind,
        "compression_quality": options.compression_quality if quality is None else quality,
    }
    return config.model_copy(
        update={"output_mime_type": None, "output_compression_quality": None, "image_output_options": moved}
    )


def _cached_content(name: str | None, settings: Settings) -> str | None:
    """Return the full name of cached content: below the project on Vertex AI."""
    if not name or name.startswith("projects/") or (name.count("/") and not name.startswith("cachedContents/")):
        return name
    path = name if name.startswith("cachedContents/") else f"cachedContents/{name}"
    return f"{settings.below_project}{path}"


def to_tools(values: list[Any], platform: Platform) -> list[Tool]:
    """Return the tools, with all function declarations in one tool at the end: the API refuses more than one such."""
    tools: list[Tool] = []
    functions: list[FunctionDeclaration] = []
    for tool in [to_tool(value, platform) for value in values]:
        if tool.function_declarations:
            functions += tool.function_declarations
            tool = tool.model_copy(update={"function_declarations": None})
            if tool == Tool():
                continue
        tools.append(tool)
    return [*tools, Tool(function_declarations=functions)] if functions else tools


def to_tool(value: Any, platform: Platform) -> Tool:
    """Return a ``Tool``, a dict or a function as a ``Tool``.

    Raises:
        UsageError: if ``value`` is of another type, or a function that cannot be declared.
    """
    if isinstance(value, Tool):
        return value
    if isinstance(value, Mapping):
        return Tool(**value)
    if callable(value):
        from headwater.client.tools.functions import declare  # imported here, since most programs never need it

        return Tool(function_declarations=[declare(value, vertexai=platform.vertexai)])
    from headwater.client.tools import mcp

    if mcp.is_tool(value):
        return Tool(function_declarations=[mcp.declaration(value)])
    if mcp.is_session(value):  # async methods have put its tools in its place
        raise UsageError(
            "MCP sessions are not supported in synchronous methods, because a session belongs to an event loop: "
            "use client.aio, or pass the tools of session.list_tools() and call them yourself"
        )
    raise UsageError(f"a tool is a types.Tool, a dict, a function or an MCP session, not {type(value).__name__}")


def post(
    settings: Settings,
    url: str,
    body: dict[str, Any],
    options: HttpOptions | None,
    *,
    stream: bool = False,
    method: str = "POST",
) -> HttpRequest:
    """Return a request with a JSON body, ``extra_body`` merged in.

    Raises:
        UsageError: if a text in it cannot be encoded.
    """
    extra = settings.extra_body(options)
    if extra:
        body = merge(msgspec.to_builtins(body), extra)
    headers = settings.headers(options)
    timeout = settings.timeout(options)
    if timeout is not None and not stream:  # for a stream it is the longest silence, which a server cannot enforce
        headers["X-Server-Timeout"] = str(math.ceil(timeout))
    return HttpRequest(method, url, headers, encode(body))


def encode(body: Any) -> bytes:
    """Return a body as JSON.

    Raises:
        UsageError: if a text in it is not Unicode.
    """
    try:
        return msgspec.json.encode(body, enc_hook=plain_model)
    except UnicodeEncodeError as error:
        _check_text(error.object, "the request")
        raise


def _check_text(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise UsageError(
            f"{what} contains {half!r}, half of a surrogate pair, which is not a character: "
            "remove it with text.encode(errors='ignore').decode()"
        ) from None


def get(
    settings: Settings, url: str, options: HttpOptions | None, query: Mapping[str, Any] | None = None
) -> HttpRequest:
    """Return a request without a body; values of the query that are None are left out."""
    text = urlencode({name: value for name, value in (query or {}).items() if value is not None})
    return HttpRequest("GET", f"{url}?{text}" if text else url, settings.headers(options))


def merge(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``body`` with ``extra`` merged in: dicts merge, other values are replaced. Keys match in any case."""
    # ``extra_body`` may be written in snake_case or camelCase; the body's own spelling of a key wins.
    known = {key.replace("_", "").lower(): key for key in body}
    for key, value in extra.items():
        name = known.get(key.replace("_", "").lower(), key)
        old = body.get(name)
        body[name] = merge(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return body

"""From model, contents and config to the HTTP request that says it to the API."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from headwater.client.contents import to_content, to_contents
from headwater.client.settings import Settings
from headwater.core.steps import HttpRequest
from headwater.errors import UsageError
from headwater.types import (
    CountTokensConfig,
    GenerateContentConfig,
    GenerateContentRequest,
    GenerationConfig,
    HttpOptions,
    ListModelsConfig,
    Tool,
)
from headwater.types.base import Wire

C = TypeVar("C", bound=Wire)

_TOP_LEVEL = (
    "safety_settings",
    "tool_config",
    "labels",
    "service_tier",
    "store",
    "continuation_token",
    "model_armor_config",
)
_GENERATION = {name: name for name in GenerationConfig.__struct_fields__ if name != "model_config"}
_GENERATION["model_config"] = "model_selection_config"


def to_config(value: Any, kind: type[C]) -> C:
    """Return ``value`` (None, a dict or a config) as a config of this kind.

    Raises:
        UsageError: it has a field that does not exist, or a value that does not fit.
    """
    if value is None:
        return kind()
    if isinstance(value, kind):
        return value
    if isinstance(value, Mapping):
        return kind(**value)
    raise UsageError(f"config is a {kind.__name__} or a dict, not {type(value).__name__}")


def generate_content(
    settings: Settings, model: str, contents: Any, config: GenerateContentConfig, *, stream: bool
) -> HttpRequest:
    """Return the request of ``generateContent`` or ``streamGenerateContent``."""
    body = msgspec.to_builtins(_body(contents, config))
    if any(getattr(config, name) is not None for name in config.__struct_fields__ if name != "stream"):
        body.setdefault("generationConfig", {})
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    url = settings.url(f"{model_path(model, settings)}:{method}", config.http_options)
    return _post(settings, url, body, config.http_options, stream=stream)


def count_tokens(settings: Settings, model: str, contents: Any, config: CountTokensConfig) -> HttpRequest:
    """Return the request of ``countTokens``."""
    body: dict[str, Any] = {"contents": to_contents(contents)}
    if not settings.vertexai and (config.system_instruction or config.tools or config.generation_config):
        raise UsageError("system_instruction, tools and generation_config are counted on Vertex AI only")
    if config.system_instruction is not None:
        body["systemInstruction"] = to_content(config.system_instruction)
    if config.tools:
        body["tools"] = [_tool(tool) for tool in config.tools]
    if config.generation_config:
        body["generationConfig"] = config.generation_config
    url = settings.url(f"{model_path(model, settings)}:countTokens", config.http_options)
    return _post(settings, url, body, config.http_options, stream=False)


def get_model(settings: Settings, model: str, options: HttpOptions | None) -> HttpRequest:
    """Return the request that looks a model up."""
    path = model_path(model, settings)
    return _get(settings, settings.url(path, options, project=not path.startswith("publishers/")), options)


def list_models(settings: Settings, config: ListModelsConfig) -> HttpRequest:
    """Return the request for a page of models."""
    base = config.query_base is not False
    if settings.vertexai:
        path = "publishers/google/models" if base else "models"
    else:
        path = "models" if base else "tunedModels"
    query = {"pageSize": config.page_size, "pageToken": config.page_token, "filter": config.filter}
    url = settings.url(path, config.http_options, project=not base)
    text = urlencode({name: value for name, value in query.items() if value is not None})
    return _get(settings, f"{url}?{text}" if text else url, config.http_options)


def model_path(model: str, settings: Settings) -> str:
    """Return the resource name of a model: ``models/x``, or ``publishers/google/models/x`` on Vertex AI.

    Raises:
        UsageError: the name is empty, or no name.
    """
    if not model or not isinstance(model, str):
        raise UsageError("model is required, for example model='gemini-2.5-flash'")
    if any(text in model for text in ("..", "?", "&", "#", " ", "\r", "\n")):
        raise UsageError(f"{model!r} is not the name of a model")
    if not settings.vertexai:
        return model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"
    if model.startswith(("projects/", "models/", "publishers/")):
        return model
    publisher, slash, name = model.partition("/")
    return f"publishers/{publisher}/models/{name}" if slash else f"publishers/google/models/{model}"


def _body(contents: Any, config: GenerateContentConfig) -> GenerateContentRequest:
    generation = {name: getattr(config, source) for name, source in _GENERATION.items()}
    top = {name: getattr(config, name) for name in _TOP_LEVEL}
    instruction = config.system_instruction
    generation = {name: value for name, value in generation.items() if value is not None}
    cached = config.cached_content
    return GenerateContentRequest(
        contents=to_contents(contents),
        system_instruction=to_content(instruction) if instruction is not None else None,
        generation_config=GenerationConfig(**generation) if generation else None,
        tools=[_tool(tool) for tool in config.tools] if config.tools else None,
        cached_content=f"cachedContents/{cached}" if cached and "/" not in cached else cached,
        output_config=config.generation_output_config,
        **{name: value for name, value in top.items() if value is not None},
    )


def _tool(value: Any) -> Tool:
    if isinstance(value, Tool):
        return value
    if isinstance(value, Mapping):
        return Tool(**value)
    if callable(value):
        raise UsageError(
            "Python functions as tools are not supported yet: pass a types.Tool with function_declarations"
        )
    raise UsageError(f"a tool is a types.Tool or a dict, not {type(value).__name__}")


def _post(
    settings: Settings, url: str, body: dict[str, Any], options: HttpOptions | None, *, stream: bool
) -> HttpRequest:
    extra = settings.extra_body(options)
    if extra:
        body = merge(msgspec.to_builtins(body), extra)
    headers = settings.headers(options)
    timeout = settings.timeout(options)
    if timeout is not None and not stream:  # for a stream it is the longest silence, which is not the server's to keep
        headers["X-Server-Timeout"] = str(math.ceil(timeout))
    return HttpRequest("POST", url, headers, msgspec.json.encode(body))


def _get(settings: Settings, url: str, options: HttpOptions | None) -> HttpRequest:
    return HttpRequest("GET", url, settings.headers(options))


def merge(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``body`` with ``extra`` laid over it: dicts merge, all else replaces, the case of keys is ignored."""
    known = {key.replace("_", "").lower(): key for key in body}
    for key, value in extra.items():
        name = known.get(key.replace("_", "").lower(), key)
        old = body.get(name)
        body[name] = merge(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return body

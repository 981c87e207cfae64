"""Builds the requests of the Interactions API from the arguments of ``client.interactions``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, cast
from urllib.parse import urlencode

import msgspec

from headwater.client.options.call_options import CallOptions, StreamOptions
from headwater.client.request import build
from headwater.client.request.interaction_input import InteractionInput, to_input, to_plain
from headwater.client.request.settings import Settings
from headwater.contract.defaults import DEFAULT_MODEL
from headwater.core.machine.policy import Deadlines
from headwater.core.wire.request import HttpRequest
from headwater.errors import UsageError
from headwater.types import GenerateContentConfig, HttpOptions
from headwater.types.base import ApiModel
from headwater.types.interactions.agents import Environment, InteractionAgentConfig
from headwater.types.interactions.base import JsonObject, fit, shapes
from headwater.types.interactions.config import GenerationConfig, SafetySetting, WebhookConfig
from headwater.types.interactions.interaction import CreateAgentInteraction, CreateModelInteraction, Interaction


class RequestOptions(TypedDict, total=False):
    """Keyword arguments of every method, beside the options of calls and streams."""

    api_version: str | None
    """The version in the URL, for example ``"v1beta"``."""
    extra_headers: Mapping[str, str] | None
    """Headers to add."""
    extra_query: Mapping[str, Any] | None
    """Parameters to add to the URL."""
    timeout: Any
    """Seconds that the whole call may take, a float; or an ``httpx.Timeout``, whose ``read`` limits silences."""


class GetOptions(RequestOptions, StreamOptions, total=False):
    """Keyword arguments of ``get``, ``cancel`` and ``delete``."""

    include_input: bool | None
    """Deprecated by the API, which returns the input in any case."""


class InteractionBody(TypedDict, total=False):
    """The fields of a request. Each may be a dict or a type of ``genai.interactions``; None leaves it out."""

    model: str | None
    agent: str | None
    input: InteractionInput | None
    system_instruction: str | None
    tools: Sequence[Any] | None
    generation_config: Mapping[str, Any] | GenerationConfig | None
    agent_config: Mapping[str, Any] | InteractionAgentConfig | None
    response_format: Any
    response_mime_type: str | None
    response_modalities: Sequence[str] | None
    previous_interaction_id: str | None
    store: bool | None
    background: bool | None
    service_tier: str | None
    safety_settings: Sequence[Mapping[str, Any] | SafetySetting] | None
    labels: Mapping[str, str] | None
    cached_content: str | None
    environment: str | Mapping[str, Any] | Environment | None
    webhook_config: Mapping[str, Any] | WebhookConfig | None
    continuation_token: str | None


class CreateOptions(InteractionBody, RequestOptions, StreamOptions, total=False):
    """Keyword arguments of ``create``: the fields of the request, and how it is sent."""

    request: Any
    """The whole body as one object, in the place of its fields."""
    automatic_continuation: bool | None
    """Whether an answer that the API ended at its own limit is continued; it is unless this is False."""
    extra_body: Mapping[str, Any] | None
    """Fields to add to the body, unchecked."""


class InteractionCall(msgspec.Struct, frozen=True, kw_only=True):
    """A request, and how its answer is received.

    ``config`` is what the machinery of answers reads of a call, whichever API it is for: the functions among the tools,
    the class of a structured answer, whether it is continued.
    """

    request: HttpRequest
    config: GenerateContentConfig
    options: StreamOptions
    is_stream: bool = False
    lists_hops: bool = False

    @property
    def unary_options(self) -> CallOptions:
        """The options of a call with one result; those that only streams have are refused where they are checked."""
        return cast("CallOptions", self.options)

    def with_ids(self, interaction: Interaction) -> Interaction:
        """Return an answer with the ids of the interactions that it took, as google-genai lists them."""
        if self.lists_hops and interaction.continuation_ids is None and interaction.id:
            interaction.continuation_ids = [interaction.id]
        return interaction


_BODY = InteractionBody.__optional_keys__
_OWN = (CreateOptions.__optional_keys__ - StreamOptions.__optional_keys__ - _BODY) | {"stream"}
_GET = GetOptions.__optional_keys__ - StreamOptions.__optional_keys__
#: Arguments of google-genai's other methods, and what they are here.
_ELSEWHERE = {
    "config": "its fields are arguments of their own: generation_config={'temperature': ...}, tools=[...], "
    "system_instruction=..., response_format={...}",
    "contents": "pass input=...",
    "http_options": "pass timeout=..., extra_headers={...} or api_version=...",
    "video_metadata": "it belongs to a content: {'type': 'video', 'uri': ..., 'processing': {'type': 'static', ...}}",
    "response_schema": "pass response_format=..., a class or {'type': 'text', 'mime_type': 'application/json', ...}",
}


class UnknownArgumentError(UsageError, TypeError):
    """An argument that the method does not have, or not together with another."""


def check_names(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that ``create`` does not have, before there is a request to build: a chat's.

    Raises:
        UsageError: if there is one; it is a TypeError, too.
    """
    _sorted(dict(arguments), _OWN | _BODY, "create")


def create(settings: Settings, arguments: Mapping[str, Any], *, stream: bool | None) -> InteractionCall:
    """Return the call of ``create``.

    Raises:
        UsageError: if an argument is unknown or wrong, or two exclude each other; nothing was sent.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    own, options = _sorted(given, _OWN | _BODY, "create")
    body = _request(own.pop("request")) if "request" in own else {}
    fields = {name: own.pop(name) for name in tuple(own) if name in _BODY}
    if body and fields:
        raise UnknownArgumentError("create() takes either request=... or the fields of the body, not both")
    body = body or fields
    _check_fields(body, continues=own.get("automatic_continuation"))
    if (stream := body.pop("stream", None) if stream is None else stream) is not None:
        body["stream"] = bool(stream)
    http_options = _http_options(own)
    functions = [tool for tool in body.get("tools") or () if callable(tool)]
    config = GenerateContentConfig.model_construct(
        tools=functions or None,
        response_schema=_structured(body.get("response_format")),
        automatic_continuation=own.get("automatic_continuation"),
        max_output_tokens=_limit(body.get("generation_config")),
        http_options=http_options,
    )
    written = build.merge(_body(body), {**settings.extra_body(None), **own.get("extra_body", {})})
    request = _post(settings, "interactions", http_options, own, stream=bool(stream), body=written)
    return InteractionCall(
        request=request,
        config=config,
        options=_with_timeout(options, own),
        is_stream=bool(stream),
        lists_hops="model" in body and not body.get("background"),
    )


def get(
    settings: Settings,
    name: str,
    arguments: Mapping[str, Any],
    *,
    stream: bool | None = None,
    last_event_id: str | None = None,
) -> InteractionCall:
    """Return the call of ``get``; ``last_event_id`` is for streams.

    Raises:
        UsageError: if an argument is unknown or wrong.
    """
    own, options = _sorted(dict(arguments), _GET, "get")
    if last_event_id is not None and not stream:
        raise UsageError("last_event_id is for streams: pass stream=True")
    query = {"include_input": own.get("include_input"), "stream": bool(stream), "last_event_id": last_event_id}
    return _call(settings, "GET", _path(name), own, options, query=query, stream=bool(stream))


def cancel(settings: Settings, name: str, arguments: Mapping[str, Any]) -> InteractionCall:
    """Return the call of ``cancel``."""
    own, options = _sorted(dict(arguments), _GET, "cancel")
    return _call(settings, "POST", f"{_path(name)}/cancel", own, options)


def delete(settings: Settings, name: str, arguments: Mapping[str, Any]) -> InteractionCall:
    """Return the call of ``delete``."""
    own, options = _sorted(dict(arguments), _GET, "delete")
    return _call(settings, "DELETE", _path(name), own, options)


def _call(
    settings: Settings,
    method: str,
    path: str,
    own: Mapping[str, Any],
    options: StreamOptions,
    *,
    query: Mapping[str, Any] | None = None,
    stream: bool = False,
) -> InteractionCall:
    """Return a call without a body."""
    http_options = _http_options(own)
    url = _url(settings, path, http_options, {**(query or {}), **(own.get("extra_query") or {})})
    request = HttpRequest(method, url, _headers(settings, http_options, stream=stream))
    config = GenerateContentConfig(http_options=http_options)
    return InteractionCall(request=request, config=config, options=_with_timeout(options, own), is_stream=stream)


def _post(
    settings: Settings,
    path: str,
    http_options: HttpOptions,
    own: Mapping[str, Any],
    *,
    stream: bool,
    body: dict[str, Any],
) -> HttpRequest:
    url = _url(settings, path, http_options, own.get("extra_query") or {})
    return HttpRequest("POST", url, _headers(settings, http_options, stream=stream), build.encode(body))


def _url(settings: Settings, path: str, http_options: HttpOptions, query: Mapping[str, Any]) -> str:
    url = settings.url(path, http_options)
    words = {key: str(value).lower() if isinstance(value, bool) else value for key, value in query.items()}
    text = urlencode({key: value for key, value in words.items() if value is not None})
    return f"{url}?{text}" if text else url


def _headers(settings: Settings, http_options: HttpOptions, *, stream: bool) -> dict[str, str]:
    return {"Accept": "text/event-stream" if stream else "application/json", **settings.headers(http_options)}


def _path(name: str) -> str:
    if not isinstance(name, str):
        raise UsageError(f"the id of an interaction is a str, not {type(name).__name__}")
    if not name or ".." in name.split("/"):  # it would address something else
        raise UsageError(f"{name!r} is not the id of an interaction")
    return f"interactions/{name}"


def _sorted(
    given: dict[str, Any], known: frozenset[str] | set[str], method: str
) -> tuple[dict[str, Any], StreamOptions]:
    """Return the arguments of the method, and the options of the call.

    Raises:
        UsageError: if there is another one; it is a TypeError, too.
    """
    own = {name: value for name, value in given.items() if name in known and value is not None}
    options = {name: value for name, value in given.items() if name in StreamOptions.__optional_keys__}
    for name in given:
        if name not in known and name not in options:
            raise UnknownArgumentError(_unknown_text(name, {*known, *StreamOptions.__optional_keys__}, method))
    return own, cast("StreamOptions", options)


def _unknown_text(name: str, known: set[str], method: str) -> str:
    near = difflib.get_close_matches(name, known, 1)
    hint = _ELSEWHERE.get(name) or (f"did you mean {near[0]!r}?" if near else "")
    # Two sentences in one: most mistakes are typos, the rest are fields that are newer than this version.
    text = f"{method}() has no argument {name!r}" + (f" ({hint})" if hint else "")
    return f"{text}; extra_body={{...}} takes fields that this version does not know" if method == "create" else text


def _request(value: Any) -> dict[str, Any]:
    """Return the fields of ``request=...``: the body, or google-genai's object around it."""
    if isinstance(value, JsonObject):
        value = value.to_dict()
    if not isinstance(value, Mapping):
        raise UsageError(f"request is a dict or a CreateModelInteraction, not {type(value).__name__}")
    inner = value.get("body", value)
    return dict(inner.to_dict() if isinstance(inner, JsonObject) else inner)


def _check_fields(body: Mapping[str, Any], *, continues: bool | None) -> None:
    """Refuse what the API would refuse, before anything is sent.

    Raises:
        UsageError: if fields are missing or exclude each other.
    """
    if "model" not in body and "agent" not in body:
        raise UsageError(f"create() needs a model, for example model={DEFAULT_MODEL!r}, or an agent")
    if "model" in body and "agent" in body:
        raise UsageError("model and agent exclude each other: pass one of them")
    kind, other = (
        ("model", ("agent_config",)) if "model" in body else ("agent", ("generation_config", "cached_content"))
    )
    for name in other:
        if name in body:
            raise UsageError(f"{name} does not go with {kind}={body[kind]!r}")
    if body.get("background") and continues is False:
        raise UsageError(
            "automatic_continuation=False cannot be used with background=True: the API continues by itself"
        )


def _body(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the body of the request, checked, as plain JSON."""
    kind: Any = CreateModelInteraction if "model" in fields else CreateAgentInteraction
    known, written = shapes(kind), {}
    for name, value in fields.items():
        if name == "input":
            written[name] = to_input(value)
        elif name == "tools":
            written[name] = [_tool(known["tools"].item, tool, place) for place, tool in enumerate(_sequence(value))]
        elif name == "response_format" and _structured(value) is not None:
            written[name] = _schema_format(value)
        else:
            _refuse_other_types(value, name)
            fit(known[name], value, name) if name in known else None
            written[name] = to_plain(value)
    return written


def _sequence(value: Any) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    raise UsageError(f"tools is a list, not {type(value).__name__}")


def _tool(shape: Any, tool: Any, place: int) -> Any:
    """Return a tool as plain JSON; Python functions and tools of MCP servers are declared."""
    _refuse_other_types(tool, f"tools[{place}]")
    if isinstance(tool, Mapping | JsonObject):
        fit(shape, tool, f"tools[{place}]")
        return to_plain(tool)
    # Imported here: most programs never need them.
    from headwater.client.tools import mcp

    if mcp.is_session(tool):  # async methods have put its tools in its place
        raise UsageError("MCP sessions belong to an event loop: use client.aio, or pass functions of your own")
    if mcp.is_tool(tool):
        declared = mcp.declaration(tool)
    elif callable(tool):
        from headwater.client.tools.functions import declare

        declared = declare(tool)
    else:
        raise UsageError(
            f"tools[{place}]: a tool is a dict such as {{'type': 'google_search'}}, a Python function or an MCP "
            f"session, not {type(tool).__name__}"
        )
    fields = {"name": declared.name, "description": declared.description, "parameters": declared.parameters_json_schema}
    return {"type": "function", **{name: value for name, value in fields.items() if value is not None}}


def _refuse_other_types(value: Any, where: str) -> None:
    if isinstance(value, ApiModel):
        raise UsageError(
            f"{where}: {type(value).__name__} is a type of generate_content; pass a dict, or the type of "
            "genai.interactions"
        )


def _structured(value: Any) -> Any:
    """Return the class that the answer shall be an instance of, None if ``response_format`` names none."""
    return None if value is None or isinstance(value, Mapping | JsonObject | list | tuple) else value


def _schema_format(kind: Any) -> dict[str, Any]:
    from headwater.client.tools.json_schema import json_schema

    return {"type": "text", "mime_type": "application/json", "schema": json_schema(kind)}


def _limit(config: Any) -> int | None:
    found = (
        config.get("max_output_tokens") if isinstance(config, Mapping) else getattr(config, "max_output_tokens", None)
    )
    return found if isinstance(found, int) else None


def _http_options(own: Mapping[str, Any]) -> HttpOptions:
    return HttpOptions(api_version=own.get("api_version"), headers=own.get("extra_headers"))


def _with_timeout(options: StreamOptions, own: Mapping[str, Any]) -> StreamOptions:
    """Return ``options`` with google-genai's timeout as a deadline: a number limits the whole call."""
    timeout = own.get("timeout")
    if timeout is None or "deadlines" in options:
        return options
    if isinstance(timeout, int | float) and timeout > 0:
        return {**options, "deadlines": Deadlines(total=float(timeout))}
    if hasattr(timeout, "read"):  # httpx.Timeout
        return {**options, "deadlines": Deadlines(byte_gap=timeout.read)}
    raise UsageError(f"timeout is a number of seconds, more than 0, not {timeout!r}")


async def with_mcp_tools(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with the tools of each MCP server in the place of its session."""
    tools = arguments.get("tools")
    if not isinstance(tools, list | tuple):
        return arguments
    from headwater.client.tools.mcp import is_session, list_tools

    return {**arguments, "tools": await list_tools(tools)} if any(map(is_session, tools)) else arguments

"""Reads the body of ``POST /interactions``: what it asks for, and the Gemini request that an engine gets."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from headwater.errors import UsageError
from headwater.json_text import decode_json
from headwater.protocols.interactions.error_codes import refusal, unsupported
from headwater.protocols.interactions.field_reading import camel_name, check_names, choice, expect, snake_names
from headwater.protocols.interactions.model_settings import (
    format_fields,
    generation_fields,
    safety_fields,
    tool_config,
    tool_fields,
)
from headwater.protocols.interactions.steps import Step, Turn, contents_of, read_input

_TIERS = ("flex", "standard", "priority", "deferred")
#: Fields of the API that no engine behind this server can have.
_UNSUPPORTED = ("agent_config", "environment", "webhook_config")
_FIELDS = frozenset(
    {"model", "agent", "input", "previous_interaction_id", "system_instruction", "store", "background", "stream"}
    | {"generation_config", "tools", "response_format", "response_mime_type", "response_modalities", "service_tier"}
    | {"safety_settings", "labels", "cached_content", "continuation_token", *_UNSUPPORTED}
)
_LABEL = re.compile(r"[a-z0-9_-]{0,63}")


class PriorTurns(NamedTuple):
    """The turns of the interactions before a request, and the names of their function calls by id."""

    turns: list[Turn]
    call_names: dict[str, str]
    #: About how many bytes of JSON it is.
    size: int = 0


NO_TURNS = PriorTurns([], {})


class CreateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to create an interaction. ``settings`` are the fields of the Gemini request besides its contents."""

    model: str
    steps: list[Step]
    settings: dict[str, Any]
    previous: str = ""
    store: bool | None = None
    background: bool = False
    stream: bool = False
    labels: dict[str, str] = {}
    service_tier: str = ""

    @property
    def is_continuation(self) -> bool:
        """Whether it asks for the rest of an answer that stopped at a limit, without any input of its own."""
        return "continuationToken" in self.settings and not self.steps

    def gemini_body(self, history: PriorTurns = NO_TURNS) -> bytes:
        """Return the Gemini request as JSON: the turns before this interaction, its own, and its settings.

        Raises:
            UsageError: if the input is not valid; the message says where.
        """
        contents = [*history.turns, *contents_of(self.steps, history.call_names)]
        return msgspec.json.encode({"contents": contents, **self.settings})


def read_create(body: bytes) -> CreateRequest:
    """Return the request in the body of ``POST /interactions``.

    Raises:
        UsageError: if it is not valid; the message says what is wrong, and where.
        APIError: 400, if it has a field that does not exist or that this server does not support.
    """
    document = expect(decode_json(body, "Invalid JSON payload received."), dict, "the request")
    # An explicit null is an absent field, as everywhere in Google's JSON.
    request = {name: value for name, value in snake_names(document).items() if value is not None}
    check_names(request, _FIELDS)
    _check_supported(request)
    flags = {name: expect(request[name], bool, name) for name in ("store", "background", "stream") if name in request}
    _check_combination(request, flags)
    return CreateRequest(
        model=expect(request.get("model"), str, "model"),
        steps=read_input(request["input"]) if "input" in request else [],
        settings=_settings(request),
        previous=expect(request.get("previous_interaction_id", ""), str, "previous_interaction_id"),
        labels=_labels(request.get("labels", {})),
        service_tier=_tier(request),
        **flags,
    )


def _check_supported(request: dict[str, Any]) -> None:
    if "agent" in request:
        raise refusal(400, "invalid_request", "'agent' is not supported: this server has no agents, use 'model'")
    for name in _UNSUPPORTED:
        if name in request:
            raise unsupported(repr(name))
    if "model" not in request:
        raise UsageError("'model' is required")


def _check_combination(request: dict[str, Any], flags: dict[str, bool]) -> None:
    if flags.get("background") and flags.get("store") is False:
        raise UsageError("'background' requires 'store': an interaction that is not stored has no other readers")
    if "input" not in request and "continuation_token" not in request:
        raise UsageError("'input' is required")
    if "input" not in request and "previous_interaction_id" not in request:
        raise UsageError("'input' is required unless 'previous_interaction_id' names what is continued")


def _settings(request: dict[str, Any]) -> dict[str, Any]:
    config = expect(request.get("generation_config", {}), dict, "generation_config")
    generation = generation_fields(config) | _formats(request)
    found: dict[str, Any] = {"generationConfig": generation} if generation else {}
    if "system_instruction" in request:
        text = expect(request["system_instruction"], str, "system_instruction")
        found["systemInstruction"] = {"parts": [{"text": text}]}
    if request.get("tools"):
        found |= tool_fields(request["tools"])
    if config.get("tool_choice"):
        found.setdefault("toolConfig", {})["functionCallingConfig"] = tool_config(config["tool_choice"])
    if "safety_settings" in request:
        found["safetySettings"] = safety_fields(request["safety_settings"])
    plain = ("service_tier", "cached_content", "continuation_token")
    found |= {camel_name(name): expect(request[name], str, name) for name in plain if name in request}
    return found | ({"labels": request["labels"]} if request.get("labels") else {})


def _formats(request: dict[str, Any]) -> dict[str, Any]:
    found = format_fields(request["response_format"]) if "response_format" in request else {}
    if "response_mime_type" in request:
        found["responseMimeType"] = expect(request["response_mime_type"], str, "response_mime_type")
    if "response_modalities" in request:
        names = expect(request["response_modalities"], list, "response_modalities")
        found["responseModalities"] = [expect(name, str, "response_modalities").upper() for name in names]
    return found


def _tier(request: dict[str, Any]) -> str:
    if "service_tier" not in request:
        return ""
    tier = choice(request["service_tier"], _TIERS, "service_tier")
    if tier == "deferred":
        raise unsupported("the service tier 'deferred'")
    return tier


def _labels(value: Any) -> dict[str, str]:
    labels: dict[str, str] = expect(value, dict, "labels")
    for name, text in labels.items():
        is_valid = isinstance(text, str) and _LABEL.fullmatch(name) and _LABEL.fullmatch(text) and name[:1].isalpha()
        if not is_valid:
            raise refusal(
                400,
                "invalid_request",
                "'labels' are names and values of at most 63 characters (a-z, 0-9, _, -); names begin with a letter",
            )
    return labels

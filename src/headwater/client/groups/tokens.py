"""``client.auth_tokens``, sync and async: tokens that stand for the API key in sessions of the Live API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headwater.client.groups.base import MethodGroup
from headwater.client.request import build
from headwater.client.request.contents import to_content
from headwater.client.request.platform import check_platform
from headwater.client.request.settings import Settings
from headwater.client.stream.aio import AsyncCaller
from headwater.client.stream.dialects import LenientGemini
from headwater.client.stream.sync import Caller
from headwater.core.wire.request import HttpRequest
from headwater.errors import UsageError
from headwater.types import (
    AuthToken,
    CreateAuthTokenConfig,
    GenerationConfig,
    HttpOptions,
    LiveConnectConfig,
    LiveConnectConstraints,
)

_TOKENS = LenientGemini(AuthToken)
#: Fields of ``LiveConnectConfig`` that the API expects in ``generationConfig``.
_GENERATION = (
    "response_modalities",
    "temperature",
    "top_p",
    "top_k",
    "max_output_tokens",
    "media_resolution",
    "seed",
    "speech_config",
    "thinking_config",
    "enable_affective_dialog",
    "translation_config",
)
#: Those that it expects beside it, as they are.
_SETUP = (
    "session_resumption",
    "input_audio_transcription",
    "output_audio_transcription",
    "realtime_input_config",
    "context_window_compression",
    "proactivity",
    "history_config",
    "avatar_config",
    "safety_settings",
    "labels",
)
#: Members of the setup of which a mask names the fields, and not the whole.
_MASKED_BY_FIELD = ("generationConfig", "systemInstruction", "sessionResumption", "labels")


class Tokens(MethodGroup[Caller]):
    """Tokens for clients that must not have the API key, a web page above all (Developer API)."""

    def create(self, *, config: CreateAuthTokenConfig | Mapping[str, Any] | None = None) -> AuthToken:
        """Return a new token; its ``name`` is the secret.

        Raises:
            UsageError: on Vertex AI, which has none.
            APIError: if the API refused it.
        """
        request, options = _creation(self._caller.settings, config)
        return self._caller.call(_TOKENS, request, options)


class AsyncTokens(MethodGroup[AsyncCaller]):
    """Tokens for clients that must not have the API key, from coroutines."""

    async def create(self, *, config: CreateAuthTokenConfig | Mapping[str, Any] | None = None) -> AuthToken:
        """Return a new token. See ``Tokens.create``."""
        request, options = _creation(self._caller.settings, config)
        return await self._caller.call(_TOKENS, request, options)


def _creation(settings: Settings, value: Any) -> tuple[HttpRequest, HttpOptions | None]:
    config = build.to_config(value, CreateAuthTokenConfig)
    if settings.vertexai:
        raise UsageError("auth_tokens are for the Gemini Developer API only, and this client speaks to Vertex AI")
    body: dict[str, Any] = {
        "expireTime": config.expire_time,
        "newSessionExpireTime": config.new_session_expire_time,
        "uses": config.uses,
    }
    constraints = config.live_connect_constraints
    setup = _setup(settings, constraints) if constraints is not None else {}
    if setup:
        body["bidiGenerateContentSetup"] = setup
    if mask := _mask(setup, config):
        body["fieldMask"] = mask
    plain = {name: msgspec.to_builtins(value) for name, value in body.items() if value is not None}
    url = settings.url("auth_tokens", config.http_options)
    return build.post(settings, url, plain, config.http_options), config.http_options


def _setup(settings: Settings, constraints: LiveConnectConstraints) -> dict[str, Any]:
    """The first message of a session, as far as the token fixes it."""
    config = constraints.config or LiveConnectConfig()
    check_platform(config, vertexai=False)
    setup: dict[str, Any] = {}
    if constraints.model is not None:
        setup["model"] = build.model_path(constraints.model, settings)
    generation = msgspec.to_builtins(config.generation_config or GenerationConfig()) | _members(config, _GENERATION)
    if generation:
        setup["generationConfig"] = generation
    if config.system_instruction is not None:
        setup["systemInstruction"] = msgspec.to_builtins(to_content(config.system_instruction))
    if config.tools is not None:
        setup["tools"] = msgspec.to_builtins(build.to_tools(config.tools, settings))
    return setup | _members(config, _SETUP)


def _members(config: LiveConnectConfig, names: tuple[str, ...]) -> dict[str, Any]:
    wire = dict(zip(config.__struct_fields__, config.__struct_encode_fields__, strict=True))
    values = {wire[name]: getattr(config, name) for name in names}
    return {name: msgspec.to_builtins(value) for name, value in values.items() if value is not None}


def _mask(setup: dict[str, Any], config: CreateAuthTokenConfig) -> str:
    """The fields that a session cannot change; empty for all of them, or for none without a setup."""
    locked = config.lock_additional_fields
    if locked is None:
        return ""
    names: list[str] = []
    for name, value in setup.items():
        inner = list(value) if name in _MASKED_BY_FIELD else []
        names += [f"{name}.{each}" for each in inner] or [name]
    settings = GenerationConfig.__struct_fields__
    names += [f"generationConfig.{name}" if setup and name in settings else name for name in locked]
    return ",".join(names)

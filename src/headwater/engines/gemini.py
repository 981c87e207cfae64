"""The Gemini engine: any Gemini endpoint, through headwater's own client. Bytes pass through unchanged."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from headwater.client.options.call_options import CallOptions, StreamOptions
from headwater.client.request import build
from headwater.client.request.settings import Settings
from headwater.client.stream.aio import AsyncCaller
from headwater.client.stream.dialects import ANSWERS, COUNTS, MODEL_LISTS
from headwater.contract.defaults import API_KEY_VARIABLES
from headwater.core.machine.policy import Retry
from headwater.core.wire.gemini import Gemini
from headwater.core.wire.request import HttpRequest
from headwater.engines.base import Chunk, EngineRequest, NativeInteractions, NativeMethods, UpstreamCall
from headwater.engines.registry import EngineSettings
from headwater.errors import UsageError
from headwater.types import (
    ApiResponse,
    CountTokensResponse,
    GenerateContentConfig,
    HttpOptions,
    ListModelsConfig,
    Model,
)
from headwater.types.base import ApiModel


class _Candidate(ApiModel):
    finish_reason: str | int | None = None


class _Feedback(ApiModel):
    block_reason: str | int | None = None


class Glance(ApiResponse):
    """A chunk as a relay needs it: its bytes, and whether it ends the answer. Decoding no more keeps the relay fast."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None


class _AnyAnswer(ApiResponse):
    """A response of which only the bytes matter."""


_GLANCES = Gemini(Glance)
_ANY = Gemini(_AnyAnswer)
#: A relay does not retry: the client does, and two retry policies in a row would multiply.
_ONCE: CallOptions = {"retry": Retry(attempts=1)}
_STREAM: StreamOptions = {"retry": Retry(attempts=1)}


class GeminiEngine:
    """Passes requests on to the Gemini API, or to the ``base_url`` in ``http_options``, with the server's own key.

    The request's body is sent byte for byte, and each chunk keeps the bytes that were received (``chunk.raw``). With
    ``native_interactions`` the server passes requests for interactions on as well, instead of mapping them.
    """

    name = "gemini"
    keeps_caches = True

    def __init__(
        self,
        *,
        api_key: str | None = None,
        http_options: HttpOptions | Mapping[str, Any] | None = None,
        native_interactions: bool = False,
    ) -> None:
        self._settings = Settings(api_key=api_key, http_options=http_options)
        self._caller = AsyncCaller(self._settings)
        self.methods: NativeMethods = self
        #: The upstream's own Interactions API, if interactions are passed on to it.
        self.interactions: NativeInteractions | None = None
        if native_interactions:
            # Imported here: the types of that API are not needed otherwise.
            from headwater.engines.native_interactions import UpstreamInteractions

            self.interactions = UpstreamInteractions(self._request_to, self._caller.transport)

    async def stream(self, request: EngineRequest) -> AsyncIterator[Chunk]:
        """Yield the chunks as they arrive."""
        if not request.is_stream:
            yield await self._caller.call(ANSWERS, self._request(request, "generateContent"), None, _ONCE)
            return
        http = self._request(request, "streamGenerateContent?alt=sse")
        async with self._caller.stream(http, GenerateContentConfig(), _STREAM, dialect=_GLANCES) as stream:
            async for chunk in stream:
                yield chunk

    async def count_tokens(self, request: EngineRequest) -> CountTokensResponse:
        """Return how many tokens the request has."""
        return await self._caller.call(COUNTS, self._request(request, "countTokens"), None, _ONCE)

    async def call(self, call: UpstreamCall) -> bytes:
        """Return the response to any other method of the API."""
        resource, colon, method = call.path.partition(":")
        if colon:  # a model's name is checked where all are
            resource = build.model_path(resource.removeprefix("models/"), self._settings)
        http = msgspec.structs.replace(self._request_to(call.method, resource + colon + method), body=call.body)
        return (await self._caller.call(_ANY, http, None, _ONCE)).raw

    async def models(self) -> list[Model]:
        """Return all models of the endpoint."""
        config, found = ListModelsConfig(page_size=1000), list[Model]()
        while True:
            page = await self._caller.call(MODEL_LISTS, build.list_models(self._settings, config), None)
            found += page.items
            if not page.next_page_token:
                return found
            config = ListModelsConfig(page_size=1000, page_token=page.next_page_token)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._caller.close()

    def _request_to(self, method: str, path: str) -> HttpRequest:
        return HttpRequest(method, self._settings.url(path), self._settings.headers())

    def _request(self, request: EngineRequest, method: str) -> HttpRequest:
        url = self._settings.url(f"{build.model_path(request.model, self._settings)}:{method}")
        headers = self._settings.headers()
        if request.timeout is not None:
            headers["X-Server-Timeout"] = f"{request.timeout:g}"
        return HttpRequest("POST", url, headers, request.body)


def from_settings(settings: EngineSettings) -> GeminiEngine:
    """Return the engine for ``upstream``, or for the Gemini API where none is named.

    Raises:
        UsageError: if it has an argument, or no API key is set for the Gemini API.
    """
    if settings.argument:
        raise UsageError(f"the gemini engine takes no argument: 'gemini', not 'gemini:{settings.argument}'")
    has_key = settings.key is not None or any(os.environ.get(name) for name in API_KEY_VARIABLES)
    native = settings.interactions == "native"
    if settings.upstream is not None:
        # The upstream may be a headwater server that needs no key.
        return GeminiEngine(
            api_key=settings.key if has_key else "none",
            http_options={"base_url": settings.upstream},
            native_interactions=native,
        )
    try:
        return GeminiEngine(api_key=settings.key, native_interactions=native)
    except UsageError as error:
        if has_key:
            raise
        message = "the gemini engine has no API key: set GEMINI_API_KEY, or use another engine (--engine offline)"
        raise UsageError(message) from error

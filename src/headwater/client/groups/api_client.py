"""``BaseApiClient``: what frameworks and instrumentation read of ``client._api_client``, under google-genai's names.

It is private in google-genai and has no promise here either. The attributes are views of the client's settings, so a
client that a framework puts into ``_http_options`` carries the requests from then on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import msgspec

from headwater.client.request.build import to_config
from headwater.client.request.settings import Settings
from headwater.client.stream import factory
from headwater.client.stream.aio import AsyncCaller
from headwater.client.stream.sync import Caller
from headwater.core.wire.gemini import Gemini
from headwater.core.wire.request import HttpRequest
from headwater.types import GenerateContentConfig, HttpOptions
from headwater.types.response import ApiResponse, HttpResponse


class _AnyResponse(ApiResponse):
    """A response of which only the JSON matters."""


_ANY = Gemini(_AnyResponse)
_Options = HttpOptions | Mapping[str, Any] | None


class BaseApiClient:
    """The settings of a client, and requests by their path."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def vertexai(self) -> bool:
        """Whether the client uses Vertex AI."""
        return self._settings.vertexai

    @property
    def project(self) -> str | None:
        """The Google Cloud project."""
        return self._settings.project

    @property
    def location(self) -> str | None:
        """The Google Cloud location."""
        return self._settings.location

    @property
    def api_key(self) -> str | None:
        """The API key."""
        return self._settings.api_key or None

    @property
    def custom_base_url(self) -> str | None:
        """The base URL."""
        return self._settings.base_url

    @property
    def _http_options(self) -> HttpOptions:
        return self._settings.options

    @property
    def _httpx_client(self) -> Any:
        return self._settings.options.httpx_client

    @_httpx_client.setter
    def _httpx_client(self, client: Any) -> None:
        self._settings.options.httpx_client = client

    @property
    def _async_httpx_client(self) -> Any:
        return self._settings.options.httpx_async_client

    @_async_httpx_client.setter
    def _async_httpx_client(self, client: Any) -> None:
        self._settings.options.httpx_async_client = client

    def request(
        self, http_method: str, path: str, request_dict: Mapping[str, Any], http_options: _Options = None
    ) -> HttpResponse:
        """Send a request to a path below the API's version and return the response.

        Raises:
            APIError: if the API refused it.
            StreamError: if the connection failed.
        """
        request, options = self._request(http_method, path, request_dict, http_options)
        return _http_response(Caller(self._settings).call(_ANY, request, options))

    async def async_request(
        self, http_method: str, path: str, request_dict: Mapping[str, Any], http_options: _Options = None
    ) -> HttpResponse:
        """Send a request to a path below the API's version and return the response."""
        request, options = self._request(http_method, path, request_dict, http_options)
        return _http_response(await AsyncCaller(self._settings).call(_ANY, request, options))

    def request_streamed(
        self, http_method: str, path: str, request_dict: Mapping[str, Any], http_options: _Options = None
    ) -> Iterator[HttpResponse]:
        """Send a request for a streamed answer and yield each of its chunks."""
        request, options = self._request(http_method, path, request_dict, http_options)
        for chunk in Caller(self._settings).stream(request, GenerateContentConfig(http_options=options), {}):
            yield _http_response(chunk)

    async def async_request_streamed(
        self, http_method: str, path: str, request_dict: Mapping[str, Any], http_options: _Options = None
    ) -> AsyncIterator[HttpResponse]:
        """Send a request for a streamed answer and return an iterator over its chunks."""
        request, options = self._request(http_method, path, request_dict, http_options)
        stream = AsyncCaller(self._settings).stream(request, GenerateContentConfig(http_options=options), {})

        async def chunks() -> AsyncIterator[HttpResponse]:
            async for chunk in stream:
                yield _http_response(chunk)

        return chunks()

    def _request(
        self, method: str, path: str, body: Mapping[str, Any], http_options: _Options
    ) -> tuple[HttpRequest, HttpOptions]:
        options = to_config(http_options, HttpOptions)
        place, mark, query = path.partition("?")
        url = self._settings.url(place, options) + mark + query
        data = msgspec.json.encode(body) if method.upper() != "GET" else None
        return HttpRequest(method.upper(), url, self._settings.headers(options), data), options


class _AnnouncedError(Exception):
    """Ends an announcement before anything is sent."""


class _Announcement(BaseApiClient):
    """Shows a request to what is wrapped around the methods of ``BaseApiClient``."""

    def _request(
        self, method: str, path: str, body: Mapping[str, Any], http_options: _Options
    ) -> tuple[HttpRequest, HttpOptions]:
        raise _AnnouncedError


_OWN = {name: vars(BaseApiClient)[name] for name in ("request", "request_streamed")}


def _announce(settings: Settings, request: HttpRequest, is_stream: bool) -> None:
    """Call ``BaseApiClient.request`` if instrumentation has wrapped it, to look at requests. It sends nothing."""
    # Headwater's own calls do not pass through this class, as google-genai's do.
    name = "request_streamed" if is_stream else "request"
    if vars(BaseApiClient)[name] is _OWN[name] or not request.body:
        return
    with suppress(_AnnouncedError):
        path = urlsplit(request.url).path.lstrip("/").partition("/")[2]
        getattr(_Announcement(settings), name)(request.method.lower(), path, msgspec.json.decode(request.body))


factory.announced.append(_announce)


def _http_response(response: ApiResponse) -> HttpResponse:
    headers = response.sdk_http_response
    return HttpResponse(headers=headers.headers if headers is not None else None, body=response.raw.decode())

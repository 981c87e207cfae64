"""``client.caches``, sync and async: contents that the API stores, to be used at the beginning of many prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headwater.client.groups.base import MethodGroup
from headwater.client.groups.pagers import AsyncPager, Pager
from headwater.client.request import build
from headwater.client.request.contents import to_content, to_contents
from headwater.client.request.platform import check_platform
from headwater.client.request.settings import Settings
from headwater.client.stream.aio import AsyncCaller
from headwater.client.stream.dialects import LenientGemini
from headwater.client.stream.sync import Caller
from headwater.core.wire.request import HttpRequest
from headwater.errors import UsageError
from headwater.types import (
    CachedContent,
    CreateCachedContentConfig,
    DeleteCachedContentConfig,
    DeleteCachedContentResponse,
    GetCachedContentConfig,
    HttpOptions,
    ListCachedContentsConfig,
    ListCachedContentsResponse,
    UpdateCachedContentConfig,
)

CACHES = LenientGemini(CachedContent)
CACHE_LISTS = LenientGemini(ListCachedContentsResponse)
DELETED_CACHES = LenientGemini(DeleteCachedContentResponse)


class Caches(MethodGroup[Caller]):
    """Cached contents: create, get, list, update, delete."""

    def create(
        self, *, model: str, config: CreateCachedContentConfig | Mapping[str, Any] | None = None
    ) -> CachedContent:
        """Store the contents, the system instruction and the tools in ``config``, for prompts to that model.

        Raises:
            UsageError: if the contents cannot be sent, or ``ttl`` and ``expire_time`` are both set.
            APIError: if the API refused it.
        """
        settings = build.to_config(config, CreateCachedContentConfig)
        request = _creation(self._caller.settings, model, settings)
        return self._caller.call(CACHES, request, settings.http_options)

    def get(self, *, name: str, config: GetCachedContentConfig | Mapping[str, Any] | None = None) -> CachedContent:
        """Return the details of cached content."""
        options = build.to_config(config, GetCachedContentConfig).http_options
        request = build.get(self._caller.settings, _url(self._caller.settings, name, options), options)
        return self._caller.call(CACHES, request, options)

    def update(
        self, *, name: str, config: UpdateCachedContentConfig | Mapping[str, Any] | None = None
    ) -> CachedContent:
        """Change when cached content expires, and return it."""
        settings = build.to_config(config, UpdateCachedContentConfig)
        return self._caller.call(CACHES, _change(self._caller.settings, name, settings), settings.http_options)

    def delete(
        self, *, name: str, config: DeleteCachedContentConfig | Mapping[str, Any] | None = None
    ) -> DeleteCachedContentResponse:
        """Delete cached content."""
        options = build.to_config(config, DeleteCachedContentConfig).http_options
        return self._caller.call(DELETED_CACHES, _deletion(self._caller.settings, name, options), options)

    def list(self, *, config: ListCachedContentsConfig | Mapping[str, Any] | None = None) -> Pager[CachedContent]:
        """Return the cached contents. Further pages are fetched as they are iterated over."""
        settings = build.to_config(config, ListCachedContentsConfig)
        return Pager(self._page, settings, self._page(settings))

    def _page(self, config: ListCachedContentsConfig) -> ListCachedContentsResponse:
        return self._caller.call(CACHE_LISTS, _list_request(self._caller.settings, config), config.http_options)


class AsyncCaches(MethodGroup[AsyncCaller]):
    """Cached contents, from coroutines."""

    async def create(
        self, *, model: str, config: CreateCachedContentConfig | Mapping[str, Any] | None = None
    ) -> CachedContent:
        """Store contents for prompts to a model. See ``Caches.create``."""
        settings = build.to_config(config, CreateCachedContentConfig)
        request = _creation(self._caller.settings, model, settings)
        return await self._caller.call(CACHES, request, settings.http_options)

    async def get(
        self, *, name: str, config: GetCachedContentConfig | Mapping[str, Any] | None = None
    ) -> CachedContent:
        """Return the details of cached content."""
        options = build.to_config(config, GetCachedContentConfig).http_options
        request = build.get(self._caller.settings, _url(self._caller.settings, name, options), options)
        return await self._caller.call(CACHES, request, options)

    async def update(
        self, *, name: str, config: UpdateCachedContentConfig | Mapping[str, Any] | None = None
    ) -> CachedContent:
        """Change when cached content expires, and return it."""
        settings = build.to_config(config, UpdateCachedContentConfig)
        return await self._caller.call(CACHES, _change(self._caller.settings, name, settings), settings.http_options)

    async def delete(
        self, *, name: str, config: DeleteCachedContentConfig | Mapping[str, Any] | None = None
    ) -> DeleteCachedContentResponse:
        """Delete cached content."""
        options = build.to_config(config, DeleteCachedContentConfig).http_options
        return await self._caller.call(DELETED_CACHES, _deletion(self._caller.settings, name, options), options)

    async def list(
        self, *, config: ListCachedContentsConfig | Mapping[str, Any] | None = None
    ) -> AsyncPager[CachedContent]:
        """Return the cached contents. Further pages are fetched as they are iterated over."""
        settings = build.to_config(config, ListCachedContentsConfig)
        return AsyncPager(self._page, settings, await self._page(settings))

    async def _page(self, config: ListCachedContentsConfig) -> ListCachedContentsResponse:
        return await self._caller.call(CACHE_LISTS, _list_request(self._caller.settings, config), config.http_options)


def _creation(settings: Settings, model: str, config: CreateCachedContentConfig) -> HttpRequest:
    contents = to_contents(config.contents) if config.contents is not None else None
    instruction = to_content(config.system_instruction) if config.system_instruction is not None else None
    tools = [build.to_tool(tool, settings) for tool in config.tools] if config.tools is not None else None
    check_platform(config, contents, instruction, tools, vertexai=settings.vertexai)
    body = _lifetime(config) | {
        "model": _model(settings, model),
        "displayName": config.display_name,
        "contents": contents,
        "systemInstruction": instruction,
        "tools": tools,
        "toolConfig": config.tool_config,
        # In snake_case, as google-genai sends it.
        "encryption_spec": {"kmsKeyName": config.kms_key_name} if config.kms_key_name is not None else None,
    }
    plain = {name: msgspec.to_builtins(value) for name, value in body.items() if value is not None}
    url = settings.url("cachedContents", config.http_options)
    return build.post(settings, url, plain, config.http_options)


def _change(settings: Settings, name: str, config: UpdateCachedContentConfig) -> HttpRequest:
    url = _url(settings, name, config.http_options)
    return build.post(settings, url, msgspec.to_builtins(_lifetime(config)), config.http_options, method="PATCH")


def _deletion(settings: Settings, name: str, options: HttpOptions | None) -> HttpRequest:
    return HttpRequest("DELETE", _url(settings, name, options), settings.headers(options))


def _list_request(settings: Settings, config: ListCachedContentsConfig) -> HttpRequest:
    query = {"pageSize": config.page_size, "pageToken": config.page_token}
    return build.get(settings, settings.url("cachedContents", config.http_options), config.http_options, query)


def _lifetime(config: CreateCachedContentConfig | UpdateCachedContentConfig) -> dict[str, Any]:
    if config.ttl is not None and config.expire_time is not None:
        raise UsageError("ttl and expire_time exclude each other: pass one of them")
    values = {"ttl": config.ttl, "expireTime": config.expire_time}
    return {name: value for name, value in values.items() if value is not None}


def _model(settings: Settings, model: str) -> str:
    """The full name of a model: caches of Vertex AI take nothing shorter."""
    path = build.model_path(model, settings)
    if not settings.vertexai or path.startswith("projects/"):
        return path
    return settings.below_project + (f"publishers/google/{path}" if path.startswith("models/") else path)


def _url(settings: Settings, name: str, options: HttpOptions | None) -> str:
    """The URL of cached content, whose name may be short or full."""
    if not isinstance(name, str) or not name or any(text in name for text in ("..", "?", "#")):
        raise UsageError(f"{name!r} is not the name of cached content: pass the name that caches.create returned")
    if name.startswith("locations/") and settings.project:
        name = f"projects/{settings.project}/{name}"
    is_short = "/" not in name
    return settings.url(f"cachedContents/{name}" if is_short else name, options)

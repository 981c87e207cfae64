"""Cached contents: the beginning of prompts, stored by the API for a while, and the configs of ``client.caches``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from headwater.types.base import ApiModel
from headwater.types.http import HttpOptions
from headwater.types.response import ApiResponse
from headwater.types.tools import Tool, ToolConfig


class CachedContentUsageMetadata(ApiModel):
    """The size of what is cached."""

    total_token_count: int | None = None
    #: In characters (Vertex AI, as are the next).
    text_count: int | None = None
    image_count: int | None = None
    audio_duration_seconds: int | None = None
    video_duration_seconds: int | None = None


class CachedContent(ApiResponse):
    """What is cached, without the contents. Its ``name`` goes into ``cached_content`` of a request's config."""

    #: ``cachedContents/`` and an id.
    name: str | None = None
    display_name: str | None = None
    #: The only model that can use it.
    model: str | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    #: When it is deleted.
    expire_time: datetime | None = None
    usage_metadata: CachedContentUsageMetadata | None = None


class CreateCachedContentConfig(ApiModel):
    """What is cached, and for how long. ``ttl`` and ``expire_time`` exclude each other."""

    http_options: HttpOptions | None = None
    #: A duration in seconds, as in ``"3600s"``.
    ttl: str | None = None
    expire_time: datetime | None = None
    display_name: str | None = None
    #: As for ``generate_content``.
    contents: Any = None
    system_instruction: Any = None
    tools: list[Tool | Callable[..., Any]] | None = None
    tool_config: ToolConfig | None = None
    #: The key that encrypts it. Vertex AI only.
    kms_key_name: str | None = None


class GetCachedContentConfig(ApiModel):
    """How to get cached content."""

    http_options: HttpOptions | None = None


class DeleteCachedContentConfig(ApiModel):
    """How to delete cached content."""

    http_options: HttpOptions | None = None


class DeleteCachedContentResponse(ApiResponse):
    """The response to a deletion: empty."""


class UpdateCachedContentConfig(ApiModel):
    """The new end of cached content. ``ttl`` and ``expire_time`` exclude each other."""

    http_options: HttpOptions | None = None
    #: A duration in seconds from now, as in ``"3600s"``.
    ttl: str | None = None
    expire_time: datetime | None = None


class ListCachedContentsConfig(ApiModel):
    """The page of cached contents to list, and its size."""

    http_options: HttpOptions | None = None
    page_size: int | None = None
    page_token: str | None = None


class ListCachedContentsResponse(ApiResponse):
    """One page of cached contents."""

    next_page_token: str | None = None
    cached_contents: list[CachedContent] | None = None

    @property
    def items(self) -> list[CachedContent]:
        """The cached contents of this page."""
        return self.cached_contents or []

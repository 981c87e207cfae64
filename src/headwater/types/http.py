"""Where requests go and how: ``HttpOptions``."""

from __future__ import annotations

from typing import Any

from headwater.types.base import ApiModel, OpenEnum


class ResourceScope(OpenEnum):
    """What a base URL stands for. COLLECTION: paths below it have no version and no project."""

    COLLECTION = "COLLECTION"


class HttpRetryOptions(ApiModel):
    """When a request that failed before its first content is sent again. Delays in seconds."""

    attempts: int | None = None
    initial_delay: float | None = None
    max_delay: float | None = None
    exp_base: float | None = None
    jitter: float | None = None
    http_status_codes: list[int] | None = None


class HttpOptions(ApiModel):
    """Where requests go and how. ``timeout`` is in milliseconds, as in google-genai: the longest silence allowed."""

    base_url: str | None = None
    base_url_resource_scope: ResourceScope | None = None
    api_version: str | None = None
    headers: dict[str, str] | None = None
    timeout: int | None = None
    client_args: dict[str, Any] | None = None
    async_client_args: dict[str, Any] | None = None
    extra_body: dict[str, Any] | None = None
    retry_options: HttpRetryOptions | None = None

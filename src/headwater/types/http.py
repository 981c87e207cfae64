"""``HttpOptions``: how requests are sent."""

from __future__ import annotations

from typing import Any

from headwater.types.base import ApiModel
from headwater.types.open_enum import OpenEnum


class ResourceScope(OpenEnum):
    """What a base URL includes. COLLECTION: paths below it have no version and no project."""

    COLLECTION = "COLLECTION"


class HttpRetryOptions(ApiModel):
    """When to retry a request that failed before its first content. Delays in seconds.

    Defaults, once the options are set: 5 attempts, ``initial_delay`` 1, ``max_delay`` 60, ``exp_base`` 2, ``jitter`` 1.
    """

    #: The first one included.
    attempts: int | None = None
    initial_delay: float | None = None
    max_delay: float | None = None
    exp_base: float | None = None
    jitter: float | None = None
    #: The codes to retry.
    http_status_codes: list[int] | None = None


class HttpOptions(ApiModel):
    """How requests are sent. ``timeout`` limits the silence between bytes, in milliseconds as in google-genai."""

    base_url: str | None = None
    #: COLLECTION: the paths below ``base_url`` have no version and no project.
    base_url_resource_scope: ResourceScope | None = None
    #: ``v1beta`` ...; the empty string leaves it out of the path.
    api_version: str | None = None
    headers: dict[str, str] | None = None
    #: In milliseconds; google-genai's unit.
    timeout: int | None = None
    #: Arguments of httpx (proxy, verify, headers ...) for sync calls; what cannot be honored is refused.
    client_args: dict[str, Any] | None = None
    #: The same for async calls; aiohttp's are taken, too.
    async_client_args: dict[str, Any] | None = None
    #: Merged into the body of each request.
    extra_body: dict[str, Any] | None = None
    retry_options: HttpRetryOptions | None = None
    #: An ``httpx.Client`` (of httpx or httpx2) that sends sync requests; whoever passes it closes it.
    httpx_client: Any = None
    #: An ``httpx.AsyncClient`` that sends async requests.
    httpx_async_client: Any = None
    #: An ``aiohttp.ClientSession`` that sends async requests.
    aiohttp_client: Any = None

"""The twins of ``headwater.types.http``: written by tests/types/make_dicts.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from headwater.types.http import HttpOptions, HttpRetryOptions, ResourceScope


class HttpRetryOptionsDict(TypedDict, total=False):
    """``HttpRetryOptions`` as a dict."""

    attempts: int | None
    initial_delay: float | None
    max_delay: float | None
    exp_base: float | None
    jitter: float | None
    http_status_codes: Sequence[int] | None


HttpRetryOptionsOrDict: TypeAlias = HttpRetryOptions | HttpRetryOptionsDict


class HttpOptionsDict(TypedDict, total=False):
    """``HttpOptions`` as a dict."""

    base_url: str | None
    base_url_resource_scope: ResourceScope | str | None
    api_version: str | None
    headers: Mapping[str, str] | None
    timeout: int | None
    client_args: Mapping[str, Any] | None
    async_client_args: Mapping[str, Any] | None
    extra_body: Mapping[str, Any] | None
    retry_options: HttpRetryOptionsOrDict | None


HttpOptionsOrDict: TypeAlias = HttpOptions | HttpOptionsDict

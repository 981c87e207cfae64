"""The caches of the offline transport: in the memory of this process, as ``headwater serve`` has them."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from headwater import offline
from headwater.contract.cached_contents import CachedPrompt, CacheStore
from headwater.core.wire.request import HttpRequest
from headwater.errors import api_error
from headwater.types import GenerateContentRequest
from headwater.types.base import coerce

#: What all caches of a process may have together.
MAX_BYTES = 256 * 1024 * 1024
_MAX_PAGE = 1_000
_PATH = re.compile(r"(?:v\d\w*/)?(?P<scope>projects/[^/]+/locations/[^/]+/)?cachedContents(?:/(?P<name>[^/:]+))?")
_OWNER = b""


class OfflineCaches:
    """The caches of one process. May be used from any thread."""

    def __init__(self, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.time) -> None:
        self._store = CacheStore(max_bytes)
        self._clock = clock
        self._lock = threading.Lock()

    def respond(self, request: HttpRequest) -> dict[str, Any] | None:
        """Return the response to a request for caches; None if it is for something else.

        Raises:
            APIError: if it is refused.
        """
        url = urlsplit(request.url)
        found = _PATH.fullmatch(url.path.partition("/")[2])
        if found is None:
            return None
        with self._lock:
            return self._reply(request, found["scope"] or "", found["name"], dict(parse_qsl(url.query)))

    def fill(self, document: Any, model: str) -> CachedPrompt | None:
        """Put the cache that a request names before its contents, if it names one.

        Raises:
            APIError: 403, if there is no such cache; 400, if it does not go with the request.
        """
        if not isinstance(document, dict):
            return None
        with self._lock:
            cache = self._store.named_by(document, _OWNER, model, self._clock())
        if cache is not None:
            cache.put_before(document)
        return cache

    def _reply(self, request: HttpRequest, scope: str, name: str | None, query: dict[str, str]) -> dict[str, Any]:
        now, body = self._clock(), request.body or b""
        match request.method, name:
            case "POST", None:
                full_name = f"{scope}cachedContents/{secrets.token_hex(10)}"
                cache = self._store.create(_OWNER, body, full_name, now)
                cache.tokens = count_tokens(cache)
                return cache.document()
            case "GET", None:
                return _page([cache.document() for cache in self._store.list(_OWNER, now)], query)
            case "GET", str():
                return self._store.get(_OWNER, name, now).document()
            case "PATCH", str():
                return self._store.update(_OWNER, name, body, now).document()
            case "DELETE", str():
                self._store.delete(_OWNER, name, now)
                return {}
        raise api_error(404, f"cached contents have no method {request.method}", status="NOT_FOUND")


#: The caches of this process, whichever client asks, as its files are.
CACHES = OfflineCaches()


def count_tokens(cache: CachedPrompt) -> int:
    """Return the tokens of a cache."""
    prompt = coerce(msgspec.json.decode(cache.prompt), GenerateContentRequest, "the cached content")
    assert isinstance(prompt, GenerateContentRequest)
    return sum(offline.count_request(prompt).values())


def is_about_caches(request: HttpRequest) -> bool:
    """Return whether a request is for caches or uses one, so that it may cost as much as a cache holds."""
    body = request.body or b""
    return "/cachedContents" in request.url or b"cachedContent" in body or b"cached_content" in body


def _page(caches: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    start, size = (_number(query, name) for name in ("pageToken", "pageSize"))
    end = start + min(size or 100, _MAX_PAGE)
    more = {"nextPageToken": str(end)} if end < len(caches) else {}
    return {"cachedContents": caches[start:end], **more} if caches else {}


def _number(query: dict[str, str], name: str) -> int:
    text = query.get(name, "0")
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise api_error(400, f"{name} must be a number", status="INVALID_ARGUMENT")
    return int(text)

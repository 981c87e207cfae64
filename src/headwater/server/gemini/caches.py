"""The caches of a server: in its memory for most engines, at the upstream for those that keep them there."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec

from headwater import offline
from headwater.contract.cached_contents import MAX_COUNT, CachedPrompt, CacheStore, read_creation
from headwater.engines.base import Engine, NativeMethods, UpstreamCall
from headwater.errors import APIError, api_error
from headwater.json_text import decode_json
from headwater.server.config import Limits
from headwater.server.http.offload import run_sized
from headwater.types import CachedContent, GenerateContentRequest
from headwater.types.base import coerce

#: Bytes of a change, which holds a time.
_MAX_UPDATE = 16 * 1024
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


class _PassedOn(msgspec.Struct):
    """A cache that an upstream keeps: which, and what it last said of it."""

    upstream: NativeMethods
    document: dict[str, Any]
    expires: float


class ServerCaches:
    """The caches of all principals of one server. Of those at an upstream only the owners are known here.

    All clients of a server share its key at the upstream, and must not see or change each other's caches there.
    """

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.time) -> None:
        self._store = CacheStore(limits.max_bodies)
        self._clock = clock
        self._passed_on: dict[tuple[bytes, str], _PassedOn] = {}

    async def create(self, owner: bytes, engine: Engine, body: bytes, scope: str) -> dict[str, Any]:
        """Store a cache, here or at the upstream of ``engine``, and return it.

        Raises:
            APIError: 400, if the body is invalid; 429, if the owner has too many or too large ones.
        """
        upstream = keeper_of(engine)
        if upstream is not None:
            return await self._pass_creation(owner, upstream, body)
        name = f"{scope}cachedContents/{secrets.token_hex(10)}"
        cache = await run_sized(len(body), read_creation, body, owner, name, self._clock())
        self._store.add(cache, self._clock())
        cache.tokens = await run_sized(len(body), _count, cache)
        return cache.document()

    def list(self, owner: bytes) -> list[dict[str, Any]]:
        """Return the caches of this owner."""
        self._sweep()
        mine = [entry.document for key, entry in self._passed_on.items() if key[0] == owner]
        return [*(cache.document() for cache in self._store.list(owner, self._clock())), *reversed(mine)]

    async def get(self, owner: bytes, name: str) -> dict[str, Any]:
        """Return a cache of this owner.

        Raises:
            APIError: 403, if the owner has no such cache.
        """
        entry = self._entry(owner, name)
        if entry is None:
            return self._store.get(owner, name, self._clock()).document()
        return self._note(entry, await entry.upstream.call(UpstreamCall("GET", _path(name))))

    async def update(self, owner: bytes, name: str, body: bytes) -> dict[str, Any]:
        """Change when a cache of this owner expires.

        Raises:
            APIError: 403, if the owner has no such cache; 400, if the body is invalid.
        """
        if len(body) > _MAX_UPDATE:  # it is read on the event loop, and holds a time
            raise api_error(400, "only the expiration of cached content can be changed", status="INVALID_ARGUMENT")
        entry = self._entry(owner, name)
        if entry is None:
            return self._store.update(owner, name, body, self._clock()).document()
        return self._note(entry, await entry.upstream.call(UpstreamCall("PATCH", _path(name), body)))

    async def delete(self, owner: bytes, name: str) -> None:
        """Remove a cache of this owner.

        Raises:
            APIError: 403, if the owner has no such cache.
        """
        entry = self._entry(owner, name)
        if entry is None:
            self._store.delete(owner, name, self._clock())
            return
        await entry.upstream.call(UpstreamCall("DELETE", _path(name)))
        self._passed_on.pop((owner, _id(name)), None)

    def named_by(self, document: dict[str, Any], owner: bytes, engine: Engine, model: str) -> CachedPrompt | None:
        """Return the cache that a request names; None if it names none, or the engine keeps it.

        Raises:
            APIError: 403, if the owner has no such cache; 400, if it does not go with the request.
        """
        if keeper_of(engine) is None:
            return self._store.named_by(document, owner, model, self._clock())
        name = document.get("cachedContent") or document.get("cached_content")
        # Without keys there is one owner, who may have made the cache elsewhere.
        if name and owner and self._entry(owner, str(name)) is None:
            raise _unknown()
        return None

    async def _pass_creation(self, owner: bytes, upstream: NativeMethods, body: bytes) -> dict[str, Any]:
        self._sweep()
        if sum(1 for key in self._passed_on if key[0] == owner) >= MAX_COUNT:
            raise api_error(429, f"a key has at most {MAX_COUNT:,} caches: delete some", status="RESOURCE_EXHAUSTED")
        entry = _PassedOn(upstream, {}, self._clock())
        document = self._note(entry, await upstream.call(UpstreamCall("POST", "cachedContents", body)))
        self._passed_on[owner, _id(str(document.get("name", "")))] = entry
        return document

    def _note(self, entry: _PassedOn, answer: bytes) -> dict[str, Any]:
        document = decode_json(answer, "the upstream sent something that is not JSON.")
        entry.document = document if isinstance(document, dict) else {}
        expires = CachedContent.model_validate(entry.document).expire_time
        entry.expires = expires.timestamp() if expires is not None else self._clock() + 3600
        return entry.document

    def _entry(self, owner: bytes, name: str) -> _PassedOn | None:
        self._sweep()
        return self._passed_on.get((owner, _id(name)))

    def _sweep(self) -> None:
        now = self._clock()
        if any(entry.expires <= now for entry in self._passed_on.values()):
            self._passed_on = {key: entry for key, entry in self._passed_on.items() if entry.expires > now}


def keeper_of(engine: Engine) -> NativeMethods | None:
    """Return the upstream of an engine if caches are kept there."""
    methods: NativeMethods | None = getattr(engine, "methods", None)
    return methods if methods is not None and methods.keeps_caches else None


def _count(cache: CachedPrompt) -> int:
    prompt = coerce(msgspec.json.decode(cache.prompt), GenerateContentRequest, "the cached content")
    assert isinstance(prompt, GenerateContentRequest)
    return sum(offline.count_request(prompt).values())


def _path(name: str) -> str:
    if not _ID.fullmatch(_id(name)):
        raise _unknown()
    return f"cachedContents/{_id(name)}"


def _id(name: str) -> str:
    return name.rpartition("/")[2]


def _unknown() -> APIError:
    return api_error(403, "CachedContent not found (or permission denied)", status="PERMISSION_DENIED")

"""Cached contents without I/O: the API's rules, and a store of them in memory, for servers and for ``offline:``.

A cache is the beginning of a prompt. Who keeps it puts it before each prompt that names it, so every engine can answer
such prompts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from headwater.contract.files import timestamp
from headwater.errors import APIError, UsageError, api_error
from headwater.json_text import decode_json
from headwater.types import GenerateContentRequest
from headwater.types.base import coerce

#: How long a cache is kept unless its creator says otherwise, in seconds.
DEFAULT_TTL = 3600.0
#: The longest time; nothing is kept for ever in memory.
MAX_TTL = 30 * 86_400.0
#: Caches of one owner.
MAX_COUNT = 1_000
_PROMPT = {
    "contents": "contents",
    "systeminstruction": "systemInstruction",
    "tools": "tools",
    "toolconfig": "toolConfig",
}
#: How a request may spell the field that names a cache.
_KEYS = ("cachedContent", "cached_content")
_LIFETIME = ("ttl", "expiretime")
_OTHER = ("model", "displayname", "encryptionspec")
_TTL = re.compile(r"(\d{1,10}(?:\.\d{1,9})?)s")


class CachedPrompt(msgspec.Struct, kw_only=True):
    """The beginning of prompts. Times are Unix timestamps.

    ``prompt`` is the JSON of the fields of a request. It is kept as text: parsed, it would take many times the memory.
    """

    name: str
    owner: bytes
    model: str
    prompt: bytes
    created: float
    updated: float
    expires: float
    display_name: str | None = None
    tokens: int = 0

    def put_before(self, document: dict[str, Any]) -> None:
        """Put this before the contents of a request, which named it. Takes time in proportion to its size."""
        contents = document.get("contents")
        for key in _KEYS:
            document.pop(key, None)
        fields: dict[str, Any] = msgspec.json.decode(self.prompt)
        own = contents if isinstance(contents, list) else []
        document.update(fields, contents=[*fields.get("contents", ()), *own])

    def document(self) -> dict[str, Any]:
        """Return the API's ``CachedContent`` resource, which is without the contents."""
        document = {
            "name": self.name,
            "model": self.model,
            "displayName": self.display_name,
            "createTime": timestamp(self.created),
            "updateTime": timestamp(self.updated),
            "expireTime": timestamp(self.expires),
            "usageMetadata": {"totalTokenCount": self.tokens},
        }
        return {name: value for name, value in document.items() if value is not None}


class CacheStore:
    """The caches of all owners, in memory. Not for many threads at once."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._caches: dict[tuple[bytes, str], CachedPrompt] = {}

    def create(self, owner: bytes, body: bytes, name: str, now: float) -> CachedPrompt:
        """Store what the body of a creation says under ``name``. The tokens are the caller's to count.

        Raises:
            APIError: 400, if the body is invalid; 429, if the owner has too many or too large ones.
        """
        return self.add(read_creation(body, owner, name, now), now)

    def add(self, cache: CachedPrompt, now: float) -> CachedPrompt:
        """Store what ``read_creation`` has read: for servers, which read large bodies in another thread.

        Raises:
            APIError: 429, if the owner has too many or too large ones.
        """
        self._sweep(now)
        mine = [one for one in self._caches.values() if one.owner == cache.owner]
        if len(mine) >= MAX_COUNT or sum(len(one.prompt) for one in mine) + len(cache.prompt) > self._max_bytes:
            limits = f"{MAX_COUNT:,} caches or {self._max_bytes:,} bytes of them"
            raise api_error(429, f"a key has at most {limits}: delete some", status="RESOURCE_EXHAUSTED")
        self._caches[cache.owner, _id(cache.name)] = cache
        return cache

    def get(self, owner: bytes, name: str, now: float) -> CachedPrompt:
        """Return a cache of this owner; only the last part of its name counts.

        Raises:
            APIError: 403, if the owner has no such cache, which is what the API says then.
        """
        cache = self._caches.get((owner, _id(name)))
        if cache is None or cache.expires <= now:
            raise api_error(403, "CachedContent not found (or permission denied)", status="PERMISSION_DENIED")
        return cache

    def list(self, owner: bytes, now: float) -> list[CachedPrompt]:
        """Return the caches of this owner, the newest first."""
        self._sweep(now)
        return [cache for cache in reversed(self._caches.values()) if cache.owner == owner]

    def update(self, owner: bytes, name: str, body: bytes, now: float) -> CachedPrompt:
        """Change when a cache expires.

        Raises:
            APIError: 403, if the owner has no such cache; 400, if the body says no time, or anything else.
        """
        cache = self.get(owner, name, now)
        fields = _fields(body, (*_LIFETIME, "name", "model"))
        if not any(name in fields for name in _LIFETIME):
            raise _invalid("only the expiration of cached content can be changed: send ttl or expireTime")
        cache.expires, cache.updated = _expiry(fields, now), now
        return cache

    def delete(self, owner: bytes, name: str, now: float) -> None:
        """Remove a cache.

        Raises:
            APIError: 403, if the owner has no such cache.
        """
        self.get(owner, name, now)
        del self._caches[owner, _id(name)]

    def named_by(self, document: Mapping[str, Any], owner: bytes, model: str, now: float) -> CachedPrompt | None:
        """Return the cache that a request names, or None if it names none.

        Raises:
            APIError: 403, if the owner has no such cache; 400, if it is of another model, or the request sets what the
                cache has to set.
        """
        name = next((document[key] for key in _KEYS if document.get(key)), None)
        if name is None:
            return None
        if not isinstance(name, str):
            raise _invalid("cachedContent is the name of cached content")
        cache = self.get(owner, name, now)
        if _id(cache.model) != _id(model):
            raise _invalid(
                f"Model used by GenerateContent request (models/{_id(model)}) and CachedContent ({cache.model}) "
                "has to be the same."
            )
        if any(value and _fold(field) in _PROMPT and field != "contents" for field, value in document.items()):
            raise _invalid(
                "CachedContent can not be used with GenerateContent request setting system_instruction, tools or "
                "tool_config. Proposed fix: move those values to CachedContent from GenerateContent request."
            )
        return cache

    def _sweep(self, now: float) -> None:
        self._caches = {key: cache for key, cache in self._caches.items() if cache.expires > now}


def read_creation(body: bytes, owner: bytes, name: str, now: float) -> CachedPrompt:
    """Return the cache that the body of a creation describes.

    Raises:
        APIError: 400, if it is invalid.
    """
    fields = _fields(body, (*_PROMPT, *_LIFETIME, *_OTHER))
    model, title = fields.get("model"), fields.get("displayname")
    if not isinstance(model, str) or not model:
        raise _invalid("cached content needs a model: it can be used with no other")
    if title is not None and (not isinstance(title, str) or len(title) > 128):
        raise _invalid("displayName is a text of at most 128 characters")
    prompt = {_PROMPT[key]: value for key, value in fields.items() if key in _PROMPT and value}
    if not prompt:
        raise _invalid("cached content needs contents, a system instruction or tools")
    try:
        coerce(prompt, GenerateContentRequest, "the cached content")
    except UsageError as error:
        raise _invalid(f"Invalid JSON payload received. {error}") from error
    return CachedPrompt(
        name=name,
        owner=owner,
        model=model if "/" in model else f"models/{model}",
        prompt=msgspec.json.encode(prompt),
        created=now,
        updated=now,
        expires=_expiry(fields, now),
        display_name=title or None,
    )


def _fields(body: bytes, known: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a JSON object by their folded names, as the SDKs write either spelling."""
    document = decode_json(body or b"{}", "Invalid JSON payload received.")
    if not isinstance(document, Mapping):
        raise _invalid("Invalid JSON payload received. Cached content is an object.")
    for name in document:
        if _fold(name) not in known:
            raise _invalid(f"Invalid JSON payload received. Unknown name {name!r}: Cannot find field.")
    return {_fold(name): value for name, value in document.items() if value is not None}


def _expiry(fields: Mapping[str, Any], now: float) -> float:
    ttl, time = (fields.get(name) for name in _LIFETIME)
    if ttl is not None and time is not None:
        raise _invalid("ttl and expireTime exclude each other")
    expires = now + DEFAULT_TTL
    if ttl is not None:
        found = _TTL.fullmatch(ttl) if isinstance(ttl, str) else None
        if found is None:
            raise _invalid("ttl is a number of seconds with an s, as '3600s'")
        expires = now + float(found[1])
    elif time is not None:
        expires = _seconds(time)
    if expires <= now:
        raise _invalid("cached content cannot expire in the past")
    return min(expires, now + MAX_TTL)


def _seconds(text: Any) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        raise _invalid("expireTime is a time, as '2030-01-31T12:00:00Z'") from None


def file_uris(document: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield each part of a request's JSON that refers to a file, with the name of that field and the URI."""
    contents = document.get("contents")
    instruction = document.get("systemInstruction") or document.get("system_instruction")
    for content in [*(contents if isinstance(contents, list) else [contents]), instruction]:
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else [parts]:
            if not isinstance(part, dict):
                continue
            for field in ("fileData", "file_data"):
                data = part.get(field)
                uri = (data.get("fileUri") or data.get("file_uri")) if isinstance(data, dict) else None
                if isinstance(uri, str):
                    yield part, field, uri


def _fold(name: Any) -> str:
    return str(name).replace("_", "").lower()


def _id(name: str) -> str:
    return name.rpartition("/")[2]


def _invalid(message: str) -> APIError:
    return api_error(400, message, status="INVALID_ARGUMENT")

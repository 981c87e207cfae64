"""Who may do what: API keys, origins, hosts, and limits for each key."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import msgspec
from starlette.requests import HTTPConnection

from headwater.errors import APIError, api_error

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "testserver"})


class Limits(msgspec.Struct, frozen=True):
    """How much one server takes. Sizes in bytes, times in seconds."""

    body: int = 32 * 1024 * 1024
    file: int = 2 * 1024 * 1024 * 1024
    message: int = 8 * 1024 * 1024
    streams_per_key: int = 100
    keep_alive: float = 15.0


class Access:
    """The keys (kept as hashes only), the origins and the hosts that are let in.

    No keys means that everyone on this machine is let in; the server then answers to loopback names only, so that a web
    page can not reach it by a name of its own (DNS rebinding).
    """

    def __init__(
        self,
        keys: Collection[str] = (),
        *,
        origins: Collection[str] = (),
        hosts: Collection[str] = (),
        limits: Limits | None = None,
    ) -> None:
        self._digests = [_digest(key) for key in keys if key]
        self.origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._hosts = frozenset(host.lower() for host in hosts)
        self.limits = limits or Limits()
        self._open: Counter[bytes] = Counter()

    @property
    def needs_key(self) -> bool:
        """Whether requests must carry a key."""
        return bool(self._digests)

    def identify(self, connection: HTTPConnection) -> bytes:
        """Return who asks: the hash of the key, empty where none is needed.

        Raises:
            APIError: 421 for a host that is not ours, 401 without a key, 403 with a wrong one.
        """
        self.check_host(connection)
        if not self._digests:
            return b""
        key = _key(connection)
        if key is None:
            raise api_error(401, "an API key is needed: send it as x-goog-api-key", status="UNAUTHENTICATED")
        return self.admit(key)

    def admit(self, key: str) -> bytes:
        """Return the hash of a key that is let in.

        Raises:
            APIError: 403, the key is wrong.
        """
        digest = _digest(key)
        known = False
        for other in self._digests:  # all of them, so that the time says nothing
            known |= hmac.compare_digest(digest, other)
        if not known:
            raise api_error(403, "the API key is not valid here", status="PERMISSION_DENIED")
        return digest

    def check_host(self, connection: HTTPConnection) -> None:
        """Refuse a Host header that is not ours.

        Raises:
            APIError: 421.
        """
        allowed = self._hosts or (frozenset() if self._digests else _LOOPBACK)
        host = _hostname(connection.headers.get("host", ""))
        if allowed and host not in allowed:
            raise api_error(421, "this server does not answer to that host name", status="FAILED_PRECONDITION")

    def check_origin(self, connection: HTTPConnection) -> None:
        """Refuse a web page of another origin (programs send none and are let in).

        Raises:
            APIError: 403.
        """
        origin = connection.headers.get("origin")
        if origin is None or origin.lower() in self.origins:
            return
        host = connection.headers.get("host", "").lower()
        parts = urlsplit(origin.lower())
        if parts.scheme in ("http", "https") and parts.netloc == host:
            return
        raise api_error(403, "this origin is not allowed", status="PERMISSION_DENIED")

    @contextmanager
    def stream(self, who: bytes) -> Iterator[None]:
        """Hold one of the streams that ``who`` may have at once.

        Raises:
            APIError: 429, all of them are taken.
        """
        if self._open[who] >= self.limits.streams_per_key:
            message = f"{self.limits.streams_per_key} streams at once are the limit of a key"
            raise api_error(429, message, status="RESOURCE_EXHAUSTED")
        self._open[who] += 1
        try:
            yield
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]


def _key(connection: HTTPConnection) -> str | None:
    key = connection.headers.get("x-goog-api-key") or connection.query_params.get("key")
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return key or (token.strip() if scheme.lower() == "bearer" and token.strip() else None)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


async def read_body(connection: HTTPConnection, receive: object, limit: int) -> bytes:
    """Return the body of a request.

    Raises:
        APIError: 413, it is larger than ``limit``; the rest is not read.
    """
    declared = connection.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    pieces, size = [], 0
    while True:
        message = await receive()  # type: ignore[operator]
        if message["type"] == "http.disconnect":
            raise api_error(499, "the client went away", status="CANCELLED")
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


def too_large(limit: int) -> APIError:
    """Return the refusal of a body that is too large."""
    return api_error(413, f"the request is larger than {limit:,} bytes", status="INVALID_ARGUMENT")

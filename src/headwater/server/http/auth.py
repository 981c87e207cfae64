"""Authentication: API keys, origins, hosts; and what ends when a key is revoked.

A principal is the SHA-256 of an API key: what the rest of the server knows of its clients. Without keys there is one
principal, ``b""``.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from headwater.errors import APIError, UsageError, api_error
from headwater.server.config import ServerConfig
from headwater.server.http.middleware import add_log_fields, set_body_meter
from headwater.server.http.quotas import Quotas

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Handler = Callable[[HttpRequest], Awaitable[Response]]


class Auth:
    """The keys (as hashes only), the origins and the host names that are accepted.

    Without keys everybody on this machine is accepted. The server then only answers to loopback names, so that a web
    page cannot reach it by a host name of its own (DNS rebinding).
    """

    def __init__(self, config: ServerConfig | None = None) -> None:
        config = config or ServerConfig()
        # Digests only, so that no traceback or dump of memory shows a key.
        self._digests = [_digest(key) for key in config.api_keys if key]
        self._needs_key = bool(self._digests)  # still true after the last key is revoked
        self.origins = frozenset(origin.rstrip("/").lower() for origin in config.origins)
        self._hosts = frozenset(host.lower() for host in config.allowed_hosts)
        self.limits = config.limits
        self.quotas = Quotas(self.limits)
        self._revocations: dict[bytes, set[Callable[[APIError], None]]] = {}

    @property
    def needs_key(self) -> bool:
        """Whether requests must carry a key."""
        return self._needs_key

    def identify(self, connection: HTTPConnection) -> bytes:
        """Return the principal of a request, and count the request against its quota.

        Raises:
            APIError: 421, if the host is not ours; 403, for a web page of another origin; 401, without a valid key;
            429,
                if there are too many requests.
        """
        # Host and origin come first: a web page of another origin must not even learn whether a key is valid.
        self.check_host(connection)
        self.check_origin(connection)
        principal = b""
        if self._needs_key:
            key = _key(connection)
            if key is None:
                raise _unauthenticated("an API key is needed: send it as x-goog-api-key, or as a bearer token")
            principal = self.authenticate(key)
            add_log_fields(connection.scope, key=principal.hex()[:8])
        self.quotas.count_request(principal)
        set_body_meter(connection.scope, self.quotas.body(principal))
        return principal

    def change_keys(self, keys: Collection[str]) -> None:
        """Replace the keys. Whatever is open under a key that is not among them ends at once.

        Raises:
            UsageError: if there are no keys, or were none before.
        """
        if not self._needs_key or not any(keys):
            raise UsageError("a running server cannot switch between needing a key and needing none")
        self._digests = [_digest(key) for key in keys if key]
        # Keys that stay valid keep their connections.
        for principal in [principal for principal in self._revocations if not self._is_valid(principal)]:
            self._revoke_principal(principal)

    def revoke(self, key: str) -> None:
        """Revoke a key. Whatever is open under it ends at once. Requests still need a key."""
        revoked = _digest(key)
        self._digests = [digest for digest in self._digests if not hmac.compare_digest(digest, revoked)]
        self._revoke_principal(revoked)

    def find_principal(self, matches: Callable[[bytes], bool]) -> bytes | None:
        """Return the principal for which ``matches`` is true, or None if its key is not valid."""
        principals = self._digests if self._needs_key else [b""]
        return next((principal for principal in principals if matches(principal)), None)

    def check_key(self, principal: bytes) -> None:
        """Check that the key of a principal, accepted before, was not revoked since.

        Raises:
            APIError: 401, if it was.
        """
        if self._needs_key and not self._is_valid(principal):
            raise _revoked()

    @contextmanager
    def on_revoked(self, principal: bytes, end: Callable[[APIError], None]) -> Iterator[None]:
        """While this is held, call ``end`` when the key of ``principal`` is revoked; at once if it already is."""
        tied = self._revocations.setdefault(principal, set())
        tied.add(end)
        # The key may have been revoked while the body of the request was being read.
        if self._needs_key and not self._is_valid(principal):
            end(_revoked())
        try:
            yield
        finally:
            tied.discard(end)
            if not tied:
                self._revocations.pop(principal, None)

    def _revoke_principal(self, principal: bytes) -> None:
        for end in list(self._revocations.get(principal, ())):
            end(_revoked())

    def authenticate(self, key: str) -> bytes:
        """Return the principal of a key.

        Raises:
            APIError: 401, if the key is not valid.
        """
        digest = _digest(key)
        if not self._is_valid(digest):
            raise _unauthenticated("the API key is not valid here")
        return digest

    def _is_valid(self, digest: bytes) -> bool:
        is_valid = False
        # All of them are compared, so that the time taken reveals nothing about any of them.
        for other in self._digests:
            is_valid |= hmac.compare_digest(digest, other)
        return is_valid

    def guarded(self, handler: Handler) -> Handler:
        """Return a handler that needs no key, for requests to our own hosts only."""

        async def handle(http: HttpRequest) -> Response:
            self.check_host(http)
            self.check_origin(http)
            return await handler(http)

        return handle

    def check_host(self, connection: HTTPConnection) -> None:
        """Check that the Host header is one of ours.

        Raises:
            APIError: 421, if it is not; 400, if it is missing or not a host.
        """
        # RFC 9112, 3.2: 400 for an invalid Host. RFC 9110, 15.5.20: 421 for an authority that is not ours.
        given = connection.headers.get("host", "")
        if not _HOST.fullmatch(given):
            raise api_error(400, "the Host header is not a host", status="INVALID_ARGUMENT")
        allowed = self._hosts or (frozenset() if self._needs_key else _LOOPBACK)
        if allowed and _hostname(given) not in allowed:
            raise api_error(421, "this server does not answer to that host name", status="FAILED_PRECONDITION")

    def check_origin(self, connection: HTTPConnection) -> None:
        """Check that the request is not from a web page of another origin. Programs send no origin and may pass.

        Raises:
            APIError: 403, if it is.
        """
        origin = connection.headers.get("origin")
        if origin is None or origin.lower() in self.origins:
            return
        # The server's own pages. The scheme may differ: behind a proxy that ends TLS, the server itself speaks plain
        # HTTP.
        host = connection.headers.get("host", "").lower()
        with suppress(ValueError):  # not an origin at all: an IPv6 address without its bracket
            parts = urlsplit(origin.lower())
            if parts.scheme in ("http", "https") and parts.netloc == host:
                return
        raise api_error(403, "this origin is not allowed", status="PERMISSION_DENIED")


def _key(connection: HTTPConnection) -> str | None:
    key = connection.headers.get("x-goog-api-key") or connection.query_params.get("key")
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return key or (token.strip() if scheme.lower() == "bearer" and token.strip() else None)


def _unauthenticated(message: str) -> APIError:
    return api_error(401, message, status="UNAUTHENTICATED")


def _revoked() -> APIError:
    return _unauthenticated("the API key is no longer valid here")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _hostname(host: str) -> str:
    # An IPv6 address has brackets around its colons (RFC 3986, 3.2.2).
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()

"""Who may do what: API keys, origins, hosts, and limits for each key."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import msgspec
from starlette.requests import HTTPConnection
from starlette.types import Receive

from headwater.errors import APIError, api_error
from headwater.server.edge import note

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "testserver"})


class Limits(msgspec.Struct, frozen=True):
    """How much one server takes. Sizes in bytes, times in seconds."""

    #: The head of a request.
    head: int = 64 * 1024
    #: The body of a request, apart from uploads.
    body: int = 32 * 1024 * 1024
    #: One uploaded file, and all files of one key together.
    file: int = 2 * 1024 * 1024 * 1024
    storage: int = 20 * 1024 * 1024 * 1024
    #: One message of a WebSocket.
    message: int = 8 * 1024 * 1024
    #: Answers at once, and uploads at once.
    streams_per_key: int = 100
    #: The head of a request must be there within this time.
    head_time: float = 10.0
    #: A body that does not come, or an answer that is not taken, for this long ends the connection.
    stall: float = 20.0
    #: A silence of this length is filled with a blank line.
    keep_alive: float = 15.0
    #: How long an uploaded file is kept.
    file_life: float = 48 * 3600.0
    #: How long an answer can be read again after its end, by the readers of a WebSocket who know its name.
    stream_life: float = 300.0


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
            APIError: 421 for a host that is not ours, 403 for a web page of another origin, 401 without a right key.
        """
        self.check_host(connection)
        self.check_origin(connection)
        if not self._digests:
            return b""
        key = _key(connection)
        if key is None:
            raise _unauthenticated("an API key is needed: send it as x-goog-api-key")
        who = self.admit(key)
        note(connection.scope, key=who.hex()[:8])
        return who

    def admit(self, key: str) -> bytes:
        """Return the hash of a key that is let in.

        Raises:
            APIError: 401, the key is wrong.
        """
        digest = _digest(key)
        known = False
        for other in self._digests:  # all of them, so that the time says nothing
            known |= hmac.compare_digest(digest, other)
        if not known:
            raise _unauthenticated("the API key is not valid here")
        return digest

    def check_host(self, connection: HTTPConnection) -> None:
        """Refuse a Host header that is not ours, or is none at all.

        Raises:
            APIError: 421, or 400.
        """
        given = connection.headers.get("host", "")
        if not _HOST.fullmatch(given):
            raise api_error(400, "the Host header is no host", status="INVALID_ARGUMENT")
        allowed = self._hosts or (frozenset() if self._digests else _LOOPBACK)
        if allowed and _hostname(given) not in allowed:
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


def _unauthenticated(message: str) -> APIError:
    return api_error(401, message, status="UNAUTHENTICATED")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _hostname(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


async def read_body(connection: HTTPConnection, receive: Receive, limit: int, *, stall: float) -> bytes:
    """Return the body of a request.

    Raises:
        APIError: 413, it is larger than ``limit``, and the rest is not read; 408, nothing came for ``stall`` seconds.
    """
    return b"".join([piece async for piece in read_pieces(connection, receive, limit, stall=stall)])


async def read_pieces(
    connection: HTTPConnection, receive: Receive, limit: int, *, stall: float
) -> AsyncIterator[bytes]:
    """Yield the body of a request as it comes.

    Raises:
        APIError: as ``read_body``; 499 when the client goes away.
    """
    declared = connection.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > limit):
        raise too_large(limit)
    size, is_open = 0, True
    while is_open:
        try:
            message = await asyncio.wait_for(receive(), stall)
        except TimeoutError:
            raise api_error(408, f"the body did not come for {stall:g} s", status="DEADLINE_EXCEEDED") from None
        if message["type"] == "http.disconnect":
            raise api_error(499, "the client went away", status="CANCELLED")
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        yield piece
        is_open = message.get("more_body", False)


def too_large(limit: int) -> APIError:
    """Return the refusal of a body that is too large."""
    return api_error(413, f"the request is larger than {limit:,} bytes", status="INVALID_ARGUMENT")

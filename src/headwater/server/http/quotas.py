"""Quotas of a principal: concurrent streams, and requests per minute."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from headwater.errors import APIError, api_error
from headwater.server.config import Limits

_MINUTE = 60.0


class Quotas:
    """The quotas of all principals of one server."""

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._open: Counter[bytes] = Counter()
        self._bytes: Counter[bytes] = Counter()
        self._paid_until: dict[bytes, float] = {}

    @contextmanager
    def stream(self, principal: bytes) -> Iterator[None]:
        """Hold one of the concurrent streams of a principal.

        Raises:
            APIError: 429, if it has as many as it may have.
        """
        if self._open[principal] >= self._limits.max_streams:
            raise _too_many(f"{self._limits.max_streams} concurrent streams are the limit of a key")
        self._open[principal] += 1
        try:
            yield
        finally:
            self._open[principal] -= 1
            # A Counter keeps its zeros, and principals come and go.
            if not self._open[principal]:
                del self._open[principal]

    def body(self, principal: bytes) -> BodyMeter:
        """Return a meter for the body of one request of a principal."""
        return BodyMeter(self, principal)

    def hold_bytes(self, principal: bytes, size: int) -> None:
        """Hold memory for the bodies of a principal's requests; with a negative ``size``, give it back.

        Raises:
            APIError: 429, if together they would be larger than they may be.
        """
        most = max(self._limits.max_bodies, self._limits.max_body)  # one body of the largest size is always fine
        if size > 0 and self._bytes[principal] + size > most:
            raise _too_many(f"{most:,} bytes in all concurrent requests are the limit of a key")
        self._bytes[principal] += size
        if not self._bytes[principal]:
            del self._bytes[principal]

    def count_request(self, principal: bytes) -> None:
        """Count a request. Each one costs its share of a minute, and a principal may be one minute ahead at most.

        So a burst of a whole minute's requests is fine, and afterwards requests are accepted at the average rate. One
        number per principal is enough for that (the generic cell rate algorithm).

        Raises:
            APIError: 429, if it is one too many. The error says when to retry.
        """
        most = self._limits.requests_per_minute
        if most is None:
            return
        # ``_paid_until`` is the time up to which a principal has used its share. Time that it did not use is not saved
        # up.
        now, price = self._clock(), _MINUTE / most
        until = max(now, self._paid_until.get(principal, now)) + price
        if until - now > _MINUTE + price / 1000:  # not because of a rounding error
            seconds = math.ceil(until - now - _MINUTE)
            raise _too_many(f"{most} requests per minute are the limit of a key: retry in {seconds} s", seconds)
        self._paid_until[principal] = until


class BodyMeter:
    """Holds the bytes of one request's body against the quota of its principal, until it is released."""

    def __init__(self, quotas: Quotas, principal: bytes) -> None:
        self._quotas = quotas
        self._principal = principal
        self._size = 0

    def add(self, size: int) -> None:
        """Count bytes that were received.

        Raises:
            APIError: 429, as ``Quotas.hold_bytes``.
        """
        self._quotas.hold_bytes(self._principal, size)
        self._size += size

    def release(self) -> None:
        """Give back all that was counted."""
        self._quotas.hold_bytes(self._principal, -self._size)
        self._size = 0


def _too_many(message: str, seconds: int | None = None) -> APIError:
    body = {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED"}
    if seconds is not None:
        info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds}s"}
        body |= {"details": [info]}
    return api_error(429, message, status="RESOURCE_EXHAUSTED", details={"error": body})

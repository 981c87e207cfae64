"""What one key may ask for: so many answers at once, so many requests a minute."""

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
    """The shares of all keys of one server, known by the hash of the key."""

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._open: Counter[bytes] = Counter()
        self._paid_until: dict[bytes, float] = {}

    @contextmanager
    def stream(self, principal: bytes) -> Iterator[None]:
        """Hold one of the streams that ``principal`` may have at once.

        Raises:
            APIError: 429, all of them are taken.
        """
        if self._open[principal] >= self._limits.max_streams:
            raise _too_many(f"{self._limits.max_streams} streams at once are the limit of a key")
        self._open[principal] += 1
        try:
            yield
        finally:
            self._open[principal] -= 1
            if not self._open[principal]:
                del self._open[principal]

    def count_request(self, principal: bytes) -> None:
        """Count a request. Each one costs its part of a minute, and nobody may be more than a minute ahead.

        Raises:
            APIError: 429, it is one too many; it says when to come again.
        """
        most = self._limits.requests_per_minute
        if most is None:
            return
        now, price = self._clock(), _MINUTE / most
        until = max(now, self._paid_until.get(principal, now)) + price
        if until - now > _MINUTE + price / 1000:  # and not for a rounding error
            seconds = math.ceil(until - now - _MINUTE)
            raise _too_many(f"{most} requests a minute are the limit of a key: ask again in {seconds} s", seconds)
        self._paid_until[principal] = until


def _too_many(message: str, seconds: int | None = None) -> APIError:
    body = {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED"}
    if seconds is not None:
        info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds}s"}
        body |= {"details": [info]}
    return api_error(429, message, status="RESOURCE_EXHAUSTED", details={"error": body})

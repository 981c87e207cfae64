"""When to try again and how long to wait: plain values and pure functions of them."""

from __future__ import annotations

import msgspec

from headwater.errors import APIError, ConnectError, HeadwaterError, StreamInterrupted, StreamStalled, StreamTruncated

#: Answers that can be different next time.
RETRY_CODES = (408, 429, 500, 502, 503, 504)


class Retry(msgspec.Struct, frozen=True):
    """How often a call is tried in all, before its first content, and the back-off between the tries (seconds)."""

    attempts: int = 1
    initial_delay: float = 1.0
    max_delay: float = 60.0
    exp_base: float = 2.0
    jitter: float = 1.0
    codes: tuple[int, ...] = RETRY_CODES

    def allows(self, error: HeadwaterError, attempts: int) -> bool:
        """Return whether another try is worth it after ``attempts`` that ended in ``error``."""
        if attempts >= self.attempts:
            return False
        if isinstance(error, APIError):
            return error.code in self.codes
        return isinstance(error, ConnectError | StreamInterrupted | StreamStalled | StreamTruncated)

    def delay(self, failures: int, error: HeadwaterError, jitter: float) -> float:
        """Return how long to rest after the ``failures``-th failure; ``jitter`` is a random number in [0, 1).

        What the API asks for (``RetryInfo``, ``Retry-After``) is a lower bound.
        """
        backoff = self.initial_delay * self._growth(failures - 1) + self.jitter * jitter
        asked = error.retry_after if isinstance(error, APIError) else None
        return max(min(backoff, self.max_delay), asked or 0.0)

    def _growth(self, steps: int) -> float:
        try:
            return float(self.exp_base) ** steps
        except OverflowError:
            return 1e300  # and max_delay bounds it


class Deadlines(msgspec.Struct, frozen=True):
    """The longest silence allowed (seconds), before the answer begins and inside it; None means no limit."""

    head: float | None = 600.0
    idle: float | None = 600.0

"""``Retry``, ``Deadlines`` and ``OnBreak``: how often to try, how long to wait, what to do after a break."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from headwater.errors import (
    APIError,
    ConnectError,
    HeadwaterError,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
    UsageError,
)

#: The statuses of refusals that may be different the next time.
RETRY_CODES = (408, 429, 500, 502, 503, 504)

#: What to do if a stream breaks after its first content: end with an error that keeps what arrived, resume where it
#: broke, or restart after a visible reset.
OnBreak = Literal["fail", "continue", "restart"]
ON_BREAK: tuple[OnBreak, ...] = ("fail", "continue", "restart")


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """How many attempts a call may take in a row without progress, and the back-off between them (seconds).

    A wait that the API asks for (``RetryInfo``, or ``Retry-After``, RFC 9110, section 10.2.3) is respected up to
    ``longest_hint``; if it asks for more, the error is raised at once, with its ``retry_after``.
    """

    attempts: int = 3
    initial_delay: float = 0.5
    max_delay: float = 60.0
    exp_base: float = 2.0
    jitter: float = 0.5
    codes: tuple[int, ...] = RETRY_CODES
    longest_hint: float = 60.0

    def allows(self, error: HeadwaterError, failures: int) -> bool:
        """Return whether another attempt is worth it after ``failures`` in a row, of which ``error`` is the last."""
        if failures >= self.attempts:
            return False
        if isinstance(error, APIError):
            hint = error.retry_after or 0.0
            return error.code in self.codes and hint <= self.longest_hint and not _is_used_up(error.details)
        if isinstance(error, StreamStalled):
            return error.deadline != "first_content"  # that deadline spans all attempts
        return isinstance(error, ConnectError | StreamInterrupted | StreamTruncated)

    def delay(self, failures: int, error: HeadwaterError, jitter: float) -> float:
        """Return how long to wait after the ``failures``-th failure; ``jitter`` is a random number in [0, 1).

        A wait that the API asks for is a lower bound.
        """
        backoff = self.initial_delay * self._growth(failures - 1) + self.jitter * jitter
        asked = error.retry_after if isinstance(error, APIError) else None
        return max(min(backoff, self.max_delay), asked or 0.0)

    def _growth(self, steps: int) -> float:
        try:
            return float(self.exp_base) ** steps
        except OverflowError:
            return 1e300  # max_delay bounds it


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """The four deadlines of a stream, in seconds; None means no limit. They mean the same in sync and async.

    ``first_content`` runs from the call to the first content, across all attempts. ``content_gap`` runs from one
    content to the next; text, thoughts, function calls and media are content, keep-alives and empty parts are not.
    ``byte_gap`` runs while nothing at all arrives, including the wait for the head of the response. ``total`` runs from
    the call to the end. The time that the reader spends between two chunks counts for ``total`` only (decision 8).
    """

    first_content: float | None = 600.0
    content_gap: float | None = 300.0
    byte_gap: float | None = None
    total: float | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"the deadline {name} is a number of seconds more than 0, or None, not {value!r}")


def _is_used_up(details: Any) -> bool:
    """Whether the API says that a quota of the day is used up, so that waiting a little changes nothing."""
    error = details.get("error") if isinstance(details, dict) else None
    entries = error.get("details") if isinstance(error, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("reason") == "insufficient_quota":  # OpenAI: the account is empty
            return True
        violations = entry.get("violations") if isinstance(entry, dict) else None
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, dict) and "PerDay" in str(violation.get("quotaId")):
                return True
    return False

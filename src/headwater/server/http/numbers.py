"""Numbers in headers and queries, each kind parsed in one place. Pure."""

from __future__ import annotations

from headwater.contract.limits import MAX_COUNT_DIGITS
from headwater.errors import UsageError


def parse_count(text: str, message: str, *, digits: int = MAX_COUNT_DIGITS) -> int:
    """Return a number of events, of bytes or of entries: ASCII digits, and no more of them than a reader can hold.

    Raises:
        UsageError: if it is anything else; the text is ``message``.
    """
    if not (text.isascii() and text.isdecimal()) or len(text) > digits:
        raise UsageError(message)
    return int(text)


def parse_seconds(text: str, message: str, *, limit: float = float("inf")) -> float:
    """Return a number of seconds from 0 to ``limit``.

    Raises:
        UsageError: if it is anything else; the text is ``message``.
    """
    try:
        seconds = float(text)
    except ValueError:
        raise UsageError(message) from None
    # Written so that NaN, which compares as false with everything, is refused.
    if not 0 <= seconds <= limit:
        raise UsageError(message)
    return seconds


def parse_timeout(text: str | None) -> float | None:
    """Return the seconds in ``X-Server-Timeout``; None for no timeout.

    Raises:
        UsageError: if it is not a number.
    """
    try:
        seconds = float(text) if text else None
    except ValueError:
        raise UsageError("X-Server-Timeout is a number of seconds") from None
    # Zero, negative and infinite values mean no timeout.
    return seconds if seconds and 0 < seconds < float("inf") else None

"""The error codes and close codes of the WebSocket protocol. Pure."""

from __future__ import annotations

from typing import Any

from headwater.server.streams.record_format import DOMAIN

#: Error codes after which the same request may succeed.
RETRYABLE = frozenset(
    {"busy", "rate_limited", "overloaded", "upstream", "timeout_first", "timeout_idle", "timeout_total", "truncated"}
)
#: Finish reasons that mean the answer was blocked.
BLOCKED = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)

# Close codes: RFC 6455, 7.4.2, leaves 4000 to 4999 to applications. The others are registered (7.4.1 and IANA).
BAD_MESSAGES, UNAUTHORIZED, FORBIDDEN, NO_HELLO, DUPLICATE_ID, SECOND_HELLO = 4400, 4401, 4403, 4408, 4409, 4429
TOO_BIG, RESTART, TRY_LATER = 1009, 1012, 1013

_BY_REASON = {
    "SHUTDOWN": "busy",
    "INTERNAL": "internal",
    "DEADLINE": "timeout_total",
    "TRUNCATED": "truncated",
    "CONNECT": "upstream",
    "INTERRUPTED": "upstream",
    "BROKEN": "upstream",
    "LOG": "internal",
    "LOST": "truncated",
}
_BY_STATUS = {
    400: "bad_request",
    401: "upstream",
    403: "upstream",
    404: "not_found",
    503: "overloaded",
    504: "timeout_total",
}


def code_of(error: dict[str, Any], *, has_begun: bool) -> str:
    """Return the code of an error in Google's format that ended a stream.

    401 and 403 are ``upstream``: it is the engine's key that was refused, not the client's.
    """
    reason = _own_reason(error)
    if reason == "STALLED":
        return "timeout_idle" if has_begun else "timeout_first"
    if reason in _BY_REASON:
        return _BY_REASON[reason]
    status = error.get("code")
    # A quota per day does not recover while the client waits, so it is not retryable.
    if status == 429:
        return "quota" if "PerDay" in str(error.get("details")) else "rate_limited"
    if not isinstance(status, int):
        return "upstream"
    return _BY_STATUS.get(status) or ("bad_request" if 400 <= status < 500 else "upstream")


def retry_after_ms(error: dict[str, Any]) -> int | None:
    """Return how long the API asks to wait, or None if it does not say."""
    for entry in _entries(error):
        delay = entry.get("retryDelay")
        if isinstance(delay, str):
            try:
                return max(0, round(float(delay.removesuffix("s")) * 1000))
            except (ValueError, OverflowError):
                return None
    return None


def _own_reason(error: dict[str, Any]) -> str:
    reasons = (entry.get("reason") for entry in _entries(error) if entry.get("domain") == DOMAIN)
    return str(next(reasons, ""))


def _entries(error: dict[str, Any]) -> list[dict[str, Any]]:
    details = error.get("details")
    return [entry for entry in details if isinstance(entry, dict)] if isinstance(details, list) else []

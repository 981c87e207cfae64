"""Tokens for the Live API without I/O: what a creation may say, and the resource that it returns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from headwater.contract.files import timestamp
from headwater.errors import APIError, api_error
from headwater.json_text import decode_json

_LIFE = 30 * 60.0
_NEW_SESSIONS = 60.0
_LONGEST = 20 * 3600.0


def auth_token(body: bytes, now: float, secret: str) -> dict[str, Any]:
    """Return the ``AuthToken`` that the body of a creation asks for, named by ``secret``.

    Raises:
        APIError: 400, if it is invalid.
    """
    document = decode_json(body or b"{}", "Invalid JSON payload received.")
    if not isinstance(document, Mapping):
        raise _invalid("Invalid JSON payload received. A token is an object.")
    uses = document.get("uses", 1)
    if not isinstance(uses, int) or isinstance(uses, bool) or uses < 0:
        raise _invalid("uses is a number that is not negative")
    return {
        "name": f"auth_tokens/{secret}",
        "expireTime": timestamp(_time(document, "expireTime", now, _LIFE)),
        "newSessionExpireTime": timestamp(_time(document, "newSessionExpireTime", now, _NEW_SESSIONS)),
        "uses": uses,
    }


def _time(document: Mapping[str, Any], name: str, now: float, otherwise: float) -> float:
    text = document.get(name)
    if text is None:
        return now + otherwise
    try:
        found = datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        raise _invalid(f"{name} is a time, as '2030-01-31T12:00:00Z'") from None
    if not now < found <= now + _LONGEST:
        raise _invalid(f"{name} must be in the next 20 hours")
    return found


def _invalid(message: str) -> APIError:
    return api_error(400, message, status="INVALID_ARGUMENT")

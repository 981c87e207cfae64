"""Errors of the Interactions API: codes that are words, in place of ``generateContent``'s numbers and names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.core.answer.ending import BLOCKED_CODES
from headwater.core.wire.gemini import STATUS_NAMES, excerpt
from headwater.errors import APIError, api_error

#: The HTTP status of each documented code, for errors that arrive in a response with status 200.
_STATUSES = {
    "invalid_request": 400,
    "failed_precondition": 400,
    "parameter_unknown": 400,
    "authentication": 401,
    "payment_required": 402,
    "permission_denied": 403,
    "not_found": 404,
    "model_not_found": 404,
    "already_exists": 409,
    "aborted": 409,
    "out_of_range": 416,
    "rate_limit_exceeded": 429,
    "quota_exceeded": 429,
    "too_many_requests": 429,
    "cancelled": 499,
    "api_error": 500,
    "unimplemented": 501,
    "service_unavailable": 503,
    "deadline_exceeded": 504,
    "gateway_timeout": 504,
    "bad_gateway": 502,
    "internal_server_error": 500,
    "request_timeout": 408,
}
#: google.rpc.Code to HTTP, in the order of the codes, for those that arrive as numbers.
_RPC = (200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401)


def interaction_error(document: Any, body: bytes, status: int, headers: Mapping[str, str]) -> APIError:
    """Return the error of a response with ``status``, or in the middle of one with status 200."""
    if isinstance(document, list) and document:
        document = document[0]
    found = document.get("error", document) if isinstance(document, dict) else None
    fields = found if isinstance(found, dict) else {}
    code, name = fields.get("code"), fields.get("status")
    number = status if status != 200 else _number(code, name)
    word = code if isinstance(code, str) and not code.isdigit() else name if isinstance(name, str) else None
    message = fields.get("message")
    if not isinstance(message, str) or not message:
        message = found if isinstance(found, str) and found else excerpt(body)
    return api_error(number, message, status=word or STATUS_NAMES.get(number), details=document, headers=headers)


def _number(code: Any, name: Any) -> int:
    """The HTTP status that a code or name stands for; those of blocked content are the client's (400)."""
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 5:
        code = int(code)
    if isinstance(code, int) and not isinstance(code, bool):
        return _RPC[code] if 0 < code < len(_RPC) else code if 400 <= code < 600 else 500
    if isinstance(code, str) and code in BLOCKED_CODES:
        return 400
    known = next((number for number, known in STATUS_NAMES.items() if known == name), 500)
    return _STATUSES.get(code, known) if isinstance(code, str) else known

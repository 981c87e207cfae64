"""Errors as JSON in Google's format, and their code and message read back from it. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.errors import (
    APIError,
    ConnectError,
    DeadlineExceeded,
    HeadwaterError,
    StreamCancelled,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
    UnknownStreamError,
    UsageError,
    WireError,
)
from headwater.json_text import JSON_ERRORS

#: The domain of the ``ErrorInfo`` that names an error of headwater's own.
DOMAIN = "headwater"
_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
# Several of these share a status; the reason tells clients what happened.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (ConnectError, "CONNECT"),
    (StreamInterrupted, "INTERRUPTED"),
    (StreamTruncated, "TRUNCATED"),
    (StreamStalled, "STALLED"),
    (DeadlineExceeded, "DEADLINE"),
    (WireError, "BROKEN"),
)


class ErrorDocument(msgspec.Struct, frozen=True):
    """An error as readers get it. ``body`` is its JSON in Google's format."""

    code: int
    status: str
    message: str
    body: bytes

    @classmethod
    def of(cls, error: Exception | bytes) -> ErrorDocument:
        """Return the document of an error. Errors that are not headwater's give no details away."""
        match error:
            case bytes():
                body = error
            case HeadwaterError():
                body = error_body(error)
            case _:
                body = error_body(APIError(500, "the server failed; its log says why", status="INTERNAL"))
        return cls._read(body)

    @classmethod
    def _read(cls, body: bytes) -> ErrorDocument:
        try:
            error = msgspec.json.decode(body, type=_Document).error
        except JSON_ERRORS:
            error = _Error(message=body.decode("utf-8", "replace"))
        return cls(error.code or 500, error.status or "UNKNOWN", error.message or "the answer failed", body)


class _Error(msgspec.Struct):
    code: int | None = None
    status: str | None = None
    message: str | None = None


class _Document(msgspec.Struct):
    error: _Error


def error_body(error: Exception) -> bytes:
    """Return an error as JSON in Google's format. The API's own errors are passed on unchanged."""
    # An engine's error keeps its details (quota, retry delay), which clients read.
    if isinstance(error, APIError) and isinstance(error.details, dict) and "error" in error.details:
        return msgspec.json.encode(error.details)
    code, status = _code(error)
    message = str(error.message if isinstance(error, APIError) else error)
    body = {"code": code, "message": message, "status": status}
    reason = next((word for kind, word in _REASONS if isinstance(error, kind)), None)
    return msgspec.json.encode({"error": body | ({"details": reason_details(reason)} if reason else {})})


def error_code(error: Exception) -> int:
    """Return the HTTP status for an error."""
    return _code(error)[0]


def reason_details(reason: str) -> list[dict[str, Any]]:
    """Return the ``details`` that name an error of headwater's own."""
    return [{"@type": _INFO, "reason": reason, "domain": DOMAIN}]


def _code(error: Exception) -> tuple[int, str]:
    match error:
        case APIError():
            return error.code, error.status or "UNKNOWN"
        case UsageError():
            return 400, "INVALID_ARGUMENT"
        case UnknownStreamError():
            return 404, "NOT_FOUND"
        case TimeoutError():
            return 504, "DEADLINE_EXCEEDED"
        # nginx's code for a client that closed the request; Google uses it for CANCELLED.
        case StreamCancelled():
            return 499, "CANCELLED"
        case WireError():
            return 502, "INTERNAL"
        case HeadwaterError():
            return 503, "UNAVAILABLE"
    return 500, "INTERNAL"

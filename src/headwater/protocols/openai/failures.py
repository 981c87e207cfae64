"""Errors as the JSON that clients of OpenAI read."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.errors import APIError, api_error
from headwater.json_text import JSON_ERRORS
from headwater.protocols.error_documents import ErrorDocument
from headwater.protocols.openai.fields import ChatFieldError

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    499: "cancelled",
}
_CODES = {401: "invalid_api_key", 404: "model_not_found", 413: "request_too_large", 429: "rate_limit_exceeded"}
#: Reasons of headwater's own that are clearer with the word that they are about.
_REASONS = {
    "INTERRUPTED": "stream_interrupted",
    "TRUNCATED": "stream_truncated",
    "STALLED": "stream_stalled",
    "CONNECT": "upstream_unreachable",
    "BROKEN": "upstream_protocol_error",
}


def field_error(error: ChatFieldError) -> APIError:
    """Return the error of a field in Google's format, which names the field in a ``BadRequest``."""
    message = str(error)
    violation = {"field": error.param, "description": message}
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}]
    body = {"code": 400, "message": message, "status": "INVALID_ARGUMENT", "details": details}
    return api_error(400, message, status="INVALID_ARGUMENT", details={"error": body})


def chat_error(error: Exception | bytes) -> dict[str, Any]:
    """Return an error, or one in Google's format, as ``{"error": ...}`` with the four fields that clients read."""
    document = ErrorDocument.of(field_error(error) if isinstance(error, ChatFieldError) else error)
    code, kind = document.code, _TYPES.get(document.code)
    if kind is None:
        kind = "invalid_request_error" if 400 <= code < 500 else "server_error"
    reason, param = _details(document.body)
    fields = {"message": document.message, "type": kind, "param": param, "code": _code(document, reason)}
    return {"error": fields}


def chat_error_body(error: Exception | bytes) -> bytes:
    """Return ``chat_error`` as JSON."""
    return msgspec.json.encode(chat_error(error))


def _code(document: ErrorDocument, reason: str | None) -> str | None:
    if reason is not None:
        return _REASONS.get(reason, reason.lower())
    if document.code in _CODES:
        return _CODES[document.code]
    return None if document.code < 500 and document.code != 499 else document.status.lower()


def _details(body: bytes) -> tuple[str | None, str | None]:
    """The reason in an ``ErrorInfo``, which tells apart what has one status; the first field in a ``BadRequest``."""
    try:
        details = msgspec.json.decode(body, type=_Document).error.details
    except JSON_ERRORS:
        return None, None
    reason = next((detail.reason for detail in details if detail.reason), None)
    fields = [violation.field for detail in details for violation in detail.field_violations if violation.field]
    return reason, fields[0] if fields else None


class _Violation(msgspec.Struct):
    field: str | None = None


class _Detail(msgspec.Struct, rename="camel"):
    reason: str | None = None
    field_violations: list[_Violation] = []


class _Error(msgspec.Struct):
    details: list[_Detail] = []


class _Document(msgspec.Struct):
    error: _Error

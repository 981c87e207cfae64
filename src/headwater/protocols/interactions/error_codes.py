"""Errors in the shape of the Interactions API: a snake-case code and a message, from those in Google's older shape."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from headwater.errors import APIError, api_error
from headwater.protocols.error_documents import DOMAIN, ErrorDocument

_CODES: Mapping[str, str] = MappingProxyType(
    {
        "INVALID_ARGUMENT": "invalid_request",
        "FAILED_PRECONDITION": "failed_precondition",
        "UNAUTHENTICATED": "authentication",
        "PERMISSION_DENIED": "permission_denied",
        "NOT_FOUND": "not_found",
        "ALREADY_EXISTS": "already_exists",
        "ABORTED": "aborted",
        "OUT_OF_RANGE": "out_of_range",
        "RESOURCE_EXHAUSTED": "rate_limit_exceeded",
        "CANCELLED": "cancelled",
        "INTERNAL": "api_error",
        "UNIMPLEMENTED": "unimplemented",
        "UNAVAILABLE": "service_unavailable",
        "DEADLINE_EXCEEDED": "deadline_exceeded",
    }
)
_BY_HTTP_STATUS: Mapping[int, str] = MappingProxyType(
    {401: "authentication", 402: "payment_required", 403: "permission_denied", 404: "not_found", 409: "aborted"}
    | {429: "rate_limit_exceeded", 499: "cancelled", 501: "unimplemented", 503: "service_unavailable"}
    | {504: "deadline_exceeded"}
)


class Failure(NamedTuple):
    """An error of the Interactions API. ``http`` is the status that it has where nothing was sent yet."""

    code: str
    message: str
    http: int

    @property
    def body(self) -> bytes:
        """The JSON of an HTTP response."""
        return msgspec.json.encode({"error": {"message": self.message, "code": self.code}})


def failure_of(error: Exception | bytes, *, is_about_model: bool = False) -> Failure:
    """Return an exception, or an error as JSON in Google's shape, as an error of this API.

    ``is_about_model`` says that what was not found is the model: an engine has nothing else to look for.
    """
    document = ErrorDocument.of(error)
    code = _CODES.get(document.status)
    if code is None:
        # A code of this API passes as it is: ``refusal`` puts one where Google's status stands.
        is_own = document.status.islower() and document.status.replace("_", "").isalpha()
        code = document.status if is_own else _code_of_status(document.code)
    # A stream that was deleted is not found either; errors of the server's own name their domain.
    if document.status == "NOT_FOUND" and is_about_model and DOMAIN.encode() not in document.body:
        code = "model_not_found"
    if code == "rate_limit_exceeded" and b"QuotaFailure" in document.body:
        code = "quota_exceeded"
    return Failure(code, document.message, document.code if 400 <= document.code <= 599 else 500)


def refusal(http: int, code: str, message: str) -> APIError:
    """Return an error whose ``code`` is one of this API and has no equivalent among Google's statuses."""
    return api_error(http, message, status=code)


def unsupported(what: str) -> APIError:
    """Return the error for a field or value that this server does not support. ``what`` names it."""
    return refusal(400, "invalid_request", f"{what} is not supported by this server")


def _code_of_status(http: int) -> str:
    return _BY_HTTP_STATUS.get(http, "invalid_request" if 400 <= http < 500 else "api_error")

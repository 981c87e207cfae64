"""Errors that the server itself raises; the status and ``Retry-After`` of any error. Pure."""

from __future__ import annotations

import math

from headwater.errors import APIError, api_error
from headwater.protocols.error_documents import reason_details


def server_error(code: int, status: str, reason: str, message: str) -> APIError:
    """Return an error of the server itself. ``reason`` tells clients what it is, whatever its text."""
    body = {"code": code, "message": message, "status": status, "details": reason_details(reason)}
    return api_error(code, message, status=status, details={"error": body})


def http_status(code: object) -> int:
    """Return ``code`` if it is the HTTP status of an error, else 500."""
    return code if isinstance(code, int) and 400 <= code <= 599 else 500


def retry_after(document: object) -> str:
    """Return the seconds after which to retry, as the body of a 429 has them; 1 if it does not say."""
    return str(math.ceil(api_error(429, "", details=document).retry_after or 1))

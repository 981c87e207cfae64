"""The server's own errors, and what HTTP says of any error: its status and ``Retry-After``. Pure."""

from __future__ import annotations

import math

from headwater.errors import APIError, api_error
from headwater.protocols.error_documents import reason_details


def server_error(code: int, status: str, reason: str, message: str) -> APIError:
    """Return an error of this server's own, with a reason that readers of its record can tell apart."""
    body = {"code": code, "message": message, "status": status, "details": reason_details(reason)}
    return api_error(code, message, status=status, details={"error": body})


def http_status(code: object) -> int:
    """Return ``code`` where it is an error's HTTP status, else 500."""
    return code if isinstance(code, int) and 400 <= code <= 599 else 500


def retry_after(document: object) -> str:
    """Return the seconds after which to ask again, as the body of a 429 has them: 1 where it does not say."""
    return str(math.ceil(api_error(429, "", details=document).retry_after or 1))

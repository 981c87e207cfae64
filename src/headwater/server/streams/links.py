"""Signed links: their holder may read one stream until a certain time, and nothing else. Pure apart from the secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping

from headwater.errors import APIError, ConflictError, UsageError, api_error
from headwater.log.base import Log

#: The parameters of a link's query.
EXPIRES, SIGNATURE = "expires", "signature"
#: The longest validity of a link (seconds).
LONGEST = 7 * 24 * 3600
#: The log whose note is the secret, with a lease that never runs out, so that no sweep drops it.
_SECRET = "link:secret"  # noqa: S105 - its name
_FOREVER = 1e11


async def shared_secret(log: Log) -> bytes:
    """Return the secret of all servers that share ``log``; the first of them creates it."""
    made = secrets.token_hex(32).encode()
    try:
        await log.create(_SECRET, writer="headwater", lease=_FOREVER, note=made)
    except ConflictError:
        return (await log.state(_SECRET)).note
    return made


def link_query(secret: bytes, name: str, seconds: float, now: float | None = None) -> str:
    """Return the query of a link to the stream ``name`` that is valid for ``seconds``.

    Raises:
        UsageError: if the time is too short or too long.
    """
    if not 1 <= seconds <= LONGEST:
        raise UsageError(f"a link is valid for 1 to {LONGEST} seconds")
    expires = int((time.time() if now is None else now) + seconds)
    return f"{EXPIRES}={expires}&{SIGNATURE}={_sign(secret, name, str(expires))}"


def check_link(secret: bytes, name: str, query: Mapping[str, str], now: float | None = None) -> None:
    """Check the query of a link.

    Raises:
        APIError: 403, if it was not signed here, is not for ``name``, or has expired; the error does not tell which.
    """
    # The signature is compared first: only an ``expires`` that was signed here is parsed.
    expires, given = query.get(EXPIRES, ""), query.get(SIGNATURE, "")
    is_ours = hmac.compare_digest(_sign(secret, name, expires).encode(), given.encode("utf-8", "surrogatepass"))
    if not is_ours or int(expires) < (time.time() if now is None else now):
        raise refused_link()


def refused_link() -> APIError:
    """Return the error for a link that does not open anything, whatever the reason."""
    return api_error(403, "this link is not valid, or has expired", status="PERMISSION_DENIED")


def _sign(secret: bytes, name: str, expires: str) -> str:
    # Joined by NUL, which no name contains: different links never sign the same text. 192 bits of the digest are enough
    # and keep links short.
    text = f"{name}\0{expires}".encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(hmac.digest(secret, text, hashlib.sha256)[:24]).decode()

"""The keys of all logs that a server uses, and the header that the log of a stream begins with."""

from __future__ import annotations

import hashlib
import re
import secrets

from headwater.errors import UnknownStreamError
from headwater.log.base import Log
from headwater.server.streams import record_format
from headwater.server.streams.record_format import StreamHeader

_NAME = re.compile(r"[A-Za-z0-9_-]{32}")
_DAY = 24 * 3600
#: Prefix of the logs in which servers leave each other messages.
CONTROL = "control:"


def new_name() -> str:
    """Return a name that cannot be guessed. It does not begin with a dash, which a command would take for an option."""
    # 192 random bits.
    while (name := secrets.token_urlsafe(24)).startswith("-"):
        pass
    return name


def is_name(key: str) -> bool:
    """Return whether a log of this key is a stream's. All other logs have a colon in their keys."""
    return _NAME.fullmatch(key) is not None


def owner_of(principal: bytes) -> str:
    """Return how logs name an owner: by another hash than the one by which the key is known."""
    return hashlib.sha256(b"owner\0" + principal).hexdigest() if principal else ""


def control_key(node: str) -> str:
    """Return the key of the log with the messages for a server."""
    return CONTROL + node


def claim_key(owner: str, repeat_key: str) -> str:
    """Return the key of the log whose note names the stream that an owner started with an idempotency key."""
    text = owner.encode() + b"\0" + repeat_key.encode("utf-8", "surrogatepass")
    return "claim:" + hashlib.sha256(text).hexdigest()


def list_keys(owner: str, newest: float, oldest: float) -> list[str]:
    """Return the keys of the logs that list an owner's streams: one per day between two times, newest first."""
    days = range(int(newest) // _DAY, int(oldest) // _DAY - 1, -1)
    return [f"names:{owner}:{day}" for day in days]


async def header_of(log: Log, name: str) -> StreamHeader | None:
    """Return the header of the stream ``name``, or None if it does not exist."""
    if not is_name(name):
        return None
    try:
        page = await log.read(name, 0, 1)
    except UnknownStreamError:
        return None
    return record_format.read_header(page.records[0]) if page.records else None

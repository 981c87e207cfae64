"""What the logs of a server are called, and how the log of a named answer begins."""

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
#: The logs in which servers leave each other messages.
CONTROL = "control:"


def new_name() -> str:
    """Return a name that nobody can guess, without a dash first: a command would take it for an option."""
    while (name := secrets.token_urlsafe(24)).startswith("-"):
        pass
    return name


def is_name(key: str) -> bool:
    """Return whether a log of this key is an answer's; all other logs have a colon in their keys."""
    return _NAME.fullmatch(key) is not None


def owner_of(principal: bytes) -> str:
    """Return how a log names an owner: not by the hash that the key is known by."""
    return hashlib.sha256(b"owner\0" + principal).hexdigest() if principal else ""


def control_key(node: str) -> str:
    """Return the log in which the others leave messages for a server."""
    return CONTROL + node


def claim_key(owner: str, repeat_key: str) -> str:
    """Return the log whose note names the answer that an owner began with an idempotency key."""
    text = owner.encode() + b"\0" + repeat_key.encode("utf-8", "surrogatepass")
    return "claim:" + hashlib.sha256(text).hexdigest()


def list_keys(owner: str, newest: float, oldest: float) -> list[str]:
    """Return the logs that list an owner's answers, one for each day between two moments, the newest first."""
    days = range(int(newest) // _DAY, int(oldest) // _DAY - 1, -1)
    return [f"names:{owner}:{day}" for day in days]


async def header_of(log: Log, name: str) -> StreamHeader | None:
    """Return what the answer of a name is about; None where there is none."""
    if not is_name(name):
        return None
    try:
        page = await log.read(name, 0, 1)
    except UnknownStreamError:
        return None
    return record_format.read_header(page.records[0]) if page.records else None

"""The access log: one line per request, for people on a terminal and as JSON everywhere else.

A line never contains a key, a query, a prompt or an answer. Health checks have none.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.types import Scope

logger = logging.getLogger("headwater.access")

REQUEST_ID = b"x-request-id"
#: An id that a proxy in front of this server has chosen, so that a request has one id in both logs.
_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SHOWN = ("time", "client", "method", "path", "status", "ms", "bytes", "request")


def request_id(scope: Scope) -> str:
    """Return the id of a request: the one in its header, or a new one."""
    given = next((value for name, value in scope["headers"] if name == REQUEST_ID), b"")
    return given.decode() if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)


class AccessLine:
    """A line of the access log. As a string it is JSON."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def __str__(self) -> str:
        return msgspec.json.encode(self._fields).decode()

    @property
    def text(self) -> str:
        """The line for people."""
        fields = self._fields
        # In local time, without the date: a terminal is read now.
        moment = datetime.fromisoformat(fields["time"]).astimezone()
        words = [f"{moment:%H:%M:%S}", fields["client"], fields["method"], fields["path"], fields["status"]]
        words += [f"{fields['ms']:g} ms", *([f"{fields['bytes']:,} bytes"] if "bytes" in fields else [])]
        words += [f"{name}={value}" for name, value in fields.items() if name not in _SHOWN]
        line = " ".join(map(str, [*words, fields["request"]]))
        # A path or the name of a model may contain anything, such as codes that move the cursor.
        return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)


class TerminalFormatter(logging.Formatter):
    """Formats lines of the access log for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = record.args[0] if isinstance(record.args, tuple) and record.args else None
        return line.text if isinstance(line, AccessLine) else super().format(record)


def log_request(scope: Scope, id: str, status: int, began: float, **fields: Any) -> None:
    """Write the line of a request that ``began`` at a monotonic time, if it is to have one."""
    if not logger.isEnabledFor(logging.INFO) or _is_health_check(scope, status):
        return
    client = scope.get("client")
    line: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "client": client[0] if client else "-",
        "method": scope.get("method", "WEBSOCKET"),
        # A path can be nearly as long as the limit for the head of a request.
        "path": scope["path"][:500],
        "status": status,
        "ms": round((time.monotonic() - began) * 1000, 1),
        **fields,
        "request": id,
    }
    logger.info("%s", AccessLine(line))


def _is_health_check(scope: Scope, status: int) -> bool:
    return status < 400 and scope["path"] == scope.get("root_path", "") + "/healthz"

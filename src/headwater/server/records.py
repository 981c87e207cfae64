"""What a log holds for one answer: chunk records, and one last record that says how it ended. Pure.

A record is a letter and JSON: ``h`` who asked and for what, first of all, where readers may come back; ``c`` a chunk,
as one line; ``x`` the error that ended the answer, in Google's shape; ``z`` a good end, or that of a cancelled answer.
"""

from __future__ import annotations

import msgspec

from headwater.engines.base import Chunk
from headwater.errors import (
    APIError,
    ConnectError,
    DeadlineExceeded,
    HeadwaterError,
    StreamCancelled,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
    UsageError,
    WireError,
    api_error,
)

HEAD, CHUNK, ERROR, END = b"h"[0], b"c"[0], b"x"[0], b"z"[0]
#: The domain of the ``ErrorInfo`` that says which error of headwater's own it was.
DOMAIN = "headwater"
_INFO = "type.googleapis.com/google.rpc.ErrorInfo"


class Head(msgspec.Struct, frozen=True):
    """Who asked (a hash, empty where no key is needed), for what model, and by which id of theirs."""

    owner: str
    model: str
    id: str
    max_tokens: int | None = None


class Ending(msgspec.Struct, frozen=True):
    """How an answer ended: ``"finished"`` or ``"cancelled"``; seconds to its first chunk and to the end."""

    reason: str = "finished"
    first: float | None = None
    seconds: float | None = None


def head_record(head: Head) -> bytes:
    """Return the record that a log begins with when its readers may come back."""
    return b"h" + msgspec.json.encode(head)


def chunk_record(chunk: Chunk) -> bytes:
    """Return the record of a chunk: the bytes that it came as, on one line."""
    raw = chunk.raw
    if b"\n" in raw or b"\r" in raw:
        raw = msgspec.json.format(raw, indent=-1)
    return b"c" + raw


def error_record(error: Exception) -> bytes:
    """Return the record of the error that ended an answer."""
    return b"x" + error_body(error)


def end_record(reason: str = "finished", first: float | None = None, seconds: float | None = None) -> bytes:
    """Return the record of a good end."""
    return b"z" + msgspec.json.encode(Ending(reason, first, seconds))


def own_error(code: int, status: str, reason: str, message: str) -> APIError:
    """Return an error of this server's own, with a reason that readers of its record can tell apart."""
    body = {"code": code, "message": message, "status": status, "details": _details(reason)}
    return api_error(code, message, status=status, details={"error": body})


def error_body(error: Exception) -> bytes:
    """Return an error as Google's JSON: what the API said goes on unchanged, the rest gets the code that fits."""
    if isinstance(error, APIError) and isinstance(error.details, dict) and "error" in error.details:
        return msgspec.json.encode(error.details)
    code, status = _code(error)
    message = str(error.message if isinstance(error, APIError) else error)
    body = {"code": code, "message": message, "status": status}
    reason = next((word for kind, word in _REASONS if isinstance(error, kind)), None)
    return msgspec.json.encode({"error": body | ({"details": _details(reason)} if reason else {})})


def error_code(error: Exception) -> int:
    """Return the HTTP status that an error is answered with."""
    return _code(error)[0]


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (ConnectError, "CONNECT"),
    (StreamInterrupted, "INTERRUPTED"),
    (StreamTruncated, "TRUNCATED"),
    (StreamStalled, "STALLED"),
    (DeadlineExceeded, "DEADLINE"),
    (WireError, "BROKEN"),
)


def _details(reason: str) -> list[dict[str, str]]:
    return [{"@type": _INFO, "reason": reason, "domain": DOMAIN}]


def _code(error: Exception) -> tuple[int, str]:
    match error:
        case APIError():
            return error.code, error.status or "UNKNOWN"
        case UsageError():
            return 400, "INVALID_ARGUMENT"
        case TimeoutError():
            return 504, "DEADLINE_EXCEEDED"
        case StreamCancelled():
            return 499, "CANCELLED"
        case WireError():
            return 502, "INTERNAL"
        case HeadwaterError():
            return 503, "UNAVAILABLE"
    return 500, "INTERNAL"

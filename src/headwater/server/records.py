"""What a log holds for one answer: chunk records, and one last record that says how it ended. Pure.

A record is a letter and JSON: ``c`` a chunk, as one line; ``x`` the error that ended the answer, in Google's shape;
``z`` a good end, or that of a cancelled answer.
"""

from __future__ import annotations

import msgspec

from headwater.errors import APIError, HeadwaterError, StreamCancelled, UsageError, WireError
from headwater.types import GenerateContentResponse

CHUNK, ERROR, END = b"c"[0], b"x"[0], b"z"[0]


class Ending(msgspec.Struct, frozen=True):
    """How an answer ended: ``"finished"`` or ``"cancelled"``."""

    reason: str = "finished"


def chunk_record(chunk: GenerateContentResponse) -> bytes:
    """Return the record of a chunk: the bytes that it came as, on one line."""
    raw = chunk.raw
    if b"\n" in raw or b"\r" in raw:
        raw = msgspec.json.format(raw, indent=-1)
    return b"c" + raw


def error_record(error: Exception) -> bytes:
    """Return the record of the error that ended an answer."""
    return b"x" + error_body(error)


def end_record(reason: str = "finished") -> bytes:
    """Return the record of a good end."""
    return b"z" + msgspec.json.encode(Ending(reason))


def error_body(error: Exception) -> bytes:
    """Return an error as Google's JSON: what the API said goes on unchanged, the rest gets the code that fits."""
    if isinstance(error, APIError) and isinstance(error.details, dict) and "error" in error.details:
        return msgspec.json.encode(error.details)
    code, status = _code(error)
    message = str(error.message if isinstance(error, APIError) else error)
    return msgspec.json.encode({"error": {"code": code, "message": message, "status": status}})


def error_code(error: Exception) -> int:
    """Return the HTTP status that an error is answered with."""
    return _code(error)[0]


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

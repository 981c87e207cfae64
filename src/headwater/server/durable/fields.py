"""The words of the protocol: its headers, offsets, cursors and refusals. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from headwater.errors import APIError, api_error

NEXT_OFFSET = "stream-next-offset"
UP_TO_DATE = "stream-up-to-date"
CLOSED = "stream-closed"
CURSOR = "stream-cursor"
SEQ = "stream-seq"
TTL = "stream-ttl"
EXPIRES_AT = "stream-expires-at"
FORKED_FROM = "stream-forked-from"
FORK_OFFSET = "stream-fork-offset"
FORK_SUB_OFFSET = "stream-fork-sub-offset"
SSE_ENCODING = "stream-sse-data-encoding"
PRODUCER_ID = "producer-id"
PRODUCER_EPOCH = "producer-epoch"
PRODUCER_SEQ = "producer-seq"
EXPECTED_SEQ = "producer-expected-seq"
RECEIVED_SEQ = "producer-received-seq"

#: Where a reader may begin, besides an offset that it was given.
BEGINNING, NOW = "-1", "now"
JSON = "application/json"
BINARY = "application/octet-stream"
#: The largest integer that JavaScript counts exactly.
MOST = 2**53 - 1

_OFFSET = re.compile(r"([0-9]{16})_0{16}")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,15}")
_CURSOR_SECONDS = 20
#: The cursors count from here (9 October 2024, 00:00 UTC), as the protocol proposes.
_CURSOR_EPOCH = 1_728_432_000
_CURSOR_JITTER_SECONDS = 3600
_STATUS = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "FAILED_PRECONDITION",
    410: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
}


def refusal(code: int, message: str, headers: Mapping[str, str] | None = None) -> APIError:
    """Return the error that a request is answered with, with the headers that the protocol wants beside it."""
    return api_error(code, message, status=_STATUS[code], headers=headers)


def show_offset(records: int) -> str:
    """Return the offset after so many records: of one length, so that the order of the texts is that of the numbers."""
    return f"{records:016}_{0:016}"


def parse_offset(text: str) -> int:
    """Return how many records come before an offset.

    Raises:
        APIError: 400, it is none that this server gave.
    """
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise refusal(400, f"{text[:100]!r} is no offset of this server")
    return int(found[1])


def parse_whole(name: str, text: str) -> int:
    """Return the value of a header that is a whole number, without sign, zeros before it or fraction.

    Raises:
        APIError: 400.
    """
    if not _WHOLE.fullmatch(text) or int(text) > MOST:
        raise refusal(400, f"{name}: {text[:100]!r} is not a whole number")
    return int(text)


def media_type(content_type: str) -> str:
    """Return a content type without its parameters, in lower case: what two of them are compared by."""
    return content_type.partition(";")[0].strip().lower()


def is_text(content_type: str) -> bool:
    """Return whether events can carry such a stream as it is; else they carry it as base64."""
    kind = media_type(content_type)
    return kind.startswith("text/") or kind == JSON


def cursor(now: float, echoed: str | None, jitter: float) -> str:
    """Return the cursor of a live answer: the number of the time interval, always later than the one ``echoed``.

    Caches between us and the readers then never answer one request with what they kept of the one before it.
    ``jitter`` is a random number between 0 and 1.
    """
    interval = int(now - _CURSOR_EPOCH) // _CURSOR_SECONDS
    if echoed is None or not _WHOLE.fullmatch(echoed) or int(echoed) < interval:
        return str(interval)
    return str(int(echoed) + 1 + int(jitter * _CURSOR_JITTER_SECONDS) // _CURSOR_SECONDS)

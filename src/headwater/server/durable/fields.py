"""The headers, offsets, cursors and errors of the Durable Streams protocol. Pure."""

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

#: The sentinel offsets ("Offsets"): the beginning, and the current tail.
BEGINNING, NOW = "-1", "now"
JSON = "application/json"
BINARY = "application/octet-stream"
#: The largest integer that JavaScript represents exactly: the protocol's limit for epochs and sequence numbers.
MAX_INTEGER = 2**53 - 1

_OFFSET = re.compile(r"([0-9]{16})_0{16}")
_INTEGER = re.compile(r"0|[1-9][0-9]{0,15}")
_CURSOR_SECONDS = 20
#: Cursors count intervals from this time (9 October 2024, 00:00 UTC), as "Caching and Collapsing" proposes.
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
    """Return an error response as an exception, with the headers that the protocol requires for it."""
    return api_error(code, message, status=_STATUS[code], headers=headers)


def format_offset(records: int) -> str:
    """Return the offset after ``records`` records, in a fixed width: "Offsets" requires that offsets sort as text."""
    return f"{records:016}_{0:016}"


def parse_offset(text: str) -> int:
    """Return how many records come before an offset.

    Raises:
        APIError: 400, if it is not an offset of this server.
    """
    match = _OFFSET.fullmatch(text)
    if match is None:
        raise refusal(400, f"{text[:100]!r} is not an offset of this server")
    return int(match[1])


def parse_integer(name: str, text: str) -> int:
    """Return the value of an integer header: no sign, no leading zeros, no fraction ("Create Stream").

    Raises:
        APIError: 400, if it is anything else.
    """
    if not _INTEGER.fullmatch(text) or int(text) > MAX_INTEGER:
        raise refusal(400, f"{name}: {text[:100]!r} is not a whole number")
    return int(text)


def media_type(content_type: str) -> str:
    """Return a content type without its parameters, in lower case, for comparison (RFC 9110, 8.3.1)."""
    return content_type.partition(";")[0].strip().lower()


def is_text(content_type: str) -> bool:
    """Return whether SSE can carry this content type as it is; other types are sent as base64."""
    kind = media_type(content_type)
    return kind.startswith("text/") or kind == JSON


def cursor(now: float, echoed: str | None, jitter: float) -> str:
    """Return the cursor of a live response: the number of the time interval, always above the one ``echoed``.

    Readers put the cursor into their next URL, so a cache never answers it with a response from before ("Caching and
    Collapsing"). ``jitter`` is a random number between 0 and 1.
    """
    interval = int(now - _CURSOR_EPOCH) // _CURSOR_SECONDS
    if echoed is None or not _INTEGER.fullmatch(echoed) or int(echoed) < interval:
        return str(interval)
    return str(int(echoed) + 1 + int(jitter * _CURSOR_JITTER_SECONDS) // _CURSOR_SECONDS)

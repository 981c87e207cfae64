"""Pages of lists as the Gemini API has them: ``pageSize``, ``pageToken`` and ``nextPageToken``.

A token is the offset of the page where a list only grows at its end, and an opaque position in it where entries move.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request as HttpRequest

from headwater.errors import UsageError
from headwater.json_text import JSON_ERRORS
from headwater.server.http.numbers import parse_count

T = TypeVar("T")
_BAD_TOKEN = "pageToken must be the nextPageToken of the previous page"  # noqa: S105 - not a secret


def parse_page_size(http: HttpRequest, *, default: int, limit: int) -> int:
    """Return how many entries the page has that is asked for: from 1 to ``limit``, ``default`` unless it says.

    Raises:
        UsageError: if ``pageSize`` is not a number.
    """
    # A size beyond the limit is not an error but reduced to it (Google's AIP-158).
    text = http.query_params.get("pageSize")
    return min(max(parse_count(text, "pageSize must be a number"), 1), limit) if text else default


def parse_page(http: HttpRequest, *, default: int, limit: int) -> tuple[int, int]:
    """Return the offset and the size of the page that is asked for, where tokens are offsets.

    Raises:
        UsageError: if the query is wrong; the message says what.
    """
    size = parse_page_size(http, default=default, limit=limit)
    return parse_count(http.query_params.get("pageToken") or "0", _BAD_TOKEN), size


def parse_position(http: HttpRequest, kind: type[T]) -> T | None:
    """Return the position after which the page begins, where tokens are positions; None for the first page.

    Raises:
        UsageError: if ``pageToken`` did not come from ``position_token``.
    """
    token = http.query_params.get("pageToken")
    if not token:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=kind)
    except (*JSON_ERRORS, ValueError) as error:
        raise UsageError(_BAD_TOKEN) from error


def position_token(position: Any) -> str:
    """Return the token of the page after ``position``."""
    # Without the padding, which would have to be escaped in a URL.
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def page_document(name: str, entries: Sequence[Any], start: int, size: int) -> dict[str, Any]:
    """Return the page at offset ``start`` of ``entries``, as the API writes it."""
    end = start + size
    return {name: entries[start:end]} | next_page(str(end) if end < len(entries) else None)


def next_page(token: str | None) -> dict[str, str]:
    """Return what a page says about the next one: nothing where it is the last."""
    return {} if token is None else {"nextPageToken": token}

"""``HttpRequest``: one HTTP request, complete and ready to be sent by any transport."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class HttpRequest(msgspec.Struct, frozen=True):
    """One HTTP request, complete. ``body`` is None if it has none.

    ``once`` forbids to send it again on another connection, even if nothing shows that the server has seen it: the
    slices of an upload are not idempotent (RFC 9110, section 9.2.2).
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    once: bool = False

"""``HttpRequest``: one HTTP request, complete and ready to be sent by any transport."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class HttpRequest(msgspec.Struct, frozen=True):
    """One HTTP request, complete: ``body`` None means that there is none.

    ``once`` says that it must not be sent again on another connection, even where nothing shows that it was seen.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    once: bool = False

"""``Refusal``: a response with an error status, and the error that its body becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.core.wire.dialect import Dialect
from headwater.core.wire.framing import SingleDocument
from headwater.errors import APIError, WireError

#: An error body is read up to this size.
MAX_REFUSAL_BYTES = 1024 * 1024


class Refusal:
    """The body of one refusal.

    The status alone is an error, so a body that breaks off or is too long is not another one: its beginning has to do.
    """

    def __init__(self, dialect: Dialect[Any], status: int, headers: Mapping[str, str]) -> None:
        self._dialect = dialect
        self._status = status
        self._headers = headers
        self._body = SingleDocument(limit=MAX_REFUSAL_BYTES)

    def feed(self, data: bytes) -> bool:
        """Take bytes of the body; return whether to read on."""
        try:
            self._body.feed(data)
        except WireError:
            return False  # an error page of megabytes: its beginning says enough
        return bool(data)

    def error(self) -> APIError:
        """Return the error, as the dialect reads it."""
        return self._dialect.refusal(self._status, self._headers, b"".join(self._body.flush()))

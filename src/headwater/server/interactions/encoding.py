"""An interaction as the bytes of a response: its events, from the beginning or after a cursor; or one document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from headwater.errors import APIError, api_error
from headwater.protocols.interactions.answer_events import AnswerEvents, Event, InteractionInfo
from headwater.protocols.interactions.encoder import KEEP_ALIVE, InteractionEncoder
from headwater.protocols.interactions.error_codes import failure_of, refusal
from headwater.protocols.interactions.folding import InteractionFold
from headwater.server.streams.protocol_encoding import ProtocolEncoding, read_chunk, read_outcome
from headwater.server.streams.record_format import CHUNK, END, ERROR


class InteractionEncoding(ProtocolEncoding):
    """The events of one interaction. A reader that is disconnected resumes after the last ``event_id`` that it has.

    ``rest`` is what precedes the next records: the events of the cursor's own record that follow it.
    """

    def __init__(self, encoder: InteractionEncoder, *, headers_first: bool = True, rest: bytes = b"") -> None:
        super().__init__(encoder, headers_first=headers_first, is_resumable=True)
        self.keep_alive = KEEP_ALIVE
        self._rest = rest
        #: Whether the engine refused the request before its first chunk.
        self.is_refused = False

    def encode(self, records: Sequence[bytes]) -> bytes:
        """Return the next events."""
        rest, self._rest = self._rest, b""
        return rest + super().encode(records)

    def refusal(self, body: bytes) -> bytes:
        """Return the error in the shape of this API."""
        self.is_refused = True
        return failure_of(body, is_about_model=True).body


class DocumentReader:
    """Folds the records of an interaction into one document."""

    def __init__(self, info: InteractionInfo) -> None:
        self._events = AnswerEvents(info)
        self._fold = InteractionFold(self._events)
        self._error: bytes | None = None

    def take(self, records: Iterable[bytes]) -> None:
        """Take the next records."""
        for record in records:
            self._fold.add(self._events_of(record))

    def document(self, before: Iterable[dict[str, Any]] = (), *, now: float = 0.0) -> dict[str, Any]:
        """Return the interaction; ``before`` are the steps of its input."""
        return self._fold.document(before, now=now)

    @property
    def error(self) -> APIError | None:
        """The error that it ended with."""
        failure = self._events.failure
        if failure is None:
            return None
        if self._error is None:
            return refusal(failure.http, failure.code, failure.message)
        # The engine's error keeps its details, such as when to retry.
        details = msgspec.json.decode(self._error)
        status = details.get("error", {}).get("status") if isinstance(details, dict) else None
        return api_error(failure.http, failure.message, status=status, details=details)

    def _events_of(self, record: bytes) -> list[Event]:
        if record[0] == CHUNK:
            return self._events.chunk(read_chunk(record[1:]))
        if record[0] == ERROR:
            self._error = record[1:]
            return self._events.fail(record[1:])
        return self._events.end(read_outcome(record[1:])) if record[0] == END else []


def feed(encoder: InteractionEncoder, records: Iterable[bytes]) -> bytes:
    """Have an encoder read records, and return what it writes of them."""
    encoding = InteractionEncoding(encoder)
    return encoding.encode(list(records))

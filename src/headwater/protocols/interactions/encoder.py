"""``InteractionEncoder``: the events of an interaction as the bytes of a stream, all or those after a cursor."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, Self

import msgspec

from headwater.errors import UsageError
from headwater.protocols.base import EVENT_STREAM, StreamOutcome, one_line
from headwater.protocols.interactions.answer_events import AnswerEvents, Event, InteractionInfo
from headwater.types import GenerateContentResponse

DONE = b"event: done\ndata: [DONE]\n\n"
#: Google's form of a sign of life: a comment with a blank line.
KEEP_ALIVE = b": keep-alive\n\n"
# Nine digits: more records than any log has.
_CURSOR = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")


class Cursor(NamedTuple):
    """The place of an event: the number of its record, and its place among the events of that record."""

    record: int
    place: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the cursor in a ``last_event_id``.

        Raises:
            UsageError: if it is not an ``event_id`` of this server.
        """
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise bad_cursor(text)
        return cls(int(match[1]), int(match[2]))


class InteractionEncoder:
    """Writes one interaction as server-sent events, those after ``after`` only. One instance per reader."""

    headers: ClassVar[Mapping[str, str]] = EVENT_STREAM

    def __init__(self, info: InteractionInfo, *, after: Cursor | None = None) -> None:
        self.events = AnswerEvents(info)
        self._after = after
        #: Whether the event of ``after`` was seen.
        self.has_reached_cursor = after is None

    def begin(self) -> bytes:
        """Return the events before the first chunk."""
        return self._written(self.events.begin())

    def chunk(self, chunk: GenerateContentResponse) -> bytes:
        """Return the events of a chunk, which may be none."""
        return self.begin() + self._written(self.events.chunk(chunk))

    def end(self, outcome: StreamOutcome | None = None) -> bytes:
        """Return the end of an answer that finished or was cancelled."""
        if self.events.is_finished:
            return b""
        begun, end = self.begin(), self._written(self.events.end(outcome))
        # After an error nothing follows, not even the mark of the end (as recorded of the API).
        return begun + end + (b"" if self.events.failure is not None else DONE)

    def fail(self, error: Exception | bytes) -> bytes:
        """Return the end of an answer that failed: by an exception, or an error as JSON in Google's format."""
        if self.events.is_finished:
            return b""
        return self.begin() + self._written(self.events.fail(error))

    def _written(self, events: Sequence[Event]) -> bytes:
        if not self.has_reached_cursor:
            events = self._rest(events)
        return b"".join([_frame(event) for event in events])

    def _rest(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events of a record that follow the cursor."""
        assert self._after is not None
        # Without an event at that place, what follows is not known: the cursor is not reached.
        if self.events.record != self._after.record or self._after.place >= len(events):
            return ()
        self.has_reached_cursor = True
        return events[self._after.place + 1 :]


def bad_cursor(text: str) -> UsageError:
    """Return the error for a ``last_event_id`` that no event of the interaction has."""
    return UsageError(f"last_event_id {text[:50]!r} is not the event_id of an event of this interaction")


def _frame(event: Event) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["event_type"].encode(), one_line(msgspec.json.encode(event)))

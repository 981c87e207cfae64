"""The dialect of the Interactions API: events of a stream, whole interactions, errors in both of its shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headwater.core.answer.answer_fold import AnswerFold
from headwater.core.answer.interaction_fold import EventFold
from headwater.core.wire import sse
from headwater.core.wire.dialect import AnswerRules, BrokenStream, Continuation
from headwater.core.wire.framing import DocumentStream, Framing, SingleDocument
from headwater.core.wire.gemini import excerpt, mend
from headwater.core.wire.interaction_errors import interaction_error
from headwater.core.wire.interaction_requests import after_calls, may_repeat, resume
from headwater.core.wire.interaction_wholes import events_of
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, HeadwaterError, WireError
from headwater.json_text import JSON_ERRORS
from headwater.types import Content, Part
from headwater.types.interactions import (
    ErrorEvent,
    Interaction,
    InteractionCompletedEvent,
    InteractionSSEEvent,
    UnknownInteractionSSEEvent,
)
from headwater.types.interactions.events import read_event

# An event's type is in its data, and only if it is absent there, the ``event:`` line counts: the framing then writes it
# into the data, so that a document says everything. ``[DONE]`` and the end of the body mean nothing; an answer is
# complete if ``interaction.completed`` has arrived.
#
# Where a stream was asked for, an interaction may arrive as one document (a job in the background that was just begun,
# an answer that has ended). The framing marks it, and it becomes the events that it would have been.
#
# Refusals arrive in four shapes: as an event of type ``error``, as the error object of ``generateContent`` in an event,
# as JSON between the events without ``data:``, and as the whole body of a response with status 200. All become the same
# error. An ``error`` event is shown to the reader too, as its last event, but only if the stream ends with it.

Result = InteractionSSEEvent | Interaction
_decode = msgspec.json.Decoder().decode


class InteractionFraming(DocumentStream):
    """Cuts a stream into events. The ``event:`` line is written into data that does not tell its type."""

    def _json(self, piece: bytes) -> list[bytes]:
        """Return the documents of a body that is JSON: an error, or the interaction as a whole."""
        return [each if _is_error(each) else b'{"whole":%b}' % each for each in super()._json(piece)]

    @staticmethod
    def _documents(events: list[sse.Event]) -> list[bytes]:
        """Return the documents in events."""
        found = []
        for event in events:
            data = event.data
            if b'"event_type"' not in data:
                if b"[DONE]".startswith(data) or data.isspace():  # which the end of the body may have cut
                    continue
                kind = _kind(event)
                if kind is not None:
                    comma = b"" if data[1:].lstrip()[:1] == b"}" else b","
                    data = b'{"event_type":' + msgspec.json.encode(kind) + comma + data[1:]
            found.append(data)
        return found


def _is_error(document: bytes) -> bool:
    return document.lstrip(b" \t\r\n[{").startswith(b'"error"') or b'"event_type"' in document


def _kind(event: sse.Event) -> str | None:
    """The type of an event whose data has none; None if it has no type."""
    if event.data[:1] != b"{" or event.type == "foreign":
        return None
    if event.type == "message":
        return "error" if event.data.startswith(b'{"error"') else None
    return event.type


class InteractionRules(AnswerRules):
    """What the machine has to know of events."""

    is_foldable = True
    end_name = "interaction.completed"

    def new_fold(self) -> AnswerFold:
        """Return what the events of one answer are folded into."""
        return EventFold()

    def reset(self) -> UnknownInteractionSSEEvent:
        """Return an event of a type of its own: programs skip events that they do not know."""
        return UnknownInteractionSSEEvent.from_document({"event_type": "headwater.reset"})

    def announcement(self, error: HeadwaterError) -> ErrorEvent | None:
        """Return the event in which ``error`` arrived."""
        details = error.details if isinstance(error, APIError) else None
        if isinstance(details, dict) and details.get("event_type") == "error":
            return ErrorEvent.from_document(dict(details))
        return None

    def may_repeat(self, request: HttpRequest, error: HeadwaterError) -> bool:
        """Return whether nothing is begun twice: a job in the background runs on without a reader."""
        return may_repeat(request, error)

    def after_calls(self, request: HttpRequest, fold: AnswerFold, parts: list[Part]) -> HttpRequest:
        """Return the request with the results of functions."""
        assert isinstance(fold, EventFold)
        return after_calls(request, fold, parts)


class InteractionDialect:
    """The dialect of one call of the Interactions API. Stateless."""

    api_name = "the Interactions API"
    answers = InteractionRules()

    def stream_framing(self) -> Framing:
        """Return what cuts the body of a stream into events."""
        return InteractionFraming()

    def single_framing(self) -> Framing:
        """Return what makes a document of a whole body."""
        return SingleDocument()

    def decode(self, data: bytes, headers: Mapping[str, str]) -> tuple[Result | HeadwaterError, ...]:
        """Return what one document holds: an event, an interaction, or an error."""
        try:
            document = _decode(data)
        except JSON_ERRORS:
            return self._mended(data, headers)
        if type(document) is dict and "whole" in document:
            return tuple(events_of(document["whole"]))
        return (self._read(document, data, headers),)

    def is_final(self, result: object) -> bool:
        """Return whether an answer is complete after ``result``."""
        return type(result) is InteractionCompletedEvent or type(result) is Interaction

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
        """Return the error that a response with an error status means, whatever its body is."""
        try:
            document = _decode(body)
        except JSON_ERRORS:
            document = None
        return interaction_error(document, body, status, headers)

    def stream_name(self, headers: Mapping[str, str]) -> None:
        """Return None: an interaction says its id in its first event."""

    def keep(self, request: HttpRequest) -> HttpRequest:
        """Return ``request``: interactions are stored unless it says otherwise."""
        return request

    def position(self, request: HttpRequest, stream: str, after: int) -> str:
        """Return ``stream``: the place in it is an ``event_id``."""
        return stream

    def resume(self, broken: BrokenStream) -> Continuation | None:
        """Return how the rest of a broken answer is asked for, None if that is impossible."""
        return resume(broken)

    def contents(self, request: HttpRequest) -> list[Content]:
        """Return nothing: an interaction's input is made of steps."""
        return []

    def add_turns(self, request: HttpRequest, turns: list[Content]) -> HttpRequest:
        """Return ``request``: the rules know what follows function calls."""
        return request

    def _mended(self, data: bytes, headers: Mapping[str, str]) -> tuple[Result | HeadwaterError, ...]:
        """Decode a document with invalid UTF-8 in it."""
        try:
            document = _decode(mend(data))
        except JSON_ERRORS:
            return (WireError(f"the API sent an event that is not JSON: {excerpt(data)}"),)
        return (self._read(document, data, headers),)

    def _read(self, document: Any, data: bytes, headers: Mapping[str, str]) -> Result | HeadwaterError:
        if type(document) is list and document:
            document = document[0]  # Google's front end wraps errors in a list
        if type(document) is not dict:
            return WireError(f"the API sent an event that is not an object: {excerpt(data)}")
        kind = document.get("event_type")
        if kind == "interaction.start":
            return WireError("the server speaks the Interactions API of before June 2026, which is not supported")
        if kind == "error" or (kind is None and document.get("error")):
            error = interaction_error(document, data, 200, headers)
            error.phase = "body"
            return error
        if kind is None and ("steps" in document or "outputs" in document or "status" in document):
            return Interaction.from_document(document)
        return read_event(document)


INTERACTIONS = InteractionDialect()

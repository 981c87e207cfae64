"""Interactions in tests: recorded streams as events, and bodies of responses read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from headwater.errors import HeadwaterError
from headwater.protocols.interactions.answer_events import AnswerEvents, InteractionInfo
from headwater.protocols.interactions.encoder import Cursor, InteractionEncoder
from headwater.types import GenerateContentResponse

Event = dict[str, Any]
INFO = InteractionInfo("v1_name", "m", created=1_790_000_000.0)


def events_of(chunks: Sequence[GenerateContentResponse], error: HeadwaterError | None = None) -> list[Event]:
    """Return the events of an answer."""
    source = AnswerEvents(INFO)
    found = source.begin()
    for chunk in chunks:
        found += source.chunk(chunk)
    return found + (source.end() if error is None else source.fail(error))


def body_of(
    chunks: Sequence[GenerateContentResponse], error: HeadwaterError | None = None, *, after: str | None = None
) -> bytes:
    """Return the stream of an answer, or what follows an event of it."""
    encoder = InteractionEncoder(INFO, after=None if after is None else Cursor.parse(after))
    pieces = [encoder.begin(), *(encoder.chunk(chunk) for chunk in chunks)]
    return b"".join([*pieces, encoder.end() if error is None else encoder.fail(error)])


def read_events(body: bytes) -> list[Event]:
    """Return the events of a body, each of which names its type twice, and check how it is framed."""
    found = []
    frames = [frame for frame in body.decode().split("\n\n") if frame and not frame.startswith(":")]
    for frame in frames:
        name, data = frame.split("\n")
        if frame == "event: done\ndata: [DONE]":
            assert frame is frames[-1]
            break
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['event_type']}"
        found.append(event)
    return found


def deltas(events: Sequence[Event], kind: str) -> list[dict[str, Any]]:
    """Return the deltas of one type."""
    return [
        event["delta"] for event in events if event["event_type"] == "step.delta" and event["delta"]["type"] == kind
    ]


def text_in(events: Sequence[Event]) -> str:
    """Return the text of an answer, without thoughts."""
    return "".join(delta["text"] for delta in deltas(events, "text"))

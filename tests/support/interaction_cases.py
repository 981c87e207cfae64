"""Streams of the Interactions API for tests: recorded cases, events by hand, and streams of both sides."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from headwater import genai
from headwater.core.machine.policy import Retry
from headwater.errors import APIError, HeadwaterError, StreamError
from headwater.types.interactions import Interaction
from headwater.types.interactions.base import plain
from tests.support.corpus_cases import Case, load_case, shared
from tests.support.servers import ENDLESS, Script, sends
from tests.support.sides import Sync

ONCE = Retry(attempts=1)
SOON = Retry(attempts=3, initial_delay=0.0, jitter=0.0)


@cache
def cases(wire: str) -> list[Case]:
    """Return the recorded cases of the current schema, ``sse`` or ``json``; none where there is no corpus."""
    root = shared("corpus-interactions")
    found = [] if root is None else [load_case(path) for path in sorted(root.glob("*/*/meta.json"))]
    return [case for case in found if case.meta["schema"] != "outputs" and case.meta["wire"] == wire]


def some_cases(wire: str) -> list[Case]:
    """Return the recorded cases, or skip the test."""
    found = cases(wire)
    if not found:
        pytest.skip("no recorded traffic beside the checkout, and HEADWATER_SHARED does not name any")
    return found


def event(kind: str, **fields: Any) -> bytes:
    """Return one event as the API sends it."""
    data = json.dumps({**fields, "event_type": kind}, ensure_ascii=False, separators=(",", ":")).encode()
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


def created(id: str = "v1_a", **fields: Any) -> bytes:
    """Return the first event."""
    return event("interaction.created", interaction={"id": id, "status": "in_progress", "model": "m", **fields})


def starts(index: int, kind: str = "model_output", **fields: Any) -> bytes:
    """Return the start of a step."""
    return event("step.start", index=index, step={"type": kind, **fields})


def says(index: int, text: str, event_id: str | None = None) -> bytes:
    """Return a text delta."""
    marks = {} if event_id is None else {"event_id": event_id}
    return event("step.delta", index=index, delta={"type": "text", "text": text}, **marks)


def adds(index: int, kind: str, **fields: Any) -> bytes:
    """Return any other delta."""
    return event("step.delta", index=index, delta={"type": kind, **fields})


def stops(index: int) -> bytes:
    """Return the end of a step."""
    return event("step.stop", index=index)


def completed(id: str = "v1_a", status: str = "completed", **fields: Any) -> bytes:
    """Return the last event, and the marker after it."""
    usage = {"total_tokens": 9, "total_input_tokens": 4, "total_output_tokens": 3, "total_thought_tokens": 2}
    interaction = {"id": id, "status": status, "usage": usage, "model": "m", **fields}
    return event("interaction.completed", interaction=interaction) + b"event: done\ndata: [DONE]\n\n"


def answer(*texts: str, id: str = "v1_a") -> bytes:
    """Return a whole stream of one step."""
    return created(id) + starts(0) + b"".join(says(0, text) for text in texts) + stops(0) + completed(id)


def stream_of(side: Sync, client: genai.Client, **arguments: Any) -> Any:
    """Return the stream of an interaction on one side."""
    return side.call(client, "interactions.create", **({"model": "m", "input": "hi", "stream": True} | arguments))


def answer_of(side: Sync, client: genai.Client, **arguments: Any) -> Interaction:
    """Return a whole interaction on one side."""
    found: Interaction = side.call(client, "interactions.create", **({"model": "m", "input": "hi"} | arguments))
    return found


def read(side: Sync, stream: Any) -> tuple[list[Any], HeadwaterError | None]:
    """Return the events of a stream, and the error after them."""
    events: list[Any] = []
    try:
        while (found := side.next(stream)) is not None:
            events.append(found)
    except HeadwaterError as error:
        return events, error
    return events, None


def facts(events: list[Any], interaction: Interaction, error: HeadwaterError | None) -> dict[str, Any]:
    """Return what a stream held, in the words of ``expected``."""
    documents = [plain(event) for event in events]
    ids = [document["event_id"] for document in documents if document.get("event_id")]
    ended = "completed" if error is None else "cut" if isinstance(error, StreamError) else "error"
    return {**content(interaction), "n_events": len(events), "event_ids": ids, "ended": ended} | told(error)


def content(interaction: Interaction) -> dict[str, Any]:
    """Return what an interaction holds, in the words of ``expected``."""
    document = plain(interaction)
    steps = document.get("steps") or []
    outputs = [entry for step in steps if step["type"] == "model_output" for entry in step.get("content") or ()]
    thoughts = [entry for step in steps if step["type"] == "thought" for entry in step.get("summary") or ()]
    calls = [step for step in steps if step["type"] == "function_call"]
    return {
        "id": document.get("id") or None,  # empty where nothing is stored
        "model": document.get("model") or document.get("agent"),
        "status": document.get("status"),
        "text": _text(outputs),
        "thought_text": _text(thoughts),
        "function_calls": [
            {"name": call.get("name"), "args": call.get("arguments") or {}, "id": call.get("id")} for call in calls
        ],
        "steps": [step["type"] for step in steps],
        "total_tokens": (document.get("usage") or {}).get("total_tokens"),
    }


def told(error: HeadwaterError | None) -> dict[str, Any]:
    """Return an error of the API in the words of ``expected``; nothing for any other."""
    if not isinstance(error, APIError):
        return {}
    details = error.details[0] if isinstance(error.details, list) else error.details
    found = details["error"] if isinstance(details, dict) else {}
    assert error.message == found.get("message", error.message)
    return {"error": {"code": found.get("code"), "message": found.get("message")}}


def _text(contents: list[Any]) -> str:
    return "".join(entry["text"] for entry in contents if entry.get("type", "text") == "text")


def body(*events: bytes) -> Script:
    """A script that sends these events and ends the body."""
    return sends(ENDLESS + b"".join(events))


def texts(events: list[Any]) -> list[str]:
    """The texts of the deltas among events."""
    return [event.delta.text for event in events if event.event_type == "step.delta" and event.delta.type == "text"]

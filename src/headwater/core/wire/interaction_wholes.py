"""An interaction that arrives as one document, as the events that a stream of it would have had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from headwater.core.answer.interaction_steps import document_of, entries_of, kind_of
from headwater.types.interactions import (
    InteractionCompletedEvent,
    InteractionCreatedEvent,
    InteractionSSEEvent,
    StepDelta,
    StepStart,
    StepStop,
)

_RUNNING = ("in_progress", "queued")
#: What the start of a step has; everything else is in its deltas.
_SHELL = ("type", "id", "call_id", "name", "server_name")


def events_of(document: Any) -> Iterator[InteractionSSEEvent]:
    """Yield the events of an interaction. The last one is left out if it still runs."""
    fields = document_of(document)
    head = {name: value for name, value in fields.items() if name != "steps"}
    yield InteractionCreatedEvent.from_document({"event_type": "interaction.created", "interaction": dict(head)})
    own = [document_of(step) for step in entries_of(fields.get("steps"))]
    for index, step in enumerate(step for step in own if step.get("type") != "user_input"):
        yield from _step_events(index, step)
    if fields.get("status") not in _RUNNING:
        yield InteractionCompletedEvent.from_document({"event_type": "interaction.completed", "interaction": head})


def _step_events(index: int, step: dict[str, Any]) -> Iterator[InteractionSSEEvent]:
    shell = {name: step[name] for name in _SHELL if name in step}
    yield StepStart.from_document({"event_type": "step.start", "index": index, "step": shell})
    for delta in _deltas(step):
        yield StepDelta.from_document({"event_type": "step.delta", "index": index, "delta": delta})
    yield StepStop.from_document({"event_type": "step.stop", "index": index})


def _deltas(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    match kind_of(step):
        case "model_output":
            for content in entries_of(step.get("content")):
                yield from _content_deltas(document_of(content))
        case "thought":
            for content in entries_of(step.get("summary")):
                yield {"type": "thought_summary", "content": content}
            if step.get("signature"):
                yield {"type": "thought_signature", "signature": step["signature"]}
        case "function_call":
            yield {"type": "arguments_delta", "arguments": msgspec.json.encode(step.get("arguments") or {}).decode()}
        case kind:
            rest = {name: value for name, value in step.items() if name not in _SHELL}
            if rest:
                yield {"type": kind, **rest}


def _content_deltas(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    fields = {"type": "text", **content}
    annotations = fields.pop("annotations", None)
    yield fields
    if annotations:
        yield {"type": "text_annotation_delta", "annotations": annotations}

"""Events and interactions in the words of ``generateContent``: for views, encoders and observers."""

from __future__ import annotations

from typing import Any

from headwater.core.answer.events import reset_chunk
from headwater.core.answer.interaction_fold import EventFold, index_of, usage_metadata, usage_of
from headwater.core.answer.interaction_steps import StepFold, document_of, entries_of, kind_of, text_of
from headwater.errors import UsageError
from headwater.types import Candidate, Content, FinishReason, GenerateContentResponse, Part
from headwater.types.interactions import (
    Interaction,
    InteractionCompletedEvent,
    InteractionCreatedEvent,
    StepDelta,
    StepStart,
    StepStop,
    UnknownInteractionSSEEvent,
)

_MEDIA = frozenset({"image", "audio", "video", "document"})


def chunk_of(event: Any, fold: EventFold) -> GenerateContentResponse:
    """Return the chunk that says what ``event`` does; one without parts if ``generateContent`` has no word for it.

    A function call is in the chunk of its step's end, when its arguments are complete.
    """
    kind = type(event)
    if kind is UnknownInteractionSSEEvent and document_of(event).get("event_type") == "headwater.reset":
        return reset_chunk()
    fields: dict[str, Any] = {}
    if kind is InteractionCreatedEvent or kind is InteractionCompletedEvent:
        fields = _head(document_of(event.interaction))
    if usage := usage_of(event):
        fields["usage_metadata"] = usage_metadata(usage)
    finish = fold.finish_reason if kind is InteractionCompletedEvent else None
    parts = _parts_of(event, fold)
    if parts or finish is not None:
        fields["candidates"] = [Candidate(content=Content(parts=parts, role="model"), index=0, finish_reason=finish)]
    return GenerateContentResponse(**fields)


def response_of(interaction: Interaction, finish_reason: FinishReason | None) -> GenerateContentResponse:
    """Return an interaction as a response, without the steps of tools, for which ``generateContent`` has no parts."""
    document = document_of(interaction)
    parts = [part for step in entries_of(document.get("steps")) for part in _parts_of_step(document_of(step))]
    candidate = Candidate(content=Content(parts=parts, role="model"), index=0, finish_reason=finish_reason)
    fields: dict[str, Any] = {**_head(document), "candidates": [candidate]}
    if usage := document_of(document.get("usage")):
        fields["usage_metadata"] = usage_metadata(usage)
    return GenerateContentResponse(**fields)


def _head(document: dict[str, Any]) -> dict[str, Any]:
    head = {"response_id": document.get("id"), "model_version": document.get("model") or document.get("agent")}
    return {name: value for name, value in head.items() if isinstance(value, str) and value}


def _parts_of(event: Any, fold: EventFold) -> list[Part]:
    kind = type(event)
    if kind is StepDelta:
        return part_of(document_of(event.delta))
    if kind is StepStart:
        return _contents(document_of(event.step))
    step = fold.open.get(index_of(event)) if kind is StepStop else None
    return [Part(function_call=step.call())] if step is not None and step.type == "function_call" else []


def _parts_of_step(step: dict[str, Any]) -> list[Part]:
    match step.get("type"):
        case "model_output" | "thought":
            return _contents(step)
        case "function_call":
            return [Part(function_call=StepFold(0, step).call())]
    return []


def _contents(step: dict[str, Any]) -> list[Part]:
    """The content of a step, or of the start of one."""
    found: list[Part] = []
    for content in entries_of(step.get("content")):
        found += part_of({"type": "text", **document_of(content)})
    for content in entries_of(step.get("summary")):
        found += part_of({"type": "thought_summary", "content": content})
    return found


def part_of(content: dict[str, Any]) -> list[Part]:
    """Return a content or a delta as a part; nothing if it is neither text nor media."""
    kind = kind_of(content, "text")
    if kind == "thought_summary":
        text = text_of(document_of(content.get("content")))
        return [Part(text=text, thought=True)] if text else []
    if kind == "text":
        return [Part(text=text_of(content))] if text_of(content) else []
    if kind not in _MEDIA:
        return []
    fields = {"mime_type": text_of(content, "mime_type") or None}
    try:
        if data := text_of(content, "data"):
            return [Part.model_validate({"inline_data": {**fields, "data": data}})]
        return [Part.model_validate({"file_data": {**fields, "file_uri": text_of(content, "uri") or None}})]
    except UsageError:  # the data is not base64
        return []

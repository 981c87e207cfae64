"""Events of a stream of the Interactions API."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, cast

from headwater.types.interactions.base import JsonObject, UnknownObject, absent
from headwater.types.interactions.config import ServiceTier
from headwater.types.interactions.deltas import StepDeltaData
from headwater.types.interactions.interaction import Error, InteractionStatus, Usage
from headwater.types.interactions.steps import Step

__all__ = [
    "ErrorEvent",
    "InteractionCompletedEvent",
    "InteractionCreatedEvent",
    "InteractionSSEEvent",
    "InteractionSseEventInteraction",
    "InteractionSseEventInteractionStatus",
    "InteractionStatusUpdate",
    "InteractionStatusUpdateStatus",
    "StepDelta",
    "StepDeltaMetadata",
    "StepStart",
    "StepStop",
    "UnknownInteractionSSEEvent",
    "read_event",
]

InteractionSseEventInteractionStatus: TypeAlias = InteractionStatus
InteractionStatusUpdateStatus: TypeAlias = InteractionStatus


class InteractionSseEventInteraction(JsonObject):
    """The interaction as events carry it: without its steps."""

    id: str
    status: InteractionSseEventInteractionStatus
    agent: str | None = None
    continuation_token: str | None = None
    created: str | None = None
    model: str | None = None
    object: str | None = None
    service_tier: ServiceTier | None = None
    steps: list[Step] | None = None
    updated: str | None = None
    usage: Usage | None = None


class InteractionCreatedEvent(JsonObject):
    """The first event of a stream."""

    interaction: InteractionSseEventInteraction
    event_id: str | None = None
    event_type: Literal["interaction.created"] = "interaction.created"


class InteractionStatusUpdate(JsonObject):
    """A new status; with a token, a point to continue from."""

    interaction_id: str
    status: InteractionStatusUpdateStatus
    continuation_token: str | None = None
    event_id: str | None = None
    event_type: Literal["interaction.status_update"] = "interaction.status_update"
    usage: Usage | None = None


class StepStart(JsonObject):
    """A step begins."""

    index: int
    step: Step
    event_id: str | None = None
    event_type: Literal["step.start"] = "step.start"


class StepDeltaMetadata(JsonObject):
    """The tokens so far."""

    total_usage: Usage | None = None


class StepDelta(JsonObject):
    """A part of a step."""

    delta: StepDeltaData
    index: int
    event_id: str | None = None
    event_type: Literal["step.delta"] = "step.delta"
    metadata: StepDeltaMetadata | None = None


class StepStop(JsonObject):
    """A step is complete."""

    index: int
    event_id: str | None = None
    event_type: Literal["step.stop"] = "step.stop"
    step_usage: Usage | None = None
    usage: Usage | None = None


class InteractionCompletedEvent(JsonObject):
    """The last event of a stream: status and usage."""

    interaction: InteractionSseEventInteraction
    event_id: str | None = None
    event_type: Literal["interaction.completed"] = "interaction.completed"


class ErrorEvent(JsonObject):
    """An error; nothing follows it."""

    error: Error = absent()
    event_id: str | None = None
    event_type: Literal["error"] = "error"


class UnknownInteractionSSEEvent(UnknownObject):
    """An event of an unknown type."""

    event_type: Literal["UNKNOWN"] = "UNKNOWN"


InteractionSSEEvent: TypeAlias = (
    ErrorEvent
    | InteractionCompletedEvent
    | InteractionCreatedEvent
    | InteractionStatusUpdate
    | StepDelta
    | StepStart
    | StepStop
    | UnknownInteractionSSEEvent
)

_EVENTS: dict[Any, type[JsonObject]] = {
    "error": ErrorEvent,
    "interaction.completed": InteractionCompletedEvent,
    "interaction.created": InteractionCreatedEvent,
    "interaction.status_update": InteractionStatusUpdate,
    "step.delta": StepDelta,
    "step.start": StepStart,
    "step.stop": StepStop,
}


def read_event(document: dict[str, Any]) -> InteractionSSEEvent:
    """Return the event of a decoded JSON object, which it takes over; unknown ones are kept as they are."""
    try:
        kind = _EVENTS[document["event_type"]]
    except (KeyError, TypeError):  # no type, an unknown one, or something that is not text
        kind = UnknownInteractionSSEEvent
    return cast("InteractionSSEEvent", kind.from_document(document))

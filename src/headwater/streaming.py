"""Streaming features beyond google-genai's: deadlines, retries, cancellation, pacing, events, metrics."""

from typing import TYPE_CHECKING, Any

from headwater.client.options.call_options import CallOptions, StreamOptions
from headwater.client.options.cancel import CancelToken
from headwater.client.options.observers import CallRequest, FinishedCall, Observation, Observer
from headwater.core.answer.ending import Ending, EndingKind
from headwater.core.answer.events import (
    Block,
    Call,
    CallProgress,
    End,
    Event,
    Media,
    Reset,
    Result,
    Retrying,
    Text,
    Thought,
    Usage,
)
from headwater.core.answer.metrics import Metrics
from headwater.core.answer.partial_json import PartialJson
from headwater.core.answer.progress import Progress
from headwater.core.machine import steps
from headwater.core.machine.policy import Deadlines, OnBreak, Retry
from headwater.core.machine.tracing import Trace, combine_traces
from headwater.core.stages.base import Stage
from headwater.core.stages.chunks import fragments, map_text, with_parts
from headwater.core.stages.chunks import merge as merge_chunks
from headwater.core.stages.coalesce import coalesce
from headwater.core.stages.smooth import smooth
from headwater.core.stages.tap import tap
from headwater.core.stages.throttle import throttle

if TYPE_CHECKING:
    from headwater.client.stream.interaction_chats import AsyncInteractionChat as AsyncInteractionChat
    from headwater.client.stream.interaction_chats import InteractionChat as InteractionChat
    from headwater.client.stream.interactions import AsyncInteractionStream as AsyncInteractionStream
    from headwater.client.stream.interactions import InteractionStream as InteractionStream

__all__ = [
    "AsyncInteractionChat",
    "AsyncInteractionStream",
    "Block",
    "Call",
    "CallOptions",
    "CallProgress",
    "CallRequest",
    "CancelToken",
    "Deadlines",
    "End",
    "Ending",
    "EndingKind",
    "Event",
    "FinishedCall",
    "InteractionChat",
    "InteractionStream",
    "Media",
    "Metrics",
    "Observation",
    "Observer",
    "OnBreak",
    "PartialJson",
    "Progress",
    "Reset",
    "Result",
    "Retry",
    "Retrying",
    "Stage",
    "StreamOptions",
    "Text",
    "Thought",
    "Trace",
    "Usage",
    "coalesce",
    "combine_traces",
    "fragments",
    "map_text",
    "merge_chunks",
    "smooth",
    "steps",
    "tap",
    "throttle",
    "with_parts",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import what belongs to interactions when it is first used: most programs never use it."""
        from importlib import import_module

        if name not in __all__ or "Interaction" not in name:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        room = "interaction_chats" if name.endswith("Chat") else "interactions"
        return getattr(import_module(f"headwater.client.stream.{room}"), name)

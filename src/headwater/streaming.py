"""Streaming features beyond google-genai's: deadlines, retries, cancellation, pacing, events, metrics."""

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

__all__ = [
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

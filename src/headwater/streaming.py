"""What a stream takes and gives beyond google-genai's names: clocks, retries, a switch, pacing, events, measures."""

from headwater.client.cancel import CancelToken
from headwater.client.observers import Asked, Ended, Observation, Observer
from headwater.client.options import CallOptions, StreamOptions
from headwater.core.buffers import coalesce, tap, throttle
from headwater.core.ending import Ending, EndingKind
from headwater.core.events import Block, Call, End, Event, Media, Reset, Result, Retrying, Text, Thought, Usage
from headwater.core.metrics import Metrics
from headwater.core.partial_json import PartialJson
from headwater.core.policy import Deadlines, OnBreak, Retry
from headwater.core.progress import Progress
from headwater.core.smooth import smooth
from headwater.core.stages import Stage
from headwater.core.watched import together

__all__ = [
    "Asked",
    "Block",
    "Call",
    "CallOptions",
    "CancelToken",
    "Deadlines",
    "End",
    "Ended",
    "Ending",
    "EndingKind",
    "Event",
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
    "Usage",
    "coalesce",
    "smooth",
    "tap",
    "throttle",
    "together",
]

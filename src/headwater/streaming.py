"""What a stream takes and gives beyond google-genai's names: clocks, retries, a switch, pacing, events, measures."""

from headwater.client.cancel import CancelToken
from headwater.client.options import CallOptions, StreamOptions
from headwater.core.buffers import coalesce, tap, throttle
from headwater.core.ending import Ending, EndingKind
from headwater.core.events import Block, Call, End, Event, Media, Reset, Retrying, Text, Thought, Usage
from headwater.core.metrics import Metrics
from headwater.core.partial_json import PartialJson
from headwater.core.policy import Deadlines, OnBreak, Retry
from headwater.core.progress import Progress
from headwater.core.smooth import smooth
from headwater.core.stages import Stage

__all__ = [
    "Block",
    "Call",
    "CallOptions",
    "CancelToken",
    "Deadlines",
    "End",
    "Ending",
    "EndingKind",
    "Event",
    "Media",
    "Metrics",
    "OnBreak",
    "PartialJson",
    "Progress",
    "Reset",
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
]

"""What a dialect is made of: the protocol, framings, requests and joiners, for authors of dialects of other APIs."""

from headwater.core.answer.joining import Joiner, SkipReplayed, TrimOverlap
from headwater.core.wire.dialect import BrokenStream, Continuation, Dialect, StreamEnd
from headwater.core.wire.framing import DocumentStream, Framing, SingleDocument
from headwater.core.wire.request import HttpRequest

__all__ = [
    "BrokenStream",
    "Continuation",
    "Dialect",
    "DocumentStream",
    "Framing",
    "HttpRequest",
    "Joiner",
    "SingleDocument",
    "SkipReplayed",
    "StreamEnd",
    "TrimOverlap",
]

"""The events of a chat stream as msgspec reads them: strict about their structure, lenient about every value in it."""

from __future__ import annotations

from typing import Any

import msgspec


class ChatDelta(msgspec.Struct, gc=False):
    """What one event adds to a choice. Servers send null, ``""`` and nothing for the same, so any value is accepted."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: Any = None
    refusal: Any = None
    reasoning_details: Any = None
    function_call: Any = None
    images: Any = None
    audio: Any = None
    annotations: Any = None
    extra_content: Any = None


class ChatChoice(msgspec.Struct, gc=False):
    """One choice of an event; of a whole answer with ``message`` instead of ``delta``."""

    index: Any = None
    delta: ChatDelta | None = None
    message: ChatDelta | None = None
    finish_reason: Any = None
    logprobs: Any = None
    content_filter_results: Any = None


class ChatEvent(msgspec.Struct, gc=False):
    """One event of a stream, or a whole answer."""

    choices: list[ChatChoice] | None = None
    id: Any = None
    model: Any = None
    created: Any = None
    usage: Any = None
    x_groq: Any = None
    error: Any = None
    object: Any = None
    citations: Any = None
    timings: Any = None


#: Reads one event. Shared: decoders hold no state.
EVENTS: msgspec.json.Decoder[ChatEvent] = msgspec.json.Decoder(ChatEvent)

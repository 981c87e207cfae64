"""Spans and histograms of calls by OpenTelemetry's GenAI conventions. Needs the extra ``otel``.

    client = genai.Client(options={"observers": [OpenTelemetry()]})

The conventions are those of version 1.41.1, the last one before they moved to a repository of their own.

Everything is recorded when the call has ended: nothing runs per chunk. So timestamps are computed from the metrics of
the call, which are monotonic, on top of the wall clock at its beginning.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from headwater.extras import missing_package

try:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.metrics import Histogram, Meter, MeterProvider, get_meter
    from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider
except ImportError as error:
    raise ImportError(missing_package("opentelemetry-api", "otel", user="OpenTelemetry()")) from error

import headwater
from headwater.client.options.observers import CallRequest, FinishedCall
from headwater.core.answer.ending import Ending, EndingKind
from headwater.core.answer.events import Retrying
from headwater.core.answer.metrics import Metrics
from headwater.telemetry.common import SECONDS, TokenUsage, error_text, error_type, tokens
from headwater.telemetry.content import input_messages, instructions, output_messages, tool_definitions
from headwater.types import GenerateContentResponse

SCHEMA = "https://opentelemetry.io/schemas/1.41.1"
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

# Without a span in the context the SDK attaches no exemplar; one for each of a thousand gaps would cost more than all
# the rest.
_NO_SPAN = Context()
_COUNTS = tuple(4**power for power in range(14))

#: The attributes of request settings: those that the conventions type as double, and the others.
_DOUBLES = {
    "temperature": "gen_ai.request.temperature",
    "topP": "gen_ai.request.top_p",
    "topK": "gen_ai.request.top_k",
    "frequencyPenalty": "gen_ai.request.frequency_penalty",
    "presencePenalty": "gen_ai.request.presence_penalty",
}
_OTHERS = {
    "maxOutputTokens": "gen_ai.request.max_tokens",
    "stopSequences": "gen_ai.request.stop_sequences",
    "seed": "gen_ai.request.seed",
}


class OpenTelemetry:
    """Records a span and histograms of each call.

    A span begins with the first request, as a child of the span in which the call was made, and ends with the call.
    Providers default to the global ones. ``content`` puts prompts and answers on the span; None reads the
    environment variable of the conventions. ``gaps`` records the time between chunks, which is most of the cost.
    ``operation`` is the ``gen_ai.operation.name``.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        content: bool | None = None,
        gaps: bool = True,
        operation: str = "chat",
    ) -> None:
        version = headwater.__version__
        self._tracer = trace.get_tracer("headwater", version, tracer_provider, SCHEMA)
        self._histograms = _Histograms(get_meter("headwater", version, meter_provider, SCHEMA))
        self._content = _captures_content() if content is None else content
        self._gaps = gaps
        self._operation = operation

    def begin(self, request: CallRequest) -> _CallSpan:
        """Observe a call."""
        attributes = _shared_attributes(request, self._operation)
        # The span starts here and not when the call object was made: a stream may be read much later.
        began = time.time_ns()
        span = self._tracer.start_span(
            f"{self._operation} {request.model}", kind=SpanKind.CLIENT, attributes=attributes, start_time=began
        )
        if span.is_recording():
            span.set_attributes(_request_attributes(request))
        return _CallSpan(span, attributes, request, self._histograms, began, content=self._content, gaps=self._gaps)


class _Histograms:
    """The instruments, with the bucket boundaries of the conventions."""

    def __init__(self, meter: Meter) -> None:
        def seconds(name: str, description: str) -> Histogram:
            return meter.create_histogram(
                f"gen_ai.client.operation.{name}", "s", description, explicit_bucket_boundaries_advisory=SECONDS
            )

        self.duration = seconds("duration", "GenAI operation duration.")
        self.first = seconds("time_to_first_chunk", "Time to receive the first chunk.")
        self.gap = seconds("time_per_output_chunk", "Time per output chunk, for each chunk after the first one.")
        self.tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_COUNTS,
        )


class _CallSpan:
    """The span of one call."""

    def __init__(
        self,
        span: Span,
        attributes: dict[str, Any],
        request: CallRequest,
        histograms: _Histograms,
        began: int,
        *,
        content: bool,
        gaps: bool,
    ) -> None:
        self._span = span
        self._attributes = attributes
        self._request = request
        self._histograms = histograms
        self._began = began
        self._content = content
        self._gaps = gaps

    def retrying(self, event: Retrying) -> None:
        attributes: dict[str, Any] = {"error.type": error_type(event.error)}
        attributes |= {"headwater.failures": event.failures, "headwater.delay": event.delay}
        self._span.add_event("headwater.retry", attributes)

    def ended(self, call: FinishedCall) -> None:
        # The span is ended whatever happens in between: one that never ends is never exported.
        metrics = call.metrics
        try:
            self._record(call, metrics)
        finally:
            self._span.end(self._at(metrics.total or 0.0))

    def _record(self, call: FinishedCall, metrics: Metrics) -> None:
        ending, spent, answer = call.ending, tokens(call), call.response
        assert ending is not None  # ended() is called after the ending is set
        if answer.model_version:
            self._attributes = self._attributes | {"gen_ai.response.model": answer.model_version}
        self._measure(call, ending, metrics, spent)
        if self._span.is_recording():
            self._span.set_attributes(self._attributes | _response_attributes(answer, spent))
            self._describe(answer, ending, metrics)

    def _describe(self, answer: GenerateContentResponse, ending: Ending, metrics: Metrics) -> None:
        """Set how the call ended, and with ``content`` prompt and answer, on the span."""
        span = self._span
        span.set_attribute("headwater.ending", ending.kind.value)
        if self._request.is_stream and metrics.first_chunk is not None:
            span.set_attribute("gen_ai.response.time_to_first_chunk", metrics.first_chunk)
            span.add_event("headwater.first_chunk", timestamp=self._at(metrics.first_chunk))
        if failed := _error_kind(ending):
            span.set_attribute("error.type", failed)
            span.set_status(StatusCode.ERROR, error_text(ending.error) if ending.error else None)
        if self._content:
            span.set_attributes(_content_attributes(self._request.document, answer))

    def _measure(self, call: FinishedCall, ending: Ending, metrics: Metrics, spent: TokenUsage) -> None:
        # Recorded in the span's context, so that the SDK can attach an exemplar that leads to the trace.
        histograms, attributes, context = self._histograms, self._attributes, trace.set_span_in_context(self._span)
        failed = {"error.type": _error_kind(ending)} if _error_kind(ending) else {}
        histograms.duration.record(metrics.total or 0.0, attributes | failed, context)
        for kind, count in (("input", spent.input), ("output", spent.output)):
            if count is not None:
                histograms.tokens.record(count, attributes | {"gen_ai.token.type": kind}, context)
        if self._request.is_stream and metrics.first_chunk is not None:
            histograms.first.record(metrics.first_chunk, attributes, context)
            for gap in call.gaps if self._gaps else ():
                histograms.gap.record(gap, attributes, _NO_SPAN)

    def _at(self, seconds: float) -> int:
        """Return the wall-clock time ``seconds`` after the beginning, in nanoseconds."""
        return self._began + int(seconds * 1e9)


def _shared_attributes(request: CallRequest, operation: str) -> dict[str, Any]:
    """Return the attributes that spans and histograms share, set at the start so that samplers see them."""
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "gcp.vertex_ai" if request.is_vertex else "gcp.gemini",
        "gen_ai.request.model": request.model,
    }
    if request.host is not None and request.port is not None:
        attributes |= {"server.address": request.host, "server.port": request.port}
    return attributes


def _request_attributes(request: CallRequest) -> dict[str, Any]:
    """Return the attributes of the request."""
    settings = request.settings
    attributes = {name: settings[key] for key, name in _OTHERS.items() if settings.get(key) is not None}
    for key, name in _DOUBLES.items():
        if isinstance(settings.get(key), int | float):
            attributes[name] = float(settings[key])
    # The conventions: only if it is not 1.
    if settings.get("candidateCount", 1) != 1:
        attributes["gen_ai.request.choice.count"] = settings["candidateCount"]
    if kind := _output_type(settings):
        attributes["gen_ai.output.type"] = kind
    if request.is_stream:
        attributes["gen_ai.request.stream"] = True
    return attributes


def _output_type(settings: Mapping[str, Any]) -> str | None:
    modalities = [str(modality).upper() for modality in settings.get("responseModalities") or ()]
    for modality, kind in (("IMAGE", "image"), ("AUDIO", "speech")):
        if modality in modalities:
            return kind
    match settings.get("responseMimeType"):
        case None:
            return None
        case "application/json":
            return "json"
    return "text"


def _response_attributes(answer: GenerateContentResponse, spent: TokenUsage) -> dict[str, Any]:
    """Return the attributes of the response, without those that it does not have."""
    reasons = [str(one.finish_reason).lower() for one in answer.candidates or () if one.finish_reason is not None]
    attributes = {
        "gen_ai.response.id": answer.response_id,
        "gen_ai.response.finish_reasons": reasons or None,
        "gen_ai.usage.input_tokens": spent.input,
        "gen_ai.usage.output_tokens": spent.output,
        "gen_ai.usage.reasoning.output_tokens": spent.thoughts,
        "gen_ai.usage.cache_read.input_tokens": spent.cached,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _content_attributes(document: dict[str, Any], answer: GenerateContentResponse) -> dict[str, str]:
    messages = {
        "gen_ai.input.messages": input_messages(document),
        "gen_ai.system_instructions": instructions(document),
        "gen_ai.tool.definitions": tool_definitions(document),
        "gen_ai.output.messages": output_messages(answer),
    }
    return {name: msgspec.json.encode(value).decode() for name, value in messages.items() if value}


def _error_kind(ending: Ending) -> str | None:
    """Return the kind of error that ended the call. A cancelled call has not failed."""
    return error_type(ending.error) if ending.error and ending.kind is not EndingKind.CANCELLED else None


def _captures_content() -> bool:
    return os.environ.get(CAPTURE, "").strip().lower() in ("true", "span_only", "span_and_event")

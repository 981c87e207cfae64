"""Spans and histograms of calls, as the SDK's own exporters in memory see them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from headwater import genai
from headwater.telemetry.otel import CAPTURE, OpenTelemetry
from tests.support.servers import Connection, Request, Server, refuses, says, scripted, whole
from tests.support.ways_out import USAGE, Way, answers, client_of, each_way, go, soon

DURATION = "gen_ai.client.operation.duration"
FIRST = "gen_ai.client.operation.time_to_first_chunk"
GAP = "gen_ai.client.operation.time_per_output_chunk"
TOKENS = "gen_ai.client.token.usage"


class Collected:
    """An OpenTelemetry SDK that keeps what it is told."""

    def __init__(self, **options: Any) -> None:
        self.tracers = TracerProvider(**options)
        self._exporter = InMemorySpanExporter()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader])

    def observer(self, **options: Any) -> OpenTelemetry:
        return OpenTelemetry(tracer_provider=self.tracers, meter_provider=self.meters, **options)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    @property
    def span(self) -> ReadableSpan:
        (span,) = self.spans
        return span

    def points(self) -> dict[str, list[Any]]:
        """The data points of each histogram."""
        data = self._reader.get_metrics_data()
        return {
            metric.name: list(metric.data.data_points)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def collected() -> Iterator[Collected]:
    collected = Collected()
    yield collected
    collected.tracers.shutdown()
    collected.meters.shutdown()


@each_way
def test_each_way_out_ends_one_span(way: Way, side: Any, collected: Collected) -> None:
    """One span and one duration for every way out, with the ending, and an error where it is one."""
    go(way, side, collected.observer())
    span = soon(lambda: collected.spans)[0]
    assert len(collected.spans) == 1
    assert span.attributes["headwater.ending"] == way.ending
    assert span.attributes.get("error.type") == way.error
    assert span.status.status_code is (trace.StatusCode.ERROR if way.error else trace.StatusCode.UNSET)
    assert span.end_time > span.start_time
    (duration,) = collected.points()[DURATION]
    assert (duration.count, duration.attributes.get("error.type")) == (1, way.error)
    assert duration.sum == pytest.approx((span.end_time - span.start_time) / 1e9, abs=1e-6)
    assert "secret" not in span.to_json()


def test_a_span_says_what_was_asked_and_answered(side: Any, collected: Collected) -> None:
    """The attributes of the conventions, where they are known."""
    config = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "max_output_tokens": 100,
        "stop_sequences": ["."],
        "seed": 7,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "candidate_count": 2,
        "response_mime_type": "application/json",
    }
    with Server(answers("STOP")) as server:
        side.read(side.stream(client_of(server, collected.observer()), config=config))
        port = server.port
    span = collected.span
    attributes = dict(span.attributes or {})
    assert attributes.pop("gen_ai.response.time_to_first_chunk") > 0
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "m",
        "gen_ai.request.stream": True,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 40.0,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.stop_sequences": (".",),
        "gen_ai.request.seed": 7,
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": 0.2,
        "gen_ai.request.choice.count": 2,
        "gen_ai.output.type": "json",
        "gen_ai.response.id": "r1",
        "gen_ai.response.model": "test-model",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "server.address": "127.0.0.1",
        "server.port": port,
        "headwater.ending": "finished",
    }
    assert (span.name, span.kind) == ("chat m", trace.SpanKind.CLIENT)
    assert [event.name for event in span.events] == ["headwater.first_chunk"]
    assert span.start_time < span.events[0].timestamp <= span.end_time
    scope = span.instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.schema_url) == ("headwater", "https://opentelemetry.io/schemas/1.41.1")


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"response_mime_type": "text/x.enum"}, "text"),
        ({"response_modalities": ["TEXT", "IMAGE"]}, "image"),
        ({"response_modalities": ["AUDIO"]}, "speech"),
        ({}, None),
    ],
)
def test_the_output_that_was_asked_for(config: Any, kind: str | None, collected: Collected) -> None:
    with Server(answers("STOP")) as server:
        client_of(server, collected.observer()).models.generate_content(model="m", contents="hi", config=config)
    assert (collected.span.attributes or {}).get("gen_ai.output.type") == kind


@pytest.mark.parametrize("odd", [None, "warm", {"temperature": "warm", "topK": 3, "candidateCount": 1}])
def test_a_request_of_odd_shape_is_observed(odd: Any, collected: Collected) -> None:
    """``extra_body`` can make a request of anything; what is not understood is left out."""
    with Server(answers("STOP")) as server:
        client_of(server, collected.observer(content=True)).models.generate_content(
            model="m", contents="hi", config={"http_options": {"extra_body": {"generationConfig": odd}}}
        )
    asked = {name for name in collected.span.attributes or {} if name.startswith("gen_ai.request.")}
    assert asked - {"gen_ai.request.top_k"} == {"gen_ai.request.model"}


def test_a_whole_answer_has_no_chunks(side: Any, collected: Collected) -> None:
    """It is measured, but not as a stream; and not every API counts tokens."""
    with Server(whole) as server:
        side.ask(client_of(server, collected.observer()))
    assert set(collected.points()) == {DURATION}
    attributes = collected.span.attributes or {}
    assert not {"gen_ai.request.stream", "gen_ai.response.time_to_first_chunk"} & set(attributes)
    assert collected.span.events == ()


def test_streams_are_measured_in_the_bounds_of_the_conventions(side: Any, collected: Collected) -> None:
    with Server(answers("STOP")) as server:
        client = client_of(server, collected.observer())
        for _ in range(3):
            side.read(side.stream(client))
    points = collected.points()
    seconds = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
    for name in (DURATION, FIRST, GAP):
        (point,) = points[name]
        assert (point.count, tuple(point.explicit_bounds)) == (3, seconds)
    counts = {point.attributes["gen_ai.token.type"]: point for point in points[TOKENS]}
    assert {kind: (point.count, point.sum) for kind, point in counts.items()} == {"input": (3, 21), "output": (3, 30)}
    assert counts["input"].explicit_bounds[-1] == 67108864
    assert dict(points[GAP][0].attributes) | {"server.port": 0} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "test-model",
        "server.address": "127.0.0.1",
        "server.port": 0,
    }


def test_the_times_of_chunks_can_be_left_out(collected: Collected) -> None:
    """They are what costs most."""
    with Server(whole) as server:
        client = client_of(server, collected.observer(gaps=False))
        list(client.models.generate_content_stream(model="m", contents="hi"))
    assert set(collected.points()) == {DURATION, FIRST}


def test_retries_are_events_of_one_span(side: Any, collected: Collected) -> None:
    busy = refuses(503, "UNAVAILABLE", "busy")
    script = scripted(lambda connection, _: connection.answer(busy, "503 Service Unavailable"), whole)
    with Server(script) as server:
        side.read(side.stream(client_of(server, collected.observer())))
    retry, first = collected.span.events
    assert (retry.name, first.name) == ("headwater.retry", "headwater.first_chunk")
    assert dict(retry.attributes or {}) | {"headwater.delay": 0} == {
        "error.type": "503",
        "headwater.failures": 1,
        "headwater.delay": 0,
    }
    assert collected.span.status.status_code is trace.StatusCode.UNSET


def test_a_span_is_a_child_of_the_span_in_which_the_call_was_made(side: Any, collected: Collected) -> None:
    """Wherever the stream is read then; and its own span is nobody's current one."""
    tracer = collected.tracers.get_tracer("test")

    async def ask(client: genai.Client) -> Any:
        with tracer.start_as_current_span("outer"):
            return await client.aio.models.generate_content_stream(model="m", contents="hi")

    with Server(whole) as server:
        client = client_of(server, collected.observer())
        if side.name == "async":
            stream = side.do(ask(client))
        else:
            with tracer.start_as_current_span("outer"):
                stream = side.stream(client)
        side.read(stream)
        side.read(side.stream(client))
    outer, inner, alone = collected.spans
    assert outer.name == "outer"
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id
    assert alone.parent is None


def test_the_exemplars_lead_to_the_span(collected: Collected) -> None:
    with Server(whole) as server:
        client_of(server, collected.observer()).models.generate_content(model="m", contents="hi")
    (point,) = collected.points()[DURATION]
    assert [exemplar.span_id for exemplar in point.exemplars] == [collected.span.context.span_id]


def test_a_span_that_is_not_sampled_costs_nothing_but_the_figures() -> None:
    collected = Collected(sampler=ALWAYS_OFF)
    with Server(answers("STOP")) as server:
        client_of(server, collected.observer()).models.generate_content(model="m", contents="hi")
    assert collected.spans == []
    assert set(collected.points()) == {DURATION, TOKENS}


def test_functions_are_called_within_one_span(side: Any, collected: Collected) -> None:
    """A call of several requests is one span, with the tokens of all of them."""
    call = says("", "STOP", usageMetadata=USAGE)
    call["candidates"][0]["content"]["parts"] = [{"functionCall": {"name": "now", "args": {}}}]

    def now() -> str:
        return "noon"

    with Server(scripted(lambda connection, _: connection.stream(call), answers("STOP"))) as server:
        side.read(side.stream(client_of(server, collected.observer()), config={"tools": [now]}))
        assert len(server.requests) == 2
    assert (collected.span.attributes or {})["gen_ai.usage.output_tokens"] == 20


def test_vertex_is_another_provider(collected: Collected) -> None:
    with Server(whole) as server:
        client = genai.Client(
            vertexai=True,
            api_key="k",
            http_options={"base_url": server.url},
            options={"observers": [collected.observer()]},
        )
        client.models.generate_content(model="m", contents="hi")
    assert (collected.span.attributes or {})["gen_ai.provider.name"] == "gcp.vertex_ai"
    assert collected.span.name == "chat m"


def test_the_operation_can_have_another_name(collected: Collected) -> None:
    """``generate_content`` is what other instrumentations of the API call it."""
    with Server(whole) as server:
        observer = collected.observer(operation="generate_content")
        client_of(server, observer).models.generate_content(model="m", contents="hi")
    assert collected.span.name == "generate_content m"
    assert collected.points()[DURATION][0].attributes["gen_ai.operation.name"] == "generate_content"


CONTENT = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions")


def _talk(observer: OpenTelemetry, script: Any = whole) -> None:
    with Server(script) as server:
        client_of(server, observer).models.generate_content(
            model="m", contents="a secret", config={"system_instruction": "Be brief."}
        )


@pytest.mark.parametrize(
    ("given", "environment", "captures"),
    [
        (None, None, False),
        (None, "true", True),
        (None, "SPAN_ONLY", True),
        (None, "span_and_event", True),
        (None, "EVENT_ONLY", False),
        (None, "no_content", False),
        (False, "true", False),
        (True, None, True),
    ],
)
def test_content_is_captured_where_it_is_asked_for(
    given: bool | None, environment: str | None, captures: bool, collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the observer or the environment, and by default not."""
    if environment is not None:
        monkeypatch.setenv(CAPTURE, environment)
    _talk(collected.observer(content=given))
    attributes = collected.span.attributes or {}
    assert [name in attributes for name in CONTENT] == [captures] * 3
    assert ("secret" in collected.span.to_json()) is captures


def test_content_is_written_in_the_words_of_the_conventions(collected: Collected) -> None:
    """Turns, instructions, candidates; files are named and not copied."""
    parts = [
        {"text": "I wonder", "thought": True},
        {"functionCall": {"id": "c1", "name": "f", "args": {"x": 1}}},
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        {"executableCode": {"code": "1", "language": "PYTHON"}},
    ]
    answer = says("Hello", "MAX_TOKENS")
    answer["candidates"][0]["content"]["parts"] += parts

    def script(connection: Connection, request: Request) -> None:
        connection.answer(answer)

    contents: Any = [
        {"role": "user", "parts": [{"text": "hi"}, {"file_data": {"file_uri": "gs://a", "mime_type": "video/mp4"}}]},
        {"role": "model", "parts": [{"function_call": {"name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"function_response": {"name": "f", "response": {"result": 2}}}]},
    ]
    with Server(script) as server:
        client_of(server, collected.observer(content=True)).models.generate_content(
            model="m", contents=contents, config={"system_instruction": "Be brief."}
        )
    said = {name: json.loads(str((collected.span.attributes or {})[name])) for name in CONTENT}
    assert said["gen_ai.system_instructions"] == [{"type": "text", "content": "Be brief."}]
    assert said["gen_ai.input.messages"] == [
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "hi"},
                {"type": "uri", "uri": "gs://a", "mime_type": "video/mp4", "modality": "video"},
            ],
        },
        {"role": "assistant", "parts": [{"type": "tool_call", "name": "f", "arguments": {}}]},
        {"role": "user", "parts": [{"type": "tool_call_response", "response": {"result": 2}}]},
    ]
    assert said["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "finish_reason": "length",
            "parts": [
                {"type": "text", "content": "Hello"},
                {"type": "reasoning", "content": "I wonder"},
                {"type": "tool_call", "name": "f", "arguments": {"x": 1}, "id": "c1"},
                {"type": "file", "file_id": "inline", "mime_type": "image/png", "modality": "image"},
                {"type": "executableCode"},
            ],
        }
    ]


def test_offered_tools_are_captured_and_a_bare_signature_is_not(collected: Collected) -> None:
    answer = says("Hello", "STOP")
    answer["candidates"][0]["content"]["parts"].append({"text": "", "thoughtSignature": "c2lnbmVk"})

    def now(zone: str) -> str:
        """Return the time."""
        return zone

    with Server(lambda connection, request: connection.answer(answer)) as server:
        client_of(server, collected.observer(content=True)).models.generate_content(
            model="m", contents="hi", config={"tools": [{"google_search": {}}, now]}
        )
    attributes = collected.span.attributes or {}
    assert json.loads(str(attributes["gen_ai.tool.definitions"])) == [
        {"type": "googleSearch", "name": "googleSearch"},
        {
            "type": "function",
            "name": "now",
            "description": "Return the time.",
            "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]},
        },
    ]
    (message,) = json.loads(str(attributes["gen_ai.output.messages"]))
    assert message["parts"] == [{"type": "text", "content": "Hello"}]


def test_the_cut_answer_is_captured_too(side: Any, collected: Collected) -> None:
    """What had come before the stream broke, marked as an error."""
    with Server(answers(None)) as server:
        client = client_of(server, collected.observer(content=True))
        with pytest.raises(genai.errors.HeadwaterError):
            side.read(side.stream(client))
    (message,) = json.loads(str((collected.span.attributes or {})["gen_ai.output.messages"]))
    assert message == {
        "role": "assistant",
        "parts": [{"type": "text", "content": "Hello world"}],
        "finish_reason": "error",
    }


def test_usage_of_the_rows_adds_up() -> None:
    """Or the figures above would prove less than they seem to."""
    assert USAGE["promptTokenCount"] + USAGE["toolUsePromptTokenCount"] == 7
    assert USAGE["candidatesTokenCount"] + USAGE["thoughtsTokenCount"] == 10

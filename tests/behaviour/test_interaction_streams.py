"""What every stream has, of the Interactions API: recovery, cancelling, functions, continuation, stages, errors."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from headwater.errors import (
    APIError,
    ClientError,
    ConnectError,
    ServerError,
    StreamCancelled,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
)
from headwater.streaming import Deadlines, EndingKind, Text, smooth
from headwater.types.interactions import Interaction
from headwater.types.interactions.base import plain
from tests.support.interaction_cases import (
    ONCE,
    SOON,
    adds,
    answer,
    body,
    completed,
    created,
    event,
    read,
    says,
    starts,
    stops,
    stream_of,
    texts,
)
from tests.support.servers import ENDLESS, Connection, Request, Server, scripted
from tests.support.sides import Sync


def test_the_request_is_sent_inside_create_and_refusals_are_raised_there(side: Sync) -> None:
    refusal = {"error": {"code": "invalid_request", "message": "no such field"}}
    script = lambda connection, request: connection.answer(refusal, "400 Bad Request")  # noqa: E731
    with Server(script) as server, pytest.raises(ClientError, match="no such field") as caught:
        stream_of(side, server.client())
    assert (caught.value.code, caught.value.status) == (400, "invalid_request")


def test_a_stream_outlives_its_client(side: Sync) -> None:
    with Server(body(answer("Hello ", "world"))) as server:
        stream = stream_of(side, server.client())
        events, error = read(side, stream)
    assert error is None
    assert texts(events) == ["Hello ", "world"]
    assert (stream.text, stream.interaction.output_text) == ("Hello world", "Hello world")
    assert (stream.ending.kind, stream.ending.is_whole) == (EndingKind.FINISHED, True)
    assert stream.metrics.chunks == 6
    assert (stream.metrics.prompt_tokens, stream.metrics.tokens) == (4, 5)
    assert stream.interaction_id == "v1_a"


def test_collect_returns_the_interaction(side: Sync) -> None:
    with Server(body(answer("Hello"))) as server:
        whole = side.do(stream_of(side, server.client()).collect())
    assert isinstance(whole, Interaction)
    assert (whole.status, whole.output_text, whole.usage.total_tokens) == ("completed", "Hello", 9)


@pytest.mark.parametrize(
    ("tail", "kind", "code"),
    [
        (b'{"error":{"message":"no","code":"prohibited_content"}}\n', ClientError, 400),
        (b'{\n "error": {\n "message": "no",\n "code": "safety"\n }\n}', ClientError, 400),
        (b'data: {"error":{"code":429,"message":"no","status":"RESOURCE_EXHAUSTED"}}\n\n', ClientError, 429),
        (event("error", error={"code": "service_unavailable", "message": "no"}), ServerError, 503),
        (event("error", error={"code": 13, "message": "no"}), ServerError, 500),
    ],
)
def test_an_error_in_the_stream_is_raised_with_what_arrived(side: Sync, tail: bytes, kind: Any, code: int) -> None:
    with Server(body(created(), starts(0), says(0, "Hel"), tail)) as server:
        stream = stream_of(side, server.client(), retry=ONCE)
        events, error = read(side, stream)
    assert isinstance(error, APIError)
    assert isinstance(error, kind)
    assert (error.code, error.message) == (code, "no")
    assert error.partial.output_text == "Hel"
    is_blocked = b"prohibited" in tail or b"safety" in tail
    assert stream.ending.kind is (EndingKind.BLOCKED if is_blocked else EndingKind.FAILED)
    # An event of the API's is shown before it is raised, for programs that look for it.
    assert (events[-1].event_type == "error") == (b"data:" in tail)


def test_an_error_before_any_content_is_retried_and_not_shown(side: Sync) -> None:
    broken = body(created(), event("error", error={"code": "service_unavailable", "message": "later"}))
    with Server(scripted(broken, body(answer("Hello", id="v1_b")))) as server:
        events, error = read(side, stream_of(side, server.client(), retry=SOON))
    assert error is None
    assert [event.event_type for event in events][:1] == ["interaction.created"]
    assert texts(events) == ["Hello"]
    assert "error" not in [event.event_type for event in events]


def test_a_break_before_any_content_asks_for_the_interaction_that_was_begun(side: Sync) -> None:
    """Another POST would make the API answer twice."""
    with Server(scripted(body(created()), body(answer("Hello")))) as server:
        events, error = read(side, stream_of(side, server.client(), retry=SOON))
    assert error is None
    assert texts(events) == ["Hello"]
    assert [(request.method, request.path) for request in server.requests] == [
        ("POST", "/v1/interactions"),
        ("GET", "/v1/interactions/v1_a"),
    ]
    assert [event.event_type for event in events].count("interaction.created") == 1


def test_an_interaction_that_is_not_kept_is_requested_again(side: Sync) -> None:
    def gone(connection: Connection, request: Request) -> None:
        connection.answer({"error": {"code": "not_found", "message": "gone"}}, "404 Not Found")

    with Server(scripted(body(created()), gone, body(answer("Hello", id="v1_b")))) as server:
        stream = stream_of(side, server.client(), retry=SOON)
        events, error = read(side, stream)
    assert error is None
    assert texts(events) == ["Hello"]
    assert [request.method for request in server.requests] == ["POST", "GET", "POST"]
    assert stream.interaction.id == "v1_b"


@pytest.mark.parametrize("stream", [True, False])
def test_a_job_in_the_background_is_never_begun_twice(side: Sync, stream: bool) -> None:
    """The connection is lost before the first event: nobody knows whether the job runs."""
    with Server(lambda connection, request: connection.close()) as server:
        with pytest.raises(ConnectError):
            side.call(
                server.client(),
                "interactions.create",
                model="m",
                input="hi",
                stream=stream,
                background=True,
                retry=SOON,
            )
        assert len(server.requests) == 1
        with pytest.raises(ConnectError):
            stream_of(side, server.client(), stream=stream, retry=SOON)
        assert len(server.requests) == 4


def test_a_job_in_the_background_that_was_refused_is_requested_again(side: Sync) -> None:
    def busy(connection: Connection, request: Request) -> None:
        connection.answer({"error": {"code": "service_unavailable", "message": "busy"}}, "503 Service Unavailable")

    with Server(scripted(busy, body(answer("Hello")))) as server:
        _, error = read(side, stream_of(side, server.client(), background=True, retry=SOON))
    assert error is None
    assert len(server.requests) == 2


def test_an_interaction_that_is_not_stored_is_requested_again(side: Sync) -> None:
    with Server(scripted(body(created("")), body(answer("Hello", id="")))) as server:
        _, error = read(side, stream_of(side, server.client(), store=False, retry=SOON))
    assert error is None
    assert [request.method for request in server.requests] == ["POST", "POST"]


def test_a_truncated_stream_is_an_error_that_keeps_what_arrived(side: Sync) -> None:
    with Server(body(created(), starts(0), says(0, "Hel"))) as server:
        stream = stream_of(side, server.client())
        events, error = read(side, stream)
    assert isinstance(error, StreamTruncated)
    assert "interaction.completed" in str(error)
    assert error.partial.output_text == "Hel"
    assert error.attempts == 1
    assert len(events) == 3
    assert stream.ending.kind is EndingKind.TRUNCATED


def test_a_stored_interaction_is_resumed_at_its_last_event(side: Sync) -> None:
    first = body(created(), starts(0), says(0, "Hel", "e1"), says(0, "lo ", "e2"))
    rest = body(says(0, "world", "e3"), stops(0), completed())
    with Server(scripted(first, rest)) as server:
        stream = stream_of(side, server.client(), on_break="continue", retry=SOON)
        events, error = read(side, stream)
    assert error is None
    assert stream.text == "Hello world"
    assert texts(events) == ["Hel", "lo ", "world"]
    assert server.requests[1].query == {"stream": ["true"], "last_event_id": ["e2"]}
    assert server.requests[1].body == b""
    assert server.requests[1].headers["x-goog-api-key"] == server.requests[0].headers["x-goog-api-key"]
    assert stream.last_event_id == "e3"


def test_the_recorded_way_to_resume_is_shown_once(side: Sync) -> None:
    """The service stopped the open step, and said the whole answer again under new indexes."""
    thought = [starts(0, "thought"), adds(0, "thought_signature", signature="c2ln"), stops(0)]
    again = [starts(2, "thought"), adds(2, "thought_signature", signature="c2ln"), stops(2)]
    first = body(created(), *thought, starts(1), says(1, "The whole ", "1_text_1"))
    rest = body(stops(1), *again, starts(3), says(3, "The whole answer.", "3_text_2"), stops(3), completed())
    with Server(scripted(first, rest)) as server:
        stream = stream_of(side, server.client(), on_break="continue", retry=SOON)
        events, error = read(side, stream)
    assert error is None
    assert texts(events) == ["The whole ", "answer."]
    assert [step.type for step in stream.interaction.steps] == ["thought", "model_output"]
    assert {event.index for event in events if hasattr(event, "index")} == {0, 1}


def test_a_job_that_answers_with_json_is_read_by_its_id(side: Sync) -> None:
    """Whether the API streams what it runs in the background is open: the AI SDK reads it in two requests."""
    begun = {"id": "v1_a", "status": "in_progress", "object": "interaction"}
    with Server(scripted(lambda c, r: c.answer(begun), body(answer("Hello")))) as server:
        stream = stream_of(side, server.client(), background=True, retry=SOON)
        events, error = read(side, stream)
    assert error is None
    assert [event.event_type for event in events].count("interaction.created") == 1
    assert (texts(events), stream.interaction.output_text) == (["Hello"], "Hello")
    assert [request.method for request in server.requests] == ["POST", "GET"]
    assert server.requests[1].query == {"stream": ["true"]}


def test_a_server_that_does_not_stream_is_read_as_a_stream(side: Sync) -> None:
    steps = [
        {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "Hm."}]},
        {"type": "google_search_call", "id": "g1", "arguments": {"queries": ["q"]}},
        {
            "type": "model_output",
            "content": [{"type": "text", "text": "Hello", "annotations": [{"type": "url_citation", "url": "u"}]}],
        },
        {"type": "function_call", "id": "c1", "name": "look", "arguments": {"place": "sky"}},
    ]
    whole = {"id": "v1_a", "status": "requires_action", "steps": steps, "usage": {"total_tokens": 3}}
    with Server(lambda connection, request: connection.answer(whole)) as server:
        stream = stream_of(side, server.client())
        events, error = read(side, stream)
    assert error is None
    assert texts(events) == ["Hello"]
    assert plain(stream.interaction)["steps"] == steps
    assert stream.interaction.usage.total_tokens == 3


def test_what_is_not_streamed_any_more_is_fetched_whole(side: Sync) -> None:
    def refuses(connection: Connection, request: Request) -> None:
        connection.answer({"error": {"code": "failed_precondition", "message": "it has ended"}}, "400 Bad Request")

    output = {"type": "model_output", "content": [{"type": "text", "text": "Hello world"}]}
    whole = {"id": "v1_a", "status": "completed", "steps": [output], "usage": {"total_tokens": 3}}
    first = body(created(), starts(0), says(0, "Hello", "e1"))
    with Server(scripted(first, refuses, lambda c, r: c.answer(whole))) as server:
        stream = stream_of(side, server.client(), on_break="continue", retry=SOON)
        events, error = read(side, stream)
    assert error is None
    assert texts(events) == ["Hello", " world"]
    assert stream.interaction.status == "completed"
    assert [request.query.get("stream") for request in server.requests] == [None, ["true"], ["false"]]


def test_what_is_refused_as_a_whole_too_ends_with_the_first_error(side: Sync) -> None:
    def refuses(connection: Connection, request: Request) -> None:
        connection.answer({"error": {"code": "failed_precondition", "message": "no"}}, "400 Bad Request")

    with Server(scripted(body(created(), starts(0), says(0, "Hello", "e1")), refuses)) as server:
        stream = stream_of(side, server.client(), on_break="continue", retry=SOON)
        _, error = read(side, stream)
    assert isinstance(error, StreamTruncated)
    assert "400" in str(error.__notes__)
    assert error.partial.output_text == "Hello"
    assert len(server.requests) == 3


def test_a_restart_says_that_what_arrived_is_void(side: Sync) -> None:
    with Server(scripted(body(created(), starts(0), says(0, "Hel")), body(answer("Hello", id="v1_b")))) as server:
        stream = stream_of(side, server.client(), on_break="restart", retry=SOON)
        events, error = read(side, stream)
    assert error is None
    assert "headwater.reset" in [event.raw["event_type"] for event in events if event.event_type == "UNKNOWN"]
    assert stream.text == "Hello"


def test_a_silent_stream_stalls(side: Sync) -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.send(ENDLESS + created() + starts(0) + says(0, "Hel"))
        connection.stall()

    with Server(script) as server:
        stream = stream_of(side, server.client(), deadlines=Deadlines(content_gap=0.2), retry=ONCE)
        _, error = read(side, stream)
    assert isinstance(error, StreamStalled)
    assert error.deadline == "content_gap"


def test_cancelling_from_another_thread_ends_a_silent_stream(side: Sync) -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.send(ENDLESS + created() + starts(0) + says(0, "Hel"))
        connection.stall()

    with Server(script) as server:
        stream = stream_of(side, server.client(), raise_on_cancel=True)
        for _ in range(3):
            side.next(stream)
        threading.Timer(0.05, stream.cancel, ["enough"]).start()
        events, error = read(side, stream)
        server.closed_at()
    assert not events
    assert isinstance(error, StreamCancelled)
    assert stream.interaction.output_text == "Hel"
    assert stream.ending.kind is EndingKind.CANCELLED


def test_hooks_are_called(side: Sync) -> None:
    seen: list[Any] = []
    said: list[str] = []
    how_far: list[Any] = []
    with Server(body(answer("Hello ", "world"))) as server:
        stream = stream_of(
            side, server.client(), on_chunk=seen.append, on_text=said.append, on_progress=how_far.append, target_words=2
        )
        events, _ = read(side, stream)
    assert seen == events
    assert said == ["Hello ", "world"]
    assert [progress.words for progress in how_far][-1] == 2
    assert stream.progress.fraction == 1.0


def test_a_lost_connection_is_an_interruption(side: Sync) -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.chunk(created() + starts(0) + says(0, "Hel"))
        connection.close()

    with Server(script) as server:
        _, error = read(side, stream_of(side, server.client()))
    assert isinstance(error, StreamInterrupted)
    assert error.partial.output_text == "Hel"


@pytest.mark.parametrize(
    ("call", "options", "gap"),
    [
        ({}, {}, 300.0),
        ({"agent": "a", "model": None}, {}, 3600.0),
        ({"background": True}, {}, 3600.0),
        ({"agent": "a", "model": None, "deadlines": Deadlines(content_gap=5.0)}, {}, 5.0),
        ({"agent": "a", "model": None}, {"timeout": 7000}, 300.0),
    ],
)
def test_jobs_have_more_time(side: Sync, call: dict[str, Any], options: dict[str, Any], gap: float) -> None:
    with Server(body(answer("Hello"))) as server:
        stream = stream_of(side, server.client(**options), **call)
        deadlines = stream._machine._config.deadlines
        read(side, stream)
    assert deadlines.content_gap == gap


def test_a_stream_that_is_dropped_or_left_closes_its_connection(side: Sync) -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.send(ENDLESS + created() + starts(0) + says(0, "Hel"))
        connection.stall()

    with Server(script) as server:
        stream = stream_of(side, server.client(), stages=[smooth()], on_text=print)
        side.next(stream)
        gc.disable()
        try:
            del stream
            server.closed_at()
        finally:
            gc.enable()


def test_leaving_the_loop_closes_the_connection() -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.send(ENDLESS + created() + starts(0) + says(0, "Hel"))
        connection.stall()

    with Server(script) as server:
        stream = server.client().interactions.create(model="m", input="hi", stream=True)
        for event in stream.events():
            assert isinstance(event, Text)
            break
        server.closed_at()
        assert stream.ending is not None
        assert stream.ending.kind is EndingKind.CANCELLED

"""What interactions share with other streams: functions, continuation, structured answers, events, stages, views."""

from __future__ import annotations

import base64
import io
import threading
from typing import Any

import mcp
import pytest
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from pydantic import BaseModel

from headwater import genai
from headwater.core.answer.events import Call, CallProgress, End, Media, Reset, Result, Text, Thought, Usage
from headwater.errors import StreamInterrupted, StreamTruncated, WireError
from headwater.protocols import AiSdk, aencoded, encoded
from headwater.streaming import EndingKind, coalesce, smooth
from headwater.types import Part
from headwater.types.interactions.base import plain
from headwater.views import ashow, show
from tests.support.interaction_cases import (
    SOON,
    adds,
    answer,
    answer_of,
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
from tests.support.servers import ENDLESS, PATIENCE, Connection, Request, Server, scripted
from tests.support.sides import Async, Sync, run_async


def look(place: str) -> str:
    """Return the color of a place."""
    return f"{place} is blue"


def calling(id: str = "v1_a") -> list[bytes]:
    return [
        created(id),
        starts(0, "function_call", id="c1", name="look", arguments={}),
        adds(0, "arguments_delta", arguments='{"place":'),
        adds(0, "arguments_delta", arguments='"sky"}'),
        stops(0),
        completed(id, "requires_action"),
    ]


@pytest.mark.parametrize("store", [None, False])
def test_python_functions_are_called_and_the_answer_goes_on(side: Sync, store: bool | None) -> None:
    with Server(scripted(body(*calling()), body(answer("Blue.", id="v1_b")))) as server:
        stream = stream_of(side, server.client(), store=store, tools=[look])
        events, error = read(side, stream)
    assert error is None
    assert texts(events) == ["Blue."]
    assert stream.text == "Blue."
    result = {"type": "function_result", "call_id": "c1", "name": "look", "result": "sky is blue"}
    following = server.requests[1].json
    if store is None:
        assert following["previous_interaction_id"] == "v1_a"
        assert following["input"] == [result]
    else:
        call = {"type": "function_call", "id": "c1", "name": "look", "arguments": {"place": "sky"}}
        assert following["input"] == [{"type": "user_input", "content": [{"type": "text", "text": "hi"}]}, call, result]
    assert following["tools"] == server.requests[0].json["tools"]
    assert stream.usage_metadata.total_token_count == 18


def test_functions_are_called_for_whole_answers(side: Sync) -> None:
    call = {"type": "function_call", "id": "c1", "name": "look", "arguments": {"place": "sky"}}
    first = {"id": "v1_a", "status": "requires_action", "steps": [call], "usage": {"total_tokens": 1}}
    output = {"type": "model_output", "content": [{"type": "text", "text": "Blue."}]}
    second = {"id": "v1_b", "status": "completed", "steps": [output], "usage": {"total_tokens": 2}}
    answers = iter([first, second])
    with Server(lambda connection, request: connection.answer(next(answers))) as server:
        whole = answer_of(side, server.client(), tools=[look])
    assert (whole.id, whole.output_text) == ("v1_b", "Blue.")
    assert server.requests[1].json["previous_interaction_id"] == "v1_a"


def test_calls_of_functions_that_are_declared_by_hand_are_left_to_the_caller(side: Sync) -> None:
    with Server(body(*calling())) as server:
        stream = stream_of(side, server.client(), tools=[{"type": "function", "name": "look"}])
        _, error = read(side, stream)
    assert error is None
    assert stream.interaction.status == "requires_action"
    assert stream.interaction.steps[0].arguments == {"place": "sky"}
    assert stream.ending.is_whole


def hops(unary: bool = False) -> list[Any]:
    def whole(id: str, status: str, text: str, **fields: Any) -> Any:
        steps = [{"type": "model_output", "content": [{"type": "text", "text": text}]}]
        usage = {"total_tokens": 3, "total_input_tokens": 2, "total_output_tokens": 1}
        return {"id": id, "status": status, "steps": steps, "usage": usage, **fields}

    if unary:
        found = [
            whole("v1_a", "requires_continuation", "One ", continuation_token="t1"),
            whole("v1_b", "completed", "two"),
        ]
        return [lambda connection, request, found=found: connection.answer(found.pop(0))]
    first = [created(), starts(0), says(0, "One "), stops(0)]
    end = completed("v1_a", "requires_continuation", continuation_token="t1")
    return [body(*first, end), body(answer("two", id="v1_b"))]


@pytest.mark.parametrize("unary", [False, True])
@pytest.mark.parametrize("store", [None, False])
def test_an_answer_that_the_api_cuts_short_is_continued(side: Sync, store: bool | None, unary: bool) -> None:
    with Server(scripted(*hops(unary))) as server:
        if unary:
            whole = answer_of(side, server.client(), store=store)
        else:
            whole = side.do(stream_of(side, server.client(), store=store).collect())
    assert [step.content[0].text for step in whole.steps] == ["One ", "two"]
    assert (whole.id, whole.status) == ("v1_b", "completed")
    assert whole.continuation_ids == ["v1_a", "v1_b"]
    assert whole.usage.total_tokens == (6 if unary else 18)
    following = server.requests[1].json
    assert following["continuation_token"] == "t1"
    assert following.get("previous_interaction_id") == (None if store is False else "v1_a")
    assert ("input" in following) == (store is False)


@pytest.mark.parametrize("job", [{"background": True}, {"agent": "a", "model": None}])
def test_jobs_are_continued_by_the_api_itself(side: Sync, job: dict[str, Any]) -> None:
    with Server(scripted(*hops())) as server:
        stream = stream_of(side, server.client(), **job)
        _, error = read(side, stream)
    assert error is None
    assert len(server.requests) == 1
    assert stream.interaction.status == "requires_continuation"


def test_the_events_of_before_june_2026_are_refused_by_name(side: Sync) -> None:
    old = event("interaction.start", interaction={"id": "v1_a"}) + event("content.start", index=0, content={})
    with Server(body(old)) as server:
        _, error = read(side, stream_of(side, server.client()))
    assert isinstance(error, WireError)
    assert "June 2026" in str(error)


def checkpoint(token: str = "t1") -> bytes:
    fields = {"interaction_id": "v1_a", "status": "in_progress", "continuation_token": token}
    return event("interaction.status_update", **fields)


def test_a_break_after_a_checkpoint_is_continued_from_there(side: Sync) -> None:
    """What arrived after it arrives again, in an interaction of its own, and is left out."""
    first = [created(), starts(0), says(0, "Before. "), checkpoint(), says(0, "After "), says(0, "it")]
    again = [starts(0, content=[{"type": "text", "text": "Af"}]), says(0, "ter it, and "), says(0, "more."), stops(0)]
    with Server(scripted(body(*first), body(created("v1_b"), *again, completed("v1_b")))) as server:
        stream = stream_of(side, server.client(), store=False, on_break="continue", retry=SOON)
        events, error = read(side, stream)
    assert error is None
    assert texts(events) == ["Before. ", "After ", "it", ", and ", "more."]
    assert stream.text == "Before. After it, and more."
    assert server.requests[1].json["continuation_token"] == "t1"
    assert server.requests[1].json["input"] == "hi"


def test_a_break_at_a_checkpoint_is_continued_in_any_case(side: Sync) -> None:
    """Nothing has arrived since, so nothing can be said twice."""
    first = [created(), starts(0), says(0, "Before. "), checkpoint()]
    rest = [created("v1_b"), starts(0), says(0, "After."), stops(0), completed("v1_b")]
    with Server(scripted(body(*first), body(*rest))) as server:
        client = server.client()
        whole = side.do(stream_of(side, client, store=False, retry=SOON).collect())
        assert whole.output_text == "Before. After."
        assert server.requests[1].json["continuation_token"] == "t1"
    with Server(body(*first)) as server:
        stream = stream_of(side, server.client(), store=False, automatic_continuation=False, retry=SOON)
        _, error = read(side, stream)
    assert isinstance(error, StreamTruncated)
    assert error.partial.continuation_token == "t1"


def test_an_interaction_that_is_gone_is_continued_from_its_checkpoint(side: Sync) -> None:
    """Also if the next one breaks: what it repeated is known to be repeated."""

    def gone(connection: Connection, request: Request) -> None:
        connection.answer({"error": {"code": "not_found", "message": "gone"}}, "404 Not Found")

    first = body(created(), starts(0), says(0, "Before. "), checkpoint(), says(0, "After it"))
    second = [created("v1_b"), starts(0), says(0, "After it, and ")]
    rest = body(*second, says(0, "more."), stops(0), completed("v1_b"))
    with Server(scripted(first, gone, body(*second), rest)) as server:
        stream = stream_of(side, server.client(), on_break="continue", retry=SOON)
        events, error = read(side, stream)
    assert error is None
    assert stream.text == "Before. After it, and more."
    assert texts(events) == ["Before. ", "After it", ", and ", "more."]
    assert [request.path.rpartition("/")[2] for request in server.requests] == [
        "interactions",
        "v1_a",
        "interactions",
        "v1_b",
    ]
    assert server.requests[2].json["previous_interaction_id"] == "v1_a"


def test_another_text_after_a_checkpoint_is_an_error(side: Sync) -> None:
    first = [created(), starts(0), says(0, "Before. "), checkpoint(), says(0, "After it")]
    second = [created("v1_b"), starts(0), says(0, "Later"), stops(0), completed("v1_b")]
    with Server(scripted(body(*first), body(*second))) as server:
        stream = stream_of(side, server.client(), store=False, on_break="continue", retry=SOON)
        _, error = read(side, stream)
    assert isinstance(error, StreamInterrupted)
    assert stream.text == "Before. After it"


def test_continuing_can_be_turned_off(side: Sync) -> None:
    with Server(scripted(*hops())) as server:
        stream = stream_of(side, server.client(), automatic_continuation=False)
        _, error = read(side, stream)
    assert error is None
    assert len(server.requests) == 1
    assert stream.ending.kind is EndingKind.TRUNCATED
    assert stream.interaction.status == "requires_continuation"


class Color(BaseModel):
    name: str
    tags: list[str]


def test_a_model_class_is_parsed_and_grows(side: Sync) -> None:
    is_read = threading.Event()

    def script(connection: Connection, request: Request) -> None:
        connection.send(ENDLESS + created() + starts(0) + says(0, '{"name": "blue", "tags": ["a", '))
        is_read.wait(PATIENCE)
        connection.send(says(0, '"b"]}') + stops(0) + completed())
        connection.close()

    with Server(script) as server:
        stream = stream_of(side, server.client(), response_format=Color)
        for _ in range(3):
            side.next(stream)
        assert stream.partial == {"name": "blue", "tags": ["a"]}
        is_read.set()
        assert side.read(stream.items("tags")) == ["a", "b"]
    assert stream.interaction.parsed == Color(name="blue", tags=["a", "b"])
    assert "_parse" not in plain(stream.interaction)
    with Server(body(answer('{"name": "blue"}'))) as server:
        stream = stream_of(side, server.client())
        read(side, stream)
    assert stream.interaction.parsed is None


def test_events_tell_what_happens(side: Sync) -> None:
    image = base64.b64encode(b"png").decode()
    first = [
        created(),
        starts(0, "thought", summary=[{"type": "text", "text": "Hm. "}]),
        adds(0, "thought_summary", content={"type": "text", "text": "Well."}),
        stops(0),
        starts(1, content=[{"type": "text", "text": "A "}]),
        says(1, "picture"),
        adds(1, "image", mime_type="image/png", data=image),
        stops(1),
        starts(2, "function_call", id="c1", name="look", arguments={"place": "sky"}),
        stops(2),
        completed("v1_a", "requires_action"),
    ]
    with Server(scripted(body(*first), body(answer("Blue.", id="v1_b")))) as server:
        stream = stream_of(side, server.client(), tools=[look])
        events = side.read(stream.events())
    kinds = [type(event) for event in events]
    assert kinds == [Thought, Thought, Text, Text, Media, Call, Usage, Result, Text, Usage, End]
    assert [event.text for event in events if isinstance(event, Thought)] == ["Hm. ", "Well."]
    assert next(event for event in events if isinstance(event, Call)).call.args == {"place": "sky"}
    assert next(event for event in events if isinstance(event, Media)).part.inline_data.data == b"png"
    assert [event.snapshot for event in events if isinstance(event, Text)] == ["A ", "A picture", "Blue."]


def test_a_reader_of_events_is_told_of_a_restart(side: Sync) -> None:
    with Server(scripted(body(created(), starts(0), says(0, "Hel")), body(answer("Hello", id="v1_b")))) as server:
        stream = stream_of(side, server.client(), on_break="restart", retry=SOON)
        events = side.read(stream.events())
    assert [type(event) for event in events] == [Text, Reset, Text, Usage, End]


@pytest.mark.parametrize("stage", [smooth(delay=0.05), coalesce(count=3), smooth("character", delay=0.02)])
def test_stages_change_the_texts_and_lose_no_event(side: Sync, stage: Any) -> None:
    first = [created(), starts(0, "thought"), adds(0, "thought_summary", content={"type": "text", "text": "a b c "})]
    steps = [stops(0), starts(1), says(1, "one two "), says(1, "three "), says(1, "four"), stops(1)]
    more = [starts(2), says(2, "five "), adds(2, "image", mime_type="image/png", uri="u"), says(2, "six"), stops(2)]
    with Server(body(*first, *steps, *more, completed())) as server:
        client = server.client()
        plainly = stream_of(side, client)
        expected, _ = read(side, plainly)
        stream = stream_of(side, client, stages=[stage])
        events, error = read(side, stream)
    assert error is None
    fold = stream._machine._rules.new_fold()
    for each in events:
        fold.add(each)
    assert plain(fold.response) == plain(plainly.interaction) == plain(stream.interaction)
    others = [plain(event) for event in expected if not texts([event])]
    assert [
        found for found in (plain(event) for event in events if not texts([event])) if "summary" not in str(found)
    ] == [event for event in others if "summary" not in str(event)]
    assert texts(events) != texts(expected)


def test_observers_are_told_in_the_words_they_know(side: Sync) -> None:
    """Logs, traces and metrics work for interactions without knowing them."""
    seen: list[Any] = []

    class Watcher:
        def begin(self, request: Any) -> Any:
            seen.append(request)
            return self

        def retrying(self, event: Any) -> None:
            seen.append(event)

        def ended(self, call: Any) -> None:
            seen.append(call)

    call = [starts(1, "function_call", id="c1", name="look", arguments={"place": "sky"}), stops(1)]
    with Server(body(created(), starts(0), says(0, "Hello"), stops(0), *call, completed())) as server:
        stream = stream_of(
            side,
            server.client(),
            model="models/m",
            system_instruction="Be brief.",
            generation_config={"temperature": 0.5, "max_output_tokens": 7},
            response_format={"type": "text", "mime_type": "application/json", "schema": {}},
            observers=[Watcher()],
        )
        read(side, stream)
    request, finished = seen
    assert (request.method, request.model, request.is_stream) == ("interactions.create", "m", True)
    assert request.settings == {"temperature": 0.5, "maxOutputTokens": 7, "responseMimeType": "application/json"}
    assert request.document["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]
    assert request.document["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    response = finished.response
    assert (response.text, response.response_id, response.model_version) == ("Hello", "v1_a", "m")
    assert response.function_calls[0].args == {"place": "sky"}
    assert response.usage_metadata.total_token_count == 9
    assert (str(response.candidates[0].finish_reason), finished.ending.kind) == ("STOP", EndingKind.FINISHED)
    assert finished.text == "Hello"
    assert len(finished.gaps) == finished.metrics.chunks - 1
    assert finished.usage_metadata.prompt_token_count == 4


def test_observers_are_told_of_whole_answers_and_of_conversations(side: Sync) -> None:
    seen: list[Any] = []

    class Watcher:
        def begin(self, request: Any) -> Any:
            seen.append(request)
            return self

        def ended(self, call: Any) -> None:
            seen.append(call)

    output = {"type": "model_output", "content": [{"type": "text", "text": "Blue."}]}
    whole = {"id": "v1_b", "status": "completed", "steps": [output], "model": "m"}
    given = [
        {"type": "user_input", "content": [{"type": "text", "text": "What is this?"}]},
        {"type": "user_input", "content": [{"type": "image", "mime_type": "image/png", "data": "iVBO"}]},
        {"type": "model_output", "content": [{"type": "text", "text": "A picture."}]},
        {"type": "function_call", "id": "c1", "name": "look", "arguments": {}},
        {"type": "function_result", "call_id": "c1", "name": "look", "result": "blue"},
        {"type": "user_input", "content": [{"type": "document", "mime_type": "application/pdf", "uri": "u"}]},
    ]
    with Server(lambda connection, request: connection.answer(whole)) as server:
        client = server.client()
        answer_of(side, client, input=given, observers=[Watcher()])
        side.call(client, "interactions.get", id="v1_b", observers=[Watcher()])
    request, finished, again, _ = seen
    assert (finished.response.text, finished.response.response_id) == ("Blue.", "v1_b")
    assert [turn["role"] for turn in request.document["contents"]] == ["user", "model", "user"]
    assert request.document["contents"][0]["parts"][1] == {"inlineData": {"mimeType": "image/png"}}
    assert request.document["contents"][1]["parts"][1]["functionCall"]["name"] == "look"
    assert request.document["contents"][2]["parts"][0]["functionResponse"]["response"] == {"result": "blue"}
    assert request.document["contents"][2]["parts"][1]["fileData"]["fileUri"] == "u"
    assert (again.method, again.model) == ("interactions.get", "v1_b")


def test_a_stream_is_shown_in_a_terminal(side: Sync) -> None:
    file = io.StringIO()
    thought = [starts(0, "thought", summary=[{"type": "text", "text": "Hm."}]), stops(0)]
    with Server(
        body(created(), *thought, starts(1), says(1, "Hello "), says(1, "world"), stops(1), completed())
    ) as server:
        stream = stream_of(side, server.client())
        whole = side.do(ashow(stream, file=file) if isinstance(side, Async) else show(stream, file=file))
    assert whole.output_text == "Hello world"
    assert "Hello world" in file.getvalue()


def test_a_stream_is_written_for_a_front_end(side: Sync) -> None:
    """``useChat`` and AG-UI read an interaction without knowing it."""
    call = [starts(1, "function_call", id="c1", name="look", arguments={}), adds(1, "arguments_delta", arguments="{}")]
    events = [created(), starts(0), says(0, "Hello"), adds(0, "image", mime_type="image/png", data="iVBO"), stops(0)]
    with Server(body(*events, *call, stops(1), completed())) as server:
        stream = stream_of(side, server.client())
        pieces = side.read(aencoded(stream, AiSdk())) if isinstance(side, Async) else list(encoded(stream, AiSdk()))
    written = b"".join(pieces)
    for part in (b'"delta":"Hello"', b'"toolName":"look"', b"data:image/png;base64,iVBO", b'"finish"', b"[DONE]"):
        assert part in written


def test_a_session_of_an_mcp_server_is_a_tool() -> None:
    """Its tools are declared and called, and their progress is reported among the events."""
    station = MCPServer("station")

    @station.tool()
    async def look(place: str, ctx: Context) -> str:
        """Return the color of a place."""
        await ctx.report_progress(1, 2, "looking")
        return f"{place} is blue"

    async def scenario(client: genai.Client) -> list[Any]:
        async with mcp.Client(station) as session:
            stream = await client.aio.interactions.create(model="m", input="hi", tools=[session], stream=True)
            return [event async for event in stream.events()]

    with Server(scripted(body(*calling()), body(answer("Blue.", id="v1_b")))) as server:
        events = run_async(scenario(server.client()))
    assert [type(event) for event in events] == [Call, Usage, CallProgress, Result, Text, Usage, End]
    first, second = [request.json for request in server.requests]
    assert [tool["name"] for tool in first["tools"]] == ["look"]
    [result] = second["input"]
    assert (result["type"], result["call_id"], result["name"]) == ("function_result", "c1", "look")
    assert "sky is blue" in str(result["result"])


def test_files_that_a_function_returns_are_sent_as_content(side: Sync) -> None:
    def look(place: str) -> Any:
        """Return a picture."""
        return Part.from_bytes(data=b"png", mime_type="image/png")

    with Server(scripted(body(*calling()), body(answer("Blue.", id="v1_b")))) as server:
        read(side, stream_of(side, server.client(), tools=[look]))
    [result] = server.requests[1].json["input"]
    image = {"type": "image", "mime_type": "image/png", "data": base64.b64encode(b"png").decode()}
    assert result["result"] == [image]


def test_a_function_that_fails_is_an_error_for_the_model(side: Sync) -> None:
    def look(place: str) -> Any:
        """Fail."""
        raise ValueError("no light")

    with Server(scripted(body(*calling()), body(answer("Dark.", id="v1_b")))) as server:
        choice = {"tool_choice": "any"}
        _, error = read(side, stream_of(side, server.client(), tools=[look], generation_config=choice))
    assert error is None
    following = server.requests[1].json
    assert following["input"][0]["is_error"] is True
    assert following["input"][0]["result"] == "ValueError: no light"
    assert following["generation_config"] == {"tool_choice": "auto"}, "or the model would have to call forever"

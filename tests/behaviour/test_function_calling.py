"""Functions that the model calls: run in the middle of a call, answered, and the same call goes on."""

from __future__ import annotations

from typing import Any

import pytest

from headwater import genai
from headwater.client.groups.history import TurnState
from headwater.errors import ParseError, ServerError, StreamInterrupted, UsageError
from headwater.streaming import Call, End, EndingKind, Result, Text
from headwater.types import Content, Part
from tests.support.call_cases import DONE, TWICE, Tools, answers, calls, results
from tests.support.servers import Connection, Request, Server, refuses, says


@pytest.fixture
def tools() -> Tools:
    return Tools()


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_function_is_run_and_the_answer_follows(side: Any, tools: Tools, stream: bool) -> None:
    """The model's turn goes back as it came, with its signature; the result follows it with the call's id."""
    call = calls(("add", {"a": 1, "b": 2}))
    with Server(answers(call, DONE)) as server:
        config = {"tools": [tools.add]}
        if stream:
            chunks = side.read(side.stream(server.client(), config=config))
            assert [chunk.text for chunk in chunks] == ["", "done"]
            assert [len(chunk.automatic_function_calling_history) for chunk in chunks] == [0, 3]
            assert [chunk.function_calls and chunk.function_calls[0].name for chunk in chunks] == ["add", None]
            answer = chunks[-1]
        else:
            answer = side.ask(server.client(), config=config)
        first, second = server.requests
    assert tools.called == [(1, 2)]
    assert answer.text == "done"
    assert second.json["contents"] == [
        {"role": "user", "parts": [{"text": "hi"}]},
        call["candidates"][0]["content"],
        {
            "role": "user",
            "parts": [{"functionResponse": {"id": "c0", "name": "add", "response": {"result": 3}}}],
        },
    ]
    assert {**second.json, "contents": None} == {**first.json, "contents": None}
    asked, said, result = answer.automatic_function_calling_history
    assert (asked, said.role, result.role) == (Content(role="user", parts=[Part(text="hi")]), "model", "user")
    assert said.parts[0].thought_signature == b"signed"
    assert result.parts[0].function_response.response == {"result": 3}


def test_the_stream_is_the_last_answer_and_counts_them_all(side: Any, tools: Tools) -> None:
    """The text and response are those of the answer after the calls, the tokens those of all requests."""
    with Server(answers([says("let me see "), calls(("add", {"a": 1, "b": 2}))], DONE)) as server:
        stream = side.stream(server.client(), config={"tools": [tools.add]})
        chunks = side.read(stream)
    assert "".join(chunk.text for chunk in chunks) == "let me see done"
    assert (stream.text, stream.response.text) == ("done", "done")
    assert len(stream.response.automatic_function_calling_history) == 3
    assert stream.response.usage_metadata.total_token_count == 9
    assert stream.usage_metadata.total_token_count == 19
    metrics = stream.metrics
    assert (metrics.chunks, metrics.attempts, metrics.characters, metrics.prompt_tokens) == (3, 2, 15, 13)
    assert stream.ending.kind is EndingKind.FINISHED


def test_events_tell_of_the_call_its_result_and_the_new_text(side: Any, tools: Tools) -> None:
    """Snapshots begin anew with each answer."""
    with Server(answers([says("first "), calls(("add", {"a": 1, "b": 2}))], DONE)) as server:
        found = side.read(side.stream(server.client(), config={"tools": [tools.add]}).events())
    kinds = [event for event in found if isinstance(event, Text | Call | Result | End)]
    assert [type(event) for event in kinds] == [Text, Call, Result, Text, End]
    assert (kinds[1].call.name, kinds[2].response.response) == ("add", {"result": 3})
    assert (kinds[0].snapshot, kinds[3].snapshot) == ("first ", "done")


def test_errors_are_answered_to_the_model(side: Any, tools: Tools) -> None:
    """A function that raises, one that does not exist, arguments that do not fit: the model is told, nobody else."""
    wanted = calls(("fail", {"why": "no luck"}), ("nobody", {}), ("add", {"a": "x", "b": 2}), ("add", {"a": 1, "b": 1}))
    with Server(answers(wanted, DONE)) as server:
        assert side.ask(server.client(), config={"tools": [tools.add, tools.fail]}).text == "done"
        failed, unknown, unfit, good = results(server.requests[1])
    assert failed == {"id": "c0", "name": "fail", "response": {"error": "RuntimeError: no luck"}}
    assert unknown["response"] == {"error": "unknown function 'nobody'; the functions are: add, fail"}
    assert "expected a whole number" in unfit["response"]["error"]
    assert good == {"id": "c3", "name": "add", "response": {"result": 2}}


@pytest.mark.parametrize(
    ("automatic", "requests", "runs"),
    [
        (None, 10, 9),
        ({"maximum_remote_calls": 2}, 2, 1),
        ({"maximum_remote_calls": 1}, 1, 0),
        ({"maximum_remote_calls": 0}, 1, 0),
        ({"disable": True}, 1, 0),
    ],
)
def test_the_last_request_is_followed_by_no_function(
    side: Any, tools: Tools, automatic: Any, requests: int, runs: int
) -> None:
    """The calls that are not run are the caller's to answer."""
    with Server(answers(calls(("add", {"a": 1, "b": 2})))) as server:
        config = {"tools": [tools.add], "automatic_function_calling": automatic}
        answer = side.ask(server.client(), config=config)
        assert len(server.requests) == requests
    assert len(tools.called) == runs
    assert answer.function_calls[0].args == {"a": 1, "b": 2}
    assert len(answer.automatic_function_calling_history or []) == (1 + 2 * runs if runs else 0)


def test_declared_functions_beside_python_ones_leave_all_calls_to_the_caller(side: Any, tools: Tools) -> None:
    with Server(answers(calls(("lookup", {})))) as server:
        config = {"tools": [tools.add, {"function_declarations": [{"name": "lookup"}]}]}
        answer = side.ask(server.client(), config=config)
        assert len(server.requests) == 1
    assert answer.function_calls[0].name == "lookup"
    assert answer.automatic_function_calling_history is None


def test_history_can_be_left_out(side: Any, tools: Tools) -> None:
    with Server(answers(calls(("add", {"a": 1, "b": 2})), DONE)) as server:
        config = {"tools": [tools.add], "automatic_function_calling": {"ignore_call_history": True}}
        answer = side.ask(server.client(), config=config)
    assert (answer.text, answer.automatic_function_calling_history) == ("done", None)


def test_a_forced_model_may_answer_once_it_has_called(side: Any, tools: Tools) -> None:
    """With mode ANY it would have to call for ever."""
    forced = {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["add"]}}
    with Server(answers(calls(("add", {"a": 1, "b": 2})), DONE)) as server:
        assert side.ask(server.client(), config={"tools": [tools.add], "tool_config": forced}).text == "done"
        modes = [request.json["toolConfig"]["functionCallingConfig"] for request in server.requests]
    assert modes == [{"mode": "ANY", "allowedFunctionNames": ["add"]}, {"mode": "AUTO"}]


@pytest.mark.parametrize("finish", ["SAFETY", "MALFORMED_FUNCTION_CALL"])
def test_calls_of_an_answer_that_was_refused_are_not_run(side: Any, tools: Tools, finish: str) -> None:
    with Server(answers(calls(("add", {"a": 1, "b": 2}), finish=finish))) as server:
        side.ask(server.client(), config={"tools": [tools.add]})
        assert len(server.requests) == 1
    assert tools.called == []


def test_a_coroutine_function_in_sync_is_refused_before_anything_is_sent() -> None:
    async def add(a: int) -> int:
        return a

    with Server(answers(DONE)) as server:
        models = server.client().models
        for ask in (models.generate_content, models.generate_content_stream):
            with pytest.raises(UsageError, match=r"client\.aio"):
                ask(model="m", contents="hi", config={"tools": [add]})
        assert server.requests == []


def test_a_request_that_is_tried_again_runs_no_function_twice(side: Any, tools: Tools) -> None:
    busy = lambda connection, _: connection.answer(refuses(503, "UNAVAILABLE", "busy"), "503 Busy")  # noqa: E731
    with Server(answers(calls(("add", {"a": 1, "b": 2})), busy, DONE)) as server:
        stream = side.stream(server.client(), config={"tools": [tools.add]}, retry=TWICE)
        assert "".join(chunk.text for chunk in side.read(stream)) == "done"
        assert len(server.requests) == 3
        assert server.requests[1].body == server.requests[2].body
    assert tools.called == [(1, 2)]


def test_an_answer_that_begins_anew_runs_no_function_twice(side: Any, tools: Tools) -> None:
    def breaks(connection: Connection, _: Request) -> None:
        connection.begin()
        connection.event(says("do"))
        connection.reset()

    with Server(answers(calls(("add", {"a": 1, "b": 2})), breaks, DONE)) as server:
        stream = side.stream(server.client(), config={"tools": [tools.add]}, on_break="restart", retry=TWICE)
        chunks = side.read(stream)
    assert [chunk.text for chunk in chunks if not chunk.is_reset][-1] == "done"
    assert any(chunk.is_reset for chunk in chunks)
    assert stream.text == "done"
    assert tools.called == [(1, 2)]


def test_a_failure_after_calls_keeps_what_they_did(side: Any, tools: Tools) -> None:
    """The error has the calls and their results, so that nobody has to run the functions again."""
    broken = lambda connection, _: connection.answer(refuses(500, "INTERNAL", "no"), "500 No")  # noqa: E731
    with Server(answers(calls(("add", {"a": 1, "b": 2})), broken)) as server:
        chat = side.chat(server.client(), config={"tools": [tools.add]}, keep_partial=True)
        stream = side.do(chat.send_message_stream("hi"))
        with pytest.raises(ServerError) as caught:
            side.read(stream)
    history = caught.value.partial.automatic_function_calling_history
    assert history[2].parts[0].function_response.response == {"result": 3}
    assert caught.value.attempts == 2
    assert [turn.state for turn in chat.turns] == [TurnState.PARTIAL] * 4
    roles = [[content.role, len(content.parts)] for content in chat.get_history(curated=True)]
    assert roles == [["user", 1], ["model", 1], ["user", 1]]


def test_a_chat_remembers_calls_and_results(side: Any, tools: Tools) -> None:
    """One turn for each side each time, and the next message shows them all to the model."""
    two = answers(calls(("add", {"a": 1, "b": 2})), [says("do"), says("ne", "STOP")], DONE)
    with Server(two) as server:
        chat = side.chat(server.client(), config={"tools": [tools.add]})
        side.read(side.do(chat.send_message_stream("hi")))
        assert [content.role for content in chat.get_history()] == ["user", "model", "user", "model"]
        assert chat.get_history()[-1] == Content(role="model", parts=[Part(text="done")])
        assert chat.get_history(curated=True) == chat.get_history()
        side.do(chat.send_message("more"))
        sent = server.requests[2].json["contents"]
    kinds = ["text", "functionCall", "functionResponse", "text", "text"]
    assert all(kind in content["parts"][0] for kind, content in zip(kinds, sent, strict=True))
    assert sent[1]["parts"][0]["thoughtSignature"] == "c2lnbmVk"


def test_streamed_arguments_are_put_together_first(side: Any, tools: Tools) -> None:
    def piece(**call: Any) -> dict[str, Any]:
        return {"candidates": [{"content": {"role": "model", "parts": [{"functionCall": call}]}}]}

    pieces = [
        piece(name="add", id="c0", willContinue=True),
        piece(partialArgs=[{"jsonPath": "$.a", "numberValue": 20}], willContinue=True),
        piece(partialArgs=[{"jsonPath": "$.b", "numberValue": 22}], willContinue=True),
        piece(),
        says("", "STOP"),
    ]
    with Server(answers(pieces, DONE)) as server:
        assert side.read(side.stream(server.client(), config={"tools": [tools.add]}))[-1].text == "done"
        said = server.requests[1].json["contents"][1]["parts"]
    assert tools.called == [(20, 22)]
    assert [part["functionCall"] for part in said] == [{"name": "add", "id": "c0", "args": {"a": 20, "b": 22}}]


def test_the_offline_engine_calls_functions(side: Any) -> None:
    """No key and no network are needed to try a program with tools."""
    asked: list[str] = []

    def get_weather(city: str) -> dict[str, Any]:
        """Return today's weather of a city."""
        asked.append(city)
        return {"sky": "purple with dots"}

    client = genai.Client(api_key="k", http_options={"base_url": "offline:"})
    config = {"tools": [get_weather]}
    answer = side.ask(client, contents="What is the weather in Vienna and in Rome?", config=config)
    assert sorted(asked) == ["Rome", "Vienna"]
    assert answer.text.count("purple with dots") == 2


def test_what_was_cut_short_is_no_reason_to_run_anything(side: Any, tools: Tools) -> None:
    def breaks(connection: Connection, _: Request) -> None:
        connection.begin()
        connection.event(calls(("add", {"a": 1, "b": 2}), finish=None))
        connection.reset()

    with Server(answers(breaks)) as server, pytest.raises(StreamInterrupted):
        side.read(side.stream(server.client(), config={"tools": [tools.add]}))
    assert tools.called == []


def test_an_answer_of_calls_alone_has_nothing_to_parse(side: Any, tools: Tools) -> None:
    config = {
        "tools": [tools.add],
        "automatic_function_calling": {"disable": True},
        "response_schema": list[int],
        "response_mime_type": "application/json",
    }
    with Server(answers(calls(("add", {"a": 1, "b": 2})), says("none", "STOP"))) as server:
        client = server.client()
        assert side.ask(client, config=config).parsed is None
        with pytest.raises(ParseError):
            _ = side.ask(client, config=config).parsed

"""A ``RunAgentInput`` becomes the fields of a request to Gemini."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import UsageError
from headwater.protocols import read_run
from headwater.types import (
    Blob,
    CodeExecutionResult,
    Content,
    ExecutableCode,
    FileData,
    FunctionCall,
    FunctionResponse,
    Part,
    ToolCall,
    ToolResponse,
)

SIGNED = "gemini:c2lnbmVk"
USER = {"id": "1", "role": "user", "content": "hi"}


def asked(*messages: Any, **more: Any) -> Any:
    return read_run({"threadId": "t", "runId": "r", "messages": list(messages), **more})


def call(name: str = "f", arguments: str = '{"a":1}', **more: Any) -> dict[str, Any]:
    return {"id": "hw-1", "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def result(content: Any = '{"b":2}', **more: Any) -> dict[str, Any]:
    return {"id": "3", "role": "tool", "toolCallId": "hw-1", "content": content, **more}


def assistant(*calls: Any, **more: Any) -> dict[str, Any]:
    return {"id": "2", "role": "assistant", "toolCalls": list(calls), **more}


def test_run_is_a_request() -> None:
    """Instructions and context go into the system instruction, tools become declarations, state is the page's."""
    schema = {"type": "object", "properties": {}}
    run = asked(
        {"id": "0", "role": "developer", "content": "be brief"},
        USER,
        context=[{"description": "The city", "value": "Paris"}],
        tools=[{"name": "f", "description": "does", "parameters": schema}, {"name": "g", "description": ""}],
        state={"a": 1},
        forwardedProps={"b": 2},
    )
    assert (run.thread_id, run.run_id, run.state, run.forwarded) == ("t", "r", {"a": 1}, {"b": 2})
    assert run.request == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "systemInstruction": {"parts": [{"text": "be brief"}, {"text": "The city:\nParis"}]},
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "f", "description": "does", "parametersJsonSchema": schema},
                    {"name": "g", "description": ""},
                ]
            }
        ],
    }
    assert asked(USER).request == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"type": "text", "text": "a"}, Part(text="a")),
        (
            {"type": "image", "source": {"type": "data", "value": "YQ==", "mimeType": "image/png"}},
            Part(inline_data=Blob(data=b"a", mime_type="image/png")),
        ),
        (
            {"type": "document", "source": {"type": "url", "value": "https://a.test/b", "mimeType": "a/b"}},
            Part(file_data=FileData(file_uri="https://a.test/b", mime_type="a/b")),
        ),
        (
            {"type": "video", "source": {"type": "file", "value": "files/1"}},
            Part(file_data=FileData(file_uri="files/1")),
        ),
        (
            {"type": "binary", "mimeType": "audio/wav", "data": "YQ=="},
            Part(inline_data=Blob(data=b"a", mime_type="audio/wav")),
        ),
    ],
)
def test_content_parts_are_said(part: dict[str, Any], said: Part) -> None:
    content = [part, {"type": "of-a-kind-that-is-new"}]
    assert asked({"id": "1", "role": "user", "content": content}).contents == [Content(role="user", parts=[said])]


def test_call_and_result_are_two_turns() -> None:
    """Text and calls are one; a call without a result is left out, as the API would refuse it."""
    for content, response in (('{"b":2}', {"b": 2}), ("text", {"result": "text"}), ("[1]", {"result": [1]})):
        run = asked(USER, assistant(call(encryptedValue=SIGNED), content="I look."), result(content))
        function = FunctionCall(name="f", args={"a": 1})
        assert run.contents[1:] == [
            Content(role="model", parts=["I look.", Part(function_call=function, thought_signature=b"signed")]),
            Content(role="user", parts=[Part(function_response=FunctionResponse(name="f", response=response))]),
        ]
    failed = asked(USER, assistant(call()), result("", error="no")).contents[-1]
    assert failed.parts[0].function_response.response == {"error": "no"}
    parts = asked(USER, assistant(call()), result([{"type": "text", "text": "a"}])).contents[-1]
    assert parts.parts[0].function_response.response == {"result": "a"}
    assert asked(USER, assistant(call()), {"id": "4", "role": "user", "content": "never mind"}).contents == [
        Content(role="user", parts=["hi", "never mind"])
    ]


def test_tools_of_google_go_back_as_what_they_were() -> None:
    code, search = call("code_execution", '{"language":"PYTHON","code":"1"}'), call("server:GOOGLE_SEARCH_WEB", "{}")
    (_, model) = asked(USER, assistant(code), result('{"outcome":"OUTCOME_OK","output":"1"}')).contents
    assert model.parts == [
        Part(executable_code=ExecutableCode(code="1", language="PYTHON")),
        Part(code_execution_result=CodeExecutionResult(outcome="OUTCOME_OK", output="1")),
    ]
    (_, model) = asked(USER, assistant(search), result('{"a":1}')).contents
    assert model.parts == [
        Part(tool_call=ToolCall(tool_type="GOOGLE_SEARCH_WEB", args={})),
        Part(tool_response=ToolResponse(tool_type="GOOGLE_SEARCH_WEB", response={"a": 1})),
    ]


def test_signatures_go_back_and_thoughts_do_not() -> None:
    """Only ours: what another agent encrypted means nothing to Gemini."""
    thought = {"id": "5", "role": "reasoning", "content": "hm"}
    for value in (None, "of another agent", "gemini:!"):
        told = {} if value is None else {"encryptedValue": value}
        assert len(asked(USER, thought | told, {"id": "6", "role": "activity", "content": {}}).contents) == 1
    (_, model) = asked(
        USER, thought | {"encryptedValue": SIGNED}, assistant(content="a", encryptedValue=SIGNED)
    ).contents
    assert model.parts == [
        Part(text="hm", thought=True, thought_signature=b"signed"),
        Part(text="a", thought_signature=b"signed"),
    ]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "the body is the RunAgentInput"),
        ({}, "messages is a list of objects"),
        ({"messages": []}, "are empty"),
        ({"messages": [USER]}, "threadId is a text"),
        ({"messages": [{"role": "robot"}]}, "has no role"),
        ({"messages": [{"role": "user"}]}, "content is a list of objects"),
        ({"messages": [{"role": "assistant", "content": [{}]}]}, "the content of an assistant is a text"),
        ({"messages": [result()]}, "a call that no earlier message"),
        ({"messages": [assistant(call(arguments="{")), result()]}, "arguments is the JSON text of an object"),
        ({"messages": [assistant({"id": "1"}), result()]}, "name is a text"),
        ({"messages": [assistant(call()), result(5)]}, "the content of a tool's message is a text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "has no source"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "x", "value": ""}}]}]},
            "a source is",
        ),
        ({"messages": [USER], "threadId": "t", "runId": "r", "tools": [{}]}, "tools[0]: name is a text"),
    ],
)
def test_bad_input_is_refused_in_words(document: Any, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_run(document)
    assert says in str(caught.value)

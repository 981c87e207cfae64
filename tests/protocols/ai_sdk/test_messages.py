"""Messages of ``useChat`` become what Gemini is to be told, and saved contents become messages."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import UsageError
from headwater.protocols import read_messages, ui_messages
from headwater.protocols.tool_names import CUT
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

SIGNED = {"google": {"thoughtSignature": "c2lnbmVk"}}
USER = {"id": "1", "role": "user", "parts": [{"type": "text", "text": "hi"}]}


def answered(*parts: dict[str, Any]) -> list[Content]:
    """The contents of one message of the assistant."""
    read = read_messages([USER, {"id": "2", "role": "assistant", "parts": list(parts)}])
    assert read.contents[0] == Content(role="user", parts=["hi"])
    return read.contents[1:]


def tool(state: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool-f", "toolCallId": "hw-1", "state": state, "input": {"a": 1}, **more}


def called(response: Any, **more: Any) -> list[Content]:
    return [
        Content(role="model", parts=[Part(function_call=FunctionCall(name="f", args={"a": 1}), **more)]),
        Content(role="user", parts=[Part(function_response=FunctionResponse(name="f", response=response))]),
    ]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"type": "text", "text": "a", "state": "done"}, Part(text="a")),
        ({"type": "text", "text": "a", "providerMetadata": SIGNED}, Part(text="a", thought_signature=b"signed")),
        (
            {"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,YQ=="},
            Part(inline_data=Blob(data=b"a", mime_type="image/png")),
        ),
        (
            {"type": "file", "mediaType": "image", "url": "data:image/webp;base64,YQ"},
            Part(inline_data=Blob(data=b"a", mime_type="image/webp")),
        ),
        (
            {"type": "file", "mediaType": "text/plain", "url": "data:,a%20b"},
            Part(inline_data=Blob(data=b"a b", mime_type="text/plain")),
        ),
        (
            {"type": "file", "mediaType": "application/pdf", "url": "https://a.test/b.pdf", "filename": "b.pdf"},
            Part(file_data=FileData(file_uri="https://a.test/b.pdf", mime_type="application/pdf")),
        ),
        (
            {"type": "file", "mediaType": "video/*", "url": "gs://a/b"},
            Part(file_data=FileData(file_uri="gs://a/b")),
        ),
        (
            {"type": "file", "mediaType": "a/b", "url": "", "providerReference": {"google": "https://g.test/files/1"}},
            Part(file_data=FileData(file_uri="https://g.test/files/1", mime_type="a/b")),
        ),
    ],
)
def test_text_and_files_are_said(part: dict[str, Any], said: Part) -> None:
    """By the user and by the model."""
    read = read_messages([{"id": "1", "role": "user", "parts": [part]}])
    assert read.contents == [Content(role="user", parts=[said])]
    assert answered(part) == [Content(role="model", parts=[said])]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "text": ""},
        {"type": "reasoning", "text": "hm"},
        {"type": "source-url", "sourceId": "1", "url": "https://a.test"},
        {"type": "data-usage", "data": {}},
        {"type": "step-start"},
        {"type": "of-a-kind-that-is-new"},
        {},
        tool("input-streaming"),
        tool("input-available"),
        tool("approval-requested"),
        tool("output-error", errorText=CUT),
    ],
)
def test_what_is_for_the_page_alone_is_left_out(part: dict[str, Any]) -> None:
    """So are calls without an answer, which the API would refuse."""
    assert answered(part) == []


@pytest.mark.parametrize(
    ("part", "response"),
    [
        (tool("output-available", output={"b": 2}), {"b": 2}),
        (tool("output-available", output="text"), {"result": "text"}),
        (tool("output-available", output=None), {"result": None}),
        (tool("output-error", errorText="no"), {"error": "no"}),
        (tool("output-denied", approval={"id": "1", "approved": False, "reason": "never"}), {"error": "never"}),
        (
            tool("approval-responded", approval={"id": "1", "approved": False}),
            {"error": "the user does not want this tool to be called"},
        ),
        ({**tool("output-available", output=[1]), "type": "dynamic-tool", "toolName": "f"}, {"result": [1]}),
    ],
)
def test_call_and_its_output_are_two_contents(part: dict[str, Any], response: Any) -> None:
    """An id that was made here is not told."""
    assert answered(part) == called(response)


def test_signatures_and_ids_of_the_model_go_back() -> None:
    part = tool("output-available", output={}, callProviderMetadata=SIGNED) | {"toolCallId": "theirs"}
    model, user = answered(part)
    assert model.parts == [
        Part(function_call=FunctionCall(id="theirs", name="f", args={"a": 1}), thought_signature=b"signed")
    ]
    assert user.parts == [Part(function_response=FunctionResponse(id="theirs", name="f", response={}))]
    thought = {"type": "reasoning", "text": "hm", "providerMetadata": SIGNED}
    assert answered(thought) == [
        Content(role="model", parts=[Part(text="hm", thought=True, thought_signature=b"signed")])
    ]
    image = {"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,YQ=="}
    mark = {"type": "data-signature", "data": {"thoughtSignature": "c2lnbmVk"}}
    assert answered(image, mark)[0].parts == [
        Part(inline_data=Blob(data=b"a", mime_type="image/png"), thought_signature=b"signed")
    ]


def test_steps_are_contents_of_their_own() -> None:
    """One message: calls, results, the answer to them; and a message of the user that came in between."""
    start = {"type": "step-start"}
    contents = answered(
        start,
        {"type": "text", "text": "I look."},
        tool("output-available", output=1),
        start,
        {"type": "steering-message", "id": "3", "parts": [{"type": "text", "text": "hurry"}]},
        {"type": "text", "text": "It is 1."},
    )
    assert [content.role for content in contents] == ["model", "user", "user", "model"]
    assert contents[2] == Content(role="user", parts=["hurry"])


def test_what_was_void_is_not_told() -> None:
    """After a reset the model hears what came since; what functions answered before stays."""
    start, reset = {"type": "step-start"}, {"type": "data-reset", "data": {}}
    void = {"type": "text", "text": "void"}
    contents = answered(
        start, tool("output-available", output=1), start, void, start, reset, {"type": "text", "text": "b"}
    )
    assert contents == [*called({"result": 1}), Content(role="model", parts=["b"])]


def test_instructions_come_from_system_messages() -> None:
    read = read_messages([{"id": "0", "role": "system", "parts": [{"type": "text", "text": "be brief"}]}, USER])
    assert read.system_instruction == Content(parts=["be brief"])
    assert len(read.contents) == 1


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        (None, "messages is the list"),
        ([], "are empty"),
        ([{"role": "user", "parts": []}], "are empty"),
        (["hi"], "messages[0] is not a UIMessage"),
        ([{"role": "user", "content": "hi"}], "messages[0].parts is the list of its parts"),
        ([{"role": "user", "parts": ["hi"]}], "messages[0].parts is the list of its parts"),
        ([{"role": "tool", "parts": []}], 'role is "user"'),
        ([{"role": "user", "parts": [{"type": "text"}]}], "messages[0]: text is a text"),
        ([{"role": "user", "parts": [{"type": "file", "url": "blob:x"}]}], "begins with data:, https:// or gs://"),
        ([{"role": "user", "parts": [{"type": "file", "url": "file:///etc/passwd"}]}], "begins with data:"),
        ([{"role": "user", "parts": [{"type": "file", "url": "data:image/png;base64"}]}], "has a comma"),
        ([{"role": "user", "parts": [{"type": "file", "url": "data:a/b;base64,!"}]}], "is not base64"),
        (
            [
                {
                    "role": "user",
                    "parts": [{"type": "text", "text": "a", "providerMetadata": {"google": {"thoughtSignature": 1}}}],
                }
            ],
            "thoughtSignature is not base64",
        ),
        ([{"role": "assistant", "parts": [{"type": "tool-f"}]}], "messages[0].parts[0]: toolCallId is a text"),
    ],
)
def test_bad_messages_are_refused_in_words(messages: Any, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_messages(messages)
    assert says in str(caught.value)


CHAT = [
    Content(role="user", parts=["hi", Part(inline_data=Blob(data=b"a", mime_type="image/png"))]),
    Content(
        role="model",
        parts=[
            Part(text="I "),
            Part(text="look.", thought_signature=b"one"),
            Part(function_call=FunctionCall(name="f", args={"a": 1}), thought_signature=b"two"),
            Part(function_call=FunctionCall(id="7", name="f", args={})),
        ],
    ),
    Content(
        role="user",
        parts=[
            Part(function_response=FunctionResponse(name="f", response={"result": [1]})),
            Part(function_response=FunctionResponse(id="7", name="f", response={"error": "no"})),
        ],
    ),
    Content(
        role="model",
        parts=[
            Part(executable_code=ExecutableCode(code="1", language="PYTHON")),
            Part(
                code_execution_result=CodeExecutionResult(outcome="OUTCOME_OK", output="1"), thought_signature=b"three"
            ),
            Part(tool_call=ToolCall(id="8", tool_type="GOOGLE_SEARCH_WEB", args={"q": 1})),
            Part(tool_response=ToolResponse(id="8", tool_type="GOOGLE_SEARCH_WEB", response={"r": 2})),
            Part(file_data=FileData(file_uri="gs://b/f", mime_type="a/b")),
            Part(text="It is 1."),
        ],
    ),
    Content(role="user", parts=["thanks"]),
]


def test_saved_chat_is_opened_and_goes_back_the_same() -> None:
    """Call, result and answer are one message; what the page sends back is what was saved, text pieces merged."""
    messages = ui_messages(CHAT, prefix="chat-7-")
    assert [(message["id"], message["role"]) for message in messages] == [
        ("chat-7-0", "user"),
        ("chat-7-1", "assistant"),
        ("chat-7-2", "user"),
    ]
    ids = [part["toolCallId"] for message in messages for part in message["parts"] if "toolCallId" in part]
    assert len(set(ids)) == len(ids) == 4
    saved = [*CHAT]
    merged = [Part(text="I look.", thought_signature=b"one"), *(CHAT[1].parts or [])[2:]]
    saved[1] = Content(role="model", parts=merged)
    assert read_messages(messages).contents == saved


def test_thoughts_of_a_saved_chat_are_shown_and_not_told() -> None:
    (_, answer) = ui_messages([CHAT[0], Content(role="model", parts=[Part(text="hm", thought=True), Part(text="b")])])
    assert answer["parts"][1] == {"type": "reasoning", "text": "hm", "state": "done"}
    assert read_messages([USER, answer]).contents[1] == Content(role="model", parts=["b"])


def test_result_of_nothing_is_left_out() -> None:
    stray = Content(role="user", parts=[Part(function_response=FunctionResponse(name="g", response={}))])
    assert [message["parts"] for message in ui_messages([CHAT[0], Content(role="model", parts=["a"]), stray])][1:] == [
        [{"type": "step-start"}, {"type": "text", "text": "a", "state": "done"}]
    ]

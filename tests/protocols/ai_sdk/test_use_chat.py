"""``useChat`` of the AI SDK, majors 5, 6 and 7, against endpoints of one's own and those of the server.

``node/chats.mjs`` drives the published packages; ``chat_app.py`` is the server, ``scripts.py`` the model.
"""

from __future__ import annotations

from typing import Any

import pytest

MAJORS = ("5", "6", "7")


@pytest.fixture(scope="module", params=MAJORS)
def scenes(request: pytest.FixtureRequest, node: Any, chat_server: Any) -> tuple[int, dict[str, Any]]:
    """The major, and what came of every scene."""
    return int(request.param), node("chats.mjs", request.param, chat_server.chats)


@pytest.fixture
def scene(scenes: tuple[int, dict[str, Any]]) -> Any:
    """What came of one scene, by its name."""

    def get(name: str) -> Any:
        found = scenes[1][name]
        assert "failed" not in found, found["failed"]
        return found

    return get


def told(message: dict[str, Any]) -> list[tuple[str, Any]]:
    """The parts of a message that a reader sees: texts, and calls with their state."""
    return [
        (part["type"], part["text"] if "text" in part else part.get("state"))
        for part in message["parts"]
        if not part["type"].startswith("data-") and part["type"] != "step-start"
    ]


def part(message: dict[str, Any], kind: str) -> Any:
    return next(one for one in message["parts"] if one["type"] == kind)


def is_good(found: dict[str, Any], reason: str = "stop") -> None:
    assert (found["status"], found["errors"], found["finishes"][-1]["finishReason"]) == ("ready", [], reason)


def test_text_is_said(scene: Any) -> None:
    """A question gets its answer, whole, with the model, the tokens and the times beside it."""
    found = scene("send")
    is_good(found)
    user, answer = found["messages"]
    assert told(answer) == [("text", "Once upon a time.")]
    assert part(answer, "text")["state"] == "done"
    assert answer["metadata"] == {"model": "scripted-1"}
    usage = {"inputTokens": 3, "outputTokens": 6, "totalTokens": 9, "reasoningTokens": 2}
    assert part(answer, "data-usage")["data"] == usage
    assert user["id"] != answer["id"]


def test_thoughts_are_reasoning(scene: Any) -> None:
    """Thoughts are reasoning parts, apart from the text; the signature stays with the text."""
    found = scene("reasoning")
    is_good(found)
    answer = found["messages"][1]
    assert told(answer) == [("reasoning", "Let me think."), ("text", "I thought.")]
    assert part(answer, "text")["providerMetadata"] == {"google": {"thoughtSignature": "c2lnbmVk"}}


def test_all_that_gemini_says_is_taken(scene: Any, scenes: Any) -> None:
    """Code, images, Google's own tools, streamed arguments and sources: no chunk is refused by this major."""
    found = scene("everything")
    is_good(found, "tool-calls")
    answer = found["messages"][1]
    kinds = [kind for kind, _ in told(answer)]
    shown = ["reasoning-file"] if scenes[0] == 7 else []
    assert kinds == [
        "reasoning",
        "text",
        "tool-code_execution",
        "file",
        *shown,
        "dynamic-tool",
        "tool-get_weather",
        "text",
        "source-url",
        "source-document",
    ]
    assert part(answer, "tool-get_weather")["input"] == {"city": "Paris"}
    assert part(answer, "tool-code_execution")["output"] == {"outcome": "OUTCOME_OK", "output": "1\n"}
    assert part(answer, "source-url")["url"] == "https://rivers.test/"


def test_turns_and_files_are_sent(scene: Any) -> None:
    """The server understands a longer chat, and files."""
    is_good(scene("two_turns"))
    assert len(scene("two_turns")["messages"]) == 4
    is_good(scene("files"))


def test_tool_is_called_on_the_page_and_the_answer_goes_on(scene: Any, stage: Any) -> None:
    """Call, output and answer are one message; the model gets its signature back."""
    found = scene("tool")
    is_good(found)
    assert [finish["finishReason"] for finish in found["finishes"]] == ["tool-calls", "stop"]
    (_, answer) = found["messages"]
    assert told(answer) == [
        ("text", "I look. "),
        ("tool-get_weather", "output-available"),
        ("text", "It is {'celsius': 21}."),
    ]
    asked = next(one["contents"] for one in reversed(stage.asked) if len(one["contents"]) == 3)
    call = asked[1].parts[1]
    assert (call.function_call.args, call.thought_signature) == ({"city": "Paris"}, b"signed")
    assert asked[2].parts[0].function_response.response == {"celsius": 21}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("refused", "too many of you"),
        ("misread", 'messages[0]: role is "user", "assistant" or "system", not \'nobody\''),
        ("broken", "the model is overloaded"),
        ("broken_call", "the model is overloaded"),
    ],
)
def test_error_is_shown(scene: Any, name: str, error: str) -> None:
    """Before the stream or in the middle, the page gets a sentence; what had come stays, and nothing is left open."""
    found = scene(name)
    assert found["status"] == "error"
    assert len(found["errors"]) == 1
    assert error in found["errors"][0]
    last = found["messages"][-1]
    if name == "broken":
        assert (told(last), part(last, "text")["state"]) == ([("text", "half ")], "done")
    if name == "broken_call":
        assert told(last) == [("tool-get_weather", "output-error")]


def test_blocked_answer_says_so(scene: Any) -> None:
    is_good(scene("blocked"), "content-filter")


def test_stop_on_the_page_leaves_the_server_alone(scene: Any) -> None:
    """The page keeps what it has; it is only its own reading that has stopped."""
    found = scene("stop_here")
    assert found["finishes"][-1]["isAbort"]
    assert told(found["messages"][1]) == [("text", "0 1 ")]


@pytest.mark.parametrize("name", ["stop_there", "stop_in_call", "stop_after_call"])
def test_stop_on_the_server_ends_the_stream_well(scene: Any, scenes: Any, name: str) -> None:
    """A stopped answer ends as one that finished, in so many words; nothing is open; the page asks for no more."""
    found = scene(name)
    is_good(found, "interrupted" if scenes[0] == 7 else "other")
    answer = found["messages"][1]
    assert answer["metadata"]["cancelled"] is True
    assert "streaming" not in str([one.get("state") for one in answer["parts"]])
    assert len(found["requests"]) == 1
    assert not found["finishes"][-1]["isAbort"]  # the majors do not look at the abort chunk


def test_nothing_is_resumed_where_nothing_runs(scene: Any) -> None:
    found = scene("nothing_to_resume")
    assert (found["status"], found["errors"], found["messages"]) == ("ready", [], [])


@pytest.mark.parametrize(
    "name", ["resume_after_user", "resume_after_partial", "resume_after_disconnect_without_the_partial"]
)
def test_page_that_comes_back_gets_the_whole_answer(scene: Any, name: str) -> None:
    """Whether its last message is the user's or half the answer of the same id: no text is doubled or missing."""
    found = scene(name)
    is_good(found)
    assert [told(message) for message in found["messages"]] == [[("text", "hold")], [("text", "0 1 2 end")]]


def test_partial_of_another_id_stays_beside_the_answer(scene: Any) -> None:
    """So the id of a message has to be the same each time that its stream is read."""
    found = scene("resume_after_partial_of_another_id")
    assert [told(message) for message in found["messages"]][1:] == [[("text", "0 1 ")], [("text", "0 1 2 end")]]


def test_answer_that_went_on_after_a_tool_is_resumed_with_what_was_before(scene: Any) -> None:
    """A resume starts the message over: what it contained before this answer is sent again."""
    found = scene("resume_while_going_on")
    is_good(found)
    assert told(found["messages"][1]) == [
        ("text", "I look. "),
        ("tool-get_weather", "output-available"),
        ("text", "0 1 2 end"),
    ]


def test_where_major_5_doubles_what_had_come(scene: Any, scenes: Any) -> None:
    """In two cases 5 keeps what it has, and a replay doubles it; 6 and 7 know that a resume is a replay."""
    text, call = scene("resume_after_disconnect"), scene("resume_after_half_a_call")
    assert text["before"]["finishes"][-1]["isDisconnect"]
    doubled = scenes[0] == 5
    assert told(text["messages"][1]) == [*([("text", "0 1 ")] if doubled else []), ("text", "0 1 2 end")]
    half = [("tool-get_weather", "input-streaming")] if doubled else []
    assert told(call["messages"][1]) == [*half, ("tool-get_weather", "input-available"), ("text", "2 end")]

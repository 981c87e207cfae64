"""``HttpAgent`` of ``@ag-ui/client``, with its verifier, against an endpoint of one's own and that of the server."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="module")
def scenes(node: Any, chat_server: Any) -> dict[str, Any]:
    """What came of every scene in node/agents.mjs."""
    found: dict[str, Any] = node("agents.mjs", chat_server.agent)
    return found


@pytest.fixture
def scene(scenes: dict[str, Any]) -> Any:
    """What came of one scene, by its name."""

    def get(name: str) -> Any:
        found = scenes[name]
        assert "failed" not in found, found["failed"]
        return found

    return get


def said(found: dict[str, Any]) -> list[tuple[str, Any]]:
    """The role and the content of each message, of calls their arguments."""
    return [
        (
            message["role"],
            message.get("content") or [call["function"]["arguments"] for call in message.get("toolCalls") or ()],
        )
        for message in found["messages"]
    ]


def test_run_is_answered(scene: Any) -> None:
    """The text is one message; tokens come with the end of the run."""
    found = scene("send")
    assert found["error"] is None
    assert said(found) == [("user", "story"), ("assistant", "Once upon a time.")]
    end = found["events"][-1]
    assert end["type"] == "RUN_FINISHED"
    usage = {"inputTokens": 3, "outputTokens": 6, "totalTokens": 9, "reasoningTokens": 2}
    assert end["usage"] == [{"provider": "google", "model": "scripted-1", **usage}]


def test_thoughts_are_reasoning_and_signatures_come_back(scene: Any, stage: Any) -> None:
    """Thoughts are a message of their own; what the model signed it gets again."""
    found = scene("thought_again")
    assert said(found)[:3] == [("user", "think"), ("reasoning", "Let me think."), ("assistant", "I thought.")]
    asked = next(one["contents"] for one in reversed(stage.asked) if len(one["contents"]) == 3)
    assert [(part.text, part.thought_signature) for part in asked[1].parts] == [("I thought.", b"signed")]


def test_all_that_gemini_says_is_taken(scene: Any) -> None:
    """Code, images, Google's own tools, streamed arguments and sources pass the verifier."""
    found = scene("everything")
    assert found["error"] is None
    assert [event["name"] for event in found["events"] if event["type"] == "CUSTOM"] == [
        "file",
        "source",
        "source",
        "usage",
        "metrics",
    ]
    calls = [call for message in found["messages"] for call in message.get("toolCalls") or ()]
    names = [call["function"]["name"] for call in calls]
    assert names == ["code_execution", "server:GOOGLE_SEARCH_WEB", "get_weather"]
    assert calls[2]["function"]["arguments"] == '{"city":"Paris"}'


def test_tool_is_called_and_the_answer_goes_on(scene: Any, stage: Any) -> None:
    """The model is told of the tool, and gets its result and its own signature back."""
    found = scene("tool")
    assert found["error"] is None
    assert said(found)[-1] == ("assistant", "It is {'celsius': 21}.")
    asked = next(one["contents"] for one in reversed(stage.asked) if one["contents"][-1].parts[0].function_response)
    call = asked[1].parts[1]
    assert (call.function_call.name, call.thought_signature) == ("get_weather", b"signed")
    assert asked[2].parts[0].function_response.response == {"celsius": 21}


@pytest.mark.parametrize(
    ("name", "error"), [("refused", "too many of you"), ("broken", "overloaded"), ("broken_call", "overloaded")]
)
def test_error_ends_the_run(scene: Any, name: str, error: str) -> None:
    found = scene(name)
    assert found["events"][-1]["type"] == "RUN_ERROR"
    assert error in found["events"][-1]["message"]


def test_context_and_images_reach_the_model(scene: Any, stage: Any) -> None:
    for name in ("context", "image", "blocked"):
        assert scene(name)["error"] is None
    systems = [one["system"].parts[0].text for one in stage.asked if one["system"]]
    assert systems == ["The user's city:\nParis"]
    images = [part for one in stage.asked for part in one["contents"][0].parts if part.inline_data]
    assert images[0].inline_data.mime_type == "image/png"

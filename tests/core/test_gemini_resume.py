"""An answer goes on after a checkpoint, or from the words that the model is shown: nothing twice, nothing lost."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from headwater.core.machine.steps import Open
from headwater.errors import StreamInterrupted
from tests.support.broken import KEPT, Broken, body, said, texts
from tests.support.peers import ASKED

CALL = {"functionCall": {"name": "f", "args": {"a": 1}}}


def test_what_came_after_a_checkpoint_is_said_again_and_left_out() -> None:
    script = Broken()
    script.open()
    usage = {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 3, "totalTokenCount": 8}}
    came = texts(script.hear(said("one ", token="t1"), said("two ", **usage), said("three ")))
    script.failed("lost")
    request = script.open()
    assert body(request) == {**ASKED, "continuationToken": base64.b64encode(b"t1").decode()}
    came += texts(script.hear(said("tw"), said("o three"), said(" four", finish="STOP", **usage), b""))
    assert came == script.machine.snapshot.fold.text == "one two three four"
    assert script.stop() is None
    total = script.machine.snapshot.fold.usage_metadata
    assert (total.prompt_token_count, total.candidates_token_count, total.total_token_count) == (10, 6, 16)


def test_a_checkpoint_in_the_middle_of_what_is_said_again_counts() -> None:
    """What lies behind it is not forgotten when the line breaks once more."""
    script = Broken()
    script.open()
    came = texts(script.hear(said("A", token="t1"), said("BCD")))
    script.failed("lost")
    script.open()
    came += texts(script.hear(said("B", token="t2"), said("C")))
    script.failed("lost")
    assert body(script.open())["continuationToken"] == base64.b64encode(b"t2").decode()
    came += texts(script.hear(said("CDE", token="t3"), said("F")))
    script.failed("lost")
    script.open()
    came += texts(script.hear(said("FG", finish="STOP"), b""))
    assert came == script.machine.snapshot.fold.text == "ABCDEFG"
    assert script.stop() is None


def test_a_checkpoint_inside_what_a_model_repeats_is_none() -> None:
    """More than it stands for has been shown already."""
    script = Broken()
    script.open()
    came = texts(script.hear(said("It was a dark and stormy night")))
    script.failed("lost")
    script.open()
    came += texts(script.hear(said("dark and ", token="t1"), said("stormy night, and", token="t2"), said(" cold")))
    script.failed("lost")
    assert body(script.open())["continuationToken"] == base64.b64encode(b"t2").decode()
    came += texts(script.hear(said(" cold.", finish="STOP"), b""))
    assert came == script.machine.snapshot.fold.text == "It was a dark and stormy night, and cold."
    assert script.stop() is None


@pytest.mark.parametrize(
    "instead",
    [
        [said("one TWO")],
        [said("on"), said("ONE")],
        [said({"text": "one two", "thought": True})],
        [said(CALL)],
        [said("one", finish="STOP")],
    ],
)
def test_an_api_that_says_something_else_is_not_believed(instead: list[bytes]) -> None:
    script = Broken()
    script.open()
    script.hear(said("zero ", token="t"), said("one two"))
    script.failed("lost")
    script.open()
    came = texts(script.hear(*instead, b""))
    assert came == ""
    error = script.stop()
    assert isinstance(error, StreamInterrupted)
    assert "a different text" in str(error)
    assert error.partial.text == "zero one two"


def test_a_call_that_is_said_again_is_the_same_call_under_any_id() -> None:
    script = Broken()
    script.open()
    first = {"functionCall": {"name": "f", "id": "1", "args": {"a": 1}}, "thoughtSignature": "AAAA"}
    again = {"functionCall": {"name": "f", "id": "2", "args": {"a": 1}}, "thoughtSignature": "BBBB"}
    came = script.hear(said("so", token="t"), said(first))
    script.failed("lost")
    script.open()
    came += script.hear(
        said(again), said({"functionCall": {"name": "f", "id": "3", "args": {"a": 1}}}, finish="STOP"), b""
    )
    assert script.stop() is None
    ids = [call.id for chunk in came for call in chunk.function_calls or ()]
    assert ids == ["1", "3"], "and the second is another one"
    assert [call.id for call in script.machine.snapshot.fold.response.function_calls] == ["1", "3"]


@pytest.mark.parametrize("token", [None, "t"])
def test_half_a_function_call_is_never_put_together_of_two(token: str | None) -> None:
    half = {
        "functionCall": {"name": "f", "partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}], "willContinue": True}
    }
    script = Broken()
    script.open()
    script.hear(said("so", token=token), said(half))
    script.failed("lost")
    if token:
        script.open()
        script.hear(said(half), b"")
    error = script.stop()
    assert isinstance(error, StreamInterrupted)
    assert error.partial.function_calls is None
    assert script.machine.snapshot.fold.response.function_calls is None
    assert error.partial.text == "so"


@pytest.mark.parametrize("part", [CALL, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}])
def test_a_model_is_shown_text_alone(part: dict[str, Any]) -> None:
    script = Broken()
    script.open()
    script.hear(said("see: ", part))
    script.failed("lost")
    assert isinstance(script.stop(), StreamInterrupted)


def test_a_model_that_is_shown_its_words_has_what_is_left_of_its_tokens() -> None:
    script = Broken({**ASKED, "generationConfig": {"maxOutputTokens": 10, "temperature": 0}})
    for spent, left in ((4, 6), (3, 3)):
        script.open()
        script.hear(said(f"{spent} ", usageMetadata={"candidatesTokenCount": spent}))
        script.failed("lost")
        step = script.step()
        while not isinstance(step, Open):
            step = script.step()
        assert body(step.request)["generationConfig"] == {"maxOutputTokens": left, "temperature": 0}
        script.failed("stale")
    script.open()
    script.hear(said("rest", usageMetadata={"candidatesTokenCount": 3}))
    script.failed("lost")
    assert isinstance(script.stop(), StreamInterrupted), "there is nothing left"


def test_thoughts_are_not_thought_twice() -> None:
    script = Broken()
    script.open()
    script.hear(said({"text": "hm", "thought": True}), said("The answer "))
    script.failed("lost")
    script.open()
    came = script.hear(said({"text": "hm, again", "thought": True}), said("is 42.", finish="STOP"), b"")
    assert script.stop() is None
    fold = script.machine.snapshot.fold
    assert (fold.text, fold.thought_text, texts(came)) == ("The answer is 42.", "hm", "is 42.")
    assert not any(chunk.thought_text for chunk in came)


def test_held_back_text_is_not_lost_when_a_kept_stream_breaks_in_the_middle_of_it() -> None:
    script = Broken()
    script.open()
    came = texts(script.hear(said("It was a dark and stormy night")))
    script.failed("lost")
    script.open(**KEPT)
    assert script.hear(said("dark and")) == [], "which may be a repetition"
    script.failed("lost")
    assert script.open(**KEPT).headers["Headwater-After"] == "1"
    came += texts(script.hear(said(" grey morning.", finish="STOP"), b""))
    assert came == script.machine.snapshot.fold.text == "It was a dark and stormy nightdark and grey morning."
    assert script.stop() is None


def test_held_back_text_that_is_asked_for_again_comes_once() -> None:
    script = Broken()
    script.open()
    came = texts(script.hear(said("It was a dark and stormy night")))
    script.failed("lost")
    script.open()
    assert script.hear(said("dark and"), b"") == []
    script.open()
    came += texts(script.hear(said("dark and stormy night, and"), said(" cold.", finish="STOP"), b""))
    assert came == script.machine.snapshot.fold.text == "It was a dark and stormy night, and cold."
    assert script.stop() is None

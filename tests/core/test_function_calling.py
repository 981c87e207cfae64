"""A call in which functions are run: when, what is asked then, and what the clocks and counts say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.core.machine.function_calling import FunctionCalling
from headwater.core.machine.policy import Deadlines
from headwater.core.machine.states import State
from headwater.core.machine.steps import Close, Open, Run, Stop, Wait
from headwater.errors import DeadlineExceeded, ServerError, StreamStalled
from headwater.types import GenerateContentResponse
from tests.support.machines import BUSY, CALLS, END, HELLO, TRICE, Script, attempt, stopped
from tests.support.servers import says, sse


def calling(**options: Any) -> Script:
    """A call whose functions are to be run."""
    script = Script(**{"function_calling": FunctionCalling(5)} | options)
    script.step()
    script.opened()
    script.step()
    script.received(sse(CALLS), b"")
    script.texts()
    assert script.machine.snapshot.state is State.CALLING
    return script


def asked(script: Script) -> list[Any]:
    """The contents of the next request."""
    steps = [script.step(), script.step(), script.step()]
    assert [type(step) for step in steps] == [Close, Wait, Open]
    script.opened()
    contents: list[Any] = json.loads(steps[2].request.body).get("contents", [])
    return contents


def test_the_results_are_the_next_request() -> None:
    script = calling()
    step = script.step()
    assert isinstance(step, Run)
    assert [call.name for call in step.calls] == ["f"]
    script.answered({"result": 1})
    *_, said, result = asked(script)
    assert said == {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}
    assert result["role"] == "user"
    assert result["parts"][0]["functionResponse"] == {"name": "f", "response": {"result": 1}}
    script.received(END, b"")
    assert script.texts() == ["!"]
    assert script.stop() is None


def test_functions_are_never_asked_for_twice() -> None:
    script = calling()
    assert isinstance(script.step(), Run)
    with pytest.raises(RuntimeError, match="has not reported their results"):
        script.step()


def test_answers_after_a_cancel_change_nothing() -> None:
    script = calling()
    script.step()
    script.machine.cancel("enough")
    script.answered()
    assert script.machine.snapshot.ending is not None
    assert str(script.machine.snapshot.ending) == "cancelled"
    error = script.stop()
    assert error is not None
    assert error.partial.function_calls[0].name == "f"


def test_the_clocks_of_silence_stand_still_and_the_next_answer_has_its_own() -> None:
    """Functions may take hours; then the first content has as long as ever."""
    script = calling(deadlines=Deadlines(first_content=10.0, content_gap=5.0, byte_gap=None))
    script.step()
    script.now += 7200.0
    script.answered()
    asked(script)
    assert script.step().timeout == 10.0
    script.now += 9.0
    script.received(HELLO)
    assert script.step().text == "Hello "
    assert script.step().timeout == 5.0
    script.now += 6.0
    script.failed("timeout")
    error = script.stop()
    assert isinstance(error, StreamStalled)
    assert error.deadline == "content_gap"


def test_the_clock_of_the_whole_call_goes_on() -> None:
    """What functions have answered by then is kept."""
    script = calling(deadlines=Deadlines(total=60.0))
    script.step()
    script.now += 61.0
    script.answered()
    error = script.stop()
    assert isinstance(error, DeadlineExceeded)
    assert len(error.partial.automatic_function_calling_history) >= 2


def test_each_request_has_its_own_tries() -> None:
    """A failure before the calls leaves as many tries for the request after them."""
    script = Script(retry=TRICE, function_calling=FunctionCalling(5))
    for _ in range(2):
        attempt(script, 503, BUSY)
        assert [type(script.step()) for _ in range(2)] == [Close, Wait]
    script.begin()
    script.received(sse(CALLS), b"")
    script.texts()
    script.step()
    script.answered()
    assert [type(script.step()) for _ in range(2)] == [Close, Wait]
    for _ in range(2):
        attempt(script, 503, BUSY)
        assert [type(script.step()) for _ in range(2)] == [Close, Wait]
    attempt(script, 503, BUSY)
    error = script.stop()
    assert isinstance(error, ServerError)
    assert (error.attempts, error.phase) == (6, "head")


def test_time_in_functions_is_in_no_gap_and_no_rate() -> None:
    script = Script(function_calling=FunctionCalling(5))
    script.begin()
    script.now = 1.0
    script.received(sse(says("a", usageMetadata={"candidatesTokenCount": 1})))
    script.now = 2.0
    tokens = {"candidatesTokenCount": 11}
    script.received(sse({**CALLS, "usageMetadata": tokens}), b"")
    script.texts()
    script.step()
    script.now = 102.0
    script.answered()
    asked(script)
    script.step()
    script.now = 104.0
    script.received(sse(says("bc", "STOP", usageMetadata=tokens)), b"")
    script.texts()
    assert script.stop() is None
    metrics = script.machine.snapshot.metrics
    assert (metrics.functions, metrics.total, metrics.characters, metrics.tokens) == (100.0, 104.0, 3, 22)
    assert (metrics.gap_max, metrics.tokens_per_second) == (1.0, 21 / 3)


def test_an_answer_that_the_api_continues_is_whole_before_its_calls_are_run() -> None:
    """The text and the call of both parts are one turn of the model."""
    script = Script(function_calling=FunctionCalling(5))
    script.begin()
    short = says("first, ", "CONTINUATION")
    short["candidates"][0]["continuationToken"] = "dG9rZW4="
    script.received(sse(short), b"")
    script.texts()
    asked(script)
    script.step()
    script.received(sse(CALLS), b"")
    script.texts()
    assert isinstance(script.step(), Run)
    script.answered()
    said = asked(script)[-2]["parts"]
    assert [next(iter(part)) for part in said] == ["text", "functionCall"]


def test_the_one_result_of_a_call_is_the_answer_after_the_functions() -> None:
    script = Script(unary=True, function_calling=FunctionCalling(5))
    script.begin()
    script.received(json.dumps(CALLS).encode(), b"")
    assert isinstance(script.step(), Run)
    script.answered()
    asked(script)
    script.step()
    script.received(json.dumps(says("done", "STOP")).encode(), b"")
    answer = script.step()
    assert isinstance(answer, GenerateContentResponse)
    assert answer.text == "done"
    assert answer.automatic_function_calling_history is not None
    assert isinstance(script.step(), Stop)


def test_half_a_call_is_none() -> None:
    """An answer that reached its limit in the middle of streamed arguments runs nothing."""
    half = {"functionCall": {"name": "f", "willContinue": True}}
    script = Script(function_calling=FunctionCalling(5))
    script.begin()
    script.received(
        sse({"candidates": [{"content": {"parts": [half]}}]}),
        sse({"candidates": [{"content": {"parts": []}, "finishReason": "MAX_TOKENS"}]}),
        b"",
    )
    script.texts()
    assert script.stop() is None


def test_a_break_before_the_next_answer_keeps_the_calls() -> None:
    script = calling()
    script.step()
    script.answered({"result": 7})
    attempt_after(script)
    error = stopped(script, ServerError, phase="head", attempts=2)
    assert error.partial.automatic_function_calling_history[-1].parts[0].function_response.response == {"result": 7}


def attempt_after(script: Script) -> None:
    assert [type(script.step()) for _ in range(2)] == [Close, Wait]
    attempt(script, 503, BUSY)

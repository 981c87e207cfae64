"""A stream that breaks is retried, resumed, restarted, or given up."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from headwater.core.answer.events import Reset, Retrying
from headwater.core.machine.policy import Deadlines, Retry
from headwater.core.machine.steps import Open, Read, Stop, Wait
from headwater.errors import APIError, DeadlineExceeded, RateLimitError, StreamInterrupted, StreamTruncated
from tests.support.broken import KEPT, Broken, body, said, texts
from tests.support.machines import BUSY, CLOSE, END, HELLO, WORLD
from tests.support.peers import ASKED
from tests.support.servers import refuses, says, sse

PER_DAY = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "RequestsPerDayPerKey"}]}
INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}


@pytest.mark.parametrize("empty", [said(""), sse({"usageMetadata": {"promptTokenCount": 2}}), b": ping\r\n\r\n"])
def test_an_attempt_without_content_is_tried_again_and_leaves_nothing(empty: bytes) -> None:
    script = Broken(on_break="fail")
    script.open()
    script.hear(empty)
    script.received(sse(refuses(429, "RESOURCE_EXHAUSTED", "slow", INFO)))
    assert (script.step(), script.step()) == (CLOSE, Wait(7.0))
    script.open()
    assert texts(script.hear(HELLO, END, b"")) == "Hello !"
    assert script.stop() is None
    assert (script.machine.snapshot.fold.count, script.machine.snapshot.fold.usage_metadata.prompt_token_count) == (
        2,
        None,
    )


def test_a_retry_after_header_counts_for_an_error_in_a_good_answer() -> None:
    script = Broken(on_break="fail")
    script.open(retry_after="9")
    script.received(sse(refuses(503, "UNAVAILABLE", "busy")))
    assert (script.step(), script.step()) == (CLOSE, Wait(9.0))


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 413, 501])
@pytest.mark.parametrize("in_stream", [False, True])
def test_what_can_not_get_better_is_not_tried_again(code: int, in_stream: bool) -> None:
    script = Broken()
    script.step()
    script.opened(200 if in_stream else code)
    error = refuses(code, "NAME", "no")
    script.received(sse(error) if in_stream else json.dumps(error).encode(), b"")
    assert (script.stop().code, script.machine.snapshot.attempts) == (code, 1)


@pytest.mark.parametrize("error", [refuses(429, "RESOURCE_EXHAUSTED", "m", PER_DAY)])
def test_a_quota_of_the_day_is_not_waited_for(error: dict[str, Any]) -> None:
    script = Broken()
    script.open()
    script.received(sse(error))
    assert isinstance(script.stop(), RateLimitError)


def test_a_hint_that_is_too_long_is_left_to_the_caller() -> None:
    script = Broken(retry=Retry(longest_hint=5.0))
    script.open()
    script.received(sse(refuses(429, "RESOURCE_EXHAUSTED", "m", INFO)))
    assert script.stop().retry_after == 7.0


@pytest.mark.parametrize("bound", ["first_content", "total"])
def test_a_rest_that_a_clock_does_not_leave_is_not_taken(bound: str) -> None:
    script = Broken(deadlines=Deadlines(**{"first_content": None, bound: 6.0}))
    script.open()
    script.received(sse(refuses(429, "RESOURCE_EXHAUSTED", "m", INFO)))
    assert isinstance(script.stop(), RateLimitError)


def test_a_blocked_prompt_is_an_answer_and_not_asked_again() -> None:
    script = Broken()
    script.open()
    script.received(sse({"promptFeedback": {"blockReason": "SAFETY"}}), b"")
    script.step()
    assert script.stop() is None
    assert (str(script.machine.snapshot.ending), script.machine.snapshot.attempts) == ("blocked", 1)


def test_what_becomes_of_the_call_is_told_where_it_is_asked_for() -> None:
    told: list[Retrying] = []
    script = Broken(on_retry=told.append)
    script.machine.reports_events = True
    script.open()
    script.received(sse(refuses(503, "UNAVAILABLE", "busy")))
    event = script.step()
    assert isinstance(event, Retrying)
    assert (event.error.code, event.failures, event.delay, told) == (503, 1, 1.0, [event])  # type: ignore[attr-defined]
    script.open()
    assert texts(script.hear(HELLO)) == "Hello "
    script.failed("lost")
    event = script.step()
    assert (type(event.error), event.failures, event.delay) == (StreamInterrupted, 1, 1.0), "counted from the start"


def test_a_kept_stream_goes_on_after_the_documents_that_came() -> None:
    script = Broken()
    assert script.open(**KEPT).headers["Headwater-Keep"] == "30"
    usage = {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}}
    assert texts(script.hear(sse(says("Hello ", **usage)), WORLD, HELLO[:20])) == "Hello world"
    script.failed("lost")
    request = script.open(**KEPT)
    assert (request.headers["Headwater-Stream"], request.headers["Headwater-After"]) == ("s1", "2")
    assert body(request) == ASKED
    assert texts(script.hear(sse(says("!", "STOP", **usage)), b"")) == "!"
    assert script.stop() is None
    assert script.machine.snapshot.fold.usage_metadata.total_token_count == 7, "it is the same request that is counted"


def test_a_kept_stream_is_resumed_before_its_first_content_too() -> None:
    """It may be thinking, and would be paid for twice."""
    script = Broken()
    script.open(**KEPT)
    script.hear(said(""))
    script.failed("lost")
    assert script.open(**KEPT).headers["Headwater-After"] == "1"
    assert texts(script.hear(END, b"")) == "!"
    assert script.stop() is None


@pytest.mark.parametrize("status", [404, 410])
def test_a_stream_that_is_not_kept_any_more_goes_on_by_another_road(status: int) -> None:
    script = Broken()
    script.open(**KEPT)
    assert texts(script.hear(HELLO)) == "Hello "
    script.failed("lost")
    while not isinstance(script.step(), Open):
        pass
    script.opened(status)
    script.received(json.dumps(refuses(status, "NOT_FOUND", "gone")).encode(), b"")
    request = script.open()
    assert "Headwater-Stream" not in request.headers
    assert body(request)["contents"][-1] == {"role": "model", "parts": [{"text": "Hello "}]}
    assert texts(script.hear(sse(says("world", "STOP")), b"")) == "world"
    assert script.stop() is None


def test_an_error_in_a_resumed_stream_is_judged_as_any_other() -> None:
    script = Broken()
    script.open(**KEPT)
    script.hear(HELLO)
    script.failed("lost")
    script.open(**KEPT)
    script.hear(WORLD)
    script.received(sse(refuses(404, "NOT_FOUND", "no")))
    assert (script.stop().code, script.machine.snapshot.attempts) == (404, 2)


@pytest.mark.parametrize("headers", [{}, {"headwater-stream": "s2"}])
def test_an_answer_that_is_another_stream_is_not_taken_for_the_rest(headers: dict[str, str]) -> None:
    script = Broken()
    script.open(**KEPT)
    script.hear(HELLO)
    script.failed("lost")
    script.open(**headers)
    request = script.open(**KEPT)
    assert script.machine.snapshot.attempts == 3
    assert ("Headwater-Stream" in request.headers) == (not headers), "without a name it may be half a head"
    assert script.machine.snapshot.fold.text == "Hello "


def test_a_stream_that_was_resumed_by_its_position_counts_on_from_there() -> None:
    """Also when its first attempt fails."""
    script = Broken(after=5)
    script.step()
    script.failed("connect")
    script.open(**KEPT)
    script.hear(HELLO, WORLD)
    script.failed("lost")
    assert script.open(**KEPT).headers["Headwater-After"] == "7"


def test_the_position_is_that_of_the_reader_and_that_of_an_error_the_partial_s() -> None:
    def after(position: str) -> int:
        return json.loads(base64.urlsafe_b64decode(position + "=="))[3]  # type: ignore[no-any-return]

    script = Broken(retry=Retry(attempts=1))
    script.open(**KEPT)
    script.received(HELLO + WORLD + WORLD)
    for number in (1, 2, 3):
        script.step()
        assert after(script.machine.position) == number
    script.received(HELLO)
    script.failed("lost")
    assert after(script.machine.position) == 3
    script.step()
    error = script.stop()
    assert (after(error.position), error.partial.text) == (4, "Hello worldworldHello ")


def test_giving_up_raises_the_first_break_and_says_what_came_of_going_on() -> None:
    script = Broken()
    script.open()
    script.hear(HELLO)
    script.failed("lost", "the cable")
    for _ in range(2):
        while not isinstance(script.step(), Open):
            pass
        script.opened(503)
        script.received(BUSY, b"")
    error = script.stop()
    assert isinstance(error, StreamInterrupted)
    assert "the cable" in str(error)
    assert error.__notes__ == ["resuming failed: 503 UNAVAILABLE: busy"]
    assert (error.partial.text, error.attempts, script.machine.snapshot.ending.kind) == ("Hello ", 3, "interrupted")


def test_a_deadline_that_passes_while_going_on_is_that_deadline() -> None:
    script = Broken(deadlines=Deadlines(total=10.0))
    script.open()
    script.hear(HELLO)
    script.failed("lost")
    script.open()
    step = script.step()
    assert isinstance(step, Read)
    script.now += step.timeout
    script.failed("timeout")
    error = script.stop()
    assert isinstance(error, DeadlineExceeded)
    assert error.partial.text == "Hello "


def test_coming_further_gives_new_tries() -> None:
    script = Broken()
    script.open()
    script.hear(HELLO)
    for number in range(10):
        script.failed("lost")
        script.open()
        script.hear(said(f"and {number} "))
    assert script.machine.snapshot.attempts == 11
    script.received(END, b"")
    assert script.machine.snapshot.ending.kind == "finished"


def test_a_stream_that_is_begun_anew_says_so_and_starts_from_nothing() -> None:
    script = Broken(on_break="restart")
    script.open()
    assert texts(script.hear(HELLO, WORLD)) == "Hello world"
    script.failed("lost")
    (reset,) = script.given()
    assert (reset.is_reset, reset.text) == (True, "")
    assert script.machine.snapshot.fold.text == ""
    assert body(script.open()) == ASKED
    assert texts(script.hear(said("Other"), END, b"")) == "Other!"
    assert script.stop() is None
    assert script.machine.snapshot.fold.response.text == "Other!"


def test_a_reset_among_events_is_one() -> None:
    script = Broken(on_break="restart")
    script.machine.reports_events = True
    script.open()
    script.hear(HELLO)
    script.failed("lost")
    (reset,) = script.given()
    assert isinstance(reset, Reset)
    assert isinstance(reset.error, StreamInterrupted)


def test_beginning_anew_is_bounded_however_far_each_attempt_comes() -> None:
    script = Broken(on_break="restart")
    for number in range(3):
        script.open()
        assert texts(script.hear(HELLO, *[WORLD] * number)).startswith("Hello ")
        script.failed("lost")
        resets = [chunk.is_reset for chunk in script.given()]
        assert resets == ([True] if number < 2 else [])
    assert isinstance(script.stop(), StreamInterrupted)
    assert script.machine.snapshot.attempts == 3


def test_an_attempt_that_brought_nothing_is_no_new_beginning() -> None:
    """The reader was told once that what it has is void, and has nothing new since."""
    script = Broken(on_break="restart")
    script.open()
    script.hear(HELLO)
    script.failed("lost")
    assert len(script.given()) == 1
    script.open()
    script.failed("lost")
    assert script.given() == []
    script.open()
    assert texts(script.hear(END, b"")) == "!"
    assert script.stop() is None


@pytest.mark.parametrize("on_break", ["fail", "continue", "restart"])
def test_a_finish_reason_makes_a_lost_connection_no_error(on_break: str) -> None:
    script = Broken(on_break=on_break)
    script.open()
    assert texts(script.hear(HELLO, END)) == "Hello !"
    script.failed("lost")
    assert script.stop() is None
    assert script.machine.snapshot.attempts == 1


def test_one_finished_candidate_of_two_is_not_the_whole_answer() -> None:
    script = Broken(on_break="fail")
    script.open()
    other = {"candidates": [{"content": {"parts": [{"text": "b"}]}, "index": 1}]}
    script.hear(HELLO, sse(other), END)
    script.received(b"")
    assert isinstance(script.stop(), StreamTruncated)


def test_several_candidates_are_not_continued() -> None:
    script = Broken()
    script.open()
    other = {"candidates": [{"content": {"parts": [{"text": "b"}]}, "index": 1}]}
    script.hear(said("a", token="t"), sse(other))
    script.failed("lost")
    assert isinstance(script.stop(), StreamInterrupted)


def test_the_stop_of_the_shell_comes_last() -> None:
    script = Broken(retry=Retry(attempts=1))
    script.open()
    script.received(HELLO, sse(refuses(500, "INTERNAL", "no")))
    assert script.step().text == "Hello "
    step = script.step()
    assert isinstance(step, Stop)
    assert isinstance(step.error, APIError)

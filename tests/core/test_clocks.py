"""The four clocks of a stream: what starts each, what it counts, what it says when it runs out."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from headwater.core.machine.policy import Deadlines, Retry
from headwater.core.machine.steps import Open, Read, Stop, Wait
from headwater.errors import DeadlineExceeded, StreamCancelled, StreamStalled
from tests.support.machines import BUSY, CLOSE, END, HELLO, Script
from tests.support.servers import refuses, says, sse

NONE = Deadlines(first_content=None, content_gap=None)
TWICE = Retry(attempts=2, initial_delay=1.0, jitter=0.0)
THOUGHT = sse({"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}]}}]})
CALL = sse({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}}]})
EMPTY = sse(says(""))
USAGE = sse({"usageMetadata": {"promptTokenCount": 3}})


def clocks(**limits: float | None) -> Deadlines:
    return Deadlines(**{"first_content": None, "content_gap": None} | limits)


def opened(at: float = 0.0, **options: Any) -> Script:
    script = Script(**options)
    assert isinstance(script.step(), Open)
    script.now = at
    script.opened()
    return script


def runs_out(script: Script) -> Any:
    """Let the time pass that the next read may take, and return the error; chunks that are ready come before."""
    step = script.step()
    while not isinstance(step, Read | Stop):
        step = script.step()
    if isinstance(step, Read):
        assert step.timeout is not None, "no clock runs"
        script.now += step.timeout
        script.failed("timeout")
        step = script.step()
    assert isinstance(step, Stop), step
    return step.error


@pytest.mark.parametrize("clock", ["first_content", "byte_gap", "total"])
def test_the_wait_for_the_head_of_the_answer_is_counted(clock: str) -> None:
    script = Script(deadlines=clocks(**{clock: 5.0}))
    assert script.step().timeout == 5.0
    script.now = 5.0
    script.failed("timeout")
    error = script.stop()
    assert (error.deadline, error.limit, error.elapsed, error.phase) == (clock, 5.0, 5.0, "connect")
    assert "nothing had arrived after 5 s" in str(error)


def test_the_gap_between_contents_is_not_counted_before_the_first() -> None:
    assert Script(deadlines=clocks(content_gap=5.0)).step().timeout is None
    assert opened(deadlines=clocks(content_gap=5.0)).step() == Read(None)


@pytest.mark.parametrize("nothing", [b": ping\n\n", b"\r\n", EMPTY, USAGE])
@pytest.mark.parametrize(("clock", "begun"), [("first_content", False), ("content_gap", True)])
def test_what_is_no_content_does_not_reset_the_content_clocks(nothing: bytes, clock: str, begun: bool) -> None:
    script = opened(deadlines=clocks(**{clock: 10.0}))
    if begun:
        script.received(HELLO)
        assert script.step().text == "Hello "
    for _ in range(3):
        while not isinstance(script.step(), Read):
            pass
        script.now += 3.0
        script.received(nothing)
    while not isinstance(step := script.step(), Read):
        pass
    assert step.timeout == pytest.approx(1.0)
    error = runs_out(script)
    assert (type(error), error.deadline, error.elapsed) == (StreamStalled, clock, pytest.approx(10.0))
    assert ("6 characters had arrived" if begun else "no content had arrived") in str(error)


@pytest.mark.parametrize("content", [HELLO, THOUGHT, CALL])
def test_thinking_and_calls_are_content(content: bytes) -> None:
    script = opened(deadlines=Deadlines(first_content=10.0, content_gap=4.0))
    script.step()
    script.now = 9.0
    script.received(content)
    script.step()
    assert script.step() == Read(4.0)
    script.now += 4.0
    script.failed("timeout")
    error = script.stop()
    assert (error.deadline, error.limit, error.elapsed) == ("content_gap", 4.0, 13.0)


@pytest.mark.parametrize("anything", [b": ping\n\n", b"\r\n", EMPTY, HELLO[:5]])
def test_any_byte_resets_the_gap_between_bytes(anything: bytes) -> None:
    script = opened(deadlines=clocks(byte_gap=2.0))
    for _ in range(5):
        while not isinstance(script.step(), Read):
            pass
        script.now += 1.5
        script.received(anything)
    assert runs_out(script).deadline == "byte_gap"
    assert script.now == pytest.approx(9.5)


def test_the_total_runs_over_everything() -> None:
    script = opened(deadlines=clocks(total=10.0))
    for _ in range(3):
        script.now += 3.0
        script.received(HELLO)
        while not isinstance(step := script.step(), Read):
            pass
    assert step == Read(1.0)
    error = runs_out(script)
    assert (type(error), error.deadline, error.limit, error.elapsed) == (DeadlineExceeded, "total", 10.0, 10.0)
    assert str(error) == (
        "timed out: the answer took longer than 10 s (Deadlines(total=10)); 18 characters had arrived after 10 s"
    )
    assert error.partial.text == "Hello " * 3


def test_the_time_that_the_reader_takes_counts_for_the_total_only() -> None:
    gaps = opened(deadlines=Deadlines(first_content=5.0, content_gap=5.0, byte_gap=5.0))
    total = opened(deadlines=clocks(total=50.0))
    for script in (gaps, total):
        script.received(HELLO)
        assert script.step().text == "Hello "
        script.now += 100.0
    assert gaps.step() == Read(5.0)
    assert isinstance(total.stop(), DeadlineExceeded)


def test_the_reader_who_takes_an_empty_chunk_away_does_not_stall_the_stream() -> None:
    script = opened(deadlines=Deadlines(first_content=60.0, content_gap=5.0, byte_gap=5.0))
    script.received(HELLO)
    script.step()
    script.step()
    script.now += 3.0
    script.received(EMPTY)
    script.step()
    script.now += 100.0
    assert script.step() == Read(pytest.approx(2.0)), "three of the five had passed before the chunk came"


def test_the_wait_for_the_first_content_runs_over_all_attempts() -> None:
    script = Script(
        retry=Retry(attempts=9, initial_delay=4.0, exp_base=1.0, jitter=0.0), deadlines=clocks(first_content=10.0)
    )
    for left in (10.0, 6.0, 2.0):
        assert script.step().timeout == pytest.approx(left)
        script.opened(503)
        script.received(BUSY, b"")
        if left > 4.0:
            assert (script.step(), script.step()) == (CLOSE, Wait(4.0))
    error = script.stop()
    assert (error.code, script.machine.snapshot.attempts) == (503, 3), "no back-off that would outlast the deadline"


def test_a_stall_before_the_first_content_is_tried_again_while_its_clock_runs() -> None:
    script = Script(retry=TWICE, deadlines=clocks(first_content=30.0, byte_gap=5.0))
    script.step()
    script.opened()
    assert script.step() == Read(5.0)
    script.now += 5.0
    script.failed("timeout")
    assert (script.step(), script.step()) == (CLOSE, Wait(1.0))
    assert script.step().timeout == 5.0


def test_empty_chunks_of_a_failed_attempt_do_not_stop_the_clock_nor_the_next_attempt() -> None:
    """What brought no content is as if it had not been: the first content is still waited for, and tried for."""
    script = Script(
        retry=Retry(attempts=3, initial_delay=1.0, exp_base=1.0, jitter=0.0), deadlines=clocks(first_content=20.0)
    )
    for _ in range(2):
        script.step()
        script.opened()
        script.received(EMPTY)
        assert script.step().text == ""
        script.step()
        script.now += 1.0
        script.failed("lost")
        assert (script.step(), script.step()) == (CLOSE, Wait(1.0))
    script.step()
    script.opened()
    assert script.step() == Read(16.0)
    script.now += 16.0
    script.failed("timeout")
    error = script.stop()
    assert (error.deadline, error.phase, error.elapsed) == ("first_content", "head", 20.0)


def test_the_clock_that_runs_out_first_is_named() -> None:
    assert runs_out(opened(deadlines=Deadlines(first_content=3.0, byte_gap=2.0, total=1.0))).deadline == "total"
    assert runs_out(opened(deadlines=Deadlines(first_content=3.0, byte_gap=2.0, total=9.0))).deadline == "byte_gap"


def test_a_timer_that_fires_early_is_still_that_clock() -> None:
    script = opened(deadlines=clocks(byte_gap=2.0))
    script.step()
    script.now = 1.99
    script.failed("timeout")
    assert script.stop().deadline == "byte_gap"


def test_the_transport_s_own_patience_is_named_connect() -> None:
    script = Script(deadlines=clocks(total=100.0))
    script.step()
    script.now = 7.0
    script.failed("timeout", "7 s")
    error = script.stop()
    assert (type(error), error.deadline, error.limit, error.elapsed) == (StreamStalled, "connect", None, 7.0)


def test_a_refusal_that_stalls_is_the_refusal() -> None:
    """Found out by the transport or by the clock, the head has said what matters."""
    for by_clock in (False, True):
        script = Script(deadlines=clocks(total=10.0))
        script.step()
        script.opened(403)
        script.received(b'{"error"')
        if by_clock:
            script.now = 10.0
        else:
            script.step()
            script.failed("timeout")
        assert script.stop().code == 403


def test_a_stream_that_has_its_finish_reason_can_not_stall_any_more() -> None:
    script = opened(deadlines=clocks(byte_gap=2.0))
    script.received(HELLO, END)
    assert script.texts() == ["Hello ", "!"]
    script.step()
    script.now += 2.0
    script.failed("timeout")
    assert script.stop() is None
    assert str(script.machine.snapshot.ending) == "finished"


def test_no_clock_runs_without_a_limit() -> None:
    assert Script(deadlines=NONE).step().timeout is None
    script = opened(deadlines=NONE)
    script.received(HELLO)
    script.step()
    assert script.step() == Read(None)


def test_the_errors_of_the_clocks_keep_their_attributes_through_a_pickle() -> None:
    script = opened(deadlines=clocks(content_gap=2.0))
    script.received(HELLO)
    error = runs_out(script)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is StreamStalled
    assert isinstance(again, TimeoutError)
    for name in ("deadline", "limit", "elapsed", "phase", "attempts", "position"):
        assert getattr(again, name) == getattr(error, name), name
    assert (str(again), again.partial.text) == (str(error), "Hello ")


def test_the_other_errors_keep_theirs_too() -> None:
    script = opened()
    script.received(HELLO, sse(refuses(503, "UNAVAILABLE", "busy")))
    script.step()
    error = pickle.loads(pickle.dumps(script.stop()))
    assert (error.code, error.phase, error.attempts, error.partial.text) == (503, "body", 1, "Hello ")
    script = opened()
    script.received(HELLO)
    script.machine.cancel("enough")
    error = pickle.loads(pickle.dumps(script.stop()))
    assert type(error) is StreamCancelled
    assert (error.reason, error.partial.text) == ("enough", "Hello ")

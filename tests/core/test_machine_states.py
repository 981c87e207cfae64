"""Whatever happens, and whenever it is cancelled, a call goes along its table of states to its end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.machine.policy import Retry
from headwater.core.machine.states import TRANSITIONS, State
from headwater.core.machine.steps import STEPS, Close, Open, Pause, Read, Run, Step, Stop, Wait
from headwater.errors import HeadwaterError, StreamCancelled
from headwater.types import FinishReason, GenerateContentResponse
from tests.support.corpus_cases import drive
from tests.support.machines import (
    BUSY,
    CALLS,
    END,
    HELLO,
    TRICE,
    WORLD,
    Script,
    in_state,
    stopped,
)
from tests.support.servers import refuses, sse


@pytest.mark.parametrize("state", [state for state in State if state is not State.DONE])
def test_cancelling_ends_the_call_at_the_next_step_in_any_state(state: State) -> None:
    script = in_state(state)
    script.machine.cancel("enough")
    script.machine.cancel("more than enough")
    error = script.stop()
    assert isinstance(error, StreamCancelled)
    assert (str(error), error.reason) == ("the stream was cancelled: enough", "enough")
    assert State.DONE in TRANSITIONS[state]


def test_cancelling_lets_no_more_chunks_out_and_keeps_them_in_the_partial_answer() -> None:
    script = Script()
    script.begin()
    script.received(HELLO + WORLD)
    assert script.step().text == "Hello "
    script.machine.cancel()
    stopped(script, StreamCancelled, phase="body", text="Hello world")


def test_cancelling_lets_no_more_chunks_out_after_an_error_either() -> None:
    script = Script()
    script.begin()
    script.received(HELLO + WORLD + sse(refuses(500, "INTERNAL", "no")))
    assert script.machine.snapshot.is_over
    assert script.step().text == "Hello "
    script.machine.cancel()
    stopped(script, StreamCancelled, phase="body", text="Hello world")


def test_cancelling_while_a_step_is_done_ends_the_call_after_it() -> None:
    script = in_state(State.OPENING)
    script.machine.cancel()
    script.opened()
    stopped(script, StreamCancelled, phase="head")
    script = in_state(State.READING)
    script.machine.cancel()
    script.received(HELLO)
    stopped(script, StreamCancelled, phase="body", text="Hello ")


def test_a_read_that_was_aborted_is_a_cancelled_stream() -> None:
    script = in_state(State.READING)
    script.failed("aborted")
    stopped(script, StreamCancelled, phase="head")


def test_after_the_end_cancelling_and_facts_change_nothing() -> None:
    script = Script()
    script.begin()
    script.received(END, b"")
    assert script.texts() == ["!"]
    script.machine.cancel()
    script.received(WORLD)
    script.failed("lost")
    assert script.stop() is None
    assert script.machine.snapshot.fold.text == "!"


def test_a_shell_that_does_not_say_what_came_of_opening_is_told_so() -> None:
    script = in_state(State.OPENING)
    with pytest.raises(RuntimeError, match="has not reported the result"):
        script.step()
    with pytest.raises(RuntimeError, match="no transition from"):
        in_state(State.READING).opened()


def test_no_state_but_the_last_lacks_a_way_out() -> None:
    assert set(TRANSITIONS) == set(State)
    reachable = {State.NEW}
    while (more := {to for state in reachable for to in TRANSITIONS[state]} - reachable) != set():
        reachable |= more
    assert reachable == set(State)
    assert TRANSITIONS[State.DONE] == {State.DONE}


BODIES = st.sampled_from([HELLO, WORLD, END, HELLO[:25], b"", BUSY, b": ping\n", b"<html>", sse({}), b"\xff"])
STATUSES = st.sampled_from([(200, {}), (200, {}), (503, {}), (404, {}), (302, {"location": "/x"}), (307, {})])
KINDS = st.sampled_from(["connect", "stale", "lost", "timeout", "aborted"])


def play(script: Script, data: st.DataObject, *, limit: int) -> Step | GenerateContentResponse:
    """Answer each step with any fact that can follow it; return the last step."""
    step: Any = None
    for _ in range(limit):
        step = script.step()
        match step:
            case Open() | Read() if data.draw(st.integers(0, 5)) == 0:
                script.failed(data.draw(KINDS))
            case Open():
                status, headers = data.draw(STATUSES)
                script.opened(status, **headers)
            case Read():
                script.received(data.draw(BODIES))
            case Stop():
                break
        if data.draw(st.integers(0, 40)) == 0:
            script.machine.cancel("any time")
    return step  # type: ignore[no-any-return]


@given(st.data(), st.integers(1, 3))
def test_any_facts_lead_along_the_table(data: st.DataObject, attempts: int) -> None:
    """What is seen is in the table; chunks come only while there are some, and an error keeps what came."""
    script = Script(retry=Retry(attempts=attempts, jitter=0.0))
    last = play(script, data, limit=60)
    assert all(to in TRANSITIONS[state] for state, to in script.seen)
    if isinstance(last, Stop) and last.error is not None:
        assert isinstance(last.error, HeadwaterError)
        assert (last.error.partial is None) == (script.machine.snapshot.fold.count == 0)
        assert last.error.attempts == script.machine.snapshot.attempts
        assert type(last.error.__str__()) is str


def test_every_entry_of_the_table_is_reached() -> None:
    """Each by the shortest script that leads there; an entry that nothing reaches has no place in the table."""
    seen: set[tuple[State, State]] = set()
    for state in State:
        for way in (_cancel, _go_on, _open, _redirect, _fail, _call, _answer, _end, _cancel_late):
            script = Script(retry=TRICE) if state is State.DONE else in_state(state)
            way(script)
            seen |= script.seen
    table = {(state, to) for state, others in TRANSITIONS.items() for to in others}
    assert seen == table - {(State.DONE, State.DONE)}, "the last is seen by cancelling late, which changes no state"


def _cancel(script: Script) -> None:
    script.machine.cancel()
    script.step()


def _go_on(script: Script) -> None:
    if script.machine.snapshot.state is not State.OPENING:
        script.step()


def _open(script: Script) -> None:
    if script.machine.snapshot.state is State.OPENING:
        script.opened()


def _redirect(script: Script) -> None:
    if script.machine.snapshot.state is State.OPENING:
        script.opened(302, location="/x")


def _fail(script: Script) -> None:
    if script.machine.snapshot.state in (State.OPENING, State.READING):
        script.failed("connect")


def _end(script: Script) -> None:
    if script.machine.snapshot.state is State.READING:
        script.received(END, b"")


def _call(script: Script) -> None:
    if script.machine.snapshot.state is State.READING:
        script.received(sse(CALLS), b"")


def _answer(script: Script) -> None:
    if script.machine.snapshot.state is State.CALLING:
        script.answered()


def _cancel_late(script: Script) -> None:
    if script.machine.snapshot.state is State.OPENING:
        script.failed("aborted")


def test_results_are_no_steps() -> None:
    """A shell tells them apart by type alone."""
    assert {Open, Read, Wait, Pause, Run, Close, Stop} == STEPS
    outcome = drive([HELLO, END])
    assert [chunk.text for chunk in outcome.chunks] == ["Hello ", "!"]
    assert outcome.machine.snapshot.fold.finish_reason is FinishReason.STOP

"""What is known of a call: before it, in the middle, after a cancel, at the end."""

from __future__ import annotations

from headwater.core.answer.ending import EndingKind
from headwater.core.machine.function_calling import FunctionCalling
from headwater.core.machine.snapshot import Snapshot
from headwater.core.machine.states import State
from headwater.errors import StreamTruncated
from headwater.types import Content, GenerateContentResponse, Part


def chunk(text: str) -> GenerateContentResponse:
    return GenerateContentResponse(candidates=[{"content": {"parts": [{"text": text}], "role": "model"}}])


def test_before_anything_has_arrived() -> None:
    snapshot = Snapshot()
    assert (snapshot.is_over, snapshot.ending, snapshot.partial, snapshot.attempts) == (False, None, None, 0)
    assert snapshot.received_text() == "nothing had arrived"
    assert snapshot.response.text == ""


def test_an_attempt_forgets_the_status_of_the_one_before() -> None:
    snapshot = Snapshot()
    snapshot.begin_attempt(1.0)
    snapshot.status = 503
    assert snapshot.received_text() == "no content had arrived"
    snapshot.begin_attempt(5.0)
    assert (snapshot.attempts, snapshot.status, snapshot.meter.started) == (2, 0, 1.0)


def test_a_cancel_shows_before_the_machine_acts_upon_it() -> None:
    snapshot = Snapshot()
    snapshot.state, snapshot.cancel_reason = State.READING, "enough"
    assert snapshot.ending is not None
    assert (snapshot.ending.kind, snapshot.ending.reason) == (EndingKind.CANCELLED, "enough")
    snapshot.may_end = True  # the finish reason had arrived: nothing was cancelled
    assert snapshot.ending.kind is EndingKind.FINISHED


def test_an_error_carries_what_had_arrived() -> None:
    snapshot = Snapshot()
    snapshot.fold.add(chunk("Hello"))
    snapshot.attempts = 2
    error = snapshot.annotate(StreamTruncated("cut"), position="p", phase="body")
    assert error.partial is not None
    assert (error.partial.text, error.attempts, error.position, error.phase) == ("Hello", 2, "p", "body")


def test_calls_before_the_answer_are_a_part_of_it() -> None:
    calling = FunctionCalling(3)
    snapshot = Snapshot(calling)
    assert snapshot.partial is None
    calling.history = [Content(role="user", parts=[Part(text="hi")])]
    assert snapshot.partial is not None
    assert snapshot.partial.automatic_function_calling_history == calling.history

"""A traced machine: each step, result and fact once, in the order of cause and effect."""

from __future__ import annotations

from typing import Any

from headwater.core.machine.config import MachineConfig
from headwater.core.machine.policy import Deadlines, Retry
from headwater.core.machine.steps import Open, Opened, Read, Received, Stop
from headwater.core.machine.tracing import TracedMachine, combine_traces
from headwater.errors import DeadlineExceeded
from headwater.types import GenerateContentResponse
from tests.support.corpus_cases import ANSWERS, REQUEST
from tests.support.machines import END, HELLO


def traced(seen: list[Any], **options: Any) -> TracedMachine[GenerateContentResponse]:
    return TracedMachine(ANSWERS, REQUEST, MachineConfig(**options), lambda now, what: seen.append((now, what)))


def test_facts_come_before_what_they_lead_to() -> None:
    seen: list[Any] = []
    machine = traced(seen)
    machine.next_step(1.0)
    machine.opened(200, {"server": "x"}, 2.0)
    machine.next_step(2.0)
    machine.received(HELLO + END, 3.0)
    while not isinstance(machine.next_step(3.0), Read):
        pass
    machine.received(b"", 4.0)
    assert machine.next_step(4.0) == Stop()
    kinds = [Open, Opened, Read, Received, GenerateContentResponse, GenerateContentResponse, Read, Received, Stop]
    assert [type(what) for _, what in seen] == kinds
    assert [now for now, _ in seen] == [1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0, 4.0, 4.0]


def test_a_deadline_that_passes_between_two_steps_is_reported_once() -> None:
    seen: list[Any] = []
    machine = traced(seen, deadlines=Deadlines(total=5.0), retry=Retry(attempts=1))
    machine.next_step(0.0)
    machine.opened(200, {}, 1.0)
    machine.next_step(6.0)
    (stop,) = [what for _, what in seen if isinstance(what, Stop)]
    assert isinstance(stop.error, DeadlineExceeded)


def test_traces_are_combined_in_order() -> None:
    calls: list[str] = []
    combined = combine_traces(lambda *_: calls.append("a"), lambda *_: calls.append("b"))
    combined(0.0, Stop())
    assert calls == ["a", "b"]

"""A machine under a script: a fake clock, facts, and the states that it was seen in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from headwater.core.machine.config import MachineConfig
from headwater.core.machine.function_calling import FunctionCalling
from headwater.core.machine.machine import Machine
from headwater.core.machine.policy import Deadlines, Retry
from headwater.core.machine.states import State
from headwater.core.machine.steps import Close, Open, Read, Stop, TransportError, Wait
from headwater.core.wire.dialect import Dialect
from headwater.errors import HeadwaterError
from headwater.types import Part
from tests.support.corpus_cases import ANSWERS, REQUEST
from tests.support.servers import refuses, says, sse

CALLS: dict[str, Any] = says("") | {
    "candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}, "finishReason": "STOP"}]
}
HELLO, WORLD, END = sse(says("Hello ")), sse(says("world")), sse(says("!", "STOP"))
BUSY = json.dumps(refuses(503, "UNAVAILABLE", "busy")).encode()
TRICE = Retry(attempts=3, initial_delay=1.0, exp_base=2.0, jitter=0.0)
OPEN, READ, CLOSE = Open(REQUEST, 600.0), Read(600.0), Close()
ONCE = Retry(attempts=1)
SILENCE = Deadlines(first_content=None, content_gap=600.0, byte_gap=600.0)


class Script:
    """A machine with a fake clock that notes every state it is seen in."""

    def __init__(self, *, unary: bool = False, dialect: Dialect[Any] = ANSWERS, **options: Any) -> None:
        self.now = 0.0
        given = {"retry": ONCE, "deadlines": SILENCE} | options
        self.machine = Machine(dialect, REQUEST, MachineConfig(is_stream=not unary, **given))
        self.seen: set[tuple[State, State]] = set()

    def _do(self, work: Callable[[], Any]) -> Any:
        before = self.machine.snapshot.state
        result = work()
        if self.machine.snapshot.state is not before:
            self.seen.add((before, self.machine.snapshot.state))
        return result

    def step(self) -> Any:
        """The next step; waiting moves the clock."""
        step = self._do(lambda: self.machine.next_step(self.now))
        self.now += step.seconds if isinstance(step, Wait) else 0.0
        return step

    def opened(self, status: int = 200, **headers: str) -> None:
        self._do(lambda: self.machine.opened(status, headers, self.now))

    def received(self, *parts: bytes) -> None:
        for part in parts:
            self._do(lambda part=part: self.machine.received(part, self.now))  # type: ignore[misc]

    def failed(self, kind: Any, message: str = "why") -> None:
        self._do(lambda: self.machine.failed(TransportError(kind, message), self.now))

    def answered(self, *responses: dict[str, Any]) -> None:
        parts = [Part.from_function_response(name="f", response=response) for response in responses or [{"result": 1}]]
        self._do(lambda: self.machine.answered(parts, self.now))

    def begin(self) -> None:
        """Up to the first read."""
        assert isinstance(self.step(), Open)
        self.opened()
        assert self.step() == READ

    def texts(self) -> list[str]:
        """The chunks that are ready."""
        found = []
        while self.machine._ready:
            found.append(self.step().text)
        return found

    def stop(self) -> HeadwaterError | None:
        """The end, after which there is nothing but the end."""
        step = self.step()
        assert isinstance(step, Stop), step
        assert self.step() == Stop()
        assert self.machine.snapshot.is_over
        return step.error


def stopped(script: Script, kind: type[HeadwaterError], *, phase: str, attempts: int = 1, text: str = "") -> Any:
    """The error that the call ends with, which says where it happened and keeps what had come."""
    error = script.stop()
    assert type(error) is kind, error
    assert (error.phase, error.attempts) == (phase, attempts)
    assert (error.partial.text if error.partial else "") == text
    return error


def attempt(script: Script, status: int, body: bytes) -> None:
    assert isinstance(script.step(), Open)
    script.opened(status)
    assert script.step() == READ
    script.received(body, b"")


def in_state(state: State) -> Script:
    script = Script(retry=TRICE, function_calling=FunctionCalling(2))
    if state is State.OPENING:
        script.step()
    elif state is State.READING:
        script.begin()
    elif state is State.CALLING:
        script.begin()
        script.received(sse(CALLS), b"")
        script.texts()
    elif state in (State.CLOSING, State.BACKOFF):
        attempt(script, 503, BUSY)
        if state is State.BACKOFF:
            script.step()
    assert script.machine.snapshot.state is state
    return script

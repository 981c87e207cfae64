"""``TracedMachine``: a machine that reports every step, result and fact to a hook, with its time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from headwater.core.machine.config import MachineConfig
from headwater.core.machine.machine import Machine
from headwater.core.machine.steps import Failed, FunctionsReturned, Opened, Received, Step, TransportError
from headwater.core.wire.dialect import Dialect
from headwater.core.wire.request import HttpRequest
from headwater.types import Part

R = TypeVar("R")
#: Takes the time (monotonic seconds) and a ``Step``, a ``Fact`` or a result. What it raises ends the stream.
Trace = Callable[[float, Any], None]


def combine_traces(*traces: Trace) -> Trace:
    """Return a hook that calls each of ``traces``, in order."""

    def trace(now: float, what: Any) -> None:
        for each in traces:
            each(now, what)

    return trace


class TracedMachine(Machine[R]):
    """A machine that calls a trace hook. A class of its own, so that untraced calls pay nothing."""

    # The hook is called before a fact takes effect and after a step is chosen, so a trace reads as cause and effect.

    def __init__(self, dialect: Dialect[R], request: HttpRequest, config: MachineConfig, trace: Trace) -> None:
        super().__init__(dialect, request, config)
        self._trace = trace

    def next_step(self, now: float) -> R | Step:
        """Return the next result that is ready, or what to do to get one."""
        step = super().next_step(now)
        self._trace(now, step)
        return step

    def opened(self, status: int, headers: Mapping[str, str], now: float) -> None:
        """Take the head of the response."""
        self._trace(now, Opened(status, headers))
        super().opened(status, headers, now)

    def received(self, data: bytes, now: float) -> None:
        """Take bytes of the body."""
        self._trace(now, Received(len(data)))
        super().received(data, now)

    def failed(self, error: TransportError, now: float) -> None:
        """Record that opening or reading failed."""
        self._trace(now, Failed(error))
        super().failed(error, now)

    def answered(self, parts: list[Part], now: float) -> None:
        """Take the results of the functions."""
        self._trace(now, FunctionsReturned(parts))
        super().answered(parts, now)

"""A machine that tells a hook every step that it asks for, every result and every fact, at its time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from headwater.core.machine.machine import Machine
from headwater.core.machine.steps import Failed, FunctionsReturned, Opened, Received, Step, TransportError
from headwater.types import Part

R = TypeVar("R")
#: Takes the time (monotonic seconds) and a ``Step``, a ``Fact`` or a result. What it raises ends the stream.
Trace = Callable[[float, Any], None]


def combine_traces(*watches: Trace) -> Trace:
    """Return a hook that calls each of ``watches``, in their order."""

    def watch(now: float, told: Any) -> None:
        for each in watches:
            each(now, told)

    return watch


class TracedMachine(Machine[R]):
    """A machine under observation. A class of its own, so that it costs nothing where nobody watches."""

    def __init__(self, *args: Any, watch: Trace, **options: Any) -> None:
        super().__init__(*args, **options)
        self._watch = watch

    def next_step(self, now: float) -> R | Step:
        """Return the next result that is ready, or what to do to get one."""
        step = super().next_step(now)
        self._watch(now, step)
        return step

    def opened(self, status: int, headers: Mapping[str, str], now: float) -> None:
        """Take the head of the answer."""
        self._watch(now, Opened(status, headers))
        super().opened(status, headers, now)

    def received(self, data: bytes, now: float) -> None:
        """Take bytes of the body."""
        self._watch(now, Received(len(data)))
        super().received(data, now)

    def failed(self, error: TransportError, now: float) -> None:
        """Take it that opening or reading failed."""
        self._watch(now, Failed(error))
        super().failed(error, now)

    def answered(self, parts: list[Part], now: float) -> None:
        """Take what the functions answered."""
        self._watch(now, FunctionsReturned(parts))
        super().answered(parts, now)

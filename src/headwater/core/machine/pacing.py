"""Stages in the life of a call: what they hold back, and when it is due."""

from __future__ import annotations

from collections import deque
from typing import Any

from headwater.core.machine.steps import Pause, Read, Step
from headwater.core.stages.base import Stage
from headwater.types import GenerateContentResponse


class Pacer:
    """Runs the stages of one call. What they hand out goes into ``ready``, the machine's own queue."""

    def __init__(self, stages: Stage, ready: deque[Any]) -> None:
        self._stages = stages
        self._ready = ready

    def feed(self, chunk: GenerateContentResponse, now: float) -> None:
        """Take a chunk that has arrived."""
        self._ready.extend(self._stages.feed(chunk, now))

    def release(self, now: float) -> float | None:
        """Hand out what is due by ``now``; return when more is due, None if nothing is held for a time."""
        due = self._stages.due()
        if due is None or due > now:
            return due
        self._ready.extend(self._stages.release(now))
        return self._stages.due()

    def finish(self, now: float) -> None:
        """Record that no more chunks follow. What is held keeps its pace."""
        self._ready.extend(self._stages.finish(now))

    def flush(self) -> None:
        """Hand out everything at once."""
        self._ready.extend(self._stages.flush())

    def discard(self) -> None:
        """Drop everything that is held."""
        self._stages.flush()


def pause_until(due: float | None, step: Any, now: float) -> Any | Step:
    """Return ``step``, or a pause in its place if it is a read that could outlast ``due``.

    A pause that ends without data is not a failure, while a read that times out is one. That is why a read is never
    simply given a shorter timeout.
    """
    if due is not None and isinstance(step, Read) and (step.timeout is None or due - now < step.timeout):
        return Pause(max(0.0, due - now), step.timeout)
    return step

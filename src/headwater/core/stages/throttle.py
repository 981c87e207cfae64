"""The ``throttle`` stage: at most one chunk in a given time."""

from __future__ import annotations

import msgspec

from headwater.core.stages.buffer import Buffer, check_seconds
from headwater.types import GenerateContentResponse


class Throttle(msgspec.Struct, frozen=True):
    """The recipe that ``throttle()`` returns: one for any number of streams."""

    seconds: float

    def start(self) -> Throttler:
        """Return the stage for one stream."""
        return Throttler(self.seconds)


def throttle(seconds: float) -> Throttle:
    """Return a stage that hands on at most one chunk every ``seconds``, merged from all that arrived in the meantime.

    Raises:
        UsageError: if ``seconds`` is not a positive number.
    """
    return Throttle(check_seconds(seconds, "throttle"))


class Throttler(Buffer):
    """The stage of ``throttle()``."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._next = float("-inf")

    def due(self) -> float | None:
        """Return when the next chunk may be handed on."""
        return self._next if self._held else None

    def release(self, now: float) -> list[GenerateContentResponse]:
        """Return what is held, as one chunk, if ``seconds`` have passed since the last one."""
        given = super().release(now)
        if given:
            self._next = now + self._seconds
        return given

    def finish(self, now: float) -> list[GenerateContentResponse]:
        """Record that no chunks follow; what is held still waits for its time."""
        return self.release(now)

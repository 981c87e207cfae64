"""The ``coalesce`` stage: one chunk in place of several, by number or by time."""

from __future__ import annotations

import msgspec

from headwater.core.stages.buffer import Buffer, check_seconds
from headwater.errors import UsageError
from headwater.types import GenerateContentResponse


class Coalesce(msgspec.Struct, frozen=True):
    """The recipe that ``coalesce()`` returns: one for any number of streams."""

    count: int | None
    seconds: float | None

    def start(self) -> Coalescer:
        """Return the stage for one stream."""
        return Coalescer(self.count, self.seconds)


def coalesce(*, count: int | None = None, seconds: float | None = None) -> Coalesce:
    """Return a stage that merges ``count`` chunks, or those that arrive within ``seconds`` of the first of them.

    Raises:
        UsageError: if neither is given, or one is not a positive number.
    """
    if count is None and seconds is None:
        raise UsageError("coalesce() needs to know how much to wait for: count=, seconds= or both")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise UsageError(f"coalesce(count=...) is a whole number of chunks, 1 or more, not {count!r}")
    return Coalesce(count, None if seconds is None else check_seconds(seconds, "coalesce"))


class Coalescer(Buffer):
    """The stage of ``coalesce()``."""

    def __init__(self, count: int | None, seconds: float | None) -> None:
        super().__init__()
        self._count = count
        self._seconds = seconds
        self._since = 0.0

    def feed(self, chunk: GenerateContentResponse, now: float) -> list[GenerateContentResponse]:
        """Take a chunk; return all that are held as one if there are enough."""
        before = self.release(now)
        if not self._held:
            self._since = now
        return [*before, *super().feed(chunk, now)]

    def due(self) -> float | None:
        """Return when what is held is handed on: at once if there is enough."""
        if not self._held:
            return None
        if self._count is not None and len(self._held) >= self._count:
            return self._since
        return None if self._seconds is None else self._since + self._seconds

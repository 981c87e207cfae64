"""``Buffer``: the base of the stages that hold chunks and hand on fewer."""

from __future__ import annotations

from math import isfinite

from headwater.core.stages.chunks import merge
from headwater.errors import UsageError
from headwater.types import GenerateContentResponse


class Buffer:
    """A stage that holds chunks and hands all of them on as one."""

    def __init__(self) -> None:
        self._held: list[GenerateContentResponse] = []

    def feed(self, chunk: GenerateContentResponse, now: float) -> list[GenerateContentResponse]:
        """Take a chunk; return what may be handed on at once."""
        self._held.append(chunk)
        return self.release(now)

    def due(self) -> float | None:
        """Return when the held chunks are handed on; None if nothing is held, or more chunks are needed first."""
        raise NotImplementedError

    def release(self, now: float) -> list[GenerateContentResponse]:
        """Return what is held, as one chunk, if it is due by ``now``."""
        due = self.due()
        return [] if due is None or due > now else self.flush()

    def finish(self, now: float) -> list[GenerateContentResponse]:
        """Record that no chunks follow; return what is held, as one chunk."""
        return self.flush()

    def flush(self) -> list[GenerateContentResponse]:
        """Return what is held, as one chunk."""
        held, self._held = self._held, []
        return [merge(held)] if held else []


def check_seconds(value: float, name: str) -> float:
    """Return ``value``, the ``seconds`` of the stage ``name``.

    Raises:
        UsageError: if it is not a positive finite number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value > 0 and isfinite(value)):
        raise UsageError(f"{name}(seconds=...) is a number of seconds more than 0, not {value!r}")
    return value

"""Stages that hand on fewer chunks than come (``coalesce``, ``throttle``), and one that looks at them (``tap``)."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

import msgspec

from headwater.core.stages.chunks import merge
from headwater.errors import UsageError
from headwater.types import GenerateContentResponse


class Coalesce(msgspec.Struct, frozen=True):
    """The recipe that ``coalesce()`` returns: one for any number of streams."""

    count: int | None
    seconds: float | None

    def start(self) -> Coalescer:
        """Return the stage for one stream."""
        return Coalescer(self.count, self.seconds)


class Throttle(msgspec.Struct, frozen=True):
    """The recipe that ``throttle()`` returns: one for any number of streams."""

    seconds: float

    def start(self) -> Throttler:
        """Return the stage for one stream."""
        return Throttler(self.seconds)


class Tap(msgspec.Struct, frozen=True):
    """The recipe that ``tap()`` returns: one for any number of streams."""

    function: Callable[[GenerateContentResponse], Any]

    def start(self) -> Tapper:
        """Return the stage for one stream."""
        return Tapper(self.function)


def coalesce(*, count: int | None = None, seconds: float | None = None) -> Coalesce:
    """Return a stage that makes one chunk of ``count``, or of what comes within ``seconds`` of the first of them.

    Raises:
        UsageError: neither is given, or one is not a positive number.
    """
    if count is None and seconds is None:
        raise UsageError("coalesce() needs to know how much to wait for: count=, seconds= or both")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise UsageError(f"coalesce(count=...) is a whole number of chunks, 1 or more, not {count!r}")
    return Coalesce(count, None if seconds is None else _seconds(seconds, "coalesce"))


def throttle(seconds: float) -> Throttle:
    """Return a stage that gives at most one chunk every ``seconds``, made of all that came in the meantime.

    Raises:
        UsageError: ``seconds`` is not a positive number.
    """
    return Throttle(_seconds(seconds, "throttle"))


def tap(function: Callable[[GenerateContentResponse], Any]) -> Tap:
    """Return a stage that calls ``function`` with every chunk and hands the chunk on.

    Raises:
        UsageError: ``function`` can not be called.
    """
    if not callable(function):
        raise UsageError(f"tap() takes a function of a chunk, not {function!r}")
    return Tap(function)


def _seconds(value: float, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value > 0 and isfinite(value)):
        raise UsageError(f"{name}(seconds=...) is a number of seconds more than 0, not {value!r}")
    return value


class _Buffer:
    """A stage that holds chunks and gives all of them as one."""

    def __init__(self) -> None:
        self._held: list[GenerateContentResponse] = []

    def feed(self, chunk: GenerateContentResponse, now: float) -> list[GenerateContentResponse]:
        """Take a chunk; return what may go on at once."""
        self._held.append(chunk)
        return self.release(now)

    def due(self) -> float | None:
        """Return when the chunks that are held go on; None: there are none, or others have to come first."""
        raise NotImplementedError

    def release(self, now: float) -> list[GenerateContentResponse]:
        """Return what is held, as one chunk, if it is due by ``now``."""
        due = self.due()
        return [] if due is None or due > now else self.flush()

    def finish(self, now: float) -> list[GenerateContentResponse]:
        """Take it that nothing more is fed; return what is held, as one chunk."""
        return self.flush()

    def flush(self) -> list[GenerateContentResponse]:
        """Return what is held, as one chunk."""
        held, self._held = self._held, []
        return [merge(held)] if held else []


class Coalescer(_Buffer):
    """The stage of ``coalesce()``."""

    def __init__(self, count: int | None, seconds: float | None) -> None:
        super().__init__()
        self._count = count
        self._seconds = seconds
        self._since = 0.0

    def feed(self, chunk: GenerateContentResponse, now: float) -> list[GenerateContentResponse]:
        """Take a chunk; return one made of all when there are enough of them."""
        before = self.release(now)
        if not self._held:
            self._since = now
        return [*before, *super().feed(chunk, now)]

    def due(self) -> float | None:
        """Return when the time for what is held is over: at once when there is enough."""
        if not self._held:
            return None
        if self._count is not None and len(self._held) >= self._count:
            return self._since
        return None if self._seconds is None else self._since + self._seconds


class Throttler(_Buffer):
    """The stage of ``throttle()``."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._next = float("-inf")

    def due(self) -> float | None:
        """Return when the next chunk may go."""
        return self._next if self._held else None

    def release(self, now: float) -> list[GenerateContentResponse]:
        """Return what is held, as one chunk, if the last one went ``seconds`` ago."""
        given = super().release(now)
        if given:
            self._next = now + self._seconds
        return given

    def finish(self, now: float) -> list[GenerateContentResponse]:
        """Take it that nothing more is fed; what is held still waits for its time."""
        return self.release(now)


class Tapper:
    """The stage of ``tap()``."""

    def __init__(self, function: Callable[[GenerateContentResponse], Any]) -> None:
        self._function = function

    def feed(self, chunk: GenerateContentResponse, now: float) -> list[GenerateContentResponse]:
        """Call the function; return the chunk."""
        self._function(chunk)
        return [chunk]

    def due(self) -> float | None:
        """Return None: nothing is held."""
        return None

    def release(self, now: float) -> list[GenerateContentResponse]:
        """Return nothing."""
        return []

    def finish(self, now: float) -> list[GenerateContentResponse]:
        """Return nothing."""
        return []

    def flush(self) -> list[GenerateContentResponse]:
        """Return nothing."""
        return []

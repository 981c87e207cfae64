"""The ``tap`` stage: calls a function with each chunk and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from headwater.errors import UsageError
from headwater.types import GenerateContentResponse


class Tap(msgspec.Struct, frozen=True):
    """The recipe that ``tap()`` returns: one for any number of streams."""

    function: Callable[[GenerateContentResponse], Any]

    def start(self) -> Tapper:
        """Return the stage for one stream."""
        return Tapper(self.function)


def tap(function: Callable[[GenerateContentResponse], Any]) -> Tap:
    """Return a stage that calls ``function`` with every chunk and hands the chunk on.

    Raises:
        UsageError: if ``function`` is not callable.
    """
    if not callable(function):
        raise UsageError(f"tap() takes a function of a chunk, not {function!r}")
    return Tap(function)


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

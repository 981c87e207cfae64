"""``Stage``: a transform of the chunks of a stream, in time, between their arrival and the reader.

A stage has no clock and does no I/O, so it is the same for sync and async. It is given the time (monotonic seconds) and
says when it wants to be asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, cast, runtime_checkable

from headwater.errors import UsageError
from headwater.types import GenerateContentResponse

Chunks = Iterable[GenerateContentResponse]


class Stage(Protocol):
    """A transform of the chunks of one stream. Lives as long as the stream."""

    def feed(self, chunk: GenerateContentResponse, now: float) -> Chunks:
        """Take a chunk; return what may be handed on at once."""
        ...

    def due(self) -> float | None:
        """Return when more can be handed on; None if nothing is held, or only another chunk can release it."""
        ...

    def release(self, now: float) -> Chunks:
        """Return what is due by ``now``."""
        ...

    def finish(self, now: float) -> Chunks:
        """Record that no chunks follow; return what needs no pacing. The rest comes by ``due`` and ``release``."""
        ...

    def flush(self) -> Chunks:
        """Return everything that is held, at once and in order, because the stream broke."""
        ...


@runtime_checkable
class Startable(Protocol):
    """A recipe that is a value, such as ``smooth()``; one for any number of streams."""

    def start(self) -> Stage:
        """Return a new stage for one stream."""
        ...


#: What makes a stage: a value with ``start()``, or a class or function without arguments.
Recipe = Startable | Callable[[], Stage]
_METHODS = ("feed", "due", "release", "finish", "flush")


def start_stages(recipes: Iterable[Recipe]) -> Stage:
    """Return new stages for one stream, in the order of ``recipes``.

    Raises:
        UsageError: if ``recipes`` is not a list of recipes.
    """
    if isinstance(recipes, str | Startable) or not isinstance(recipes, Iterable):
        raise UsageError(f"stages are given as a list, as in stages=[smooth()], not as {type(recipes).__name__}")
    stages = [_started(recipe) for recipe in recipes]
    return stages[0] if len(stages) == 1 else Pipeline(stages)


def _started(recipe: Recipe) -> Stage:
    if isinstance(recipe, Startable) and not isinstance(recipe, type):
        return recipe.start()
    if not callable(recipe):
        hint = " A stage serves one stream: pass its class." if hasattr(recipe, "feed") else ""
        raise UsageError(f"{recipe!r} makes no stage: it has no start() and cannot be called.{hint}")
    stage: Any = recipe()
    name = getattr(recipe, "__name__", repr(recipe))
    if isinstance(stage, Startable) and not hasattr(stage, "feed"):
        raise UsageError(f"did you forget the parentheses? A stage is {name}(), as in stages=[{name}()]")
    missing = [name for name in _METHODS if not callable(getattr(stage, name, None))]
    if missing:
        raise UsageError(f"{recipe!r} made no stage: {type(stage).__name__} has no {', '.join(missing)}()")
    return cast("Stage", stage)


class Pipeline:
    """Stages in a row, as one stage."""

    def __init__(self, stages: Iterable[Stage]) -> None:
        self._stages = list(stages)
        self._finishing = False
        self._finished = 0  # how many stages, from the first, know that no chunks follow
        self._now = 0.0

    def feed(self, chunk: GenerateContentResponse, now: float) -> Chunks:
        """Take a chunk; return what leaves the last stage at once."""
        self._now = now
        return self._through([chunk], self._stages)

    def due(self) -> float | None:
        """Return when the first of the stages can hand on more."""
        return min((due for stage in self._stages if (due := stage.due()) is not None), default=None)

    def release(self, now: float) -> Chunks:
        """Return what is due by ``now``, stage after stage."""
        self._now = now
        chunks: list[GenerateContentResponse] = []
        over = self._finishing  # whether the stages before this one are empty for good
        for number, stage in enumerate(self._stages):
            chunks = [*self._through(chunks, [stage]), *stage.release(now)]
            if over and number >= self._finished:
                chunks += stage.finish(now)
                self._finished += 1
            over = over and stage.due() is None
        return chunks

    def finish(self, now: float) -> Chunks:
        """Record that no chunks follow. A stage is told once the stages before it are empty, and not earlier."""
        self._finishing = True
        return self.release(now)

    def flush(self) -> Chunks:
        """Return everything that is held, in order."""
        chunks: list[GenerateContentResponse] = []
        for stage in self._stages:
            chunks = [*self._through(chunks, [stage]), *stage.flush()]
        return chunks

    def _through(self, chunks: Chunks, stages: Iterable[Stage]) -> list[GenerateContentResponse]:
        for stage in stages:
            chunks = [given for chunk in chunks for given in stage.feed(chunk, self._now)]
        return cast("list[GenerateContentResponse]", chunks)

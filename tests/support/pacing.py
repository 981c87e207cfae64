"""A driver for stages on a fake clock: it wakes at arrivals and at ``due()``, and at no other time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headwater.core.answer.fold import Fold
from headwater.core.stages.base import Stage
from headwater.types import GenerateContentResponse, Part

Timed = tuple[float, GenerateContentResponse]


def chunk(*parts: Any, usage: Any = None, response_id: str | None = None, **fields: Any) -> GenerateContentResponse:
    """A chunk of one candidate; ``fields`` are the candidate's."""
    candidates = [{"content": {"parts": list(parts), "role": "model"}, **fields}]
    return GenerateContentResponse(candidates=candidates, usage_metadata=usage, response_id=response_id)


def thought(text: str) -> Part:
    return Part(text=text, thought=True)


def run(stage: Stage, arrivals: Iterable[Timed]) -> list[Timed]:
    """What a stage gives, and when; it is told of the end with the last arrival."""
    given: list[Timed] = []
    now = 0.0
    for at, one in arrivals:
        _drain(stage, at, given)
        now = at
        given += [(now, out) for out in stage.feed(one, now)]
    given += [(now, out) for out in stage.finish(now)]
    _drain(stage, float("inf"), given)
    assert stage.due() is None
    assert list(stage.flush()) == []
    return given


def _drain(stage: Stage, until: float, given: list[Timed]) -> None:
    while (due := stage.due()) is not None and due <= until:
        before = len(given)
        given += [(due, out) for out in stage.release(due)]
        assert len(given) > before or stage.due() != due, "a stage that is due gives something or waits on"


def characters(timed: Iterable[Timed]) -> list[tuple[str, bool, float]]:
    """Every character of the text and the thoughts, with the time of its chunk."""
    return [
        (character, bool(part.thought), at) for at, one in timed for part in one.parts for character in part.text or ""
    ]


def longest_hold(arrivals: Iterable[Timed], given: Iterable[Timed]) -> float:
    """The longest time that a character was held; they are the same, in the same order."""
    before, after = characters(arrivals), characters(given)
    assert [(one, kind) for one, kind, _ in before] == [(one, kind) for one, kind, _ in after]
    return max((out - at for (_, _, at), (_, _, out) in zip(before, after, strict=True)), default=0.0)


def folded(timed: Iterable[Timed]) -> GenerateContentResponse:
    fold = Fold()
    for _, one in timed:
        fold.add(one)
    return fold.response


def texts(timed: Iterable[Timed]) -> list[str]:
    return [one.text for _, one in timed]

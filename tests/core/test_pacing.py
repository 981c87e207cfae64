"""Stages in the life of a call: what is due, and what a read becomes meanwhile."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from headwater.core.machine.pacing import Pacer, pause_until
from headwater.core.machine.steps import Close, Pause, Read
from headwater.core.stages.coalesce import coalesce
from headwater.types import GenerateContentResponse


def paced() -> tuple[Pacer, deque[Any]]:
    ready: deque[Any] = deque()
    return Pacer(coalesce(seconds=1.0).start(), ready), ready


def chunk() -> GenerateContentResponse:
    return GenerateContentResponse()


def test_what_is_held_is_handed_out_when_it_is_due() -> None:
    pacer, ready = paced()
    assert pacer.release(0.0) is None
    pacer.feed(chunk(), 5.0)
    pacer.feed(chunk(), 5.5)
    assert (pacer.release(5.9), len(ready)) == (6.0, 0)
    assert (pacer.release(6.0), len(ready)) == (None, 1)


@pytest.mark.parametrize(("end", "handed_out"), [("finish", 1), ("flush", 1), ("discard", 0)])
def test_the_end_hands_out_or_drops_what_is_held(end: str, handed_out: int) -> None:
    pacer, ready = paced()
    pacer.feed(chunk(), 5.0)
    getattr(pacer, end)(*([5.1] if end == "finish" else []))
    assert len(ready) == handed_out
    assert pacer.release(9.0) is None


@pytest.mark.parametrize(
    ("due", "step", "becomes"),
    [
        (None, Read(5.0), Read(5.0)),
        (12.0, Read(5.0), Pause(2.0, 5.0)),
        (12.0, Read(None), Pause(2.0, None)),
        (16.0, Read(5.0), Read(5.0)),
        (9.0, Read(5.0), Pause(0.0, 5.0)),
        (12.0, Close(), Close()),
    ],
)
def test_a_read_that_could_outlast_what_is_due_becomes_a_pause(due: float | None, step: Any, becomes: Any) -> None:
    assert pause_until(due, step, 10.0) == becomes

"""What is measured of a stream, on a fake clock."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.core.answer.fold import Fold
from headwater.core.answer.metrics import Meter, Metrics
from headwater.core.machine.steps import Open
from tests.support.machines import BUSY, CLOSE, TRICE, Script
from tests.support.peers import document
from tests.support.servers import sse


def said(
    text: str, *, thought: bool = False, tokens: int | None = None, thoughts: int | None = None, **more: Any
) -> bytes:
    usage = {"promptTokenCount": 9, "candidatesTokenCount": tokens, "thoughtsTokenCount": thoughts}
    given = {"usageMetadata": {name: count for name, count in usage.items() if count is not None}}
    return sse(document([{"text": text, "thought": thought} if thought else {"text": text}], **(given | more)))


def at(script: Script, now: float, *events: bytes) -> None:
    """Let ``events`` come at a time, and be read."""
    script.now = now
    script.received(*events)
    script.texts()


def opened(after: float, **options: Any) -> Script:
    script = Script(**options)
    script.now = 100.0
    script.step()
    script.now = after
    script.opened()
    script.step()
    return script


def test_a_stream_that_has_not_begun_has_no_figures() -> None:
    metrics = Script().machine.snapshot.metrics
    assert (metrics.chunks, metrics.characters, metrics.bytes, metrics.attempts) == (0, 0, 0, 0)
    for name in (
        "first_byte",
        "first_chunk",
        "first_text",
        "total",
        "tokens",
        "tokens_per_second",
        "gap_max",
        "gap_p50",
    ):
        assert getattr(metrics, name) is None, name


def test_every_figure_of_a_stream() -> None:
    script = opened(after=100.5)
    first, second = said("hm", thought=True, tokens=None, thoughts=4), said("Hello ", tokens=2, thoughts=10)
    third, last = said("world", tokens=5, thoughts=10), said("!", tokens=10, thoughts=14, finish="STOP")
    at(script, 101.0, first)
    at(script, 102.0, second)
    at(script, 104.0, third)
    at(script, 111.0, last)
    script.now = 112.0
    script.received(b"")
    assert script.machine.snapshot.metrics == Metrics(
        first_byte=0.5,
        first_chunk=1.0,
        first_text=2.0,
        total=12.0,
        chunks=4,
        characters=12,
        bytes=sum(map(len, (first, second, third, last))),
        attempts=1,
        functions=0.0,
        prompt_tokens=9,
        tokens=24,
        tokens_per_second=(24 - 4) / 10.0,
        gap_p50=2.0,
        gap_p95=7.0,
        gap_max=7.0,
    )


def test_an_answer_in_one_chunk_has_the_rate_of_the_whole_call() -> None:
    script = opened(after=101.0)
    at(script, 104.0, said("Hello", tokens=8, finish="STOP"))
    assert script.machine.snapshot.metrics.tokens_per_second == 2.0


def test_the_times_run_from_the_call_over_all_attempts() -> None:
    script = Script(retry=TRICE)
    assert isinstance(script.step(), Open)
    script.now = 1.0
    script.opened(503)
    script.received(BUSY, b"")
    assert script.step() == CLOSE
    script.step()
    script.step()
    script.now = 5.0
    script.opened()
    at(script, 6.0, said("a", finish="STOP"))
    metrics = script.machine.snapshot.metrics
    assert (metrics.first_byte, metrics.first_text, metrics.attempts) == (5.0, 6.0, 2), "a refusal is no first byte"


@pytest.mark.parametrize(
    ("count", "p50", "p95", "largest"),
    [(1, 1, 1, 1), (2, 1, 2, 2), (10, 5, 10, 10), (20, 10, 19, 20), (100, 50, 95, 100)],
)
def test_a_quantile_is_the_smallest_gap_that_so_many_do_not_exceed(
    count: int, p50: float, p95: float, largest: float
) -> None:
    meter, now = Meter(), 0.0
    meter.times.append(now)
    for gap in [*range(2, count + 1, 2), *range(1, count + 1, 2)]:
        now += gap
        meter.times.append(now)
    metrics = meter.metrics(Fold(), 1)
    assert (metrics.gap_p50, metrics.gap_p95, metrics.gap_max) == (p50, p95, largest)


def test_chunks_that_came_together_have_no_gap() -> None:
    script = opened(after=100.0)
    at(script, 101.0, said("a"), said("b"), said("c", finish="STOP"))
    metrics = script.machine.snapshot.metrics
    assert (metrics.chunks, metrics.gap_max, metrics.tokens_per_second) == (3, 0.0, None)


def test_the_memory_of_a_chunk_is_eight_bytes() -> None:
    """A stream of a million chunks is measured in as many times, and asking in the end is one pass."""
    meter = Meter()
    for number in range(100_000):
        meter.times.append(float(number))
    assert meter.times.itemsize == 8
    assert meter.metrics(Fold(), 1).gap_max == 1.0


def test_a_cancelled_stream_has_a_total_too() -> None:
    script = opened(after=100.0)
    at(script, 101.0, said("a"))
    script.machine.cancel()
    script.now = 103.0
    script.stop()
    assert script.machine.snapshot.metrics.total == 3.0

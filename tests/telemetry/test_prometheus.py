"""The figures of calls in a registry of Prometheus."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from headwater.telemetry.prometheus import Prometheus
from tests.support.servers import Connection, Request, Server, refuses, scripted, whole
from tests.support.ways_out import WAYS, Way, answers, client_of, each_way, go, soon

STREAM = {"model": "m", "method": "streamGenerateContent"}


class Figures(CollectorRegistry):
    """A registry with short names for what is in it."""

    def of(self, name: str, **labels: str) -> float | None:
        return self.get_sample_value(f"headwater_client_{name}", STREAM | labels)


@pytest.fixture
def figures() -> Figures:
    return Figures()


@each_way
def test_each_way_out_is_counted_once(way: Way, side: Any, figures: Figures) -> None:
    """By its ending; and no call stays open."""
    go(way, side, Prometheus(figures))
    assert soon(lambda: figures.of("calls_total", ending=way.ending)) == 1
    assert figures.of("calls_open") == 0
    assert figures.of("call_seconds_count") == 1
    assert sum(figures.of("calls_total", ending=other.ending) or 0 for other in WAYS if other.ending != way.ending) == 0


def test_a_call_that_runs_is_open(side: Any, figures: Figures) -> None:
    seen: list[float | None] = []

    def script(connection: Connection, request: Request) -> None:
        seen.append(figures.of("calls_open"))
        whole(connection, request)

    with Server(script) as server:
        side.read(side.stream(client_of(server, Prometheus(figures))))
    assert seen == [1]


def test_streams_are_timed_and_tokens_counted(side: Any, figures: Figures) -> None:
    with Server(answers("STOP")) as server:
        client = client_of(server, Prometheus(figures))
        for _ in range(2):
            side.read(side.stream(client))
    assert figures.of("time_to_first_chunk_seconds_count") == 2
    assert figures.of("chunk_gap_seconds_count") == 2
    assert (figures.of("tokens_total", type="input"), figures.of("tokens_total", type="output")) == (14, 20)


def test_a_whole_answer_has_no_chunks(side: Any, figures: Figures) -> None:
    """It is counted under its own method, and not as a stream."""
    with Server(answers("STOP")) as server:
        side.ask(client_of(server, Prometheus(figures)))
    assert figures.of("calls_total", method="generateContent", ending="finished") == 1
    assert figures.of("time_to_first_chunk_seconds_count", method="generateContent") is None


def test_retries_are_counted_by_their_errors(side: Any, figures: Figures) -> None:
    busy = refuses(503, "UNAVAILABLE", "busy")
    script = scripted(lambda connection, _: connection.answer(busy, "503 Service Unavailable"), whole)
    with Server(script) as server:
        side.read(side.stream(client_of(server, Prometheus(figures))))
    assert figures.of("retries_total", error="503") == 1
    assert figures.of("calls_total", ending="finished") == 1


def test_one_registry_has_the_figures_once(figures: Figures) -> None:
    """Two observers of one registry count together, and another registry counts for itself."""
    other = Figures()
    with Server(whole) as server:
        for registry in (figures, figures, other):
            list(client_of(server, Prometheus(registry)).models.generate_content_stream(model="m", contents="hi"))
    assert (figures.of("calls_total", ending="finished"), other.of("calls_total", ending="finished")) == (2, 1)
    assert generate_latest(figures).count(b"# TYPE headwater_client_calls_total counter") == 1


def test_a_registry_goes_when_nobody_has_it() -> None:
    registry = CollectorRegistry()
    gone = weakref.ref(registry)
    Prometheus(registry)
    del registry
    gc.collect()
    assert gone() is None

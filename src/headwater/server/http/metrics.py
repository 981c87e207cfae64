"""The server's metrics for Prometheus: ``GET /metrics``."""

from __future__ import annotations

import time
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Timed(Protocol):
    """What is timed to its first chunk. ``waiting_since`` is a monotonic time until then, and 0 afterwards."""

    waiting_since: float


class ServerMetrics:
    """The metrics of one server, in a registry of their own.

    Chunks are counted in plain integers and added to the counters when a page is made: prometheus_client takes a lock
    for each increment, which is too much for each chunk.
    """

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._open = Gauge("headwater_streams_open", "Answers in production.", ["engine"], registry=registry)
        self._started = Counter("headwater_streams", "Answers begun.", ["engine"], registry=registry)
        self._chunks = Counter("headwater_chunks", "Chunks produced.", ["engine"], registry=registry)
        self._bytes = Counter("headwater_bytes", "Bytes of chunks produced.", ["engine"], registry=registry)
        self._errors = Counter("headwater_errors", "Answers ended by an error.", ["engine", "kind"], registry=registry)
        self._cancelled = Counter("headwater_cancellations", "Answers stopped early.", ["engine"], registry=registry)
        self._refused = Counter("headwater_refusals", "Requests refused.", ["reason"], registry=registry)
        self._first = Histogram(
            "headwater_time_to_first_chunk_seconds",
            "From the request to the first chunk.",
            ["engine"],
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=registry,
        )
        self._uncounted: dict[str, list[int]] = {}  # chunks and bytes by engine

    def opened(self, engine: str) -> None:
        """Count the start of a generation."""
        self._open.labels(engine).inc()
        self._started.labels(engine).inc()
        self._uncounted.setdefault(engine, [0, 0])

    def closed(self, engine: str) -> None:
        """Count the end of a generation."""
        self._open.labels(engine).dec()

    def chunk(self, engine: str, size: int, generation: Timed) -> None:
        """Count a chunk of ``size`` bytes."""
        counts = self._uncounted[engine]
        counts[0] += 1
        counts[1] += size
        if generation.waiting_since:
            self._first.labels(engine).observe(time.monotonic() - generation.waiting_since)
            generation.waiting_since = 0.0

    def failed(self, engine: str, kind: str) -> None:
        """Count a generation that failed with this kind of error."""
        self._errors.labels(engine, kind).inc()

    def cancelled(self, engine: str) -> None:
        """Count a generation that was stopped."""
        self._cancelled.labels(engine).inc()

    def refused(self, reason: str) -> None:
        """Count a request that was refused."""
        self._refused.labels(reason).inc()

    def page(self) -> bytes:
        """Return the metrics in Prometheus's text format."""
        # Nothing is counted between adding and resetting: all of it runs in the event loop.
        for engine, counts in self._uncounted.items():
            self._chunks.labels(engine).inc(counts[0])
            self._bytes.labels(engine).inc(counts[1])
            counts[:] = 0, 0
        return generate_latest(self.registry)

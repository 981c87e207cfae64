"""Measures observers: CPU of the reader's thread per chunk, and per stream of two chunks.

    python bench/telemetry.py [--rounds 60]

The upstream is that of the other benchmarks, in its own process; spans go to a batch processor that discards them.
The observers take turns, and the table has their medians. It needs ``pip install -e '.[dev]'``.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from environment import upstream
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry

from headwater import genai
from headwater.telemetry.logs import Logs
from headwater.telemetry.otel import OpenTelemetry
from headwater.telemetry.prometheus import Prometheus

LONG = 500


class Nowhere(SpanExporter):
    """Discards spans."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def contenders() -> dict[str, dict[str, Any]]:
    """The options of a client by their name in the table."""
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(Nowhere()))
    sdk: dict[str, Any] = {"tracer_provider": tracers, "meter_provider": MeterProvider([InMemoryMetricReader()])}
    logger = logging.Logger("bench", logging.INFO)
    logger.addHandler(logging.NullHandler())
    return {
        "none": {},
        "`Logs()`": {"observers": [Logs(logger)]},
        "`Prometheus()`": {"observers": [Prometheus(CollectorRegistry())]},
        "`OpenTelemetry()`": {"observers": [OpenTelemetry(**sdk)]},
        "`OpenTelemetry(gaps=False)`": {"observers": [OpenTelemetry(gaps=False, **sdk)]},
        "`OpenTelemetry()`, no SDK": {"observers": [OpenTelemetry()]},
        "a `trace` hook that does nothing": {"trace": lambda now, what: None},
    }


def cpu(client: genai.Client, chunks: int) -> float:
    """Microseconds of this thread for one stream."""
    before = time.thread_time()
    for _ in client.models.generate_content_stream(model=f"burst-{chunks}", contents="hi"):
        pass
    return (time.thread_time() - before) * 1e6


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    with upstream(Path(sys.executable)) as server:
        http: Any = {"base_url": server.url}
        clients = {
            name: genai.Client(api_key="k", http_options=http, options=options)  # type: ignore[arg-type]
            for name, options in contenders().items()
        }
        costs: dict[str, dict[int, list[float]]] = {name: {LONG: [], 2: []} for name in clients}
        for number in range(rounds + 3):
            for name, client in clients.items():
                for chunks, spent in costs[name].items():
                    took = cpu(client, chunks)
                    if number >= 3:  # the first ones warm up
                        spent.append(took)
    print(
        table({name: {chunks: statistics.median(spent) for chunks, spent in by.items()} for name, by in costs.items()})
    )


def table(medians: dict[str, dict[int, float]]) -> str:
    """The medians as Markdown."""
    lines = [
        f"| observers | µs for each of {LONG} chunks | more | µs for a stream of 2 chunks | more |",
        "|" + "---|" * 5,
    ]
    none = medians["none"]
    for name, by in medians.items():
        each, more = by[LONG] / LONG, (by[LONG] - none[LONG]) / LONG
        lines.append(f"| {name} | {each:.1f} | {more:.1f} | {by[2]:.0f} | {by[2] - none[2]:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""Figures of a program's calls for Prometheus; it takes the extra ``headwater[prometheus]``.

client = genai.Client(options={"observers": [Prometheus()]})
"""

from __future__ import annotations

from functools import partial
from threading import Lock
from weakref import WeakKeyDictionary

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
except ImportError as error:
    raise ImportError("this needs prometheus-client: pip install 'headwater[prometheus]'") from error

from headwater.client.options.observers import CallRequest, FinishedCall
from headwater.core.answer.events import Retrying
from headwater.telemetry.common import SECONDS, error_type, tokens

_BY = ("model", "method")


class Prometheus:
    """Counts and times calls. Any number of them with the same registry share the same figures."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._figures = _figures(registry)

    def begin(self, request: CallRequest) -> _Counting:
        """Watch a call."""
        return _Counting(self._figures, request)


class _Figures:
    """The collectors in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        seconds = partial(Histogram, labelnames=_BY, registry=registry, buckets=SECONDS)
        self.open = Gauge(
            "headwater_client_calls_open", "Calls that run.", _BY, registry=registry, multiprocess_mode="livesum"
        )
        self.calls = counter("headwater_client_calls", "Calls ended, by how they did.", (*_BY, "ending"))
        self.retries = counter("headwater_client_retries", "Failures after which it was tried again.", (*_BY, "error"))
        self.tokens = counter("headwater_client_tokens", "Tokens, as the API counted them.", (*_BY, "type"))
        self.duration = seconds("headwater_client_call_seconds", "From the first request to the end.")
        self.first = seconds(
            "headwater_client_time_to_first_chunk_seconds", "From the first request of a stream to its first chunk."
        )
        self.gap = seconds("headwater_client_chunk_gap_seconds", "From one chunk of a stream to the next.")


_known: WeakKeyDictionary[CollectorRegistry, _Figures] = WeakKeyDictionary()
_lock = Lock()


def _figures(registry: CollectorRegistry) -> _Figures:
    """The figures in a registry: made once, since a name can be registered once."""
    with _lock:
        figures = _known.get(registry)
        if figures is None:
            figures = _known[registry] = _Figures(registry)
        return figures


class _Counting:
    def __init__(self, figures: _Figures, request: CallRequest) -> None:
        self._figures = figures
        self._by = (request.model, request.method)
        self._is_stream = request.is_stream
        figures.open.labels(*self._by).inc()

    def retrying(self, event: Retrying) -> None:
        self._figures.retries.labels(*self._by, error_type(event.error)).inc()

    def ended(self, call: FinishedCall) -> None:
        figures, by, metrics = self._figures, self._by, call.metrics
        figures.open.labels(*by).dec()
        figures.calls.labels(*by, str(call.ending)).inc()
        figures.duration.labels(*by).observe(metrics.total or 0.0)
        self._count(call)
        if not self._is_stream or metrics.first_chunk is None:
            return
        figures.first.labels(*by).observe(metrics.first_chunk)
        observe = figures.gap.labels(*by).observe
        for gap in call.gaps:
            observe(gap)

    def _count(self, call: FinishedCall) -> None:
        spent = tokens(call)
        for kind, count in (("input", spent.input), ("output", spent.output)):
            if count:
                self._figures.tokens.labels(*self._by, kind).inc(count)

"""Prometheus metrics of a program's calls. Needs the extra ``prometheus``.

client = genai.Client(options={"observers": [Prometheus()]})
"""

from __future__ import annotations

from functools import partial
from threading import Lock
from weakref import WeakKeyDictionary

from headwater.extras import missing_package

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
except ImportError as error:
    raise ImportError(missing_package("prometheus-client", "prometheus", user="Prometheus()")) from error

from headwater.client.options.observers import CallRequest, FinishedCall
from headwater.core.answer.events import Retrying
from headwater.telemetry.common import SECONDS, error_type, tokens

_BY = ("model", "method")


class Prometheus:
    """Counts and times calls. Instances with the same registry share its collectors."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._collectors = _collectors_of(registry)

    def begin(self, request: CallRequest) -> _CallMetrics:
        """Observe a call."""
        return _CallMetrics(self._collectors, request)


class _Collectors:
    """The collectors in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        seconds = partial(Histogram, labelnames=_BY, registry=registry, buckets=SECONDS)
        # In multiprocess mode the gauge is the sum over live processes; a dead one has no open calls.
        self.open = Gauge(
            "headwater_client_calls_open", "Running calls.", _BY, registry=registry, multiprocess_mode="livesum"
        )
        self.calls = counter("headwater_client_calls", "Finished calls, by ending.", (*_BY, "ending"))
        self.retries = counter("headwater_client_retries", "Retried failures.", (*_BY, "error"))
        self.tokens = counter("headwater_client_tokens", "Tokens, as counted by the API.", (*_BY, "type"))
        self.duration = seconds("headwater_client_call_seconds", "From the first request to the end.")
        self.first = seconds(
            "headwater_client_time_to_first_chunk_seconds", "From the first request of a stream to its first chunk."
        )
        self.gap = seconds("headwater_client_chunk_gap_seconds", "From one chunk of a stream to the next.")


_known: WeakKeyDictionary[CollectorRegistry, _Collectors] = WeakKeyDictionary()
_lock = Lock()


def _collectors_of(registry: CollectorRegistry) -> _Collectors:
    """Return the collectors in a registry: created once, since a name can be registered only once."""
    # Weak keys: a registry of a test, say, takes its collectors along when it goes.
    with _lock:
        collectors = _known.get(registry)
        if collectors is None:
            collectors = _known[registry] = _Collectors(registry)
        return collectors


class _CallMetrics:
    def __init__(self, collectors: _Collectors, request: CallRequest) -> None:
        self._collectors = collectors
        self._by = (request.model, request.method)
        self._is_stream = request.is_stream
        collectors.open.labels(*self._by).inc()

    def retrying(self, event: Retrying) -> None:
        self._collectors.retries.labels(*self._by, error_type(event.error)).inc()

    def ended(self, call: FinishedCall) -> None:
        collectors, by, metrics = self._collectors, self._by, call.metrics
        collectors.open.labels(*by).dec()
        collectors.calls.labels(*by, str(call.ending)).inc()
        collectors.duration.labels(*by).observe(metrics.total or 0.0)
        self._count(call)
        if not self._is_stream or metrics.first_chunk is None:
            return
        collectors.first.labels(*by).observe(metrics.first_chunk)
        observe = collectors.gap.labels(*by).observe
        for gap in call.gaps:
            observe(gap)

    def _count(self, call: FinishedCall) -> None:
        spent = tokens(call)
        for kind, count in (("input", spent.input), ("output", spent.output)):
            if count:
                self._collectors.tokens.labels(*self._by, kind).inc(count)

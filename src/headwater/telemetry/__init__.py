"""Observers of calls: ``Logs`` (``logging``), ``OpenTelemetry``, ``Prometheus``; and ``log_steps`` to debug a call."""

from typing import TYPE_CHECKING

from headwater.lazy import lazy_names

if TYPE_CHECKING:
    from headwater.telemetry.logs import Logs, log_steps
    from headwater.telemetry.otel import OpenTelemetry
    from headwater.telemetry.prometheus import Prometheus
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "Logs": "logs",
            "log_steps": "logs",
            "OpenTelemetry": "otel",
            "Prometheus": "prometheus",
        },
    )

__all__ = [
    "Logs",
    "OpenTelemetry",
    "Prometheus",
    "log_steps",
]

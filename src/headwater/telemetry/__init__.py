"""Observers of calls: ``logs`` for ``logging``, ``otel`` for OpenTelemetry, ``prometheus`` for Prometheus."""

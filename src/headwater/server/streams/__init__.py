"""Stored streams: engines recorded into logs, and the readers of those logs."""

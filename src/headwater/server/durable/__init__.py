"""The Durable Streams protocol under ``/v1/durable/``: append-only streams, created, appended to and read over HTTP."""

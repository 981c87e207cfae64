"""The Durable Streams protocol under ``/v1/stream/``: logs that are read, tailed and written over HTTP."""

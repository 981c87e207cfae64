"""The Durable Streams protocol under ``/v1/durable/``: logs that are read, tailed and written over HTTP."""

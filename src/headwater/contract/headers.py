"""The HTTP headers that a headwater client and server exchange. Names are case-insensitive (RFC 9110, 5.1)."""

from __future__ import annotations

#: In a request: for how many seconds the server keeps the stream when the connection is lost.
KEEP = "Headwater-Keep"
#: In a response: the name of the stream. In a request: resume that stream ...
STREAM = "Headwater-Stream"
#: ... after this many chunks.
AFTER = "Headwater-After"
#: In a response: the hints of the request that the engine has no counterpart for, separated by commas.
IGNORED = "Headwater-Ignored"
#: In a request for the events of a stored stream: the number of the last event received.
LAST_EVENT_ID = "Last-Event-ID"
#: In a request that starts a stream: sent again, the same key returns the same stream.
IDEMPOTENCY_KEY = "Idempotency-Key"

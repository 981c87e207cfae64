"""What applies where a caller says nothing."""

from __future__ import annotations

#: The model of requests that name none.
DEFAULT_MODEL = "gemini-2.5-flash"
#: How long a client asks a server to keep a stream without a reader (seconds).
KEEP_SECONDS = 30

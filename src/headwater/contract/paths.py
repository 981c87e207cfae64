"""The paths of what a headwater server has beyond the Gemini API."""

from __future__ import annotations

#: Stored streams, and what is below one of them.
STREAMS = "/v1/streams"
EVENTS, STOP, LINKS = "/events", "/stop", "/links"
#: Saved chats, and what is below one of them (``STOP`` too).
CHATS = "/v1/chats"
ANSWERS, EXPORT = "/answers", "/export"
#: Streams of the Durable Streams protocol.
DURABLE = "/v1/durable"
WEBSOCKET = "/ws"

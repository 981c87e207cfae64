"""Stored answers as read-only durable streams of the same name."""

from __future__ import annotations

from headwater.errors import UnknownStreamError
from headwater.server.durable.streams import ReadOnlyStream
from headwater.server.streams.log_keys import is_name
from headwater.server.streams.record_format import CHUNK, ERROR
from headwater.server.streams.registry import StreamRegistry


class AnswerStreams:
    """Finds the stored streams of a server. Their messages are the chunks, and the error if generation failed."""

    def __init__(self, registry: StreamRegistry) -> None:
        self._registry = registry

    async def find(self, principal: bytes, path: str) -> ReadOnlyStream | None:
        """Return the stream named ``path``, or None if ``principal`` has no such stream."""
        if not is_name(path):
            return None
        try:
            await self._registry.find(principal, path)
        except UnknownStreamError:
            return None
        return ReadOnlyStream(path, _message)


def _message(record: bytes) -> bytes | None:
    return record[1:] if record[0] in (CHUNK, ERROR) else None

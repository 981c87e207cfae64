"""Named answers as streams of the Durable Streams protocol: to be read there, by the same name, and not written."""

from __future__ import annotations

from headwater.errors import UnknownStreamError
from headwater.server.durable.streams import ReadOnlyStream
from headwater.server.streams.log_keys import is_name
from headwater.server.streams.record_format import CHUNK, ERROR
from headwater.server.streams.registry import StreamRegistry


class AnswerStreams:
    """Shows the answers of a server; a message is a chunk, or the error that ended the answer."""

    def __init__(self, registry: StreamRegistry) -> None:
        self._registry = registry

    async def find(self, who: bytes, path: str) -> ReadOnlyStream | None:
        """Return the log of the answer whose name is ``path``; None where there is none, or it is not theirs."""
        if not is_name(path):
            return None
        try:
            await self._registry.find(who, path)
        except UnknownStreamError:
            return None
        return ReadOnlyStream(path, _message)


def _message(record: bytes) -> bytes | None:
    return record[1:] if record[0] in (CHUNK, ERROR) else None

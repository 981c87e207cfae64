"""How the records of one answer come into its log: one by one into memory, in groups into a log that takes its time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from headwater.errors import ConflictError, HeadwaterError, SealedError, UnknownStreamError
from headwater.log.base import Log
from headwater.server.streams import record_format

#: The log is not ours any more: another server has taken it over, ended it or dropped it.
NOT_OWNER = (ConflictError, SealedError, UnknownStreamError)
#: More than this does not wait to be written: the engine waits instead.
_MAX_WAITING_BYTES = 1024 * 1024


class LogWriter(Protocol):
    """What a production writes with. Lives as long as it."""

    async def add(self, record: bytes) -> None:
        """Write one record, now or soon.

        Raises:
            LogError: it can not be written, or one before it could not.
        """

    async def end(self, record: bytes, status: record_format.StreamStatus) -> None:
        """Write what is left and the last record, and end the log.

        Raises:
            LogError: that is not possible.
        """

    async def flush(self) -> None:
        """Return when nothing is being written any more."""


class DirectWriter:
    """Writes each record at once: for the log in memory, which nobody waits for."""

    def __init__(self, log: Log, key: str) -> None:
        self._append = log.append
        self._key = key

    async def add(self, record: bytes) -> None:
        """Write one record."""
        await self._append(self._key, [record])

    async def end(self, record: bytes, _: record_format.StreamStatus) -> None:
        """Write the last record and end the log."""
        await self._append(self._key, [record], seal=True)

    async def flush(self) -> None:
        """Nothing is being written."""


class BatchingWriter:
    """Writes in groups, in the name of ``writer``: what comes while one is being written is the next.

    ``on_error`` is called when a group could not be written. ``count`` chunks are in the log already.
    """

    def __init__(
        self, log: Log, key: str, writer: str, on_error: Callable[[HeadwaterError], None], *, count: int = 0
    ) -> None:
        self._log = log
        self._key = key
        self._writer = writer
        self._on_error = on_error
        self._count = count
        self._waiting: list[bytes] = []
        self._size = 0
        self._task: asyncio.Task[None] | None = None
        self._error: HeadwaterError | None = None
        self._usage_record = b""  # the last chunk that says how many tokens there are
        self.written_at = time.monotonic()  # when something was written last

    async def add(self, record: bytes) -> None:
        """Take one record; it is written soon."""
        if self._error is not None:
            raise self._error
        self._count += 1
        if b'"usageMetadata"' in record:
            self._usage_record = record
        self._waiting.append(record)
        self._size += len(record)
        if self._task is None:
            self._task = asyncio.create_task(self._write())
        if self._size > _MAX_WAITING_BYTES:
            await asyncio.wait([self._task])

    async def end(self, record: bytes, status: record_format.StreamStatus) -> None:
        """Write what is left and the last record, and end the log."""
        await self.flush()
        if isinstance(self._error, NOT_OWNER):
            raise self._error
        status = msgspec.structs.replace(status, chunks=self._count, usage=_usage(self._usage_record))
        if record[0] == record_format.END:
            said = status.reason, status.first_chunk, status.seconds, status.chunks, status.usage
            record = record_format.end_record(*said)
        note = msgspec.json.encode(status)
        await self._log.append(self._key, [*self._waiting, record], writer=self._writer, seal=True, note=note)

    async def flush(self) -> None:
        """Return when the group that is being written is."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _write(self) -> None:
        try:
            while self._waiting:
                group, self._waiting, self._size = self._waiting, [], 0
                await self._log.append(self._key, group, writer=self._writer)
                self.written_at = time.monotonic()
        except HeadwaterError as error:
            self._error = error
            self._waiting.clear()  # there may be a hole before it
            self._on_error(error)
        finally:
            self._task = None


class _Usage(msgspec.Struct):
    usageMetadata: dict[str, Any] | None = None  # noqa: N815 - the name on the wire


def _usage(record: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(record[1:], type=_Usage).usageMetadata if record else None
    except msgspec.MsgspecError:  # not of the API's shape
        return None

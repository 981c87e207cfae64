"""How the records of an answer are written to its log: one by one in memory, in groups where an append takes time.

Theory of operation
===================

An engine produces a chunk every few milliseconds; a durable append takes about as long, and a slow one much longer. The
engine must not wait for each append, and readers must get chunks in their order, without gaps.

*Groups.* ``BatchingWriter`` has at most one append under way. Records that arrive meanwhile are the next group. Under
load groups grow, and the cost of an append is shared. An idle log gets each record at once: there is no timer and no
minimum size, so batching never delays a record that could be written.

*Order.* One append at a time means that groups reach the log in the order of their records. A later group is not even
sent before the earlier one is acknowledged; so a log never has a gap, whenever the server dies.

*Backpressure.* Records that wait are bounded by ``_MAX_WAITING_BYTES``. Beyond that ``add`` waits for the appends under
way, and with it the engine.

*The end* is one append: the last record, the status in the note, and the seal. A reader that sees the last record sees
the end, and whoever reads the status of a sealed log reads the final one.

*Errors.* After a failed append it is unknown whether its group is in the log. Appending the next group could leave a
gap, or not; so no further chunk is written. What happens then depends on the error:

- ``NOT_OWNER``: the log belongs to another server, is sealed or was dropped. Nothing may be written any more, not even
  an end: the new writer decides it.
- Anything else: the log could not be written. The generation is cancelled, and ``end`` still tries to seal the log with
  the error, which is correct after any number of chunks. If that fails too, the lease runs out, and another server ends
  or resumes the stream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from headwater.errors import ConflictError, HeadwaterError, SealedError, UnknownStreamError
from headwater.log.base import Log
from headwater.server.streams import record_format

#: The log is no longer ours: another server has taken it over, sealed it or dropped it.
NOT_OWNER = (ConflictError, SealedError, UnknownStreamError)
#: How many bytes may wait to be written before the engine has to wait.
_MAX_WAITING_BYTES = 1024 * 1024


class LogWriter(Protocol):
    """What a generation writes with. Lives as long as the generation."""

    async def add(self, record: bytes) -> None:
        """Write one record, now or soon.

        Raises:
            LogError: if it, or a record before it, could not be written.
        """

    async def end(self, record: bytes, status: record_format.StreamStatus) -> None:
        """Write what is waiting and the last record, and seal the log.

        Raises:
            LogError: if the log cannot be written.
        """

    async def flush(self) -> None:
        """Return when nothing is waiting or being written."""


class DirectWriter:
    """Writes each record at once: for the log in memory, where an append takes no time."""

    def __init__(self, log: Log, key: str) -> None:
        self._append = log.append
        self._key = key

    async def add(self, record: bytes) -> None:
        """Write one record."""
        await self._append(self._key, [record])

    async def end(self, record: bytes, _: record_format.StreamStatus) -> None:
        """Write the last record and seal the log."""
        await self._append(self._key, [record], seal=True)

    async def flush(self) -> None:
        """Nothing ever waits."""


class BatchingWriter:
    """Writes in groups, in the name of ``writer``. Records that arrive while a group is written are the next one.

    ``on_error`` is called if a group could not be written. ``count`` chunks are already in the log.
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
        self._usage_record = b""  # the latest chunk with token counts
        self.written_at = time.monotonic()  # the latest append, which renewed the lease

    async def add(self, record: bytes) -> None:
        """Queue one record; it is written soon."""
        if self._error is not None:
            raise self._error
        self._count += 1
        # A substring, since parsing every chunk would cost more than writing it. Inside a text the quotes would be
        # escaped, so it only matches the key.
        if b'"usageMetadata"' in record:
            self._usage_record = record
        self._waiting.append(record)
        self._size += len(record)
        if self._task is None:
            self._task = asyncio.create_task(self._write())
        if self._size > _MAX_WAITING_BYTES:
            await asyncio.wait([self._task])

    async def end(self, record: bytes, status: record_format.StreamStatus) -> None:
        """Write what is waiting and the last record, and seal the log."""
        await self.flush()
        if isinstance(self._error, NOT_OWNER):
            raise self._error
        status = msgspec.structs.replace(status, chunks=self._count, usage=_usage(self._usage_record))
        if record[0] == record_format.END:
            ending = status.reason, status.first_chunk, status.seconds, status.chunks, status.usage
            record = record_format.end_record(*ending)
        note = msgspec.json.encode(status)
        await self._log.append(self._key, [*self._waiting, record], writer=self._writer, seal=True, note=note)

    async def flush(self) -> None:
        """Return when no group is being written or waits."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _write(self) -> None:
        try:
            while self._waiting:
                # What arrives during this append is the next group.
                group, self._waiting, self._size = self._waiting, [], 0
                await self._log.append(self._key, group, writer=self._writer)
                self.written_at = time.monotonic()
        except HeadwaterError as error:
            self._error = error
            self._waiting.clear()  # there may be a gap before it
            self._on_error(error)
        finally:
            self._task = None


class _Usage(msgspec.Struct):
    usageMetadata: dict[str, Any] | None = None  # noqa: N815 - the name on the wire


def _usage(record: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(record[1:], type=_Usage).usageMetadata if record else None
    except msgspec.MsgspecError:  # not a response of the API
        return None

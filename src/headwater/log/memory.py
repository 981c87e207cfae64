"""The log in memory: the fastest one, lost with the process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from headwater.errors import ConflictError, SealedError, UnknownStreamError
from headwater.log.base import PAGE_RECORDS, LogState, Page
from headwater.log.lease import LEASE
from headwater.log.retention import StoredLog, logs_to_drop
from headwater.log.waiting import WaitingReaders


class _Entry:
    """One log: its records and its state."""

    __slots__ = ("changed", "is_sealed", "lease", "note", "records", "writer")

    def __init__(self, writer: str, lease: float, note: bytes, now: float) -> None:
        self.records: list[bytes] = []
        self.is_sealed = False
        self.writer = writer
        self.lease = lease
        self.note = note
        self.changed = now

    def is_stale(self, now: float) -> bool:
        return bool(self.writer) and not self.is_sealed and now - self.changed >= self.lease

    def kept(self, key: str, now: float) -> StoredLog:
        is_written = bool(self.writer) and not self.is_sealed and not self.is_stale(now)
        return StoredLog(key, now - self.changed, sum(map(len, self.records)), is_written)


class MemoryLog:
    """Logs of one process and one event loop."""

    #: A subclass that also writes its records to where other processes find them sets it to False.
    is_in_memory = True

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._waiting = WaitingReaders()

    def __len__(self) -> int:
        return len(self._entries)

    async def create(self, key: str, *, writer: str = "", lease: float = LEASE, note: bytes = b"") -> None:
        """Create an empty log."""
        if key in self._entries:
            raise ConflictError(f"the stream {key!r} already exists")
        self._entries[key] = _Entry(writer, lease, note, self._clock())

    async def append(
        self,
        key: str,
        records: Sequence[bytes],
        *,
        at: int | None = None,
        writer: str = "",
        seal: bool = False,
        note: bytes | None = None,
    ) -> int:
        """Add records, renew the lease and return the offset after them."""
        entry = self._entry(key)
        if entry.is_sealed:
            raise SealedError(f"the stream {key!r} has ended")
        if writer and writer != entry.writer:
            raise ConflictError(f"the stream {key!r} is written by {entry.writer!r}, not by {writer!r}")
        if at is not None and at != len(entry.records):
            raise ConflictError(f"the stream {key!r} is at {len(entry.records)}, not at {at}")
        # There is no await between the checks and the changes, so appends of one event loop cannot interleave.
        entry.records += records
        entry.changed = self._clock()
        entry.is_sealed = seal
        if note is not None:
            entry.note = note
        if records or seal:  # a renewed lease is no news for readers
            self._waiting.wake(key)
        return len(entry.records)

    async def read(self, key: str, after: int, limit: int = PAGE_RECORDS) -> Page:
        """Return the records after offset ``after`` that are there now."""
        entry = self._entry(key)
        # A slice is a copy: pages stay as they are while the log grows.
        records = entry.records[after : after + limit]
        end = after + len(records)
        return Page(records, end, entry.is_sealed and end >= len(entry.records))

    async def wait(self, key: str, after: int, timeout: float) -> None:
        """Return when there may be records after ``after``, or the end, or the time is up."""
        entry = self._entry(key)
        if entry.is_sealed or len(entry.records) > after:
            return
        await self._waiting.add(key, timeout)

    async def state(self, key: str) -> LogState:
        """Return everything about the log but its records."""
        entry = self._entry(key)
        stale = entry.is_stale(self._clock())
        return LogState(len(entry.records), entry.is_sealed, entry.writer, stale, entry.note)

    async def take_over(self, key: str, writer: str, *, lease: float = LEASE) -> LogState:
        """Become the writer of a stale log."""
        entry, now = self._entry(key), self._clock()
        if entry.is_sealed:
            raise SealedError(f"the stream {key!r} has ended")
        if not entry.is_stale(now):
            raise ConflictError(f"the stream {key!r} still has a writer")
        # As in ``append``: nothing runs between the check and this change.
        entry.writer, entry.lease, entry.changed = writer, lease, now
        return await self.state(key)

    async def stale(self) -> list[str]:
        """Return the keys of all stale logs."""
        now = self._clock()
        return [key for key, entry in self._entries.items() if entry.is_stale(now)]

    async def seal(self, key: str) -> None:
        """End the log."""
        entry = self._entry(key)
        if not entry.is_sealed:
            entry.is_sealed, entry.changed = True, self._clock()
            self._waiting.wake(key)

    async def drop(self, key: str) -> None:
        """Delete the log."""
        if self._entries.pop(key, None) is not None:
            self._waiting.wake(key)

    async def sweep(self, *, age: float | None = None, size: int | None = None) -> int:
        """Drop logs that are too old, then the oldest while there is too much."""
        now = self._clock()
        entries = self._entries.items()
        # Listed before anything is dropped: the dictionary must not change while it is read.
        dropped = list(logs_to_drop((entry.kept(key, now) for key, entry in entries), age, size))
        for key in dropped:
            await self.drop(key)
        return len(dropped)

    async def aclose(self) -> None:
        """Nothing has to be closed."""

    def _entry(self, key: str) -> _Entry:
        entry = self._entries.get(key)
        if entry is None:
            raise UnknownStreamError(f"there is no stream {key!r}")
        return entry

"""The log in memory: the fastest one, gone with the process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from headwater.errors import ConflictError, SealedError, UnknownStreamError
from headwater.log.base import PAGE_RECORDS, Page


class _Entry:
    """One log: its records, and the readers that wait for more."""

    __slots__ = ("is_sealed", "records", "waiting")

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.is_sealed = False
        self.waiting: list[tuple[asyncio.Future[None], float]] = []

    def wake(self) -> None:
        if not self.waiting:
            return
        waiting, self.waiting = self.waiting, []
        for future, _ in waiting:
            if not future.done():
                future.set_result(None)

    def expire(self, now: float) -> float:
        """Wake those whose time is up; return when the next one's is."""
        late = [future for future, until in self.waiting if until <= now]
        self.waiting = [entry for entry in self.waiting if entry[1] > now]
        for future in late:
            if not future.done():
                future.set_result(None)
        return min((until for _, until in self.waiting), default=float("inf"))


class MemoryLog:
    """Logs of one process and one event loop."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._entries)

    async def create(self, key: str) -> None:
        """Begin an empty log."""
        if key in self._entries:
            raise ConflictError(f"there is a stream {key!r} already")
        self._entries[key] = _Entry()

    async def append(self, key: str, records: Sequence[bytes], *, at: int | None = None) -> int:
        """Add records and return the offset after them."""
        entry = self._entry(key)
        if entry.is_sealed:
            raise SealedError(f"the stream {key!r} has ended")
        if at is not None and at != len(entry.records):
            raise ConflictError(f"the stream {key!r} is at {len(entry.records)}, not at {at}")
        entry.records += records
        entry.wake()
        return len(entry.records)

    async def read(self, key: str, after: int, limit: int = PAGE_RECORDS) -> Page:
        """Return the records after offset ``after`` that are there now."""
        entry = self._entry(key)
        records = entry.records[after : after + limit]
        upto = after + len(records)
        return Page(records, upto, entry.is_sealed and upto >= len(entry.records))

    async def wait(self, key: str, after: int, timeout: float) -> None:
        """Return when there may be something after ``after``, or the end, or the time is up."""
        entry = self._entry(key)
        if entry.is_sealed or len(entry.records) > after:
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        until = loop.time() + timeout
        entry.waiting.append((future, until))
        if self._timer is None or self._timer.when() > until:
            self._look_at(loop, until)
        await future

    def _look_at(self, loop: asyncio.AbstractEventLoop, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(moment, self._expire, loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer for all that wait: each wait would otherwise pay for one of its own."""
        self._timer = None
        now = loop.time()
        following = min((entry.expire(now) for entry in self._entries.values()), default=float("inf"))
        if following < float("inf"):
            self._look_at(loop, following)

    async def seal(self, key: str) -> None:
        """End the log."""
        entry = self._entry(key)
        entry.is_sealed = True
        entry.wake()

    async def drop(self, key: str) -> None:
        """Forget the log."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            entry.wake()

    def _entry(self, key: str) -> _Entry:
        entry = self._entries.get(key)
        if entry is None:
            raise UnknownStreamError(f"there is no stream {key!r}")
        return entry

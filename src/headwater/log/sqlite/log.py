"""The log in an SQLite file: nothing to install, and acknowledged records survive the process.

One thread writes (``writer.py``), a few threads read, and the newest records are in memory (``RecentRecords``), so that
readers who keep up never touch the file. Memory is only updated after the commit: a reader never gets a record that a
crash could take back.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from headwater.errors import ConflictError, LogError, SealedError
from headwater.log.base import PAGE_RECORDS, LogState, Page
from headwater.log.lease import LEASE, Leases
from headwater.log.recent import RecentRecords
from headwater.log.retention import logs_to_drop
from headwater.log.sqlite import store as store
from headwater.log.sqlite.store import LogRow, Sync
from headwater.log.sqlite.writer import WriterThread
from headwater.log.waiting import WaitingReaders

T = TypeVar("T")

#: How many threads read the file, for readers that are further behind than memory reaches.
_READERS = 4
#: How often a process checks whether others have written to a shared file (seconds).
_CHECK_SECONDS = 0.05
#: How many logs are dropped together. Other work runs between two batches.
_DROP_BATCH = 100


class SqliteLog:
    """Logs in the file ``path``, for one event loop. The file is opened at once and closed by ``aclose``.

    With ``sync="normal"`` an acknowledged record survives the death of the process, with ``"full"`` a power cut too.
    With ``is_shared`` other processes may write to the file as well; their records are seen within 50 ms.

    Raises:
        LogError: if the file cannot be created or opened, or is not a log.
    """

    def __init__(
        self,
        path: str,
        *,
        sync: Sync = "normal",
        is_shared: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._clock = clock
        self._sync: Sync = sync
        self._waiting = WaitingReaders()
        self._recent = RecentRecords()
        self._leases = Leases()
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(_READERS, "headwater log reader")
        self._checking: asyncio.Task[None] | None = None
        self._has_moved = False
        self._is_closed = False
        watch = _CHECK_SECONDS if is_shared else None
        self._writer = WriterThread(
            self._open(), self._to_log_error, watch=watch, on_foreign_write=self._on_foreign_write
        )

    def _open(self) -> sqlite3.Connection:
        connection = None
        try:
            store.create_file(self.path)
            connection = store.connect(self.path, self._sync)
            store.create_tables(connection)
        except (sqlite3.Error, LogError) as error:
            if connection is not None:
                connection.close()
            raise error if isinstance(error, LogError) else self._to_log_error(error) from error
        return connection

    def _to_log_error(self, error: sqlite3.Error) -> LogError:
        return LogError(f"the log {self.path} cannot be used: {error}")

    async def create(self, key: str, *, writer: str = "", lease: float = LEASE, note: bytes = b"") -> None:
        """Create an empty log."""

        def publish(_: object) -> None:
            self._recent.begin(key, 0)

        await self._writer.run(lambda file: file.create(key, writer, lease, note, self._clock()), publish)

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
        """Add records, renew the lease and return the offset after them, when they are durable."""
        records = list(records)

        def publish(end: int) -> None:
            if records or seal:
                self._recent.add(key, end - len(records), records, is_sealed=seal)
                self._waiting.wake(key)

        done: int = await self._writer.run(
            lambda file: file.append(key, records, at, writer, note, self._clock(), seal=seal), publish
        )
        return done

    async def read(self, key: str, after: int, limit: int = PAGE_RECORDS) -> Page:
        """Return the records after offset ``after`` that are there now."""
        tail = self._recent.get(key)
        page = tail.page(after, limit) if tail is not None else None
        if page is None:
            page = await self._read(partial(store.read_page, key=key, after=after, limit=limit))
        return page

    async def wait(self, key: str, after: int, timeout: float) -> None:
        """Return when there may be records after ``after``, or the end, or the time is up."""
        tail = self._recent.get(key)
        if tail is not None and (tail.is_sealed or tail.next > after):
            return
        # Registered before the file is read: an append between the two would otherwise wake no reader.
        woken = self._waiting.add(key, timeout, after)
        if tail is None:
            row = await self._read(partial(store.read_row, key=key))
            if row.is_sealed or row.next > after:
                return
        await woken

    async def state(self, key: str) -> LogState:
        """Return everything about the log but its records."""
        return self._state(await self._read(partial(store.read_row, key=key)))

    async def take_over(self, key: str, writer: str, *, lease: float = LEASE) -> LogState:
        """Become the writer of a stale log."""
        row = await self._read(partial(store.read_row, key=key))
        if row.is_sealed:
            raise SealedError(f"the stream {key!r} has ended")
        if not self._is_stale(row):
            raise ConflictError(f"the stream {key!r} still has a writer")
        # A renewal after this read changes the mark, and the writer refuses the takeover.
        mark = row.changed
        await self._writer.run(lambda file: file.take_over(key, writer, lease, mark, self._clock()))
        return LogState(row.next, False, writer, False, row.note)

    async def stale(self) -> list[str]:
        """Return the keys of all stale logs."""
        return [row.key for row in await self._read(store.read_leased) if self._is_stale(row)]

    async def seal(self, key: str) -> None:
        """End the log."""

        def publish(end: int) -> None:
            self._recent.add(key, end, (), is_sealed=True)
            self._waiting.wake(key)

        await self._writer.run(lambda file: file.seal(key, self._clock()), publish)
        self._leases.forget(key)

    async def drop(self, key: str) -> None:
        """Delete the log."""

        def publish(_: object) -> None:
            self._recent.forget(key)
            self._waiting.wake(key)

        await self._writer.run(lambda file: file.drop(key), publish)
        self._leases.forget(key)

    async def sweep(self, *, age: float | None = None, size: int | None = None) -> int:
        """Drop logs that are too old, then the oldest while there is too much."""
        written = {row.key for row in await self._read(store.read_leased) if not self._is_stale(row)}
        kept = await self._read(partial(store.read_stored, now=self._clock(), written=written))
        dropped = list(logs_to_drop(kept, age, size))
        # In batches, so that appends get their turn in the writer's queue.
        for start in range(0, len(dropped), _DROP_BATCH):
            await asyncio.gather(*map(self.drop, dropped[start : start + _DROP_BATCH]))
        if dropped:
            await self._writer.run(lambda file: file.shrink())
        return len(dropped)

    async def aclose(self) -> None:
        """Finish pending writes and close the file."""
        self._is_closed = True
        # Closing waits for the writer thread, which must not block the event loop: jobs are delivered there.
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.close()
        self._readers.shutdown()
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    def _state(self, row: LogRow) -> LogState:
        return LogState(row.next, row.is_sealed, row.writer, self._is_stale(row), row.note)

    def _is_stale(self, row: LogRow) -> bool:
        age = self._clock() - row.changed
        return row.is_leased and self._leases.has_expired(row.key, row.changed, age, row.lease)

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of a query, which runs in a thread."""
        if self._is_closed:
            raise LogError("the log is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._run_query, query)
        except sqlite3.Error as error:
            raise self._to_log_error(error) from error

    def _run_query(self, query: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = store.connect(self.path)
            self._opened.append(connection)
            # Readers must not write: it would bypass the writer's queue and its cache.
            connection.execute("PRAGMA query_only = on")
        return query(connection)

    def _on_foreign_write(self) -> None:
        """Another process has written: forget what is in memory, and wake the readers of logs that have grown."""
        # Which logs have changed is not known, only that some have.
        self._recent.clear()
        self._has_moved = True
        if self._checking is None or self._checking.done():
            self._checking = asyncio.get_running_loop().create_task(self._wake_moved())

    async def _wake_moved(self) -> None:
        while self._has_moved:
            self._has_moved = False
            try:
                found = await self._read(partial(store.read_offsets, keys=self._waiting.keys()))
            except LogError:  # readers get the error from their own read
                self._waiting.wake_all()
                return
            for key, (end, is_sealed) in found.items():
                if is_sealed or end > self._waiting.lowest_offset(key):
                    self._waiting.wake(key)

"""The log in an SQLite file: nothing to install, and what was acknowledged survives the process."""

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
from headwater.log.base import LEASE, PAGE_RECORDS, LogState, Page
from headwater.log.lease import Leases
from headwater.log.recent import Recent
from headwater.log.retention import to_drop
from headwater.log.sqlite import store as store
from headwater.log.sqlite.store import LogRow, Sync
from headwater.log.sqlite.writer import Writer
from headwater.log.waiting import WaitingReaders

T = TypeVar("T")

#: How many threads read the file for those who are further behind than memory reaches.
_READERS = 4
#: How often a process looks whether others have written, when they share the file.
_WATCH = 0.05
#: How many logs are dropped together: the others have their turn in between.
_DROPS = 100


class SqliteLog:
    """Logs in the file ``path``, for one event loop. It opens the file at once; ``aclose`` lets go of it.

    ``sync="normal"``: an acknowledged record survives the process, however it dies. ``"full"``: a power cut too.
    ``is_shared``: other processes write to the file as well; their records are then seen within 50 ms.

    Raises:
        LogError: there can be no such file, or it is no log.
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
        self._recent = Recent()
        self._leases = Leases()
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(_READERS, "headwater log reader")
        self._looking: asyncio.Task[None] | None = None
        self._has_moved = False
        self._is_closed = False
        watch = _WATCH if is_shared else None
        self._writer = Writer(self._open(), self._explain, watch=watch, foreign=self._look_around)

    def _open(self) -> sqlite3.Connection:
        connection = None
        try:
            store.make(self.path)
            connection = store.connect(self.path, self._sync)
            store.prepare(connection)
        except (sqlite3.Error, LogError) as error:
            if connection is not None:
                connection.close()
            raise error if isinstance(error, LogError) else self._explain(error) from error
        return connection

    def _explain(self, error: sqlite3.Error) -> LogError:
        return LogError(f"the log {self.path} cannot be used: {error}")

    async def create(self, key: str, *, writer: str = "", lease: float = LEASE, note: bytes = b"") -> None:
        """Begin an empty log."""

        def publish(_: object) -> None:
            self._recent.begin(key, 0)

        await self._writer.do(lambda file: file.create(key, writer, lease, note, self._clock()), publish)

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

        def publish(upto: int) -> None:
            if records or seal:
                self._recent.add(key, upto - len(records), records, is_sealed=seal)
                self._waiting.wake(key)

        done: int = await self._writer.do(
            lambda file: file.append(key, records, at, writer, note, self._clock(), seal=seal), publish
        )
        return done

    async def read(self, key: str, after: int, limit: int = PAGE_RECORDS) -> Page:
        """Return the records after offset ``after`` that are there now."""
        tail = self._recent.get(key)
        page = tail.page(after, limit) if tail is not None else None
        if page is None:
            page = await self._ask(partial(store.read_page, key=key, after=after, limit=limit))
        return page

    async def wait(self, key: str, after: int, timeout: float) -> None:
        """Return when there may be something after ``after``, or the end, or the time is up."""
        tail = self._recent.get(key)
        if tail is not None and (tail.is_sealed or tail.next > after):
            return
        woken = self._waiting.add(key, timeout, after)  # before the look, or what comes in between is missed
        if tail is None:
            head = await self._ask(partial(store.read_head, key=key))
            if head.is_sealed or head.next > after:
                return
        await woken

    async def state(self, key: str) -> LogState:
        """Return what the log is besides its records."""
        return self._state(await self._ask(partial(store.read_head, key=key)))

    async def take_over(self, key: str, writer: str, *, lease: float = LEASE) -> LogState:
        """Become the writer of a stale log."""
        head = await self._ask(partial(store.read_head, key=key))
        if head.is_sealed:
            raise SealedError(f"the stream {key!r} has ended")
        if not self._is_stale(head):
            raise ConflictError(f"the stream {key!r} still has a writer")
        mark = head.changed
        await self._writer.do(lambda file: file.take_over(key, writer, lease, mark, self._clock()))
        return LogState(head.next, False, writer, False, head.note)

    async def stale(self) -> list[str]:
        """Return the keys of all stale logs."""
        return [head.key for head in await self._ask(store.read_leased) if self._is_stale(head)]

    async def seal(self, key: str) -> None:
        """End the log."""

        def publish(upto: int) -> None:
            self._recent.add(key, upto, (), is_sealed=True)
            self._waiting.wake(key)

        await self._writer.do(lambda file: file.seal(key, self._clock()), publish)
        self._leases.forget(key)

    async def drop(self, key: str) -> None:
        """Forget the log."""

        def publish(_: object) -> None:
            self._recent.forget(key)
            self._waiting.wake(key)

        await self._writer.do(lambda file: file.drop(key), publish)
        self._leases.forget(key)

    async def sweep(self, *, age: float | None = None, size: int | None = None) -> int:
        """Drop what is old, then the oldest of what is too much."""
        written = {head.key for head in await self._ask(store.read_leased) if not self._is_stale(head)}
        kept = await self._ask(partial(store.read_kept, now=self._clock(), written=written))
        dropped = list(to_drop(kept, age, size))
        for start in range(0, len(dropped), _DROPS):
            await asyncio.gather(*map(self.drop, dropped[start : start + _DROPS]))
        if dropped:
            await self._writer.do(lambda file: file.shrink())
        return len(dropped)

    async def aclose(self) -> None:
        """Finish what was asked for and close the file."""
        self._is_closed = True
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.close()
        self._readers.shutdown()
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    def _state(self, head: LogRow) -> LogState:
        return LogState(head.next, head.is_sealed, head.writer, self._is_stale(head), head.note)

    def _is_stale(self, head: LogRow) -> bool:
        age = self._clock() - head.changed
        return head.is_leased and self._leases.has_run_out(head.key, head.changed, age, head.lease)

    async def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Return the answer of the file, asked in a thread."""
        if self._is_closed:
            raise LogError("the log is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._answer, question)
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = store.connect(self.path)
            self._opened.append(connection)
            connection.execute("PRAGMA query_only = on")
        return question(connection)

    def _look_around(self) -> None:
        """Another process has written: forget what memory says, and wake the readers of what has moved."""
        self._recent.clear()
        self._has_moved = True
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._wake_moved())

    async def _wake_moved(self) -> None:
        while self._has_moved:
            self._has_moved = False
            try:
                found = await self._ask(partial(store.read_offsets, keys=self._waiting.keys()))
            except LogError:  # those who wait will see it themselves
                self._waiting.wake_all()
                return
            for key, (upto, is_sealed) in found.items():
                if is_sealed or upto > self._waiting.lowest(key):
                    self._waiting.wake(key)

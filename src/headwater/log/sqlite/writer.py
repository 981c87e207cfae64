"""The one thread that writes an SQLite log: what arrives while it commits is committed together next."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from headwater.errors import HeadwaterError, LogError
from headwater.log.sqlite.store import SqliteStore

#: How long a commit waits for company when the one before had some. A lone writer never waits.
LINGER = 0.002
#: How many jobs one commit has at most.
_MOST = 2000


class Job(msgspec.Struct, eq=False):
    """Something to do in a transaction. ``publish`` is called in the event loop with its result, once it is durable."""

    work: Callable[[SqliteStore], Any]
    publish: Callable[[Any], None]
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def deliver(self) -> None:
        """Say how it went, in the event loop: to the readers first, whether or not the caller still waits."""
        if self.error is None:
            self.publish(self.result)
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Writer:
    """Runs jobs in the order in which they came. ``watch`` seconds after the last look, it looks for other processes.

    When one of them has written, ``foreign`` is called in the event loop of the last job.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        explain: Callable[[sqlite3.Error], LogError],
        *,
        watch: float | None = None,
        foreign: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._store = SqliteStore(connection)
        self._explain = explain
        self._watch = watch
        self._foreign = foreign
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False
        self._was_busy = False
        self._seen = self._store.version()
        self._thread = threading.Thread(target=self._work, name="headwater log", daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[SqliteStore], Any], publish: Callable[[Any], None] = lambda _: None) -> Any:
        """Return what ``work`` returns, when it is durable.

        Raises:
            LogError: the file cannot be written; nothing was done.
        """
        if self._is_closed:
            raise LogError("the log is closed")
        self._loop = asyncio.get_running_loop()
        job = Job(work, publish, self._loop.create_future())
        self._jobs.put(job)
        return await job.future

    def close(self) -> None:
        """Finish what was asked for and end the thread. It blocks."""
        if not self._is_closed:
            self._is_closed = True
            self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        is_open = True
        while is_open:
            try:
                job = self._jobs.get(timeout=self._watch)
            except queue.Empty:
                self._look()
                continue
            if job is None:
                break
            jobs = [job]
            is_open = self._gather(jobs)
            self._do_all(jobs)
            if self._watch is not None:
                self._look()
        self._connection.close()

    def _gather(self, jobs: list[Job]) -> bool:
        """Add what else is there, or comes at once; return whether there may be more after it."""
        while len(jobs) < _MOST:
            try:
                job = self._jobs.get(timeout=LINGER) if self._was_busy and len(jobs) == 1 else self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return False
            jobs.append(job)
        self._was_busy = len(jobs) > 1
        return True

    def _do_all(self, jobs: Sequence[Job]) -> None:
        """Do the jobs in one transaction; where that fails, each in its own, so that only the guilty suffer."""
        try:
            self._transact(jobs)
        except Exception as error:
            self._store.roll_back()
            if len(jobs) > 1:
                for job in jobs:
                    self._do_all([job])
                return
            jobs[0].error = self._explain(error) if isinstance(error, sqlite3.Error) else error
            jobs[0].error.__cause__ = error
        self._call(_deliver, jobs)

    def _transact(self, jobs: Sequence[Job]) -> None:
        self._store.begin()
        for job in jobs:
            job.error = None
            try:
                job.result = job.work(self._store)
            except HeadwaterError as error:
                job.error = error
        self._store.commit()

    def _look(self) -> None:
        """See whether another process has written."""
        version = self._store.version()
        if version != self._seen:
            self._seen = version
            self._call(self._foreign)

    def _call(self, call: Callable[..., None], *arguments: Any) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop has ended, and with it everybody who waited
            return


def _deliver(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.deliver()

"""The one thread that writes an SQLite log. What arrives while it commits is committed together next.

Theory of operation
===================

A commit costs a write to disk, and with ``sync=full`` a flush of the disk: milliseconds, while an append costs
microseconds. Thousands of answers append many times a second, so appends must share commits. That is all this module is
for.

*One writer.* SQLite allows one write transaction at a time. One thread with a queue gives each append its place in the
order in which it was asked for, needs no lock of our own, and never waits for itself. Only another process can hold the
file's lock, and SQLite waits for that (``store._BUSY_SECONDS``).

*Group commit.* The thread takes a job, adds whatever else is queued, and runs all of them in one transaction. While it
commits, the next group collects. Under load a group is large and the cost of the commit is shared; a lone writer has a
group of one and never waits. Only after a group of several does the thread wait for company, for ``LINGER`` seconds:
whoever appends right after being acknowledged would otherwise always miss the commit that is just starting.

*Errors.* A job that raises one of headwater's errors (a conflict, a sealed log) has had no effect and does not concern
the others: each store method checks before it writes. Any other error rolls back the whole group, and the jobs are run
again one by one, each in a transaction of its own, so that only the guilty job fails. Nothing of a rolled back group
has been published, and jobs can be repeated, since ``work`` touches nothing but the transaction.

*Order of publication.* After the commit, ``publish`` and the caller's future are resolved in the event loop, jobs in
order: first readers are woken, then the caller is told. So a reader sees records in the order of their offsets, and
never one that is not durable. A caller that was cancelled meanwhile changes nothing: its records are committed and are
published all the same.

*Other processes.* SQLite's ``data_version`` changes when another connection commits. With ``watch`` set, the thread
checks it after each group and whenever the queue was empty for ``watch`` seconds.
"""

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

#: How long a commit waits for more jobs if the previous one had several (seconds). A lone writer never waits.
LINGER = 0.002
#: The most jobs in one commit.
_MAX_JOBS = 2000


class Job(msgspec.Struct, eq=False):
    """Work to do in a transaction. ``publish`` is called in the event loop with its result once it is durable."""

    work: Callable[[SqliteStore], Any]
    publish: Callable[[Any], None]
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def deliver(self) -> None:
        """Report the outcome in the event loop: to readers first, whether or not the caller still waits."""
        if self.error is None:
            self.publish(self.result)
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class WriterThread:
    """Runs jobs in the order in which they were queued.

    With ``watch``, it checks at least every ``watch`` seconds whether another process has written. If one has,
    ``on_foreign_write`` is called in the event loop of the last job.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        to_log_error: Callable[[sqlite3.Error], LogError],
        *,
        watch: float | None = None,
        on_foreign_write: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._store = SqliteStore(connection)
        self._to_log_error = to_log_error
        self._watch = watch
        self._on_foreign_write = on_foreign_write
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False
        self._was_busy = False
        self._seen = self._store.version()
        # A daemon: a process that ends without ``close`` must not hang. What was acknowledged is committed.
        self._thread = threading.Thread(target=self._loop_jobs, name="headwater log", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[SqliteStore], Any], publish: Callable[[Any], None] = lambda _: None) -> Any:
        """Return what ``work`` returns, once it is durable.

        Raises:
            LogError: if the file cannot be written; nothing was done.
        """
        if self._is_closed:
            raise LogError("the log is closed")
        self._loop = asyncio.get_running_loop()
        job = Job(work, publish, self._loop.create_future())
        self._jobs.put(job)
        return await job.future

    def close(self) -> None:
        """Finish queued jobs and end the thread. It blocks."""
        if not self._is_closed:
            self._is_closed = True
            self._jobs.put(None)
        self._thread.join()

    def _loop_jobs(self) -> None:
        is_open = True
        while is_open:
            try:
                job = self._jobs.get(timeout=self._watch)
            except queue.Empty:
                self._check_foreign()
                continue
            if job is None:
                break
            jobs = [job]
            # None in the queue means closing: the jobs before it are still run.
            is_open = self._gather(jobs)
            self._commit(jobs)
            if self._watch is not None:
                self._check_foreign()
        self._connection.close()

    def _gather(self, jobs: list[Job]) -> bool:
        """Add all jobs that are queued or arrive at once; return whether the queue is still open."""
        while len(jobs) < _MAX_JOBS:
            try:
                job = self._jobs.get(timeout=LINGER) if self._was_busy and len(jobs) == 1 else self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return False
            jobs.append(job)
        self._was_busy = len(jobs) > 1
        return True

    def _commit(self, jobs: Sequence[Job]) -> None:
        """Run the jobs in one transaction; if that fails, each in its own, so that only the guilty one fails."""
        try:
            self._transact(jobs)
        except Exception as error:
            # Nothing of this group was published, so its jobs can be run again.
            self._store.roll_back()
            if len(jobs) > 1:
                for job in jobs:
                    self._commit([job])
                return
            jobs[0].error = self._to_log_error(error) if isinstance(error, sqlite3.Error) else error
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

    def _check_foreign(self) -> None:
        """Check whether another process has written."""
        version = self._store.version()
        if version != self._seen:
            self._seen = version
            self._call(self._on_foreign_write)

    def _call(self, call: Callable[..., None], *arguments: Any) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the event loop is closed, and no caller waits any more
            return


def _deliver(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.deliver()

"""The ``Log`` protocol, and ``tail``: reading a log to its end while it grows, written once for every log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

import msgspec

#: How many records a page has at most.
PAGE_RECORDS = 512
#: Seconds without an append after which a log's writer counts as dead, unless ``create`` says otherwise.
LEASE = 10.0


class Page(msgspec.Struct, frozen=True):
    """Some records of a log. ``next`` is the offset after the last; ``is_end`` that no more will follow."""

    records: list[bytes]
    next: int
    is_end: bool


class LogState(msgspec.Struct, frozen=True):
    """What a log is besides its records.

    ``writer`` is who writes it, "" if nobody said so. ``is_stale``: it has no end, and its writer's lease has run out.
    ``note`` is what its writer wants to be known: a few bytes, not more.
    """

    next: int
    is_sealed: bool
    writer: str
    is_stale: bool
    note: bytes


class Log(Protocol):
    """Lists of records by key. Offsets count records: the first record is read with ``after=0`` and has offset 1.

    Every method may raise ``LogError`` where the store behind it cannot be read or written; what was acknowledged
    before is then still there. A call that is cancelled, or that ends so, may or may not have been done.
    """

    async def create(self, key: str, *, writer: str = "", lease: float = LEASE, note: bytes = b"") -> None:
        """Begin an empty log. With a ``writer``, it is stale when nothing is appended for ``lease`` seconds.

        Raises:
            ConflictError: there is one already; its ``state`` has the note of who came first.
        """

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
        """Add records, renew the lease and return the offset after them; all of it is done or nothing.

        ``at`` is the offset that the log must have before, ``writer`` who must still be its writer. ``seal`` ends the
        log with these records, and ``note`` replaces its note. Appending no records renews the lease.

        Raises:
            UnknownStreamError: there is no such log.
            SealedError: the log has ended.
            ConflictError: the log's offset is not ``at``, or another writer has taken it over.
        """

    async def read(self, key: str, after: int, limit: int = PAGE_RECORDS) -> Page:
        """Return the records after offset ``after`` that are there now; maybe none.

        Raises:
            UnknownStreamError: there is no such log.
        """

    async def wait(self, key: str, after: int, timeout: float) -> None:
        """Return when there may be something after ``after``, or the end; at the latest after ``timeout`` seconds.

        Raises:
            UnknownStreamError: there is no such log.
        """

    async def state(self, key: str) -> LogState:
        """Return what the log is besides its records.

        Raises:
            UnknownStreamError: there is no such log.
        """

    async def take_over(self, key: str, writer: str, *, lease: float = LEASE) -> LogState:
        """Become the writer of a stale log; its writer before can no longer append in its own name.

        Raises:
            UnknownStreamError: there is no such log.
            SealedError: the log has ended.
            ConflictError: it is not stale, or another was faster.
        """

    async def stale(self) -> list[str]:
        """Return the keys of all stale logs."""

    async def seal(self, key: str) -> None:
        """End the log: durable, once and for all, harmless when repeated.

        Raises:
            UnknownStreamError: there is no such log.
        """

    async def drop(self, key: str) -> None:
        """Forget the log; its readers find it unknown."""

    async def sweep(self, *, age: float | None = None, size: int | None = None) -> int:
        """Drop what did not change for ``age`` seconds, then the oldest until all records have ``size`` bytes together.

        A log that somebody writes (neither sealed nor stale, with a writer) stays. Returns how many were dropped.
        """

    async def aclose(self) -> None:
        """Let go of files and connections; nothing may be called after it."""


async def tail(
    log: Log, key: str, after: int = 0, *, heartbeat: float = 15.0, min_interval: float = 0.0
) -> AsyncGenerator[Page, None]:
    """Yield the records after ``after`` as they come, in pages, up to the end.

    A slow reader gets larger pages, never a queue; so does one that asks for at most one page every ``min_interval``
    seconds. An empty page means that nothing was appended for ``heartbeat`` seconds.

    Raises:
        UnknownStreamError: there is no such log, or it was dropped.
    """
    page = await log.read(key, after)
    if not page.records and not page.is_end:
        await log.wait(key, after, heartbeat)
        page = await log.read(key, after)
    while True:
        after = page.next
        is_all = len(page.records) < PAGE_RECORDS
        yield page
        if page.is_end:
            return
        if is_all and min_interval:
            await asyncio.sleep(min_interval)
        if is_all:  # there was no more: wait, which ends at once where there is by now
            await log.wait(key, after, heartbeat)
        page = await log.read(key, after)

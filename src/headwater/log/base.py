"""The ``Log`` protocol, and ``tail``: reading a log to its end while it grows, written once for every log.

Theory of operation
===================

A log is a list of byte records under a key. It only grows, until it is sealed or dropped. Everything a server keeps is
in logs: the answers themselves, idempotency keys, lists of streams, messages between servers.

What every log guarantees, and ``headwater.testing.log_contract`` tests:

1. *Offsets count records.* The record at offset n is the nth one. Offsets never change, so a reader that was
   disconnected resumes with nothing but a number, on any server.
2. *An append is atomic.* Its records, the seal, the note and the renewed lease all take effect, or none of them do. A
   reader never sees half of a group, and a sealed log always has its last record.
3. *Acknowledged is durable*, as durable as the log promises to be. An append that failed or was cancelled may
   have happened all the same: the caller has to look (``state``), or use ``at`` to make a repetition harmless.
4. *The seal is final.* After it, every append raises ``SealedError``, and readers that have seen the last record
   see the end. There is no state "sealed, but not yet complete".

Writers. A log that was created with a ``writer`` has a lease, which every append renews, an empty one too. When the
lease runs out the log is *stale*: its writer is considered dead, and ``take_over`` makes another one the writer. From
then on an append in the old writer's name raises ``ConflictError``. This check inside the append is the fence that
makes leases safe: a writer that was only slow or paused cannot add to a log that is no longer its own, however late it
wakes. A log without a writer has no lease and is never stale; anybody may append to it.

Notes. A log has one mutable value, its ``note``: a few bytes that its writer may replace with an append. The server
keeps the status of an answer in it, so that describing a stream costs one read, whatever its length.

Readers never block writers. ``read`` returns what is there, ``wait`` returns when there may be more. ``wait`` may
return early, since the next ``read`` decides; it must never return late, or a reader would miss what woke it. ``tail``
is the only loop that puts the two together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

import msgspec

from headwater.log.lease import LEASE

#: The most records on one page.
PAGE_RECORDS = 512


class Page(msgspec.Struct, frozen=True):
    """Some records of a log. ``next`` is the offset after the last one, ``is_end`` whether no more will follow."""

    records: list[bytes]
    next: int
    is_end: bool


class LogState(msgspec.Struct, frozen=True):
    """Everything about a log but its records.

    ``writer`` is "" for a log without one. ``is_stale`` means that the log is not sealed and its writer's lease has run
    out. ``note`` is the value that its writer last set: a few bytes.
    """

    next: int
    is_sealed: bool
    writer: str
    is_stale: bool
    note: bytes


class Log(Protocol):
    """Lists of records by key. Offsets count records: the first record is read with ``after=0`` and has offset 1.

    A log that other processes cannot see and that is lost with its own has an attribute ``is_in_memory`` that is True.
    A server on such a log leaves no streams to other servers when it shuts down, and bounds the log's size by default.

    Every method may raise ``LogError`` if the store behind it cannot be read or written; what was acknowledged before
    is not affected. A call that is cancelled or raises ``LogError`` may or may not have taken effect.
    """

    async def create(self, key: str, *, writer: str = "", lease: float = LEASE, note: bytes = b"") -> None:
        """Create an empty log. With a ``writer``, it becomes stale when nothing is appended for ``lease`` seconds.

        Raises:
            ConflictError: if it exists; its ``state`` has the note of whoever created it.
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
        """Add records, renew the lease and return the offset after them: all of it or nothing.

        ``at`` is the offset that the log must have before, ``writer`` the writer that it must still have. ``seal`` ends
        the log with these records, ``note`` replaces its note. Appending no records just renews the lease.

        Raises:
            UnknownStreamError: if the log does not exist.
            SealedError: if the log is sealed.
            ConflictError: if the log's offset is not ``at``, or another writer has taken it over.
        """

    async def read(self, key: str, after: int, limit: int = PAGE_RECORDS) -> Page:
        """Return the records after offset ``after`` that are there now; possibly none.

        Raises:
            UnknownStreamError: if the log does not exist.
        """

    async def wait(self, key: str, after: int, timeout: float) -> None:
        """Return when there may be records after ``after``, or the end; after ``timeout`` seconds at the latest.

        Raises:
            UnknownStreamError: if the log does not exist.
        """

    async def state(self, key: str) -> LogState:
        """Return everything about the log but its records.

        Raises:
            UnknownStreamError: if the log does not exist.
        """

    async def take_over(self, key: str, writer: str, *, lease: float = LEASE) -> LogState:
        """Become the writer of a stale log. From now on its previous writer cannot append in its own name.

        Raises:
            UnknownStreamError: if the log does not exist.
            SealedError: if the log is sealed.
            ConflictError: if it is not stale, or another writer was faster.
        """

    async def stale(self) -> list[str]:
        """Return the keys of all stale logs."""

    async def seal(self, key: str) -> None:
        """End the log, durably and for good. Harmless when repeated.

        Raises:
            UnknownStreamError: if the log does not exist.
        """

    async def drop(self, key: str) -> None:
        """Delete the log. Its readers get ``UnknownStreamError``."""

    async def sweep(self, *, age: float | None = None, size: int | None = None) -> int:
        """Drop logs that did not change for ``age`` seconds, then the oldest until ``size`` bytes of records are left.

        A log with a live writer (neither sealed nor stale) is never dropped. Returns how many were.
        """

    async def aclose(self) -> None:
        """Close files and connections. No method may be called afterwards."""


def is_in_memory(log: Log) -> bool:
    """Return whether the log says that it lives in this process alone. One that says nothing is shared and lasting."""
    return bool(getattr(log, "is_in_memory", False))


async def tail(
    log: Log, key: str, after: int = 0, *, heartbeat: float = 15.0, min_interval: float = 0.0
) -> AsyncGenerator[Page, None]:
    """Yield the records after ``after`` in pages as they are appended, up to the end.

    A slow reader gets larger pages, never a queue; so does one that asks for at most one page every ``min_interval``
    seconds. An empty page means that nothing was appended for ``heartbeat`` seconds.

    Raises:
        UnknownStreamError: if the log does not exist, or was dropped meanwhile.
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
        # A full page may have more behind it. After one that was not full, ``wait`` returns at once if records were
        # appended since, so nothing is missed between the read and the wait.
        if is_all:
            await log.wait(key, after, heartbeat)
        page = await log.read(key, after)

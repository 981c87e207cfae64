"""The ``Log`` protocol, and ``tail``: reading a log to its end while it grows, written once for every log."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

import msgspec

#: How many records a page has at most.
PAGE_RECORDS = 512


class Page(msgspec.Struct, frozen=True):
    """Some records of a log. ``next`` is the offset after the last; ``is_end`` that no more will follow."""

    records: list[bytes]
    next: int
    is_end: bool


class Log(Protocol):
    """Lists of records by key. Offsets count records: the first record is read with ``after=0`` and has offset 1."""

    async def create(self, key: str) -> None:
        """Begin an empty log.

        Raises:
            ConflictError: there is one already.
        """

    async def append(self, key: str, records: Sequence[bytes], *, at: int | None = None) -> int:
        """Add records and return the offset after them. ``at`` is the offset that the log must have before.

        Raises:
            UnknownStreamError: there is no such log.
            SealedError: the log has ended.
            ConflictError: the log's offset is not ``at``.
        """

    async def read(self, key: str, after: int, limit: int = PAGE_RECORDS) -> Page:
        """Return the records after offset ``after`` that are there now; maybe none.

        Raises:
            UnknownStreamError: there is no such log.
        """

    async def wait(self, key: str, after: int, timeout: float) -> None:
        """Return when there may be something after ``after``, or the end; at the latest after ``timeout`` seconds."""

    async def seal(self, key: str) -> None:
        """End the log: durable, once and for all, harmless when repeated."""

    async def drop(self, key: str) -> None:
        """Forget the log; its readers find it unknown."""


async def tail(log: Log, key: str, after: int = 0, *, pause: float = 15.0) -> AsyncGenerator[Page, None]:
    """Yield the records after ``after`` as they come, in pages, up to the end.

    A slow reader gets larger pages, never a queue. An empty page says that nothing came for ``pause`` seconds.

    Raises:
        UnknownStreamError: there is no such log, or it was dropped.
    """
    page = await log.read(key, after)
    if not page.records and not page.is_end:
        await log.wait(key, after, pause)
        page = await log.read(key, after)
    while True:
        after = page.next
        is_all = len(page.records) < PAGE_RECORDS
        yield page
        if page.is_end:
            return
        if is_all:  # there was no more: wait, which ends at once where there is by now
            await log.wait(key, after, pause)
        page = await log.read(key, after)

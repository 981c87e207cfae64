"""The newest records of the logs in use, in memory: a hundred readers of one answer then cost no read of the store."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from headwater.log.base import Page

#: How many bytes of one log are kept, and of all logs together. A reader further behind reads from the store.
LOG_BYTES = 256 * 1024
ALL_BYTES = 64 * 1024 * 1024
#: What a log costs in addition to its records.
_OVERHEAD_BYTES = 500


class LogTail:
    """The end of one log: all its records after offset ``first``, without gaps."""

    __slots__ = ("first", "is_sealed", "records", "size")

    def __init__(self, first: int) -> None:
        self.first = first
        self.records: list[bytes] = []
        self.is_sealed = False
        self.size = _OVERHEAD_BYTES

    @property
    def next(self) -> int:
        """The offset after the last record."""
        return self.first + len(self.records)

    def page(self, after: int, limit: int) -> Page | None:
        """Return the records after ``after``, or None if they begin before what is kept."""
        start = after - self.first
        if start < 0:
            return None
        records = self.records[start : start + limit]
        end = after + len(records)
        return Page(records, end, self.is_sealed and end >= self.next)

    def add(self, records: Sequence[bytes]) -> None:
        """Add records, and drop the oldest half if there are too many bytes.

        Half, since dropping one record at a time would move the rest of the list with each append.
        """
        self.records += records
        self.size += sum(map(len, records))
        if self.size > LOG_BYTES:
            half = (len(self.records) + 1) // 2
            self.size -= sum(map(len, self.records[:half]))
            self.first += half
            del self.records[:half]


class RecentRecords:
    """The tails of the most recently used logs."""

    def __init__(self, max_bytes: int = ALL_BYTES) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._tails: OrderedDict[str, LogTail] = OrderedDict()

    def get(self, key: str) -> LogTail | None:
        """Return the tail of a log, or None if it is not kept."""
        return self._tails.get(key)

    def begin(self, key: str, first: int) -> LogTail:
        """Keep the records after offset ``first`` from now on, in place of what was kept."""
        self.forget(key)
        tail = self._tails[key] = LogTail(first)
        self._grow(tail.size)
        return tail

    def add(self, key: str, first: int, records: Sequence[bytes], *, is_sealed: bool = False) -> bool:
        """Add the records after offset ``first`` that are not there yet; return whether anything was new."""
        tail = self._tails.get(key)
        if tail is None or tail.next < first:  # a gap: what was kept is of no use any more
            tail = self.begin(key, first)
        fresh = records[tail.next - first :]
        is_new = bool(fresh) or (is_sealed and not tail.is_sealed)
        before = tail.size
        tail.add(fresh)
        tail.is_sealed |= is_sealed
        # Least recently written first: these are dropped first.
        self._tails.move_to_end(key)
        self._grow(tail.size - before)
        return is_new

    def forget(self, key: str) -> None:
        """Forget a log."""
        tail = self._tails.pop(key, None)
        if tail is not None:
            self._size -= tail.size

    def _grow(self, size: int) -> None:
        self._size += size
        while self._size > self._max_bytes and self._tails:
            _, oldest = self._tails.popitem(last=False)
            self._size -= oldest.size

    def clear(self) -> None:
        """Forget all logs."""
        self._tails.clear()
        self._size = 0

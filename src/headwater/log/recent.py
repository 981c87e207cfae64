"""The last records of the logs that are in use, kept in memory: a hundred readers then cost no look into the store."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from headwater.log.base import Page

#: How much of one log is kept, and of all logs together. A reader further behind reads from the store.
LOG_BYTES = 256 * 1024
ALL_BYTES = 64 * 1024 * 1024
#: What an entry costs beside its records.
_OVERHEAD = 500


class Tail:
    """The end of one log: its records after ``first``, without gaps."""

    __slots__ = ("first", "is_sealed", "records", "size")

    def __init__(self, first: int) -> None:
        self.first = first
        self.records: list[bytes] = []
        self.is_sealed = False
        self.size = _OVERHEAD

    @property
    def next(self) -> int:
        """The offset after the last record."""
        return self.first + len(self.records)

    def page(self, after: int, limit: int) -> Page | None:
        """Return the records after ``after``; None where they begin before what is kept."""
        start = after - self.first
        if start < 0:
            return None
        records = self.records[start : start + limit]
        upto = after + len(records)
        return Page(records, upto, self.is_sealed and upto >= self.next)

    def add(self, records: Sequence[bytes]) -> None:
        """Add records, and let go of the oldest half when there are too many bytes."""
        self.records += records
        self.size += sum(map(len, records))
        if self.size > LOG_BYTES:
            less = (len(self.records) + 1) // 2
            self.size -= sum(map(len, self.records[:less]))
            self.first += less
            del self.records[:less]


class Recent:
    """The tails of the logs used last."""

    def __init__(self, most: int = ALL_BYTES) -> None:
        self._most = most
        self._size = 0
        self._tails: OrderedDict[str, Tail] = OrderedDict()

    def get(self, key: str) -> Tail | None:
        """Return the tail of a log, if it is kept."""
        return self._tails.get(key)

    def begin(self, key: str, first: int) -> Tail:
        """Keep what comes after offset ``first`` from now on; it replaces what was kept."""
        self.forget(key)
        tail = self._tails[key] = Tail(first)
        self._grow(tail.size)
        return tail

    def add(self, key: str, first: int, records: Sequence[bytes], *, is_sealed: bool = False) -> bool:
        """Add the records after offset ``first`` but those that are there; return whether that told anything."""
        tail = self._tails.get(key)
        if tail is None or tail.next < first:
            tail = self.begin(key, first)
        fresh = records[tail.next - first :]
        is_news = bool(fresh) or (is_sealed and not tail.is_sealed)
        before = tail.size
        tail.add(fresh)
        tail.is_sealed |= is_sealed
        self._tails.move_to_end(key)
        self._grow(tail.size - before)
        return is_news

    def forget(self, key: str) -> None:
        """Let go of a log."""
        tail = self._tails.pop(key, None)
        if tail is not None:
            self._size -= tail.size

    def _grow(self, size: int) -> None:
        self._size += size
        while self._size > self._most and self._tails:
            _, gone = self._tails.popitem(last=False)
            self._size -= gone.size

    def clear(self) -> None:
        """Let go of all logs."""
        self._tails.clear()
        self._size = 0

"""Readers that wait for a log to grow, by its key."""

from __future__ import annotations

import asyncio


class WaitingReaders:
    """The waiting readers of one event loop. One timer serves them all, since one for each would cost too much."""

    def __init__(self) -> None:
        self._readers: dict[str, list[tuple[asyncio.Future[None], float, int]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def keys(self) -> list[str]:
        """Return the keys of the logs that have waiting readers."""
        return list(self._readers)

    def add(self, key: str, timeout: float, after: int = 0) -> asyncio.Future[None]:
        """Return a future that is done when the log is woken, after ``timeout`` seconds at the latest."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        until = loop.time() + timeout
        self._readers.setdefault(key, []).append((future, until, after))
        if self._timer is None or self._timer.when() > until:
            self._set_timer(loop, until)
        return future

    def lowest_offset(self, key: str) -> int:
        """Return the smallest offset that a reader waits at; 0 if none does."""
        return min((after for *_, after in self._readers.get(key, ())), default=0)

    def wake(self, key: str) -> None:
        """Wake the readers of a log: they read again."""
        for future, *_ in self._readers.pop(key, ()):
            if not future.done():
                future.set_result(None)

    def wake_all(self) -> None:
        """Wake all readers."""
        for key in self.keys():
            self.wake(key)

    def _set_timer(self, loop: asyncio.AbstractEventLoop, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(moment, self._expire, loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now, following = loop.time(), float("inf")
        for key, readers in list(self._readers.items()):
            for future, until, _ in readers:
                if until <= now and not future.done():
                    future.set_result(None)
            # Readers that were cancelled are removed here too: nothing else would.
            left = [reader for reader in readers if not reader[0].done()]
            if left:
                self._readers[key] = left
                following = min(following, *(until for _, until, _ in left))
            else:
                del self._readers[key]
        if following < float("inf"):
            self._set_timer(loop, following)

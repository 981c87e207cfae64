"""Whether a server can write its log, and which of its streams have no end because it could not.

While a log cannot be written (its disk is full, its store is away), a generation that fails cannot even say so in its
log. Its stream gets its end, or is resumed, by whoever takes it over when the log can be written again. Until then its
readers would wait for records that cannot be appended: ``wait_lost`` lets their responses end, and they can come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection


class LogHealth:
    """What a server knows of its log from its own writes."""

    def __init__(self) -> None:
        self._has_failed = False
        self._lost: set[str] = set()
        self._changed = asyncio.Event()

    @property
    def is_degraded(self) -> bool:
        """Whether the latest write failed, or streams wait for an end."""
        return self._has_failed or bool(self._lost)

    @property
    def lost(self) -> Collection[str]:
        """The streams of this server whose end could not be written."""
        return frozenset(self._lost)

    def record_write(self, *, is_done: bool) -> None:
        """Record that a write was done, or failed."""
        self._has_failed = not is_done

    def add_lost(self, name: str) -> None:
        """Record that the end of a stream could not be written."""
        self._has_failed = True
        self._lost.add(name)
        # An event that is set wakes all who wait now; the next ones wait for the next.
        self._changed.set()
        self._changed = asyncio.Event()

    def remove_lost(self, name: str) -> None:
        """Record that a stream has an end, or a writer again."""
        self._lost.discard(name)

    async def wait_lost(self, name: str) -> None:
        """Return when the end of a stream could not be written; at once if that is so already."""
        while name not in self._lost:
            await self._changed.wait()

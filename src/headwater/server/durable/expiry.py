"""Expiry of durable streams: a stream with a TTL or an expiry time has a second log, whose lease is its lifetime."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime

from headwater.errors import LogError, UnknownStreamError
from headwater.log.base import Log
from headwater.server.durable.forks import WRITER
from headwater.server.durable.protocol import Note

_PREFIX = "durable-life:"
#: A TTL is renewed when this part of it has passed since the last renewal, rather than at each access.
_RENEW_AFTER = 0.05
#: How many renewals are remembered.
_MAX_REMEMBERED = 10_000


class Expiry:
    """The lifetimes of all streams that expire. Each access renews a TTL; ``Stream-Expires-At`` is never renewed.

    The lease of a log lets every server that shares the store see the same expiry by the store's own clock.
    """

    def __init__(self, log: Log, *, clock: Callable[[], float] = time.time) -> None:
        self._log = log
        self._clock = clock
        self._renewed: OrderedDict[str, float] = OrderedDict()

    async def start(self, key: str, note: Note) -> None:
        """Start the lifetime of the stream under ``key``, if it has one."""
        if note.ttl is not None:
            lease = float(note.ttl)
        elif note.expires_at is not None:
            lease = max(0.0, datetime.fromisoformat(note.expires_at).timestamp() - self._clock())
        else:
            return
        await self._log.create(_PREFIX + note.id, writer=WRITER, lease=lease, note=key.encode())

    async def is_expired(self, note: Note) -> bool:
        """Return whether the stream has expired."""
        if note.ttl is None and note.expires_at is None:
            return False
        try:
            return (await self._log.state(_PREFIX + note.id)).is_stale
        except UnknownStreamError:
            return True

    async def renew(self, note: Note) -> None:
        """Restart the TTL because the stream was read or written ("Create Stream": the TTL is a sliding window)."""
        if note.ttl is None:
            return
        now, last = self._clock(), self._renewed.get(note.id)
        if last is not None and 0 <= now - last < note.ttl * _RENEW_AFTER:
            return
        self._renewed[note.id] = now
        self._renewed.move_to_end(note.id)
        if len(self._renewed) > _MAX_REMEMBERED:
            self._renewed.popitem(last=False)
        with suppress(UnknownStreamError):
            await self._log.append(_PREFIX + note.id, [])

    async def end(self, note: Note) -> None:
        """Drop the lifetime of a stream that is gone."""
        self._renewed.pop(note.id, None)
        if note.ttl is not None or note.expires_at is not None:
            await self._log.drop(_PREFIX + note.id)

    async def expired(self) -> AsyncIterator[str]:
        """Yield the keys of streams that have expired."""
        for name in await self._log.stale():
            if name.startswith(_PREFIX):
                with suppress(LogError):
                    yield (await self._log.state(name)).note.decode()

"""How long streams live: a stream with an end has a log beside it, whose lease is the life of the stream."""

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
#: A life is renewed when this part of it has gone since the last time, and not at each read.
_PART = 0.05
#: How many renewals are remembered.
_MOST = 10_000


class Expiry:
    """The lives of all streams that end. An access renews a time to live; a fixed end comes when it comes."""

    def __init__(self, log: Log, *, clock: Callable[[], float] = time.time) -> None:
        self._log = log
        self._clock = clock
        self._renewed: OrderedDict[str, float] = OrderedDict()

    async def begin(self, key: str, note: Note) -> None:
        """Begin the life of the stream under ``key``, where it has an end."""
        if note.ttl is not None:
            lease = float(note.ttl)
        elif note.expires_at is not None:
            lease = max(0.0, datetime.fromisoformat(note.expires_at).timestamp() - self._clock())
        else:
            return
        await self._log.create(_PREFIX + note.id, writer=WRITER, lease=lease, note=key.encode())

    async def is_over(self, note: Note) -> bool:
        """Return whether the stream has expired."""
        if note.ttl is None and note.expires_at is None:
            return False
        try:
            return (await self._log.state(_PREFIX + note.id)).is_stale
        except UnknownStreamError:
            return True

    async def renew(self, note: Note) -> None:
        """Let the time to live begin anew."""
        if note.ttl is None:
            return
        now, last = self._clock(), self._renewed.get(note.id)
        if last is not None and 0 <= now - last < note.ttl * _PART:
            return
        self._renewed[note.id] = now
        self._renewed.move_to_end(note.id)
        if len(self._renewed) > _MOST:
            self._renewed.popitem(last=False)
        with suppress(UnknownStreamError):
            await self._log.append(_PREFIX + note.id, [])

    async def end(self, note: Note) -> None:
        """Forget the life of a stream that is gone."""
        self._renewed.pop(note.id, None)
        if note.ttl is not None or note.expires_at is not None:
            await self._log.drop(_PREFIX + note.id)

    async def over(self) -> AsyncIterator[str]:
        """Yield the keys of streams that have expired."""
        for name in await self._log.stale():
            if name.startswith(_PREFIX):
                with suppress(LogError):
                    yield (await self._log.state(name)).note.decode()

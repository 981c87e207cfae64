"""Who was forked from a stream: it stays, out of reach, until the last of them is gone."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from headwater.errors import ConflictError, UnknownStreamError
from headwater.log.base import Log
from headwater.server.durable.fields import refusal

#: A lease that does not run out: nothing but us drops such a log.
FOREVER = 1e11
WRITER = "durable"
#: How many forks of one stream there may be at once.
MOST = 1000


class _Known(msgspec.Struct, frozen=True):
    """The ids of the forks, and whether the stream itself was deleted."""

    forks: tuple[str, ...] = ()
    is_deleted: bool = False


class Forks:
    """The forks of each stream, in a log of their own: its note says which, and a record guards each change."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def add(self, source: str, fork: str) -> None:
        """Note a fork.

        Raises:
            APIError: 409, the source has been deleted, or has too many.
        """

        def change(known: _Known) -> _Known:
            if known.is_deleted:
                raise refusal(409, "the stream to fork from has been deleted")
            if len(known.forks) >= MOST:
                raise refusal(409, f"a stream has {MOST} forks at most")
            return _Known((*known.forks, fork))

        await self._change(source, change)

    async def remove(self, source: str, fork: str) -> bool:
        """Forget a fork; return whether nobody needs its source any more."""
        left = await self._change(
            source, lambda known: _Known(tuple(one for one in known.forks if one != fork), known.is_deleted)
        )
        return left.is_deleted and not left.forks

    async def close(self, source: str) -> bool:
        """Let nobody fork a stream from now on; return whether somebody has."""
        left = await self._change(source, lambda known: _Known(known.forks, is_deleted=True))
        return bool(left.forks)

    async def drop(self, source: str) -> None:
        """Forget a stream that is gone."""
        await self._log.drop(_key(source))

    async def _change(self, source: str, change: Callable[[_Known], _Known]) -> _Known:
        key = _key(source)
        while True:
            try:
                state = await self._log.state(key)
                known = msgspec.json.decode(state.note, type=_Known)
                changed = change(known)
                await self._log.append(key, [b"."], at=state.next, note=msgspec.json.encode(changed))
                return changed
            except UnknownStreamError:
                await self._begin(key)
            except ConflictError:
                continue  # another server was faster

    async def _begin(self, key: str) -> None:
        try:
            await self._log.create(key, writer=WRITER, lease=FOREVER, note=msgspec.json.encode(_Known()))
        except ConflictError:
            return


def _key(source: str) -> str:
    return f"durable-forks:{source}"

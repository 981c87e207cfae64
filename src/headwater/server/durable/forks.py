"""The forks of each stream: a deleted stream is kept until its last fork is gone ("Soft-delete and lifecycle")."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from headwater.errors import ConflictError, UnknownStreamError
from headwater.log.base import Log
from headwater.server.durable.fields import refusal

#: A lease that never expires: only this room drops such a log.
FOREVER = 1e11
WRITER = "durable"
#: How many forks of one stream may exist at a time.
MAX_FORKS = 1000


class ForkSet(msgspec.Struct, frozen=True):
    """The ids of the forks of a stream, and whether the stream itself was deleted. Stored as JSON."""

    forks: tuple[str, ...] = ()
    is_deleted: bool = False


class Forks:
    """The fork sets of all streams, each in the note of a log of its own.

    As in ``protocol.py``, each change appends a record at the position that was read, so two servers never overwrite
    each other's change. ``close`` and ``add`` exclude each other: a stream is deleted either before it is forked, and
    then the fork fails, or after, and then it is kept for the fork.
    """

    def __init__(self, log: Log) -> None:
        self._log = log

    async def add(self, source: str, fork: str) -> None:
        """Add a fork. Done before the fork exists, so that its source cannot vanish in between.

        Raises:
            APIError: 409, if the source was deleted or has too many forks.
        """

        def change(current: ForkSet) -> ForkSet:
            if current.is_deleted:
                raise refusal(409, "the stream to fork from has been deleted")
            if len(current.forks) >= MAX_FORKS:
                raise refusal(409, f"a stream has at most {MAX_FORKS} forks")
            return ForkSet((*current.forks, fork))

        await self._change(source, change)

    async def remove(self, source: str, fork: str) -> bool:
        """Remove a fork. Return whether its source was deleted and this was the last fork."""
        left = await self._change(
            source, lambda current: ForkSet(tuple(one for one in current.forks if one != fork), current.is_deleted)
        )
        return left.is_deleted and not left.forks

    async def close(self, source: str) -> bool:
        """Refuse forks of a stream from now on. Return whether it has any."""
        left = await self._change(source, lambda current: ForkSet(current.forks, is_deleted=True))
        return bool(left.forks)

    async def drop(self, source: str) -> None:
        """Forget a stream that is gone."""
        await self._log.drop(_key(source))

    async def _change(self, source: str, change: Callable[[ForkSet], ForkSet]) -> ForkSet:
        key = _key(source)
        while True:
            try:
                state = await self._log.state(key)
                changed = change(msgspec.json.decode(state.note, type=ForkSet))
                await self._log.append(key, [b"."], at=state.next, note=msgspec.json.encode(changed))
                return changed
            except UnknownStreamError:
                await self._begin(key)
            except ConflictError:
                continue  # another server was faster

    async def _begin(self, key: str) -> None:
        try:
            await self._log.create(key, writer=WRITER, lease=FOREVER, note=msgspec.json.encode(ForkSet()))
        except ConflictError:
            return


def _key(source: str) -> str:
    return f"durable-forks:{source}"

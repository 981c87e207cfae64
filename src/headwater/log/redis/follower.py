"""One blocking XREAD for all streams that this process waits for. It fans out in memory, and never polls.

A reader that waits would otherwise hold a connection of its own. XREAD takes a list of streams and cannot be told of
one more while it blocks; so the list begins with a control stream of this process, and an entry in it (``_interrupt``)
ends the XREAD at once. The next one has the new stream in its list.

A followed stream has the position of the last entry that was delivered, so nothing between two XREADs is missed. When
the connection breaks, positions may be worth nothing (a failover can lose entries): all are forgotten, and ``on_lost``
lets every reader read for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from redis import exceptions

from headwater.errors import LogError
from headwater.log.redis.connection import BACKOFF, SharedConnection

#: How long one XREAD blocks (seconds): long enough to cost nothing, short enough to notice a dead connection.
BLOCK = 10.0
#: How long a stream is followed after the last reader waited for it (seconds).
_IDLE_SECONDS = 30.0
#: The most groups of one stream in one reply.
_MAX_GROUPS = 200
#: An XREAD of many streams is long. A pause before it lets more entries collect: seconds per stream, and at most.
_PAUSE, _MAX_PAUSE = 10e-6, 0.02

_ERRORS = (exceptions.RedisError, exceptions.RedisClusterException, OSError)

Entry = tuple[bytes, dict[bytes, bytes]]


class _Followed(msgspec.Struct):
    key: str
    position: bytes
    until: float


class StreamFollower:
    """Follows streams on demand and passes on what is appended, as ``on_entries(key, entries)``.

    ``on_lost()`` is called when the connection broke: entries may have been missed.
    """

    def __init__(
        self,
        redis: Any,
        connection: SharedConnection,
        control: str,
        on_entries: Callable[[str, Iterable[Entry]], None],
        on_unfollow: Callable[[str], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._redis = redis
        self._connection = connection
        self._control = f"{control}:{secrets.token_hex(8)}"
        self._on_entries, self._on_unfollow, self._on_lost = on_entries, on_unfollow, on_lost
        self._followed: dict[str, _Followed] = {}
        self._interrupts = self._seen_interrupts = 0
        self._checked_at = 0.0
        self._interrupting: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def follow(self, stream: str, key: str, after: int, seconds: float) -> bool:
        """Follow a stream from offset ``after`` for at least ``seconds``; return whether it was not followed before."""
        until = asyncio.get_running_loop().time() + seconds
        followed = self._followed.get(stream)
        if followed is not None:
            followed.until = max(followed.until, until)
            return False
        self._followed[stream] = _Followed(key, b"%d-0" % after, until)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="headwater log reader")
        else:
            self._interrupt()
        return True

    def forget(self, stream: str) -> None:
        """Stop following a stream."""
        followed = self._followed.pop(stream, None)
        if followed is not None:
            self._on_unfollow(followed.key)

    async def aclose(self) -> None:
        """Stop reading."""
        for task in (self._task, self._interrupting):
            while task is not None and not task.done():
                task.cancel()
                await asyncio.wait(
                    {task}, timeout=0.2
                )  # redis-py's cluster client swallows a cancellation now and then
        await self._redis.aclose()

    def _interrupt(self) -> None:
        """End the blocking XREAD, so that the next one includes the new stream. One interrupt serves all until then."""
        if self._interrupts == self._seen_interrupts:
            self._interrupts += 1
            self._interrupting = asyncio.create_task(self._send_interrupt(self._interrupts))

    async def _send_interrupt(self, number: int) -> None:
        with contextlib.suppress(LogError):  # without it, XREAD ends by itself after BLOCK seconds
            # The identifier is the number of the interrupt. An XREAD starts after the last interrupt whose streams are
            # in its list, so none is missed, whether it arrives before the XREAD or while it blocks.
            await self._connection.execute("XADD", self._control, "MAXLEN", "1", f"{number}-0", "new", "")
            await self._connection.execute("PEXPIRE", self._control, round(BLOCK * 6000))

    async def _run(self) -> None:
        tries = 0
        while True:
            self._seen_interrupts = self._interrupts
            try:
                answer = await self._read()
            except _ERRORS:  # readers read for themselves, and get the error
                # After a failover, positions may be ahead of the streams, and an XREAD would wait for entries that are
                # long there.
                self._followed.clear()
                self._on_lost()
                await asyncio.sleep(BACKOFF[min(tries, len(BACKOFF) - 1)])
                tries += 1
                continue
            tries = 0
            for stream, entries in answer or ():
                self._deliver(stream.decode(), entries)
            self._unfollow_idle()
            # With many streams each reply has few entries. A short pause lets more of them arrive for one command.
            if len(self._followed) > 100:
                await asyncio.sleep(min(_MAX_PAUSE, len(self._followed) * _PAUSE))

    async def _read(self) -> list[tuple[bytes, list[Entry]]]:
        names = [self._control, *self._followed]
        positions = [b"%d-0" % self._seen_interrupts, *(followed.position for followed in self._followed.values())]
        options = ("COUNT", _MAX_GROUPS, "BLOCK", round(BLOCK * 1000))
        answer: list[tuple[bytes, list[Entry]]] = await self._redis.execute_command(
            "XREAD", *options, "STREAMS", *names, *positions
        )
        return answer

    def _deliver(self, stream: str, entries: list[Entry]) -> None:
        followed = self._followed.get(stream)
        if followed is not None and entries:
            followed.position = entries[-1][0]
            self._on_entries(followed.key, entries)

    def _unfollow_idle(self) -> None:
        """Stop following streams that no reader has waited for in a while."""
        now = asyncio.get_running_loop().time()
        if now - self._checked_at < _IDLE_SECONDS / 6:
            return
        self._checked_at = now
        for stream in [name for name, followed in self._followed.items() if now - followed.until > _IDLE_SECONDS]:
            self.forget(stream)

"""One blocking reader for all streams that this process waits for: it fans out in memory, and never polls."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from redis import exceptions

from headwater.errors import LogError
from headwater.log.redis.connection import BACKOFF, Pipe

#: How long one XREAD blocks: long enough to cost nothing, short enough to find out that a connection is dead.
BLOCK = 10.0
#: How long a stream is followed after the last reader has waited for it.
_KEPT = 30.0
#: How many groups of one stream come together at most.
_GROUPS = 200
#: With many streams XREAD is long: then it pauses, so that more comes at once. Seconds for each stream, and at most.
_PAUSE, _MOST_PAUSE = 10e-6, 0.02

_ERRORS = (exceptions.RedisError, exceptions.RedisClusterException, OSError)

Entry = tuple[bytes, dict[bytes, bytes]]


class _Followed(msgspec.Struct):
    key: str
    position: bytes
    wanted: float


class Watch:
    """Follows the streams that are wanted and hands on what comes: ``found(key, entries)``.

    ``lost()`` is called when the connection broke: something may have come that will not come again.
    """

    def __init__(
        self,
        redis: Any,
        pipe: Pipe,
        control: str,
        found: Callable[[str, Iterable[Entry]], None],
        forgot: Callable[[str], None],
        lost: Callable[[], None],
    ) -> None:
        self._redis = redis
        self._pipe = pipe
        self._control = f"{control}:{secrets.token_hex(8)}"
        self._found, self._forgot, self._lost = found, forgot, lost
        self._followed: dict[str, _Followed] = {}
        self._pokes = self._heard = 0
        self._looked = 0.0
        self._poking: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def want(self, stream: str, key: str, after: int, seconds: float) -> bool:
        """Follow a stream from offset ``after`` on, ``seconds`` at least; return whether it was not followed yet."""
        until = asyncio.get_running_loop().time() + seconds
        followed = self._followed.get(stream)
        if followed is not None:
            followed.wanted = max(followed.wanted, until)
            return False
        self._followed[stream] = _Followed(key, b"%d-0" % after, until)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="headwater log reader")
        else:
            self._poke()
        return True

    def forget(self, stream: str) -> None:
        """Follow a stream no longer."""
        followed = self._followed.pop(stream, None)
        if followed is not None:
            self._forgot(followed.key)

    async def aclose(self) -> None:
        """Stop reading."""
        for task in (self._task, self._poking):
            while task is not None and not task.done():
                task.cancel()
                await asyncio.wait(
                    {task}, timeout=0.2
                )  # redis-py's cluster client swallows a cancellation now and then
        await self._redis.aclose()

    def _poke(self) -> None:
        """End the XREAD that blocks, so that the next one has the new stream too. One poke serves all until then."""
        if self._pokes == self._heard:
            self._pokes += 1
            self._poking = asyncio.create_task(self._send_poke(self._pokes))

    async def _send_poke(self, number: int) -> None:
        with contextlib.suppress(LogError):  # without it, XREAD ends by itself
            await self._pipe.do("XADD", self._control, "MAXLEN", "1", f"{number}-0", "new", "")
            await self._pipe.do("PEXPIRE", self._control, round(BLOCK * 6000))

    async def _run(self) -> None:
        tries = 0
        while True:
            self._heard = self._pokes
            try:
                answer = await self._read()
            except _ERRORS:  # those who wait look for themselves, and are told why
                self._followed.clear()  # a Redis that lost something begins again where it can
                self._lost()
                await asyncio.sleep(BACKOFF[min(tries, len(BACKOFF) - 1)])
                tries += 1
                continue
            tries = 0
            for stream, entries in answer or ():
                self._hand_on(stream.decode(), entries)
            self._look_after()
            if len(self._followed) > 100:
                await asyncio.sleep(min(_MOST_PAUSE, len(self._followed) * _PAUSE))

    async def _read(self) -> list[tuple[bytes, list[Entry]]]:
        names = [self._control, *self._followed]
        positions = [b"%d-0" % self._heard, *(followed.position for followed in self._followed.values())]
        options = ("COUNT", _GROUPS, "BLOCK", round(BLOCK * 1000))
        answer: list[tuple[bytes, list[Entry]]] = await self._redis.execute_command(
            "XREAD", *options, "STREAMS", *names, *positions
        )
        return answer

    def _hand_on(self, stream: str, entries: list[Entry]) -> None:
        followed = self._followed.get(stream)
        if followed is not None and entries:
            followed.position = entries[-1][0]
            self._found(followed.key, entries)

    def _look_after(self) -> None:
        """Let go of the streams that nobody waited for in a while."""
        now = asyncio.get_running_loop().time()
        if now - self._looked < _KEPT / 6:
            return
        self._looked = now
        for stream in [name for name, followed in self._followed.items() if now - followed.wanted > _KEPT]:
            self.forget(stream)

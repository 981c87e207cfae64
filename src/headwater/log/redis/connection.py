"""The road to Redis: what is asked while it is busy goes together next, and a lost connection is made again.

Nobody who calls holds a connection. A caller that is cancelled lets go of a future; the answer to its command is read
by the task that sent it, and can never be taken for the answer to another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from redis import exceptions

from headwater.errors import LogError

#: How many commands go together at most.
_MOST = 500
#: Pauses between tries, in seconds; the last one again and again.
BACKOFF = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
#: What heals by itself: no connection, a server that is starting, frozen or no longer the one that writes.
PASSING = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
    exceptions.ClusterDownError,
    exceptions.MasterDownError,
    OSError,
)
#: What is a ``ConnectionError`` for redis-py and does not heal.
LASTING = (exceptions.AuthenticationError, exceptions.AuthorizationError)


class _Call(msgspec.Struct, eq=False):
    command: tuple[Any, ...]
    future: asyncio.Future[Any]

    def answer(self, result: Any) -> None:
        if self.future.done():
            return
        if isinstance(result, BaseException):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)


class Pipe:
    """One connection for many callers. ``patience``: seconds for which it tries to reach a Redis that is gone."""

    def __init__(self, redis: Any, patience: float) -> None:
        self._redis = redis
        self._patience = patience
        self._calls: list[_Call] = []
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    async def do(self, *command: Any) -> Any:
        """Return the answer to a command. It may be sent again after a lost connection, so repeating must be harmless.

        Raises:
            LogError: Redis refuses it, or could not be reached.
        """
        if self._is_closed:
            raise LogError("the log is closed")
        call = _Call(command, asyncio.get_running_loop().create_future())
        self._calls.append(call)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="headwater log")
        return await call.future

    async def aclose(self) -> None:
        """Finish what was asked for."""
        self._is_closed = True
        if self._task is not None:
            await self._task
        await self._redis.aclose()

    async def _run(self) -> None:
        while self._calls:
            calls, self._calls = self._calls[:_MOST], self._calls[_MOST:]
            await self._send(calls)

    async def _send(self, calls: Sequence[_Call]) -> None:
        loop = asyncio.get_running_loop()
        until, tries = loop.time() + self._patience, 0
        while calls:
            calls, error = await self._try(calls)
            if not calls:
                return
            if loop.time() > until:
                for call in calls:
                    call.answer(explain(error))
                return
            await asyncio.sleep(BACKOFF[min(tries, len(BACKOFF) - 1)])
            tries += 1

    async def _try(self, calls: Sequence[_Call]) -> tuple[Sequence[_Call], BaseException | None]:
        """Send commands; return those to send again, and why."""
        pipeline = self._redis.pipeline(transaction=False)
        for call in calls:
            pipeline.execute_command(*call.command)
        try:
            answers = await pipeline.execute(raise_on_error=False)
        except Exception as error:
            if is_passing(error):
                return calls, error
            answers = [error] * len(calls)
        again: list[_Call] = []
        reason = None
        for call, answer in zip(calls, answers, strict=True):
            if is_passing(answer):
                again.append(call)
                reason = answer
            else:
                call.answer(explain(answer) if isinstance(answer, Exception) else answer)
        pool = getattr(self._redis, "connection_pool", None)
        if isinstance(reason, exceptions.ReadOnlyError) and pool is not None:  # another server writes now: look for it
            await pool.disconnect()
        return again, reason


def is_passing(answer: object) -> bool:
    """Return whether an answer is an error that another try may heal."""
    return isinstance(answer, PASSING) and not isinstance(answer, LASTING)


def explain(error: BaseException | None) -> LogError:
    """Return what a caller can act on."""
    match error:
        case exceptions.OutOfMemoryError():
            text = "Redis is out of memory: give it more (maxmemory), or keep streams for a shorter time"
        case exceptions.ReadOnlyError():
            text = "this Redis is a replica and cannot be written to"
        case exceptions.AuthenticationError() | exceptions.AuthorizationError():
            text = f"Redis does not let us in: {error}"
        case _ if is_passing(error):
            text = f"Redis cannot be reached: {error}"
        case _:
            text = f"Redis refuses: {error}"
    failure = LogError(text)
    failure.__cause__ = error
    return failure

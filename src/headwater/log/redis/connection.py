"""The connection to Redis: commands that arrive while it is busy are sent together next, and it reconnects.

No caller holds a connection. A caller that is cancelled only drops its future; the reply to its command is still read
by the task that sent it, and can never be mistaken for the reply to another command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from redis import exceptions

from headwater.errors import LogError

#: The most commands in one pipeline.
_MAX_COMMANDS = 500
#: Seconds between attempts; the last one repeats.
BACKOFF = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
#: Errors that pass: no connection, or a server that is starting, frozen, or no longer the primary.
TRANSIENT = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
    exceptions.ClusterDownError,
    exceptions.MasterDownError,
    OSError,
)
#: Errors that redis-py derives from ``ConnectionError`` although they do not pass.
PERMANENT = (exceptions.AuthenticationError, exceptions.AuthorizationError)


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


class SharedConnection:
    """One connection for many callers. It tries for ``timeout`` seconds to reach a Redis that is unreachable."""

    def __init__(self, redis: Any, timeout: float) -> None:
        self._redis = redis
        self._timeout = timeout
        self._calls: list[_Call] = []
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    async def execute(self, *command: Any) -> Any:
        """Return the reply to a command. It may be sent twice if the connection is lost, so that must be harmless.

        Raises:
            LogError: if Redis refuses it, or could not be reached.
        """
        if self._is_closed:
            raise LogError("the log is closed")
        call = _Call(command, asyncio.get_running_loop().create_future())
        self._calls.append(call)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="headwater log")
        return await call.future

    async def aclose(self) -> None:
        """Finish pending commands and disconnect."""
        self._is_closed = True
        if self._task is not None:
            await self._task
        await self._redis.aclose()

    async def _run(self) -> None:
        while self._calls:
            # Everything that arrived while the previous batch was under way.
            calls, self._calls = self._calls[:_MAX_COMMANDS], self._calls[_MAX_COMMANDS:]
            await self._send(calls)

    async def _send(self, calls: Sequence[_Call]) -> None:
        loop = asyncio.get_running_loop()
        until, tries = loop.time() + self._timeout, 0
        while calls:
            calls, error = await self._try(calls)
            if not calls:
                return
            if loop.time() > until:
                for call in calls:
                    call.answer(to_log_error(error))
                return
            await asyncio.sleep(BACKOFF[min(tries, len(BACKOFF) - 1)])
            tries += 1

    async def _try(self, calls: Sequence[_Call]) -> tuple[Sequence[_Call], BaseException | None]:
        """Send commands; return those to send again, and the reason."""
        pipeline = self._redis.pipeline(transaction=False)
        for call in calls:
            pipeline.execute_command(*call.command)
        try:
            # Each command gets its own reply or error: one that fails does not concern the others.
            answers = await pipeline.execute(raise_on_error=False)
        except Exception as error:
            if is_transient(error):
                return calls, error
            answers = [error] * len(calls)
        retries: list[_Call] = []
        reason = None
        for call, answer in zip(calls, answers, strict=True):
            if is_transient(answer):
                retries.append(call)
                reason = answer
            else:
                call.answer(to_log_error(answer) if isinstance(answer, Exception) else answer)
        pool = getattr(self._redis, "connection_pool", None)
        if isinstance(reason, exceptions.ReadOnlyError) and pool is not None:
            await pool.disconnect()  # after a failover another server is the primary: reconnecting finds it
        return retries, reason


def is_transient(answer: object) -> bool:
    """Return whether a reply is an error that may be gone at the next attempt."""
    return isinstance(answer, TRANSIENT) and not isinstance(answer, PERMANENT)


def to_log_error(error: BaseException | None) -> LogError:
    """Return the error as one that a caller can act on."""
    match error:
        case exceptions.OutOfMemoryError():
            text = "Redis is out of memory: raise maxmemory, or keep streams for a shorter time"
        case exceptions.ReadOnlyError():
            text = "this Redis is a replica and cannot be written to"
        case exceptions.AuthenticationError() | exceptions.AuthorizationError():
            text = f"Redis denies access: {error}"
        case _ if is_transient(error):
            text = f"Redis cannot be reached: {error}"
        case _:
            text = f"Redis refused the command: {error}"
    failure = LogError(text)
    failure.__cause__ = error
    return failure

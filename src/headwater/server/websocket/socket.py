"""A socket as its connection sees it: messages out, one at a time, and a way to end it from anywhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import msgspec
from starlette.types import Receive, Send

from headwater.server.config import Limits
from headwater.server.websocket import errors as codes
from headwater.server.websocket.encoder import ErrorMessage

_encode = msgspec.json.Encoder().encode


class CloseReason(Exception):
    """The connection is to be closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class MessageSocket:
    """Lives from the acceptance of a WebSocket to its end, in the task that accepted it."""

    def __init__(self, receive: Receive, send: Send, limits: Limits) -> None:
        #: Whether the client has said hello, and so knows what a ping is.
        self.is_greeted = False
        self._receive = receive
        self._send = send
        self._limits = limits
        self._is_open = True
        self._goodbye: CloseReason | None = None
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._main: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sending = 0
        self._sent_at = self._loop.time()

    async def serve(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work``, to its end or to that of the socket; what was begun meanwhile ends with it."""
        self._main = asyncio.current_task()
        self._tick()
        try:
            await work
        except CloseReason as goodbye:
            await self._close(goodbye)
        except OSError:  # the client has gone
            pass
        except asyncio.CancelledError:
            if self._goodbye is None:
                raise
            await self._close(self._goodbye)
        finally:
            self._is_open = False
            if self._timer is not None:
                self._timer.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` beside what is done already."""
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # a task that is cancelled before its first step leaves it lying

    def leave(self, goodbye: CloseReason) -> None:
        """Close the socket from wherever this is called."""
        if self._is_open and self._goodbye is None and self._main is not None:
            self._goodbye = goodbye
            self._main.cancel()

    async def receive(self, deadline: float | None = None) -> tuple[str | None] | None:
        """Return the next message, in a tuple: None stands for one that is no text. None when the client has left.

        Raises:
            TimeoutError: nothing came before ``deadline``, a time of the event loop.
        """
        async with asyncio.timeout_at(deadline):
            event = await self._receive()
        if event["type"] == "websocket.disconnect":
            self._is_open = False
            return None
        return (event.get("text"),)

    async def send(self, text: str) -> None:
        """Send one message; it waits while the socket is full."""
        if not self._is_open:
            return
        if not self._sending:
            self._sent_at = self._loop.time()
        self._sending += 1
        try:
            await self._send({"type": "websocket.send", "text": text})
        finally:
            self._sending -= 1
            self._sent_at = self._loop.time()

    async def say(self, type: str, **fields: Any) -> None:
        """Send a message that is about the connection."""
        await self.send(_encode({"type": type} | fields).decode())

    async def refuse(self, code: str, message: str, id: str | None = None, **fields: Any) -> None:
        """Send an error; one with an ``id`` is the end of the stream of that id, before it began."""
        failure = ErrorMessage(
            code=code, message=message, phase="connect", retryable=code in codes.RETRYABLE, partial=False
        )
        await self.send(_encode(msgspec.structs.replace(failure, id=id, **fields)).decode())

    async def _close(self, goodbye: CloseReason) -> None:
        if self._is_open:
            self._is_open = False
            with contextlib.suppress(OSError, RuntimeError):  # gone already, or full for good
                async with asyncio.timeout(1.0):
                    await self._send({"type": "websocket.close", "code": goodbye.code, "reason": goodbye.reason[:100]})

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except CloseReason as goodbye:
            self.leave(goodbye)
        except OSError:  # the client has gone; whoever listens to it learns of it
            pass

    def _tick(self) -> None:
        """Look from time to time whether the socket is stuck, or has been silent."""
        third = self._limits.keep_alive / 3
        silence = self._loop.time() - self._sent_at
        if self._sending and silence >= self._limits.stall_timeout:
            self.leave(CloseReason(codes.TRY_LATER, "nothing is read here"))
        elif self.is_greeted and not self._sending and silence >= 2 * third:
            self.begin(self.send('{"type":"ping"}'))
        self._timer = self._loop.call_later(third, self._tick)

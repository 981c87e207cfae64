"""A WebSocket as a connection uses it: send and receive messages, run tasks, close it from any task."""

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
    """Closes the connection with this code and reason, from whichever task raises it."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class MessageSocket:
    """An accepted WebSocket, owned by the task that accepted it.

    That task alone closes the socket. Others call ``leave``, which cancels it with a reason: it may be waiting for the
    client or for the socket to drain, and cancelling is the one way to end both.
    """

    def __init__(self, receive: Receive, send: Send, limits: Limits) -> None:
        #: Whether the client has sent hello, and so understands a ping.
        self.is_greeted = False
        self._receive = receive
        self._send = send
        self._limits = limits
        self._is_open = True
        self._close_reason: CloseReason | None = None
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._main: asyncio.Task[Any] | None = None
        self._heartbeat: asyncio.TimerHandle | None = None
        self._sending = 0
        self._sent_at = self._loop.time()

    async def serve(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` until it or the socket ends, then cancel the tasks that were started in the meantime."""
        self._main = asyncio.current_task()
        self._tick()
        try:
            await work
        except CloseReason as reason:
            await self._close(reason)
        except OSError:  # the client has gone
            pass
        except asyncio.CancelledError:
            if self._close_reason is None:  # the server cancels us, not `leave`
                raise
            await self._close(self._close_reason)
        finally:
            # Tasks are awaited, so that none sends on a socket that its connection has given up.
            self._is_open = False
            if self._heartbeat is not None:
                self._heartbeat.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` in a task that ends with the socket at the latest."""
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step never awaits the coroutine, and Python would warn.
        task.add_done_callback(lambda _: work.close())

    def leave(self, reason: CloseReason) -> None:
        """Have the socket closed. May be called from any task; the first reason counts."""
        if self._is_open and self._close_reason is None and self._main is not None:
            self._close_reason = reason
            self._main.cancel()

    async def receive(self, deadline: float | None = None) -> tuple[str | None] | None:
        """Return the next message in a tuple, ``(None,)`` for a binary one, or None if the client has left.

        Raises:
            TimeoutError: if no message arrives before ``deadline``, a time of the event loop.
        """
        async with asyncio.timeout_at(deadline):
            event = await self._receive()
        if event["type"] == "websocket.disconnect":
            self._is_open = False
            return None
        return (event.get("text"),)

    async def send(self, text: str) -> None:
        """Send one message. Waits while the socket's buffer is full."""
        if not self._is_open:
            return
        # The clock starts with the first send that waits and restarts with each that ends: progress is not a stall.
        if not self._sending:
            self._sent_at = self._loop.time()
        self._sending += 1
        try:
            await self._send({"type": "websocket.send", "text": text})
        finally:
            self._sending -= 1
            self._sent_at = self._loop.time()

    async def send_control(self, type: str, **fields: Any) -> None:
        """Send a message about the connection."""
        await self.send(_encode({"type": type} | fields).decode())

    async def send_error(self, code: str, message: str, id: str | None = None, **fields: Any) -> None:
        """Send an error. With an ``id`` it ends the stream of that id before it started."""
        failure = ErrorMessage(
            code=code, message=message, phase="connect", retryable=code in codes.RETRYABLE, partial=False
        )
        await self.send(_encode(msgspec.structs.replace(failure, id=id, **fields)).decode())

    async def _close(self, reason: CloseReason) -> None:
        if self._is_open:
            self._is_open = False
            # RFC 6455, 5.5.1: a reason has at most 123 bytes.
            with contextlib.suppress(OSError, RuntimeError):  # gone already, or never drained
                async with asyncio.timeout(1.0):
                    await self._send({"type": "websocket.close", "code": reason.code, "reason": reason.reason[:100]})

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except CloseReason as reason:
            self.leave(reason)
        except OSError:  # the client has gone, which `receive` reports
            pass

    def _tick(self) -> None:
        """Check three times per keep-alive interval: close a socket that is stuck, ping over one that is silent."""
        third = self._limits.keep_alive / 3
        silence = self._loop.time() - self._sent_at
        if self._sending and silence >= self._limits.stall_timeout:
            self.leave(CloseReason(codes.TRY_LATER, "the client reads nothing"))
        elif self.is_greeted and not self._sending and silence >= 2 * third:
            self.start_task(self.send('{"type":"ping"}'))
        self._heartbeat = self._loop.call_later(third, self._tick)

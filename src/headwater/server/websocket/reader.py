"""One reader of one stream: from the log to a connection, as far as the reader's window allows."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import Protocol

from headwater.log.base import PAGE_RECORDS, Log, Page, tail
from headwater.server.websocket.encoder import MessageEncoder, OutgoingMessage

#: A page of more records than this shows a reader that lags: its text comes as one message.
LAG = 32
#: What another server has sent can take so long to come here (seconds).
_ON_ITS_WAY = 1.0
#: The largest window; a client that asks for more gets this.
MAX_WINDOW = 10_000


class StuckError(Exception):
    """The reader has not taken anything for too long."""


class Outlet(Protocol):
    """What a reader sends to."""

    async def send(self, text: str) -> None:
        """Send one message; returns when there is room for the next."""


class Window:
    """The numbers that were sent and not yet acknowledged; at most ``size`` of them (None: any number)."""

    def __init__(self, size: int | None) -> None:
        self._size = size and min(size, MAX_WINDOW)
        self._sent: deque[int] = deque()
        self._moved = asyncio.Event()

    @property
    def room(self) -> int:
        """How many messages may be sent now."""
        return LAG if self._size is None else self._size - len(self._sent)

    def add(self, seq: int) -> None:
        """Note that the message of this number was sent."""
        if self._size is not None:
            self._sent.append(seq)

    def ack(self, seq: int) -> None:
        """Note that everything up to this number was read."""
        sent = self._sent
        while sent and sent[0] <= seq:
            sent.popleft()
        self._moved.set()

    async def wait(self, patience: float) -> bool:
        """Return when there is room, and whether that took waiting.

        Raises:
            StuckError: there was none for ``patience`` seconds.
        """
        if self.room > 0:
            return False
        try:
            async with asyncio.timeout(patience):
                while self.room <= 0:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            raise StuckError from None
        return True


class StreamReader:
    """Follows one stream to its end. Nothing is queued: what can not be sent yet stays in the log."""

    def __init__(
        self, log: Log, name: str, script: MessageEncoder, outlet: Outlet, window: Window, *, stall: float
    ) -> None:
        self.name = name
        self.window = window
        self._log = log
        self._script = script
        self._outlet = outlet
        self._stall = stall
        self._is_behind = False

    async def run(self, *, after: int | None, pause: float) -> None:
        """Send everything from the log's beginning on; what is there already when ``after`` is given, as a replay.

        Raises:
            UnknownStreamError: the stream is gone.
            ValueError: it does not reach as far as ``after``.
            StuckError: the reader is.
        """
        offset, is_end = (0, False) if after is None else await self._catch_up(after)
        if is_end:
            return
        now = asyncio.get_running_loop().time
        await self._make_room(offset, pause)
        async with aclosing(tail(self._log, self.name, offset, heartbeat=pause)) as pages:
            async for page in pages:
                if page.records:
                    merge = self._is_behind or len(page.records) > min(LAG, self.window.room)
                    self._is_behind = False
                    await self._send(self._script.read(page.records, merge=merge))
                    for out in self._script.figures(now()):
                        await self._outlet.send(out.text)
                if not page.is_end:
                    await self._make_room(page.next, pause)

    async def _make_room(self, offset: int, pause: float) -> None:
        """With no room left, read nothing: what comes meanwhile stays in the log and then makes one message."""
        while self.window.room <= 0:
            await self._log.wait(self.name, offset, pause)
            page = await self._log.read(self.name, offset, 1)
            if page.records or page.is_end:
                self._is_behind |= await self.window.wait(self._stall)
                return

    async def _catch_up(self, after: int) -> tuple[int, bool]:
        offset, page = 0, Page([], 0, False)
        while True:
            page = await self._log.read(self.name, offset)
            offset = page.next
            outs = self._script.read(page.records, merge=True, replay=True)
            is_now = page.is_end or len(page.records) < PAGE_RECORDS
            if is_now and self._script.seq < after and not page.is_end and await self._grows(offset):
                continue
            if is_now and self._script.seq < after:
                raise ValueError(f"this stream is at {self._script.seq}, not yet at {after}")
            await self._send(outs)
            if is_now:
                return offset, page.is_end
            await asyncio.sleep(0)  # a log in memory never makes anybody wait: let the others have their turn

    async def _grows(self, offset: int) -> bool:
        """Whether more comes soon: what one server has sent may be on its way to another."""
        await self._log.wait(self.name, offset, _ON_ITS_WAY)
        page = await self._log.read(self.name, offset, 1)
        return bool(page.records) or page.is_end

    async def _send(self, outs: list[OutgoingMessage]) -> None:
        for out in outs:
            if out.seq:
                self._is_behind |= await self.window.wait(self._stall)
                self.window.add(out.seq)
            await self._outlet.send(out.text)

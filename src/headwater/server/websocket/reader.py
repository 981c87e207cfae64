"""Follows a stored stream for one connection, as fast as the client's window allows."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import Protocol

from headwater.log.base import PAGE_RECORDS, Log, Page, tail
from headwater.server.websocket.encoder import MessageEncoder, OutgoingMessage

#: A page of more records than this means that the reader lags behind: its text is merged into one message.
LAG_RECORDS = 32
#: How long a record of another server may take to arrive here (seconds).
_REPLICATION_SECONDS = 1.0
#: The largest window. A client that asks for more gets this one.
MAX_WINDOW = 10_000


class StuckError(Exception):
    """The client has not acknowledged anything for the stall timeout."""


class Outlet(Protocol):
    """Where a reader sends messages: a ``MessageSocket``."""

    async def send(self, text: str) -> None:
        """Send one message, and wait until there is room for the next."""


class Window:
    """The numbers sent but not yet acknowledged, at most ``size`` of them (None: no limit)."""

    def __init__(self, size: int | None) -> None:
        self._size = size and min(size, MAX_WINDOW)
        self._sent: deque[int] = deque()
        self._moved = asyncio.Event()

    @property
    def room(self) -> int:
        """How many numbered messages may be sent now."""
        return LAG_RECORDS if self._size is None else self._size - len(self._sent)

    def add(self, seq: int) -> None:
        """Record that the message with this number was sent."""
        if self._size is not None:
            self._sent.append(seq)

    def ack(self, seq: int) -> None:
        """Record that the client acknowledged everything up to this number."""
        # Acknowledging a number twice, or one that was never sent, does no harm.
        sent = self._sent
        while sent and sent[0] <= seq:
            sent.popleft()
        self._moved.set()

    async def wait(self, timeout: float) -> bool:
        """Wait until there is room. Return whether that took waiting.

        Raises:
            StuckError: if there is no room for ``timeout`` seconds.
        """
        if self.room > 0:
            return False
        try:
            async with asyncio.timeout(timeout):
                while self.room <= 0:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            raise StuckError from None
        return True


class StreamReader:
    """Follows one stream to its end. Nothing is queued: what cannot be sent yet stays in the log."""

    def __init__(
        self, log: Log, name: str, encoder: MessageEncoder, outlet: Outlet, window: Window, *, stall: float
    ) -> None:
        self.name = name
        self.window = window
        self._log = log
        self._encoder = encoder
        self._outlet = outlet
        self._stall = stall
        self._is_behind = False

    async def run(self, *, after: int | None, pause: float) -> None:
        """Send the stream from the beginning, or what follows number ``after``; what is in the log already as a replay.

        Raises:
            UnknownStreamError: if the stream is gone.
            ValueError: if the stream does not reach ``after``.
            StuckError: if the client acknowledges nothing for the stall timeout.
        """
        offset, is_end = (0, False) if after is None else await self._catch_up(after)
        if is_end:
            return
        await self._make_room(offset, pause)
        async with aclosing(tail(self._log, self.name, offset, heartbeat=pause)) as pages:
            async for page in pages:
                if page.records:
                    await self._send_page(page)
                # Before the next page is read, not after: what is read has to be sent.
                if not page.is_end:
                    await self._make_room(page.next, pause)

    async def _send_page(self, page: Page) -> None:
        merge = self._is_behind or len(page.records) > min(LAG_RECORDS, self.window.room)
        self._is_behind = False
        await self._send(self._encoder.read(page.records, merge=merge))
        for message in self._encoder.updates(asyncio.get_running_loop().time()):
            await self._outlet.send(message.text)

    async def _make_room(self, offset: int, pause: float) -> None:
        """Without room, read nothing: what arrives in the meantime stays in the log, and is merged afterwards."""
        # Waits for a record first: the stall timeout must not run while there is nothing to acknowledge for.
        while self.window.room <= 0:
            await self._log.wait(self.name, offset, pause)
            page = await self._log.read(self.name, offset, 1)
            if page.records or page.is_end:
                self._is_behind |= await self.window.wait(self._stall)
                return

    async def _catch_up(self, after: int) -> tuple[int, bool]:
        """Send the log from its beginning to where it is now. Return that offset, and whether it is the end.

        The encoder has to see every record, also those that the client has, since numbers and digest depend on them.
        """
        offset, page = 0, Page([], 0, False)
        while True:
            page = await self._log.read(self.name, offset)
            offset = page.next
            messages = self._encoder.read(page.records, merge=True, replay=True)
            is_now = page.is_end or len(page.records) < PAGE_RECORDS
            # Another server may have sent the client records that have not arrived here yet.
            if is_now and self._encoder.seq < after and not page.is_end and await self._grows(offset):
                continue
            if is_now and self._encoder.seq < after:
                raise ValueError(f"the stream is at {self._encoder.seq}, not yet at {after}")
            await self._send(messages)
            if is_now:
                return offset, page.is_end
            # A log in memory never suspends, and other tasks need their turn.
            await asyncio.sleep(0)

    async def _grows(self, offset: int) -> bool:
        """Whether more arrives soon."""
        await self._log.wait(self.name, offset, _REPLICATION_SECONDS)
        page = await self._log.read(self.name, offset, 1)
        return bool(page.records) or page.is_end

    async def _send(self, messages: list[OutgoingMessage]) -> None:
        for message in messages:
            if message.seq:
                self._is_behind |= await self.window.wait(self._stall)
                self.window.add(message.seq)
            await self._outlet.send(message.text)

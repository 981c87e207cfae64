"""Brings answers in chats from running to ended: their messages are read from the log and saved when it is sealed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from headwater.errors import APIError, HeadwaterError, LogError
from headwater.server.chats.model import ChatTree, Message, now
from headwater.server.chats.reconcile import has_ended, read_answer
from headwater.server.chats.store import ChatStore, RunningAnswer, open_store
from headwater.server.chats.tables import reason
from headwater.server.http.background import BackgroundTasks
from headwater.server.http.errors import server_error
from headwater.server.streams.registry import StartedStream, StreamRegistry

logger = logging.getLogger("headwater.server")
T = TypeVar("T")

#: How many calls of the store run at the same time.
_THREADS = 4
#: How often to look for answers whose end no server has saved (seconds).
_LOOK_SECONDS = 5.0


class StoreThreads:
    """Runs the blocking calls of a store in threads. Without a store, chats are kept in memory."""

    def __init__(self, store: ChatStore | None) -> None:
        self._configured = store
        self._threads = ThreadPoolExecutor(_THREADS, "headwater chats")

    @cached_property
    def store(self) -> ChatStore:
        """The store. Opened when first needed, since an application may be created and never run."""
        return self._configured or open_store("memory:")

    async def run(self, call: Callable[..., T], *args: Any, **options: Any) -> T:
        """Return the result of a method of the store.

        Raises:
            APIError: 503, if the database fails.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, lambda: call(*args, **options))
        except SQLAlchemyError as error:
            raise _storage_error(f"the saved chats cannot be read or written: {reason(error)}") from error

    async def close(self) -> None:
        """Close the database."""
        await asyncio.to_thread(self.store.close)
        self._threads.shutdown(wait=False)


class AnswerSettler:
    """Reads running answers, and saves their ends. See ``service.py`` for the order of writes."""

    def __init__(self, threads: StoreThreads, registry: StreamRegistry) -> None:
        self._threads = threads
        self._registry = registry
        self._tasks = BackgroundTasks()

    async def load(self, owner: str, id: str) -> ChatTree | None:
        """Return a chat with its running answers as far as their streams are, or None if it does not exist.

        Raises:
            APIError: 503, if the database or the log fails.
        """
        chat = await self._threads.run(self._threads.store.get, owner, id)
        if chat is not None and chat.running:
            chat.messages = [await self._current(owner, id, message) for message in chat.messages]
            chat.running = any(message.state == "running" for message in chat.messages)
        return chat

    async def track(self, running: RunningAnswer, started: StartedStream, saving: Awaitable[T]) -> T:
        """Save that an answer is running, and its end when it ends. If that fails, discard its stream.

        A cancelled request discards nothing, since its write goes on in its thread: ``run_forever`` saves the end.
        """
        try:
            saved = await saving
        except Exception:
            if started.is_new:  # otherwise an earlier request owns the stream, and may have saved it
                self._registry.discard(started.name)
            raise
        self._registry.add_done_callback(started.name, lambda: self._start_settling(running))
        return saved

    async def run_forever(self) -> None:
        """Save the ends that this server did not see, until cancelled: answers of servers that are gone."""
        while True:
            try:
                await self._settle_all()
            except Exception:
                logger.exception("a server task failed; it continues")
            await asyncio.sleep(_LOOK_SECONDS)

    async def finish(self) -> None:
        """Save the ends of all answers that have ended, for the last time."""
        await self._tasks.drain()
        await self._settle_all()

    async def _settle_all(self) -> None:
        try:
            answers = await self._threads.run(self._threads.store.running)
        except HeadwaterError as error:
            logger.warning("the running answers of chats cannot be listed: %s", error)
            return
        for running in answers:
            await self._settle(running)

    async def _current(self, owner: str, id: str, message: Message) -> Message:
        """A message as it is now. If it has ended, that is saved."""
        if message.state != "running":
            return message
        try:
            message = await read_answer(self._registry.log, message)
        except LogError as error:
            raise _storage_error(f"the log of the answer cannot be read: {error}") from error
        if message.state != "running":
            await self._threads.run(self._threads.store.settle, owner, id, message, now())
        return message

    def _start_settling(self, running: RunningAnswer) -> None:
        self._tasks.start(self._settle(running))

    async def _settle(self, running: RunningAnswer) -> None:
        """Save the end of an answer, if it has ended."""
        try:
            if await has_ended(self._registry.log, running.message):
                await self._current(*running)
        except HeadwaterError as error:  # tried again at the next look
            logger.warning("the end of an answer could not be saved in its chat: %s", error)


def _storage_error(message: str) -> APIError:
    return server_error(503, "UNAVAILABLE", "CHATS", message)

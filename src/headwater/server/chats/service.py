"""What can be done with saved chats: the store, without blocking; the model's answers, which come from streams."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError

from headwater.contract.streams import OnServerBreak
from headwater.engines.base import EngineRequest
from headwater.errors import APIError, HeadwaterError, LogError, api_error
from headwater.server.chats.model import (
    ChatRecord,
    ChatTree,
    Draft,
    Message,
    branch,
    check_messages,
    checked_id,
    checked_title,
    contents_for_model,
    new_id,
    now,
    unknown_message,
    without_messages,
)
from headwater.server.chats.reconcile import has_ended, read_answer
from headwater.server.chats.store import ChatPage, ChatStore, ListPosition, RunningAnswer, WriteResult, open_store
from headwater.server.chats.tables import reason
from headwater.server.http.errors import server_error
from headwater.server.streams.log_keys import owner_of
from headwater.server.streams.record_format import StreamHeader
from headwater.server.streams.registry import StartedStream, StreamRegistry
from headwater.server.streams.retention import RetentionPolicy
from headwater.server.streams.routing import model_name

logger = logging.getLogger("headwater.server")
T = TypeVar("T")

#: Reads and writes that wait for the database at the same time.
_THREADS = 4
#: How often to look for answers whose end nobody here has seen (seconds).
_LOOK = 5.0
#: How long a stop waits for the end (seconds).
_STOP_SECONDS = 2.0


class AnswerRequest(msgspec.Struct, kw_only=True):
    """What the model is to answer, and how: message ``parent``, by ``request``, whose contents are the chat's.

    ``new`` are messages that the chat may not have yet, each after its parent. ``contents`` are what the model is shown
    in the place of the branch, ``answer`` the id of the answer; both are made up unless given.
    """

    parent: str | None
    model: str
    request: Mapping[str, Any]
    new: Sequence[Message] = ()
    contents: Sequence[Mapping[str, Any]] | None = None
    answer: str = ""
    engine: str = ""
    on_break: OnServerBreak = "continue"


class StartedAnswer(NamedTuple):
    """A chat, a message in it, and the answer to it, which runs; ``is_new`` unless it was there before."""

    chat: ChatRecord
    message: Message | None
    answer: Message
    is_new: bool


class ChatService:
    """The saved chats of a server. Lives as long as it does: ``close`` comes after the last answer has ended.

    Without a ``store`` they are in memory.
    """

    def __init__(self, store: ChatStore | None, registry: StreamRegistry, *, most: int) -> None:
        self._given = store
        self._registry = registry
        self._most = most
        self._threads = ThreadPoolExecutor(_THREADS, "headwater chats")
        self._settling: set[asyncio.Task[None]] = set()

    @cached_property
    def _store(self) -> ChatStore:
        """Where the chats are; not opened before it is needed, for an application that is made and never run."""
        return self._given or open_store("memory:")

    # The store

    async def listed(self, who: bytes, query: str, after: ListPosition | None, size: int) -> ChatPage:
        """Return chats of an owner, the last changed first; with a ``query``, those that have its words."""
        return await self._do(self._store.listed, owner_of(who), query, after, size)

    async def get(self, who: bytes, id: str) -> ChatTree:
        """Return a chat with its messages; what runs is there as far as it has come.

        Raises:
            APIError: 404, there is none, or it is somebody else's.
        """
        chat = await self.find(who, id)
        if chat is None:
            raise unknown_chat()
        return chat

    async def find(self, who: bytes, id: str) -> ChatTree | None:
        """Return the same, or None where ``get`` raises."""
        return await self._found(owner_of(who), id)

    async def write(self, who: bytes, draft: Draft) -> WriteResult:
        """Save a chat, or add to one those of the messages that are not there yet.

        Raises:
            UsageError: they are no messages.
            APIError: 400, they are not those of a chat; 429, there are too many chats. Nothing was saved.
        """
        if draft.id:
            checked_id(draft.id, "chat")
        check_messages(draft.messages)
        draft = replace(
            draft,
            id=draft.id or new_id(),
            title=checked_title(draft.title) if draft.title else "",
            messages=[_imported(message) for message in draft.messages],
        )
        return await self._do(self._store.write, owner_of(who), draft, now(), most=self._most)

    async def change(self, who: bytes, id: str, *, title: str | None = None, leaf: str | None = None) -> ChatRecord:
        """Give a chat another title, or show another branch of it.

        Raises:
            UsageError: the title is empty.
            APIError: 404; 400, the leaf is no message.
        """
        title = None if title is None else checked_title(title)
        chat = await self._do(self._store.change, owner_of(who), id, title=title, leaf=leaf)
        if chat is None:
            raise unknown_chat()
        return chat

    async def delete(self, who: bytes, id: str) -> None:
        """Delete a chat with all its answers; harmless where there is none."""
        for stream in await self._do(self._store.delete, owner_of(who), id):
            self._registry.discard(stream)

    # Answers

    async def answer(self, who: bytes, id: str, ask: AnswerRequest) -> StartedAnswer:
        """Have the model answer: save the message, begin the answer as a stream, save that it runs.

        Raises:
            UsageError: the request is wrong.
            APIError: 400, it answers a message that is not there; 404, there is no such engine; 429, the share of
                streams is used up; 503, nothing can be saved. Nothing was saved then.
        """
        owner, chat = owner_of(who), await self._found(owner_of(who), checked_id(id, "chat"))
        messages = {message.id: message for message in chat.messages} if chat is not None else {}
        answer_id = checked_id(ask.answer, "message") if ask.answer else new_id()
        if chat is not None and answer_id in messages:  # it was asked for before
            answer = messages[answer_id]
            return StartedAnswer(without_messages(chat), messages.get(answer.parent or ""), answer, is_new=False)
        check_messages(ask.new)
        messages = {message.id: message for message in ask.new} | messages
        asked = messages.get(ask.parent or "")
        if asked is None:
            raise unknown_message(ask.parent, "name one as parent, or send a message")
        started = await self._start(who, ask, branch(messages, asked.id), idempotency_key=f"chat {id} {answer_id}")
        answer = replace(_begun(started), id=answer_id, parent=asked.id)
        draft = Draft(id=id, model=answer.model, leaf=answer_id, messages=[*ask.new, answer])
        saving = self._do(self._store.write, owner, draft, now(), most=self._most)
        written = await self._keep(RunningAnswer(owner, id, answer), started, saving)
        return StartedAnswer(written.chat, asked, answer, is_new=True)

    async def continue_answer(self, who: bytes, id: str, message: Message, ask: AnswerRequest) -> StartedAnswer:
        """Have the model go on with an answer that is there: what it called for is in ``message`` now.

        Raises:
            UsageError, APIError: as ``answer``.
        """
        owner = owner_of(who)
        started = await self._start(who, ask, [message])
        answer = replace(_begun(started), id=message.id, parent=message.parent, contents=message.contents)
        saving = self._do(self._store.go_on, owner, id, answer, now())
        chat = await self._keep(RunningAnswer(owner, id, answer), started, saving)
        if chat is None:
            self._registry.discard(started.name)
            raise unknown_chat()
        return StartedAnswer(chat, None, answer, is_new=True)

    async def running(self, who: bytes, id: str) -> Message | None:
        """Return the last answer that runs in a chat, without what its stream has brought; None where none does."""
        chat = await self._do(self._store.get, owner_of(who), id)
        found = [message for message in chat.messages if message.state == "running"] if chat is not None else []
        is_over = not found or await has_ended(self._registry.log, found[-1])
        return None if is_over else found[-1]

    async def stop(self, who: bytes, id: str) -> ChatTree:
        """Stop what runs in a chat, and return the chat.

        Raises:
            APIError: 404.
        """
        chat = await self.get(who, id)
        running = [message.stream for message in chat.messages if message.state == "running"]
        stopping = [self._registry.stop(stream) for stream in running if stream is not None]
        if stopping:
            await asyncio.wait(stopping, timeout=_STOP_SECONDS)
            chat = await self.get(who, id)
        return chat

    # Ends

    async def keep_settled(self) -> None:
        """Save the ends of answers that nobody here has seen end, again and again, until cancelled."""
        while True:
            try:
                await self._settle_all()
            except Exception:
                logger.exception("a server task failed; it goes on")
            await asyncio.sleep(_LOOK)

    async def close(self) -> None:
        """Save the ends of what has ended, and let go of the database."""
        if self._settling:
            await asyncio.wait(self._settling)
        await self._settle_all()
        await asyncio.to_thread(self._store.close)
        self._threads.shutdown(wait=False)

    async def _settle_all(self) -> None:
        try:
            found = await self._do(self._store.running)
        except HeadwaterError as error:
            logger.warning("the answers that run in chats are not known: %s", error)
            return
        for running in found:
            await self._settle(running)

    async def _seen(self, owner: str, id: str, message: Message) -> Message:
        """A message as it stands now; if it has ended, that is saved."""
        if message.state != "running":
            return message
        try:
            message = await read_answer(self._registry.log, message)
        except LogError as error:
            raise _not_kept(f"the log of the answer cannot be read: {error}") from error
        if message.state != "running":
            await self._do(self._store.settle, owner, id, message, now())
        return message

    # Steps

    async def _found(self, owner: str, id: str) -> ChatTree | None:
        chat = await self._do(self._store.get, owner, id)
        if chat is not None and chat.running:
            chat.messages = [await self._seen(owner, id, message) for message in chat.messages]
            chat.running = any(message.state == "running" for message in chat.messages)
        return chat

    async def _start(
        self, who: bytes, ask: AnswerRequest, before: Sequence[Message], *, idempotency_key: str | None = None
    ) -> StartedStream:
        model = model_name(ask.model)
        contents = contents_for_model(before) if ask.contents is None else ask.contents
        body = {**ask.request, "contents": contents}
        head = StreamHeader("", model, engine=ask.engine, on_break=ask.on_break)
        request = EngineRequest(model, msgspec.json.encode(body))
        return await self._registry.start(who, request, head, RetentionPolicy(), idempotency_key=idempotency_key)

    async def _keep(self, running: RunningAnswer, started: StartedStream, saving: Awaitable[T]) -> T:
        """Save that an answer runs, and its end when it comes; where that fails, it does not run."""
        try:
            saved = await saving
        except Exception:
            if started.is_new:
                self._registry.discard(started.name)
            raise
        self._registry.add_done_callback(started.name, lambda: self._begin_settling(running))
        return saved

    def _begin_settling(self, running: RunningAnswer) -> None:
        task = asyncio.create_task(self._settle(running))
        self._settling.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._settling.discard)

    async def _settle(self, running: RunningAnswer) -> None:
        """Save the end of an answer, if it has come."""
        try:
            if await has_ended(self._registry.log, running.message):
                await self._seen(*running)
        except HeadwaterError as error:  # the next look does it
            logger.warning("the end of an answer could not be saved in its chat: %s", error)

    async def _do(self, work: Callable[..., T], *args: Any, **more: Any) -> T:
        """Return what a method of the store returns.

        Raises:
            APIError: 503, the database does not do it.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, lambda: work(*args, **more))
        except SQLAlchemyError as error:
            raise _not_kept(f"the saved chats cannot be read or written: {reason(error)}") from error


def _begun(started: StartedStream) -> Message:
    """An answer of which nothing is known but its stream."""
    model, name = started.header.model, started.name
    return Message(id="", role="model", state="running", created=now(), model=model, stream=name, next=0)


def _imported(message: Message) -> Message:
    """A message that somebody hands in: it names no stream, which might be another's."""
    state = "stopped" if message.state == "running" else message.state
    return replace(message, created=message.created or now(), state=state, stream=None, next=None)


def _not_kept(message: str) -> APIError:
    return server_error(503, "UNAVAILABLE", "CHATS", message)


def unknown_chat() -> APIError:
    """Return the error of a chat that is not there, or somebody else's."""
    return api_error(404, "there is no such chat", status="NOT_FOUND")

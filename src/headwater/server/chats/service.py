"""Use cases of saved chats: the store, without blocking the event loop, and answers, which are stored streams.

Theory of operation: the order of writes
----------------------------------------

Two stores are written for one answer, and no transaction spans both: the log has the stream, the database the chat.
Their order decides what a crash leaves behind. An answer takes three writes:

1. Start the stream in the log, under an idempotency key made of the chat's and the answer's id.
2. Save the new messages and the answer in one transaction. The answer's row is ``running`` and has the stream's name,
   but nothing of its text.
3. When the log is sealed, save the answer's content and end ("settle"), once.

The stream comes first because of what can fail. Starting it may be refused (quota, unknown engine, shutdown); then the
request fails and nothing was saved. And the row needs the stream's name. The other order, message before stream, would
take a transaction more, and a crash in between would leave a question without an answer in the chat, which no server
could tell from one that is about to be answered.

What a crash leaves:

* Before 1: nothing.
* Between 1 and 2: a stream that no chat names. The client got no response, so it sends its request again; if it chose
  the answer's id, the key finds the same stream, and 2 follows. Otherwise the stream runs to its end and is dropped by
  retention. Work may be wasted, but nothing acknowledged is lost, and no chat is left in between.
* Between 2 and 3: a row that is ``running``. Readers get the text from the log, so they miss nothing. The stream is
  continued by a server that takes it over. Step 3 is done by whoever sees the sealed log first: a reader of the chat,
  or the look that each server takes every few seconds.

If 2 fails without a crash, the stream is discarded, unless an earlier request started it. Step 3 is conditional: it
replaces the row only while it is running and has that stream's name. So servers may settle at the same time, and a late
one cannot overwrite an answer that was continued or a chat that was deleted. The text is never in two places while it
grows.

Continuing an answer (``useChat`` ran its functions) is the same with an update of its row in step 2. Deleting a chat
goes the other way round: first the rows, then the streams, so that no row names a stream that is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from headwater.contract.streams import OnServerBreak
from headwater.engines.base import EngineRequest
from headwater.errors import APIError, api_error
from headwater.server.chats.model import (
    ChatDraft,
    ChatRecord,
    ChatTree,
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
from headwater.server.chats.reconcile import has_ended
from headwater.server.chats.settling import AnswerSettler, StoreThreads
from headwater.server.chats.store import ChatPage, ChatStore, ListPosition, RunningAnswer, WriteResult
from headwater.server.streams.log_keys import owner_of
from headwater.server.streams.record_format import StreamHeader
from headwater.server.streams.registry import StartedStream, StreamRegistry
from headwater.server.streams.retention import RetentionPolicy
from headwater.server.streams.routing import model_name

#: How long a stop waits for the end (seconds).
_STOP_SECONDS = 2.0


class AnswerRequest(msgspec.Struct, kw_only=True):
    """Asks the model to answer message ``parent`` by ``request``, which has no contents: they are the chat's.

    ``new`` are messages that the chat may not have yet, each after its parent. ``contents`` are sent to the model in
    place of the branch. ``answer`` is the id of the answer, made up if empty.
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
    """A chat, the message that is answered, and the running answer; ``is_new`` unless it existed already."""

    chat: ChatRecord
    message: Message | None
    answer: Message
    is_new: bool


class ChatService:
    """The saved chats of a server. ``close`` must come after the last answer has ended."""

    def __init__(self, store: ChatStore | None, registry: StreamRegistry, *, max_chats: int) -> None:
        self._threads = StoreThreads(store)
        self._settler = AnswerSettler(self._threads, registry)
        self._registry = registry
        self._max_chats = max_chats

    def of(self, principal: bytes) -> PrincipalChats:
        """Return the chats of one principal."""
        return PrincipalChats(self._threads, self._settler, self._registry, principal, max_chats=self._max_chats)

    async def keep_settled(self) -> None:
        """Save the ends of answers that this server did not see, until cancelled."""
        await self._settler.run_forever()

    async def close(self) -> None:
        """Save the ends of what has ended, and close the database."""
        await self._settler.finish()
        await self._threads.close()


class PrincipalChats:
    """The saved chats of one principal, for one request."""

    def __init__(
        self,
        threads: StoreThreads,
        settler: AnswerSettler,
        registry: StreamRegistry,
        principal: bytes,
        *,
        max_chats: int,
    ) -> None:
        self._store = threads.store
        self._run = threads.run
        self._settler = settler
        self._registry = registry
        self._principal = principal
        self._owner = owner_of(principal)
        self._max_chats = max_chats

    async def list_page(self, query: str, after: ListPosition | None, size: int) -> ChatPage:
        """Return chats, the last changed first; with a ``query``, those that contain its words."""
        return await self._run(self._store.list_page, self._owner, query, after, size)

    async def get(self, id: str) -> ChatTree:
        """Return a chat with its messages, running answers as far as they have come.

        Raises:
            APIError: 404, if the principal has no such chat.
        """
        chat = await self.find(id)
        if chat is None:
            raise unknown_chat()
        return chat

    async def find(self, id: str) -> ChatTree | None:
        """Return the same, or None where ``get`` raises."""
        return await self._settler.load(self._owner, id)

    async def write(self, draft: ChatDraft) -> WriteResult:
        """Save a chat, or add messages to one that exists.

        Raises:
            UsageError: if a message is invalid.
            APIError: 400, if the messages do not fit the chat; 429, if there are too many chats. Nothing was saved.
        """
        draft = await asyncio.to_thread(_checked_draft, draft)
        return await self._run(self._store.write, self._owner, draft, now(), max_chats=self._max_chats)

    async def change(self, id: str, *, title: str | None = None, leaf: str | None = None) -> ChatRecord:
        """Rename a chat, or show another branch of it.

        Raises:
            UsageError: if the title is empty.
            APIError: 404, if the principal has no such chat; 400, if it has no message ``leaf``.
        """
        title = None if title is None else checked_title(title)
        chat = await self._run(self._store.change, self._owner, id, title=title, leaf=leaf)
        if chat is None:
            raise unknown_chat()
        return chat

    async def delete(self, id: str) -> None:
        """Delete a chat with all its answers. Does nothing if it does not exist."""
        for stream in await self._run(self._store.delete, self._owner, id):
            self._registry.discard(stream)

    # Answers

    async def answer(self, id: str, ask: AnswerRequest) -> StartedAnswer:
        """Have the model answer: start the stream, then save messages and answer (see the theory of operation).

        Raises:
            UsageError: if the request is invalid.
            APIError: 400, if the message to answer does not exist; 404, if the engine does not; 429, if the quota of
                streams is used up; 503, if nothing can be saved. Nothing was saved then.
        """
        chat = await self.find(checked_id(id, "chat"))
        messages = {message.id: message for message in chat.messages} if chat is not None else {}
        answer_id = checked_id(ask.answer, "message") if ask.answer else new_id()
        # A retry of a request that was done: the same response, and no second answer.
        if chat is not None and answer_id in messages:
            answer = messages[answer_id]
            return StartedAnswer(without_messages(chat), messages.get(answer.parent or ""), answer, is_new=False)
        check_messages(ask.new)
        # What is stored takes precedence over what the client sends again.
        messages = {message.id: message for message in ask.new} | messages
        parent = messages.get(ask.parent or "")
        if parent is None:
            raise unknown_message(ask.parent, "name one as parent, or send a message")
        # The key lets a retry after a crash find the stream that has been started.
        started = await self._start(ask, branch(messages, parent.id), idempotency_key=f"chat {id} {answer_id}")
        answer = replace(_running_message(started), id=answer_id, parent=parent.id)
        draft = ChatDraft(id=id, model=answer.model, leaf=answer_id, messages=[*ask.new, answer])
        saving = self._run(self._store.write, self._owner, draft, now(), max_chats=self._max_chats)
        written = await self._settler.track(RunningAnswer(self._owner, id, answer), started, saving)
        return StartedAnswer(written.chat, parent, answer, is_new=True)

    async def continue_answer(self, id: str, message: Message, ask: AnswerRequest) -> StartedAnswer:
        """Have the model continue an answer, whose ``message`` now contains the results of its function calls.

        Raises:
            UsageError, APIError: as ``answer``.
        """
        started = await self._start(ask, [message])
        answer = replace(_running_message(started), id=message.id, parent=message.parent, contents=message.contents)
        saving = self._run(self._store.continue_answer, self._owner, id, answer, now())
        chat = await self._settler.track(RunningAnswer(self._owner, id, answer), started, saving)
        if chat is None:
            self._registry.discard(started.name)
            raise unknown_chat()
        return StartedAnswer(chat, None, answer, is_new=True)

    async def running(self, id: str) -> Message | None:
        """Return the last running answer of a chat, without the text that is in its stream, or None."""
        chat = await self._run(self._store.get, self._owner, id)
        answers = [message for message in chat.messages if message.state == "running"] if chat is not None else []
        # The row may still be running although the log is sealed: settling takes a moment.
        is_over = not answers or await has_ended(self._registry.log, answers[-1])
        return None if is_over else answers[-1]

    async def stop(self, id: str) -> ChatTree:
        """Stop what is running in a chat, and return the chat.

        Raises:
            APIError: 404, if the principal has no such chat.
        """
        chat = await self.get(id)
        running = [message.stream for message in chat.messages if message.state == "running"]
        stopping = [self._registry.stop(stream) for stream in running if stream is not None]
        # The end is written by the server that runs the generation, perhaps another one.
        if stopping:
            await asyncio.wait(stopping, timeout=_STOP_SECONDS)
            chat = await self.get(id)
        return chat

    async def _start(
        self, ask: AnswerRequest, before: Sequence[Message], *, idempotency_key: str | None = None
    ) -> StartedStream:
        model = model_name(ask.model)
        # In a thread: it takes time in proportion to the chat.
        request = EngineRequest(model, await asyncio.to_thread(_request_body, ask, before))
        header = StreamHeader("", model, engine=ask.engine, on_break=ask.on_break)
        policy = RetentionPolicy()
        return await self._registry.start(self._principal, request, header, policy, idempotency_key=idempotency_key)


def _running_message(started: StartedStream) -> Message:
    """An answer of which only the stream is known."""
    model, name = started.header.model, started.name
    return Message(id="", role="model", state="running", created=now(), model=model, stream=name, next=0)


def _request_body(ask: AnswerRequest, before: Sequence[Message]) -> bytes:
    contents = contents_for_model(before) if ask.contents is None else ask.contents
    return msgspec.json.encode({**ask.request, "contents": contents})


def _checked_draft(draft: ChatDraft) -> ChatDraft:
    if draft.id:
        checked_id(draft.id, "chat")
    check_messages(draft.messages)
    return replace(
        draft,
        id=draft.id or new_id(),
        title=checked_title(draft.title) if draft.title else "",
        messages=[_imported(message) for message in draft.messages],
    )


def _imported(message: Message) -> Message:
    """A message that a client hands in. It must not name a stream, which might be another principal's."""
    state = "stopped" if message.state == "running" else message.state
    return replace(message, created=message.created or now(), state=state, stream=None, next=None)


def unknown_chat() -> APIError:
    """Return the error for a chat that the principal does not have."""
    return api_error(404, "there is no such chat", status="NOT_FOUND")

"""``client.chats`` in both colours: a conversation that remembers its turns."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import IO, Any, Self, Unpack

import msgspec

from headwater.client.groups import history, saved_chats
from headwater.client.groups.history import ChatFile, History, Turn, TurnState
from headwater.client.groups.models import Config
from headwater.client.groups.pagers import AsyncPager, Pager
from headwater.client.groups.saved_chats import ChatWrite, MessageMap
from headwater.client.options.call_options import CallOptions, StreamOptions
from headwater.client.request import build
from headwater.client.request.contents import to_content
from headwater.client.stream.aio import AsyncCaller, AsyncStream
from headwater.client.stream.base import BaseStream
from headwater.client.stream.sync import Caller, Stream
from headwater.contract.chats import ExportFormat, SavedChat, SavedChatInfo, SavedChatPage
from headwater.core.wire.request import HttpRequest
from headwater.core.wire.saved_chats import ListChatsConfig
from headwater.types import Content, GenerateContentConfig, GenerateContentResponse, HttpOptions

Place = str | os.PathLike[str] | IO[Any]


class _PendingMessage(msgspec.Struct, frozen=True):
    """A message that was sent: its turn, the number of contents in the request, and the request."""

    turn: Content
    model: str
    sent: int
    config: GenerateContentConfig
    request: HttpRequest


class _BaseChat:
    """The turns of a conversation: one turn of the model for each answer, however many chunks it took."""

    def __init__(
        self,
        caller: Any,
        model: str,
        config: GenerateContentConfig,
        turns: History,
        message_map: MessageMap | None = None,
    ) -> None:
        self._caller = caller
        #: The model that answers. Another one may answer the next message.
        self.model = model
        self._config = config
        self._history = turns
        self._message_map = message_map or MessageMap()

    @property
    def id(self) -> str | None:
        """The id under which a headwater server keeps this chat; None as long as it was not saved there."""
        return self._message_map.id

    @property
    def title(self) -> str | None:
        """The title that it has there."""
        return self._message_map.title

    @property
    def turns(self) -> list[Turn]:
        """All turns so far with their standing: whole, partial (stopped or broken) or failed."""
        return list(self._history.turns)

    def get_history(self, curated: bool = False) -> list[Content]:
        """Return the turns so far. ``curated`` leaves out exchanges that were cut short, refused or blocked.

        The curated turns are what the model is shown. With ``keep_partial`` they hold what was cut short, too.
        """
        return self._history.contents(curated=curated)

    def record_history(self, user_input: Content, model_output: Sequence[Content], is_valid: bool = True) -> None:
        """Add an exchange; ``is_valid`` False keeps it out of the curated history."""
        self._history.add((user_input, *model_output), TurnState.WHOLE if is_valid else TurnState.FAILED)

    def branch(self, at: int | None = None) -> Self:
        """Return a conversation of its own that goes on from before turn ``at`` of ``get_history()``, or from here.

        That of a chat which a server keeps is a branch of the same chat.

        Raises:
            UsageError: no message of the user stands there.
        """
        turns = self._history.branch(at)
        message_map = self._message_map.branch(self._history.turns, len(turns.turns))
        return type(self)(self._caller, self.model, self._config, turns, message_map)

    def to_json(self) -> str:
        """Return the model and all turns as JSON, for ``chats.from_json``. The config is not in it."""
        saved = ChatFile(model=self.model, keep_partial=self._history.keep_partial, turns=self._history.turns)
        return saved.to_json()

    def _ask(self, message: Any, config: Config, *, stream: bool) -> _PendingMessage:
        merged = merge(self._config, config)
        turn = to_content(message)
        contents = [*self.get_history(curated=True), turn]
        request = build.generate_content(self._caller.settings, self.model, contents, merged, stream=stream)
        return _PendingMessage(turn, self.model, len(contents), merged, request)

    def _record(self, pending: _PendingMessage, answer: GenerateContentResponse, **measured: Any) -> None:
        self._history.add(*history.exchange(pending.turn, answer, sent=pending.sent))
        self._message_map.add_info(saved_chats.answer_info(pending.model, answer, **measured), len(self._history.turns))

    def _record_stream(self, pending: _PendingMessage, stream: BaseStream[GenerateContentResponse]) -> None:
        answer = stream.response
        if answer.candidates or answer.prompt_feedback or answer.automatic_function_calling_history:
            self._record(pending, answer, usage=stream.usage_metadata, metrics=stream.metrics)

    def _next_write(self) -> ChatWrite | None:
        return self._message_map.write(self._caller.settings, self.model, self._history.turns)


class Chat(_BaseChat):
    """A conversation. Made by ``client.chats.create`` and ``client.chats.load``."""

    _caller: Caller

    def send_message(
        self, message: Any, config: Config = None, **options: Unpack[CallOptions]
    ) -> GenerateContentResponse:
        """Say something and return the whole answer.

        What ``config`` sets goes before the chat's config; a dict can unset something with None.
        """
        pending = self._ask(message, config, stream=False)
        answer = self._caller.ask(pending.request, pending.config, options)
        self._record(pending, answer)
        return answer

    def send_message_stream(self, message: Any, config: Config = None, **options: Unpack[StreamOptions]) -> Stream:
        """Say something and return the stream of the answer; the exchange is remembered when the stream ends."""
        pending = self._ask(message, config, stream=True)
        return self._caller.stream(
            pending.request, pending.config, options, on_end=lambda stream: self._record_stream(pending, stream)
        )

    def save(self, file: Place | None = None) -> None:
        """Save what is new on the headwater server that this chat came from, or this client speaks to.

        A chat that was not kept there gets its ``id``. Repeat a save that failed: nothing is saved twice. With a
        ``file``, a path or a file object, ``to_json()`` is written to it instead.

        Raises:
            UsageError: the client does not speak to a headwater server, or there is nothing to save yet.
            APIError: the server refused it.
            StreamError: the server could not be reached; it may have saved it, or not.
        """
        if file is not None:
            history.save(self.to_json(), file)
        elif (write := self._next_write()) is not None:
            self._message_map.confirm(write, self._caller.call(saved_chats.WRITES, write.request, None))


class AsyncChat(_BaseChat):
    """A conversation from coroutines. Made by ``client.aio.chats.create`` and ``client.aio.chats.load``."""

    _caller: AsyncCaller

    async def send_message(
        self, message: Any, config: Config = None, **options: Unpack[CallOptions]
    ) -> GenerateContentResponse:
        """Say something and return the whole answer. See ``Chat.send_message``."""
        pending = self._ask(message, config, stream=False)
        answer = await self._caller.ask(pending.request, pending.config, options)
        self._record(pending, answer)
        return answer

    async def send_message_stream(
        self, message: Any, config: Config = None, **options: Unpack[StreamOptions]
    ) -> AsyncStream:
        """Say something and return the stream of the answer; the exchange is remembered when the stream ends."""
        pending = self._ask(message, config, stream=True)
        return self._caller.stream(
            pending.request, pending.config, options, on_end=lambda stream: self._record_stream(pending, stream)
        )

    async def save(self, file: Place | None = None) -> None:
        """Save what is new on the headwater server, or all of it to a file. See ``Chat.save``."""
        from asyncio import to_thread  # here, since programs that are not async need not load asyncio

        if file is not None:
            await to_thread(history.save, self.to_json(), file)
        elif (write := self._next_write()) is not None:
            self._message_map.confirm(write, await self._caller.call(saved_chats.WRITES, write.request, None))


class Chats:
    """Makes conversations, and knows those that a headwater server keeps."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def create(
        self, *, model: str, config: Config = None, history: Sequence[Any] | None = None, keep_partial: bool = False
    ) -> Chat:
        """Return a new conversation, ``history`` being the turns before it.

        ``keep_partial`` shows the model what had come of answers that were stopped or broke off; else it is shown
        neither them nor their questions.
        """
        return Chat(self._caller, model, *_new_chat(config, history, keep_partial))

    def from_json(self, text: str | bytes, *, model: str | None = None, config: Config = None) -> Chat:
        """Return a conversation that ``to_json`` gave; ``model`` None is the one that it had.

        Raises:
            UsageError: it is no saved conversation.
        """
        return Chat(self._caller, *_restored_chat(history.from_json(text), model, config))

    def load(self, place: Place, *, model: str | None = None, config: Config = None) -> Chat:
        """Return a conversation that ``save`` wrote to a path or a file object, or that a headwater server keeps.

        A str of letters, digits, _ and - that names no file is the id of a chat of the server; ``chats.list()`` says
        them. ``model`` None is the one that the conversation had.

        Raises:
            UsageError: it is no saved conversation, or there is neither such a file nor a server.
            NotFoundError: there is neither such a file nor such a chat.
        """
        name = saved_chats.id_of(place)
        if name is None:
            return Chat(self._caller, *_restored_chat(history.load(place), model, config))
        chat = self._caller.call(saved_chats.CHAT, saved_chats.load(self._caller.settings, name), None)
        return Chat(self._caller, *_loaded_chat(chat, model, config))

    def list(self, query: str | None = None, *, page_size: int | None = None) -> Pager[SavedChatInfo]:
        """Return the chats that the server keeps, the last changed first; with a ``query``, those with its words."""
        config = ListChatsConfig(query=query, page_size=page_size)
        return Pager(self._page, config, self._page(config))

    def rename(self, id: str, title: str) -> SavedChatInfo:
        """Give a chat of the server another title."""
        return self._caller.call(saved_chats.CHAT_INFO, saved_chats.rename(self._caller.settings, id, title), None)

    def delete(self, id: str) -> None:
        """Delete a chat of the server for good, and stop what runs in it; harmless where there is none."""
        self._caller.call(saved_chats.DELETIONS, saved_chats.delete(self._caller.settings, id), None)

    def export(self, id: str, format: ExportFormat = "markdown") -> str:
        """Return a chat of the server as text: the branch that is shown as Markdown, or all of it as JSON."""
        return self._caller.call(saved_chats.EXPORTS, saved_chats.export(self._caller.settings, id, format), None).text

    def _page(self, config: ListChatsConfig) -> SavedChatPage:
        return self._caller.call(saved_chats.PAGES, saved_chats.page(self._caller.settings, config), None)


class AsyncChats:
    """Makes conversations for coroutines, and knows those that a headwater server keeps."""

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    def create(
        self, *, model: str, config: Config = None, history: Sequence[Any] | None = None, keep_partial: bool = False
    ) -> AsyncChat:
        """Return a new conversation, ``history`` being the turns before it. See ``Chats.create``."""
        return AsyncChat(self._caller, model, *_new_chat(config, history, keep_partial))

    def from_json(self, text: str | bytes, *, model: str | None = None, config: Config = None) -> AsyncChat:
        """Return a conversation that ``to_json`` gave. See ``Chats.from_json``."""
        return AsyncChat(self._caller, *_restored_chat(history.from_json(text), model, config))

    async def load(self, place: Place, *, model: str | None = None, config: Config = None) -> AsyncChat:
        """Return a conversation that ``save`` wrote, or that a headwater server keeps. See ``Chats.load``."""
        from asyncio import to_thread

        name = await to_thread(saved_chats.id_of, place)
        if name is None:
            return AsyncChat(self._caller, *_restored_chat(await to_thread(history.load, place), model, config))
        chat = await self._caller.call(saved_chats.CHAT, saved_chats.load(self._caller.settings, name), None)
        return AsyncChat(self._caller, *_loaded_chat(chat, model, config))

    async def list(self, query: str | None = None, *, page_size: int | None = None) -> AsyncPager[SavedChatInfo]:
        """Return the chats that the server keeps. See ``Chats.list``."""
        config = ListChatsConfig(query=query, page_size=page_size)
        return AsyncPager(self._page, config, await self._page(config))

    async def rename(self, id: str, title: str) -> SavedChatInfo:
        """Give a chat of the server another title."""
        return await self._caller.call(
            saved_chats.CHAT_INFO, saved_chats.rename(self._caller.settings, id, title), None
        )

    async def delete(self, id: str) -> None:
        """Delete a chat of the server for good, and stop what runs in it; harmless where there is none."""
        await self._caller.call(saved_chats.DELETIONS, saved_chats.delete(self._caller.settings, id), None)

    async def export(self, id: str, format: ExportFormat = "markdown") -> str:
        """Return a chat of the server as text: the branch that is shown as Markdown, or all of it as JSON."""
        return (
            await self._caller.call(saved_chats.EXPORTS, saved_chats.export(self._caller.settings, id, format), None)
        ).text

    async def _page(self, config: ListChatsConfig) -> SavedChatPage:
        return await self._caller.call(saved_chats.PAGES, saved_chats.page(self._caller.settings, config), None)


def merge(config: GenerateContentConfig, changes: Config) -> GenerateContentConfig:
    """Return ``config`` with the fields that ``changes`` sets; None in a dict unsets one. Neither is modified."""
    if changes is None:
        return config
    own = build.to_config(changes, GenerateContentConfig)
    updates = {name: value for name in own.__struct_fields__ if (value := getattr(own, name)) is not None}
    if isinstance(changes, Mapping):
        unset = {key.replace("_", "").lower() for key, value in changes.items() if value is None}
        updates |= {name: None for name in own.__struct_fields__ if name.replace("_", "") in unset}
    if config.http_options is not None and own.http_options is not None:
        updates["http_options"] = _merge_http(config.http_options, own.http_options)
    return msgspec.structs.replace(config, **updates)


def _merge_http(options: HttpOptions, own: HttpOptions) -> HttpOptions:
    updates = {name: value for name in own.__struct_fields__ if (value := getattr(own, name)) is not None}
    if options.headers and own.headers:
        updates["headers"] = options.headers | own.headers
    return msgspec.structs.replace(options, **updates)


def _new_chat(config: Config, turns: Sequence[Any] | None, keep_partial: bool) -> tuple[GenerateContentConfig, History]:
    past = History(history.turns(turns), keep_partial=keep_partial)
    return build.to_config(config, GenerateContentConfig), past


def _restored_chat(saved: ChatFile, model: str | None, config: Config) -> tuple[str, GenerateContentConfig, History]:
    turns = History(saved.turns, keep_partial=saved.keep_partial)
    return model or saved.model, build.to_config(config, GenerateContentConfig), turns


def _loaded_chat(
    chat: SavedChat, model: str | None, config: Config
) -> tuple[str, GenerateContentConfig, History, MessageMap]:
    turns, message_map = saved_chats.turns_of(chat)
    shown = History(turns, keep_partial=True)  # as the server shows it to a model that answers there
    return model or saved_chats.model_of(chat), build.to_config(config, GenerateContentConfig), shown, message_map

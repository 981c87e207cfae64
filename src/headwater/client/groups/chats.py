"""``client.chats``, sync and async: conversations that keep their history."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import IO, Any, Self, Unpack

import msgspec

from headwater.client.groups import history, saved_chats
from headwater.client.groups.base import MethodGroup
from headwater.client.groups.history import ChatFile, History, Turn, TurnState
from headwater.client.groups.models import AsyncModels, Config, Models
from headwater.client.groups.pagers import AsyncPager, Pager
from headwater.client.groups.saved_chats import ChatWrite, MessageMap
from headwater.client.options.call_options import CallOptions, StreamOptions
from headwater.client.request import build
from headwater.client.request.contents import to_content
from headwater.client.stream.aio import AsyncCaller, AsyncStream
from headwater.client.stream.base import BaseStream
from headwater.client.stream.sync import Caller, Stream
from headwater.contract.chats import ExportFormat, SavedChat, SavedChatInfo, SavedChatPage
from headwater.core.wire.saved_chats import ListChatsConfig
from headwater.types import Content, GenerateContentConfig, GenerateContentResponse, HttpOptions

Place = str | os.PathLike[str] | IO[Any]


class _PendingMessage(msgspec.Struct, frozen=True):
    """A message that is sent: its turn, and what the model gets: contents that end with it, and the config."""

    turn: Content
    model: str
    contents: list[Content]
    config: GenerateContentConfig

    @property
    def request(self) -> dict[str, Any]:
        """The arguments of ``models.generate_content``."""
        return {"model": self.model, "contents": self.contents, "config": self.config}


class _BaseChat:
    """A conversation and its turns: one turn of the model for each answer, however many chunks it took.

    The sync and async chats differ only in how requests are sent. An exchange is added to the history when its answer
    has ended, so a call that fails before the first chunk leaves the history as it was.
    """

    def __init__(
        self,
        caller: Any,
        model: str,
        config: GenerateContentConfig,
        turns: History,
        message_map: MessageMap | None = None,
    ) -> None:
        self._caller = caller
        #: The model that answers. May be changed between messages.
        self.model = model
        self._config = config
        self._history = turns
        self._message_map = message_map or MessageMap()

    @property
    def id(self) -> str | None:
        """The id of this chat on a headwater server; None before it is saved there."""
        return self._message_map.id

    @property
    def title(self) -> str | None:
        """The title on that server."""
        return self._message_map.title

    @property
    def turns(self) -> list[Turn]:
        """All turns so far with their state: whole, partial (stopped or broken off) or failed."""
        return list(self._history.turns)

    def get_history(self, curated: bool = False) -> list[Content]:
        """Return the turns so far. ``curated`` leaves out exchanges that were cut short, refused or blocked.

        The curated turns are what the model gets. With ``keep_partial`` they include answers that were cut short.
        """
        return self._history.contents(curated=curated)

    def record_history(self, user_input: Content, model_output: Sequence[Content], is_valid: bool = True) -> None:
        """Add an exchange; ``is_valid`` False keeps it out of the curated history."""
        self._history.add((user_input, *model_output), TurnState.WHOLE if is_valid else TurnState.FAILED)

    def branch(self, at: int | None = None) -> Self:
        """Return an independent conversation that branches off before turn ``at`` of ``get_history()``, or at its end.

        For a chat that is saved on a server, it is a branch of the same chat.

        Raises:
            UsageError: if turn ``at`` is not a message of the user.
        """
        turns = self._history.branch(at)
        message_map = self._message_map.branch(self._history.turns, len(turns.turns))
        return type(self)(self._caller, self.model, self._config, turns, message_map)

    def to_json(self) -> str:
        """Return the model and all turns as JSON, for ``chats.from_json``. The config is not included."""
        saved = ChatFile(model=self.model, keep_partial=self._history.keep_partial, turns=self._history.turns)
        return saved.to_json()

    def _ask(self, message: Any, changes: Config) -> _PendingMessage:
        turn = to_content(message)
        config = msgspec.structs.replace(merge(self._config, changes), stream=None)  # which the method says already
        return _PendingMessage(turn, self.model, [*self.get_history(curated=True), turn], config)

    def _record(self, pending: _PendingMessage, answer: GenerateContentResponse, **measured: Any) -> None:
        self._history.add(*history.exchange(pending.turn, answer, sent=len(pending.contents)))
        self._message_map.add_info(saved_chats.answer_info(pending.model, answer, **measured), len(self._history.turns))

    def _record_stream(self, pending: _PendingMessage, stream: BaseStream[GenerateContentResponse]) -> None:
        # A stream that ended before its first chunk was no exchange: the message can simply be sent again.
        answer = stream.response
        if answer.candidates or answer.prompt_feedback or answer.automatic_function_calling_history:
            self._record(pending, answer, usage=stream.usage_metadata, metrics=stream.metrics)

    def _recording(self, pending: _PendingMessage, options: StreamOptions) -> StreamOptions:
        """Return ``options`` with a hook that records the exchange when the stream ends, before the caller's own."""
        on_end = options.get("on_end", self._caller.settings.defaults.get("on_end"))

        def record(stream: Any) -> None:
            self._record_stream(pending, stream)
            if on_end is not None:
                on_end(stream)

        return {**options, "on_end": record}

    def _next_write(self) -> ChatWrite | None:
        return self._message_map.write(self._caller.settings, self.model, self._history.turns)


class Chat(_BaseChat):
    """A conversation. Made by ``client.chats.create`` and ``client.chats.load``."""

    _caller: Caller

    def send_message(
        self, message: Any, config: Config = None, **options: Unpack[CallOptions]
    ) -> GenerateContentResponse:
        """Send a message and return the whole answer.

        ``config`` takes precedence over the chat's config; a dict can unset a field with None.
        """
        pending = self._ask(message, config)
        # Through the method that programs call themselves, since instrumentation wraps that.
        answer: GenerateContentResponse = Models(self._caller).generate_content(**pending.request, **options)
        self._record(pending, answer)
        return answer

    def send_message_stream(self, message: Any, config: Config = None, **options: Unpack[StreamOptions]) -> Stream:
        """Send a message and return the stream of the answer; the exchange is recorded when the stream ends."""
        pending = self._ask(message, config)
        return Models(self._caller).generate_content_stream(**pending.request, **self._recording(pending, options))

    def save(self, file: Place | None = None) -> None:
        """Save what is new on the headwater server that the client uses.

        A chat that is saved for the first time gets its ``id``. A save that failed can be repeated: nothing is saved
        twice. With a ``file``, a path or a file object, ``to_json()`` is written to it instead.

        Raises:
            UsageError: if the client does not use a headwater server, or there is nothing to save yet.
            APIError: if the server refused it.
            StreamError: if the server could not be reached; it may or may not have saved the chat.
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
        """Send a message and return the whole answer. See ``Chat.send_message``."""
        pending = self._ask(message, config)
        models = AsyncModels(self._caller)
        answer: GenerateContentResponse = await models.generate_content(**pending.request, **options)
        self._record(pending, answer)
        return answer

    async def send_message_stream(
        self, message: Any, config: Config = None, **options: Unpack[StreamOptions]
    ) -> AsyncStream:
        """Send a message and return the stream of the answer; the exchange is recorded when the stream ends."""
        pending = self._ask(message, config)
        models, options = AsyncModels(self._caller), self._recording(pending, options)
        return await models.generate_content_stream(**pending.request, **options)

    async def save(self, file: Place | None = None) -> None:
        """Save what is new on the headwater server, or all of it to a file. See ``Chat.save``."""
        from asyncio import to_thread  # imported here, so that sync programs do not load asyncio

        if file is not None:
            await to_thread(history.save, self.to_json(), file)
        elif (write := self._next_write()) is not None:
            self._message_map.confirm(write, await self._caller.call(saved_chats.WRITES, write.request, None))


class Chats(MethodGroup[Caller]):
    """Makes conversations, and manages those saved on a headwater server."""

    def __init__(self, modules: Caller | Models) -> None:
        """Make the chats of ``client.models``, as google-genai's are made, or of its caller."""
        super().__init__(modules._caller if isinstance(modules, Models) else modules)

    def create(
        self, *, model: str, config: Config = None, history: Sequence[Any] | None = None, keep_partial: bool = False
    ) -> Chat:
        """Return a new conversation that begins with the turns in ``history``.

        With ``keep_partial`` the model gets the received part of answers that were stopped or broke off; otherwise
        neither these nor their questions are sent.
        """
        return Chat(self._caller, model, *_new_chat(config, history, keep_partial))

    def from_json(self, text: str | bytes, *, model: str | None = None, config: Config = None) -> Chat:
        """Return the conversation that ``to_json`` wrote; without ``model``, with the model that it had.

        Raises:
            UsageError: if it is not a saved conversation.
        """
        return Chat(self._caller, *_restored_chat(history.from_json(text), model, config))

    def load(self, place: Place, *, model: str | None = None, config: Config = None) -> Chat:
        """Return a conversation that ``save`` wrote to a path or a file object, or saved on a headwater server.

        A str of letters, digits, _ and - that is not the name of a file is the id of a chat on the server
        (``chats.list()`` has them). Without ``model``, the conversation keeps the model that it had.

        Raises:
            UsageError: if it is not a saved conversation, or there is neither such a file nor a server.
            NotFoundError: if there is neither such a file nor such a chat.
        """
        name = saved_chats.id_of(place)
        if name is None:
            return Chat(self._caller, *_restored_chat(history.load(place), model, config))
        chat = self._caller.call(saved_chats.CHAT, saved_chats.load(self._caller.settings, name), None)
        return Chat(self._caller, *_loaded_chat(chat, model, config))

    def list(self, query: str | None = None, *, page_size: int | None = None) -> Pager[SavedChatInfo]:
        """Return the saved chats, last changed first; with a ``query``, those that contain its words."""
        config = ListChatsConfig(query=query, page_size=page_size)
        return Pager(self._page, config, self._page(config))

    def rename(self, id: str, title: str) -> SavedChatInfo:
        """Rename a saved chat."""
        return self._caller.call(saved_chats.CHAT_INFO, saved_chats.rename(self._caller.settings, id, title), None)

    def delete(self, id: str) -> None:
        """Delete a saved chat permanently and stop its running answers. Not an error if it does not exist."""
        self._caller.call(saved_chats.DELETIONS, saved_chats.delete(self._caller.settings, id), None)

    def export(self, id: str, format: ExportFormat = "markdown") -> str:
        """Return a saved chat as text: the selected branch as Markdown, or the whole chat as JSON."""
        return self._caller.call(saved_chats.EXPORTS, saved_chats.export(self._caller.settings, id, format), None).text

    def _page(self, config: ListChatsConfig) -> SavedChatPage:
        return self._caller.call(saved_chats.PAGES, saved_chats.page(self._caller.settings, config), None)


class AsyncChats(MethodGroup[AsyncCaller]):
    """Makes conversations for coroutines, and manages those saved on a headwater server."""

    def __init__(self, modules: AsyncCaller | AsyncModels) -> None:
        """Make the chats of ``client.models``, as google-genai's are made, or of its caller."""
        super().__init__(modules._caller if isinstance(modules, AsyncModels) else modules)

    def create(
        self, *, model: str, config: Config = None, history: Sequence[Any] | None = None, keep_partial: bool = False
    ) -> AsyncChat:
        """Return a new conversation that begins with the turns in ``history``. See ``Chats.create``."""
        return AsyncChat(self._caller, model, *_new_chat(config, history, keep_partial))

    def from_json(self, text: str | bytes, *, model: str | None = None, config: Config = None) -> AsyncChat:
        """Return the conversation that ``to_json`` wrote. See ``Chats.from_json``."""
        return AsyncChat(self._caller, *_restored_chat(history.from_json(text), model, config))

    async def load(self, place: Place, *, model: str | None = None, config: Config = None) -> AsyncChat:
        """Return a conversation from a file or a headwater server. See ``Chats.load``."""
        from asyncio import to_thread

        name = await to_thread(saved_chats.id_of, place)
        if name is None:
            return AsyncChat(self._caller, *_restored_chat(await to_thread(history.load, place), model, config))
        chat = await self._caller.call(saved_chats.CHAT, saved_chats.load(self._caller.settings, name), None)
        return AsyncChat(self._caller, *_loaded_chat(chat, model, config))

    async def list(self, query: str | None = None, *, page_size: int | None = None) -> AsyncPager[SavedChatInfo]:
        """Return the saved chats. See ``Chats.list``."""
        config = ListChatsConfig(query=query, page_size=page_size)
        return AsyncPager(self._page, config, await self._page(config))

    async def rename(self, id: str, title: str) -> SavedChatInfo:
        """Rename a saved chat."""
        return await self._caller.call(
            saved_chats.CHAT_INFO, saved_chats.rename(self._caller.settings, id, title), None
        )

    async def delete(self, id: str) -> None:
        """Delete a saved chat permanently and stop its running answers. Not an error if it does not exist."""
        await self._caller.call(saved_chats.DELETIONS, saved_chats.delete(self._caller.settings, id), None)

    async def export(self, id: str, format: ExportFormat = "markdown") -> str:
        """Return a saved chat as text: the selected branch as Markdown, or the whole chat as JSON."""
        return (
            await self._caller.call(saved_chats.EXPORTS, saved_chats.export(self._caller.settings, id, format), None)
        ).text

    async def _page(self, config: ListChatsConfig) -> SavedChatPage:
        return await self._caller.call(saved_chats.PAGES, saved_chats.page(self._caller.settings, config), None)


def merge(config: GenerateContentConfig, changes: Config) -> GenerateContentConfig:
    """Return ``config`` with the fields that ``changes`` sets; None in a dict unsets one. Neither is modified."""
    if changes is None:
        return config
    # A config object cannot tell an unset field from one set to None; only a dict can unset.
    own = build.to_config(changes, GenerateContentConfig)
    updates = {name: value for name in own.__struct_fields__ if (value := getattr(own, name)) is not None}
    if isinstance(changes, Mapping):
        unset = {key.replace("_", "").lower() for key, value in changes.items() if value is None}
        updates |= {name: None for name in own.__struct_fields__ if name.replace("_", "") in unset}
    # http_options are merged field by field, as the client's are with a call's; replacing them would drop the base URL.
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
    past = History(turns, keep_partial=True)  # as the server does for a model that answers there
    return model or saved_chats.model_of(chat), build.to_config(config, GenerateContentConfig), past, message_map

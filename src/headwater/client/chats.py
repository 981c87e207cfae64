"""``client.chats`` in both colours: a conversation that remembers its turns."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import IO, Any, Self, Unpack

import msgspec

from headwater.client import history, requests
from headwater.client.aio import AsyncCaller, AsyncStream
from headwater.client.base import BaseStream
from headwater.client.contents import to_content
from headwater.client.history import History, SavedChat, Standing, Turn
from headwater.client.models import Config
from headwater.client.options import CallOptions, StreamOptions
from headwater.client.sync import Caller, Stream
from headwater.core.steps import HttpRequest
from headwater.types import Content, GenerateContentConfig, GenerateContentResponse, HttpOptions

Place = str | os.PathLike[str] | IO[Any]


class _Asked(msgspec.Struct, frozen=True):
    """A message on its way: its turn, how many contents went with it, and how it was asked."""

    turn: Content
    sent: int
    config: GenerateContentConfig
    request: HttpRequest


class _BaseChat:
    """The turns of a conversation: one turn of the model for each answer, however many chunks it took."""

    def __init__(self, caller: Any, model: str, config: GenerateContentConfig, turns: History) -> None:
        self._caller = caller
        self._model = model
        self._config = config
        self._history = turns

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
        self._history.add((user_input, *model_output), Standing.WHOLE if is_valid else Standing.FAILED)

    def branch(self, at: int | None = None) -> Self:
        """Return a conversation of its own that goes on from before turn ``at`` of ``get_history()``, or from here.

        Raises:
            UsageError: no message of the user stands there.
        """
        return type(self)(self._caller, self._model, self._config, self._history.branch(at))

    def to_json(self) -> str:
        """Return the model and all turns as JSON, for ``chats.from_json``. The config is not in it."""
        saved = SavedChat(model=self._model, keep_partial=self._history.keep_partial, turns=self._history.turns)
        return saved.to_json()

    def _ask(self, message: Any, config: Config, *, stream: bool) -> _Asked:
        merged = merge(self._config, config)
        turn = to_content(message)
        contents = [*self.get_history(curated=True), turn]
        request = requests.generate_content(self._caller.settings, self._model, contents, merged, stream=stream)
        return _Asked(turn, len(contents), merged, request)

    def _record(self, asked: _Asked, answer: GenerateContentResponse) -> None:
        self._history.add(*history.exchange(asked.turn, answer, sent=asked.sent))

    def _record_stream(self, asked: _Asked, stream: BaseStream[GenerateContentResponse]) -> None:
        answer = stream.response
        if answer.candidates or answer.prompt_feedback or answer.automatic_function_calling_history:
            self._record(asked, answer)


class Chat(_BaseChat):
    """A conversation. Made by ``client.chats.create``."""

    _caller: Caller

    def send_message(
        self, message: Any, config: Config = None, **options: Unpack[CallOptions]
    ) -> GenerateContentResponse:
        """Say something and return the whole answer.

        What ``config`` sets goes before the chat's config; a dict can unset something with None.
        """
        asked = self._ask(message, config, stream=False)
        answer = self._caller.ask(asked.request, asked.config, options)
        self._record(asked, answer)
        return answer

    def send_message_stream(self, message: Any, config: Config = None, **options: Unpack[StreamOptions]) -> Stream:
        """Say something and return the stream of the answer; the exchange is remembered when the stream ends."""
        asked = self._ask(message, config, stream=True)
        return self._caller.stream(
            asked.request, asked.config, options, on_end=lambda stream: self._record_stream(asked, stream)
        )

    def save(self, file: Place) -> None:
        """Write ``to_json()`` to a path or a file object, for ``chats.load``."""
        history.save(self.to_json(), file)


class AsyncChat(_BaseChat):
    """A conversation from coroutines. Made by ``client.aio.chats.create``."""

    _caller: AsyncCaller

    async def send_message(
        self, message: Any, config: Config = None, **options: Unpack[CallOptions]
    ) -> GenerateContentResponse:
        """Say something and return the whole answer. See ``Chat.send_message``."""
        asked = self._ask(message, config, stream=False)
        answer = await self._caller.ask(asked.request, asked.config, options)
        self._record(asked, answer)
        return answer

    async def send_message_stream(
        self, message: Any, config: Config = None, **options: Unpack[StreamOptions]
    ) -> AsyncStream:
        """Say something and return the stream of the answer; the exchange is remembered when the stream ends."""
        asked = self._ask(message, config, stream=True)
        return self._caller.stream(
            asked.request, asked.config, options, on_end=lambda stream: self._record_stream(asked, stream)
        )

    async def save(self, file: Place) -> None:
        """Write ``to_json()`` to a path or a file object, for ``chats.load``."""
        from asyncio import to_thread  # here, since programs that are not async need not load asyncio

        await to_thread(history.save, self.to_json(), file)


class Chats:
    """Makes conversations."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def create(
        self, *, model: str, config: Config = None, history: Sequence[Any] | None = None, keep_partial: bool = False
    ) -> Chat:
        """Return a new conversation, ``history`` being the turns before it.

        ``keep_partial`` shows the model what had come of answers that were stopped or broke off; else it is shown
        neither them nor their questions.
        """
        return Chat(self._caller, model, *_beginning(config, history, keep_partial))

    def from_json(self, text: str | bytes, *, model: str | None = None, config: Config = None) -> Chat:
        """Return a conversation that ``to_json`` gave; ``model`` None is the one that it had.

        Raises:
            UsageError: it is no saved conversation.
        """
        return Chat(self._caller, *_again(history.from_json(text), model, config))

    def load(self, file: Place, *, model: str | None = None, config: Config = None) -> Chat:
        """Return a conversation that ``save`` wrote to a path or a file object. See ``from_json``."""
        return Chat(self._caller, *_again(history.load(file), model, config))


class AsyncChats:
    """Makes conversations for coroutines."""

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    def create(
        self, *, model: str, config: Config = None, history: Sequence[Any] | None = None, keep_partial: bool = False
    ) -> AsyncChat:
        """Return a new conversation, ``history`` being the turns before it. See ``Chats.create``."""
        return AsyncChat(self._caller, model, *_beginning(config, history, keep_partial))

    def from_json(self, text: str | bytes, *, model: str | None = None, config: Config = None) -> AsyncChat:
        """Return a conversation that ``to_json`` gave. See ``Chats.from_json``."""
        return AsyncChat(self._caller, *_again(history.from_json(text), model, config))

    async def load(self, file: Place, *, model: str | None = None, config: Config = None) -> AsyncChat:
        """Return a conversation that ``save`` wrote to a path or a file object."""
        from asyncio import to_thread

        return AsyncChat(self._caller, *_again(await to_thread(history.load, file), model, config))


def merge(config: GenerateContentConfig, given: Config) -> GenerateContentConfig:
    """Return ``config`` with what ``given`` sets in the place of its own; None in a dict unsets. Neither is changed."""
    if given is None:
        return config
    own = requests.to_config(given, GenerateContentConfig)
    said = {name: value for name in own.__struct_fields__ if (value := getattr(own, name)) is not None}
    if isinstance(given, Mapping):
        unset = {key.replace("_", "").lower() for key, value in given.items() if value is None}
        said |= {name: None for name in own.__struct_fields__ if name.replace("_", "") in unset}
    if config.http_options is not None and own.http_options is not None:
        said["http_options"] = _merge_http(config.http_options, own.http_options)
    return msgspec.structs.replace(config, **said)


def _merge_http(options: HttpOptions, own: HttpOptions) -> HttpOptions:
    said = {name: value for name in own.__struct_fields__ if (value := getattr(own, name)) is not None}
    if options.headers and own.headers:
        said["headers"] = options.headers | own.headers
    return msgspec.structs.replace(options, **said)


def _beginning(
    config: Config, given: Sequence[Any] | None, keep_partial: bool
) -> tuple[GenerateContentConfig, History]:
    turns = History(history.turns(given), keep_partial=keep_partial)
    return requests.to_config(config, GenerateContentConfig), turns


def _again(saved: SavedChat, model: str | None, config: Config) -> tuple[str, GenerateContentConfig, History]:
    turns = History(saved.turns, keep_partial=saved.keep_partial)
    return model or saved.model, requests.to_config(config, GenerateContentConfig), turns

"""``client.chats`` in both colours: a conversation that remembers its turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headwater.client import requests
from headwater.client.aio import AsyncCaller, AsyncStream
from headwater.client.base import ANSWERS, BaseStream
from headwater.client.contents import to_content
from headwater.client.models import Config
from headwater.client.sync import Caller, Stream
from headwater.core.steps import HttpRequest
from headwater.errors import UsageError
from headwater.types import Content, FinishReason, GenerateContentConfig, GenerateContentResponse, HttpOptions

#: Endings after which an answer is fit to be sent back to the model.
_GOOD_ENDINGS = frozenset({FinishReason.STOP, FinishReason.MAX_TOKENS})


class _BaseChat:
    """The turns of a conversation: one turn of the model for each answer, however many chunks it took."""

    def __init__(self, model: str, config: GenerateContentConfig, history: Sequence[Content]) -> None:
        self._model = model
        self._config = config
        self._turns: list[tuple[Content, bool]] = [(turn, True) for turn in history]

    def get_history(self, curated: bool = False) -> list[Content]:
        """Return the turns so far. ``curated`` leaves out exchanges that were cut short, refused or blocked.

        The curated turns are what the model is shown.
        """
        return [turn for turn, good in self._turns if good or not curated]

    def record_history(self, user_input: Content, model_output: Sequence[Content], is_valid: bool = True) -> None:
        """Add an exchange; ``is_valid`` False keeps it out of the curated history."""
        self._turns += [(turn, is_valid) for turn in (user_input, *model_output)]

    def _request(
        self, caller: Caller | AsyncCaller, message: Any, config: Config, *, stream: bool
    ) -> tuple[HttpRequest, Content, HttpOptions | None]:
        settings = self._config if config is None else requests.to_config(config, GenerateContentConfig)
        turn = to_content(message)
        contents = [*self.get_history(curated=True), turn]
        request = requests.generate_content(caller.settings, self._model, contents, settings, stream=stream)
        return request, turn, settings.http_options

    def _record(self, turn: Content, answer: GenerateContentResponse) -> None:
        candidate = answer.candidates[0] if answer.candidates else None
        said = candidate.content if candidate else None
        if said is None or not said.parts:
            said = None
        good = said is not None and candidate is not None and candidate.finish_reason in _GOOD_ENDINGS
        self.record_history(turn, [said] if said else [Content(role="model", parts=[])], is_valid=good)

    def _record_stream(self, turn: Content, stream: BaseStream[GenerateContentResponse]) -> None:
        answer = stream.response
        if answer.candidates or answer.prompt_feedback:
            self._record(turn, answer)


class Chat(_BaseChat):
    """A conversation. Made by ``client.chats.create``."""

    def __init__(self, caller: Caller, model: str, config: GenerateContentConfig, history: Sequence[Content]) -> None:
        super().__init__(model, config, history)
        self._caller = caller

    def send_message(self, message: Any, config: Config = None) -> GenerateContentResponse:
        """Say something and return the whole answer."""
        request, turn, options = self._request(self._caller, message, config, stream=False)
        answer = self._caller.call(ANSWERS, request, options)
        self._record(turn, answer)
        return answer

    def send_message_stream(self, message: Any, config: Config = None) -> Stream:
        """Say something and return the stream of the answer; the exchange is remembered when the stream ends."""
        request, turn, options = self._request(self._caller, message, config, stream=True)
        return self._caller.stream(request, options, lambda stream: self._record_stream(turn, stream))


class AsyncChat(_BaseChat):
    """A conversation from coroutines. Made by ``client.aio.chats.create``."""

    def __init__(
        self, caller: AsyncCaller, model: str, config: GenerateContentConfig, history: Sequence[Content]
    ) -> None:
        super().__init__(model, config, history)
        self._caller = caller

    async def send_message(self, message: Any, config: Config = None) -> GenerateContentResponse:
        """Say something and return the whole answer."""
        request, turn, options = self._request(self._caller, message, config, stream=False)
        answer = await self._caller.call(ANSWERS, request, options)
        self._record(turn, answer)
        return answer

    async def send_message_stream(self, message: Any, config: Config = None) -> AsyncStream:
        """Say something and return the stream of the answer; the exchange is remembered when the stream ends."""
        request, turn, options = self._request(self._caller, message, config, stream=True)
        return self._caller.stream(request, options, lambda stream: self._record_stream(turn, stream))


class Chats:
    """Makes conversations."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def create(self, *, model: str, config: Config = None, history: Sequence[Any] | None = None) -> Chat:
        """Return a new conversation, ``history`` being the turns before it."""
        return Chat(self._caller, model, *_beginning(config, history))


class AsyncChats:
    """Makes conversations for coroutines."""

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    def create(self, *, model: str, config: Config = None, history: Sequence[Any] | None = None) -> AsyncChat:
        """Return a new conversation, ``history`` being the turns before it."""
        return AsyncChat(self._caller, model, *_beginning(config, history))


def _beginning(config: Config, history: Sequence[Any] | None) -> tuple[GenerateContentConfig, list[Content]]:
    turns = [turn if isinstance(turn, Content) else _turn(turn) for turn in history or ()]
    for turn in turns:
        if turn.role not in ("user", "model"):
            raise UsageError(f"a turn of a chat is the user's or the model's, not {turn.role!r}: set role")
    return requests.to_config(config, GenerateContentConfig), turns


def _turn(value: Any) -> Content:
    if isinstance(value, Mapping):
        return Content(**value)
    raise UsageError(f"history is a list of types.Content or dicts, not of {type(value).__name__}")

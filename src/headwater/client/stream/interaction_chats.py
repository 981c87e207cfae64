"""``client.interactions.chat``, sync and async: conversations over ``previous_interaction_id``."""

from __future__ import annotations

from typing import Any, Self, Unpack, cast

from headwater.client.request import interactions as build
from headwater.client.request.interaction_input import to_input
from headwater.client.request.interactions import CreateOptions, InteractionCall
from headwater.client.stream.aio import AsyncCaller
from headwater.client.stream.base import BaseStream
from headwater.client.stream.interactions import (
    AsyncInteractionStream,
    InteractionStream,
    aask,
    aopen_stream,
    ask,
    open_stream,
)
from headwater.client.stream.sync import Caller
from headwater.core.wire.interaction_requests import input_steps
from headwater.errors import UsageError
from headwater.types.interactions import Interaction
from headwater.types.interactions.base import plain

#: An interaction that ended like this is not what the next message follows.
_DEAD_ENDS = frozenset({"failed", "cancelled"})


class _BaseInteractionChat:
    """A conversation. The API remembers inputs and outputs; tools, instruction and settings are sent with each message.

    With ``store=False`` the API remembers nothing, and all steps are sent again. A message that fails leaves the
    conversation as it was, so that it can be sent again.
    """

    def __init__(self, caller: Any, arguments: CreateOptions) -> None:
        given: dict[str, Any] = dict(arguments)
        for name in ("input", "stream", "request"):
            if name in given:
                raise UsageError(f"{name} belongs to a message: chat.send_message(...)")
        build.check_names(given)
        self._caller = caller
        #: The interaction that the next message follows; None before the first answer.
        self.previous_interaction_id: str | None = given.pop("previous_interaction_id", None)
        self._arguments = given
        self._steps: list[dict[str, Any]] = []
        if self._is_stateless and any(callable(tool) for tool in given.get("tools") or ()):
            raise UsageError("a chat with store=False cannot call functions by itself: leave out store=False")

    @property
    def steps(self) -> list[dict[str, Any]]:
        """What was said since the chat was made, as JSON: inputs and the model's steps."""
        return list(self._steps)

    def branch(self) -> Self:
        """Return an independent conversation that continues from here."""
        copied = type(self)(self._caller, cast("CreateOptions", self._arguments))
        copied.previous_interaction_id, copied._steps = self.previous_interaction_id, self.steps
        return copied

    @property
    def _is_stateless(self) -> bool:
        return self._arguments.get("store") is False

    def _message(self, message: Any, options: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The steps of a message, and the arguments of the call."""
        said: list[dict[str, Any]] = plain(input_steps(to_input(message)))
        follows = (
            {"input": [*self._steps, *said]}
            if self._is_stateless
            else {
                "input": message,
                "previous_interaction_id": self.previous_interaction_id,
            }
        )
        return said, {**self._arguments, **options, **follows}

    def _record(self, said: list[dict[str, Any]], answer: Interaction) -> None:
        if answer.status in _DEAD_ENDS:
            return
        self._steps += [*said, *plain(answer.steps or [])]
        self.previous_interaction_id = answer.id or self.previous_interaction_id

    def _record_stream(self, said: list[dict[str, Any]], stream: BaseStream[Any]) -> None:
        if stream.ending is not None and stream.ending.is_whole:
            self._record(said, stream.response)

    def _call(self, arguments: dict[str, Any], *, stream: bool) -> InteractionCall:
        return build.create(self._caller.settings, arguments, stream=stream)


class InteractionChat(_BaseInteractionChat):
    """A conversation. Made by ``client.interactions.chat``."""

    _caller: Caller

    def send_message(self, message: Any, **options: Unpack[CreateOptions]) -> Interaction:
        """Send a message and return the whole answer. ``options`` are those of ``create``, for this message alone."""
        said, arguments = self._message(message, dict(options))
        call = self._call(arguments, stream=False)
        answer = call.with_ids(ask(self._caller, call.request, call.config, call.unary_options))
        self._record(said, answer)
        return answer

    def send_message_stream(self, message: Any, **options: Unpack[CreateOptions]) -> InteractionStream:
        """Send a message and return the stream of its answer, which counts when it is complete."""
        said, arguments = self._message(message, dict(options))
        call = self._call(arguments, stream=True)
        on_end = lambda stream: self._record_stream(said, stream)  # noqa: E731
        return open_stream(self._caller, call.request, call.config, call.options, on_end=on_end)


class AsyncInteractionChat(_BaseInteractionChat):
    """A conversation. Made by ``client.aio.interactions.chat``."""

    _caller: AsyncCaller

    async def send_message(self, message: Any, **options: Unpack[CreateOptions]) -> Interaction:
        """Send a message and return the whole answer. ``options`` are those of ``create``, for this message alone."""
        said, arguments = self._message(message, dict(options))
        call = self._call(await build.with_mcp_tools(arguments), stream=False)
        answer = call.with_ids(await aask(self._caller, call.request, call.config, call.unary_options))
        self._record(said, answer)
        return answer

    async def send_message_stream(self, message: Any, **options: Unpack[CreateOptions]) -> AsyncInteractionStream:
        """Send a message and return the stream of its answer, which counts when it is complete."""
        said, arguments = self._message(message, dict(options))
        call = self._call(await build.with_mcp_tools(arguments), stream=True)
        on_end = lambda stream: self._record_stream(said, stream)  # noqa: E731
        return await aopen_stream(self._caller, call.request, call.config, call.options, on_end=on_end)

"""``client.interactions``, sync and async: create, get, cancel, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Unpack, overload

from headwater.client.groups.base import MethodGroup
from headwater.client.request import interactions as build
from headwater.client.request.interactions import CreateOptions, GetOptions, InteractionCall
from headwater.client.stream.aio import AsyncCaller
from headwater.client.stream.interaction_responses import (
    AsyncRawInteractions,
    AsyncStreamingInteractions,
    RawInteractions,
    StreamingInteractions,
)
from headwater.client.stream.interactions import (
    AsyncInteractionStream,
    InteractionStream,
    aask,
    aopen_stream,
    ask,
    open_stream,
)
from headwater.client.stream.sync import Caller
from headwater.core.wire.interaction_replies import REPLIES
from headwater.types.interactions import Interaction

if TYPE_CHECKING:
    from headwater.client.stream.interaction_chats import AsyncInteractionChat, InteractionChat


class Interactions(MethodGroup[Caller]):
    """Create interactions, and get, cancel and delete those that the API stores."""

    @overload
    def create(self, *, stream: Literal[True], **options: Unpack[CreateOptions]) -> InteractionStream: ...

    @overload
    def create(self, *, stream: Literal[False] | None = None, **options: Unpack[CreateOptions]) -> Interaction: ...

    @overload
    def create(self, *, stream: bool | None, **options: Unpack[CreateOptions]) -> Interaction | InteractionStream: ...

    def create(
        self, *, stream: bool | None = None, **options: Unpack[CreateOptions]
    ) -> Interaction | InteractionStream:
        """Return the answer to ``input`` as an ``Interaction``; with ``stream=True`` the stream of its events.

        ``model`` or ``agent``, ``input`` and the other fields of the request are those of the API: dicts, or types of
        ``genai.interactions``. ``tools`` may have Python functions, which are called when the model asks for it.
        ``response_format`` may be a class. The other options are those of calls and streams (``StreamOptions``).

        Raises:
            UsageError: if the request is invalid; nothing was sent.
            APIError: if the API refused it.
            StreamError: if the connection failed.
        """
        call = build.create(self._caller.settings, options, stream=stream)
        return _begin(self._caller, call)

    @overload
    def get(
        self, id: str, *, stream: Literal[True], last_event_id: str | None = None, **options: Unpack[GetOptions]
    ) -> InteractionStream: ...

    @overload
    def get(self, id: str, *, stream: Literal[False] | None = None, **options: Unpack[GetOptions]) -> Interaction: ...

    @overload
    def get(
        self, id: str, *, stream: bool | None, last_event_id: str | None = None, **options: Unpack[GetOptions]
    ) -> Interaction | InteractionStream: ...

    def get(
        self,
        id: str,
        *,
        stream: bool | None = None,
        last_event_id: str | None = None,
        **options: Unpack[GetOptions],
    ) -> Interaction | InteractionStream:
        """Return a stored interaction; with ``stream=True`` its events, after ``last_event_id`` if it is given.

        Raises:
            UsageError: if an argument is wrong.
            NotFoundError: if the API does not have it, or no longer.
        """
        call = build.get(self._caller.settings, id, options, stream=stream, last_event_id=last_event_id)
        return _begin(self._caller, call)

    def cancel(self, id: str, **options: Unpack[GetOptions]) -> Interaction:
        """Cancel an interaction that runs in the background, and return it."""
        return _ask(self._caller, build.cancel(self._caller.settings, id, options))

    def delete(self, id: str, **options: Unpack[GetOptions]) -> None:
        """Delete a stored interaction."""
        call = build.delete(self._caller.settings, id, options)
        self._caller.call(REPLIES, call.request, call.config.http_options, call.unary_options)

    def chat(self, **options: Unpack[CreateOptions]) -> InteractionChat:
        """Return a conversation. ``options`` are those of ``create``, without ``input``, for all of its messages."""
        from headwater.client.stream.interaction_chats import InteractionChat  # here, since most programs have none

        return InteractionChat(self._caller, options)

    @property
    def with_raw_response(self) -> RawInteractions:
        """The same methods, whose results have the headers of the response: ``.headers``, ``.parse()``."""
        return RawInteractions(self._caller)

    @property
    def with_streaming_response(self) -> StreamingInteractions:
        """The same methods as context managers: ``with ... as response``."""
        return StreamingInteractions(self._caller)


class AsyncInteractions(MethodGroup[AsyncCaller]):
    """Create interactions, and get, cancel and delete those that the API stores, from coroutines."""

    @overload
    async def create(self, *, stream: Literal[True], **options: Unpack[CreateOptions]) -> AsyncInteractionStream: ...

    @overload
    async def create(
        self, *, stream: Literal[False] | None = None, **options: Unpack[CreateOptions]
    ) -> Interaction: ...

    @overload
    async def create(
        self, *, stream: bool | None, **options: Unpack[CreateOptions]
    ) -> Interaction | AsyncInteractionStream: ...

    async def create(
        self, *, stream: bool | None = None, **options: Unpack[CreateOptions]
    ) -> Interaction | AsyncInteractionStream:
        """Return the answer, or the stream of its events. See ``Interactions.create``."""
        call = build.create(self._caller.settings, await build.with_mcp_tools(dict(options)), stream=stream)
        return await _abegin(self._caller, call)

    @overload
    async def get(
        self, id: str, *, stream: Literal[True], last_event_id: str | None = None, **options: Unpack[GetOptions]
    ) -> AsyncInteractionStream: ...

    @overload
    async def get(
        self, id: str, *, stream: Literal[False] | None = None, **options: Unpack[GetOptions]
    ) -> Interaction: ...

    @overload
    async def get(
        self, id: str, *, stream: bool | None, last_event_id: str | None = None, **options: Unpack[GetOptions]
    ) -> Interaction | AsyncInteractionStream: ...

    async def get(
        self,
        id: str,
        *,
        stream: bool | None = None,
        last_event_id: str | None = None,
        **options: Unpack[GetOptions],
    ) -> Interaction | AsyncInteractionStream:
        """Return a stored interaction, or its events. See ``Interactions.get``."""
        call = build.get(self._caller.settings, id, options, stream=stream, last_event_id=last_event_id)
        return await _abegin(self._caller, call)

    async def cancel(self, id: str, **options: Unpack[GetOptions]) -> Interaction:
        """Cancel an interaction that runs in the background, and return it."""
        return await _aask(self._caller, build.cancel(self._caller.settings, id, options))

    async def delete(self, id: str, **options: Unpack[GetOptions]) -> None:
        """Delete a stored interaction."""
        call = build.delete(self._caller.settings, id, options)
        await self._caller.call(REPLIES, call.request, call.config.http_options, call.unary_options)

    def chat(self, **options: Unpack[CreateOptions]) -> AsyncInteractionChat:
        """Return a conversation. See ``Interactions.chat``."""
        from headwater.client.stream.interaction_chats import AsyncInteractionChat

        return AsyncInteractionChat(self._caller, options)

    @property
    def with_raw_response(self) -> AsyncRawInteractions:
        """The same methods, whose results have the headers of the response: ``.headers``, ``.parse()``."""
        return AsyncRawInteractions(self._caller)

    @property
    def with_streaming_response(self) -> AsyncStreamingInteractions:
        """The same methods as async context managers: ``async with ... as response``."""
        return AsyncStreamingInteractions(self._caller)


def _begin(caller: Caller, call: InteractionCall) -> Interaction | InteractionStream:
    if call.is_stream:
        return open_stream(caller, call.request, call.config, call.options)
    return _ask(caller, call)


def _ask(caller: Caller, call: InteractionCall) -> Interaction:
    return call.with_ids(ask(caller, call.request, call.config, call.unary_options))


async def _abegin(caller: AsyncCaller, call: InteractionCall) -> Interaction | AsyncInteractionStream:
    if call.is_stream:
        return await aopen_stream(caller, call.request, call.config, call.options)
    return await _aask(caller, call)


async def _aask(caller: AsyncCaller, call: InteractionCall) -> Interaction:
    return call.with_ids(await aask(caller, call.request, call.config, call.unary_options))

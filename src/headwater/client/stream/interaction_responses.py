"""``with_raw_response`` and ``with_streaming_response`` of ``client.interactions``: results with their headers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any, Unpack, cast

import msgspec

from headwater.client.request import interactions as build
from headwater.client.request.interactions import CreateOptions, GetOptions, InteractionCall
from headwater.client.stream.aio import AsyncCaller
from headwater.client.stream.interactions import AsyncInteractionStream, InteractionStream, aopen_stream, open_stream
from headwater.client.stream.sync import Caller
from headwater.core.wire.interaction_replies import REPLIES, RawReply
from headwater.types.interactions import Interaction


class RawResponse:
    """A response before it is read: ``headers``, ``content``, and ``parse()`` for what the method returns."""

    def __init__(self, reply: RawReply, stream: InteractionStream | None = None) -> None:
        self.headers: Mapping[str, str] = reply.headers
        self.content = reply.data
        self.status_code = 200
        self._stream = stream

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", "replace")

    @property
    def http_response(self) -> RawResponse:
        """The response itself: google-genai has an object of httpx here, with the same attributes."""
        return self

    def json(self) -> Any:
        """Return the body as plain JSON."""
        return msgspec.json.decode(self.content)

    def parse(self) -> Any:
        """Return the interaction, the stream, or None after a deletion."""
        return self._stream if self._stream is not None else _parsed(self.content)

    def close(self) -> None:
        """Close the stream, if there is one."""
        if self._stream is not None:
            self._stream.close()


class AsyncRawResponse(RawResponse):
    """A response before it is read, whose ``parse`` is a coroutine."""

    def __init__(self, reply: RawReply, stream: AsyncInteractionStream | None = None) -> None:
        super().__init__(reply)
        self._async_stream = stream

    async def parse(self) -> Any:
        """Return the interaction, the stream, or None after a deletion."""
        return self._async_stream if self._async_stream is not None else _parsed(self.content)

    def close(self) -> None:
        """Close the stream, if there is one."""
        if self._async_stream is not None:
            self._async_stream.close()


def _parsed(data: bytes) -> Interaction | None:
    document = msgspec.json.decode(data) if data else {}
    return Interaction.from_document(document) if document else None


class RawInteractions:
    """The methods of ``client.interactions``, with raw responses. Functions among the tools are not called."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def create(self, *, stream: bool | None = None, **options: Unpack[CreateOptions]) -> RawResponse:
        """Create an interaction."""
        return self._send(build.create(self._caller.settings, options, stream=stream))

    def get(
        self,
        id: str,
        *,
        stream: bool | None = None,
        last_event_id: str | None = None,
        **options: Unpack[GetOptions],
    ) -> RawResponse:
        """Get a stored interaction."""
        settings = self._caller.settings
        return self._send(build.get(settings, id, options, stream=stream, last_event_id=last_event_id))

    def cancel(self, id: str, **options: Unpack[GetOptions]) -> RawResponse:
        """Cancel an interaction that runs in the background."""
        return self._send(build.cancel(self._caller.settings, id, options))

    def delete(self, id: str, **options: Unpack[GetOptions]) -> RawResponse:
        """Delete a stored interaction."""
        return self._send(build.delete(self._caller.settings, id, options))

    def _send(self, call: InteractionCall) -> RawResponse:
        if call.is_stream:
            stream = open_stream(self._caller, call.request, call.config, call.options)
            return RawResponse(RawReply(b"", stream.headers), stream)
        return RawResponse(self._caller.call(REPLIES, call.request, call.config.http_options, call.unary_options))


class AsyncRawInteractions:
    """The methods of ``client.aio.interactions``, with raw responses. Functions among the tools are not called."""

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def create(self, *, stream: bool | None = None, **options: Unpack[CreateOptions]) -> AsyncRawResponse:
        """Create an interaction."""
        return await self._send(build.create(self._caller.settings, options, stream=stream))

    async def get(
        self,
        id: str,
        *,
        stream: bool | None = None,
        last_event_id: str | None = None,
        **options: Unpack[GetOptions],
    ) -> AsyncRawResponse:
        """Get a stored interaction."""
        settings = self._caller.settings
        return await self._send(build.get(settings, id, options, stream=stream, last_event_id=last_event_id))

    async def cancel(self, id: str, **options: Unpack[GetOptions]) -> AsyncRawResponse:
        """Cancel an interaction that runs in the background."""
        return await self._send(build.cancel(self._caller.settings, id, options))

    async def delete(self, id: str, **options: Unpack[GetOptions]) -> AsyncRawResponse:
        """Delete a stored interaction."""
        return await self._send(build.delete(self._caller.settings, id, options))

    async def _send(self, call: InteractionCall) -> AsyncRawResponse:
        if call.is_stream:
            stream = await aopen_stream(self._caller, call.request, call.config, call.options)
            return AsyncRawResponse(RawReply(b"", stream.headers), stream)
        return AsyncRawResponse(
            await self._caller.call(REPLIES, call.request, call.config.http_options, call.unary_options)
        )


class StreamingInteractions:
    """The methods of ``client.interactions`` as context managers: the end of the block closes a stream."""

    def __init__(self, caller: Caller) -> None:
        self._raw = RawInteractions(caller)

    def create(self, **options: Any) -> AbstractContextManager[RawResponse]:
        """Create an interaction."""
        return self._opened("create", options)

    def get(self, id: str, **options: Any) -> AbstractContextManager[RawResponse]:
        """Get a stored interaction."""
        return self._opened("get", {"id": id, **options})

    def cancel(self, id: str, **options: Any) -> AbstractContextManager[RawResponse]:
        """Cancel an interaction that runs in the background."""
        return self._opened("cancel", {"id": id, **options})

    def delete(self, id: str, **options: Any) -> AbstractContextManager[RawResponse]:
        """Delete a stored interaction."""
        return self._opened("delete", {"id": id, **options})

    @contextmanager
    def _opened(self, method: str, arguments: dict[str, Any]) -> Iterator[RawResponse]:
        response = cast("RawResponse", getattr(self._raw, method)(**arguments))
        try:
            yield response
        finally:
            response.close()


class AsyncStreamingInteractions:
    """The methods of ``client.aio.interactions`` as async context managers."""

    def __init__(self, caller: AsyncCaller) -> None:
        self._raw = AsyncRawInteractions(caller)

    def create(self, **options: Any) -> AbstractAsyncContextManager[AsyncRawResponse]:
        """Create an interaction."""
        return self._opened("create", options)

    def get(self, id: str, **options: Any) -> AbstractAsyncContextManager[AsyncRawResponse]:
        """Get a stored interaction."""
        return self._opened("get", {"id": id, **options})

    def cancel(self, id: str, **options: Any) -> AbstractAsyncContextManager[AsyncRawResponse]:
        """Cancel an interaction that runs in the background."""
        return self._opened("cancel", {"id": id, **options})

    def delete(self, id: str, **options: Any) -> AbstractAsyncContextManager[AsyncRawResponse]:
        """Delete a stored interaction."""
        return self._opened("delete", {"id": id, **options})

    @asynccontextmanager
    async def _opened(self, method: str, arguments: dict[str, Any]) -> AsyncIterator[AsyncRawResponse]:
        response = cast("AsyncRawResponse", await getattr(self._raw, method)(**arguments))
        try:
            yield response
        finally:
            response.close()

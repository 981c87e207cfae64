"""``client.streams`` in both colours: streams that a headwater server keeps by name, for any process to read."""

from __future__ import annotations

from typing import Any, Unpack

from headwater.client.groups import server_streams
from headwater.client.groups.models import Config
from headwater.client.groups.server_streams import STATES
from headwater.client.options.call_options import StreamOptions
from headwater.client.request import build
from headwater.client.stream.aio import AsyncCaller, AsyncStream
from headwater.client.stream.sync import Caller, Stream
from headwater.contract.streams import OnServerBreak, StreamInfo
from headwater.types import GenerateContentConfig


class Streams:
    """Begin, read, look at and stop streams that outlive whoever began them."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def start(
        self,
        *,
        model: str,
        contents: Any,
        config: Config = None,
        idempotency_key: str | None = None,
        on_server_break: OnServerBreak = "fail",
        **options: Unpack[StreamOptions],
    ) -> Stream:
        """Begin an answer on the server, and return the stream of it, which has its ``name`` at once.

        The answer is produced whether or not anybody reads. The same ``idempotency_key`` gives the same answer, from
        its beginning. ``on_server_break="continue"``: when its server dies, another goes on with it.

        Raises:
            UsageError: the request is wrong; nothing was sent.
            APIError: the server refused it.
            StreamError: the server could not be reached.
        """
        settings, content_config = self._caller.settings, build.to_config(config, GenerateContentConfig)
        options = server_streams.reader_options(settings, options)
        request = server_streams.start(settings, model, contents, content_config, idempotency_key, on_server_break)
        info = self._caller.call(STATES, request, content_config.http_options, server_streams.call_options(options))
        plan = server_streams.attach(settings, info.name, 0, options, server_streams.reading_config(content_config))
        return self._caller.stream(**plan._asdict())

    def attach(self, name: str, after: int | str = 0, **options: Unpack[StreamOptions]) -> Stream:
        """Return a stream that was begun before, here or elsewhere, after its first ``after`` events.

        ``after`` may be the ``position`` of a stream of that name. Nothing is sent before the first chunk is asked for.

        Raises:
            UsageError: that is no name, or no place in that stream. Everything else is raised by the stream:
                NotFoundError where there is none of that name, or it is somebody else's.
        """
        plan = server_streams.attach(self._caller.settings, name, after, options)
        return self._caller.stream(**plan._asdict())

    def get(self, name: str) -> StreamInfo:
        """Return what is known of a stream now.

        Raises:
            NotFoundError: there is none of that name, or it is somebody else's.
        """
        return self._caller.call(STATES, server_streams.get_info(self._caller.settings, name), None)

    def stop(self, name: str) -> StreamInfo:
        """Stop a stream, for all its readers, and return what is known of it. What was produced stays.

        Raises:
            NotFoundError: there is none of that name, or it is somebody else's.
        """
        return self._caller.call(STATES, server_streams.stop(self._caller.settings, name), None)


class AsyncStreams:
    """The same from coroutines."""

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def start(
        self,
        *,
        model: str,
        contents: Any,
        config: Config = None,
        idempotency_key: str | None = None,
        on_server_break: OnServerBreak = "fail",
        **options: Unpack[StreamOptions],
    ) -> AsyncStream:
        """Begin an answer on the server, and return the stream of it. See ``Streams.start``."""
        settings, content_config = self._caller.settings, build.to_config(config, GenerateContentConfig)
        options = server_streams.reader_options(settings, options)
        request = server_streams.start(settings, model, contents, content_config, idempotency_key, on_server_break)
        info = await self._caller.call(
            STATES, request, content_config.http_options, server_streams.call_options(options)
        )
        plan = server_streams.attach(settings, info.name, 0, options, server_streams.reading_config(content_config))
        return self._caller.stream(**plan._asdict())

    async def attach(self, name: str, after: int | str = 0, **options: Unpack[StreamOptions]) -> AsyncStream:
        """Return a stream that was begun before, here or elsewhere. See ``Streams.attach``."""
        plan = server_streams.attach(self._caller.settings, name, after, options)
        return self._caller.stream(**plan._asdict())

    async def get(self, name: str) -> StreamInfo:
        """Return what is known of a stream now. See ``Streams.get``."""
        return await self._caller.call(STATES, server_streams.get_info(self._caller.settings, name), None)

    async def stop(self, name: str) -> StreamInfo:
        """Stop a stream, for all its readers, and return what is known of it. See ``Streams.stop``."""
        return await self._caller.call(STATES, server_streams.stop(self._caller.settings, name), None)

"""``client.streams``, sync and async: streams stored on a headwater server, which any process can read by name."""

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
    """Start, read, inspect and stop streams that continue without the client that started them."""

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
        """Start an answer on the server and return its stream, whose ``name`` is known at once.

        The answer is generated whether or not it is read. The same ``idempotency_key`` returns the same answer from
        its beginning. With ``on_server_break="continue"`` another server continues it if its server dies.

        Raises:
            UsageError: if the request is invalid; nothing was sent.
            APIError: if the server refused it.
            StreamError: if the server could not be reached.
        """
        # Two requests: one starts the stream and returns its name, the other reads it. So the name is known even if the
        # first read fails, and a lost response to the first is repeated under the same idempotency key.
        settings, content_config = self._caller.settings, build.to_config(config, GenerateContentConfig)
        options = server_streams.reader_options(settings, options)
        request = server_streams.start(settings, model, contents, content_config, idempotency_key, on_server_break)
        info = self._caller.call(STATES, request, content_config.http_options, server_streams.call_options(options))
        plan = server_streams.attach(settings, info.name, 0, options, server_streams.reading_config(content_config))
        return self._caller.stream(**plan._asdict())

    def attach(self, name: str, after: int | str = 0, **options: Unpack[StreamOptions]) -> Stream:
        """Return a stream that was started before, here or elsewhere, after its first ``after`` events.

        ``after`` can also be the ``position`` of that stream. Nothing is sent before the first chunk is requested.

        Raises:
            UsageError: if the name is invalid, or the position is that of another stream. Everything else is raised by
                the stream: NotFoundError if it does not exist, or belongs to another key.
        """
        plan = server_streams.attach(self._caller.settings, name, after, options)
        return self._caller.stream(**plan._asdict())

    def get(self, name: str) -> StreamInfo:
        """Return the current state of a stream.

        Raises:
            NotFoundError: if it does not exist, or belongs to another key.
        """
        return self._caller.call(STATES, server_streams.get_info(self._caller.settings, name), None)

    def stop(self, name: str) -> StreamInfo:
        """Stop a stream for all its readers and return its state. The part generated so far stays.

        Raises:
            NotFoundError: if it does not exist, or belongs to another key.
        """
        return self._caller.call(STATES, server_streams.stop(self._caller.settings, name), None)


class AsyncStreams:
    """The async side of ``Streams``."""

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
        """Start an answer on the server and return its stream. See ``Streams.start``."""
        settings = self._caller.settings
        content_config = await build.with_mcp_tools(build.to_config(config, GenerateContentConfig))
        options = server_streams.reader_options(settings, options)
        request = server_streams.start(settings, model, contents, content_config, idempotency_key, on_server_break)
        info = await self._caller.call(
            STATES, request, content_config.http_options, server_streams.call_options(options)
        )
        plan = server_streams.attach(settings, info.name, 0, options, server_streams.reading_config(content_config))
        return self._caller.stream(**plan._asdict())

    async def attach(self, name: str, after: int | str = 0, **options: Unpack[StreamOptions]) -> AsyncStream:
        """Return a stream that was started before, here or elsewhere. See ``Streams.attach``."""
        plan = server_streams.attach(self._caller.settings, name, after, options)
        return self._caller.stream(**plan._asdict())

    async def get(self, name: str) -> StreamInfo:
        """Return the current state of a stream. See ``Streams.get``."""
        return await self._caller.call(STATES, server_streams.get_info(self._caller.settings, name), None)

    async def stop(self, name: str) -> StreamInfo:
        """Stop a stream for all its readers and return its state. See ``Streams.stop``."""
        return await self._caller.call(STATES, server_streams.stop(self._caller.settings, name), None)

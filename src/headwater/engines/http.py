"""``HttpCaller``: calls of an HTTP API, for engines that pass requests on to one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

from headwater.client.stream.aio import AsyncUnaryCall
from headwater.client.stream.base import StreamParts
from headwater.core.machine.config import MachineConfig
from headwater.core.machine.machine import Machine
from headwater.core.machine.policy import Deadlines, Retry
from headwater.core.wire.dialect import Dialect
from headwater.core.wire.request import HttpRequest
from headwater.transport.base import AsyncTransport

R = TypeVar("R")


class HttpCaller(Generic[R]):
    """Calls an API in its dialect, with deadlines and typed errors, and without any setting of Google's.

    It adds nothing to a request: URL, headers and key are the engine's. One instance makes any number of calls at once.

    Args:
        dialect: How the API is spoken.
        transport: Carries the bytes; one with a connection pool of its own if not given.
        deadlines: How long a call may take, and be silent.
        retry: Failures before the first content that are retried. None by default: a server's clients retry, and two
            policies in a row would multiply.
    """

    def __init__(
        self,
        dialect: Dialect[R],
        transport: AsyncTransport | None = None,
        *,
        deadlines: Deadlines | None = None,
        retry: Retry | None = None,
    ) -> None:
        self._dialect = dialect
        self._transport = transport or make_transport()
        self._deadlines = deadlines or Deadlines()
        self._retry = retry or Retry(attempts=1)

    async def stream(self, request: HttpRequest) -> AsyncGenerator[R, None]:
        """Yield the results of a streamed response. Closing the iterator closes the connection.

        Raises:
            HeadwaterError: if the API refuses, the stream breaks, or a deadline expires.
        """
        call = self._call(request, is_stream=True)
        try:
            while True:
                try:
                    result = await anext(call)
                except StopAsyncIteration:  # which an async generator must not let through (PEP 525)
                    return
                yield result
        finally:
            call.close()

    async def call(self, request: HttpRequest) -> R:
        """Return the result of a response that is not streamed.

        Raises:
            HeadwaterError: if the API refuses, or a deadline expires.
        """
        call = self._call(request, is_stream=False)
        try:
            return await anext(call)
        finally:
            call.close()

    async def aclose(self) -> None:
        """Close idle connections."""
        await self._transport.close()

    def _call(self, request: HttpRequest, *, is_stream: bool) -> AsyncUnaryCall[R]:
        config = MachineConfig(is_stream=is_stream, deadlines=self._deadlines, retry=self._retry)
        machine = Machine(self._dialect, request, config)
        return AsyncUnaryCall(StreamParts(machine, {}, None, {}, None), self._transport)


def make_transport() -> AsyncTransport:
    """Return a transport with a connection pool of its own."""
    from headwater.transport.aio import AiohttpTransport  # imports aiohttp, which engines without HTTP do not need

    return AiohttpTransport()

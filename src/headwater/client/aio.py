"""The async shell: does what the machine says, awaiting each step."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from headwater.client.base import ANSWERS, BaseStream, W, make_machine
from headwater.client.settings import Settings, is_offline
from headwater.core.gemini import Gemini
from headwater.core.machine import Machine
from headwater.core.steps import STEPS, Close, HttpRequest, Open, Read, Step, Stop, TransportError, Wait
from headwater.transport.base import AsyncBody, AsyncTransport, Waiting
from headwater.types import GenerateContentResponse, HttpOptions

R = TypeVar("R")
_clock = time.monotonic


class AsyncCall(BaseStream[R]):
    """One call carried out on a transport."""

    def __init__(
        self,
        machine: Machine[R],
        transport: AsyncTransport,
        *,
        on_end: Callable[[BaseStream[R]], None] | None = None,
    ) -> None:
        super().__init__(machine, on_end=on_end)
        self._transport = transport

    async def __anext__(self) -> R:
        if self._closed:  # also where more had arrived than was read
            raise StopAsyncIteration
        machine = self._machine
        try:
            while True:
                step = machine.next_step(_clock())
                if type(step) not in STEPS:
                    return cast("R", step)
                if type(step) is Stop:
                    break
                try:
                    if type(step) is Read:  # most of all steps
                        body = cast("AsyncBody | None", self._body)  # none where another thread has let it go
                        machine.received(await body.read(step.timeout) if body else b"", _clock())
                    else:
                        await self._do(cast("Step", step))
                except TransportError as problem:
                    machine.failed(problem, _clock())
            self._let_go()
            self._end(step.error)
        except BaseException:  # a cancelled task above all: the connection goes before the error leaves
            self.close()
            raise
        raise StopAsyncIteration

    async def _do(self, step: Step) -> None:
        match step:
            case Open(request, timeout):
                self._let_go()
                self._body = body = await self._transport.open(request, timeout, self._waiting)
                self._machine.opened(body.status, body.headers, _clock())
            case Wait(seconds):
                await _sleep(seconds, self._waiting)
            case Close():
                self._let_go()


class AsyncStream(AsyncCall[GenerateContentResponse]):
    """An answer on its way: iterate over its chunks.

    Leaving the loop closes the connection, and so does the end of an ``async with`` block. ``text`` and ``response``
    hold what has come so far, also after an error; ``collect()`` reads to the end and returns the whole answer.
    """

    def __aiter__(self) -> AsyncIterator[GenerateContentResponse]:
        return _Loop(self)

    async def aclose(self) -> None:
        """Close the stream and let the event loop carry it out."""
        from asyncio import sleep  # here and below, since programs that are not async need not load asyncio

        self.close()
        await sleep(0)

    async def collect(self) -> GenerateContentResponse:
        """Read to the end and return the whole answer.

        Raises:
            HeadwaterError: the answer did not come to its end; ``partial`` is what had come.
        """
        async for _ in self:
            pass
        return self.response

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class _Loop(AsyncIterator[GenerateContentResponse]):
    """One ``async for`` over a stream. It goes when the loop is left, by ``break`` too, and the connection with it."""

    def __init__(self, stream: AsyncStream) -> None:
        self._stream = stream
        self._next = stream.__anext__

    def __anext__(self) -> Coroutine[Any, Any, GenerateContentResponse]:
        return self._next()

    def __del__(self) -> None:
        self._stream.close()


async def _sleep(seconds: float, waiting: Waiting) -> None:
    import asyncio

    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    with waiting.on(lambda: loop.call_soon_threadsafe(woken.set)), suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()


class AsyncCaller:
    """Makes calls with one client's settings; its transports come into being when they are first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._transports: dict[bool, AsyncTransport] = {}

    def stream(
        self,
        request: HttpRequest,
        options: HttpOptions | None,
        on_end: Callable[[BaseStream[GenerateContentResponse]], None] | None = None,
        dialect: Gemini[Any] = ANSWERS,
    ) -> AsyncStream:
        """Return the stream of the answer to ``request``; ``dialect`` says how its chunks are read."""
        machine = make_machine(dialect, request, self.settings, options, stream=True)
        return AsyncStream(machine, self._transport(request), on_end=on_end)

    async def call(self, dialect: Gemini[W], request: HttpRequest, options: HttpOptions | None) -> W:
        """Return the one result of ``request``."""
        call = AsyncCall(make_machine(dialect, request, self.settings, options), self._transport(request))
        try:
            return await anext(call)
        finally:
            call.close()

    async def close(self) -> None:
        """Close the idle connections of the running event loop; streams that run go on."""
        for transport in self._transports.values():
            await transport.close()

    def _transport(self, request: HttpRequest) -> AsyncTransport:
        offline = is_offline(request.url)
        transport = self._transports.get(offline)
        if transport is None:
            transport = self._transports.setdefault(offline, _make_transport(offline))
        return transport


def _make_transport(offline: bool) -> AsyncTransport:
    if offline:
        from headwater.transport.offline import AsyncOfflineTransport

        return AsyncOfflineTransport()
    from headwater.transport.aio import AiohttpTransport

    return AiohttpTransport()

"""The async shell: does what the machine says, awaiting each step."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import suppress
from inspect import isawaitable
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from headwater.client.base import ANSWERS, BaseStream, W, clock, make_machine
from headwater.client.credentials import AsyncAuthorizedTransport
from headwater.client.options import CallOptions, StreamOptions, check
from headwater.client.settings import Settings, is_offline
from headwater.core.events import Event
from headwater.core.gemini import Gemini
from headwater.core.machine import Machine
from headwater.core.steps import STEPS, Close, HttpRequest, Open, Pause, Read, Step, Stop, TransportError, Wait
from headwater.errors import HeadwaterError
from headwater.transport.base import AsyncBody, AsyncTransport, Waiting
from headwater.types import GenerateContentConfig, GenerateContentResponse, HttpOptions

R = TypeVar("R")
M = TypeVar("M")
_NO_OPTIONS: CallOptions = {}


class AsyncCall(BaseStream[R]):
    """One call carried out on a transport."""

    def __init__(
        self,
        machine: Machine[R],
        transport: AsyncTransport,
        **more: Any,
    ) -> None:
        super().__init__(machine, **more)
        self._transport = transport

    async def __anext__(self) -> R:
        if self._closed:  # also where more had arrived than was read
            self._check_closed()
            raise StopAsyncIteration
        machine = self._machine
        try:
            while True:
                step = machine.next_step(clock())
                if type(step) not in STEPS:
                    for hook in self._hooks:
                        said = hook(cast("R", step))
                        if isawaitable(said):
                            await said
                    return cast("R", step)
                if type(step) is Stop:
                    break
                try:
                    if type(step) is Read:  # most of all steps
                        body = cast("AsyncBody | None", self._body)  # none where another thread has let it go
                        machine.received(await body.read(step.timeout) if body else b"", clock())
                    else:
                        await self._do(cast("Step", step))
                except TransportError as problem:
                    machine.failed(problem, clock())
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
                self._machine.opened(body.status, body.headers, clock())
            case Pause(seconds):
                await self._pause(seconds)
            case Wait(seconds):
                await _sleep(seconds, self._waiting)
            case Close():
                self._let_go()

    async def _pause(self, seconds: float) -> None:
        body = cast("AsyncBody | None", self._body)
        if body is None or await body.wait(seconds):
            self._machine.received(await body.read(None) if body else b"", clock())
        else:
            self._machine.waited(clock())


class AsyncStream(AsyncCall[GenerateContentResponse]):
    """An answer on its way: iterate over its chunks.

    Leaving the loop closes the connection, and so does the end of an ``async with`` block. ``text`` and ``response``
    hold what has come so far, also after an error; ``collect()`` reads to the end and returns the whole answer.
    """

    def __aiter__(self) -> AsyncIterator[GenerateContentResponse]:
        return _Loop(self)

    def events(self) -> AsyncIterator[Event]:
        """Yield what happens, one typed event at a time, for ``match``; the last is ``End``.

        Raises:
            HeadwaterError: after ``End``, what the stream ended with.
        """
        translator = self._translator()
        return _Mapped(self, translator.events, lambda: translator.end(self.ending))

    @property
    def text_stream(self) -> AsyncIterator[str]:
        """The answer's text, piece by piece, without thoughts."""
        return _Mapped(self, lambda chunk: [chunk.text] if chunk.text else [], lambda: ())

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


class _Mapped(AsyncIterator[M]):
    """What is made of the chunks of a stream. A class, since a generator that is left by ``break`` lives on."""

    def __init__(self, stream: AsyncStream, make: Callable[[Any], Iterable[M]], end: Callable[[], Iterable[M]]) -> None:
        self._loop = _Loop(stream)
        self._make = make
        self._end = end
        self._ready: deque[M] = deque()
        self._error: BaseException | None = None

    async def __anext__(self) -> M:
        while not self._ready:
            if self._error is not None:
                raise self._error
            try:
                self._ready.extend(self._make(await anext(self._loop)))
            except (StopAsyncIteration, HeadwaterError) as error:
                self._error = error
                self._ready.extend(self._end())
        return self._ready.popleft()


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
        config: GenerateContentConfig,
        options: StreamOptions,
        *,
        on_end: Callable[[BaseStream[GenerateContentResponse]], None] | None = None,
        dialect: Gemini[Any] = ANSWERS,
        after: int = 0,
    ) -> AsyncStream:
        """Return the stream of the answer to ``request``; ``dialect`` says how its chunks are read."""
        options = check(options, stream=True)
        goes_on = config.automatic_continuation is not False
        machine = make_machine(
            dialect, request, self.settings, config.http_options, options, stream=True, after=after, goes_on=goes_on
        )
        return AsyncStream(machine, self._transport(request), options=options, config=config, on_end=on_end)

    async def call(
        self,
        dialect: Gemini[W],
        request: HttpRequest,
        http_options: HttpOptions | None,
        options: CallOptions = _NO_OPTIONS,
        **more: Any,
    ) -> W:
        """Return the one result of ``request``."""
        options = check(options, stream=False)
        machine = make_machine(dialect, request, self.settings, http_options, options, **more)
        call = AsyncCall(machine, self._transport(request), options={**options, "raise_on_cancel": True})
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
            transport = self._transports.setdefault(offline, _make_transport(offline, self.settings))
        return transport


def _make_transport(offline: bool, settings: Settings) -> AsyncTransport:
    if offline:
        from headwater.transport.offline import AsyncOfflineTransport

        return AsyncOfflineTransport()
    from headwater.transport.aio import AiohttpTransport

    return (
        AiohttpTransport() if settings.tokens is None else AsyncAuthorizedTransport(AiohttpTransport(), settings.tokens)
    )

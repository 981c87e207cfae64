"""The async shell: carries out the steps of a machine, awaiting each."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from functools import partial
from inspect import isawaitable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, overload

from headwater.client.options.call_options import CallOptions, StreamOptions
from headwater.client.request.credentials import AccessTokens, AsyncAuthorizedTransport
from headwater.client.request.settings import Settings, is_offline
from headwater.client.stream.base import BaseStream, StreamParts
from headwater.client.stream.dialects import ANSWERS
from headwater.client.stream.factory import StreamEntry, build_answer, build_call, build_stream, with_body
from headwater.client.tools.structured import with_parsed
from headwater.core.answer.events import Event
from headwater.core.machine.steps import STEPS, Close, Open, Pause, Read, Run, Step, Stop, TransportError, Wait
from headwater.core.wire.dialect import Dialect
from headwater.core.wire.request import HttpRequest
from headwater.errors import HeadwaterError
from headwater.transport.base import AsyncTransport, WaitInterrupter
from headwater.types import FunctionCall, GenerateContentConfig, GenerateContentResponse, HttpOptions

if TYPE_CHECKING:
    from headwater.client.tools.calls import RunningCalls

R = TypeVar("R")
M = TypeVar("M")
T = TypeVar("T")
A = TypeVar("A")
_NO_OPTIONS: CallOptions = {}


class AsyncUnaryCall(BaseStream[R]):
    """One call on a transport. ``anext`` returns its result; a stream is one with many."""

    def __init__(self, parts: StreamParts[R], transport: AsyncTransport) -> None:
        self._running: RunningCalls | None = None  # functions that report progress run while the reader reads
        super().__init__(parts, transport)  # which a token that is cancelled already stops
        self._transport = transport

    async def __anext__(self, _loop: object = None) -> R:
        # ``_loop`` is the loop that waits: it must live until this returns, even if nothing else refers to it.
        if self._closed:  # even if more had arrived than was read
            self._check_closed()
            raise StopAsyncIteration
        machine = self._machine
        try:
            while True:
                step = machine.next_step(self._clock())
                if type(step) not in STEPS:
                    for hook in self._hooks:
                        outcome = hook(cast("R", step))
                        if isawaitable(outcome):
                            await outcome
                    return cast("R", step)
                if type(step) is Stop:
                    break
                try:
                    if type(step) is Read:  # by far the most common step
                        machine.received(await self._reading.read(step.timeout), self._clock())
                    else:
                        await self._do(cast("Step", step))
                except TransportError as problem:
                    machine.failed(problem, self._clock())
            self._release_body()
            try:
                self._end(step.error)
            finally:
                del step  # which holds the error, whose traceback holds this frame
        except BaseException:  # a cancelled task above all: the connection is closed before the error leaves
            self.close()
            raise
        self._is_read = not self._closed  # a stopped stream just ends, as often as it is asked
        raise StopAsyncIteration

    async def open(self) -> Self:
        """Send the request and wait until the server accepts it. A loop does that, too.

        Raises:
            HeadwaterError: if it does not.
        """
        try:
            while not self._machine.is_open and not self._closed:
                step = self._machine.next_step(self._clock())
                try:
                    await self._do(cast("Step", step))
                except TransportError as problem:
                    self._machine.failed(problem, self._clock())
        except BaseException:
            self.close()
            raise
        if self._snapshot.is_over:  # refused, or cancelled: the step that ends the call says so
            with suppress(StopAsyncIteration):
                await anext(self)
        return self

    async def _do(self, step: Step) -> None:
        match step:
            case Open(request, timeout):
                self._opening()
                self._release_body()
                # A cancel during ``open`` is not lost: the machine stops at its next step, which releases this body.
                self._body = body = await self._transport.open(request, timeout, self._waiting)
                self._machine.opened(body.status, body.headers, self._clock())
            case Read(timeout):
                self._machine.received(await self._reading.read(timeout), self._clock())
            case Pause(seconds, timeout):
                await self._pause(seconds, timeout)
            case Wait(seconds):
                sleep = getattr(self._transport, "sleep", None)  # of a transport with a time of its own
                await (_sleep(seconds, self._waiting) if sleep is None else sleep(seconds))
            case Run(calls):
                self._release_body()
                await self._call(calls)
            case Close():
                self._release_body()

    async def _pause(self, seconds: float, timeout: float | None) -> None:
        body = self._reading
        if await body.wait(seconds):
            self._machine.received(await body.read(timeout), self._clock())
        else:
            self._machine.waited(self._clock())

    async def _call(self, calls: list[FunctionCall]) -> None:
        """Call the functions, or wait on for those that run; if the stream is cancelled meanwhile, so are they."""
        import asyncio  # here and below, so that sync programs do not load asyncio

        from headwater.client.tools.calls import RunningCalls

        machine, running = self._machine, self._running
        if running is None:
            running = RunningCalls(calls, self._functions, reports_progress=machine.reports_events)
            self._running = running
        try:
            with self._waiting.on(running.cancel):
                outcome = await running.next()
            if not isinstance(outcome, list):
                return machine.progressed(outcome)
            self._running = None
            machine.answered(outcome, self._clock())
        except asyncio.CancelledError:
            # Either the stream was closed, which cancelled the functions and is the machine's to report; or this very
            # task was cancelled from outside, which must not be swallowed.
            me = asyncio.current_task()
            if not self._closed or (me is not None and me.cancelling()):
                raise
        return None

    def _stop(self, reason: str) -> None:
        super()._stop(reason)
        if self._running is not None:  # between two reports nobody waits for the functions
            self._running.cancel()


class AsyncAnswerStream(AsyncUnaryCall[R], Generic[R, A]):
    """An answer of type ``A`` that is being received as results of type ``R``.

    Leaving the loop closes the connection, and so does the end of an ``async with`` block. ``text`` and ``response``
    hold what has arrived so far, also after an error; ``collect()`` reads to the end and returns the whole answer.
    """

    def __aiter__(self) -> AsyncIterator[R]:
        return _Loop(self)

    @property
    def response(self) -> A:
        """The answer so far as one object: its text merged, its usage the latest.

        If functions were called, it is the last answer; that of ``generate_content_stream`` has the rest in its
        ``automatic_function_calling_history``.
        """
        return cast("A", super().response)

    def events(self) -> AsyncIterator[Event]:
        """Yield what happens, one typed event at a time, for ``match``. The last is ``End``.

        Raises:
            HeadwaterError: after ``End``, if the stream ended with an error.
        """
        translator = self._translator()
        return _Mapped(self, translator.events, lambda: translator.end(self.ending), reports_events=True)

    @overload
    def items(self, path: str | Sequence[str] = (), *, type: type[T]) -> AsyncIterator[T]: ...

    @overload
    def items(self, path: str | Sequence[str] = (), *, type: Any = None) -> AsyncIterator[Any]: ...

    def items(self, path: str | Sequence[str] = (), *, type: Any = None) -> AsyncIterator[Any]:
        """Yield the elements of an array in the answer's JSON, each as soon as it is complete. See ``Stream.items``."""
        items = self._items(path, type)
        return _Mapped(self, items.take, lambda: items.end(is_whole=self._is_whole))

    @property
    def text_stream(self) -> AsyncIterator[str]:
        """The answer's text, piece by piece, without thoughts."""
        text_of = self._text_of
        return _Mapped(self, lambda result: [text] if (text := text_of(result)) else [], lambda: ())

    async def aclose(self) -> None:
        """Close the stream, and give the event loop the chance to carry it out."""
        from asyncio import sleep

        self.close()
        await sleep(0)

    async def collect(self) -> A:
        """Read to the end and return the whole answer.

        Raises:
            HeadwaterError: if the answer is incomplete; its ``partial`` is what had arrived.
        """
        if not self._is_read:
            async for _ in self:
                pass
        return self.response

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class AsyncStream(AsyncAnswerStream[GenerateContentResponse, GenerateContentResponse]):
    """An answer that is being received: iterate over its chunks.

    Leaving the loop closes the connection, and so does the end of an ``async with`` block. ``text`` and ``response``
    hold what has arrived so far, also after an error; ``collect()`` reads to the end and returns the whole answer.
    """


class _Loop(AsyncIterator[R]):
    """One ``async for`` over a stream. Dropped when the loop is left, even by ``break``, and the connection with it."""

    # Not an async generator: one that is left by ``break`` is not finalized at once but by the event loop, later.

    def __init__(self, stream: AsyncAnswerStream[R, Any], *, reports_events: bool = False) -> None:
        self._stream = stream
        self._next = stream.__anext__
        stream._begin_loop(reports_events=reports_events)

    def __anext__(self) -> Coroutine[Any, Any, R]:
        return self._next(self)

    def __del__(self) -> None:
        self._stream.close()


class _Mapped(AsyncIterator[M]):
    """What is derived from the chunks of a stream: events, items, text."""

    def __init__(
        self,
        stream: AsyncAnswerStream[Any, Any],
        make: Callable[[Any], Iterable[M]],
        end: Callable[[], Iterable[M]],
        *,
        reports_events: bool = False,
    ) -> None:
        self._begin = partial(_Loop, stream, reports_events=reports_events)
        self._loop: _Loop[Any] | None = None  # made late: an iterator that was never used must not close the stream
        self._make = make
        self._end = end
        self._ready: deque[M] = deque()
        self._error: BaseException | None = None

    async def __anext__(self) -> M:
        while not self._ready:
            if self._error is not None:
                error, self._error = self._error, StopAsyncIteration()
                try:
                    raise error
                finally:
                    del error  # as in ``BaseStream._end``
            try:
                if self._loop is None:
                    self._loop = self._begin()
                self._ready.extend(self._make(await anext(self._loop)))
            except (StopAsyncIteration, HeadwaterError) as error:
                self._error = error
                try:
                    self._ready.extend(self._end())
                except HeadwaterError as another:
                    self._error = another
        return self._ready.popleft()


async def _sleep(seconds: float, waiting: WaitInterrupter) -> None:
    import asyncio

    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    with waiting.on(lambda: loop.call_soon_threadsafe(woken.set)), suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()


class AsyncCaller:
    """Makes calls with the settings of one client. Transports are made when they are first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._transports: dict[tuple[bool, int], AsyncTransport] = {}

    def stream(
        self,
        request: HttpRequest,
        config: GenerateContentConfig,
        options: StreamOptions,
        *,
        on_end: Callable[[BaseStream[GenerateContentResponse]], None] | None = None,
        dialect: Dialect[Any] = ANSWERS,
        after: int = 0,
        name: str | None = None,
    ) -> AsyncStream:
        """Return the stream of the answer to ``request``, spoken in ``dialect``.

        A stored stream that exists already has a ``name``; ``after`` of its documents were read before.
        """
        parts = build_stream(
            self.settings,
            dialect,
            request,
            config,
            options,
            is_async=True,
            entry=StreamEntry(name=name, after=after),
            on_end=on_end,
        )
        return AsyncStream(parts, self.transport(request))

    async def ask(
        self, request: HttpRequest, config: GenerateContentConfig, options: CallOptions
    ) -> GenerateContentResponse:
        """Return the whole answer to ``request``; functions given as tools are called on the way."""
        parts = build_answer(self.settings, ANSWERS, request, config, options, is_async=True)
        return with_body(with_parsed(await self.run(parts, request), config), config)

    async def call(
        self,
        dialect: Dialect[R],
        request: HttpRequest,
        http_options: HttpOptions | None,
        options: CallOptions = _NO_OPTIONS,
        *,
        tokens: AccessTokens | None = None,
    ) -> R:
        """Return the one result of ``request``, signed with the client's credentials or with ``tokens``."""
        parts = build_call(self.settings, dialect, request, http_options, options)
        return await self.run(parts, request, tokens)

    async def run(self, parts: StreamParts[R], request: HttpRequest, tokens: AccessTokens | None = None) -> R:
        """Make a call with one result, and return it."""
        transport = self.transport(request)
        call = AsyncUnaryCall(parts, transport if tokens is None else AsyncAuthorizedTransport(transport, tokens))
        try:
            return await anext(call)
        finally:
            call.close()

    async def close(self) -> None:
        """Close the idle connections of the running event loop; running streams are not affected."""
        for transport in self._transports.values():
            await transport.close()

    def transport(self, request: HttpRequest) -> AsyncTransport:
        """Return what carries ``request``."""
        if self.settings.transports is not None:
            return self.settings.transports.aio
        offline = is_offline(request.url)
        # Looked up each time: frameworks put another client in its place (``client._api_client._http_options``).
        options = self.settings.options
        client = None if offline else options.httpx_async_client or options.aiohttp_client
        key = (offline, id(client))
        transport = self._transports.get(key)
        if transport is None:
            transport = self._transports.setdefault(key, _make_transport(offline, self.settings))
        return transport


def _make_transport(offline: bool, settings: Settings) -> AsyncTransport:
    if offline:
        from headwater.transport.offline import AsyncOfflineTransport

        return AsyncOfflineTransport()
    from headwater.client.request.http_clients import HttpArguments, make_async_transport

    arguments = settings.http_arguments[1] if settings.http_arguments is not None else HttpArguments()
    transport = make_async_transport(settings.options, arguments)
    return transport if settings.tokens is None else AsyncAuthorizedTransport(transport, settings.tokens)

"""The sync shell: carries out the steps of a machine, blocking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast, overload

from headwater.client.options.call_options import CallOptions, StreamOptions
from headwater.client.request.credentials import AccessTokens, AuthorizedTransport
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
from headwater.transport.base import Latch, Transport
from headwater.types import FunctionCall, GenerateContentConfig, GenerateContentResponse, HttpOptions, Part

R = TypeVar("R")
T = TypeVar("T")
A = TypeVar("A")
_NO_OPTIONS: CallOptions = {}


class UnaryCall(BaseStream[R]):
    """One call on a transport. ``next`` returns its result; a stream is one with many."""

    def __init__(self, parts: StreamParts[R], transport: Transport) -> None:
        super().__init__(parts, transport)
        self._transport = transport

    def __next__(self) -> R:
        if self._closed:  # even if more had arrived than was read
            self._check_closed()
            raise StopIteration
        machine = self._machine
        try:
            while True:
                step = machine.next_step(self._clock())
                if type(step) not in STEPS:
                    for hook in self._hooks:
                        hook(cast("R", step))
                    return cast("R", step)
                if type(step) is Stop:
                    break
                try:
                    if type(step) is Read:  # by far the most common step
                        machine.received(self._reading.read(step.timeout), self._clock())
                    else:
                        self._do(cast("Step", step))
                except TransportError as problem:
                    machine.failed(problem, self._clock())
            self._release_body()
            try:
                self._end(step.error)
            finally:
                del step  # which holds the error, whose traceback holds this frame
        except BaseException:  # Ctrl-C above all: the connection is closed before the error leaves
            self.close()
            raise
        self._is_read = not self._closed  # a stopped stream just ends, as often as it is asked
        raise StopIteration

    def open(self) -> Self:
        """Send the request and wait until the server accepts it. A loop does that, too.

        Raises:
            HeadwaterError: if it does not.
        """
        try:
            while not self._machine.is_open and not self._closed:
                step = self._machine.next_step(self._clock())
                try:
                    self._do(cast("Step", step))
                except TransportError as problem:
                    self._machine.failed(problem, self._clock())
        except BaseException:
            self.close()
            raise
        if self._snapshot.is_over:  # refused, or cancelled: the step that ends the call says so
            with suppress(StopIteration):
                next(self)
        return self

    def _do(self, step: Step) -> None:
        match step:
            case Open(request, timeout):
                self._opening()
                self._release_body()
                # A cancel during ``open`` is not lost: the machine stops at its next step, which releases this body.
                self._body = body = self._transport.open(request, timeout, self._waiting)
                self._machine.opened(body.status, body.headers, self._clock())
            case Read(timeout):
                self._machine.received(self._reading.read(timeout), self._clock())
            case Pause(seconds, timeout):
                self._pause(seconds, timeout)
            case Wait(seconds):
                self._sleep(seconds)
            case Run(calls):
                self._release_body()
                self._machine.answered(self._call(calls), self._clock())
            case Close():
                self._release_body()

    def _sleep(self, seconds: float) -> None:
        sleep = getattr(self._transport, "sleep", None)  # of a transport with a time of its own
        woken = Latch()
        with self._waiting.on(woken.open):
            (sleep or woken.wait)(seconds)

    def _pause(self, seconds: float, timeout: float | None) -> None:
        body = self._reading
        if body.wait(seconds):
            self._machine.received(body.read(timeout), self._clock())
        else:
            self._machine.waited(self._clock())

    def _call(self, calls: list[FunctionCall]) -> list[Part]:
        from headwater.client.tools.calls import plan_calls, run_calls  # here, because few programs need it

        return run_calls(plan_calls(calls, self._functions))


class AnswerStream(UnaryCall[R], Generic[R, A]):
    """An answer of type ``A`` that is being received as results of type ``R``.

    Leaving the loop closes the connection, and so does the end of a ``with`` block. ``text`` and ``response`` hold what
    has arrived so far, even after an error; ``collect()`` reads to the end and returns the whole answer.
    """

    def __iter__(self) -> Iterator[R]:
        self._begin_loop(reports_events=False)
        try:
            while True:
                try:
                    chunk = next(self)
                except StopIteration:
                    return
                yield chunk
        finally:
            self.close()

    def collect(self) -> A:
        """Read to the end and return the whole answer.

        Raises:
            HeadwaterError: if the answer is incomplete; its ``partial`` is what had arrived.
        """
        if not self._is_read:
            for _ in self:
                pass
        return self.response

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def response(self) -> A:
        """The answer so far as one object: its text merged, its usage the latest.

        If functions were called, it is the last answer; that of ``generate_content_stream`` has the rest in its
        ``automatic_function_calling_history``.
        """
        return cast("A", super().response)

    def events(self) -> Iterator[Event]:
        """Yield what happens, one typed event at a time, for ``match``. The last is ``End``.

        Raises:
            HeadwaterError: after ``End``, if the stream ended with an error.
        """
        translator = self._translator()
        self._begin_loop(reports_events=True)
        try:
            while True:
                try:
                    result = next(self)
                except StopIteration:
                    yield from translator.end(self.ending)
                    return
                except HeadwaterError:
                    yield from translator.end(self.ending)
                    raise
                yield from translator.events(result)
        finally:
            self.close()

    @overload
    def items(self, path: str | Sequence[str] = (), *, type: type[T]) -> Iterator[T]: ...

    @overload
    def items(self, path: str | Sequence[str] = (), *, type: Any = None) -> Iterator[Any]: ...

    def items(self, path: str | Sequence[str] = (), *, type: Any = None) -> Iterator[Any]:
        """Yield the elements of an array in the answer's JSON, each as soon as it is complete, as a ``type``.

        ``path`` leads to the array: ``()`` is the answer itself, ``"steps"`` the array of that name in it, ``("plan",
        "steps")`` one level down. If ``response_schema`` is a ``list[...]``, its element type is the default.

        Raises:
            ParseError: if the answer is not JSON, or an element does not fit ``type``.
        """
        items = self._items(path, type)
        for chunk in self:
            yield from items.take(chunk)
        yield from items.end(is_whole=self._is_whole)

    @property
    def text_stream(self) -> Iterator[str]:
        """The answer's text, piece by piece, without thoughts."""
        for result in self:
            if text := self._text_of(result):
                yield text


class Stream(AnswerStream[GenerateContentResponse, GenerateContentResponse]):
    """An answer that is being received: iterate over its chunks.

    Leaving the loop closes the connection, and so does the end of a ``with`` block. ``text`` and ``response`` hold what
    has arrived so far, even after an error; ``collect()`` reads to the end and returns the whole answer.
    """


class Caller:
    """Makes calls with the settings of one client. Transports are made when they are first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._transports: dict[tuple[bool, int], Transport] = {}

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
    ) -> Stream:
        """Return the stream of the answer to ``request``, spoken in ``dialect``.

        A stored stream that exists already has a ``name``; ``after`` of its documents were read before.
        """
        parts = build_stream(
            self.settings,
            dialect,
            request,
            config,
            options,
            is_async=False,
            entry=StreamEntry(name=name, after=after),
            on_end=on_end,
        )
        return Stream(parts, self.transport(request))

    def ask(self, request: HttpRequest, config: GenerateContentConfig, options: CallOptions) -> GenerateContentResponse:
        """Return the whole answer to ``request``; functions given as tools are called on the way."""
        parts = build_answer(self.settings, ANSWERS, request, config, options, is_async=False)
        return with_body(with_parsed(self.run(parts, request), config), config)

    def call(
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
        return self.run(parts, request, tokens)

    def run(self, parts: StreamParts[R], request: HttpRequest, tokens: AccessTokens | None = None) -> R:
        """Make a call with one result, and return it."""
        transport = self.transport(request)
        call = UnaryCall(parts, transport if tokens is None else AuthorizedTransport(transport, tokens))
        try:
            return next(call)
        finally:
            call.close()

    def close(self) -> None:
        """Close the idle connections; running streams are not affected."""
        for transport in self._transports.values():
            transport.close()

    def transport(self, request: HttpRequest) -> Transport:
        """Return what carries ``request``."""
        if self.settings.transports is not None:
            return self.settings.transports.sync
        offline = is_offline(request.url)
        # Looked up each time: frameworks put another client in its place (``client._api_client._http_options``).
        options = self.settings.options
        client = None if offline else options.httpx_client
        key = (offline, id(client))
        transport = self._transports.get(key)
        if transport is None:
            transport = self._transports.setdefault(key, _make_transport(offline, self.settings))
        return transport


def _make_transport(offline: bool, settings: Settings) -> Transport:
    if offline:
        from headwater.transport.offline import OfflineTransport

        return OfflineTransport()
    from headwater.client.request.http_clients import HttpArguments, make_transport

    arguments = settings.http_arguments[0] if settings.http_arguments is not None else HttpArguments()
    transport = make_transport(settings.options, arguments)
    return transport if settings.tokens is None else AuthorizedTransport(transport, settings.tokens)

"""The sync shell: does what the machine says, one blocking step at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from headwater.client.base import ANSWERS, BaseStream, W, make_machine
from headwater.client.settings import Settings, is_offline
from headwater.core.gemini import Gemini
from headwater.core.machine import Machine
from headwater.core.steps import STEPS, Close, HttpRequest, Open, Read, Step, Stop, TransportError, Wait
from headwater.transport.base import Body, Latch, Transport
from headwater.types import GenerateContentResponse, HttpOptions

R = TypeVar("R")
_clock = time.monotonic


class Call(BaseStream[R]):
    """One call carried out on a transport."""

    def __init__(
        self,
        machine: Machine[R],
        transport: Transport,
        *,
        on_end: Callable[[BaseStream[R]], None] | None = None,
    ) -> None:
        super().__init__(machine, on_end=on_end)
        self._transport = transport

    def __next__(self) -> R:
        if self._closed:  # also where more had arrived than was read
            raise StopIteration
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
                        body = cast("Body | None", self._body)  # none where another thread has let it go
                        machine.received(body.read(step.timeout) if body else b"", _clock())
                    else:
                        self._do(cast("Step", step))
                except TransportError as problem:
                    machine.failed(problem, _clock())
            self._let_go()
            self._end(step.error)
        except BaseException:  # Ctrl-C above all: the connection goes before the error leaves
            self.close()
            raise
        raise StopIteration

    def _do(self, step: Step) -> None:
        match step:
            case Open(request, timeout):
                self._let_go()
                self._body = body = self._transport.open(request, timeout, self._waiting)
                self._machine.opened(body.status, body.headers, _clock())
            case Wait(seconds):
                woken = Latch()
                with self._waiting.on(woken.open):
                    woken.wait(seconds)
            case Close():
                self._let_go()


class Stream(Call[GenerateContentResponse]):
    """An answer on its way: iterate over its chunks.

    Leaving the loop closes the connection, and so does the end of a ``with`` block. ``text`` and ``response`` hold what
    has come so far, also after an error; ``collect()`` reads to the end and returns the whole answer as one response.
    """

    def __iter__(self) -> Iterator[GenerateContentResponse]:
        try:
            while True:
                try:
                    chunk = next(self)
                except StopIteration:
                    return
                yield chunk
        finally:
            self.close()

    def collect(self) -> GenerateContentResponse:
        """Read to the end and return the whole answer.

        Raises:
            HeadwaterError: the answer did not come to its end; ``partial`` is what had come.
        """
        for _ in self:
            pass
        return self.response

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Caller:
    """Makes calls with one client's settings; its transports come into being when they are first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._transports: dict[bool, Transport] = {}

    def stream(
        self,
        request: HttpRequest,
        options: HttpOptions | None,
        on_end: Callable[[BaseStream[GenerateContentResponse]], None] | None = None,
        dialect: Gemini[Any] = ANSWERS,
    ) -> Stream:
        """Return the stream of the answer to ``request``; ``dialect`` says how its chunks are read."""
        machine = make_machine(dialect, request, self.settings, options, stream=True)
        return Stream(machine, self._transport(request), on_end=on_end)

    def call(self, dialect: Gemini[W], request: HttpRequest, options: HttpOptions | None) -> W:
        """Return the one result of ``request``."""
        call = Call(make_machine(dialect, request, self.settings, options), self._transport(request))
        try:
            return next(call)
        finally:
            call.close()

    def close(self) -> None:
        """Close the idle connections; streams that run go on."""
        for transport in self._transports.values():
            transport.close()

    def _transport(self, request: HttpRequest) -> Transport:
        offline = is_offline(request.url)
        transport = self._transports.get(offline)
        if transport is None:
            transport = self._transports.setdefault(offline, _make_transport(offline))
        return transport


def _make_transport(offline: bool) -> Transport:
    if offline:
        from headwater.transport.offline import OfflineTransport

        return OfflineTransport()
    from headwater.transport.sync import UrllibTransport

    return UrllibTransport()

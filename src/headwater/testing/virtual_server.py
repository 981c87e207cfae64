"""``virtual()``: a script that headwater's client plays in-process, on a clock that does not wait.

A minute of silence passes in no time, and the deadlines, retries and pauses of a call happen at the very second that
they say. Nothing is sent anywhere.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headwater.core.machine.steps import TransportError
from headwater.core.wire.request import HttpRequest
from headwater.testing.actions import Action, Line, Silence, attempts
from headwater.testing.loopback import Request
from headwater.testing.playing import REDIRECTED, Closing, Data, Head, Output, play
from headwater.transport.base import WaitInterrupter


def virtual(*lines: Line | list[Line]) -> VirtualServer:
    """Return a script for ``genai.Client(transport=...)``; ``lines`` are those of ``script``.

        server = virtual("Hel", stall())
        client = genai.Client(api_key="any", transport=server)

    Raises:
        UsageError: if a line is neither text nor an action.
    """
    return VirtualServer(attempts(lines))


class VirtualServer:
    """Plays one list of actions for each request, the last one for all that follow. Made by ``virtual``.

    ``now`` is its time in seconds, which begins at 0 and passes only while a client waits. ``requests`` are the
    requests so far, ``said`` is the text that was sent in answer to the last one.
    """

    def __init__(self, scripts: Sequence[Sequence[Action]]) -> None:
        self._scripts = scripts
        self.now = 0.0
        self.requests: list[Request] = []
        self.said = ""
        self.sync = _VirtualTransport(self)
        self.aio = _AsyncVirtualTransport(self)

    def open(self, request: HttpRequest, timeout: float | None) -> VirtualBody:
        """Return the response to a request, once its head is there.

        Raises:
            TransportError: if it is not there within ``timeout``, or the script has none.
        """
        # "offline:instant" may be the base URL as well as "https://host": the environment of tests often says so.
        path = "/" + request.url.partition(":")[2].removeprefix("//").partition("/")[2]
        asked = Request(request.method, path, {k.lower(): v for k, v in request.headers.items()}, request.body or b"")
        is_redirected = REDIRECTED in path
        number = len(self.requests) - is_redirected
        if not is_redirected:
            self.requests.append(asked)
        self.said = ""
        body = VirtualBody(self, play(self._scripts[min(number, len(self._scripts) - 1)], asked))
        body.begin(timeout)
        return body


class VirtualBody:
    """A response whose pieces are there when their time has come."""

    status = 0
    headers: Mapping[str, str] = {}

    def __init__(self, server: VirtualServer, outputs: Iterator[Output]) -> None:
        self._server = server
        self._outputs = outputs
        self._next: Output | None = None
        self._due = server.now
        self._is_aborted = False

    def begin(self, timeout: float | None) -> None:
        """Take the head.

        Raises:
            TransportError: if the script cuts the connection before a head.
        """
        output = self._take(timeout)
        if not isinstance(output, Head):
            raise TransportError("connect", "the script cut the connection")
        self.status, self.headers = output.status, dict(output.headers)

    def read(self, timeout: float | None) -> bytes:
        """Return the next piece when it is due, ``b""`` at the end."""
        while True:
            match self._take(timeout):
                case Data(data, said):
                    self._server.said += said
                    if data:
                        return data
                case Closing("whole"):
                    return b""
                case _:
                    raise TransportError("lost", "the script cut the connection")

    def wait(self, seconds: float) -> bool:
        """Return whether something has arrived, at the latest after ``seconds``."""
        self._look()
        return self._pass(seconds)

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def abort(self) -> None:
        """Let the next read fail. May be called from any thread."""
        self._is_aborted = True

    def _take(self, timeout: float | None) -> Output:
        output = self._look()
        if not self._pass(math.inf if timeout is None else timeout):
            raise TransportError("timeout", f"{timeout:g} s")
        self._next = None
        return output

    def _look(self) -> Output:
        """The next thing that is not a silence, and in ``_due`` when it comes."""
        if self._is_aborted:
            raise TransportError("aborted", "the read was aborted")
        while self._next is None:
            output = next(self._outputs)
            if isinstance(output, Silence):
                self._due = max(self._due, self._server.now) + output.seconds
            else:
                self._next = output
        return self._next

    def _pass(self, seconds: float) -> bool:
        """Let the time pass until the next thing is due, at most ``seconds``; return whether it is."""
        end = self._server.now + seconds
        self._server.now = max(self._server.now, min(self._due, end))
        return self._due <= end


class _VirtualTransport:
    """The script as a transport, with its time."""

    def __init__(self, server: VirtualServer) -> None:
        self._server = server

    def clock(self) -> float:
        """Return the time of the script."""
        return self._server.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._server.now += seconds

    def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> VirtualBody:
        """Return the response to a request."""
        return self._server.open(request, timeout)

    def close(self) -> None:
        """Do nothing: there is no connection."""


class _AsyncVirtualBody:
    """``VirtualBody`` for coroutines; other tasks get a turn at each wait."""

    def __init__(self, body: VirtualBody) -> None:
        self.status, self.headers = body.status, body.headers
        self._body = body
        self.close, self.abort = body.close, body.abort

    async def read(self, timeout: float | None) -> bytes:
        """Return the next piece when it is due, ``b""`` at the end."""
        await asyncio.sleep(0)
        return self._body.read(timeout)

    async def wait(self, seconds: float) -> bool:
        """Return whether something has arrived, at the latest after ``seconds``."""
        await asyncio.sleep(0)
        return self._body.wait(seconds)


class _AsyncVirtualTransport:
    """``_VirtualTransport`` for coroutines."""

    def __init__(self, server: VirtualServer) -> None:
        self._server = server

    def clock(self) -> float:
        """Return the time of the script."""
        return self._server.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._server.now += seconds
        await asyncio.sleep(0)

    async def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> Any:
        """Return the response to a request."""
        await asyncio.sleep(0)
        return _AsyncVirtualBody(self._server.open(request, timeout))

    async def close(self) -> None:
        """Do nothing: there is no connection."""

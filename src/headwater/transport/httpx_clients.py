"""Transports over an httpx (or httpx2) client that the user passed, for its mock transports, hooks and middleware.

Nothing here imports httpx: what is used of a client is the same in both packages, and in those who imitate them.
"""

# Theory of operation: an httpx client that can be stopped
#
# httpx has one read timeout per request and no way to wake a read, while a machine sets a timeout for each read and may
# be cancelled at any moment. So a sync request runs in a thread of its own, which sends it, hands over the head, and
# then reads one piece for each that is asked for: nothing is read ahead, and a slow reader slows the server down. The
# reader waits for the piece on a queue, and so with any timeout; ``abort`` puts a mark into that queue.
#
# The thread itself is woken by cutting the socket, which httpx shows once the head is there. Before that it ends by the
# timeout for the head. After the head, that timeout is taken away again: it would be the limit of every later read.
# With HTTP/2 the socket carries other streams too and is left alone; then the thread ends with the next piece.
#
# The async side needs no thread: a task is cancelled instead. A read that timed out keeps its task, so nothing is lost
# if the reader was only looking (``wait``).
#
# Pools, authentication and cookies stay the client's. It is closed here only if it was made here.

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import socket
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Never

from headwater.core.machine.steps import TransportError
from headwater.core.wire.request import HttpRequest
from headwater.transport.base import CONNECT_TIMEOUT, WaitInterrupter, timeout_text

_PACKAGES = ("httpx", "httpx2")
#: What a queue holds after ``abort``.
_ABORTED = TransportError("aborted", "the request was aborted")


class HttpxBody:
    """A response that a thread of its own reads."""

    def __init__(self, exchange: _Exchange, response: Any) -> None:
        self.status, self.headers = response.status_code, _lower(response.headers)
        self._exchange = exchange

    def read(self, timeout: float | None) -> bytes:
        """Return some bytes as soon as there are any, ``b""`` at the end."""
        data: bytes = self._exchange.take(timeout)
        return data

    def wait(self, seconds: float) -> bool:
        """Return whether there is something to read, at the latest after ``seconds``."""
        return self._exchange.look(seconds)

    def close(self) -> None:
        """Release the connection; the client keeps it if the body was read to its end."""
        self._exchange.abort()

    def abort(self) -> None:
        """Cut the connection, from any thread."""
        self._exchange.abort()


class HttpxTransport:
    """Opens requests with a sync client of httpx."""

    def __init__(self, client: Any, *, is_own: bool = False) -> None:
        self._client = client
        self._is_own = is_own

    def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> HttpxBody:
        """Send ``request`` and return the response as soon as its head has arrived."""
        exchange = _Exchange(self._client, request, timeout)
        try:
            with waiting.on(exchange.abort):
                return HttpxBody(exchange, exchange.take(timeout))
        except BaseException:  # Ctrl-C, too: the thread must not run on without a reader
            exchange.abort()
            raise

    def close(self) -> None:
        """Close the client, unless it is the user's."""
        if self._is_own:
            self._client.close()


class _Exchange:
    """One request in a thread: its results are the response, pieces of the body, and the error that ended it."""

    def __init__(self, client: Any, request: HttpRequest, timeout: float | None) -> None:
        self._client = client
        self._request = request
        self._timeout = timeout
        self._results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._demands: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._kept: list[Any] = []  # what ``look`` has found
        self._is_demanded = True  # the head, which nobody has to ask for
        self._is_ended = False
        self._is_aborted = False
        self._response: Any = None
        # The caller's context: tracing and mocking libraries keep what is current in it.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run,), name="headwater-httpx", daemon=True).start()

    def take(self, timeout: float | None) -> Any:
        """Return the next result.

        Raises:
            TransportError: if the connection broke, nothing arrived in time, or ``abort`` was called.
        """
        if not self.look(timeout):
            raise TransportError("timeout", timeout_text(timeout))
        self._is_demanded = False
        result = self._kept.pop()
        if self._is_aborted or result is _ABORTED:
            raise TransportError("aborted", "the request was aborted")
        if isinstance(result, BaseException):
            _raise(result)
        self._is_ended = result == b""
        return result

    def look(self, seconds: float | None) -> bool:
        """Return whether there is a result, at the latest after ``seconds``."""
        if self._is_ended and not self._kept:
            self._kept.append(b"")
        if self._kept:
            return True
        if not self._is_demanded:
            self._is_demanded = True
            self._demands.put(True)
        try:
            self._kept.append(self._results.get(timeout=seconds))
        except queue.Empty:
            return False
        return True

    def abort(self) -> None:
        """End the exchange, from any thread; after its end this only lets the thread go."""
        self._is_aborted = True
        if not self._is_ended:
            _cut(self._response)
        self._results.put(_ABORTED)
        self._demands.put(False)

    def _run(self) -> None:
        try:
            self._response = response = self._client.send(
                _built(self._client, self._request, self._timeout), stream=True, follow_redirects=False
            )
        except BaseException as error:  # an assertion of a mock, say: the caller's thread raises it
            self._results.put(error)
            return
        _unlimit(response)
        self._results.put(response)
        try:
            self._feed(response.iter_bytes())
        finally:
            with contextlib.suppress(Exception):  # what a cut connection raises is told by the read
                response.close()

    def _feed(self, pieces: Iterator[bytes]) -> None:
        while self._demands.get() and not self._is_aborted:
            try:
                data = next((piece for piece in pieces if piece), b"")
            except BaseException as error:
                self._results.put(error)
                return
            self._results.put(data)


class AsyncHttpxBody:
    """A response that is read in tasks, so that a read can be given up without losing what arrives."""

    def __init__(self, response: Any) -> None:
        self.status, self.headers = response.status_code, _lower(response.headers)
        self._response = response
        self._pieces = response.aiter_bytes()
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[bytes] | None = None
        self._is_aborted = False
        self._is_ended = False

    async def read(self, timeout: float | None) -> bytes:
        """Return some bytes as soon as there are any, ``b""`` at the end."""
        if not await self._is_ready(timeout):
            raise TransportError("timeout", timeout_text(timeout))
        task, self._task = self._task, None
        if self._is_aborted or task is None or task.cancelled():
            raise TransportError("aborted", "the read was aborted")
        if (error := task.exception()) is not None:
            _raise(error)
        data = task.result()
        self._is_ended = not data
        return data

    async def wait(self, seconds: float) -> bool:
        """Return whether there is something to read, at the latest after ``seconds``."""
        return await self._is_ready(seconds)

    def close(self) -> None:
        """Release the connection; the client keeps it if the body was read to its end."""
        self.abort()

    def abort(self) -> None:
        """Cut the connection, from any thread."""
        if self._is_ended:
            return
        self._is_aborted = True
        _cut(self._response)
        with contextlib.suppress(RuntimeError):  # the loop is closed, and everything in it
            self._loop.call_soon_threadsafe(self._give_up)

    async def _is_ready(self, seconds: float | None) -> bool:
        if self._is_aborted:
            return True
        if self._task is None:
            self._task = asyncio.ensure_future(self._next())
            self._task.add_done_callback(_look_at)
        done, _ = await asyncio.wait({self._task}, timeout=seconds)
        return bool(done)

    async def _next(self) -> bytes:
        async for data in self._pieces:
            if data:
                return bytes(data)
        return b""

    def _give_up(self) -> None:
        if self._task is not None:
            self._task.cancel()
        # Kept here until it is done: the loop holds tasks weakly.
        self._closing = asyncio.ensure_future(_aclose(self._response))


class AsyncHttpxTransport:
    """Opens requests with an async client of httpx: the one that is passed, or one that is made for each event loop."""

    def __init__(self, client: Any = None, *, make: Callable[[], Any] | None = None) -> None:
        self._client = client
        self._make = make
        # The connections of a client belong to the loop in which they were made.
        self._made: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = weakref.WeakKeyDictionary()

    async def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> AsyncHttpxBody:
        """Send ``request`` and return the response as soon as its head has arrived."""
        loop = asyncio.get_running_loop()
        client: Any = self._client if self._make is None else self._made.get(loop)
        if client is None and self._make is not None:
            client = self._made[loop] = self._make()
        sending = client.send(_built(client, request, timeout), stream=True, follow_redirects=False)
        task = asyncio.ensure_future(sending)
        task.add_done_callback(_look_at)
        try:
            with waiting.on(lambda: loop.call_soon_threadsafe(task.cancel)):
                done, _ = await asyncio.wait({task}, timeout=timeout)
        finally:
            if not task.done():
                task.cancel()
        if not done:
            raise TransportError("timeout", timeout_text(timeout))
        if task.cancelled():
            raise TransportError("aborted", "the request was aborted")
        if (error := task.exception()) is not None:
            _raise(error)
        _unlimit(task.result())
        return AsyncHttpxBody(task.result())

    async def close(self) -> None:
        """Close the client of the running loop, unless it is the user's."""
        client = self._made.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()


def _built(client: Any, request: HttpRequest, timeout: float | None) -> Any:
    """Return ``request`` as the client makes it, with its own headers, cookies and parameters."""
    connect = CONNECT_TIMEOUT if timeout is None else min(timeout, CONNECT_TIMEOUT)
    limits = (connect, timeout, timeout, None)  # connect, read, write, pool
    return client.build_request(
        request.method, request.url, headers=dict(request.headers), content=request.body, timeout=limits
    )


def _unlimit(response: Any) -> None:
    """Take the limit of the head away from the reads of the body, which have limits of their own."""
    limits = response.request.extensions.get("timeout")
    if isinstance(limits, dict):
        limits["read"] = None


def _cut(response: Any) -> None:
    """Shut the socket of ``response`` down, if it is known and not shared. Wakes a read that waits on it."""
    extensions = getattr(response, "extensions", None) or {}
    stream = extensions.get("network_stream")
    if stream is None or extensions.get("http_version") == b"HTTP/2":
        return
    with contextlib.suppress(OSError, AttributeError, RuntimeError):
        stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def _look_at(task: asyncio.Task[Any]) -> None:
    """Retrieve a task's error, because asyncio logs errors that were never retrieved, and the caller has gone."""
    if not task.cancelled():
        task.exception()


async def _aclose(response: Any) -> None:
    with contextlib.suppress(Exception):  # what a cut connection raises is told by the read
        await response.aclose()


def _lower(headers: Any) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _raise(error: BaseException) -> Never:
    """Raise what an error of httpx means for the machine; any other error, a mock's above all, as it is."""
    meaning = _meaning(error)
    if meaning is None:
        raise error
    raise meaning from error


def _meaning(error: BaseException) -> TransportError | None:
    names = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.partition(".")[0] in _PACKAGES}
    text = str(error) or type(error).__name__
    if "TimeoutException" in names:
        return TransportError("timeout", text)
    if names & {"ConnectError", "ProxyError", "UnsupportedProtocol"}:
        return TransportError("connect", text)
    if names & {"RequestError", "StreamError"}:
        return TransportError("lost", text)
    return None

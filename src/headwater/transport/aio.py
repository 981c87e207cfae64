"""The async transport: aiohttp, with one session per event loop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import os
import socket
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping
from contextvars import ContextVar
from typing import Any

import aiohttp

from headwater.core.machine.steps import TransportError
from headwater.core.wire.request import HttpRequest
from headwater.transport.aio_protocol import HeadFirstProtocol
from headwater.transport.base import (
    CONNECT_TIMEOUT,
    CUT_SHORT,
    READ_BYTES,
    WaitInterrupter,
    connect_problem,
    timeout_text,
)
from headwater.transport.network import ENVIRONMENT, Network

_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=None)

#: Whether the request of this task uses a connection that has served before.
_is_reused: ContextVar[bool] = ContextVar("is_reused", default=False)


class AiohttpBody:
    """An aiohttp response that is read while it arrives."""

    def __init__(self, response: aiohttp.ClientResponse, pool: _Pool) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._stream: Any = response.content
        self._read = response.content.readany
        self._pool = pool
        self._kept: bytes | None = None  # what ``wait`` has read
        self._aborted = False
        self._read_timer = _ReadTimer(response.content.set_exception)
        pool.users.add(self)

    async def read(self, timeout: float | None) -> bytes:
        """Return some bytes as soon as there are any, ``b""`` at the end."""
        if self._kept is not None:
            data, self._kept = self._kept, None
            return data
        try:
            self._read_timer.begin(timeout)
            data = await self._read()
        except (aiohttp.ClientError, OSError, EOFError, RuntimeError) as error:
            if unread := self._unread():
                return unread  # the error is raised by the next read
            raise self._explain(error, timeout) from error
        finally:
            self._read_timer.rest()
        if self._aborted:
            raise TransportError("aborted", "the read was aborted")
        return data

    async def wait(self, seconds: float) -> bool:
        """Return whether there is something to read, at the latest after ``seconds``."""
        try:
            async with asyncio.timeout(seconds) as limit:
                if self._kept is None:  # a cancelled ``readany`` loses nothing
                    self._kept = await self._read()
        except (aiohttp.ClientError, OSError, EOFError, RuntimeError) as error:
            if isinstance(error, TimeoutError) and limit.expired():
                return False
            self._kept = self._unread() or None
            if self._kept is not None:
                return True
            raise self._explain(error, seconds) from error
        if self._aborted:
            raise TransportError("aborted", "the read was aborted")
        return True

    def _unread(self) -> bytes:
        """What arrived before an error, which aiohttp would keep to itself."""
        return b"" if self._aborted or not self._stream._buffer else self._stream._read_nowait(-1)

    def close(self) -> None:
        """Release the connection: back to the pool after the end, closed before it."""
        if self._response.content.at_eof():
            self._read_timer.end()
            self._pool.users.discard(self)
            self._response.release()
        else:
            self.abort()

    def abort(self) -> None:
        """Cut the connection at once, from any thread."""
        self._aborted = True
        self._pool.users.discard(self)
        self._pool.soon(self._read_timer.end)
        self._pool.cut(self._response)

    def _explain(self, error: Exception, timeout: float | None) -> TransportError:
        if self._aborted:
            return TransportError("aborted", "the read was aborted")
        if isinstance(error, TimeoutError):
            return TransportError("timeout", timeout_text(timeout))
        if isinstance(error, RuntimeError):
            raise error
        return TransportError("lost", _sentence(error))


class _ReadTimer:
    """Ends a read that takes too long. One timer for all reads of a body: one per read costs more than the read."""

    def __init__(self, expire: Callable[[BaseException], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._expire = expire
        self._due: float | None = None  # None between two reads
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, timeout: float | None) -> None:
        """Allow the read that begins ``timeout`` seconds."""
        if timeout is not None:
            self._due = self._loop.time() + timeout
            if self._timer is None or self._due < self._timer.when():
                self._set(self._due)

    def rest(self) -> None:
        """Record that no read is waiting."""
        self._due = None

    def end(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, when: float) -> None:
        self.end()
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._loop.time() >= self._due:
            self._expire(TimeoutError())
        else:
            self._set(self._due)


class AiohttpTransport:
    """Opens requests on kept-alive connections: one pool per event loop, which ends with the loop."""

    def __init__(self, network: Network = ENVIRONMENT) -> None:
        self._network = network
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}
        self._process = os.getpid()

    async def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> AiohttpBody:
        """Send ``request`` and return the response as soon as its head has arrived."""
        pool = await self._pool()
        pool.users.add(waiting)
        try:
            async with asyncio.timeout(timeout) as limit:
                with waiting.on(lambda: pool.soon(_expire, limit)):
                    response = await pool.session.request(
                        request.method,
                        request.url,
                        data=_payload(request.body),
                        headers=self._network.complete(request.headers),
                        proxy=self._network.proxy_for(request.url),
                        allow_redirects=False,
                        timeout=_NO_TIMEOUT,  # a session that was passed here has limits of its own
                    )
        except aiohttp.ClientHttpProxyError as error:  # its text contains the password of the proxy
            raise TransportError("connect", f"the proxy answered {error.status} {error.message}") from None
        except aiohttp.ConnectionTimeoutError as error:
            raise TransportError("timeout", timeout_text(CONNECT_TIMEOUT)) from error
        except aiohttp.ClientConnectorError as error:
            by = "the proxy: " if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
            raise TransportError("connect", by + connect_problem(error.os_error)) from error
        except TimeoutError as error:
            if waiting.ended:
                raise TransportError("aborted", "the request was aborted") from error
            raise TransportError("timeout", timeout_text(timeout)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise TransportError("stale" if _is_reused.get() else "lost", _sentence(error)) from error
        finally:
            pool.users.discard(waiting)
        return AiohttpBody(response, pool)

    async def close(self) -> None:
        """Close the connections of the running loop, or, if some are in use, all of them when the last use ends."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None and not pool.users:
            await pool.close()

    async def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        if self._process != os.getpid():  # a forked child must not use its parent's connections
            self._pools, self._process = {}, os.getpid()
        pool = self._pools.get(loop)
        if pool is None or pool.session.closed:
            for other in [known for known in list(self._pools) if known.is_closed()]:
                self._pools.pop(other, None)
            pool = self._pools[loop] = _Pool(loop, self._network)
            await pool.keep()
        return pool


class SessionTransport(AiohttpTransport):
    """Opens requests with a session that the user passed, and that the user closes."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        # Not the environment's proxies: the session has its own, or none.
        super().__init__(Network(uses_environment=False))
        self._session = session

    async def close(self) -> None:
        """Do nothing: the session is the user's."""

    async def _pool(self) -> _Pool:
        return _LentSession(self._session)


class _Pool:
    """The connections of one loop. Bodies hold it too, so that a stream outlives its client."""

    def __init__(self, loop: asyncio.AbstractEventLoop, network: Network) -> None:
        self.users: weakref.WeakSet[object] = weakref.WeakSet()
        self._loop = loop
        self._connector = _Connector(loop, network)
        self.session = aiohttp.ClientSession(connector=self._connector, timeout=_NO_TIMEOUT)
        self._keeper = _close_at_end(self.session)
        weakref.finalize(self, _drop, self.session, self._connector, self._keeper)

    async def keep(self) -> None:
        """Let the loop close the connections at its end: ``asyncio.run`` closes async generators."""
        await anext(self._keeper)

    async def close(self) -> None:
        await self._keeper.aclose()

    def soon(self, do: Any, *args: Any) -> None:
        """Do something in the loop, nothing if the loop is closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(do, *args)

    def cut(self, response: aiohttp.ClientResponse) -> None:
        """Close the connection of ``response``, from any thread."""
        connection = response.connection
        if connection is not None and connection.transport is not None and not self._connector.is_inherited:
            sock = connection.transport.get_extra_info("socket")
            with contextlib.suppress(OSError, TypeError, AttributeError):
                sock.shutdown(socket.SHUT_RDWR)  # now, even if the loop is busy or does not run
        if _running() is self._loop:
            response.close()
        elif self._loop.is_closed():
            self._connector.hang_up()
            if connection is not None:
                connection.close()
            response.close()
        else:
            self.soon(response.close)


class _LentSession(_Pool):
    """A session of the user, with what bodies need of a pool."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.users = weakref.WeakSet()
        self.session = session
        self._loop = asyncio.get_running_loop()

    def cut(self, response: aiohttp.ClientResponse) -> None:
        """Close the connection of ``response``, from any thread."""
        connection = response.connection
        if connection is not None and connection.transport is not None:
            sock = connection.transport.get_extra_info("socket")
            with contextlib.suppress(OSError, TypeError, AttributeError):
                sock.shutdown(socket.SHUT_RDWR)
        if not self._loop.is_closed():
            self.soon(response.close)


class _Connector(aiohttp.TCPConnector):
    """Makes any number of connections, and drops those that were not closed without a warning."""

    def __init__(self, loop: asyncio.AbstractEventLoop, network: Network) -> None:
        super().__init__(limit=0, ssl=network.tls_context())
        self._factory: Any = functools.partial(HeadFirstProtocol, loop=loop)
        self._known: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()
        self._home = loop
        self._process = os.getpid()

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        """Return a connection, and remember its transport."""
        connection = await super().connect(*args, **kwargs)
        _is_reused.set(connection.transport in self._known)
        if connection.transport is not None:
            self._known.add(connection.transport)
            # asyncio asks the kernel for 256 KiB each time and throws most of that memory away.
            with contextlib.suppress(AttributeError):  # not in uvloop
                connection.transport.max_size = READ_BYTES  # type: ignore[attr-defined]
        return connection

    @property
    def is_inherited(self) -> bool:
        """Whether this is a forked child, and the connections are its parent's."""
        return self._process != os.getpid()

    def hang_up(self) -> None:
        """Drop all connections, from any thread, whatever the loop does."""
        for transport in list(self._known):
            if self.is_inherited or self._home.is_closed():
                _close_socket(transport)
            elif _running() is self._home or not self._home.is_running():
                transport.close()
            else:
                with contextlib.suppress(RuntimeError):
                    self._home.call_soon_threadsafe(transport.close)

    def __del__(self, *_: Any) -> None:
        self.hang_up()


def _close_socket(transport: asyncio.BaseTransport) -> None:
    """Close the socket of a transport whose loop is closed or another process's. There is no public way to do it.

    Without it, asyncio warns of a transport that was not closed.
    """
    tls = getattr(transport, "_ssl_protocol", None)
    inner: Any = getattr(tls, "_transport", None) or transport
    with contextlib.suppress(Exception):
        inner._call_connection_lost(None)
    if tls is not None:
        with contextlib.suppress(Exception):
            transport._closed = True  # type: ignore[attr-defined]


def _payload(body: bytes | None) -> io.BytesIO | bytes | None:
    """``body`` for aiohttp, which writes a large one piece by piece only if it is a file."""
    return body if body is None or len(body) < 512 * 1024 else io.BytesIO(body)


def _drop(session: aiohttp.ClientSession, connector: _Connector, keeper: AsyncGenerator[None]) -> None:
    """Drop a pool without owners, without a warning and without a task."""
    if not session.closed:
        session.detach()  # or aiohttp warns of a session that was not closed
        connector.hang_up()
        with contextlib.suppress(StopIteration, RuntimeError):
            keeper.aclose().send(None)  # nothing is left to wait for, so one step is enough


async def _close_at_end(session: aiohttp.ClientSession) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await session.close()


def _expire(limit: asyncio.Timeout) -> None:
    with contextlib.suppress(RuntimeError):  # the block that it limited is over
        limit.reschedule(0)


def _sentence(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.http_exceptions.HttpProcessingError):
        return error.message.partition("\n")[0].rstrip(":") or type(error).__name__
    text = str(error) or type(error).__name__
    return CUT_SHORT if "payload is not completed" in text else text


def _running() -> asyncio.AbstractEventLoop | None:
    with contextlib.suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None

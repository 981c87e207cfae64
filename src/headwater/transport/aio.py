"""The async transport: aiohttp, with one session for each event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Generator, Mapping

import aiohttp

from headwater.core.steps import HttpRequest, TransportError
from headwater.transport.base import CONNECT_TIMEOUT, proxy_for, tls_context

_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=None)


class AiohttpBody:
    """An aiohttp response that is read as it comes."""

    def __init__(self, response: aiohttp.ClientResponse, pool: _Pool) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._read = response.content.readany
        self._loop = pool.loop
        self._pool = pool
        self._aborted = False

    async def read(self, timeout: float | None) -> bytes:
        """Return some bytes as soon as there are any, ``b""`` at the end."""
        try:
            if timeout is None:
                data = await self._read()
            else:
                async with asyncio.timeout(timeout):
                    data = await self._read()
        except (aiohttp.ClientError, OSError, EOFError, RuntimeError) as error:
            raise self._explain(error, timeout) from error
        if not data and self._aborted:
            raise TransportError("aborted", "the read was aborted")
        return data

    def close(self) -> None:
        """Let go of the connection: back to the pool after the end, closed before it."""
        self._response.release() if self._response.content.at_eof() else self.abort()

    def abort(self) -> None:
        """Cut the connection at once, from any thread."""
        self._aborted = True
        if _running() is self._loop:
            self._response.close()
        else:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the connection with it
                self._loop.call_soon_threadsafe(self._response.close)

    def _explain(self, error: Exception, timeout: float | None) -> TransportError:
        if self._aborted:
            return TransportError("aborted", "the read was aborted")
        if isinstance(error, TimeoutError):
            return TransportError("timeout", f"{timeout:g} s")
        if isinstance(error, RuntimeError):
            raise error
        return TransportError("lost", str(error) or type(error).__name__)


class AiohttpTransport:
    """Opens requests on kept-alive connections: a pool for each event loop, which goes when the loop goes."""

    def __init__(self) -> None:
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}
        self._process = os.getpid()

    async def open(self, request: HttpRequest, timeout: float | None) -> AiohttpBody:
        """Send ``request`` and return its answer as soon as the head is there."""
        pool = await self._pool()
        try:
            async with asyncio.timeout(timeout):
                response = await pool.session.request(
                    request.method,
                    request.url,
                    data=request.body,
                    headers=request.headers,
                    proxy=proxy_for(request.url),
                    allow_redirects=False,
                )
        except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError, aiohttp.ClientHttpProxyError) as error:
            raise TransportError("connect", str(error)) from error
        except TimeoutError as error:
            raise TransportError("timeout", f"{timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise TransportError("lost", str(error) or type(error).__name__) from error
        return AiohttpBody(response, pool)

    async def close(self) -> None:
        """Close the connections of the running loop."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()

    async def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        if self._process != os.getpid():  # a forked child must not talk on its parent's connections
            self._pools, self._process = {}, os.getpid()
        pool = self._pools.get(loop)
        if pool is None or pool.session.closed:
            for other in [known for known in self._pools if known.is_closed()]:
                del self._pools[other]
            pool = self._pools[loop] = _Pool(loop)
            await pool.keep()
        return pool


class _Pool:
    """The connections of one loop. Bodies hold it too, so that a stream outlives its client."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._connector = aiohttp.TCPConnector(limit=0, ssl=tls_context())
        self.session = aiohttp.ClientSession(connector=self._connector, timeout=_NO_TIMEOUT)
        self._keeper = _close_at_end(self.session)

    async def keep(self) -> None:
        """Have the loop close the connections at its end (``asyncio.run`` closes async generators)."""
        await anext(self._keeper)

    async def close(self) -> None:
        await self._keeper.aclose()

    def __del__(self) -> None:
        if self.session.closed:
            return
        self.session.detach()  # or aiohttp complains of a session that nobody closed
        waiting = self._connector.close().__await__()
        if isinstance(waiting, Generator):
            waiting.close()


async def _close_at_end(session: aiohttp.ClientSession) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await session.close()


def _running() -> asyncio.AbstractEventLoop | None:
    with contextlib.suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None

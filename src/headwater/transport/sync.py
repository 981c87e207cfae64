"""The sync transport: urllib3, whose blocked reads another thread can wake."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from headwater.core.steps import HttpRequest, TransportError
from headwater.transport.base import CONNECT_TIMEOUT, READ_BYTES, proxy_for, tls_context

#: Idle connections kept for each host. More may be open at once; there is no limit on parallel streams.
_KEPT = 256


class UrllibBody:
    """A urllib3 response that is read as it comes."""

    def __init__(self, response: urllib3.BaseHTTPResponse, timeout: float | None) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._timeout = timeout
        self._aborted = False
        self._ended = False

    def read(self, timeout: float | None) -> bytes:
        """Return some bytes as soon as there are any, ``b""`` at the end."""
        try:
            data = self._response.read1(READ_BYTES, decode_content=True)
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            # ValueError and AttributeError: what urllib3 and http.client stumble over when abort() closes under them
            raise self._explain(error) from error
        if not data:
            if self._aborted:
                raise TransportError("aborted", "the read was aborted")
            self._ended = True
        return data

    def close(self) -> None:
        """Let go of the connection: back to the pool after the end, closed before it."""
        if self._ended:
            self._response.release_conn()
        else:
            self.abort()

    def abort(self) -> None:
        """Cut the connection at once, from any thread."""
        self._aborted = True
        with contextlib.suppress(HTTPError, OSError, ValueError, RuntimeError):
            self._response.shutdown()  # wakes a read that waits in another thread; closing alone does not
        with contextlib.suppress(HTTPError, OSError, ValueError, RuntimeError):
            self._response.close()

    def _explain(self, error: Exception) -> TransportError:
        if self._aborted:
            return TransportError("aborted", "the read was aborted")
        if isinstance(error, ReadTimeoutError | TimeoutError):
            return TransportError("timeout", f"{self._timeout:g} s")
        if isinstance(error, HTTPError | OSError):
            return TransportError("lost", _sentence(error))
        raise error


class UrllibTransport:
    """Opens requests on a pool of kept-alive connections, one pool for each process."""

    def __init__(self) -> None:
        self._pools: dict[str | None, urllib3.PoolManager] = {}
        self._process = os.getpid()
        self._lock = threading.Lock()

    def open(self, request: HttpRequest, timeout: float | None) -> UrllibBody:
        """Send ``request`` and return its answer as soon as the head is there."""
        pool = self._pool(proxy_for(request.url))
        try:
            response = pool.request(
                request.method,
                request.url,
                body=request.body,
                headers=dict(request.headers),
                timeout=urllib3.Timeout(connect=_shorter(timeout), read=timeout),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=True,
            )
        except (HTTPError, OSError) as error:
            raise _explain_open(error, timeout) from error
        return UrllibBody(response, timeout)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.clear()

    def _pool(self, proxy: str | None) -> urllib3.PoolManager:
        with self._lock:
            if self._process != os.getpid():  # a forked child must not talk on its parent's connections
                self._pools, self._process = {}, os.getpid()
            pool = self._pools.get(proxy)
            if pool is None:
                pool = self._pools[proxy] = _make_pool(proxy)
            return pool


def _make_pool(proxy: str | None) -> urllib3.PoolManager:
    if proxy is None:
        return urllib3.PoolManager(maxsize=_KEPT, block=False, ssl_context=tls_context())
    parts = urllib3.util.parse_url(proxy)
    headers = urllib3.make_headers(proxy_basic_auth=parts.auth) if parts.auth else None
    return urllib3.ProxyManager(
        proxy,
        proxy_headers=headers,
        maxsize=_KEPT,
        block=False,
        ssl_context=tls_context(),
        proxy_ssl_context=tls_context(),
    )


def _shorter(timeout: float | None) -> float:
    return CONNECT_TIMEOUT if timeout is None else min(timeout, CONNECT_TIMEOUT)


def _explain_open(error: Exception, timeout: float | None) -> TransportError:
    if isinstance(error, NameResolutionError | NewConnectionError | SSLError | ProxyError | ConnectTimeoutError):
        return TransportError("connect", _sentence(error))
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return TransportError("timeout", f"{timeout:g} s")
    return TransportError("lost", _sentence(error))


def _sentence(error: BaseException) -> str:
    """What went wrong, without the library's object names."""
    inner = error.__cause__ if isinstance(error.__cause__, OSError) else None
    text = str(inner or error)
    return text.rpartition("object at ")[2].partition(">: ")[2] or text

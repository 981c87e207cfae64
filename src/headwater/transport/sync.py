"""The sync transport: urllib3, whose blocked reads another thread can wake."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util.wait import wait_for_read

from headwater.core.steps import HttpRequest, TransportError
from headwater.transport.base import CONNECT_TIMEOUT, CUT_SHORT, READ_BYTES, Waiting, in_words, proxy_for, tls_context

#: Idle connections kept for each host. More may be open at once; there is no limit on parallel streams.
_KEPT = 256


class UrllibBody:
    """A urllib3 response that is read as it comes."""

    def __init__(self, response: urllib3.BaseHTTPResponse, sock: socket.socket, timeout: float | None) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._socket = sock
        self._is_encoded = "content-encoding" in self.headers
        self._timeout = timeout
        self._process = os.getpid()
        self._aborted = False
        self._ended = False

    def read(self, timeout: float | None) -> bytes:
        """Return some bytes as soon as there are any, ``b""`` at the end."""
        try:
            if timeout != self._timeout:
                self._timeout = timeout
                self._socket.settimeout(timeout)
            data = self._response.read1(READ_BYTES, decode_content=self._is_encoded)
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            # ValueError and AttributeError: what urllib3 and http.client stumble over when abort() closes under them
            raise self._explain(error) from error
        if self._aborted:  # also where data came: what TLS reads while its socket is cut is not ours to understand
            raise TransportError("aborted", "the read was aborted")
        self._ended = not data
        return data

    def wait(self, seconds: float) -> bool:
        """Return whether there is something to read, at the latest after ``seconds``."""
        end = time.monotonic() + seconds
        try:
            while not self._has_bytes():
                if not wait_for_read(self._socket, timeout=max(0.0, end - time.monotonic())):
                    return False
                if not _is_tls(self._socket):  # under TLS it may be half a record
                    break
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            raise self._explain(error) from error
        if self._aborted:
            raise TransportError("aborted", "the read was aborted")
        return True

    def _has_bytes(self) -> bool:
        """Whether a read would find something without waiting for the network."""
        answer: Any = self._response._fp  # type: ignore[attr-defined]  # http.client's, which has the buffer
        if answer.fp is None or self._response._decoded_buffer:  # type: ignore[attr-defined]
            return True
        sock = self._socket
        patience = sock.gettimeout()
        sock.settimeout(0.0)
        try:
            buffered = answer.fp.peek()
        except OSError as error:
            if isinstance(error, _waits()):
                return False
            raise
        finally:
            sock.settimeout(patience)
        if answer.chunked and answer.chunk_left == 0:
            return len(buffered) > len(b"\r\n")  # the end of the chunk before says nothing yet
        return bool(buffered) or _is_tls(sock)  # nothing, where TLS does not wait, is the end

    def close(self) -> None:
        """Let go of the connection: back to the pool after the end, closed before it."""
        if self._ended:
            self._response.release_conn()
        else:
            self.abort()

    def abort(self) -> None:
        """Cut the connection at once, from any thread."""
        self._aborted = True
        if self._process == os.getpid():  # a forked child has no say over its parent's connections
            with contextlib.suppress(HTTPError, OSError, ValueError, RuntimeError):
                self._response.shutdown()  # wakes a read that waits in another thread; closing alone does not
        with contextlib.suppress(HTTPError, OSError, ValueError, RuntimeError):
            self._response.close()

    def _explain(self, error: Exception) -> TransportError:
        if self._aborted:
            return TransportError("aborted", "the read was aborted")
        if isinstance(error, ReadTimeoutError | TimeoutError):
            return TransportError("timeout", in_words(self._timeout))
        if isinstance(error, HTTPError | OSError):
            return TransportError("lost", _sentence(error))
        raise error


class UrllibTransport:
    """Opens requests on a pool of kept-alive connections, one pool for each process."""

    def __init__(self) -> None:
        self._pools: dict[str | None, urllib3.PoolManager] = {}
        self._process = os.getpid()
        self._lock = threading.Lock()

    def open(self, request: HttpRequest, timeout: float | None, waiting: Waiting) -> UrllibBody:
        """Send ``request`` and return its answer as soon as the head is there."""
        pool = self._pool(proxy_for(request.url))
        opening = _here.opening = _Opening()
        try:
            with waiting.on(opening.abort):
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
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            # ValueError and AttributeError: what urllib3 and http.client stumble over when abort() cuts the socket
            raise _explain_open(error, timeout, opening) from error
        finally:
            _here.opening = None
        assert opening.socket is not None
        return UrllibBody(response, opening.socket, timeout)

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


class _Opening:
    """A request whose head has not come. Lives as long as one ``open``."""

    def __init__(self) -> None:
        self.aborted = False
        self.is_reused = False  # whether it goes over a connection that has served before
        self.socket: socket.socket | None = None

    def runs_on(self, connection: HTTPConnection) -> None:
        """Take note of the socket, which a request waits for once it is sent.

        Raises:
            ConnectionAbortedError: ``abort`` was faster.
        """
        self.socket = connection.sock
        if self.aborted:
            raise ConnectionAbortedError("the request was aborted")

    def abort(self) -> None:
        """Wake the thread that waits. May be called from any thread."""
        self.aborted = True  # before the look at the socket: the other side sets that first and looks at this then
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


class _Here(threading.local):
    opening: _Opening | None = None


_here = _Here()


class _Noting(HTTPConnection):
    """A connection that tells the opening of its thread which socket that waits on."""

    has_served = False  # whether an answer has come over the connection as it is now

    def connect(self) -> None:
        super().connect()
        self.has_served = False
        self._note()

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        self._note()
        super().putrequest(*args, **kwargs)

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        response = super().getresponse()
        self.has_served = True
        return response

    def _note(self) -> None:
        if _here.opening is not None and self.sock is not None:
            _here.opening.is_reused = self.has_served
            _here.opening.runs_on(self)


class _NotingTls(_Noting, HTTPSConnection):
    """The same over TLS."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Noting


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _NotingTls


def _make_pool(proxy: str | None) -> urllib3.PoolManager:
    if proxy is None:
        manager = urllib3.PoolManager(maxsize=_KEPT, block=False, ssl_context=tls_context())
    else:
        parts = urllib3.util.parse_url(proxy)
        manager = urllib3.ProxyManager(
            proxy,
            proxy_headers=urllib3.make_headers(proxy_basic_auth=parts.auth) if parts.auth else None,
            maxsize=_KEPT,
            block=False,
            ssl_context=tls_context(),
            proxy_ssl_context=tls_context(),
        )
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


def _is_tls(sock: socket.socket) -> bool:
    return hasattr(sock, "pending") or hasattr(sock, "sslobj")  # ssl's own, or urllib3's for TLS in TLS


@cache
def _waits() -> tuple[type[OSError], ...]:
    """What a socket raises where a read would have to wait."""
    import ssl

    return (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def _shorter(timeout: float | None) -> float:
    return CONNECT_TIMEOUT if timeout is None else min(timeout, CONNECT_TIMEOUT)


def _explain_open(error: Exception, timeout: float | None, opening: _Opening) -> TransportError:
    if opening.aborted:
        return TransportError("aborted", "the request was aborted")
    if not isinstance(error, HTTPError | OSError):
        raise error
    if isinstance(error, NameResolutionError | NewConnectionError | SSLError | ProxyError):
        return TransportError("connect", _sentence(error))
    if isinstance(error, ConnectTimeoutError):  # the mother of NewConnectionError, so after it
        return TransportError("timeout", in_words(_shorter(timeout)))
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return TransportError("timeout", in_words(timeout))
    return TransportError("stale" if opening.is_reused else "lost", _sentence(error))


def _sentence(error: BaseException) -> str:
    """What went wrong, without the library's object names."""
    inner: BaseException | None = error.__cause__ if isinstance(error.__cause__, OSError) else None
    if inner is None and len(error.args) == 2 and isinstance(error.args[1], BaseException):
        inner = error.args[1]  # urllib3 says ("Connection aborted.", what it was)
    text = str(inner or error)
    if "IncompleteRead" in text:
        return CUT_SHORT
    return text.rpartition("object at ")[2].partition(">: ")[2] or text or type(error).__name__

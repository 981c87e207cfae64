"""The sync transport: urllib3, with reads that another thread can wake."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

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
from urllib3.util.wait import wait_for_read

from headwater.core.machine.steps import TransportError
from headwater.core.wire.request import HttpRequest
from headwater.transport.base import (
    CONNECT_TIMEOUT,
    CUT_SHORT,
    READ_BYTES,
    WaitInterrupter,
    connect_problem,
    timeout_text,
)
from headwater.transport.connections import Opening, here, make_pool
from headwater.transport.network import ENVIRONMENT, Network


class UrllibBody:
    """A urllib3 response that is read while it arrives."""

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
                # http.client closes a connection that ends with its body (RFC 9112, section 9.6) with the last byte,
                # while the end of the body has yet to be read.
                if self._socket.fileno() >= 0:
                    self._socket.settimeout(timeout)
            data = self._response.read1(READ_BYTES, decode_content=self._is_encoded)
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            # ValueError and AttributeError: what urllib3 and http.client raise when abort() closes under them.
            raise self._explain(error) from error
        if self._aborted:  # even if there is data: what TLS reads while its socket is cut means nothing
            raise TransportError("aborted", "the read was aborted")
        self._ended = not data
        return data

    def wait(self, seconds: float) -> bool:
        """Return whether there is something to read, at the latest after ``seconds``."""
        end = time.monotonic() + seconds
        try:
            while (found := self._look()) != "bytes":
                if not wait_for_read(self._socket, timeout=max(0.0, end - time.monotonic())):
                    return False
                if found == "unclear":
                    break
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            raise self._explain(error) from error
        if self._aborted:
            raise TransportError("aborted", "the read was aborted")
        return True

    def _look(self) -> Literal["bytes", "none", "unclear"]:
        """What a read would find: bytes at once, nothing at all, or (unclear) part of a TLS record or chunk frame."""
        response: Any = self._response
        answer = response._fp  # the response of http.client, which has the buffer
        unpacked = response._decoded_buffer or (response._decoder and response._decoder.has_unconsumed_tail)
        if answer.fp is None or answer.length == 0 or unpacked:
            return "bytes"
        sock: Any = self._socket
        buffered = self._peek(answer.fp)
        if buffered is None:
            return "none"
        if _has_data(buffered, answer) or (hasattr(sock, "pending") and (not buffered or sock.pending())):
            return "bytes"  # an empty buffer, if TLS does not wait for more, is the end of the body
        return "unclear"

    def _peek(self, file: Any) -> bytes | None:
        """What is in the buffer, filled from the socket if it is empty; None if TLS waits for more."""
        sock = self._socket
        timeout = sock.gettimeout()
        sock.settimeout(0.0)
        try:
            return bytes(file.peek())
        except OSError as error:
            if isinstance(error, _waits()):
                return None
            raise
        finally:
            sock.settimeout(timeout)

    def close(self) -> None:
        """Release the connection: back to the pool after the end, closed before it."""
        if self._ended:
            self._response.release_conn()
        else:
            self.abort()

    def abort(self) -> None:
        """Cut the connection at once, from any thread."""
        self._aborted = True
        response: Any = self._response
        connection = response._connection  # None if urllib3 has taken it back
        if connection is not None and self._process == os.getpid():  # in a forked child, it is the parent's
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes a waiting read; closing alone does not
        for close in (response.close, connection.close if connection is not None else response.close):
            with contextlib.suppress(HTTPError, OSError, ValueError, RuntimeError):  # a signal may arrive within a read
                close()

    def _explain(self, error: Exception) -> TransportError:
        if self._aborted:
            return TransportError("aborted", "the read was aborted")
        if isinstance(error, ReadTimeoutError | TimeoutError):
            return TransportError("timeout", timeout_text(self._timeout))
        if isinstance(error, HTTPError | OSError):
            return TransportError("lost", _sentence(error))
        raise error


class UrllibTransport:
    """Opens requests on a pool of kept-alive connections, one pool for each process."""

    def __init__(self, network: Network = ENVIRONMENT) -> None:
        self._network = network
        self._pools: dict[str | None, urllib3.PoolManager] = {}
        self._process = os.getpid()
        self._lock = threading.Lock()

    def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> UrllibBody:
        """Send ``request`` and return the response as soon as its head has arrived."""
        pool = self._pool(self._network.proxy_for(request.url))
        opening = here.opening = Opening()
        try:
            with waiting.on(opening.abort):
                response = pool.request(
                    request.method,
                    request.url,
                    body=request.body,
                    headers=dict(self._network.complete(request.headers)),
                    timeout=urllib3.Timeout(connect=_shorter(timeout), read=timeout),
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    decode_content=True,
                )
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            # ValueError and AttributeError: what urllib3 and http.client raise when abort() cuts the socket.
            opening.fail()
            raise _explain_open(error, timeout, opening) from error
        finally:
            here.opening = None
            opening.end()
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
            if self._process != os.getpid():  # a forked child must not use its parent's connections
                self._pools, self._process = {}, os.getpid()
            pool = self._pools.get(proxy)
            if pool is None:
                pool = self._pools[proxy] = make_pool(proxy, self._network.tls_context())
            return pool


def _has_data(buffered: bytes, answer: Any) -> bool:
    """Whether the buffer holds more than the framing of a chunked body (RFC 9112, section 7.1)."""
    if not answer.chunked or answer.chunk_left:
        return bool(buffered)
    before = b"" if answer.chunk_left is None else b"\r\n"  # the end of the previous chunk
    return bool(buffered[len(before) :].partition(b"\n")[2])


@cache
def _waits() -> tuple[type[OSError], ...]:
    """What a socket raises if a read would have to wait."""
    import ssl

    return (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def _shorter(timeout: float | None) -> float:
    return CONNECT_TIMEOUT if timeout is None else min(timeout, CONNECT_TIMEOUT)


def _explain_open(error: Exception, timeout: float | None, opening: Opening) -> TransportError:
    if opening.aborted:
        return TransportError("aborted", "the request was aborted")
    if not isinstance(error, HTTPError | OSError):
        raise error
    if isinstance(error, NameResolutionError | NewConnectionError) and isinstance(error.__cause__, OSError):
        return TransportError("connect", connect_problem(error.__cause__))
    if isinstance(error, ProxyError) and isinstance(inner := error.original_error.__cause__, OSError):
        return TransportError("connect", f"the proxy: {connect_problem(inner)}")
    if isinstance(error, NameResolutionError | NewConnectionError | SSLError | ProxyError):
        return TransportError("connect", _sentence(error))
    if isinstance(error, ConnectTimeoutError):  # the base class of NewConnectionError, so after it
        return TransportError("timeout", timeout_text(_shorter(timeout)))
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return TransportError("timeout", timeout_text(timeout))
    return TransportError("stale" if opening.is_reused else "lost", _sentence(error))


def _sentence(error: BaseException) -> str:
    """What went wrong, without the names of the library's objects."""
    inner: BaseException | None = error.__cause__ if isinstance(error.__cause__, OSError) else None
    if inner is None and len(error.args) == 2 and isinstance(error.args[1], BaseException):
        inner = error.args[1]  # urllib3 raises ("Connection aborted.", the reason)
    text = str(inner or error)
    if "IncompleteRead" in text:
        return CUT_SHORT
    return text.rpartition("object at ")[2].partition(">: ")[2] or text or type(error).__name__

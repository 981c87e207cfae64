"""urllib3 connections whose wait for the network, for TLS or for a head another thread can end.

Why the socket has to be known at every stage is explained in ``base.py``.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from headwater.transport.chunked import StrictResponse

if TYPE_CHECKING:
    import ssl

#: Idle connections kept per host. More may be open at once: the number of parallel streams has no limit.
_KEPT = 256


class Opening:
    """A request whose response has not begun. Lives as long as one ``open``."""

    def __init__(self) -> None:
        self.aborted = False
        self.is_reused = False  # whether it uses a connection that has served before
        self.socket: socket.socket | None = None  # what the response is read from
        self._line: socket.socket | None = None  # a second handle on a connection in the making

    def connects(self, sock: socket.socket) -> None:
        """Record a socket that is about to be connected.

        A second handle, because TLS takes the socket's own and shows a new one only after the handshake.

        Raises:
            ConnectionAbortedError: if ``abort`` was faster.
        """
        self._hang_up()
        self._line = sock.dup()
        self._check()

    def runs_on(self, sock: socket.socket) -> None:
        """Record the socket on which a request is sent and its response awaited.

        Raises:
            ConnectionAbortedError: if ``abort`` was faster.
        """
        self.socket = sock
        self._check()

    def abort(self) -> None:
        """Wake the waiting thread. May be called from any thread."""
        self.aborted = True  # before the sockets are looked at: the other side sets them first and then looks at this
        for sock in (self._line, self.socket):
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Record that the head has arrived, or never will."""
        self._hang_up()

    def fail(self) -> None:
        """Close what urllib3 forgets if it rejects the head of a response that closes the connection."""
        if self.socket is not None:
            with contextlib.suppress(OSError):
                os.close(self.socket.detach())

    def _check(self) -> None:
        if self.aborted:
            raise ConnectionAbortedError("the request was aborted")

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()


class _Here(threading.local):
    opening: Opening | None = None


#: The opening of this thread. urllib3 has no way to pass it to its connections.
here = _Here()


class _Noting(HTTPConnection):
    """A connection that tells the opening of its thread which socket it waits on."""

    response_class = StrictResponse
    has_served = False  # whether a response has arrived since the connection was made

    def connect(self) -> None:
        super().connect()
        self.has_served = False
        self._note()

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        self._note()
        super().putrequest(*args, **kwargs)

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as urllib3 does
        response = super().getresponse()
        self.has_served = True
        return response

    def _note(self) -> None:
        if here.opening is not None and self.sock is not None:
            here.opening.is_reused = self.has_served
            here.opening.runs_on(self.sock)

    def _new_conn(self) -> socket.socket:
        """As urllib3 does it, except that the opening knows the socket before it is connected."""
        try:
            return self._connected()
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"no connection to {self.host} in {self.timeout:g} s") from error
        except OSError as error:
            raise NewConnectionError(self, f"Failed to establish a new connection: {error}") from error

    def _connected(self) -> socket.socket:
        """Return a socket that is connected to the first address that answers."""
        problem: OSError = socket.gaierror(socket.EAI_NONAME, "the name has no address")
        host, family = self._dns_host.strip("[]"), allowed_gai_family()
        for known in socket.getaddrinfo(host, self.port, family, socket.SOCK_STREAM):
            sock = socket.socket(*known[:3])
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(self.timeout)
                if here.opening is not None:
                    here.opening.connects(sock)
                sock.connect(known[4])
                return sock
            except OSError as error:
                sock.close()
                problem = error
        raise problem


class _NotingTls(_Noting, HTTPSConnection):
    """The same over TLS."""

    def connect(self) -> None:
        super().connect()
        # Without a certificate to check (``verify=False``) urllib3 would warn at each connection of what was asked for.
        self.is_verified = True


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Noting


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _NotingTls


def make_pool(proxy: str | None, tls: ssl.SSLContext) -> urllib3.PoolManager:
    """Return a pool of such connections, through ``proxy`` unless it is None; ``tls`` verifies servers."""
    if proxy is None:
        manager = urllib3.PoolManager(maxsize=_KEPT, block=False, ssl_context=tls)
    else:
        parts = urllib3.util.parse_url(proxy)
        manager = urllib3.ProxyManager(
            proxy,
            proxy_headers=urllib3.make_headers(proxy_basic_auth=parts.auth) if parts.auth else None,
            maxsize=_KEPT,
            block=False,
            ssl_context=tls,
            proxy_ssl_context=tls,
        )
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager

"""``Transport`` and ``Body``, sync and async: the boundary between the client and the network.

A transport maps every error of the library behind it to ``TransportError``; nothing else leaves it. It does not follow
redirects and does not retry: the machine decides about both.
"""

# Theory of operation: waking what waits
#
# A stream can be stopped at any moment from another thread, another task, a signal handler or the garbage collector,
# and it has to stop then, not when the server next sends something. Where it may be waiting, and how the wait is ended:
#
#   before the body (connecting, TLS, the head; a back-off; functions)   ``WaitInterrupter.end``
#   in the body (a read, or a wait for something to read)                ``Body.abort``
#
# Threads. Closing a file descriptor does not wake a thread that is blocked in ``recv`` on it, and lets the number be
# reused under its feet. ``shutdown(SHUT_RDWR)`` wakes it and keeps the descriptor, so that is what cuts a connection.
# It needs the socket, at every stage. urllib3 shows it only afterwards, so ``connections.py`` notes it: while it
# connects, and when a request is sent on it. TLS takes the descriptor away from the socket that was connected and shows
# its own only after the handshake, so a second handle (``dup``) is held meanwhile. What the libraries raise when a
# socket is cut under them is not documented and not always an OSError; it counts as "aborted" if the flag is set, and
# as a bug if it is not.
#
# Event loops. A task is woken by the loop alone, so the loop is asked to (``call_soon_threadsafe``). Still the socket
# is shut down at once, from the calling thread: the server sees the end even if the loop is busy or does not run.
#
# The order that matters: who ends a wait sets the flag first and then looks for something to wake; who begins to wait
# says first what to wake and then looks at the flag. One of the two sees the other, so no lock is needed; a lock could
# not be taken anyway, for a signal handler may run while its own thread holds it.
#
# What cannot happen: data from a read that was aborted (with TLS, what is read from a cut socket means nothing); a wait
# that begins after ``end`` and blocks; a forked child that cuts its parent's connection (``shutdown`` would act on
# both, so each body and pool remembers the process that made it).

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from headwater.core.wire.request import HttpRequest
from headwater.errors import UsageError

if TYPE_CHECKING:
    import ssl  # at run time only where TLS is needed: it costs more than everything else here

#: How much is read at once, at most.
READ_BYTES = 64 * 1024
#: Connecting is given up after this many seconds.
CONNECT_TIMEOUT = 30.0
#: The message for a body that ends before its announced end.
CUT_SHORT = "the other side closed it too early"


class WaitInterrupter:
    """Ends what a call waits for before it has a body. Lives as long as the call."""

    def __init__(self) -> None:
        self.ended = False
        self._wake: Callable[[], object] | None = None

    @contextmanager
    def on(self, wake: Callable[[], object]) -> Iterator[None]:
        """Let ``end`` call ``wake`` while the block runs."""
        self._wake = wake
        try:
            if self.ended:  # after _wake is set, while end() does it the other way round: one of the two sees the other
                wake()
            yield
        finally:
            self._wake = None

    def end(self) -> None:
        """End the wait, and every later one. May be called from any thread."""
        self.ended = True
        wake = self._wake
        if wake is not None:
            wake()


class Latch:
    """Something to wait for until another thread or a signal handler opens it, for good.

    One plain lock, because ``threading.Event`` takes two steps in Python: a Ctrl-C between them leaves it locked, and
    whoever sets it then waits forever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def open(self) -> None:
        """End every wait. May be called from any thread, any number of times."""
        with suppress(RuntimeError):  # it is open already
            self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Wait until it is open, or ``seconds`` have passed; return whether it is open."""
        is_open = self._lock.acquire(timeout=min(max(0.0, seconds), threading.TIMEOUT_MAX))
        if is_open:
            self.open()
        return is_open


class Body(Protocol):
    """A response whose head has arrived. ``headers`` has lower-case names."""

    status: int
    headers: Mapping[str, str]

    def read(self, timeout: float | None) -> bytes:
        """Return some bytes as soon as there are any, ``b""`` at the end.

        Raises:
            TransportError: if the connection broke, nothing arrived in time, or ``abort`` was called.
        """

    def wait(self, seconds: float) -> bool:
        """Return whether there is something to read: as soon as there is, at the latest after ``seconds``.

        Raises:
            TransportError: if the connection broke, or ``abort`` was called.
        """

    def close(self) -> None:
        """Release the connection; it is kept for the next request if the body was read to its end."""

    def abort(self) -> None:
        """Cut the connection at once. May be called from any thread; wakes a waiting ``read``."""


class Transport(Protocol):
    """Opens requests. May be used by many threads at once."""

    def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> Body:
        """Send ``request`` and return the response as soon as its head has arrived.

        Raises:
            TransportError: if there is no response, or ``waiting`` was ended.
        """

    def close(self) -> None:
        """Close the idle connections."""


class AsyncBody(Protocol):
    """``Body`` for coroutines."""

    status: int
    headers: Mapping[str, str]

    async def read(self, timeout: float | None) -> bytes:
        """Return some bytes as soon as there are any, ``b""`` at the end."""

    async def wait(self, seconds: float) -> bool:
        """Return whether there is something to read: as soon as there is, at the latest after ``seconds``."""

    def close(self) -> None:
        """Release the connection; it is kept for the next request if the body was read to its end."""

    def abort(self) -> None:
        """Cut the connection at once. Does not wait; may be called from any thread."""


class AsyncTransport(Protocol):
    """``Transport`` for coroutines, of any number of event loops."""

    async def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> AsyncBody:
        """Send ``request`` and return the response as soon as its head has arrived."""

    async def close(self) -> None:
        """Close the idle connections of the running loop."""


class Transports(Protocol):
    """Both transports of a client, for ``genai.Client(transport=...)``.

    A transport may have a time of its own: ``clock()`` returns it, in seconds, and ``sleep(seconds)`` (a coroutine
    function in async) lets it pass. Without them, it is that of ``time.monotonic``.
    """

    sync: Transport
    aio: AsyncTransport


@cache
def tls_context() -> ssl.SSLContext:
    """Return the context that verifies servers: by the system's certificates, or ``SSL_CERT_FILE``/``SSL_CERT_DIR``.

    If the system has none (Python from python.org on macOS), those of certifi are used.
    """
    import ssl

    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath or context.cert_store_stats()["x509_ca"]):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for ``url`` (``HTTPS_PROXY``, ``NO_PROXY`` ...), or None.

    Raises:
        UsageError: if it is not an HTTP proxy.
    """
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not is_http(proxy):  # not shown, because it may contain a password
        raise UsageError(
            f"the environment names a proxy for {parts.scheme} that is not http://host:port: "
            f"change {parts.scheme.upper()}_PROXY or ALL_PROXY, or put {parts.hostname} into NO_PROXY"
        )
    return proxy


def is_http(url: str) -> bool:
    """Return whether ``url`` is the address of an HTTP server."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return usable and not any(character.isspace() for character in url)


def connect_problem(error: BaseException) -> str:
    """Return why a connection could not be made, the same words for every library: "name not known"."""
    import socket

    if isinstance(error, socket.gaierror):
        return "the name server does not answer" if error.errno == socket.EAI_AGAIN else "name not known"
    if isinstance(error, ConnectionError) or type(error) is OSError:  # TLS errors have numbers of their own
        # The loop joins the errors of several addresses into one text without a number.
        found = re.search(r"\[Errno (\d+)\]", str(error))
        number = error.errno or (int(found[1]) if found else None)
        if number is not None and number > 0:
            return os.strerror(number).lower()
    return str(error) or type(error).__name__


def timeout_text(timeout: float | None) -> str:
    """Return a timeout as text, for a message."""
    return "the system's own limit" if timeout is None else f"{timeout:g} s"

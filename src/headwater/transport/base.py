"""The seam between the client and the network: a few methods in each colour, and what both sides of it share.

A transport maps every error of the library behind it to ``TransportError``; nothing else leaves it. It follows no
redirects and retries nothing: that is the machine's business.
"""

from __future__ import annotations

import os
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
#: A connection that is not there after this many seconds is given up.
CONNECT_TIMEOUT = 30.0
#: What to say of a body that ends before its end.
CUT_SHORT = "the other side closed it too early"


class WaitInterrupter:
    """What a call waits for before its body, so that others can end the wait. Lives as long as the call."""

    def __init__(self) -> None:
        self.ended = False
        self._wake: Callable[[], object] | None = None

    @contextmanager
    def on(self, wake: Callable[[], object]) -> Iterator[None]:
        """Have ``end`` call ``wake`` inside the block."""
        self._wake = wake
        try:
            if self.ended:  # looked at after _wake is set, as end() does it the other way round: one of the two sees it
                wake()
            yield
        finally:
            self._wake = None

    def end(self) -> None:
        """End the wait, and each one to come. May be called from any thread."""
        self.ended = True
        wake = self._wake
        if wake is not None:
            wake()


class Latch:
    """Something to wait for until another thread, or a signal, opens it; open for good then.

    One plain lock, because ``threading.Event`` takes two steps in Python: a Ctrl-C between them leaves it locked, and
    whoever sets it then waits for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def open(self) -> None:
        """End every wait. May be called from any thread, any number of times."""
        with suppress(RuntimeError):  # it is open
            self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Wait until it is open, or ``seconds`` have passed; return whether it is open."""
        is_open = self._lock.acquire(timeout=min(max(0.0, seconds), threading.TIMEOUT_MAX))
        if is_open:
            self.open()
        return is_open


class Body(Protocol):
    """An answer whose head has come. ``headers`` has lower-case names."""

    status: int
    headers: Mapping[str, str]

    def read(self, timeout: float | None) -> bytes:
        """Return some bytes as soon as there are any, ``b""`` at the end.

        Raises:
            TransportError: the connection broke, nothing came in time, or ``abort`` was called.
        """

    def wait(self, seconds: float) -> bool:
        """Return whether there is something to read, as soon as there is, at the latest after ``seconds``.

        Raises:
            TransportError: the connection broke, or ``abort`` was called.
        """

    def close(self) -> None:
        """Let go: the connection is kept for the next request when the body was read to its end."""

    def abort(self) -> None:
        """Cut the connection at once. May be called from any thread; wakes a ``read`` that waits."""


class Transport(Protocol):
    """Opens requests. May be used by many threads at once."""

    def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> Body:
        """Send ``request`` and return its answer as soon as the head is there.

        Raises:
            TransportError: there is no answer, or ``waiting`` was ended.
        """

    def close(self) -> None:
        """Close the idle connections."""


class AsyncBody(Protocol):
    """``Body`` for a coroutine."""

    status: int
    headers: Mapping[str, str]

    async def read(self, timeout: float | None) -> bytes:
        """Return some bytes as soon as there are any, ``b""`` at the end."""

    async def wait(self, seconds: float) -> bool:
        """Return whether there is something to read, as soon as there is, at the latest after ``seconds``."""

    def close(self) -> None:
        """Let go: the connection is kept for the next request when the body was read to its end."""

    def abort(self) -> None:
        """Cut the connection at once. Does not wait; may be called from any thread."""


class AsyncTransport(Protocol):
    """``Transport`` for coroutines, of any number of event loops."""

    async def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> AsyncBody:
        """Send ``request`` and return its answer as soon as the head is there."""

    async def close(self) -> None:
        """Close the idle connections of the running loop."""


@cache
def tls_context() -> ssl.SSLContext:
    """Return the context that verifies servers: by the system's certificates, or ``SSL_CERT_FILE``/``SSL_CERT_DIR``.

    Where the system has none (Python from python.org on macOS), certifi's are used.
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
        UsageError: it is no HTTP proxy.
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
    if not is_http(proxy):  # and not shown, for there may be a password in it
        raise UsageError(
            f"the environment names a proxy for {parts.scheme} that is no http://host:port: "
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


def timeout_text(timeout: float | None) -> str:
    """Return how long was waited, for a message."""
    return "the system's own limit" if timeout is None else f"{timeout:g} s"

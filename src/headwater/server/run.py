"""Runs the application on uvicorn, with limits on connections and a shutdown that lets streams finish.

A shutdown has three steps, in this order: stop accepting, so that no new stream begins; drain the recorder, so that
every stream that runs gets an end that its readers can tell from a lost connection; then let uvicorn close the
connections. uvicorn alone would close them first, and every reader would see its stream break.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from headwater.errors import UsageError
from headwater.server.application import Server
from headwater.server.http.access_log import TerminalFormatter
from headwater.server.http.uvicorn_protocol import protocol_for
from headwater.server.websocket.uvicorn_protocol import WebSocketProtocol

#: How many unsent bytes the kernel may hold for a client (TCP_NOTSENT_LOWAT).
_UNSENT_BYTES = 64 * 1024
#: After the grace period: seconds for the last events to reach their readers.
_FLUSH_TIME = 5.0


class Runner(uvicorn.Server):
    """uvicorn, with the shutdown described above. A second signal skips the grace period; SIGHUP calls ``reload``."""

    def __init__(
        self,
        application: Starlette,
        *,
        log_level: str = "warning",
        reload: Callable[[], None] | None = None,
    ) -> None:
        self._served: Server = application.state.server
        self._reload = reload
        self._hurry = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        limits = self._served.config.limits
        config = uvicorn.Config(
            application,
            http=protocol_for(limits),
            ws=WebSocketProtocol,
            # Compression would cost a third more CPU per chunk, and four times the memory per connection.
            ws_per_message_deflate=False,
            ws_max_size=limits.max_message,
            access_log=False,  # the application has its own, which leaves out queries: keys may be in them
            log_config=None,
            log_level=log_level,
            server_header=False,
            timeout_graceful_shutdown=round(_FLUSH_TIME),
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving."""
        self._loop = asyncio.get_running_loop()
        for listener in sockets or ():
            _limit_kernel(listener, self._served.config.limits.stall_timeout)
        if self._reload is not None and hasattr(signal, "SIGHUP"):
            self._loop.add_signal_handler(signal.SIGHUP, self._reload)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting; let streams finish within the grace period and end the others; then close."""
        for server in self.servers:
            server.close()
        draining = asyncio.create_task(self._served.recorder.drain(self._served.config.grace))
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({draining, hurry}, return_when=asyncio.FIRST_COMPLETED)
        if not draining.done():
            await self._served.recorder.drain(0)
        hurry.cancel()
        await draining
        # uvicorn closes WebSockets without waiting for messages that are still to be sent.
        await self._served.sockets.wait_closed(_FLUSH_TIME)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Shut down at the first signal, without the grace period at the second. The exit code is then 0.

        uvicorn would raise the signal again at the end, and the exit code would say that the process was killed.
        """
        if self._loop is not None:
            # Not here: a signal handler may interrupt a write to the same stream.
            call = self._hurry.set if self.should_exit else partial(self._announce, sig)
            self._loop.call_soon_threadsafe(call)
        self.should_exit = True

    def _announce(self, sig: int) -> None:
        """Say why the server does not stop at once, to whoever has pressed Ctrl-C."""
        count = len(self._served.recorder)
        if sig == signal.SIGINT and count:
            runs = "1 answer runs" if count == 1 else f"{count:,} answers run"
            grace = f"at most {self._served.config.grace:g} s"
            sys.stderr.write(f"Stopping: {runs}, {grace}. Ctrl-C again stops at once.\n")
            sys.stderr.flush()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on ``host`` and ``port`` (0 for a free port).

    Raises:
        UsageError: if the port is taken or not allowed, or the host is not an address of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        # asyncio disables Nagle's algorithm only if the protocol is named; else each answer waits 40 ms for an ACK.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{host!r} is not an address to listen on: {error}") from error
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageError(_listen_error(host, port, error)) from error
    return listener


def _limit_kernel(listener: socket.socket, stall: float) -> None:
    """Limit what the kernel buffers for a client, and for how long it keeps a connection that takes nothing.

    Connections inherit both options from their listener. Without them, a megabyte of a finished answer can stay in the
    kernel for a client that never reads it, long after this process has closed the connection.
    """
    for name, limit in (("TCP_NOTSENT_LOWAT", _UNSENT_BYTES), ("TCP_USER_TIMEOUT", round(stall * 1000))):
        option = getattr(socket, name, None)
        if option is not None:
            with contextlib.suppress(OSError):  # not a TCP socket
                listener.setsockopt(socket.IPPROTO_TCP, option, limit)


def serve(
    application: Starlette,
    listener: socket.socket,
    *,
    log_level: str = "warning",
    reload: Callable[[], None] | None = None,
) -> None:
    """Serve until a signal arrives and the streams have ended; SIGHUP calls ``reload``.

    Raises:
        UsageError: if the application could not start; the reason is logged.
    """
    runner = Runner(application, log_level=log_level, reload=reload)
    _tune_collector()
    with contextlib.closing(listener):
        runner.run(sockets=[listener])
    if not runner.started:
        raise UsageError("the server could not start")


def _tune_collector() -> None:
    """Collect garbage less often, and never what exists from the start.

    An open stream is about a hundred objects; with hundreds of streams, each full collection would delay all of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def log_to_stderr(level: str, *, access_log: bool) -> None:
    """Send headwater's and uvicorn's logs to stderr, the access log as lines for people if that is a terminal."""
    plain = logging.StreamHandler(sys.stderr)
    plain.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for name in ("headwater", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [plain], False
        logger.setLevel(level.upper())
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(TerminalFormatter() if sys.stderr.isatty() else logging.Formatter("%(message)s"))
    access = logging.getLogger("headwater.access")
    access.handlers, access.propagate = [lines], False
    access.setLevel(logging.INFO if access_log else logging.CRITICAL)


def _listen_error(host: str, port: int, error: BaseException) -> str:
    import errno

    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"port {port} on {host} is taken by another program: choose another with --port"
        case errno.EACCES:
            return f"port {port} is not allowed for this user: choose one above 1023 with --port"
        case errno.EADDRNOTAVAIL:
            return f"{host!r} is not an address of this machine"
    return f"cannot listen on {host}:{port}: {error}"

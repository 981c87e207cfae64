"""``LoopbackServer``: accepts connections on loopback and hands each request to a handler that owns the socket."""

# Theory of operation
#
# A thread accepts connections, and each connection has a thread of its own, because what answers here has to do what no
# HTTP server offers: stop in the middle of an event, reset, stay silent, send bytes at the times of a recording. h11
# reads the requests; what is sent is written to the socket by hand.
#
# Every wait is a ``select`` on the connection (``watch``), so that a client that leaves is noticed in the middle of a
# pause, and so that ``close``, which shuts the sockets down, ends all waits at once. No test waits for a silence.

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import h11
import msgspec

from headwater.core.wire.gemini import STATUS_NAMES

#: How long ``wait_for_requests`` and ``wait_for_close`` wait before they fail, in seconds.
PATIENCE = 10.0
_READ = 65536


class Request(msgspec.Struct, frozen=True):
    """One request that a client sent. ``path`` has its query; ``headers`` has lower-case names."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class ClientGone(Exception):
    """The client has closed the connection."""


class ConnectionOver(Exception):
    """What answers has ended the connection."""


class LoopbackServer:
    """Listens between ``__enter__`` and ``__exit__``. ``url`` is where, ``requests`` are the requests so far."""

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._closed: list[float] = []
        self._is_closing = False
        self.requests: list[Request] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def answer(self, sock: socket.socket, request: Request) -> None:
        """Answer a request on its connection; return if the connection can be used again.

        Raises:
            ConnectionOver: if it cannot.
            ClientGone: if the client has left.
        """
        raise NotImplementedError

    @property
    def environment(self) -> dict[str, str]:
        """The variables that send the SDKs of Google and OpenAI here."""
        return sdk_environment(self.url)

    def wait_for_requests(self, count: int, within: float = PATIENCE) -> None:
        """Wait until ``count`` requests have arrived.

        Raises:
            AssertionError: if they do not arrive in ``within`` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, within):
                raise AssertionError(f"{len(self.requests)} requests arrived in {within:g} s, not {count}")

    def wait_for_close(self, within: float = PATIENCE) -> None:
        """Wait until the client has closed a connection before its answer was over, as a cancelled stream does.

        Raises:
            AssertionError: if it keeps the connection for ``within`` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed, within):
                raise AssertionError(f"the client has not closed the connection within {within:g} s")
            self._closed.pop()

    def close(self) -> None:
        """Stop listening, and cut what is open."""
        with self._changed:
            self._is_closing = True
            connections = list(self._open)
        for sock in (self._listener, *connections):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _note(self, request: Request) -> None:
        """Add a request to ``requests``."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                if self._is_closing:
                    sock.close()
                    return
                self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            for request in read_requests(sock):
                self.answer(sock, request)
        except ConnectionOver:
            pass
        except (ClientGone, OSError):
            with self._changed:
                self._closed.append(time.monotonic())
                self._changed.notify_all()
        finally:
            with self._changed:
                self._open.discard(sock)
            sock.close()


def base_urls(url: str) -> dict[str, str]:
    """Return the variables that send the SDKs of Google and OpenAI to ``url``."""
    return {"GOOGLE_GEMINI_BASE_URL": url, "OPENAI_BASE_URL": url + "/v1"}


def sdk_environment(url: str) -> dict[str, str]:
    """Return the variables that send the SDKs of Google and OpenAI to ``url``, with keys that open nothing."""
    return base_urls(url) | {"GEMINI_API_KEY": "test-key", "OPENAI_API_KEY": "test-key"}


def read_requests(sock: socket.socket) -> Iterator[Request]:
    """Yield the requests of a connection until the client closes it, or sends what is not HTTP."""
    connection = h11.Connection(h11.SERVER)
    is_reusable = True
    while is_reusable:
        begun: h11.Request | None = None
        body = b""
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError:
                return
            if event is h11.NEED_DATA:
                connection.receive_data(sock.recv(_READ))
            elif isinstance(event, h11.Request):
                begun = event
                if connection.they_are_waiting_for_100_continue:
                    sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return
        assert begun is not None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in begun.headers}
        yield Request(begun.method.decode(), begun.target.decode("latin-1"), headers, body)
        # What was answered went past h11, which is told so in its own terms.
        connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
        connection.send(h11.EndOfMessage())
        is_reusable = connection.our_state is h11.DONE  # not MUST_CLOSE, which the client may have asked for
        if is_reusable:
            connection.start_next_cycle()


def watch(sock: socket.socket, seconds: float) -> None:
    """Wait for ``seconds``.

    Raises:
        ClientGone: if the client closes the connection meanwhile.
    """
    readable, _, _ = select.select([sock], [], [], seconds)
    if readable and not sock.recv(1, socket.MSG_PEEK):
        raise ClientGone


def response_head(status: int, headers: Sequence[tuple[str, str]]) -> bytes:
    """Return the head of a response."""
    reason = STATUS_NAMES.get(status, "OK")  # any text will do, and this one tells what is meant
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def http_chunk(data: bytes) -> bytes:
    """Return one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)

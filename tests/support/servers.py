"""A scripted HTTP server on raw sockets: sends exactly the bytes a test asks for, and sees when the client lets go.

    def script(connection, request):
        connection.begin()
        connection.event(says("Hel"))
        connection.stall()

    with Server(script) as server:
        client = server.client()

A script is called once for each request, in a thread of its connection; when it returns, the connection waits for the
next request. ``server.closed_at()`` is the moment (``time.monotonic``, which all processes share) at which the server
saw the client close a connection that stalled.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from headwater import genai

#: How long a test waits for what should come at once, before it fails.
PATIENCE = 10.0


def unmeasured(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for a program that is interrupted: coverage, interrupted in its own work, waits for ever."""
    return {name: value for name, value in environment.items() if not name.startswith("COVERAGE_")}


class Request(NamedTuple):
    """A request as it arrived. ``headers`` has lower-case names; a header sent twice is joined by a comma."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path without the query, still quoted."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        """The query, parsed."""
        return parse_qs(urlsplit(self.target).query)

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class Connection:
    """One accepted connection, as a script sees it."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self.server = server
        self.socket = sock
        self.is_open = True
        self._unread = b""

    def send(self, data: bytes) -> None:
        """Send ``data`` as it is."""
        self.socket.sendall(data)

    def begin(self, status: str = "200 OK", **headers: str) -> None:
        """Send the head of a chunked answer; ``content_type="..."`` sends ``content-type: ...``."""
        self.send(head(status, {"content-type": "text/event-stream", "transfer-encoding": "chunked"} | _names(headers)))

    def chunk(self, data: bytes) -> None:
        """Send ``data`` as one chunk of a chunked body."""
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def event(self, document: Any) -> None:
        """Send one SSE event, as one chunk."""
        self.chunk(sse(document))

    def end(self) -> None:
        """End a chunked body."""
        self.send(b"0\r\n\r\n")

    def answer(self, body: Any = b"", status: str = "200 OK", **headers: str) -> None:
        """Send a whole answer; ``body`` is bytes, or something to send as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"content-type": "application/json", "content-length": str(len(data))} | _names(headers)
        self.send(head(status, fields) + data)

    def stream(self, *documents: Any) -> None:
        """Send a whole stream of events."""
        self.begin()
        for document in documents:
            self.event(document)
        self.end()

    def stall(self) -> None:
        """Send nothing more until the client closes the connection, and note when it did."""
        try:
            while self.socket.recv(65536):
                pass
        except OSError:  # a reset is a way of closing too
            pass
        self.server.closes.put(time.monotonic())
        self.close()

    def reset(self) -> None:
        """Break the connection off with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Close the connection; what was sent still arrives."""
        self.is_open = False
        with contextlib.suppress(OSError):
            self.socket.close()

    def requests(self) -> Iterator[Request]:
        """Read request after request."""
        while self.is_open:
            request = self._request()
            if request is None:
                return
            yield request

    def read(self, size: int) -> bytes:
        """Read exactly ``size`` bytes; less only at the end."""
        while len(self._unread) < size and (more := self.socket.recv(65536)):
            self._unread += more
        data, self._unread = self._unread[:size], self._unread[size:]
        return data

    def _request(self) -> Request | None:
        while b"\r\n\r\n" not in self._unread:
            more = self.socket.recv(65536)
            if not more:
                return None
            self._unread += more
        text, _, self._unread = self._unread.partition(b"\r\n\r\n")
        first, *lines = text.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers: dict[str, str] = {}
        for name, _, value in (line.partition(":") for line in lines):
            known = headers.get(name.lower())
            headers[name.lower()] = value.strip() if known is None else f"{known}, {value.strip()}"
        return Request(method, target, headers, self.read(int(headers.get("content-length", 0))))


Script = Callable[[Connection, Request], None]


class Server:
    """Listens from ``__enter__`` to ``__exit__`` and plays ``script`` for every request.

    ``requests`` are the requests so far, ``accepted`` the number of connections. ``greet`` is called with each new
    connection before its first request is read.
    """

    def __init__(
        self, script: Script, *, tls: ssl.SSLContext | None = None, greet: Callable[[Connection], None] | None = None
    ) -> None:
        self.requests: list[Request] = []
        self.accepted = 0
        self.closes: queue.Queue[float] = queue.Queue()
        self._script = script
        self._greet = greet
        self._tls = tls
        self._changed = threading.Condition()
        self._open: set[Connection] = set()
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port: int = self._listener.getsockname()[1]
        self.host = "localhost" if tls else "127.0.0.1"
        self.url = f"{'https' if tls else 'http'}://{self.host}:{self.port}"

    def client(self, **options: Any) -> genai.Client:
        """Return a client of this server; the options are those of ``HttpOptions``."""
        once = {"retry_options": {"attempts": 1}}  # what is tried again has tests of its own
        return genai.Client(api_key="test-key", http_options={"base_url": self.url} | once | options)

    def wait_for(self, count: int) -> None:
        """Wait until ``count`` requests have come."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, PATIENCE):
                raise AssertionError(f"{len(self.requests)} requests came, not {count}")

    def closed_at(self, patience: float = PATIENCE) -> float:
        """Return when the next stalled connection was closed by its client."""
        try:
            return self.closes.get(timeout=patience)
        except queue.Empty:
            raise AssertionError("the client did not close the connection") from None

    def __enter__(self) -> Server:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        if self._errors:
            raise self._errors[0]

    def _spawn(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                self.accepted += 1
            self._spawn(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        connection = Connection(self, sock)
        with self._changed:
            self._open.add(connection)
        try:
            if self._tls is not None:
                connection.socket = self._tls.wrap_socket(sock, server_side=True)
            if self._greet is not None:
                self._greet(connection)
            for request in connection.requests():
                with self._changed:
                    self.requests.append(request)
                    self._changed.notify_all()
                self._script(connection, request)
        except OSError:  # the client has gone, which is its right
            pass
        except BaseException as error:
            self._errors.append(error)
        finally:
            connection.close()
            with self._changed:
                self._open.discard(connection)


def server_context(authority: Any, name: str = "localhost") -> ssl.SSLContext:
    """Return a context for a server with a certificate for ``name``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def head(status: str, headers: Mapping[str, str]) -> bytes:
    """Return the head of an answer."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def sse(document: Any) -> bytes:
    """Return one event as the API sends it; ``document`` is bytes, or something to send as JSON."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return b"data: " + data + b"\r\n\r\n"


def says(text: str, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return a response of one candidate that says ``text``."""
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "test-model", "responseId": "r1"} | fields


def refuses(code: int, status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    """Return an error body as Google writes it."""
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


#: Pieces of answers to break.
EVENT = sse(says("Hel"))
LAST = sse(says("lo", "STOP"))
CHUNKED = head("200 OK", {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
ENDLESS = head("200 OK", {"content-type": "text/event-stream", "connection": "close"})


def chunk(data: bytes) -> bytes:
    """Return one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def sends(data: bytes, *, reset: bool = False) -> Script:
    """Return a script that sends ``data`` and closes the connection."""

    def script(connection: Connection, request: Request) -> None:
        connection.send(data)
        if reset:
            time.sleep(0.05)  # or the reset overtakes the data in the client's kernel
            connection.reset()
        else:
            connection.close()

    return script


def scripted(*scripts: Script) -> Script:
    """Return a script that plays one script for each request, the last one for all that follow."""
    numbers = iter(range(10**9))
    lock = threading.Lock()

    def play(connection: Connection, request: Request) -> None:
        with lock:
            number = next(numbers)
        scripts[min(number, len(scripts) - 1)](connection, request)

    return play


def two_then_stall(connection: Connection, request: Request) -> None:
    """Send two chunks, then nothing until the client closes."""
    connection.begin()
    connection.event(says("one "))
    connection.event(says("two "))
    connection.stall()


def whole(connection: Connection, request: Request) -> None:
    """Answer any method with a whole answer: a stream, or one response."""
    if ":stream" in request.target:
        connection.stream(says("Hello "), says("world", "STOP", usageMetadata={"totalTokenCount": 7}))
    elif request.target.endswith(":countTokens"):
        connection.answer({"totalTokens": 3})
    else:
        connection.answer(says("Hello world", "STOP"))


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}

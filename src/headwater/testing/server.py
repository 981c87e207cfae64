"""``ScriptServer``: a server on loopback that does what a script says, for any client that speaks HTTP."""

# Theory of operation
#
# A thread accepts connections, and each connection has a thread of its own, because a script has to do what no HTTP
# server offers: stop in the middle of an event, reset, stay silent. h11 reads the requests; what is sent is written to
# the socket by hand.
#
# Every wait is a ``select`` on the connection, so that a client that leaves is noticed in the middle of a pause, and
# so that ``close``, which shuts the sockets down, ends all waits at once. No test waits for a script's silence.
#
# What the script says is recorded once it has been sent whole, and before anything that follows. When an answer has
# ended, ``said`` is therefore exactly what a client can have read.

from __future__ import annotations

import json
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import h11
import msgspec

from headwater.core.wire.gemini import STATUS_NAMES
from headwater.testing.actions import (
    Action,
    Again,
    CallFunction,
    Cut,
    Error,
    Filter,
    Finish,
    Garbage,
    Line,
    Redirect,
    Say,
    Silence,
    Stall,
    Truncate,
    attempts,
)
from headwater.testing.renderers import Part, Renderer, is_stream, renderer_for

#: How long ``wait_for_requests`` and ``wait_for_close`` wait before they fail, in seconds.
PATIENCE = 10.0
#: A client reads what was sent before it sees a reset, if the reset is not too fast.
_BEFORE_RESET = 0.05
_REDIRECTED = "/redirected"
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


class _ClientGone(Exception):
    """The client has closed the connection."""


class _ConnectionOver(Exception):
    """The script has ended the connection."""


def script(*lines: Line | list[Line]) -> ScriptServer:
    """Return a server that does what ``lines`` say: texts, ``pause()``, ``cut()``, ``error()``, ``stall()`` ...

        with script("Hel", cut()) as server:  # every request is answered so
        with script([error(429)], ["Hello"]) as server:  # the first one, then all others

    The server answers the paths of the Gemini API (``generateContent``, streamed or not) and of OpenAI's chat
    completions. An answer that is given no ending ends well.

    Raises:
        UsageError: if a line is neither text nor an action.
    """
    return ScriptServer(attempts(lines))


class ScriptServer:
    """Plays one list of actions for each request, the last one for all that follow. Made by ``script``.

    ``url`` is where it listens, ``requests`` are the requests so far, ``said`` is the text that it sent in answer to
    the last one: what a client that loses and doubles nothing has.
    """

    def __init__(self, scripts: Sequence[Sequence[Action]]) -> None:
        self._scripts = scripts
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._closed: list[float] = []
        self._is_closing = False
        self.requests: list[Request] = []
        self.said = ""
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

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
            for request in _requests(sock):
                with self._changed:
                    number = len(self.requests)
                    actions = self._scripts[min(number, len(self._scripts) - 1)]
                    if _REDIRECTED not in request.path:
                        self.requests.append(request)
                    self.said = ""
                    self._changed.notify_all()
                _Player(self, sock, request).play(actions)
        except _ConnectionOver:
            pass
        except (_ClientGone, OSError):
            with self._changed:
                self._closed.append(time.monotonic())
                self._changed.notify_all()
        finally:
            with self._changed:
                self._open.discard(sock)
            sock.close()


class _Player:
    """Plays one attempt on one connection."""

    def __init__(self, server: ScriptServer, sock: socket.socket, request: Request) -> None:
        self._server = server
        self._socket = sock
        self._request = request
        self._renderer: Renderer | None = renderer_for(request.path)
        self._is_stream = is_stream(request.path, request.body)
        self._parts: list[Part] = []
        self._has_head = False
        self._sent = 0  # bytes of the body
        self._limit: Cut | None = None

    def play(self, actions: Sequence[Action]) -> None:
        """Play the actions; return if the connection can be used again."""
        if self._renderer is None:
            return self._refuse_path()
        if isinstance(actions[0], Redirect):
            if _REDIRECTED not in self._request.path:
                return self._whole(b"", 307, [("location", _REDIRECTED + self._request.path)])
            actions = actions[1:]
        self._limit = next((one for one in actions if isinstance(one, Cut) and one.at is not None), None)
        if self._is_stream:
            return self._play_stream(self._renderer, actions)
        return self._play_whole(self._renderer, actions)

    def _play_stream(self, renderer: Renderer, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Say() | CallFunction():
                    self._send_part(renderer, action)
                case Again() if self._parts:
                    self._send_part(renderer, self._parts[-1])
                case Finish(reason):
                    self._send(renderer.finish(reason, self._parts))
                case Filter():
                    self._send(renderer.block(action, self._parts))
                case Error():
                    if not self._has_head:
                        return self._refuse(renderer, action)
                    self._send(renderer.error_event(action))
                case Garbage(data):
                    self._send(data)
                case Truncate(done):
                    return self._end(renderer.done() if done else b"")
                case Cut(how, None):
                    self._cut(how, renderer)
                case Silence() | Stall():
                    self._wait(action)
        return self._end(renderer.done())

    def _play_whole(self, renderer: Renderer, actions: Sequence[Action]) -> None:
        """Play the actions for a client that wants one answer: the head comes when all of them are over."""
        reason: str | None = None
        for action in actions:
            match action:
                case Say() | CallFunction():
                    self._note(action)
                case Finish(reason) | Filter(reason):
                    pass
                case Error():
                    return self._refuse(renderer, action)
                case Garbage(data):
                    return self._whole(data, 200)
                case Cut(how, None):
                    self._begin("application/json")
                    self._send(renderer.whole(self._parts, None)[:-5])
                    self._cut(how, renderer)
                case Silence() | Stall():
                    self._wait(action)
        return self._whole(renderer.whole(self._parts, reason), 200)

    def _send_part(self, renderer: Renderer, part: Part) -> None:
        if not self._parts:
            for event in renderer.opening():
                self._send(event)
        self._send(renderer.event(part))
        self._note(part)

    def _note(self, part: Part) -> None:
        self._parts.append(part)
        if isinstance(part, Say) and not part.thought:
            self._server.said += part.text

    def _wait(self, action: Silence | Stall) -> None:
        if not self._has_head and not (isinstance(action, Silence) and action.before_head) and self._is_stream:
            self._begin("text/event-stream")
        _watch(self._socket, action.seconds)
        if isinstance(action, Stall):
            raise _ConnectionOver

    def _begin(self, kind: str) -> None:
        self._has_head = True
        self._socket.sendall(_head(200, [("content-type", kind), ("transfer-encoding", "chunked")]))

    def _send(self, data: bytes) -> None:
        """Send a piece of the body, as one HTTP chunk; no more than the script's limit."""
        if not self._has_head:
            self._begin("text/event-stream")
        if self._limit is not None and self._limit.at is not None and self._sent + len(data) > self._limit.at:
            rest = data[: self._limit.at - self._sent]
            self._socket.sendall(_chunk(rest) if rest else b"")
            self._break(self._limit.how)
        self._sent += len(data)
        self._socket.sendall(_chunk(data) if data else b"")

    def _cut(self, how: str, renderer: Renderer) -> None:
        if not self._has_head:
            self._break(how)
        if how == "inside":
            self._send(renderer.event(Say("lost"))[:-10])
        self._break(how)

    def _break(self, how: str) -> None:
        if how == "reset":
            time.sleep(_BEFORE_RESET)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _ConnectionOver

    def _end(self, last: bytes) -> None:
        self._send(last)
        self._socket.sendall(b"0\r\n\r\n")

    def _whole(self, body: bytes, status: int, headers: Sequence[tuple[str, str]] = ()) -> None:
        lines = [("content-type", "application/json"), ("content-length", str(len(body))), *headers]
        self._socket.sendall(_head(status, lines) + body)

    def _refuse(self, renderer: Renderer, error: Error) -> None:
        seconds = error.retry_after
        self._whole(renderer.refusal(error), error.code, [] if seconds is None else [("retry-after", f"{seconds:g}")])

    def _refuse_path(self) -> None:
        message = f"the script has no answer for {self._request.path.partition('?')[0]}"
        self._whole(json.dumps({"error": {"code": 404, "message": message, "status": "NOT_FOUND"}}).encode(), 404)


def sdk_environment(url: str) -> dict[str, str]:
    """Return the variables that send the SDKs of Google and OpenAI to ``url``, with keys that open nothing."""
    return {
        "GOOGLE_GEMINI_BASE_URL": url,
        "GEMINI_API_KEY": "test-key",
        "OPENAI_BASE_URL": url + "/v1",
        "OPENAI_API_KEY": "test-key",
    }


def _requests(sock: socket.socket) -> Iterator[Request]:
    """Yield the requests of a connection until the client closes it, or sends what is not HTTP."""
    connection = h11.Connection(h11.SERVER)
    is_reusable = True
    while is_reusable:
        head: h11.Request | None = None
        body = b""
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError:
                return
            if event is h11.NEED_DATA:
                connection.receive_data(sock.recv(_READ))
            elif isinstance(event, h11.Request):
                head = event
                if connection.they_are_waiting_for_100_continue:
                    sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return
        assert head is not None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        yield Request(head.method.decode(), head.target.decode("latin-1"), headers, body)
        # What was answered went past h11, which is told so in its own terms.
        connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
        connection.send(h11.EndOfMessage())
        is_reusable = connection.our_state is h11.DONE  # not MUST_CLOSE, which the client may have asked for
        if is_reusable:
            connection.start_next_cycle()


def _watch(sock: socket.socket, seconds: float) -> None:
    """Wait for ``seconds``.

    Raises:
        _ClientGone: if the client closes the connection meanwhile.
    """
    readable, _, _ = select.select([sock], [], [], seconds)
    if readable and not sock.recv(1, socket.MSG_PEEK):
        raise _ClientGone


def _head(status: int, headers: Sequence[tuple[str, str]]) -> bytes:
    reason = STATUS_NAMES.get(status, "OK")  # any text will do, and this one tells what is meant
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)

"""``ScriptServer``: a server on loopback that does what a script says, for any client that speaks HTTP."""

# What the script says is recorded once it has been sent whole, and before anything that follows. When an answer has
# ended, ``said`` is therefore exactly what a client can have read.

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Sequence

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
from headwater.testing.loopback import ConnectionOver, LoopbackServer, Request, http_chunk, response_head, watch
from headwater.testing.renderers import Part, Renderer, is_stream, renderer_for

#: A client reads what was sent before it sees a reset, if the reset is not too fast.
_BEFORE_RESET = 0.05
_REDIRECTED = "/redirected"


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


class ScriptServer(LoopbackServer):
    """Plays one list of actions for each request, the last one for all that follow. Made by ``script``.

    ``url`` is where it listens, ``requests`` are the requests so far, ``said`` is the text that it sent in answer to
    the last one: what a client that loses and doubles nothing has.
    """

    def __init__(self, scripts: Sequence[Sequence[Action]]) -> None:
        super().__init__()
        self._scripts = scripts
        self.said = ""

    def answer(self, sock: socket.socket, request: Request) -> None:
        """Play the next list of actions."""
        is_redirected = _REDIRECTED in request.path  # where a redirect leads belongs to the same attempt
        number = len(self.requests) - is_redirected
        if not is_redirected:
            self._note(request)
        self.said = ""
        actions = self._scripts[min(number, len(self._scripts) - 1)]
        _Player(self, sock, request).play(actions)


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
        watch(self._socket, action.seconds)
        if isinstance(action, Stall):
            raise ConnectionOver

    def _begin(self, kind: str) -> None:
        self._has_head = True
        self._socket.sendall(response_head(200, [("content-type", kind), ("transfer-encoding", "chunked")]))

    def _send(self, data: bytes) -> None:
        """Send a piece of the body, as one HTTP chunk; no more than the script's limit."""
        if not self._has_head:
            self._begin("text/event-stream")
        if self._limit is not None and self._limit.at is not None and self._sent + len(data) > self._limit.at:
            rest = data[: self._limit.at - self._sent]
            self._socket.sendall(http_chunk(rest) if rest else b"")
            self._break(self._limit.how)
        self._sent += len(data)
        self._socket.sendall(http_chunk(data) if data else b"")

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
        raise ConnectionOver

    def _end(self, last: bytes) -> None:
        self._send(last)
        self._socket.sendall(b"0\r\n\r\n")

    def _whole(self, body: bytes, status: int, headers: Sequence[tuple[str, str]] = ()) -> None:
        lines = [("content-type", "application/json"), ("content-length", str(len(body))), *headers]
        self._socket.sendall(response_head(status, lines) + body)

    def _refuse(self, renderer: Renderer, error: Error) -> None:
        seconds = error.retry_after
        self._whole(renderer.refusal(error), error.code, [] if seconds is None else [("retry-after", f"{seconds:g}")])

    def _refuse_path(self) -> None:
        message = f"the script has no answer for {self._request.path.partition('?')[0]}"
        self._whole(json.dumps({"error": {"code": 404, "message": message, "status": "NOT_FOUND"}}).encode(), 404)

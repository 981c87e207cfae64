"""``ScriptServer``: a server on loopback that does what a script says, for any client that speaks HTTP."""

# What the script says is recorded once it has been sent whole, and before anything that follows. When an answer has
# ended, ``said`` is therefore exactly what a client can have read.

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Sequence

from headwater.testing.actions import Action, Line, Silence, attempts
from headwater.testing.loopback import ConnectionOver, LoopbackServer, Request, http_chunk, response_head, watch
from headwater.testing.playing import REDIRECTED, Closing, Data, Head, Output, play

#: A client reads what was sent before it sees a reset, if the reset is not too fast.
_BEFORE_RESET = 0.05


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
        is_redirected = REDIRECTED in request.path  # where a redirect leads belongs to the same attempt
        number = len(self.requests) - is_redirected
        if not is_redirected:
            self._note(request)
        self.said = ""
        actions = self._scripts[min(number, len(self._scripts) - 1)]
        sender = _Sender(sock)
        for output in play(actions, request):
            self.said += sender.send(output)


class _Sender:
    """Writes one response to a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._held = b""  # the head of a response that goes out with its body, or a client could see half of it
        self._is_chunked = True

    def send(self, output: Output) -> str:
        """Send one output; return the text that the client knows after it.

        Raises:
            ConnectionOver: if it was the end of the connection.
            ClientGone: if the client has left.
        """
        match output:
            case Head(status, headers, None):
                self._socket.sendall(response_head(status, [*headers, ("transfer-encoding", "chunked")]))
            case Head(status, headers, size):
                self._is_chunked = False
                self._held = response_head(status, [*headers, ("content-length", str(size))])
            case Data(data, said):
                body = http_chunk(data) if self._is_chunked and data else data
                self._socket.sendall(self._held + body)
                self._held = b""
                return said
            case Silence(seconds):
                watch(self._socket, seconds)
            case Closing(how):
                self._end(how)
        return ""

    def _end(self, how: str) -> None:
        if how == "whole":
            return self._socket.sendall(b"0\r\n\r\n" if self._is_chunked else b"")
        if how == "reset":
            time.sleep(_BEFORE_RESET)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionOver

"""HTTP/1.1 as uvicorn speaks it over httptools, with the limits that it lacks: time, size of the head, slow readers.

Theory of operation
===================

``protocol_for(limits)`` is what uvicorn takes as ``http=``: a subclass of its httptools protocol. httptools parses,
uvicorn runs the application; this class only watches, and refuses or cuts what exceeds a limit. A client that stops in
the middle of anything must not hold a connection, a task or memory for ever (slowloris and its relatives).

A connection is always in one of these phases, each with a bound:

1. *Waiting for the head.* From the connection, or from the first byte of a later request, ``head_timeout`` passes until
   408. ``_head_since`` is set in this phase only. Between two requests on one connection uvicorn's own keep-alive
   timeout applies. The head's bytes are counted as they arrive, since httptools buffers it all, and 431 is sent beyond
   ``max_head``.
2. *Waiting for the body.* Silence is bounded by ``stall_timeout``. A body that only drips is bounded as well: each byte
   buys at most ``1 / MIN_BODY_RATE`` seconds, up to ``stall_timeout`` ahead. While the application has paused reading,
   time does not count: then it is the application that is slow.
3. *Lingering.* A response that was sent before the body was complete (a refusal, usually) leaves body bytes under way.
   Closing at once would reset the connection, and the client might lose the response it has not read yet (RFC 9112,
   9.6). So the rest is read and thrown away, for ``LINGER_SECONDS`` at most.
4. *Writing.* A client that takes nothing of what lies ready for ``stall_timeout`` is cut. ``transport.abort`` alone
   would leave the kernel's buffer to the peer; SO_LINGER with zero frees it too.

*One check instead of many timers.* ``_check`` runs about every tenth of the shortest limit and compares times. The
callbacks for each piece of data only store a number, so that a chunk costs no timer.

*Refusals* are written to the transport directly, in Google's shape, as no request exists for the application. In the
middle of a response there is no place for one, and the connection is aborted.

*Rules that httptools leaves to the server* (``_check_target``): HTTP/1.1 has exactly one Host header, and its value is
a host (RFC 9112, 3.2), the asterisk form is for OPTIONS only (RFC 9112, 3.2.4), and an HTTP/1.0 client gets no 100
(Continue) (RFC 9110, 10.1.1). A proxy on the way could read such requests in another way than this server does.

*What it relies on in uvicorn* (``uvicorn.protocols.http.httptools_impl``), none of it documented:

- attributes ``loop``, ``transport``, ``parser``, ``flow.read_paused``, ``url``, ``headers`` (names in lower case),
  ``expect_100_continue``, ``cycle.response_started`` and ``cycle.response_complete``;
- that the parser's callbacks are methods of the protocol, and ``HttpParserError`` raised in one leads to
  ``send_400_response``, which is the one place for all refusals here (``_status`` says which);
- that ``on_response_complete`` is called once per response, and ``handle_websocket_upgrade`` when another protocol
  takes over the transport.

``tests/server/http`` speaks to a real server over sockets, and fails if one of these changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from headwater.server.config import Limits

#: How long the body of a refused request is still read, so that the client can read the refusal (seconds).
LINGER_SECONDS = 5.0
#: A body that arrives more slowly than this is treated as one that has stalled (bytes per second).
MIN_BODY_RATE = 500
#: SO_LINGER with a timeout of zero: closing resets the connection.
_RESET = struct.pack("ii", 1, 0)
#: A Host header: a name or an address, and maybe a port (RFC 3986, 3.2.2 and 3.2.3). Neither a user nor a path, and no
#: comma, although the grammar has it: it is what proxies make of two Host headers.
_HOST = re.compile(rb"(?:[\w.~%!$&'()*+;=-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?", re.ASCII)
_STATUS = {400: "INVALID_ARGUMENT", 408: "DEADLINE_EXCEEDED", 431: "INVALID_ARGUMENT"}
_MESSAGES = {
    400: "this is not a valid HTTP request",
    408: "the request did not arrive in time",
    431: "the head of the request is too large",
}


def protocol_for(limits: Limits) -> type[HttpToolsProtocol]:
    """Return the protocol class with these limits."""
    return type("LimitedProtocol", (LimitedProtocol,), {"limits": limits})


class LimitedProtocol(HttpToolsProtocol):
    """One connection. It waits for a head, for a body and for its reader, and for none of them for ever."""

    limits = Limits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for a head."""
        super().connection_made(transport)
        now = self.loop.time()
        self._head_since: float | None = now
        self._body_until: float | None = None
        self._refused_since: float | None = None
        self._unread_since = now
        self._unread = 0
        self._head_bytes = 0
        self._status = 400
        self._period = max(0.02, min(self.limits.head_timeout, self.limits.stall_timeout) / 10)
        self._timer = self.loop.call_later(self._period, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop checking."""
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data, and count it while the head is not complete."""
        if self._head_since is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_since is not None and self._head_bytes > self.limits.max_head and not self.transport.is_closing():
            self._refuse(431)

    def on_message_begin(self) -> None:
        """A request begins: wait for the rest of its head."""
        super().on_message_begin()
        self._head_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """The head is complete: check it, and wait for the body."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        self._head_since, self._head_bytes = None, 0
        if size > self.limits.max_head:
            self._status = 431
            raise httptools.HttpParserError(_MESSAGES[431])
        self._check_target()
        self._body_until = self.loop.time() + self.limits.stall_timeout
        super().on_headers_complete()

    def _check_target(self) -> None:
        """Refuse what httptools accepts although a proxy might read it differently (RFC 9112, 3.2)."""
        hosts = [value for name, value in self.headers if name == b"host"]
        # RFC 9110, 10.1.1: a client of HTTP/1.0 does not understand 100 (Continue).
        is_http_1_0 = self.parser.get_http_version() == "1.0"
        self.expect_100_continue = self.expect_100_continue and not is_http_1_0
        is_valid_host = _HOST.fullmatch(hosts[0]) is not None if len(hosts) == 1 else is_http_1_0 and not hosts
        if not is_valid_host or (self.url == b"*" and self.parser.get_method() != b"OPTIONS"):
            raise httptools.HttpParserError(_MESSAGES[400])

    def on_body(self, body: bytes) -> None:
        """A part of the body has arrived, which gives the rest more time."""
        if self._body_until is not None:
            self._body_until = min(
                self.loop.time() + self.limits.stall_timeout, self._body_until + len(body) / MIN_BODY_RATE
            )
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._body_until = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The response is written. What is missing of the body is read for ``LINGER_SECONDS`` at most."""
        if self._body_until is not None:
            self._refused_since = self.loop.time()
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to the WebSocket protocol, which has its own limits."""
        self._timer.cancel()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that could not be parsed or exceeds a limit."""
        self._refuse(self._status)

    def _refuse(self, status: int) -> None:
        # In the middle of a response there is no place for a refusal: it would be read as a part of the body.
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()
            return
        error = {"code": status, "message": _MESSAGES[status], "status": _STATUS[status]}
        body = msgspec.json.encode({"error": error})
        head = [b"content-type: application/json; charset=UTF-8", b"content-length: %d" % len(body)]
        head += [b"connection: close", b"", b""]
        self.transport.write(STATUS_LINE[status] + b"\r\n".join(head) + body)
        self.transport.close()

    def _reset(self) -> None:
        """Close with a reset, so that the kernel drops what the peer does not read."""
        with contextlib.suppress(OSError):
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _check(self) -> None:
        now = self.loop.time()
        self._timer = self.loop.call_later(self._period, self._check)
        if self._is_unread(now) or self._is_lingering(now):
            self._reset()
        elif self.transport.is_closing():
            pass
        elif self._is_late(now):
            self._refuse(408)

    def _is_late(self, now: float) -> bool:
        """Whether a head or a body is overdue."""
        if self._head_since is not None:
            return now - self._head_since > self.limits.head_timeout
        if self.flow.read_paused and self._body_until is not None:
            self._body_until = now + self.limits.stall_timeout  # the application is slow, not the client
        return self._body_until is not None and now > self._body_until

    def _is_lingering(self, now: float) -> bool:
        """Whether the body of a refused request has been arriving for too long."""
        return self._refused_since is not None and now - self._refused_since > LINGER_SECONDS

    def _is_unread(self, now: float) -> bool:
        """Whether the client has read nothing of what is ready for it for too long."""
        size = self.transport.get_write_buffer_size()
        if size == 0 or size < self._unread:
            self._unread_since = now
        self._unread = size
        return now - self._unread_since > self.limits.stall_timeout

"""HTTP/1.1 as uvicorn speaks it over httptools, with the limits it lacks: on time, on the size of the head, on readers.

``protocol_for(limits)`` is what uvicorn takes as ``http=``. A connection is looked at once a second or so instead of
having a timer for every byte, which keeps the cost of a chunk where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from headwater.server.config import Limits

#: How long a refused body may still come, so that the client reads the refusal before the connection goes.
LINGER = 5.0
#: A body that comes in drops of fewer bytes a second than this is one that does not come.
SLOWEST = 500
_RESET = struct.pack("ii", 1, 0)
_STATUS = {400: "INVALID_ARGUMENT", 408: "DEADLINE_EXCEEDED", 431: "INVALID_ARGUMENT"}
_WORDS = {
    400: "this is no valid HTTP request",
    408: "the request did not come in time",
    431: "the head of the request is too large",
}


def protocol_for(limits: Limits) -> type[HttpToolsProtocol]:
    """Return the protocol class with these limits."""
    return type("LimitedProtocol", (LimitedProtocol,), {"limits": limits})


class LimitedProtocol(HttpToolsProtocol):
    """One connection. It waits for a head, then for a body, then for its reader, and for none of them for ever."""

    limits = Limits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
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
        self._look = self.loop.call_later(self._period, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go."""
        self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read, and count the bytes of a head that does not end."""
        if self._head_since is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_since is not None and self._head_bytes > self.limits.max_head and not self.transport.is_closing():
            self._refuse(431)

    def on_message_begin(self) -> None:
        """A request begins: its head has to come."""
        super().on_message_begin()
        self._head_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """The head is there: the body has to come."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        self._head_since, self._head_bytes = None, 0
        if size > self.limits.max_head:
            self._status = 431
            raise httptools.HttpParserError(_WORDS[431])
        self._check_target()
        self._body_until = self.loop.time() + self.limits.stall_timeout
        super().on_headers_complete()

    def _check_target(self) -> None:
        """Refuse what httptools lets through, and another server on the way might read otherwise (RFC 9112, 3.2)."""
        hosts = sum(name == b"host" for name, _ in self.headers)
        is_old = self.parser.get_http_version() == "1.0"
        self.expect_100_continue = self.expect_100_continue and not is_old
        if hosts > 1 or (hosts == 0 and not is_old) or (self.url == b"*" and self.parser.get_method() != b"OPTIONS"):
            raise httptools.HttpParserError(_WORDS[400])

    def on_body(self, body: bytes) -> None:
        """Some of the body is there, which gives the rest more time."""
        if self._body_until is not None:
            self._body_until = min(self.loop.time() + self.limits.stall_timeout, self._body_until + len(body) / SLOWEST)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request is there."""
        self._body_until = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The response is written; what is still to come of a refused body is not waited for as long."""
        if self._body_until is not None:
            self._refused_since = self.loop.time()
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        self._look.cancel()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; in the middle of an answer there is no place for that, and the connection goes."""
        self._refuse(self._status)

    def _refuse(self, status: int) -> None:
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()
            return
        error = {"code": status, "message": _WORDS[status], "status": _STATUS[status]}
        body = msgspec.json.encode({"error": error})
        head = [b"content-type: application/json; charset=UTF-8", b"content-length: %d" % len(body)]
        head += [b"connection: close", b"", b""]
        self.transport.write(STATUS_LINE[status] + b"\r\n".join(head) + body)
        self.transport.close()

    def _cut(self) -> None:
        """Close with a reset, so that the kernel too lets go of what nobody takes."""
        with contextlib.suppress(OSError):
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _check(self) -> None:
        now = self.loop.time()
        self._look = self.loop.call_later(self._period, self._check)
        if self._is_unread(now) or self._lingers(now):
            self._cut()
        elif self.transport.is_closing():
            pass
        elif self._is_late(now):
            self._refuse(408)

    def _is_late(self, now: float) -> bool:
        """Whether a head or a body has been waited for too long."""
        if self._head_since is not None:
            return now - self._head_since > self.limits.head_timeout
        if self.flow.read_paused and self._body_until is not None:
            self._body_until = now + self.limits.stall_timeout  # it is the application that takes its time
        return self._body_until is not None and now > self._body_until

    def _lingers(self, now: float) -> bool:
        """Whether a body that nobody wants is still coming."""
        return self._refused_since is not None and now - self._refused_since > LINGER

    def _is_unread(self, now: float) -> bool:
        """Whether the client has taken nothing of what lies ready for it."""
        size = self.transport.get_write_buffer_size()
        if size == 0 or size < self._unread:
            self._unread_since = now
        self._unread = size
        return now - self._unread_since > self.limits.stall_timeout

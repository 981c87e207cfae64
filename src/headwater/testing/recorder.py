"""``cassette()``: a proxy on loopback that records what passes through it, and plays it again."""

# Theory of operation
#
# A request is compared with the cassette in the form in which it would be written, that is, without its secrets. A
# cassette that was recorded with one key therefore answers requests with any other.
#
# A response is passed on piece by piece as it arrives, and is written when it is over, because a secret may lie across
# two pieces. If the client leaves first, what had arrived is written, and that it left.
#
# When it is played, each piece is sent at its time since the head, counted from one clock: a late piece does not make
# the next one later.

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

from headwater.core.machine.steps import TransportError
from headwater.core.wire.request import HttpRequest
from headwater.errors import UsageError
from headwater.testing.cassettes import (
    Cassette,
    Exchange,
    Piece,
    RecordedEnd,
    RecordedRequest,
    RecordedResponse,
    recorded_body,
)
from headwater.testing.loopback import (
    ClientGone,
    ConnectionOver,
    LoopbackServer,
    Request,
    http_chunk,
    response_head,
    watch,
)
from headwater.testing.scrubbing import Scrubber, without_texts
from headwater.transport.base import Body, WaitInterrupter

#: none: never record. once: record if there is no cassette. new: record what is not in it. all: record it again.
Mode = Literal["none", "once", "new", "all"]
#: Overrides the mode of every cassette: ``HEADWATER_CASSETTES=all pytest`` records them again.
MODE_VARIABLE = "HEADWATER_CASSETTES"
#: Headers that belong to one connection and not to the exchange (RFC 9110, section 7.6.1), and the compression, which
#: would hide secrets in the body.
_HOP = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "expect", "te", "upgrade"}
)
#: How often a silent API leaves time to see whether the client is still there, in seconds.
_LOOK_EVERY = 0.1
_GOOGLE, _OPENAI = "https://generativelanguage.googleapis.com", "https://api.openai.com"


@contextmanager
def cassette(
    directory: str | Path,
    *,
    upstream: str | None = None,
    mode: Mode = "once",
    speed: float | None = None,
    hide_texts: bool = False,
    scrub: Callable[[bytes], bytes] | None = None,
) -> Iterator[CassetteServer]:
    """Serve the cassette in ``directory``, and record what is not in it, as ``mode`` says.

    ``upstream`` is the base URL that is recorded; by default, the path decides between those of Google and OpenAI.
    ``speed`` plays it so many times as fast as it was recorded; None sends everything at once. ``hide_texts`` writes
    requests without prompts and texts. ``scrub`` is called with every body after the secrets have been masked, and has
    to keep its length.

    Raises:
        UsageError: if the mode does not exist, or the cassette cannot be read.
    """
    mode = os.environ.get(MODE_VARIABLE) or mode  # type: ignore[assignment]
    if mode not in get_args(Mode):
        raise UsageError(f"the mode of a cassette is one of {', '.join(get_args(Mode))}, not {mode!r}")
    tape = Cassette(directory)
    if mode == "all":
        tape.clear()
    may_record = mode in ("new", "all") or (mode == "once" and not tape.exchanges)
    hiding = Hiding(hide_texts, scrub)
    with CassetteServer(tape, upstream=upstream, may_record=may_record, speed=speed, hiding=hiding) as server:
        yield server
    if server.problems:
        raise AssertionError("\n\n".join(server.problems))


class Hiding:
    """What is hidden besides secrets."""

    def __init__(self, hide_texts: bool = False, scrub: Callable[[bytes], bytes] | None = None) -> None:
        self._hide_texts = hide_texts
        self._scrub = scrub

    def request(self, request: Request) -> tuple[RecordedRequest, Scrubber]:
        """Return a request as it is written, and what hides its secrets in the response."""
        scrubber = Scrubber(request.path, request.headers)
        body = recorded_body(self.body(request.body, scrubber))
        headers = scrubber.request_headers(request.headers)
        written = RecordedRequest(
            request.method, scrubber.path(request.path), headers, without_texts(body) if self._hide_texts else body
        )
        return written, scrubber

    def body(self, data: bytes, scrubber: Scrubber) -> bytes:
        """Return a body without secrets.

        Raises:
            UsageError: if the caller's function changes its length.
        """
        data = scrubber.scrub(data)
        hidden = data if self._scrub is None else self._scrub(data)
        if len(hidden) != len(data):
            raise UsageError("scrub= has to keep the length of a body: the times of its pieces would not fit")
        return hidden


class CassetteServer(LoopbackServer):
    """Answers from a cassette, or passes requests on and records them. Made by ``cassette``."""

    def __init__(
        self,
        tape: Cassette,
        *,
        upstream: str | None = None,
        may_record: bool = False,
        speed: float | None = None,
        hiding: Hiding | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(port)
        self.cassette = tape
        #: Requests that the cassette does not answer, and why. The ``with`` block ends with them as an error.
        self.problems: list[str] = []
        self._upstream = upstream
        self._may_record = may_record
        self._speed = speed
        self._hiding = hiding or Hiding()
        self._played: list[Exchange] = []
        self._lock = threading.Lock()
        self._recorded_before = len(tape.exchanges)

    def answer(self, sock: socket.socket, request: Request) -> None:
        """Play the exchange of a request, or record it."""
        self._note(request)
        written, scrubber = self._hiding.request(request)
        with self._lock:
            found = self.cassette.find(written, self._played) if self._recorded_before else None
            if found is not None:
                self._played.append(found)
        if found is not None:
            return self._play(sock, found)
        if not self._may_record:
            problem = self.cassette.explain(written)
            self.problems.append(problem)
            return _refuse(sock, f"{problem}\nTo record it: {MODE_VARIABLE}=new")
        return self._record(sock, request, written, scrubber)

    def _play(self, sock: socket.socket, exchange: Exchange) -> None:
        response = exchange.response
        self._until(sock, time.monotonic(), response.after / 1000)
        sock.sendall(_chunked_head(response.status, response.headers))
        began = time.monotonic()
        for after, data in exchange.pieces():
            self._until(sock, began, after)
            sock.sendall(http_chunk(data) if data else b"")
        if response.end != "whole":
            raise ConnectionOver
        sock.sendall(b"0\r\n\r\n")

    def _until(self, sock: socket.socket, began: float, after: float) -> None:
        """Wait until ``after`` recorded seconds have passed since ``began``."""
        if self._speed is not None:
            watch(sock, max(0.0, began + after / self._speed - time.monotonic()))

    def _record(self, sock: socket.socket, request: Request, written: RecordedRequest, scrubber: Scrubber) -> None:
        from headwater.transport.sync import UrllibTransport

        began = time.monotonic()
        try:
            body = UrllibTransport().open(self._forwarded(request), None, WaitInterrupter())
        except TransportError as error:
            return _refuse(sock, f"the recorded API did not answer: {error}")
        tape = _Tape(body)
        try:
            kept = {name: value for name, value in body.headers.items() if name not in _HOP}
            sock.sendall(_chunked_head(body.status, kept))
            tape.run(sock)
        finally:
            body.close()
            self._save(written, tape, round((tape.head_at - began) * 1000, 3), scrubber)
        if tape.end == "cut":
            raise ConnectionOver
        return sock.sendall(b"0\r\n\r\n")

    def _save(self, written: RecordedRequest, tape: _Tape, after: float, scrubber: Scrubber) -> None:
        headers = scrubber.response_headers(tape.body.headers)
        pieces = [Piece(round(at * 1000, 3), len(data)) for at, data in tape.pieces]
        response = RecordedResponse(tape.body.status, headers, after, pieces, tape.end)
        try:
            data = self._hiding.body(b"".join(data for _, data in tape.pieces), scrubber)
            with self._lock:
                self.cassette.add(Exchange(written, response, data))
        except (UsageError, OSError) as error:  # this thread is nobody's to catch it
            self.problems.append(f"{written.method} {written.path} was not recorded: {error}")

    def _forwarded(self, request: Request) -> HttpRequest:
        base = self._upstream or (
            _OPENAI if "/v1/chat/" in request.path or "/v1/responses" in request.path else _GOOGLE
        )
        headers = {name: value for name, value in request.headers.items() if name not in _HOP}
        return HttpRequest(request.method, base.rstrip("/") + request.path, headers, request.body or None)


class _Tape:
    """The pieces of one body while they are passed on."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.head_at = time.monotonic()
        self.pieces: list[tuple[float, bytes]] = []
        self.end: RecordedEnd = "left"

    def run(self, sock: socket.socket) -> None:
        """Pass on what arrives until it ends.

        Raises:
            ClientGone: if the client leaves first, even while the API is silent.
        """
        try:
            while data := self._next(sock):
                self.pieces.append((time.monotonic() - self.head_at, data))
                sock.sendall(http_chunk(data))
        except TransportError:
            self.end = "cut"
        except OSError:
            raise ClientGone from None
        else:
            self.end = "whole"

    def _next(self, sock: socket.socket) -> bytes:
        while not self.body.wait(_LOOK_EVERY):
            watch(sock, 0.0)
        return self.body.read(None)


def _chunked_head(status: int, headers: Mapping[str, str]) -> bytes:
    return response_head(status, [*headers.items(), ("transfer-encoding", "chunked")])


def _refuse(sock: socket.socket, message: str) -> None:
    error: dict[str, Any] = {"error": {"code": 501, "message": message, "status": "UNIMPLEMENTED"}}
    body = json.dumps(error).encode()
    sock.sendall(response_head(501, [("content-type", "application/json"), ("content-length", str(len(body)))]) + body)

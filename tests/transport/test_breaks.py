"""A road that breaks or falls silent is the error of its kind, with what had arrived.

The commonest breaks stand in the table of faults, ``tests/support/fault_cases.py``; here are the others.
"""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Any

import pytest

from headwater import genai
from headwater.errors import ConnectError, StreamInterrupted, StreamStalled, StreamTruncated, WireError
from tests.support.servers import (
    CHUNKED,
    ENDLESS,
    EVENT,
    LAST,
    Connection,
    Request,
    Script,
    Server,
    chunk,
    head,
    says,
    sends,
    sse,
    whole,
)

#: Every failure here is one that is tried again, which has tests of its own.
ONCE = {"retry_options": {"attempts": 1}}

# --- broken roads ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "kind", "texts"),
    [
        (sends(CHUNKED + chunk(EVENT) + chunk(LAST)[:20]), StreamInterrupted, ["Hel"]),
        (sends(CHUNKED + chunk(EVENT + LAST[:30]) + b"0\r\n\r\n"), StreamTruncated, ["Hel"]),
        (sends(ENDLESS + EVENT), StreamTruncated, ["Hel"]),
        (sends(head("200 OK", {"content-length": "1000"}) + EVENT), StreamInterrupted, ["Hel"]),
        (sends(CHUNKED), StreamInterrupted, []),
        (sends(CHUNKED + b"0\r\n\r\n"), StreamTruncated, []),
        (sends(CHUNKED + b"zz\r\nHel"), (StreamInterrupted, ConnectError), []),
        (sends(b""), ConnectError, []),
        (sends(b"HTTP/1.1 200 OK\r\ncontent-type: text/eve"), (StreamTruncated, ConnectError), []),
        (sends(b"SSH-2.0-OpenSSH_9.0\r\n"), ConnectError, []),
        (sends(ENDLESS + sse(b"{broken")), WireError, []),
    ],
    ids=[
        "FIN inside a chunk",
        "clean end inside an event",
        "end by close without a finish reason",
        "less than content-length",
        "FIN before the first chunk",
        "empty chunked body",
        "no chunk size",
        "FIN before the head",
        "FIN inside the head",
        "no HTTP at all",
        "no JSON",
    ],
)
def test_broken_road_is_a_typed_error(side: Any, script: Script, kind: Any, texts: list[str]) -> None:
    """A break is the error of its kind, after the chunks that had arrived, with the partial answer."""
    with Server(script) as server:
        came, error = side.failure(server.client())
        assert isinstance(error, kind)
        assert came == texts
        assert (error.partial.text if error.partial else None) == (texts[0] if texts else None)
        assert "object at 0x" not in str(error)


def test_finish_reason_before_the_break_makes_the_answer_whole(side: Any) -> None:
    """An answer whose connection ends by closing, after its finish reason, is whole."""
    with Server(sends(ENDLESS + EVENT + LAST)) as server:
        assert [chunk.text for chunk in side.read(side.stream(server.client()))] == ["Hel", "lo"]


def test_nobody_listens(side: Any) -> None:
    """A refused connection is a ConnectError, which is a ConnectionError too."""
    with Server(whole) as server:
        client = server.client()
    _, error = side.failure(client)
    assert isinstance(error, ConnectError)
    assert isinstance(error, ConnectionError)
    assert error.phase == "connect"
    assert "object at 0x" not in str(error)


def test_name_does_not_resolve(side: Any) -> None:
    """A host name that does not exist is a ConnectError."""
    client = genai.Client(api_key="test-key", http_options={"base_url": "http://nowhere.invalid"} | ONCE)
    _, error = side.failure(client)
    assert isinstance(error, ConnectError)
    assert "object at 0x" not in str(error)


def test_tls_with_a_server_that_has_none(side: Any) -> None:
    """https to a server that speaks plain HTTP is a ConnectError."""

    def greet(connection: Connection) -> None:
        connection.socket.recv(10)
        connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    with Server(whole, greet=greet) as server:
        url = server.url.replace("http:", "https:")
        client = genai.Client(api_key="test-key", http_options={"base_url": url, "timeout": 5000} | ONCE)
        _, error = side.failure(client)
        assert isinstance(error, ConnectError)


# --- silence --------------------------------------------------------------------------------------------------------


def test_stall_in_the_answer_is_noticed(side: Any) -> None:
    """A stream that falls silent is a StreamStalled, a TimeoutError, and its connection is closed."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("Hel"))
        connection.stall()

    with Server(script) as server:
        started = time.monotonic()
        texts, error = side.failure(server.client(timeout=200))
        assert texts == ["Hel"]
        assert isinstance(error, StreamStalled)
        assert isinstance(error, TimeoutError)
        assert "0.2 s" in str(error)
        assert error.partial.text == "Hel"
        assert 0.2 <= time.monotonic() - started < 5
        server.closed_at()


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "unary"])
def test_stall_before_the_head_is_noticed(side: Any, stream: bool) -> None:
    """A request that gets no answer is a StreamStalled, once, and its connection is closed."""
    with Server(lambda connection, _: connection.stall()) as server:
        _, error = side.failure(server.client(timeout=200), stream=stream)
        assert isinstance(error, StreamStalled)
        assert len(server.requests) == 1
        server.closed_at()


def test_stall_of_the_connection_is_noticed(side: Any) -> None:
    """A connection that does not come about is a StreamStalled too."""
    with socket.socket() as full, contextlib.ExitStack() as queue:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # fill its queue, so that the kernel lets the next one wait
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        client = genai.Client(api_key="test-key", http_options={"base_url": url, "timeout": 300} | ONCE)
        _, error = side.failure(client)
        assert isinstance(error, StreamStalled)


def test_stall_of_the_handshake_is_noticed(side: Any) -> None:
    """A TLS handshake that does not come about is a StreamStalled too."""
    with Server(whole, greet=lambda connection: connection.stall()) as server:
        url = server.url.replace("http:", "https:")
        client = genai.Client(api_key="test-key", http_options={"base_url": url, "timeout": 300} | ONCE)
        _, error = side.failure(client)
        assert isinstance(error, StreamStalled)


def test_blank_lines_keep_a_stream_alive(side: Any) -> None:
    """Blank lines and comments are signs of life: no stall, no chunk."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        for number in range(6):
            time.sleep(0.1)
            connection.chunk(b": ping\r\n\r\n" if number % 2 else b"\r\n")
        connection.event(says("done", "STOP"))
        connection.end()

    with Server(script) as server:
        assert [chunk.text for chunk in side.read(side.stream(server.client(timeout=400)))] == ["done"]


@pytest.mark.parametrize("data", [b"", CHUNKED, CHUNKED + chunk(EVENT)], ids=["no head", "no body", "cut"])
@pytest.mark.parametrize("reset", [True, False], ids=["RST", "FIN"])
def test_break_is_told_in_words(side: Any, data: bytes, reset: bool) -> None:
    """What a break says is a sentence, without the tuples and object names of a library."""
    with Server(sends(data, reset=reset)) as server:
        _, error = side.failure(server.client())
        assert not [mark for mark in ("('", "0x", "<", "None", "IncompleteRead") if mark in str(error)], str(error)
        assert not str(error).endswith(": ")

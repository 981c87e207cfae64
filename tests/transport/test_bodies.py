"""Bodies in every shape: compressed, in drops, too early, and nonsense."""

from __future__ import annotations

import contextlib
import gzip
import random
import socket
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from headwater import genai
from headwater.errors import ClientError, HeadwaterError
from tests.support.servers import (
    CHUNKED,
    EVENT,
    LAST,
    PATIENCE,
    Connection,
    Request,
    Server,
    chunk,
    says,
    sends,
    sse,
    whole,
)

# --- compressed bodies ----------------------------------------------------------------------------------------------


class _Gzip:
    label = "gzip"

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(wbits=31)

    def piece(self, data: bytes) -> bytes:
        return self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._deflate.flush()


class _Deflate(_Gzip):
    label = "deflate"

    def __init__(self) -> None:
        self._deflate = zlib.compressobj()


class _RawDeflate(_Gzip):
    label = "deflate"

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(wbits=-15)


@pytest.mark.parametrize("make", [_Gzip, _Deflate, _RawDeflate])
def test_compressed_events_arrive_one_by_one(side: Any, make: Callable[[], _Gzip]) -> None:
    """A chunk of a compressed stream is delivered before the next event is sent."""
    go_on = threading.Semaphore(0)

    def script(connection: Connection, request: Request) -> None:
        packer = make()
        connection.begin(content_encoding=packer.label)
        for text in "abc":
            connection.chunk(packer.piece(sse(says(text, "STOP" if text == "c" else None))))
            assert go_on.acquire(timeout=PATIENCE)
        connection.chunk(packer.end())
        connection.end()

    with Server(script) as server:
        stream = side.stream(server.client())
        for text in "abc":
            assert side.next(stream).text == text
            go_on.release()
        assert side.next(stream) is None
        assert {"gzip", "deflate"} <= {
            name.strip() for name in server.requests[0].headers["accept-encoding"].split(",")
        }


def test_refusal_may_be_compressed(side: Any) -> None:
    """The body of an error is unpacked too."""
    body = gzip.compress(b'{"error": {"code": 400, "message": "wrong", "status": "INVALID_ARGUMENT"}}')
    with Server(lambda connection, _: connection.answer(body, "400 Bad", content_encoding="gzip")) as server:
        _, error = side.failure(server.client())
        assert isinstance(error, ClientError)
        assert error.message == "wrong"


# --- any bytes at all -----------------------------------------------------------------------------------------------

SPICES = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 2000000000000 OK\r\n",
    b"HTTP/9.9 200 OK\r\n",
    b"HTTP/1.1 -1\r\n",
    b"HTTP/1.1 204 No Content\r\n",
    b"HTTP/1.1 304 Not Modified\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 307 T\r\nlocation: http://[::1\r\n",
    b"HTTP/1.0 200\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"transfer-encoding: chunked\r\n",
    b"transfer-encoding: gzip, chunked\r\n",
    b"transfer-encoding: nonsense\r\n",
    b"content-length: 10\r\n",
    b"content-length: -10\r\n",
    b"content-length: 10, 20\r\n",
    b"content-length: nonsense\r\n",
    b"content-length: 99999999999999999999999999\r\n",
    b"content-encoding: gzip\r\n",
    b"content-encoding: deflate\r\n",
    b"content-encoding: br\r\n",
    b"content-encoding: zstd\r\n",
    b"content-encoding: gzip, gzip, gzip, gzip, gzip, gzip\r\n",
    b"content-encoding: nonsense\r\n",
    b"content-type: \xff\xfe; charset=nonsense\r\n",
    b"set-cookie: a=b; expires=nonsense; path=\x01\r\n",
    b"connection: close\r\n",
    b": no name\r\n",
    b"no colon\r\n",
    b" folded\r\n",
    b"x\x00y: \x00\r\n",
    b"x-long: " + b"a" * 70000 + b"\r\n",
    b"x: y\r\n" * 200,
    b"ffffffffffffffffffff\r\n",
    b"5\r\nhello\r\n",
    b"-5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"0\r\nx: trailer\r\n\r\n",
    b"5;name=value\r\nhello\r\n",
    chunk(EVENT),
    EVENT,
    gzip.compress(EVENT),
    gzip.compress(EVENT)[:20],
    zlib.compress(EVENT),
    chunk(gzip.compress(EVENT)[:-4]),
    b"\x1f\x8b\x08\x00garbage garbage",
    b"\xff" * 50,
    b"",
]


def _nonsense(seed: int) -> bytes:
    dice = random.Random(seed)
    match seed % 3:
        case 0:  # a plausible answer, spiced
            pieces = [b"HTTP/1.1 200 OK\r\n", *dice.choices(SPICES[12:35], k=dice.randrange(4)), b"\r\n"]
            pieces += dice.choices(SPICES[35:], k=dice.randrange(5))
            return b"".join(pieces)
        case 1:  # anything
            return b"".join(dice.choices(SPICES, k=dice.randrange(1, 8)))
    good = bytearray(CHUNKED + chunk(EVENT) + chunk(LAST) + b"0\r\n\r\n")
    for _ in range(dice.randrange(1, 6)):  # a good answer, damaged
        good[dice.randrange(len(good))] = dice.randrange(256)
    return bytes(good)


@pytest.mark.parametrize("block", range(4))
def test_any_bytes_end_in_an_answer_or_a_headwater_error(side: Any, block: int) -> None:
    """Whatever bytes a server sends, a call ends soon, well or with a HeadwaterError, and the client stays usable."""
    sentences = []
    with Server(lambda connection, _: sends(_nonsense(seed))(connection, _)) as server:
        client = server.client(timeout=2000)
        for seed in range(block * 60, block * 60 + 60):
            started = time.monotonic()
            try:
                if seed % 2:
                    side.read(side.stream(client))
                else:
                    side.ask(client)
            except HeadwaterError as error:
                sentences.append(str(error))
            except Exception as error:
                raise AssertionError(f"seed {seed}: {_nonsense(seed)!r}") from error
            assert time.monotonic() - started < 1.5, (seed, _nonsense(seed))
    assert len(sentences) > 40
    assert not [text for text in sentences if "test-key" in text]


def test_answer_before_the_request_was_read(side: Any) -> None:
    """A server that refuses a large request before it has read it is heard."""
    body = b'{"error": {"code": 413, "message": "too large", "status": "INVALID_ARGUMENT"}}'

    def greet(connection: Connection) -> None:
        connection.read(1000)
        connection.answer(body, "413 Payload Too Large", connection="close")
        connection.socket.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while connection.socket.recv(1 << 20):
                pass
        connection.close()

    with Server(whole, greet=greet) as server:
        part = genai.types.Part.from_bytes(data=b"x" * 8_000_000, mime_type="image/png")
        with pytest.raises(ClientError) as caught:
            side.read(side.stream(server.client(), contents=part))
        assert (caught.value.code, caught.value.message) == (413, "too large")


def test_server_that_drips_is_heard(side: Any) -> None:
    """An answer that comes byte by byte is read as any other."""

    def script(connection: Connection, request: Request) -> None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = CHUNKED + chunk(sse(says("Grüße ☃"))) + chunk(LAST) + b"0\r\n\r\n"
        for at in range(len(data)):
            connection.send(data[at : at + 1])

    with Server(script) as server:
        assert "".join(chunk.text for chunk in side.read(side.stream(server.client()))) == "Grüße ☃lo"

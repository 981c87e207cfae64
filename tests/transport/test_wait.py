"""``Body.wait``: it says when there is something to read, loses and doubles nothing, and does not spin."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from headwater.core.machine.steps import TransportError
from headwater.core.wire.request import HttpRequest
from headwater.transport import sync
from headwater.transport.aio import AiohttpTransport
from headwater.transport.base import WaitInterrupter
from headwater.transport.offline import AsyncOfflineTransport, OfflineTransport
from headwater.transport.sync import UrllibTransport
from tests.support.servers import CHUNKED, ENDLESS, PATIENCE, Connection, Request, Script, Server, chunk, head

#: A timer may be so late (seconds) on a machine that has other things to do.
LATE = 0.5


class Reader:
    """A sync or async body, read by a thread."""

    def __init__(self, side: Any, url: str, *, method: str = "GET", body: bytes | None = None) -> None:
        offline = url.startswith("offline:")
        if side.name == "sync":
            self.transport: Any = OfflineTransport() if offline else UrllibTransport()
        else:
            self.transport = AsyncOfflineTransport() if offline else AiohttpTransport()
        headers = {"Accept-Encoding": "gzip"}
        self._do = side.do
        self.body = self._do(self.transport.open(HttpRequest(method, url, headers, body), PATIENCE, WaitInterrupter()))

    def wait(self, seconds: float) -> bool:
        began = time.monotonic()
        found = bool(self._do(self.body.wait(seconds)))
        took = time.monotonic() - began
        assert took < seconds + LATE
        assert found or took >= seconds - 0.005
        return found

    def read(self, timeout: float | None = PATIENCE) -> bytes:
        return bytes(self._do(self.body.read(timeout)))

    def close(self) -> None:
        self.body.close()
        self._do(self.transport.close())


@pytest.fixture
def wakes(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The moments at which the sync body waited for its socket."""
    moments: list[float] = []
    real = sync.wait_for_read  # type: ignore[attr-defined]

    def wait_for_read(sock: Any, timeout: float | None = None) -> bool:
        moments.append(time.monotonic())
        return real(sock, timeout)

    monkeypatch.setattr(sync, "wait_for_read", wait_for_read)
    return moments


class Relay:
    """Carries bytes from a server to its one client in the pieces that ``cut`` makes of them."""

    def __init__(self, server: Server, cut: Callable[[bytes], Iterator[bytes]]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._server, self._cut = server, cut
        self.url = f"{server.url.rpartition(':')[0]}:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._run)]
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Relay:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self._sockets:
            with contextlib.suppress(OSError):  # closed by the other end already
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        for sock in (*self._sockets, self._listener):
            sock.close()

    def _run(self) -> None:
        client, _ = self._listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = socket.create_connection(("127.0.0.1", self._server.port))
        self._sockets += [client, server]
        self._threads.append(threading.Thread(target=self._carry, args=(client, server)))
        self._threads[-1].start()
        try:
            while data := server.recv(65536):
                for piece in self._cut(data):
                    client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
        except OSError:  # the client has gone
            pass

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


# --- any cut, any delay -----------------------------------------------------------------------------------------------

FRAMES = ["chunked", "length", "close", "gzip"]


def _pieces(dice: random.Random) -> list[bytes]:
    return [dice.randbytes(dice.choice([1, 2, 5, 300, 9000, 20000])) for _ in range(dice.randrange(1, 8))]


def _script(frame: str, pieces: list[bytes], dice: random.Random) -> Script:
    """A script that sends ``pieces`` in one of the ways of HTTP, with pauses between them."""

    def script(connection: Connection, request: Request) -> None:
        packer = zlib.compressobj(wbits=31)
        if frame == "length":
            connection.send(head("200 OK", {"content-length": str(sum(map(len, pieces)))}))
        else:
            connection.send(
                {
                    "chunked": CHUNKED,
                    "close": ENDLESS,
                    "gzip": CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n"),
                }[frame]
            )
        for piece in pieces:
            time.sleep(dice.choice([0, 0, 0.002, 0.01]))
            if frame == "gzip":
                connection.chunk(packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH))
            elif frame == "chunked":
                connection.chunk(piece)
            else:
                connection.send(piece)
        if frame == "gzip":
            connection.chunk(packer.flush())
        if frame in ("chunked", "gzip"):
            connection.end()
        if frame == "close":
            connection.close()

    return script


def _cutter(dice: random.Random) -> Callable[[bytes], Iterator[bytes]]:
    def cut(data: bytes) -> Iterator[bytes]:
        while data:
            size = dice.choice([1, 2, 3, 7, 100, 5000, 65536])
            yield data[:size]
            data = data[size:]
            time.sleep(dice.choice([0, 0, 0, 0.001, 0.004]))

    return cut


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("frame", FRAMES)
def test_any_cut_any_delay(
    side: Any, frame: str, tls: bool, known: ssl.SSLContext, wakes: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting and reading in turns gives the bytes that were sent, each once, and never waits beyond its time."""
    for seed in range(6):
        dice = random.Random(f"{frame} {seed}")
        pieces = _pieces(dice)
        count = 0
        wakes.clear()
        with (
            Server(_script(frame, pieces, random.Random(seed)), tls=known if tls else None) as server,
            Relay(server, _cutter(random.Random(seed))) as relay,
        ):
            reader = Reader(side, relay.url)
            came, reads, ended = b"", 0, False
            while not ended:
                count += 1
                if reader.wait(dice.choice([0, 0.001, 0.02])):
                    data = reader.read()
                    came += data
                    reads += 1
                    ended = not data
            reader.close()
        assert came == b"".join(pieces), seed
        assert len(wakes) <= 2 * count + 400, seed  # each piece of the relay may wake it once, and no more than that


# --- what is there at once --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_what_lies_in_a_buffer_is_there(side: Any, tls: bool, known: ssl.SSLContext) -> None:
    """Bytes that came in one go, more than a read takes, are found by every wait, also one of no time."""
    data = [bytes([number]) * 9000 for number in range(4)]

    def script(connection: Connection, request: Request) -> None:
        connection.send(CHUNKED + b"".join(map(chunk, data)))
        connection.stall()

    with Server(script, tls=known if tls else None) as server:
        reader = Reader(side, server.url)
        assert reader.wait(PATIENCE)
        came = reader.read()
        while len(came) < sum(map(len, data)):
            assert reader.wait(1.0)
            came += reader.read()
        assert came == b"".join(data)
        assert not reader.wait(0.05)
        reader.close()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("rest", [b"", b"\r", b"\r\n", b"\r\n5", b"\r\n5\r\n"])
def test_framing_alone_is_nothing_to_read(
    side: Any, rest: bytes, tls: bool, known: ssl.SSLContext, wakes: list[float]
) -> None:
    """The end of a chunk and the beginning of the next are no bytes to read, and are not looked at again and again."""
    go_on = threading.Event()

    def script(connection: Connection, request: Request) -> None:
        connection.send(CHUNKED + b"5\r\nhello" + rest)
        assert go_on.wait(PATIENCE)
        connection.send(b"\r\n5\r\nworld\r\n0\r\n\r\n"[len(rest) :])

    with Server(script, tls=known if tls else None) as server:
        reader = Reader(side, server.url)
        assert reader.read() == b"hello"
        assert not reader.wait(0.1)
        assert not reader.wait(0.0)
        assert len(wakes) <= 4
        timer = threading.Timer(0.05, go_on.set)
        timer.start()
        assert reader.wait(PATIENCE)
        assert reader.read() == b"world"
        assert len(wakes) <= 8
        assert reader.wait(PATIENCE)
        assert reader.read() == b""
        timer.join()
        reader.close()


def test_half_a_tls_record_is_nothing_to_read(side: Any, known: ssl.SSLContext, wakes: list[float]) -> None:
    """Half a TLS record does not make a wait long or busy; the other half makes its bytes come."""
    go_on, is_cut = threading.Event(), threading.Event()

    def script(connection: Connection, request: Request) -> None:
        connection.send(ENDLESS + b"one")
        time.sleep(0.05)  # or the relay sees both at once
        is_cut.set()
        connection.send(b"two")
        connection.stall()

    def cut(data: bytes) -> Iterator[bytes]:
        if not is_cut.is_set():
            yield data
            return
        yield data[:9]
        go_on.wait(PATIENCE)
        yield data[9:]

    with Server(script, tls=known) as server, Relay(server, cut) as relay:
        reader = Reader(side, relay.url)
        assert reader.read() == b"one"
        assert not reader.wait(0.2)
        assert len(wakes) <= 4
        go_on.set()
        assert reader.wait(PATIENCE)
        assert reader.read() == b"two"
        reader.close()


# --- ends -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("frame", ["chunked", "length", "close"])
def test_the_end_is_something_to_read(side: Any, frame: str, tls: bool, known: ssl.SSLContext) -> None:
    """At the end of a body there is something to read: that it has ended."""
    with Server(_script(frame, [b"all"], random.Random(1)), tls=known if tls else None) as server:
        reader = Reader(side, server.url)
        assert reader.read() == b"all"
        assert reader.wait(PATIENCE)
        assert reader.read() == b""
        reader.close()


@pytest.mark.parametrize("reset", [True, False], ids=["RST", "FIN"])
def test_a_broken_road_ends_the_wait(side: Any, reset: bool) -> None:
    """A connection that breaks ends the wait at once, with an error or with one at the next read."""
    go_on = threading.Event()

    def script(connection: Connection, request: Request) -> None:
        connection.send(CHUNKED + chunk(b"one"))
        assert go_on.wait(PATIENCE)
        (connection.reset if reset else connection.close)()

    with Server(script) as server:
        reader = Reader(side, server.url)
        assert reader.read() == b"one"
        threading.Timer(0.05, go_on.set).start()
        began = time.monotonic()
        with pytest.raises(TransportError) as caught:  # noqa: PT012  # which of the two is up to the library
            reader.wait(PATIENCE)
            reader.read()
        assert caught.value.kind == "lost"
        assert time.monotonic() - began < PATIENCE / 2
        reader.close()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_abort_ends_the_wait(side: Any, tls: bool, known: ssl.SSLContext) -> None:
    """``abort()`` from another thread ends a wait at once, and closes the connection."""

    def script(connection: Connection, request: Request) -> None:
        connection.send(CHUNKED + chunk(b"one"))
        connection.stall()

    with Server(script, tls=known if tls else None) as server:
        reader = Reader(side, server.url)
        assert reader.read() == b"one"
        timer = threading.Timer(0.05, reader.body.abort)
        timer.start()
        began = time.monotonic()
        with pytest.raises(TransportError) as caught:
            reader.wait(PATIENCE)
        assert caught.value.kind == "aborted"
        assert time.monotonic() - began < PATIENCE / 2
        server.closed_at()
        timer.join()
        reader.close()


# --- offline ----------------------------------------------------------------------------------------------------------


def test_offline_waits_like_a_network(side: Any) -> None:
    """The offline transport's bodies wait, too: nothing is lost, and the end is something to read."""
    url = "offline:first=0.05,rate=200/v1beta/models/m:streamGenerateContent?alt=sse"
    body = b'{"contents": [{"parts": [{"text": "Say hello."}]}]}'
    reader = Reader(side, url, method="POST", body=body)
    plain = Reader(side, "offline:instant/v1beta/models/m:streamGenerateContent?alt=sse", method="POST", body=body)
    came, waits = b"", 0
    assert not reader.wait(0.0)
    while True:
        if not reader.wait(0.002):
            waits += 1
            continue
        data = reader.read()
        if not data:
            break
        came += data
    expected = b""
    while data := plain.read():
        expected += data
    assert waits > 5
    assert came.count(b"data: ") == expected.count(b"data: ")
    assert len(came) == len(expected)
    reader.body.abort()
    with pytest.raises(TransportError):
        reader.wait(PATIENCE)

"""Handshakes of a WebSocket that are none, or nearly: each gets a status or the end of the connection."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.server import Limits
from tests.support.live import Live, Scripted, read_until, says

_RIGHT = {
    b"Host": b"localhost",
    b"Connection": b"Upgrade",
    b"Upgrade": b"websocket",
    b"Sec-WebSocket-Version": b"13",
    b"Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ==",
}
_NAMES = st.sampled_from(
    [*_RIGHT, b"Origin", b"Sec-WebSocket-Protocol", b"Sec-WebSocket-Extensions", b"Cookie", b"Content-Length"]
)
_VALUES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [*_RIGHT.values(), b"", b",", b"keep-alive, Upgrade", b"8", b"permessage-deflate; x=", b"\xff\xfe"]
    ),
    st.integers(1, 5_000).map(lambda size: b"a" * size),
)


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    limits = Limits(head_timeout=0.2, stall_timeout=0.2)
    with Live(Scripted(lambda _: [says("ok", "STOP")]), limits=limits) as live:
        yield live


def shake(live: Live, fields: list[tuple[bytes, bytes]], first: bytes = b"GET /ws HTTP/1.1") -> bytes:
    """The first bytes that a handshake of these fields is answered with."""
    data = b"\r\n".join([first, *(name + b": " + value for name, value in fields), b"", b""])
    with socket.create_connection(("127.0.0.1", live.port), 10) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(data)
        return read_until(connection, b"\r\n")[:16]
    return b""


def test_the_right_handshake(live: Live) -> None:
    """What the fuzzing starts from is accepted."""
    assert shake(live, list(_RIGHT.items())).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("name", _RIGHT)
def test_every_field_is_needed(live: Live, name: bytes) -> None:
    """Without any one of its fields a handshake is no handshake, and is refused."""
    answer = shake(live, [entry for entry in _RIGHT.items() if entry[0] != name])
    assert answer.startswith(b"HTTP/1.1 4")


def test_a_handshake_with_a_body_is_refused(live: Live) -> None:
    """A handshake that announces a body, which httptools lets through, is refused and not waited for."""
    assert shake(live, [*_RIGHT.items(), (b"Content-Length", b"1")]).startswith(b"HTTP/1.1 4")


@given(
    st.dictionaries(_NAMES, _VALUES, max_size=5),
    st.lists(st.tuples(_NAMES | st.binary(max_size=9), _VALUES), max_size=4),
)
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
def test_no_handshake_breaks_the_server(
    live: Live, changed: dict[bytes, bytes], added: list[tuple[bytes, bytes]]
) -> None:
    """Whatever the headers are, the answer is a WebSocket, a refusal (4xx) or the end; the server goes on."""
    answer = shake(live, [*(_RIGHT | changed).items(), *added])
    assert answer[:9] in (b"", b"HTTP/1.1 ")
    assert answer[9:10] in (b"", b"1", b"2", b"4"), answer
    assert live.get("/healthz").status == 200

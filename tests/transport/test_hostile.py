"""An upstream that breaks the rules of HTTP: sync and async say the same, and keep the text that had arrived."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from headwater.errors import ConnectError, StreamInterrupted, StreamStalled
from tests.support.servers import Connection, Request, Server, head, says, sse

_HEAD = head("200 OK", {"content-type": "text/event-stream", "transfer-encoding": "chunked"})


def _chunk(document: Any) -> bytes:
    data = sse(document)
    return b"%x\r\n%b\r\n" % (len(data), data)


_HELLO = _HEAD + _chunk(says("Hello"))
_TRAILERS = b"0\r\n" + b"X-A: b\r\n" * 100_000 + b"\r\n"
_EXTENSION = b"5;" + b"a" * 25_000_000 + b"\r\nhello\r\n"
#: What is sent, the texts that arrive, and the error.
CASES: dict[str, tuple[bytes, list[str], type[Exception] | None]] = {
    "a bad size after a chunk": (_HELLO + b"zz\r\nxxx\r\n", ["Hello"], StreamInterrupted),
    "a bad size at once": (_HEAD + b"zz\r\nxxx\r\n", [], StreamInterrupted),
    "a negative size": (_HELLO + b"-5\r\nhello\r\n", ["Hello"], StreamInterrupted),
    "a size of 30 digits": (_HELLO + b"f" * 30 + b"\r\nhello\r\n", ["Hello"], StreamInterrupted),
    "a size with an underscore": (_HELLO + b"1_0\r\n" + b"a" * 16 + b"\r\n", ["Hello"], StreamInterrupted),
    "a chunk longer than announced": (_HELLO + b"5\r\nhelloXX5\r\n", ["Hello"], StreamInterrupted),
    "100,000 trailers": (_HELLO + _TRAILERS, ["Hello"], StreamInterrupted),
    "100,000 trailers after the finish": (_HELLO + _chunk(says("!", "STOP")) + _TRAILERS, ["Hello", "!"], None),
    "a few trailers": (_HELLO + _chunk(says("!", "STOP")) + b"0\r\nX-A: b\r\n\r\n", ["Hello", "!"], None),
    "a chunk extension of 25 MB": (_HELLO + _EXTENSION, ["Hello"], StreamStalled),
    "a chunk extension of 25 MB at once": (_HEAD + _EXTENSION, [], StreamStalled),
    "not HTTP": (b"garbage\r\n\r\n", [], ConnectError),
    "a head before the head, and a bad size": (
        b"HTTP/1.1 100 Continue\r\n\r\n" + _HELLO + b"zz\r\n",
        ["Hello"],
        StreamInterrupted,
    ),
}


def _sends(*pieces: bytes) -> Callable[[Connection, Request], None]:
    def script(connection: Connection, request: Request) -> None:
        with contextlib.suppress(OSError):  # the client may leave in the middle
            for piece in pieces:
                connection.send(piece)
                time.sleep(0.05 if len(pieces) > 1 else 0)  # packets of their own
            connection.stall()
        connection.close()

    return script


def _outcome(side: Any, server: Server) -> tuple[list[str], type[Exception] | None]:
    texts: list[str] = []
    stream = side.stream(server.client(timeout=1500))
    try:
        while (chunk := side.next(stream)) is not None:
            texts.append(chunk.text)
    except Exception as error:
        return texts, type(error)
    return texts, None


@pytest.mark.parametrize("case", CASES)
def test_sync_and_async_agree_on_what_breaks_the_rules(case: str, side: Any) -> None:
    """The same class of error, and the text that arrived before it, even in the packet with the head."""
    sent, texts, error = CASES[case]
    with Server(_sends(sent)) as server:
        assert _outcome(side, server) == (texts, error)


def test_what_breaks_the_rules_later_is_told_at_once(side: Any) -> None:
    """A bad chunk in the middle ends the stream; it is not mistaken for silence."""
    with Server(_sends(_HELLO, b"zz\r\nxxx\r\n")) as server:
        assert _outcome(side, server) == (["Hello"], StreamInterrupted)


def test_every_cut_of_a_head_is_read(side: Any) -> None:
    """The head is found wherever its packets are cut."""
    whole = _HELLO + _chunk(says("!", "STOP")) + b"0\r\n\r\n"
    for at in range(len(_HEAD) - 6, len(_HEAD) + 3):
        with Server(_sends(whole[:at], whole[at:])) as server:
            assert _outcome(side, server) == (["Hello", "!"], None), at


def test_a_connection_with_heads_of_their_own_is_reused(side: Any) -> None:
    """Two answers on one connection, each with its head parsed by itself."""

    def script(connection: Connection, request: Request) -> None:
        connection.stream(says("one", "STOP"))

    with Server(script) as server:
        client = server.client()
        assert [side.read(side.stream(client))[0].text for _ in "ab"] == ["one"] * 2
        assert server.accepted == 1

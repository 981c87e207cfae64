"""What an upstream may say does not become more than an answer: not our key, not a flood."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

from headwater.engines.gemini import GeminiEngine
from tests.support.live import Live, Reply
from tests.support.servers import Connection, Request, Server, refuses

KEY = "upstream-key-0123456789"
METHODS = ["generateContent", "streamGenerateContent?alt=sse", "streamGenerateContent", "countTokens"]


def asked(upstream: Server, *methods: str) -> list[Reply]:
    """What a server before this upstream answers."""
    with Live(GeminiEngine(api_key=KEY, http_options={"base_url": upstream.url})) as live:
        return [live.post(f"/v1beta/models/m:{method}") for method in methods]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (refuses(400, "INVALID_ARGUMENT", f"API key not valid: {KEY}"), "400 Bad"),
        (
            {"error": {"code": 403, "message": "no", "details": [{"metadata": {"consumer": f"api_key:{KEY}"}}]}},
            "403 No",
        ),
        (f"<html>{KEY} is blocked</html>".encode(), "502 Bad Gateway"),
        (f"data: no JSON with {KEY}\r\n\r\n".encode(), "200 OK"),
        (f'data: {{"error": {{"code": 429, "message": "quota of {KEY}"}}}}\r\n\r\n'.encode(), "200 OK"),
    ],
)
def test_an_upstream_that_quotes_our_key_does_not_tell_it(body: Any, status: str) -> None:
    """Whatever error an upstream words around the server's own key, a client reads it without the key."""

    def quote(connection: Connection, request: Request) -> None:
        assert request.headers["x-goog-api-key"] == KEY
        connection.answer(body, status)

    with Server(quote) as upstream:
        for reply in asked(upstream, *METHODS):
            assert reply.status >= 400
            assert KEY not in reply.body.decode()


def _flood(mib: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = b" " * 2**20
    return b"".join([packer.compress(piece) for _ in range(mib)]) + packer.flush()


def test_a_bomb_of_gzip_is_given_up() -> None:
    """An upstream's few bytes that unpack to more than any answer has are an error; so is a refusal like that."""
    bomb = _flood(257)
    assert len(bomb) < 2**19

    def explode(connection: Connection, request: Request) -> None:
        connection.answer(bomb, "500 Boom" if "count" in request.target else "200 OK", content_encoding="gzip")

    with Server(explode) as upstream:
        generated, counted = asked(upstream, "generateContent", "countTokens")
        assert (generated.status, "larger than the limit" in generated.json["error"]["message"]) == (502, True)
        assert counted.status >= 500
        assert len(counted.body) < 2000


def test_gzip_that_is_none_is_an_error() -> None:
    """What an upstream calls gzip and is not, or not whole, is an error and not an answer."""
    for body in (
        b"no gzip at all",
        gzip.compress(b'{"totalTokens": 3, "candidates": [{"finishReason": "STOP"}]}')[:40],
    ):
        with Server(lambda connection, _, body=body: connection.answer(body, content_encoding="gzip")) as upstream:  # type: ignore[misc]
            assert all(reply.status >= 500 for reply in asked(upstream, *METHODS))

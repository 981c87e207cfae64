"""Servers that close the connection after each answer, as HTTP/1.0 servers and many small ones do."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from headwater import genai

ANSWER = {"candidates": [{"content": {"parts": [{"text": "hi"}], "role": "model"}, "finishReason": "STOP"}]}


class _Peer(BaseHTTPRequestHandler):
    """Answers with a length, and closes."""

    def do_GET(self) -> None:
        self._answer(json.dumps({"models": [{"name": "models/a"}]}).encode(), "application/json")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        document = json.dumps(ANSWER).encode()
        if "stream" in self.path:
            self._answer(b"data: " + document + b"\r\n\r\n", "text/event-stream")
        else:
            self._answer(document, "application/json")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


class _Modern(_Peer):
    protocol_version = "HTTP/1.1"


@pytest.fixture(params=[_Peer, _Modern], ids=["HTTP/1.0", "HTTP/1.1, connection: close"])
def client(request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    with ThreadingHTTPServer(("127.0.0.1", 0), request.param) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        options = {"base_url": f"http://127.0.0.1:{server.server_address[1]}", "retry_options": {"attempts": 1}}
        with genai.Client(api_key="k", http_options=options) as client:
            yield client
        server.shutdown()
        thread.join()


def test_whole_answers_and_streams_arrive(client: genai.Client) -> None:
    """The deadline of the read that finds the end cannot be set on a socket that has been closed with the last byte."""
    for _ in range(3):
        assert [model.name for model in client.models.list()] == ["models/a"]
        assert client.models.generate_content(model="m", contents="hi").text == "hi"
        assert client.models.generate_content_stream(model="m", contents="hi").collect().text == "hi"


async def _aio(client: genai.Client) -> list[str]:
    async with client.aio as aio:
        stream = await aio.models.generate_content_stream(model="m", contents="hi")
        answer = await aio.models.generate_content(model="m", contents="hi")
        return [answer.text, (await stream.collect()).text]


def test_async_too(client: genai.Client) -> None:
    assert asyncio.run(_aio(client)) == ["hi", "hi"]

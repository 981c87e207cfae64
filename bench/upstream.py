"""A fake Gemini API for benchmarks: a bare asyncio protocol that sends prepared bytes.

It speaks just enough HTTP/1.1 (keep-alive, ``Content-Length`` requests, chunked answers) and frames events as
Google does: ``data: {json}``, CRLF, CRLF. What is sent is chosen by the model name of the request:

    burst-5000       5000 chunks as fast as the socket takes them; one HTTP chunk per write of about 8 KB
    single-5000      the same with one HTTP chunk per event
    paced-20x60      20 chunks per second, 60 of them, one write each, starting at a random phase
    hold             one chunk, then silence until the client goes away
    stamp            one chunk whose text is the server's time.monotonic_ns() just before the write
    stampclose       the same, and the connection is closed after it
    gzip-20          20 chunks, gzip-encoded, flushed per event

``POST .../interactions`` streams an interaction the same way: ``burst-1500`` as the model is 1500 text deltas.

``:generateContent`` returns one chunk as plain JSON and ``GET /stats`` returns the server's statistics. Run it with
``python upstream.py``: it binds a free port of 127.0.0.1, prints the port and ends when its standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import ssl
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

PIECE = "Water gathers in the hills, finds the lowest path and carries everything downstream. "
PROMPT_TOKENS = 8
EVENTS_PER_BLOCK = 24
END_OF_BODY = b"0\r\n\r\n"
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Disposition: attachment\r\n"
    b"Vary: Origin\r\nVary: X-Origin\r\nVary: Referer\r\nTransfer-Encoding: chunked\r\n"
    b"Server-Timing: gfet4t7; dur=859\r\nX-Content-Type-Options: nosniff\r\n"
)
INTERACTION = re.compile(rb'"model": *"burst-(\d+)"')
SHAPE = re.compile(r"/models/(?P<kind>[a-z]+)(?:-(?P<numbers>[0-9x]+))?:(?P<method>\w+)")


def chunk_json(text: str, tokens: int, *, last: bool = False) -> bytes:
    """One GenerateContentResponse as Google writes it: a space after each colon, none after commas."""
    candidate: dict[str, object] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if last:
        candidate["finishReason"] = "STOP"
    usage = {
        "promptTokenCount": PROMPT_TOKENS,
        "candidatesTokenCount": tokens,
        "totalTokenCount": PROMPT_TOKENS + tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": PROMPT_TOKENS}],
    }
    value = {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": "gemini-3.8-flash",
        "responseId": "ru1dabcdefghijklmnopqrs",
    }
    return json.dumps(value, separators=(",", ": ")).encode()


def event(text: str, tokens: int = 12, *, last: bool = False) -> bytes:
    """One SSE event in Google's framing."""
    return b"data: " + chunk_json(text, tokens, last=last) + b"\r\n\r\n"


def interaction_event(kind: str, **fields: object) -> bytes:
    """One event of the Interactions API in Google's framing."""
    data = json.dumps({**fields, "event_type": kind}, separators=(",", ":")).encode()
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


def framed(data: bytes) -> bytes:
    """One HTTP chunk of the chunked transfer encoding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


EVENT = event(PIECE)
LAST_EVENT = event(PIECE, last=True)
STAMP_BEFORE, STAMP_AFTER = event("@", last=True).split(b"@")
FRAMED_EVENT = framed(EVENT)
FRAMED_LAST = framed(LAST_EVENT)
BLOCK = framed(EVENT * EVENTS_PER_BLOCK)
SINGLE_BLOCK = FRAMED_EVENT * EVENTS_PER_BLOCK
HEAD_FIELDS = {"id": "v1_ChdoZWFkd2F0ZXI", "object": "interaction", "model": "gemini-3.8-flash"}
BEGIN = interaction_event("interaction.created", interaction={**HEAD_FIELDS, "status": "in_progress"})
BEGIN += interaction_event("step.start", index=0, step={"type": "model_output"})
DELTA = interaction_event("step.delta", index=0, delta={"text": PIECE, "type": "text"})
FINISH = interaction_event("step.stop", index=0)
FINISH += interaction_event(
    "interaction.completed",
    interaction={**HEAD_FIELDS, "status": "completed", "usage": {"total_tokens": 20, "total_input_tokens": 8}},
)
FINISH += b"event: done\ndata: [DONE]\n\n"


class Ledger:
    """The server's statistics, shared by all its connections."""

    def __init__(self) -> None:
        self.connections = 0
        self.open_streams = 0
        self.proxied = 0
        self.tunnels = 0
        self.closed_at: list[int] = []

    def as_json(self) -> bytes:
        """The statistics as a JSON object."""
        return json.dumps(vars(self)).encode()


class Connection(asyncio.Protocol):
    """One connection of a client: requests in, prepared answers out."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.received = b""
        self.blocks: Iterator[bytes] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.streaming = False
        self.paused = False
        self.relay: Callable[[bytes], None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Keep the transport and count."""
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        self.ledger.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Record that a client disconnected in the middle of a stream."""
        if self.timer is not None:
            self.timer.cancel()
        if self.streaming:
            self.ledger.closed_at.append(time.monotonic_ns())
            self._end_stream()
        self.blocks = None

    def data_received(self, data: bytes) -> None:
        """Answer each complete request (or pass bytes on, inside a tunnel)."""
        if self.relay is not None:
            self.relay(data)
            return
        self.received += data
        head_end = self.received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self.received[:head_end]
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        total = head_end + 4 + (int(length[1]) if length else 0)
        if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
            ending = self.received.find(b"0\r\n\r\n", head_end + 4)
            total = ending + 5 if ending >= 0 else len(self.received) + 1
        if len(self.received) >= total:
            body, self.received = self.received[head_end + 4 : total], self.received[total:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        method, target = head.split(b" ", 2)[:2]
        if method == b"CONNECT":
            self.ledger.tunnels += 1
            self.relay = [].append
            self.tunnel = self.loop.create_task(self._open_tunnel(target.decode()))
            return
        if target.startswith(b"http"):
            self.ledger.proxied += 1
        path = urlsplit(target.decode()).path
        match = SHAPE.search(path)
        if path == "/stats":
            self._send_json(self.ledger.as_json())
        elif path.endswith("/interactions") and (asked := INTERACTION.search(body)) is not None:
            self._stream_interaction(int(asked[1]))
        elif match is None:
            self.transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
        elif match["method"] == "generateContent":
            self._send_json(chunk_json(PIECE, 12, last=True))
        else:
            numbers = [int(number) for number in (match["numbers"] or "").split("x") if number]
            getattr(self, f"_stream_{match['kind']}")(*numbers)

    def _send_json(self, body: bytes) -> None:
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )

    def _begin_stream(self) -> None:
        self.streaming = True
        self.ledger.open_streams += 1

    def _end_stream(self) -> None:
        self.streaming = False
        self.ledger.open_streams -= 1

    def _stream_burst(self, count: int = 1000) -> None:
        blocks, rest = divmod(count - 1, EVENTS_PER_BLOCK)
        tail = framed(EVENT * rest + LAST_EVENT) + END_OF_BODY
        self._send_blocks(BLOCK, blocks, tail)

    def _stream_single(self, count: int = 1000) -> None:
        blocks, rest = divmod(count - 1, EVENTS_PER_BLOCK)
        self._send_blocks(SINGLE_BLOCK, blocks, FRAMED_EVENT * rest + FRAMED_LAST + END_OF_BODY)

    def _stream_interaction(self, count: int) -> None:
        blocks, rest = divmod(count, EVENTS_PER_BLOCK)
        tail = framed(DELTA * rest + FINISH) + END_OF_BODY
        self._send_blocks(framed(DELTA * EVENTS_PER_BLOCK), blocks, tail, first=framed(BEGIN))

    def _send_blocks(self, block: bytes, times: int, tail: bytes, *, first: bytes = b"") -> None:
        self._begin_stream()
        self.transport.write(STREAM_HEAD + b"\r\n" + first)
        self.blocks = iter([block] * times + [tail])
        self.resume_writing()

    def pause_writing(self) -> None:
        """The socket is full: stop."""
        self.paused = True

    def resume_writing(self) -> None:
        """Write blocks until the socket is full or all are written."""
        self.paused = False
        while self.blocks is not None and not self.paused:
            block = next(self.blocks, None)
            if block is None:
                self.blocks = None
                self._end_stream()
            else:
                self.transport.write(block)

    def _stream_paced(self, rate: int = 20, count: int = 60) -> None:
        self._begin_stream()
        self.transport.write(STREAM_HEAD + b"\r\n")
        self.interval = 1 / rate
        self.remaining = count
        self.due = self.loop.time() + random.random() * self.interval
        self.timer = self.loop.call_at(self.due, self._pace)

    def _pace(self) -> None:
        self.remaining -= 1
        if self.remaining <= 0:
            self.timer = None
            self._end_stream()
            self.transport.write(FRAMED_LAST + END_OF_BODY)
            return
        self.transport.write(FRAMED_EVENT)
        self.due += self.interval
        self.timer = self.loop.call_at(self.due, self._pace)

    def _stream_hold(self) -> None:
        self._begin_stream()
        self.transport.write(STREAM_HEAD + b"\r\n" + FRAMED_EVENT)

    def _stream_stamp(self, extra_header: bytes = b"") -> None:
        data = framed(b"%b%d%b" % (STAMP_BEFORE, time.monotonic_ns(), STAMP_AFTER))
        self.transport.write(STREAM_HEAD + extra_header + b"\r\n" + data + END_OF_BODY)

    def _stream_stampclose(self) -> None:
        self._stream_stamp(b"Connection: close\r\n")
        self.transport.close()

    def _stream_gzip(self, count: int = 20) -> None:
        packer = zlib.compressobj(wbits=31)
        pieces = [framed(packer.compress(EVENT) + packer.flush(zlib.Z_SYNC_FLUSH)) for _ in range(count - 1)]
        pieces.append(framed(packer.compress(LAST_EVENT) + packer.flush()))
        self.transport.write(STREAM_HEAD + b"Content-Encoding: gzip\r\n\r\n" + b"".join(pieces) + END_OF_BODY)

    async def _open_tunnel(self, target: str) -> None:
        port = int(target.rpartition(":")[2])
        other, _ = await self.loop.create_connection(lambda: Pipe(self.transport), "127.0.0.1", port)
        self.relay = other.write
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")


class Pipe(asyncio.Protocol):
    """The far end of a CONNECT tunnel: passes everything it receives to the near end."""

    def __init__(self, near: asyncio.Transport) -> None:
        self.near = near

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        if not self.near.is_closing():
            self.near.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the near end too."""
        self.near.close()


async def serve(context: ssl.SSLContext | None) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    ledger = Ledger()
    server = await loop.create_server(lambda: Connection(ledger), "127.0.0.1", 0, ssl=context, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def tls_context(certificate: str | None) -> ssl.SSLContext | None:
    """The server's TLS context; None for plain HTTP."""
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--certificate", help="PEM file with key and certificate: serve TLS")
    options = parser.parse_args()
    try:
        import uvloop as runner
    except ImportError:
        runner = asyncio
    runner.run(serve(tls_context(options.certificate)))


if __name__ == "__main__":
    main()

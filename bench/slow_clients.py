"""Connects hundreds of slow clients to the server as ``headwater serve`` runs it, while another client streams.

    python bench/slow_clients.py [--count 300] [--only readers-60kB]

Each kind opens its connections at once and then does nothing more: an incomplete head, an incomplete body,
answers of 60 kB and 1 MB that are never read. The limits are the defaults. A connection counts until the kernel too has
let go of it. It prints the seconds until the last one is gone, the longest gap in the other client's stream, which has
a word every 20 ms, and the server's memory. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from headwater.engines.base import EngineRequest
from headwater.engines.offline import OfflineEngine
from headwater.server import Limits, ServerConfig, app
from headwater.server.run import listen, serve
from headwater.types import GenerateContentResponse

PATIENCE = 40.0
#: States in which the kernel still holds the connection: established, closed with data left, half closed, closing.
HOLDING = ("01", "04", "08", "0B")
READERS = {"readers-60kB": 60, "readers-1MB": 1000}
KINDS = ["heads", "bodies", *READERS]
STREAM = "/v1beta/models/{}:streamGenerateContent?alt=sse"


class Talker(OfflineEngine):
    """Sends as many kilobytes as the model's name says, or a word every 20 ms."""

    name = "talker"

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
        """Yield the chunks."""
        kilobytes = READERS.get(request.model)
        if kilobytes is None:
            while True:
                yield says("word ")
                await asyncio.sleep(0.02)
        for _ in range(kilobytes):
            yield says("x" * 950)


def says(text: str) -> GenerateContentResponse:
    """A chunk."""
    return GenerateContentResponse(candidates=[{"content": {"role": "model", "parts": [{"text": text}]}}])  # type: ignore[list-item]


def run_server(streams: int) -> None:
    """Be the server; its port is the only line that it prints."""
    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    config = ServerConfig(limits=Limits(max_streams=streams), grace=0.0)
    serve(app(Talker(), config=config), listener)


def post(path: str) -> bytes:
    """The bytes of a request."""
    body = b'{"contents":[{"parts":[{"text":"Tell me a story of 5000 words."}]}]}'
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def beginning(kind: str) -> bytes:
    """What a slow client of this kind sends."""
    match kind:
        case "heads":
            return b"GET / HTTP/1.1\r\nHost: loc"
        case "bodies":
            return post(STREAM.format("m"))[:-10]
    return post(STREAM.format(kind))


def dawdle(port: int, kind: str) -> socket.socket:
    """Open one slow connection, with a small receive buffer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    connection.sendall(beginning(kind))
    return connection


def held(port: int) -> int:
    """How many connections the server's side of the kernel holds."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(fields[1].endswith(f":{port:04X}") and fields[3] in HOLDING for fields in lines)


def resident(pid: int) -> int:
    """Resident memory in MiB."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) // 1024 if found else 0


async def listen_on(port: int, gaps: list[float]) -> None:
    """Read an endless stream, and record how long each wait for the next data was."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post(STREAM.format("m")))
    await reader.readuntil(b"data: ")
    before = time.monotonic()
    while await reader.read(65536):
        gaps.append(time.monotonic() - before)
        before = time.monotonic()


async def measure(port: int, pid: int, kind: str, count: int) -> str:
    """One kind of slow clients, from the first to the end of the last."""
    gaps: list[float] = []
    listening = asyncio.create_task(listen_on(port, gaps))
    await asyncio.sleep(2)
    usual, most, began = max(gaps), resident(pid), time.monotonic()
    gaps.clear()
    slow = [dawdle(port, kind) for _ in range(count)]
    await asyncio.sleep(0.5)
    while (left := held(port) - 1) > 0 and time.monotonic() - began < PATIENCE:
        most = max(most, resident(pid))
        await asyncio.sleep(0.25)
    took = time.monotonic() - began
    listening.cancel()
    for connection in slow:
        connection.close()
    verdict = f"gone after {took:.1f} s" if left <= 0 else f"{left} LEFT after {took:.0f} s"
    gap = f"longest gap of the other stream {max(gaps) * 1000:.0f} ms (before: {usual * 1000:.0f} ms)"
    return f"{kind:13} {count} {verdict}; {gap}; memory at most {most} MiB"


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--only", choices=KINDS, action="append")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        run_server(arguments.count + 100)
        return
    command = [sys.executable, __file__, "--serve", "--count", str(arguments.count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        for kind in arguments.only or KINDS:
            print(asyncio.run(measure(port, server.pid, kind, arguments.count)), flush=True)
        server.terminate()


if __name__ == "__main__":
    main()

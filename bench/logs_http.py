"""The log benchmark's client over HTTP: the same appends and readers for every server of Durable Streams."""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from logs_servers import Running
from relay_load import Reader, Tally, weigh

#: Fills up the stamp ``@...@`` with its 19 digits to a chunk of 300 bytes.
_FILLER = b"x" * 279
_WARM = 1.0
_PATIENCE = 30.0


class Load(NamedTuple):
    """The load on a server: ``streams`` with ``rate`` appends per second each, and ``readers`` of each."""

    streams: int
    rate: float
    readers: int
    seconds: float


class Result(NamedTuple):
    """Nanoseconds of each append and delivery; seconds of processor time per appended chunk, and of its store."""

    appends: array[int]
    deliveries: array[int]
    cpu: float
    store_cpu: float


class Writer:
    """One kept-alive connection that writes one stream, each request after the response to the previous one."""

    def __init__(self, port: int, path: str) -> None:
        self._port = port
        self.path = path

    async def open(self) -> None:
        """Connect and create the stream."""
        self._in, self._out = await asyncio.open_connection("127.0.0.1", self._port)
        await self._ask("PUT", b"")

    async def append(self) -> int:
        """Append a chunk with the current time; return nanoseconds until it was acknowledged."""
        begun = time.monotonic_ns()
        await self._ask("POST", b"@%019d@" % begun + _FILLER)
        return time.monotonic_ns() - begun

    async def end(self) -> None:
        """Close the stream and the connection."""
        await self._ask("POST", b"", "Stream-Closed: true\r\n")
        self._out.close()

    async def _ask(self, method: str, body: bytes, more: str = "") -> None:
        head = f"{method} {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n{more}"
        self._out.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await self._in.readuntil(b"\r\n\r\n")).lower()
        status = answer.split(b" ", 2)[1]
        if not status.startswith(b"2"):
            raise SystemExit(f"{method} {self.path}: {answer!r}")
        if status != b"204" and b"\r\ntransfer-encoding: chunked" in answer:
            await self._in.readuntil(b"0\r\n\r\n")
        elif b"\r\ncontent-length: " in answer:
            await self._in.readexactly(int(answer.partition(b"\r\ncontent-length: ")[2].split(b"\r\n")[0]))


async def listen(port: int, path: str, tally: Tally) -> Reader:
    """Read a stream from its beginning, as events."""
    request = f"GET {path}?offset=-1&live=sse HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(lambda: Reader(request, tally), "127.0.0.1", port))[1]


async def run_load(running: Running, load: Load, name: str) -> Result:
    """Write and read for a while; the first second is not counted."""
    tally, appends = Tally(), array("q")
    writers = [Writer(running.port, f"/v1/durable/{name}-{number}") for number in range(load.streams)]
    for writer in writers:
        await writer.open()
    readers = [await listen(running.port, writer.path, tally) for writer in writers for _ in range(load.readers)]
    until = time.monotonic() + _WARM + load.seconds

    async def write(writer: Writer) -> None:
        due = time.monotonic() + random.random() / load.rate
        while due < until:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            appends.append(await writer.append())
            due += 1 / load.rate

    writing = [asyncio.create_task(write(writer)) for writer in writers]
    await asyncio.sleep(_WARM)
    warm = len(appends), len(tally.late)
    before = [weigh(pid)[0] for pid in (running.pid, running.store)]
    await asyncio.gather(*writing)
    after = [weigh(pid)[0] for pid in (running.pid, running.store)]
    await _until(partial(_has, tally, len(appends) * load.readers), f"{name}: deliveries are missing")
    for reader in readers:
        reader.transport.abort()
    for writer in writers:
        await writer.end()
    counted = appends[warm[0] :]
    cpu, store_cpu = ((late - early) / len(counted) for early, late in zip(before, after, strict=True))
    return Result(counted, tally.late[warm[1] :], cpu, store_cpu)


async def catch_up(running: Running, name: str, *, chunks: int, reads: int) -> float:
    """Return the seconds of processor time per chunk of reading a finished stream, one reader after another."""
    writer = Writer(running.port, f"/v1/durable/{name}")
    await writer.open()
    for _ in range(chunks):
        await writer.append()
    await writer.end()
    before = weigh(running.pid)[0]
    for _ in range(reads):
        tally = Tally()
        reader = await listen(running.port, writer.path, tally)
        await _until(partial(_has, tally, chunks), f"{name}: chunks are missing")
        reader.transport.abort()
    return (weigh(running.pid)[0] - before) / (chunks * reads)


def _has(tally: Tally, count: int) -> bool:
    return len(tally.late) >= count


async def _until(is_so: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit(complaint)
        await asyncio.sleep(0.002)

"""The load client of the relay benchmark: many streams through one relay, read as cheaply as Python can.

    python relay_load.py URL --streams 500 --seconds 5 --watch PID

A bare asyncio protocol on uvloop that only finds the stamp of each event. When all streams are flowing it counts for
some seconds, and reads the processor time and the memory of the watched process and its children at both ends of that
window. It prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import re
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

STAMP = re.compile(rb"@(\d{19})@")
GEMINI_BODY = b'{"contents":[{"parts":[{"text":"Tell me a story about a river."}],"role":"user"}]}'
CHAT_BODY = b'{"model":"stamped-20","stream":true,"messages":[{"role":"user","content":"Tell me a story."}]}'
BATCH = 25
START_PATIENCE = 40.0
SETTLE = 1.0
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Tally:
    """What has arrived in the window. ``late`` holds nanoseconds from the upstream's stamp to the arrival here."""

    def __init__(self) -> None:
        self.late = array("q")
        self.flowing = 0
        self.lost = 0


class Reader(asyncio.Protocol):
    """One stream: sends the request, notes each stamp's age."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        self.request = request
        self.tally = tally
        self.rest = b""
        self.is_flowing = False
        self.head = b""

    def connection_made(self, transport: Any) -> None:
        """Ask."""
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Record the age of every stamp in ``data``; an incomplete line waits for its end."""
        now = time.monotonic_ns()
        if self.rest:
            data = self.rest + data
        self.rest = b"" if data.endswith(b"\n") else data[data.rfind(b"\n") + 1 :]
        note = self.tally.late.append
        for stamp in STAMP.findall(data if not self.rest else data[: len(data) - len(self.rest)]):
            note(now - int(stamp))
            if not self.is_flowing:
                self.is_flowing = True
                self.tally.flowing += 1
        if not self.is_flowing and len(self.head) < 2000:
            self.head += data

    def connection_lost(self, exc: Exception | None) -> None:
        """The streams have no end, so this one was lost (or the client is closing)."""
        self.tally.lost += 1


def request_for(url: str, key: str, *, chat: bool) -> bytes:
    """The bytes of the one request: Gemini's, or with ``chat`` OpenAI's."""
    parts = urlsplit(url)
    body = CHAT_BODY if chat else GEMINI_BODY
    proof = f"Authorization: Bearer {key}" if chat else f"x-goog-api-key: {key}"
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    head = (
        f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n{proof}\r\n"
        f"Accept: */*\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def family(pid: int) -> Iterator[int]:
    """A process and its descendants."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def weigh(pid: int | None) -> tuple[float, int]:
    """Seconds of processor time so far (user and system) and bytes of resident memory; zeros without a process."""
    seconds, resident = 0.0, 0
    for member in family(pid) if pid else ():
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / TICK
        resident += int(fields[21]) * PAGE
    return seconds, resident


async def open_streams(url: str, request: bytes, streams: int, tally: Tally) -> list[Reader]:
    """Open all streams, some at a time, and return when each has received an event."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    readers: list[Reader] = []
    deadline = loop.time() + START_PATIENCE
    while len(readers) < streams:
        for _ in range(min(BATCH, streams - len(readers))):
            pair = await loop.create_connection(lambda: Reader(request, tally), parts.hostname, parts.port)
            readers.append(pair[1])
        while tally.flowing < len(readers):
            if loop.time() > deadline or tally.lost:
                said = next((reader.head for reader in readers if not reader.is_flowing), b"")
                raise SystemExit(f"{tally.flowing} of {streams} streams flow, {tally.lost} lost; one said {said!r}")
            await asyncio.sleep(0.01)
    return readers


def quantile(ordered: list[int], part: float) -> float:
    """A quantile in microseconds."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] / 1000


async def measure(url: str, request: bytes, streams: int, seconds: float, watched: int | None) -> dict[str, Any]:
    """One window of ``streams`` streams. The relay serves one stream first, so that lazy imports are done."""
    warm = Tally()
    first = await open_streams(url, request, 1, warm)
    await asyncio.sleep(0.3)
    first[0].transport.abort()
    await asyncio.sleep(0.2)
    _, resident_before = weigh(watched)
    tally = Tally()
    readers = await open_streams(url, request, streams, tally)
    await asyncio.sleep(SETTLE)
    gc.collect()
    gc.freeze()
    gc.disable()
    tally.late = array("q")
    begun, (spent_before, _) = time.monotonic(), weigh(watched)
    await asyncio.sleep(seconds)
    late, (spent, resident) = tally.late, weigh(watched)
    took, lost = time.monotonic() - begun, tally.lost
    for reader in readers:
        reader.transport.abort()
    ordered = sorted(late)
    return {
        "chunks": len(ordered),
        "chunks_per_s": len(ordered) / took,
        "cpu_us": (spent - spent_before) / len(ordered) * 1e6,
        "cores": (spent - spent_before) / took,
        "p50_us": quantile(ordered, 0.5),
        "p99_us": quantile(ordered, 0.99),
        "rss_mib": resident / 2**20,
        "rss_kib_per_stream": (resident - resident_before) / streams / 1024,
        "lost": lost,
    }


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--key", default="k")
    parser.add_argument("--chat", action="store_true", help="ask as OpenAI's clients do")
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--watch", type=int, metavar="PID")
    options = parser.parse_args()
    import uvloop

    request = request_for(options.url, options.key, chat=options.chat)
    result = uvloop.run(measure(options.url, request, options.streams, options.seconds, options.watch))
    print(json.dumps(result))


if __name__ == "__main__":
    main()

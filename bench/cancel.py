"""Measures the time from ``cancel()`` until the server sees the connection closed: a table, by way and by moment.

python bench/cancel.py [--tries 1200]

The server is a process of its own. Both write down ``time.monotonic()``, which all processes of a machine share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import queue
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

BOUND = 0.050
#: What the server does before it falls silent, or sends forever.
MOMENTS = {
    "head": "before the head",
    "body": "after the head",
    "middle": "in the middle",
    "flow": "while chunks come",
    "unread": "while unread",
    "paced": "in a pacing pause",
}
SYNC = ("thread", "token", "signal")
ASYNC = ("task", "thread", "token", "signal")
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


# --- the server -------------------------------------------------------------------------------------------------------


class _Upstream(asyncio.Protocol):
    """One connection: plays the moment that the model's name selects, and reports when it is closed."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._data = b""
        self._name = ""

    def data_received(self, data: bytes) -> None:
        self._data += data
        found = re.match(rb"POST \S*/models/(\w+)-(\d+):\S* ", self._data)
        if self._data.endswith(b"}") and not found:
            self._transport.write(_HEAD + _event("done", "STOP") + b"0\r\n\r\n")
            self._data = b""
        elif found and not self._name and self._data.endswith(b"}"):
            self._name = found[2].decode()
            self._play(found[1].decode())

    def eof_received(self) -> None:
        self._tell()

    def connection_lost(self, error: Exception | None) -> None:
        self._tell()

    def _play(self, moment: str) -> None:
        if moment != "head":
            self._transport.write(_HEAD)
        for _ in range({"middle": 2, "unread": 30, "paced": 1}.get(moment, 0)):
            self._transport.write(_event("some words of a story that goes on and on "))
        if moment == "flow":
            self._flow()

    def _flow(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(_event("a few words "))
            asyncio.get_running_loop().call_later(0.002, self._flow)

    def _tell(self) -> None:
        if self._name:
            print(self._name, time.monotonic(), flush=True)
            self._name = ""
            self._transport.abort()


def _event(text: str, finish: str | None = None) -> bytes:
    candidate = {"content": {"parts": [{"text": text}]}, "finishReason": finish}
    data = b"data: %b\r\n\r\n" % json.dumps({"candidates": [candidate]}).encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Upstream, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Upstream:
    """The server's process, and its reports."""

    def __enter__(self) -> Upstream:
        command = [sys.executable, __file__, "--serve"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self._closed: queue.Queue[tuple[int, float]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()  # type: ignore[union-attr]

    def closed_at(self, number: int) -> float:
        """Return the time at which the connection of attempt ``number`` was closed."""
        while True:
            told, moment = self._closed.get(timeout=10)
            if told == number:
                return moment

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            number, moment = line.split()
            self._closed.put((int(number), float(moment)))


# --- the tries --------------------------------------------------------------------------------------------------------


class Try:
    """One stream that is stopped in one way at one moment."""

    def __init__(self, client: Any, way: str, moment: str, number: int, delay: float) -> None:
        from headwater.streaming import CancelToken, smooth

        self.token = CancelToken()
        self.way, self.moment, self.delay = way, moment, delay
        self.at = 0.0
        self.stream: Any = None
        self._ask = {"model": f"{moment}-{number}", "contents": "hi", "cancel": self.token}
        if moment == "paced":
            self._ask["stages"] = [smooth(delay=5.0)]
        self._client = client

    def cancel(self, *_: object) -> None:
        """Stop it, and record the time."""
        self.at = time.monotonic()
        (self.token if self.way == "token" else self.stream).cancel("enough")

    def run(self) -> None:
        """Read until it is stopped, in this thread."""
        self.stream = self._client.models.generate_content_stream(**self._ask)
        if self.way == "signal":
            signal.signal(signal.SIGALRM, self.cancel)
            signal.setitimer(signal.ITIMER_REAL, self.delay)
        else:
            timer = threading.Timer(self.delay, self.cancel)
            timer.start()
        for _ in self.stream:
            if self.moment == "unread":
                time.sleep(0.005)
        self._check()

    async def arun(self) -> None:
        """Read until it is stopped, in this task."""
        self.stream = await self._client.aio.models.generate_content_stream(**self._ask)
        loop = asyncio.get_running_loop()
        if self.way == "task":
            loop.call_later(self.delay, self.cancel)
        elif self.way == "signal":
            loop.add_signal_handler(signal.SIGALRM, self.cancel)
            signal.setitimer(signal.ITIMER_REAL, self.delay)
        else:
            threading.Timer(self.delay, self.cancel).start()
        async for _ in self.stream:
            if self.moment == "unread":
                await asyncio.sleep(0.005)
        self._check()

    def _check(self) -> None:
        ending = self.stream.ending
        assert ending is not None
        assert (str(ending), ending.reason) == ("cancelled", "enough"), ending


Figures = dict[tuple[str, str, str], list[float]]


def measure(upstream: Upstream, tries: int, seed: int) -> Figures:
    """Return the seconds that each attempt took, by mode, way and moment."""
    from headwater import genai

    client = genai.Client(api_key="k", http_options={"base_url": upstream.url})
    dice = random.Random(seed)
    kinds = [("sync", way, moment) for way in SYNC for moment in MOMENTS]
    kinds += [("async", way, moment) for way in ASYNC for moment in MOMENTS]
    figures: Figures = {kind: [] for kind in kinds}
    order = [kinds[number % len(kinds)] for number in range(tries)]
    dice.shuffle(order)

    def attempt(number: int, mode: str, way: str, moment: str) -> Try:
        return Try(client, way, moment, number, dice.uniform(0.010, 0.030))

    def note(number: int, tried: Try, mode: str) -> None:
        figures[mode, tried.way, tried.moment].append(upstream.closed_at(number) - tried.at)

    async def all_async() -> None:
        await (await client.aio.models.generate_content_stream(model="m", contents="here too")).collect()
        for number, kind in enumerate(order):
            if kind[0] == "async":
                tried = attempt(number, *kind)
                await tried.arun()
                await asyncio.to_thread(note, number, tried, "async")

    for _ in client.models.generate_content_stream(model="m", contents="all that has to be loaded is loaded"):
        pass
    for number, kind in enumerate(order):
        if kind[0] == "sync":
            tried = attempt(number, *kind)
            tried.run()
            note(number, tried, "sync")
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    asyncio.run(all_async())
    return figures


# --- the table --------------------------------------------------------------------------------------------------------


def _row(title: str, values: list[float]) -> str:
    ordered = sorted(values)
    p50, p99 = (1000 * ordered[int(share * (len(ordered) - 1) + 0.5)] for share in (0.5, 0.99))
    return f"| {title} | {len(ordered)} | {p50:.2f} | {p99:.2f} | {1000 * ordered[-1]:.2f} |"


def table(figures: Figures) -> str:
    """Return the results as Markdown, in milliseconds."""
    lines = ["| | tries | p50 ms | p99 ms | max ms |", "|---|---:|---:|---:|---:|"]

    def add(title: str, fits: Callable[[tuple[str, str, str]], bool]) -> None:
        lines.append(_row(title, [value for kind, values in figures.items() if fits(kind) for value in values]))

    for mode, ways in (("sync", SYNC), ("async", ASYNC)):
        for way in ways:
            add(f"{mode}, by a {way}", lambda kind, mode=mode, way=way: kind[:2] == (mode, way))
    for moment, words in MOMENTS.items():
        add(words, lambda kind, moment=moment: kind[2] == moment)
    add("**all**", lambda kind: True)
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=1260)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return asyncio.run(_serve())
    print(f"load before: {os.getloadavg()[0]:.2f}, {os.cpu_count()} processors, Python {sys.version.split()[0]}")
    with Upstream() as upstream:
        figures = measure(upstream, options.tries, options.seed)
    print(table(figures))
    values = sorted(value for values in figures.values() for value in values)
    p99 = values[int(0.99 * (len(values) - 1) + 0.5)]
    return print(f"p99 {1000 * p99:.2f} ms, {'under' if p99 < BOUND else 'OVER'} {1000 * BOUND:.0f} ms")


if __name__ == "__main__":
    main()

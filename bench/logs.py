"""Measures the logs: append and delivery p50/p99, and CPU per chunk, for memory, SQLite and Redis.

    python bench/logs.py [--streams 100] [--rate 20] [--seconds 5] [--readers 1]     the logs alone
    python bench/logs.py --reading [--rounds 5]                                      a reader, without the appends
    python bench/logs.py --http [--rounds 3] [--only NAME]                           behind a server

Each stream appends a chunk of 300 bytes ``rate`` times per second, each after the previous one is acknowledged; its
readers read it through ``tail``. CPU is that of this process (threads included), without that of the Redis server.
With ``--http`` the same client drives ``headwater serve`` with each log, and the reference server of Durable Streams.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import struct
import tempfile
import time

from logs_compare import compare
from logs_reading import compare_reading
from logs_servers import redis_server

from headwater.log.base import Log, tail
from headwater.log.open import open_log

_FILLER = bytes(292)


class Times:
    """Milliseconds, with their median and 99th percentile."""

    def __init__(self) -> None:
        self._all: list[float] = []

    def add(self, seconds: float) -> None:
        self._all.append(seconds * 1000)

    def __str__(self) -> str:
        ordered = sorted(self._all) or [0.0]
        return f"{ordered[len(ordered) // 2]:7.2f} {ordered[len(ordered) * 99 // 100]:7.2f}"


async def write(log: Log, key: str, rate: float, until: float, appends: Times) -> int:
    """Append at a steady rate; return how many."""
    count, due = 0, time.perf_counter() + random.random() / rate
    while due < until:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        begun = time.perf_counter()
        await log.append(key, [struct.pack("d", begun) + _FILLER])
        appends.add(time.perf_counter() - begun)
        count, due = count + 1, due + 1 / rate
    await log.seal(key)
    return count


async def read(log: Log, key: str, deliveries: Times) -> None:
    """Read a stream to its end."""
    async for page in tail(log, key):
        now = time.perf_counter()
        for record in page.records:
            deliveries.add(now - struct.unpack_from("d", record)[0])


async def measure(name: str, url: str, options: argparse.Namespace) -> None:
    """Run one load on one log, and print its line."""
    log = open_log(url)
    appends, deliveries = Times(), Times()
    keys = [f"{number}" for number in range(options.streams)]
    for key in keys:
        await log.create(key)
    readers = [asyncio.create_task(read(log, key, deliveries)) for key in keys for _ in range(options.readers)]
    await asyncio.sleep(0.2)
    before, until = time.process_time(), time.perf_counter() + options.seconds
    counts = await asyncio.gather(*(write(log, key, options.rate, until, appends) for key in keys))
    await asyncio.gather(*readers)
    cpu = (time.process_time() - before) / sum(counts)
    print(f"{name:14} {appends}  | {deliveries}  | {cpu * 1e6:7.0f} us", flush=True)
    await log.aclose()


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser()
    for name, value in (("--streams", 100), ("--rate", 20.0), ("--seconds", 5.0), ("--readers", 1)):
        parser.add_argument(name, type=type(value), default=value)
    parser.add_argument("--http", action="store_true", help="behind a server, compared with the reference server")
    parser.add_argument("--reading", action="store_true", help="what one more reader costs")
    parser.add_argument("--rounds", type=int, default=3, help="of --http and --reading")
    parser.add_argument("--only", action="append", metavar="NAME", help="with --http: only names with this prefix")
    options = parser.parse_args()
    if options.http:
        compare(options.rounds, tuple(options.only or [""]))
    elif options.reading:
        asyncio.run(compare_reading(options.rounds))
    else:
        measure_all(options)


def measure_all(options: argparse.Namespace) -> None:
    """Measure one log after another."""
    print(f"{options.streams} streams, {options.rate:g} chunks a second each, {options.readers} readers each")
    print("               append p50 p99 ms |  delivery p50 p99 | CPU per chunk")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure("memory", "memory:", options))
        asyncio.run(measure("sqlite normal", f"sqlite:{folder}/normal.db", options))
        asyncio.run(measure("sqlite full", f"sqlite:{folder}/full.db?sync=full", options))
        if shutil.which("redis-server"):
            with redis_server(folder) as (url, _):
                asyncio.run(measure("redis", url, options))


if __name__ == "__main__":
    main()

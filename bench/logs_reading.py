"""Measures reading without appending: one more reader of a growing log, and a reader of a finished one."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from contextlib import ExitStack
from statistics import median

from logs_servers import redis_server

from headwater.log.base import Log, tail
from headwater.log.open import open_log

_STREAMS, _CHUNKS, _GAP = 5, 60, 0.01
_FEW, _MANY = 10, 60
_RECORD = bytes(300)
#: A finished answer, and how often it is read.
_LENGTH, _READS = 200, 100


async def _drain(log: Log, key: str) -> None:
    async for _ in tail(log, key):
        pass


async def _grow(log: Log, key: str) -> None:
    for _ in range(_CHUNKS):
        await log.append(key, [_RECORD])
        await asyncio.sleep(_GAP)
    await log.seal(key)


async def _live(url: str, name: str, readers: int) -> float:
    """Seconds of processor time for each appended chunk, with ``readers`` of each stream."""
    log = open_log(url)
    keys = [f"{name}-{number}" for number in range(_STREAMS)]
    for key in keys:
        await log.create(key)
    reading = [asyncio.create_task(_drain(log, key)) for key in keys for _ in range(readers)]
    await asyncio.sleep(0.2)
    before = time.process_time()
    await asyncio.gather(*(_grow(log, key) for key in keys), *reading)
    spent = time.process_time() - before
    await log.aclose()
    return spent / (_STREAMS * _CHUNKS)


async def _finished(url: str, name: str, *, is_elsewhere: bool) -> float:
    """Seconds of processor time for each chunk of a finished log; ``is_elsewhere``: another has written it."""
    log = open_log(url)
    await log.create(name)
    for _ in range(_LENGTH):
        await log.append(name, [_RECORD])
    await log.seal(name)
    if is_elsewhere:  # a process that has not written it: nothing of it is in memory
        await log.aclose()
        log = open_log(url)
    before = time.process_time()
    for _ in range(_READS):
        await _drain(log, name)
    spent = time.process_time() - before
    await log.aclose()
    return spent / (_LENGTH * _READS)


async def compare_reading(rounds: int) -> None:
    """Measure the logs in turns; print microseconds per chunk and their ratio to the memory log's."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        urls = {"memory": "memory:", "SQLite": f"sqlite:{folder}/log.db"}
        if shutil.which("redis-server"):
            urls["Redis"] = stack.enter_context(redis_server(folder))[0]
        live: dict[str, list[float]] = {name: [] for name in urls}
        here: dict[str, list[float]] = {name: [] for name in urls}
        elsewhere: dict[str, list[float]] = {name: [] for name in urls if name != "memory"}
        for number in range(rounds):
            for name, url in urls.items():
                few, many = [await _live(url, f"{number}-{readers}", readers) for readers in (_FEW, _MANY)]
                live[name].append((many - few) / (_MANY - _FEW))
                here[name].append(await _finished(url, f"{number}-here", is_elsewhere=False))
                if name in elsewhere:
                    elsewhere[name].append(await _finished(url, f"{number}-elsewhere", is_elsewhere=True))
    for title, found in (("live", live), ("finished", here), ("finished, written elsewhere", elsewhere)):
        for name, spent in found.items():
            base = median(live["memory"] if found is live else here["memory"])
            print(f"{title}: {name} {median(spent) * 1e6:.2f} us a chunk, {median(spent) / base:.2f} of memory's")

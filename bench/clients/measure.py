"""One measurement of one reader in a process of its own: ``measure.py READER MODE MEASURE BASE_URL``, JSON out."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from meter import SteadyMeter, allow_open_files, resident_bytes
from readers import async_reader, sync_reader

Result = dict[str, float]
STREAMS = 100
HELD = 1000
OPENED_AT_ONCE = 25
WARM_UP_TRIES = 10
WARM_UP_CHUNKS = 500
LEAST_BURSTS, MOST_BURSTS, ENOUGH_SECONDS = 3, 20, 1.0


def bursts() -> Iterator[int]:
    """Repeat a burst: a minimum of times, until there are enough samples."""
    end = time.perf_counter() + ENOUGH_SECONDS
    for turn in range(MOST_BURSTS):
        if turn >= LEAST_BURSTS and time.perf_counter() > end:
            return
        gc.collect()
        yield turn


def burst_result(seconds: list[float], count: int, chunks: int) -> Result:
    """CPU per chunk: the median of the bursts."""
    if count != len(seconds) * chunks:
        raise RuntimeError(f"{count} chunks came instead of {len(seconds) * chunks}")
    return {"cpu_us": statistics.median(seconds) / chunks * 1e6, "bursts": len(seconds)}


def delays_result(arrivals: list[tuple[int, str]], starts: list[int]) -> Result:
    """Median and 95th percentile of the time from the server's stamp to the user's loop, and of the whole call."""
    delays = sorted((arrived - int(stamp)) / 1e3 for arrived, stamp in arrivals)
    calls = [(arrived - start) / 1e3 for (arrived, _), start in zip(arrivals, starts, strict=True)]
    last_of_95 = delays[int(len(delays) * 0.95)]
    return {"median_us": statistics.median(delays), "p95_us": last_of_95, "call_us": statistics.median(calls)}


class SyncMeasures:
    """The measurements of a sync reader."""

    def __init__(self, name: str, base: str) -> None:
        self.reader = sync_reader(name, base)

    def burst(self, chunks: int = 5000) -> Result:
        """CPU per chunk of one stream at full speed, reading each chunk's text."""
        for chunk in self.reader.stream(f"burst-{WARM_UP_CHUNKS}"):
            assert chunk.text
        seconds, count = [], 0
        for _ in bursts():
            start = time.process_time()
            for chunk in self.reader.stream(f"burst-{chunks}"):
                if chunk.text:
                    count += 1
            seconds.append(time.process_time() - start)
        return burst_result(seconds, count, chunks)

    def interaction(self, events: int = 1500) -> Result:
        """CPU per event of one interaction at full speed, reading each delta's text."""
        for _ in self.reader.interaction(f"burst-{WARM_UP_CHUNKS}"):
            pass
        seconds, count = [], 0
        for _ in bursts():
            start = time.process_time()
            for event in self.reader.interaction(f"burst-{events}"):
                if event.event_type == "step.delta" and event.delta.text:
                    count += 1
            seconds.append(time.process_time() - start)
        return burst_result(seconds, count, events)

    def paced(self, chunks: int = 80) -> Result:
        """CPU per chunk of many paced streams, one thread each."""
        meter = SteadyMeter(STREAMS)

        def one_stream() -> None:
            counter = meter.counter()
            for chunk in self.reader.stream(f"paced-20x{chunks}"):
                if chunk.text:
                    counter[0] += 1
                if counter[0] == 1:
                    meter.started()
            meter.ended()

        threads = [threading.Thread(target=one_stream) for _ in range(STREAMS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return meter.result()

    def first(self, model: str = "stamp", tries: int = 200) -> Result:
        """From the server's first byte to the first chunk in the loop."""
        arrivals, starts = [], []
        for _ in range(WARM_UP_TRIES + tries):
            starts.append(time.monotonic_ns())
            for chunk in self.reader.stream(model):
                arrivals.append((time.monotonic_ns(), chunk.text))
        return delays_result(arrivals[WARM_UP_TRIES:], starts[WARM_UP_TRIES:])


class AsyncMeasures:
    """The measurements of an async reader."""

    def __init__(self, name: str, base: str) -> None:
        self.reader = async_reader(name, base)

    async def burst(self, chunks: int = 5000) -> Result:
        """CPU per chunk of one stream at full speed, reading each chunk's text."""
        async for chunk in await self.reader.stream(f"burst-{WARM_UP_CHUNKS}"):
            assert chunk.text
        seconds, count = [], 0
        for _ in bursts():
            start = time.process_time()
            async for chunk in await self.reader.stream(f"burst-{chunks}"):
                if chunk.text:
                    count += 1
            seconds.append(time.process_time() - start)
        return burst_result(seconds, count, chunks)

    async def interaction(self, events: int = 1500) -> Result:
        """CPU per event of one interaction at full speed, reading each delta's text."""
        async for _ in await self.reader.interaction(f"burst-{WARM_UP_CHUNKS}"):
            pass
        seconds, count = [], 0
        for _ in bursts():
            start = time.process_time()
            async for event in await self.reader.interaction(f"burst-{events}"):
                if event.event_type == "step.delta" and event.delta.text:
                    count += 1
            seconds.append(time.process_time() - start)
        return burst_result(seconds, count, events)

    async def paced(self, chunks: int = 80) -> Result:
        """CPU per chunk of many paced streams, one task each."""
        meter = SteadyMeter(STREAMS)

        async def one_stream() -> None:
            counter = meter.counter()
            async for chunk in await self.reader.stream(f"paced-20x{chunks}"):
                if chunk.text:
                    counter[0] += 1
                if counter[0] == 1:
                    meter.started()
            meter.ended()

        await asyncio.gather(*[one_stream() for _ in range(STREAMS)])
        return meter.result()

    async def first(self, model: str = "stamp", tries: int = 200) -> Result:
        """From the server's first byte to the first chunk in the loop."""
        arrivals, starts = [], []
        for _ in range(WARM_UP_TRIES + tries):
            starts.append(time.monotonic_ns())
            async for chunk in await self.reader.stream(model):
                arrivals.append((time.monotonic_ns(), chunk.text))
        return delays_result(arrivals[WARM_UP_TRIES:], starts[WARM_UP_TRIES:])

    async def memory(self) -> Result:
        """Resident memory per stream that is open and silent."""
        allow_open_files()
        streams = [await self._held() for _ in range(OPENED_AT_ONCE)]
        gc.collect()
        before = resident_bytes()
        for _ in range(HELD // OPENED_AT_ONCE):
            streams += await asyncio.gather(*[self._held() for _ in range(OPENED_AT_ONCE)])
        gc.collect()
        return {"kib_per_stream": (resident_bytes() - before) / HELD / 1024, "streams": len(streams)}

    async def _held(self) -> Any:
        stream = await self.reader.stream("hold")
        chunks = aiter(stream)
        await anext(chunks)
        return stream, chunks


def measure_sync(name: str, measure: str, base: str, options: dict[str, Any]) -> Result:
    """Run one sync measurement."""
    measures = SyncMeasures(name, base)
    result: Result = getattr(measures, measure)(**options)
    measures.reader.close()
    return result


async def measure_async(name: str, measure: str, base: str, options: dict[str, Any]) -> Result:
    """Run one async measurement; held streams are left to the end of the process."""
    measures = AsyncMeasures(name, base)
    result: Result = await getattr(measures, measure)(**options)
    if measure != "memory":
        await measures.reader.close()
    return result


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    for argument in ("reader", "mode", "measure", "base"):
        parser.add_argument(argument)
    parser.add_argument("--options", type=json.loads, default={})
    given = parser.parse_args()
    if given.mode == "sync":
        result = measure_sync(given.reader, given.measure, given.base, given.options)
    else:
        result = asyncio.run(measure_async(given.reader, given.measure, given.base, given.options))
    print(json.dumps(result), flush=True)
    os._exit(0)  # streams that are still open need not be closed


if __name__ == "__main__":
    main()

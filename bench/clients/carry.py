"""One measurement of one transport in a process of its own: ``carry.py CARRIER MEASURE BASE_URL``, JSON out."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import threading
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import carriers
from decode import EventReader
from meter import SteadyMeter, allow_open_files, resident_bytes

Result = dict[str, Any]
BURST_CHUNKS = 20_000
STREAMS = 100
PACED = "paced-20x80"
HELD = 1000


def stream_url(base: str, model: str) -> str:
    """The URL of a streaming call."""
    return f"{base}/v1beta/models/{model}:streamGenerateContent?alt=sse"


def stats(base: str) -> Result:
    """The upstream's statistics so far."""
    return json.loads(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{base}/stats").read())


def read_all(body: Any) -> int:
    """Read a sync body to its end and count its chunks."""
    reader, count = EventReader(), 0
    while data := body.read():
        count += len([chunk.text for chunk in reader.feed(data)])
    return count


async def read_all_async(body: Any) -> int:
    """Read an async body to its end and count its chunks."""
    reader, count = EventReader(), 0
    while data := await body.read():
        count += len([chunk.text for chunk in reader.feed(data)])
    return count


def per_chunk(cpu: float, wall: float, count: int, expected: int) -> Result:
    """The result of a burst; an incomplete one is an error."""
    if count != expected:
        raise RuntimeError(f"{count} chunks of {expected}")
    return {"cpu_us": cpu / count * 1e6, "wall_us": wall / count * 1e6}


class SyncMeasures:
    """The measurements of a sync carrier."""

    def __init__(self, kind: Callable[..., Any], base: str) -> None:
        self.kind, self.base = kind, base

    def burst(self, model: str = "burst") -> Result:
        """CPU per chunk of one stream at full speed."""
        client = self.kind()
        read_all(client.open(stream_url(self.base, f"{model}-1000")))
        cpu, wall = time.process_time(), time.perf_counter()
        count = read_all(client.open(stream_url(self.base, f"{model}-{BURST_CHUNKS}")))
        return per_chunk(time.process_time() - cpu, time.perf_counter() - wall, count, BURST_CHUNKS)

    def single(self) -> Result:
        """The same with an HTTP chunk per event."""
        return self.burst("single")

    def paced(self) -> Result:
        """CPU per chunk of many paced streams, one thread each."""
        client, meter = self.kind(), SteadyMeter(STREAMS)

        def one_stream() -> None:
            body, reader, counter = client.open(stream_url(self.base, PACED)), EventReader(), meter.counter()
            while data := body.read():
                before, counter[0] = counter[0], counter[0] + len([chunk.text for chunk in reader.feed(data)])
                if before == 0:
                    meter.started()
            meter.ended()

        threads = [threading.Thread(target=one_stream) for _ in range(STREAMS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return meter.result()

    def first(self, certificate: str | None) -> Result:
        """From nothing to the first bytes over a new connection, then over another new one."""
        cpu, wall = time.process_time(), time.perf_counter()
        client = self.kind(certificate, tls=True)
        made = time.perf_counter()
        first = client.open(stream_url(self.base, "hold"))
        first.read()
        cold = time.process_time() - cpu, time.perf_counter() - wall
        again = time.perf_counter()
        second = client.open(stream_url(self.base, "hold"))
        second.read()
        return cold_result(*cold, made - wall, time.perf_counter() - again)

    def cancel(self) -> Result:
        """From abort() in another thread to the reader's wake-up and the server's notice."""
        body = self.kind().open(stream_url(self.base, "hold"))
        body.read()
        woken: list[int] = []

        def blocked() -> None:
            try:
                body.read()
            except Exception as error:
                print(repr(error), file=sys.stderr)
            woken.append(time.monotonic_ns())
            body.close()

        thread = threading.Thread(target=blocked, daemon=True)
        thread.start()
        time.sleep(0.1)
        asked = time.monotonic_ns()
        threading.Thread(target=body.abort, daemon=True).start()
        thread.join(2)
        return {"woken_ms": (woken[0] - asked) / 1e6 if woken else None, "seen_ms": seen_after(self.base, asked)}

    def works(self, model: str, *, environment: bool = False, certificate: str | None = None) -> Result:
        """Whether a plain stream arrives."""
        client = self.kind(certificate, environment=environment, tls=certificate is not None)
        return {"chunks": read_all(client.open(stream_url(self.base, model)))}


class AsyncMeasures:
    """The measurements of an async carrier."""

    def __init__(self, kind: Callable[..., Any], base: str) -> None:
        self.kind, self.base = kind, base

    async def burst(self, model: str = "burst") -> Result:
        """CPU per chunk of one stream at full speed."""
        client = self.kind()
        await read_all_async(await client.open(stream_url(self.base, f"{model}-1000")))
        cpu, wall = time.process_time(), time.perf_counter()
        count = await read_all_async(await client.open(stream_url(self.base, f"{model}-{BURST_CHUNKS}")))
        return per_chunk(time.process_time() - cpu, time.perf_counter() - wall, count, BURST_CHUNKS)

    async def single(self) -> Result:
        """The same with an HTTP chunk per event."""
        return await self.burst("single")

    async def paced(self) -> Result:
        """CPU per chunk of many paced streams, one task each."""
        client, meter = self.kind(), SteadyMeter(STREAMS)

        async def one_stream() -> None:
            body, reader, counter = await client.open(stream_url(self.base, PACED)), EventReader(), meter.counter()
            while data := await body.read():
                before, counter[0] = counter[0], counter[0] + len([chunk.text for chunk in reader.feed(data)])
                if before == 0:
                    meter.started()
            meter.ended()

        await asyncio.gather(*[one_stream() for _ in range(STREAMS)])
        return meter.result()

    async def first(self, certificate: str | None) -> Result:
        """From nothing to the first bytes over a new connection, then over another new one."""
        cpu, wall = time.process_time(), time.perf_counter()
        client = self.kind(certificate, tls=True)
        made = time.perf_counter()
        first = await client.open(stream_url(self.base, "hold"))
        await first.read()
        cold = time.process_time() - cpu, time.perf_counter() - wall
        again = time.perf_counter()
        second = await client.open(stream_url(self.base, "hold"))
        await second.read()
        return cold_result(*cold, made - wall, time.perf_counter() - again)

    async def memory(self) -> Result:
        """Resident memory per stream that is open and silent."""
        allow_open_files()
        client = self.kind()
        bodies = [await opened(client, self.base) for _ in range(20)]
        gc.collect()
        before = resident_bytes()
        for _ in range(HELD // 20):
            bodies += await asyncio.gather(*[opened(client, self.base) for _ in range(20)])
        gc.collect()
        return {"kib_per_stream": (resident_bytes() - before) / HELD / 1024}

    async def cancel(self) -> Result:
        """From Task.cancel() to the task's end and the server's notice."""
        client = self.kind()
        waiting = asyncio.Event()

        async def blocked() -> None:
            body = await client.open(stream_url(self.base, "hold"))
            try:
                await body.read()
                waiting.set()
                await body.read()
            finally:
                await body.close()

        task = asyncio.create_task(blocked())
        await waiting.wait()
        await asyncio.sleep(0.1)
        asked = time.monotonic_ns()
        task.cancel()
        await asyncio.wait([task], timeout=2)
        woken = (time.monotonic_ns() - asked) / 1e6
        await asyncio.sleep(0.1)
        return {"woken_ms": woken, "seen_ms": await asyncio.to_thread(seen_after, self.base, asked)}

    async def works(self, model: str, *, environment: bool = False, certificate: str | None = None) -> Result:
        """Whether a plain stream arrives."""
        client = self.kind(certificate, environment=environment, tls=certificate is not None)
        return {"chunks": await read_all_async(await client.open(stream_url(self.base, model)))}


async def opened(client: Any, base: str) -> Any:
    """A held stream whose first chunk has been read."""
    body = await client.open(stream_url(base, "hold"))
    await body.read()
    return body


def cold_result(cpu: float, wall: float, client: float, again: float) -> Result:
    """The result of ``first``."""
    return {"cpu_ms": cpu * 1e3, "wall_ms": wall * 1e3, "client_ms": client * 1e3, "second_ms": again * 1e3}


def seen_after(base: str, asked: int) -> float | None:
    """Milliseconds from ``asked`` until the server saw the connection close; None if it did not within 2 s."""
    for _ in range(100):
        later = [at for at in stats(base)["closed_at"] if at >= asked]
        if later:
            return (later[0] - asked) / 1e6
        time.sleep(0.02)
    return None


def measure(carrier: str, name: str, base: str, options: Result) -> Result:
    """Run one measurement in the carrier's mode."""
    if carrier in carriers.SYNC:
        return getattr(SyncMeasures(carriers.SYNC[carrier], base), name)(**options)
    job: Awaitable[Result] = getattr(AsyncMeasures(carriers.ASYNC[carrier], base), name)(**options)

    async def run() -> Result:
        return await job

    return asyncio.run(run())


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("carrier", "measure", "base"):
        parser.add_argument(name)
    parser.add_argument("--options", type=json.loads, default={})
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.carrier, arguments.measure, arguments.base, arguments.options)), flush=True)


if __name__ == "__main__":
    main()

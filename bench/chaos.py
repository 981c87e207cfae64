"""Kills servers, and the Redis below them, while answers are produced and read, and checks that nothing is lost.

python bench/chaos.py --seed 1 --log redis|sqlite [--generations 200] [--down 10]
python bench/chaos.py --stop --log redis|sqlite [--tries 200]     how long a stop from another server takes

The seed decides what is asked and what is killed in which order; which answers that hits depends on the machine.
Each answer has three readers that cut their connection at random and resume at another server. Every third answer is an
interaction, of which one reader reads the events of the Interactions API; every ninth of all is cancelled. The offline
engine's answer to a prompt is known, so every reader's text can be compared. The exit code is 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import aiohttp
from chaos_nodes import Node, Redis, cluster, lines_told
from chaos_readers import Generation, Outage, Place, Reading, read_bare, read_interaction, read_with_client

from headwater import offline
from headwater.core.machine.policy import Retry
from headwater.errors import APIError, HeadwaterError
from headwater.types import GenerateContentRequest

MODEL = "chaos"
_LOST = "failed LOST"
_QUICK = Retry(attempts=2, initial_delay=0.05)
#: An answer continues or ends within the lease and this time after its server's death (seconds).
ALLOWED = 1.0
#: A reader that takes longer than this counts as hanging (seconds).
PATIENCE = 120.0


def expected(prompt: str) -> str:
    """The engine's answer to a prompt."""
    request = GenerateContentRequest(contents=[{"role": "user", "parts": [{"text": prompt}]}])
    return "".join(timed.chunk.text or "" for timed in offline.stream(request, model=MODEL, pace=offline.INSTANT))


def planned(options: argparse.Namespace, place: Place) -> list[Generation]:
    """The answers of a run."""
    found = []
    for number in range(options.generations):
        prompt = f"Tell me a story about the river number {number} in {place.dice.randint(150, 400)} words."
        policy = place.dice.choice(["continue", "fail"])
        is_interaction = number % 3 == 0
        policy = "continue" if is_interaction else policy
        cancel_after = place.dice.uniform(0.5, 2.5) if number % 9 == 0 else None
        found.append(Generation(number, prompt, policy, expected(prompt), is_interaction, cancel_after))
    return found


async def live(generation: Generation, place: Place, http: aiohttp.ClientSession, seed: int) -> None:
    """Start an answer somewhere, have it read, and check it at the end."""
    start = begin_interaction if generation.is_interaction else begin
    await start(generation, place, http, f"{seed}-{generation.number}")
    readers = [read_bare(generation, place, http)]
    # The client names an ending that someone else caused in words of its own.
    readers.append(
        read_bare(generation, place, http) if generation.cancel_after else read_with_client(generation, place)
    )
    third = read_interaction(generation, place, http) if generation.is_interaction else None
    readers.append(third or read_with_client(generation, place))
    if generation.cancel_after is not None:
        cancelling = asyncio.create_task(cancel(generation, place, http))
    tasks = [asyncio.create_task(reader) for reader in readers]
    done, late = await asyncio.wait(tasks, timeout=PATIENCE)
    for task in late:
        task.cancel()
        generation.violations.append("a reader did not come to an end")
    generation.readings = [task.result() for task in tasks if task in done]
    if generation.cancel_after is not None:
        await cancelling


async def begin_interaction(generation: Generation, place: Place, http: aiohttp.ClientSession, key: str) -> None:
    """Create it as an interaction in the background; if a server dies meanwhile, at another one with the same key."""
    body = {"model": MODEL, "input": generation.prompt, "background": True}
    for _ in range(100):
        try:
            async with http.post(f"{place.url()}/v1/interactions", json=body, headers={"Idempotency-Key": key}) as made:
                if made.status == 200:
                    generation.name = (await made.json())["id"].removeprefix("v1_")
                    generation.see(0)
                    return
        except (TimeoutError, aiohttp.ClientError, OSError):
            pass
        await asyncio.sleep(0.1)
    generation.violations.append("it could not be begun")


async def cancel(generation: Generation, place: Place, http: aiohttp.ClientSession) -> None:
    """Cancel it somewhere; if that server dies meanwhile, elsewhere. One that has ended before stays as it is."""
    await asyncio.sleep(generation.cancel_after or 0)
    for _ in range(100):
        try:
            async with http.post(f"{place.url()}/v1/interactions/v1_{generation.name}/cancel") as answer:
                if answer.status in (200, 400):
                    return
        except (TimeoutError, aiohttp.ClientError, OSError):
            pass
        await asyncio.sleep(0.1)
    generation.violations.append("it could not be cancelled")


async def begin(generation: Generation, place: Place, http: aiohttp.ClientSession, key: str) -> None:
    """Start it; if a server dies meanwhile, at another one with the same key."""
    for _ in range(100):
        client = place.client()
        try:
            stream = await client.streams.start(
                model=MODEL,
                contents=generation.prompt,
                idempotency_key=key,
                on_server_break=generation.policy,
                retry=_QUICK,
            )
        except HeadwaterError:
            await asyncio.sleep(0.1)
        else:
            generation.name = stream.name
            generation.see(0)
            return
    generation.violations.append("it could not be begun")


async def disturb(options: argparse.Namespace, nodes: list[Node], redis: Redis | None) -> list[Outage]:
    """Kill one process after another, and restart it, until cancelled."""
    done: list[Outage] = []
    dice, victims = random.Random(options.seed), nodes if redis is not None else nodes[:1]
    try:
        while True:
            await asyncio.sleep(options.lease + ALLOWED + 0.5)  # so that each takeover can be measured alone
            victim = redis if redis is not None and dice.random() < 0.2 else dice.choice(victims)
            assert victim is not None
            victim.kill()
            done.append(Outage(victim.name, time.monotonic()))
            await asyncio.sleep(dice.uniform(0.2, options.down))
            await victim.start()
            done[-1].until = time.monotonic()
    except asyncio.CancelledError:
        return done


async def look(generation: Generation, place: Place, http: aiohttp.ClientSession) -> None:
    """Read it once more from its beginning, and compare."""
    again = await read_bare(generation, place, http, cut=0.0)
    try:
        generation.state = await place.client().streams.get(generation.name)
    except APIError as error:
        generation.violations.append(f"its state is not known: {error}")
    told = generation.violations.append
    if generation.is_interaction:
        whole = b"".join((await read_interaction(generation, place, http, cut=0.0)).events)
        for reading in generation.readings:
            if reading.events and hashlib.sha256(b"".join(reading.events)).digest() != hashlib.sha256(whole).digest():
                told("the events that an interaction's reader saw are not those of the log")
    for reading in generation.readings:
        if reading.ending != again.ending:
            told(f"a {reading.kind} reader saw it {reading.ending!r}, the log says {again.ending!r}")
        if digest(reading.text) != digest(again.text):
            told(f"a {reading.kind} reader read {len(reading.text)} characters, the log has {len(again.text)}")
    if again.ending == "finished" and digest(again.text) != digest(generation.text):
        told(f"it has {len(again.text)} characters and should have {len(generation.text)}")
    if not generation.text.startswith(again.text):
        told("what it has is not the beginning of what it should have")
    if again.ending == _LOST and generation.policy == "continue":
        told("it failed, and should have been gone on with")
    if again.ending not in ("finished", _LOST) and not (generation.cancel_after and again.ending == "cancelled"):
        told(f"it ended as {again.ending!r}")


def digest(text: str) -> str:
    """The hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


async def run(options: argparse.Namespace, folder: Path) -> bool:
    """Do a run, print its table, and return whether it was free of faults."""
    pace = f"first=0.3,rate={options.rate:g}"
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=2, sock_read=10)
    async with cluster(folder, options.log, 3, lease=options.lease, pace=pace) as (nodes, redis):
        place = Place(nodes, options.seed)
        generations = planned(options, place)
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
            begun = time.monotonic()
            disturbing = asyncio.create_task(disturb(options, nodes, redis))
            tasks = []
            for generation in generations:
                tasks.append(asyncio.create_task(live(generation, place, http, options.seed)))
                await asyncio.sleep(options.over / len(generations))
            await asyncio.gather(*tasks)
            seconds = time.monotonic() - begun
            disturbing.cancel()
            outages = await disturbing
            for process in (*([redis] if redis else []), *nodes):
                if not process.is_up:
                    process.kill()
                    await process.start()
            await asyncio.gather(*(look(generation, place, http) for generation in generations if generation.name))
        await place.aclose()
    return report(options, generations, outages, seconds, folder)


def report(
    options: argparse.Namespace, generations: list[Generation], outages: list[Outage], seconds: float, folder: Path
) -> bool:
    """Print what happened; return whether it was free of faults."""
    readings: list[Reading] = [reading for one in generations for reading in one.readings]
    taken = [one for one in generations if one.state and (one.state.takeovers or one.state.state == "failed")]
    bound = options.lease + ALLOWED
    silences = [one.longest_silence(outages) for one in taken]
    for one, silence in zip(taken, silences, strict=True):
        if silence > bound:
            one.violations.append(f"its server was dead, and it was silent for {silence:.2f} s, more than {bound:g} s")
    endings = Counter(one.state.state if one.state else "unknown" for one in generations)
    rows = {
        "log, seed": f"{options.log}, {options.seed}",
        "generations": f"{len(generations)} in {seconds:.0f} s: {_counted(endings)}",
        "killed (kill -9) and restarted": _counted(Counter(outage.name for outage in outages)),
        "readers, their cuts": f"{len(readings)}, {sum(reading.cuts for reading in readings)}",
        "of the answers, interactions": sum(one.is_interaction for one in generations),
        "events seen first": sum(len(one.seen) for one in generations),
        "taken over or ended by another": f"{len(taken)}: {_counted(Counter(one.policy for one in taken))}",
        "longest silence of those": f"{max(silences, default=0.0):.2f} s (lease {options.lease:g} s)",
        "texts that differ, and other faults": sum(len(one.violations) for one in generations),
    }
    for name, value in rows.items():
        print(f"{name:36} {value}")
    for one in generations:
        for violation in one.violations:
            print(f"  generation {one.number} ({one.policy}, {one.name}): {violation}")
    for line in list(lines_told(folder))[:20]:
        print(f"  {line}")
    return not any(one.violations for one in generations) and bool(outages)


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(found.items())) or "none"


async def time_stops(options: argparse.Namespace, folder: Path) -> bool:
    """Stop answers through another server than theirs, with a reader on a third; print how long it takes."""
    calls, ends = list[float](), list[float]()
    async with cluster(folder, options.log, 3, lease=options.lease, pace="first=0.05,rate=50") as (nodes, _):
        clients = [Place([node], 0).client() for node in nodes]
        for number in range(options.tries):
            runs, stops, reads = (clients[(number + place) % 3] for place in range(3))
            began = await runs.streams.start(model=MODEL, contents=f"Tell me a story of 800 words about {number}.")
            stream = await reads.streams.attach(began.name)
            await anext(stream)
            ended = asyncio.create_task(_ended(stream))
            at = time.perf_counter()
            await stops.streams.stop(began.name)
            calls.append(time.perf_counter() - at)
            ends.append(await ended - at)
            assert stream.ending is not None
            assert stream.ending.reason == "stopped", stream.ending
        for client in clients:
            await client.aclose()
    print(f"{options.tries} stops from another server ({options.log})   p50 ms   p99 ms   max ms")
    for name, found in (("until the stop has answered", calls), ("until a reader elsewhere sees the end", ends)):
        found.sort()
        p50, p99 = found[len(found) // 2], found[min(len(found) - 1, int(len(found) * 0.99))]
        print(f"{name:44} {p50 * 1e3:8.1f} {p99 * 1e3:8.1f} {found[-1] * 1e3:8.1f}")
    return ends[min(len(ends) - 1, int(len(ends) * 0.99))] < 0.25


async def _ended(stream) -> float:
    async for _ in stream:
        pass
    return time.perf_counter()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", choices=["redis", "sqlite"], default="redis")
    parser.add_argument("--generations", type=int, default=200)
    parser.add_argument("--over", type=float, default=40.0, help="seconds over which the answers start")
    parser.add_argument("--rate", type=float, default=60.0, help="tokens per second of each answer")
    parser.add_argument("--lease", type=float, default=2.0, help="seconds")
    parser.add_argument(
        "--down", type=float, default=1.0, help="longest time that a killed process stays dead (seconds)"
    )
    parser.add_argument("--stop", action="store_true", help="measure stops instead")
    parser.add_argument("--tries", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = time_stops if options.stop else run
        is_good = asyncio.run(work(options, Path(folder)))
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()

"""Compares the logs behind a server with the reference server: rounds in turns, medians as a table."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

from environment import machine
from logs_http import Load, catch_up, run_load
from logs_servers import Contender, Running, contenders, reference_version

_LOAD = Load(streams=20, rate=10, readers=1, seconds=3)
#: The cost of one more reader is the difference of these two.
_FEW = Load(streams=5, rate=10, readers=1, seconds=3)
_MANY = Load(streams=5, rate=10, readers=21, seconds=3)
_CHUNKS, _READS = 200, 200


class Round(NamedTuple):
    """The results of one round of one server; times in milliseconds, processor time in microseconds per chunk."""

    append: float
    append_p99: float
    delivery: float
    delivery_p99: float
    cpu: float
    store: float
    live: float
    finished: float


async def _measure(running: Running) -> Round:
    one = await run_load(running, _LOAD, "load")
    few = await run_load(running, _FEW, "few")
    many = await run_load(running, _MANY, "many")
    finished = await catch_up(running, "finished", chunks=_CHUNKS, reads=_READS)
    live = (many.cpu - few.cpu) / (_MANY.readers - _FEW.readers)
    times = (_quantile(taken, part) for taken in (one.appends, one.deliveries) for part in (0.5, 0.99))
    return Round(*times, *(seconds * 1e6 for seconds in (one.cpu, one.store_cpu, live, finished)))


def _quantile(taken: Iterable[int], part: float) -> float:
    ordered = sorted(taken)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] / 1e6


def compare(rounds: int, only: tuple[str, ...]) -> None:
    """Measure all servers whose names have one of the prefixes ``only``, and print a Markdown table."""
    chosen = [contender for contender in contenders() if contender.name.startswith(only)]
    found: dict[str, list[Round]] = {contender.name: [] for contender in chosen}
    for number in range(rounds):
        for contender in chosen if number % 2 == 0 else reversed(chosen):
            found[contender.name].append(_run(contender))
            print(f"round {number + 1} of {rounds}: {contender.name} {_show(found[contender.name][-1])}", flush=True)
    print(f"\n{machine()}; {reference_version() if any('reference' in name for name in found) else ''}\n")
    print("| log | append p50, p99 | delivery p50, p99 | CPU per chunk | Redis | one more reader | a finished stream |")
    print("|---|---|---|---:|---:|---:|---:|")
    for name, results in found.items():
        print(f"| {name} {_show(Round(*map(median, zip(*results, strict=True))))}")


def _run(contender: Contender) -> Round:
    with contender.start() as running:
        return asyncio.run(_measure(running))


def _show(found: Round) -> str:
    times = f"{found.append:.2f}, {found.append_p99:.1f} ms | {found.delivery:.2f}, {found.delivery_p99:.1f} ms"
    store = f"{found.store:.0f} us" if found.store else "-"
    return f"| {times} | {found.cpu:.0f} us | {store} | {found.live:.0f} us | {found.finished:.1f} us |"

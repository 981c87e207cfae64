"""The measures of the benchmark: each one's command, its rows in the table, and headwater's targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

LIBRARIES = ("headwater", "google", "floor")


@dataclass(frozen=True)
class Row:
    """One row of the table: a number of a measure and its maximum, relative to the other readers."""

    title: str
    key: str
    unit: str
    of_google: float | None = None
    of_floor: float | None = None

    def target(self) -> str:
        """The target as text."""
        parts = []
        if self.of_google is not None:
            parts.append(f"<= 1/{1 / self.of_google:.0f} google-genai")
        if self.of_floor is not None:
            parts.append(f"<= {self.of_floor:g} x floor")
        return ", ".join(parts)


@dataclass(frozen=True)
class Measure:
    """One thing to measure, in a process per reader and round. ``mode`` None: weigh.py instead of measure.py."""

    name: str
    rows: tuple[Row, ...]
    mode: str | None
    kind: str
    rounds: int = 3
    options: dict[str, Any] = field(default_factory=dict)
    quick: dict[str, Any] = field(default_factory=dict)
    readers: tuple[str, ...] = LIBRARIES


def burst(mode: str) -> Measure:
    """CPU per chunk of one stream at full speed."""
    rows = (Row(f"one burst stream, {mode}: CPU per chunk", "cpu_us", "us", of_google=1 / 15),)
    return Measure(f"burst-{mode}", rows, mode, "burst", quick={"chunks": 1000})


def paced(mode: str) -> Measure:
    """CPU per chunk of 100 streams at 20 chunks a second each."""
    rows = (Row(f"100 paced streams, {mode}: CPU per chunk", "cpu_us", "us", of_google=1 / 4, of_floor=1.3),)
    return Measure(f"paced-{mode}", rows, mode, "paced", quick={"chunks": 40})


def first(mode: str, model: str, connection: str) -> Measure:
    """Time from the server's first byte to the first chunk in the user's loop."""
    title = f"first byte to first chunk, {mode}, {connection} connection"
    rows = (
        Row(f"{title}: median", "median_us", "us", of_google=1 / 3),
        Row(f"{title}: p95", "p95_us", "us"),
    )
    name = f"first-{mode}-{connection}"
    return Measure(name, rows, mode, "first", options={"model": model}, quick={"model": model, "tries": 40})


def interaction(mode: str) -> Measure:
    """CPU per event of one interaction at full speed."""
    rows = (Row(f"one burst interaction, {mode}: CPU per event", "cpu_us", "us", of_google=1 / 40),)
    readers = ("headwater", "google")
    return Measure(f"interaction-{mode}", rows, mode, "interaction", quick={"events": 300}, readers=readers)


FIRST_INTERACTIONS = Measure(
    "touch",
    (Row("first use of client.interactions: CPU", "touched_ms", "ms", of_google=1 / 10),),
    None,
    "interactions",
    rounds=7,
    readers=("headwater", "google"),
)
IMPORT = Measure(
    "import",
    (
        Row("import and first Client: CPU", "cpu_ms", "ms", of_google=1 / 6),
        Row("import and first Client: wall", "wall_ms", "ms"),
        Row("process after import and Client: RSS", "rss_mib", "MiB", of_google=1 / 2),
    ),
    None,
    "import",
    rounds=7,
    readers=("headwater", "google", "bare"),
)
MEMORY = Measure(
    "memory", (Row("memory per open stream, 1000 open", "kib_per_stream", "KiB"),), "async", "memory", rounds=2
)
MEASURES = (
    burst("sync"),
    burst("async"),
    paced("sync"),
    paced("async"),
    interaction("sync"),
    interaction("async"),
    IMPORT,
    FIRST_INTERACTIONS,
    *[
        first(mode, model, connection)
        for connection, model in (("new", "stampclose"), ("kept", "stamp"))
        for mode in ("sync", "async")
    ],
    MEMORY,
)

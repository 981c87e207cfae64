"""The table and the targets of the relay benchmark, from the samples of a run."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from report import figure

Sample = Mapping[str, float]
#: name of the contender -> its samples, each with the streams it was taken at and what the direct way took
Samples = dict[str, list[Sample]]
HEADINGS = (
    "relay",
    "streams",
    "chunks/s",
    "CPU per chunk",
    "added latency p50",
    "added latency p99",
    "RSS",
    "RSS per stream",
)


@dataclass(frozen=True)
class Target:
    """What headwater should reach, beside another contender where ``of`` names one."""

    words: str
    key: str
    most: float
    of: str | None = None


TARGETS = (
    Target("CPU per chunk, of LiteLLM's pass-through: at most 1/15", "cpu_us", 1 / 15, "LiteLLM, pass-through"),
    Target("CPU per chunk, of nginx's: at most 4.5 x", "cpu_us", 4.5, "nginx"),
    Target("added latency p50: under 1000 us", "p50_us", 1000.0),
    Target("added latency p99, of nginx's: at most 5 x", "p99_us", 5.0, "nginx"),
)


def middle(samples: Samples, name: str, key: str) -> float | None:
    """The median of a contender's rounds; None where it was not measured."""
    values = [sample[key] for sample in samples.get(name, [])]
    return statistics.median(values) if values else None


def rows(samples: Samples) -> list[Sequence[str]]:
    """A line for each contender."""
    return [_row(samples, name) for name, taken in samples.items() if taken]


def _row(samples: Samples, name: str) -> Sequence[str]:
    def shown(key: str, unit: str) -> str:
        return figure(middle(samples, name, key), unit)

    streams, rate = middle(samples, name, "streams"), middle(samples, name, "chunks_per_s")
    counts = (f"{streams:.0f}", f"{rate:,.0f}")
    if name == "direct":  # its latencies are subtracted from those of the relays
        return (name, *counts, "-", f"({shown('p50_us', 'us')})", f"({shown('p99_us', 'us')})", "-", "-")
    latencies = (shown("p50_us", "us"), shown("p99_us", "us"))
    return (
        name,
        *counts,
        shown("cpu_us", "us"),
        *latencies,
        shown("rss_mib", "MiB"),
        shown("rss_kib_per_stream", "KiB"),
    )


def verdicts(samples: Samples) -> list[str]:
    """Each target in a line: the figure, and met, NOT met or not measured."""
    return [f"{target.words}: {_verdict(samples, target)}" for target in TARGETS]


def _verdict(samples: Samples, target: Target) -> str:
    ours = middle(samples, "headwater", target.key)
    if target.of is None:
        return "not measured" if ours is None else f"{ours:.0f} us, {_met(ours < target.most)}"
    other = middle(samples, target.of, target.key)
    if ours is None or other is None or other <= 0:  # a difference of two latencies can be negative
        return "not measured"
    part = ours / other
    words = f"1/{1 / part:.1f}" if part < 0.67 else f"{part:.2f} x"
    return f"{words}, {_met(part <= target.most)}"


def _met(is_met: bool) -> str:
    return "met" if is_met else "NOT met"


def table(lines: Sequence[Sequence[str]], *, markdown: bool) -> str:
    """The lines below their headings, in columns or as Markdown."""
    if markdown:
        rule = "|---|" + "---:|" * (len(HEADINGS) - 1)
        first, *rest = [f"| {' | '.join(line)} |" for line in (HEADINGS, *lines)]
        return "\n".join([first, rule, *rest])
    widths = [max(map(len, column)) for column in zip(HEADINGS, *lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) if index else cell.ljust(width) for index, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in (HEADINGS, *lines))
    )

"""Turns the samples of a run into a table, for a terminal or as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from measures import MEASURES, Row

Samples = dict[str, dict[str, list[dict[str, float]]]]
HEADINGS = ("", "headwater", "google-genai", "floor", "of google-genai", "of floor", "target", "met")


def median(samples: Samples, measure: str, reader: str, key: str) -> float | None:
    """The middle of a reader's rounds; None where none succeeded."""
    values = [sample[key] for sample in samples.get(measure, {}).get(reader, [])]
    return statistics.median(values) if values else None


def figure(value: float | None, unit: str) -> str:
    """A value with its unit: three digits are enough."""
    if value is None:
        return "-"
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def ratio(value: float | None, reference: float | None) -> float | None:
    """Their quotient, where both are known."""
    return value / reference if value is not None and reference else None


def as_part(part: float | None) -> str:
    """A ratio as 1/n when it is small."""
    if part is None:
        return "-"
    return f"1/{1 / part:.1f}" if 0 < part < 0.67 else f"{part:.2f} x"


def met(row: Row, of_google: float | None, of_floor: float | None) -> str:
    """Whether the row's target is met; empty without a target or a sample."""
    pairs = [(row.of_google, of_google), (row.of_floor, of_floor)]
    wanted = [(most, found) for most, found in pairs if most is not None]
    if not wanted or any(found is None for _, found in wanted):
        return ""
    return "yes" if all(found <= most for most, found in wanted if found is not None) else "NO"


def lines(samples: Samples) -> list[Sequence[str]]:
    """The table's rows, for the measures that were run."""
    table: list[Sequence[str]] = []
    for measure in MEASURES:
        if measure.name not in samples:
            continue
        under = "floor" if "floor" in measure.readers else "bare"
        for row in measure.rows:
            ours, theirs, least = (median(samples, measure.name, x, row.key) for x in ("headwater", "google", under))
            of_google, of_floor = ratio(ours, theirs), ratio(ours, least) if under == "floor" else None
            least_shown = figure(least, row.unit) + (" (bare Python)" if "bare" in measure.readers else "")
            shown = (row.title, figure(ours, row.unit), figure(theirs, row.unit), least_shown)
            judged = (as_part(of_google), as_part(of_floor), row.target(), met(row, of_google, of_floor))
            table.append(shown + judged)
    return table


def plain(table: list[Sequence[str]]) -> str:
    """The table in columns."""
    everything = [HEADINGS, *table]
    widths = [max(len(line[column]) for line in everything) for column in range(len(HEADINGS))]
    shown = [
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in everything)
    ]
    return "\n".join(shown)


def markdown(table: list[Sequence[str]]) -> str:
    """The table as Markdown."""
    rule = "|---|" + "---:|" * (len(HEADINGS) - 1)
    rows = [f"| {' | '.join(line)} |" for line in (HEADINGS, *table)]
    return "\n".join([rows[0], rule, *rows[1:]])

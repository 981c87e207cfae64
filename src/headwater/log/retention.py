"""Which logs are dropped because they are too old, or too large together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class StoredLog(NamedTuple):
    """A log as retention sees it: ``idle`` seconds since its last change; ``is_written`` if it has a live writer."""

    key: str
    idle: float
    size: int
    is_written: bool


def logs_to_drop(logs: Iterable[StoredLog], age: float | None, size: int | None) -> Iterator[str]:
    """Yield the logs that did not change for ``age`` seconds, then the oldest until ``size`` bytes are left."""
    found = sorted(logs, key=lambda log: -log.idle)
    left = sum(log.size for log in found)
    for log in found:
        is_old = age is not None and log.idle >= age
        is_much = size is not None and left > size
        if (is_old or is_much) and not log.is_written:
            left -= log.size
            yield log.key

"""When the writer of a log counts as dead."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

#: How many logs are watched for a clock that stands still or goes back.
_MOST = 10_000


class Leases:
    """Judges leases by the store's clock, and by how long this process saw nothing change.

    The second is for a clock that was set back: by it a dead writer would seem alive until the clock has caught up.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def has_run_out(self, key: str, mark: float, age: float, lease: float) -> bool:
        """Return whether the lease is over that was renewed at ``mark``, ``age`` seconds ago by the store's clock."""
        now = self._monotonic()
        seen, since = self._seen.get(key, (None, now))
        if seen != mark:
            since = now
            self._seen[key] = mark, now
            self._seen.move_to_end(key)
            if len(self._seen) > _MOST:
                self._seen.popitem(last=False)
        return max(age, now - since) >= lease

    def forget(self, key: str) -> None:
        """Let go of a log that has ended or is gone."""
        self._seen.pop(key, None)

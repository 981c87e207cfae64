"""When the writer of a log is considered dead."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

#: Seconds without an append after which the writer of a log is considered dead, unless ``create`` says otherwise.
LEASE = 10.0
#: How many logs are remembered to notice a clock that stands still or goes back.
_MAX_LOGS = 10_000


class Leases:
    """Judges leases by the store's clock, and by how long this process has seen no renewal.

    The second protects against a store's clock that is set back: by that clock alone, a dead writer would seem alive
    until the clock has caught up.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def has_expired(self, key: str, mark: float, age: float, lease: float) -> bool:
        """Return whether a lease has run out that was renewed at ``mark``, ``age`` seconds ago by the store's clock."""
        now = self._monotonic()
        seen, since = self._seen.get(key, (None, now))
        if seen != mark:
            since = now
            self._seen[key] = mark, now
            self._seen.move_to_end(key)
            if len(self._seen) > _MAX_LOGS:
                self._seen.popitem(last=False)
        # Whichever clock shows the longer silence. A clock that jumps forward can only end a lease early, and the fence
        # in ``append`` makes that safe.
        return max(age, now - since) >= lease

    def forget(self, key: str) -> None:
        """Forget a log that is sealed or dropped."""
        self._seen.pop(key, None)

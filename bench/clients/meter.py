"""Self-measurement of every benchmark client: CPU, wall time, memory, file limits."""

from __future__ import annotations

import os
import resource
import threading
import time

PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes() -> int:
    """The resident memory of this process now (Linux; elsewhere the highest so far)."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * PAGE_SIZE
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def allow_open_files(wanted: int = 8192) -> None:
    """Raise the soft limit of open files to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


class SteadyMeter:
    """CPU per chunk of many streams at once, between the last one's first chunk and the first one's last.

    What opening and closing the streams costs is left out. ``started()`` is called at a stream's first chunk,
    ``chunk()`` at each, ``ended()`` at a stream's end; any thread may call.
    """

    def __init__(self, streams: int) -> None:
        self.waiting = streams
        self.lock = threading.Lock()
        self.counts: list[list[int]] = []
        self.begin: tuple[float, int] | None = None
        self.finish: tuple[float, int] | None = None

    def counter(self) -> list[int]:
        """A stream's own counter: a list of one number, to be incremented at each chunk."""
        counter = [0]
        self.counts.append(counter)
        return counter

    def now(self) -> tuple[float, int]:
        """CPU seconds so far and chunks so far."""
        return time.process_time(), sum(count[0] for count in self.counts)

    def started(self) -> None:
        """One more stream has its first chunk."""
        with self.lock:
            self.waiting -= 1
            if self.waiting == 0:
                self.begin = self.now()

    def ended(self) -> None:
        """A stream has ended."""
        with self.lock:
            if self.finish is None:
                self.finish = self.now()

    def result(self) -> dict[str, float]:
        """Microseconds of CPU per chunk, and how many chunks were counted."""
        if self.begin is None or self.finish is None or self.finish[1] <= self.begin[1]:
            raise RuntimeError("the streams were never all open at once: make them longer")
        chunks = self.finish[1] - self.begin[1]
        return {"cpu_us": (self.finish[0] - self.begin[0]) / chunks * 1e6, "chunks": chunks}

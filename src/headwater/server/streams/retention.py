"""How long the streams that were started here are kept: after their end, and without a reader.

Streams without a policy are not kept here at all after their end: the log's own retention (age and size) drops them.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack

import msgspec

from headwater.server.http.background import BackgroundTasks
from headwater.server.streams.recorder import Generation

#: How many finished streams with a TTL are kept per owner. The oldest is dropped first.
MAX_FINISHED_PER_OWNER = 1000


class RetentionPolicy(msgspec.Struct, frozen=True):
    """For how many seconds a stream is kept: after its end (``ttl``), and without a reader (``idle_ttl``).

    None leaves it to the retention of the log.
    """

    ttl: float | None = None
    idle_ttl: float | None = None


class RetainedStream:
    """A stream that runs or ran on this server, until it is forgotten here.

    ``quota`` is the slot that it holds among its key's streams, released at its end. ``related_logs`` are dropped with
    its own log.
    """

    def __init__(
        self,
        generation: Generation,
        owner: str,
        policy: RetentionPolicy,
        quota: ExitStack,
        related_logs: tuple[str, ...] = (),
    ) -> None:
        self.name = generation.key
        self.log = generation.log
        self.generation: Generation | None = generation
        self.owner = owner
        self.policy = policy
        self.quota = quota
        self.related_logs = related_logs
        self.readers = 0
        self.timer: asyncio.TimerHandle | None = None
        self.ends_at: float | None = None  # monotonic, once it no longer runs

    @property
    def is_expired(self) -> bool:
        """Whether its TTL after the end is up."""
        ttl = self.policy.ttl
        return self.ends_at is not None and ttl is not None and time.monotonic() >= self.ends_at + ttl


class Retention:
    """Counts the readers of the streams that were started here, and drops those whose time is up."""

    def __init__(self) -> None:
        self._streams: dict[str, RetainedStream] = {}
        self._finished: dict[str, dict[str, None]] = {}  # those with a TTL, by owner, the oldest first
        self._dropping = BackgroundTasks()

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, retained: RetainedStream) -> None:
        """Keep a stream from now on."""
        assert retained.generation is not None
        self._streams[retained.name] = retained
        retained.generation.add_done_callback(lambda: self._finish(retained))

    def get(self, name: str) -> RetainedStream | None:
        """Return the stream ``name``, or None if it is not kept here."""
        return self._streams.get(name)

    def add_reader(self, name: str) -> None:
        """Record a reader. A stream is not dropped while it has one."""
        retained = self._streams.get(name)
        if retained is not None:
            retained.readers += 1
            if retained.policy.idle_ttl is not None:
                self._set_timer(retained, None)

    def remove_reader(self, name: str) -> None:
        """Record that a reader has left."""
        retained = self._streams.get(name)
        if retained is None:
            return
        retained.readers -= 1
        if retained.readers:
            return
        if retained.policy.idle_ttl is not None:
            self._set_timer(retained, retained.policy.idle_ttl)
        elif retained.is_expired:
            self.forget(retained)

    def keep_alive(self, name: str) -> None:
        """Record that the stream has a reader on another server: its idle TTL starts again."""
        retained = self._streams.get(name)
        if retained is not None and not retained.readers and retained.policy.idle_ttl is not None:
            self._set_timer(retained, retained.policy.idle_ttl)

    def stop(self, name: str, *, discard: bool = False) -> bool:
        """Stop a stream and return whether it is kept here. ``discard`` drops it as soon as it has no readers."""
        retained = self._streams.get(name)
        if retained is None:
            return False
        if discard:
            # Dropped at its end, or when its last reader leaves.
            retained.policy = RetentionPolicy(ttl=0.0)
        if retained.generation is not None:
            retained.generation.cancel()
        elif discard and not retained.readers:
            self.forget(retained)
        return True

    def expires_at(self, name: str, ttl: float) -> int:
        """Return the Unix time until which a stream is kept; ``ttl`` applies to streams that are not kept here."""
        retained = self._streams.get(name)
        if retained is None or retained.ends_at is None or retained.policy.ttl is None:
            return int(time.time() + ttl)
        # Monotonic time becomes wall clock time only here, where a client reads it.
        return int(time.time() + retained.ends_at + retained.policy.ttl - time.monotonic())

    def forget(self, retained: RetainedStream) -> None:
        """Stop a stream if it still runs, and drop its log."""
        # Timers, readers and limits may all come here for the same stream.
        if self._streams.pop(retained.name, None) is None:
            return
        self._set_timer(retained, None)
        if retained.generation is not None:
            retained.generation.cancel()
        owned = self._finished.get(retained.owner)
        if owned is not None:
            owned.pop(retained.name, None)
            if not owned:
                del self._finished[retained.owner]
        for key in (retained.name, *retained.related_logs):
            # If it fails, the sweep of the log drops it later.
            self._dropping.start(retained.log.drop(key))

    def _finish(self, retained: RetainedStream) -> None:
        # The slot is free as soon as nothing runs, although the stream may be read for longer.
        retained.quota.close()
        is_lost = retained.generation is not None and retained.generation.is_abandoned
        retained.generation = None
        retained.ends_at = time.monotonic()
        if is_lost or retained.policy == RetentionPolicy():  # another server's now, or left to the log
            self._set_timer(retained, None)
            self._streams.pop(retained.name, None)
        elif retained.policy.ttl is not None and retained.name in self._streams:
            self._start_ttl(retained, retained.policy.ttl)

    def _start_ttl(self, retained: RetainedStream, ttl: float) -> None:
        if not ttl and not retained.readers:
            self.forget(retained)
            return
        owned = self._finished.setdefault(retained.owner, {})
        owned[retained.name] = None
        # Dictionaries keep their order: the first key is the stream that finished first.
        if len(owned) > MAX_FINISHED_PER_OWNER:
            self.forget(self._streams[next(iter(owned))])
        if retained.name in self._streams:
            self._set_timer(retained, ttl)

    def _set_timer(self, retained: RetainedStream, seconds: float | None) -> None:
        """Let ``_expire`` run after ``seconds``; None for never."""
        if retained.timer is not None:
            retained.timer.cancel()
        loop = asyncio.get_running_loop()
        # A millisecond more: a timer of the loop may fire early by the clock's resolution.
        retained.timer = None if seconds is None else loop.call_later(seconds + 0.001, self._expire, retained)

    def _expire(self, retained: RetainedStream) -> None:
        """Drop a stream whose time is up. One that is being read is dropped after its last reader."""
        retained.timer = None
        if not retained.readers:
            self.forget(retained)

"""How long the answers that run here are kept: after their end, and without a reader.

A client of the Gemini endpoint asks for it with ``Headwater-Keep: <seconds>``, so that it can go on where it was when
its line is cut; the answer's ``Headwater-Stream`` names the stream. A request with that name and
``Headwater-After: <events>`` gets the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import ExitStack

import msgspec

from headwater.errors import UsageError
from headwater.log.base import Log
from headwater.server.streams.recorder import Generation

KEEP = "headwater-keep"
STREAM = "headwater-stream"
AFTER = "headwater-after"
#: No stream is kept longer without a reader, whatever the client asks for (seconds).
LONGEST = 60.0
#: How many finished answers of one owner are kept, of those that have a life; the oldest goes first.
KEPT_PER_KEY = 1000


class RetentionPolicy(msgspec.Struct, frozen=True):
    """For how many seconds an answer is kept: after its end (``life``), and without a reader (``patience``).

    None for as long as its log is.
    """

    life: float | None = None
    patience: float | None = None


class RetainedStream:
    """One answer that this server produces or has produced. Lives until it is forgotten here.

    ``held`` is what it takes of its key's share, let go when it is whole. ``others`` are logs that go with its own.
    """

    def __init__(
        self, generation: Generation, owner: str, terms: RetentionPolicy, held: ExitStack, others: tuple[str, ...] = ()
    ) -> None:
        self.name = generation.key
        self.log = generation.log
        self.generation: Generation | None = generation
        self.owner = owner
        self.terms = terms
        self.held = held
        self.others = others
        self.readers = 0
        self.timer: asyncio.TimerHandle | None = None
        self.ends_at: float | None = None  # monotonic, once nothing is produced any more

    @property
    def is_over(self) -> bool:
        """Whether its time after the end is up."""
        life = self.terms.life
        return self.ends_at is not None and life is not None and time.monotonic() >= self.ends_at + life


class Retention:
    """Knows the answers that run here, and forgets those whose time is up."""

    def __init__(self) -> None:
        self._kept: dict[str, RetainedStream] = {}
        self._finished: dict[str, dict[str, None]] = {}  # those with a life, by owner, the oldest first
        self._dropping: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, kept: RetainedStream) -> None:
        """Keep an answer from now on."""
        assert kept.generation is not None
        self._kept[kept.name] = kept
        kept.generation.when_done(lambda: self._finish(kept))

    def get(self, name: str) -> RetainedStream | None:
        """Return the answer of that name, if it is one of ours."""
        return self._kept.get(name)

    def enter(self, name: str) -> None:
        """Take note of a reader; the answer stays while there is one."""
        kept = self._kept.get(name)
        if kept is not None:
            kept.readers += 1
            if kept.terms.patience is not None:
                self._wind(kept, None)

    def leave(self, name: str) -> None:
        """Take note that a reader has gone."""
        kept = self._kept.get(name)
        if kept is None:
            return
        kept.readers -= 1
        if kept.readers:
            return
        if kept.terms.patience is not None:
            self._wind(kept, kept.terms.patience)
        elif kept.is_over:
            self.forget(kept)

    def hold(self, name: str) -> None:
        """Take note that another server has a reader: its patience begins anew."""
        kept = self._kept.get(name)
        if kept is not None and not kept.readers and kept.terms.patience is not None:
            self._wind(kept, kept.terms.patience)

    def stop(self, name: str, *, discard: bool = False) -> bool:
        """Stop an answer and return whether it is one of ours. ``discard`` forgets it as soon as nobody reads it."""
        kept = self._kept.get(name)
        if kept is None:
            return False
        if discard:
            kept.terms = RetentionPolicy(life=0.0)
        if kept.generation is not None:
            kept.generation.cancel()
        elif discard and not kept.readers:
            self.forget(kept)
        return True

    def expires_at(self, name: str, life: float) -> int:
        """Return the Unix time before which an answer will not be forgotten; ``life`` is that of those not ours."""
        kept = self._kept.get(name)
        if kept is None or kept.ends_at is None or kept.terms.life is None:
            return int(time.time() + life)
        return int(time.time() + kept.ends_at + kept.terms.life - time.monotonic())

    def forget(self, kept: RetainedStream) -> None:
        """Stop an answer, if it still runs, and drop its log."""
        if self._kept.pop(kept.name, None) is None:
            return
        self._wind(kept, None)
        if kept.generation is not None:
            kept.generation.cancel()
        owned = self._finished.get(kept.owner)
        if owned is not None:
            owned.pop(kept.name, None)
            if not owned:
                del self._finished[kept.owner]
        for key in (kept.name, *kept.others):
            self._drop(kept.log, key)

    def _drop(self, log: Log, key: str) -> None:
        task = asyncio.create_task(log.drop(key))
        self._dropping.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._dropped)

    def _dropped(self, task: asyncio.Task[None]) -> None:
        self._dropping.discard(task)
        if not task.cancelled():
            task.exception()  # retention drops what could not be dropped now

    def _finish(self, kept: RetainedStream) -> None:
        kept.held.close()
        is_lost = kept.generation is not None and kept.generation.is_lost
        kept.generation = None
        kept.ends_at = time.monotonic()
        if is_lost or kept.terms == RetentionPolicy():  # somebody else's now, or left to its log
            self._wind(kept, None)
            self._kept.pop(kept.name, None)
        elif kept.terms.life is not None and kept.name in self._kept:
            self._begin_life(kept, kept.terms.life)

    def _begin_life(self, kept: RetainedStream, life: float) -> None:
        if not life and not kept.readers:
            self.forget(kept)
            return
        owned = self._finished.setdefault(kept.owner, {})
        owned[kept.name] = None
        if len(owned) > KEPT_PER_KEY:
            self.forget(self._kept[next(iter(owned))])
        if kept.name in self._kept:
            self._wind(kept, life)

    def _wind(self, kept: RetainedStream, seconds: float | None) -> None:
        """Look again after so many seconds; None: not at all."""
        if kept.timer is not None:
            kept.timer.cancel()
        loop = asyncio.get_running_loop()
        kept.timer = None if seconds is None else loop.call_later(seconds + 0.001, self._expire, kept)

    def _expire(self, kept: RetainedStream) -> None:
        """The time is up; an answer that is being read is left to its last reader."""
        kept.timer = None
        if not kept.readers:
            self.forget(kept)


def parse_keep(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds a client wants its stream kept; None where it does not.

    Raises:
        UsageError: that is no number of seconds.
    """
    text = headers.get(KEEP)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise UsageError("Headwater-Keep is a number of seconds")
    return min(seconds, LONGEST)


def parse_resume(headers: Mapping[str, str]) -> tuple[str, int] | None:
    """Return the stream that a client wants the rest of, and after how many events; None where it wants a new one.

    Raises:
        UsageError: that is no number of events.
    """
    name = headers.get(STREAM)
    if name is None:
        return None
    text = headers.get(AFTER, "0")
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise UsageError("Headwater-After is the number of events that have come")
    return name, int(text)

"""Streams that outlive their connection for a while, so that a client whose line was cut goes on where it was.

A client asks for it with ``Headwater-Keep: <seconds>``; the answer's ``Headwater-Stream`` names the stream. A request
with that name and ``Headwater-After: <events>`` gets the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack

from headwater.errors import UsageError, api_error
from headwater.server.recorder import Generation, Recorder

KEEP = "headwater-keep"
STREAM = "headwater-stream"
AFTER = "headwater-after"
#: No stream is kept longer without a reader, whatever the client asks for (seconds).
LONGEST = 60.0


class Kept:
    """One stream that is kept. ``held`` is what it takes of its key's share, let go at its end."""

    def __init__(self, generation: Generation, who: bytes, seconds: float, held: ExitStack) -> None:
        self.generation = generation
        self.who = who
        self.seconds = seconds
        self.held = held
        self.readers = 0
        self.timer: asyncio.TimerHandle | None = None


class Keeper:
    """Knows the streams that are kept, and ends those that nobody comes back for."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._kept: dict[str, Kept] = {}
        self._dropping: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, generation: Generation, who: bytes, seconds: float, held: ExitStack) -> Kept:
        """Keep a stream from now on."""
        kept = self._kept[generation.key] = Kept(generation, who, seconds, held)
        return kept

    def find(self, key: str, who: bytes) -> Kept:
        """Return the stream of that name.

        Raises:
            APIError: 404, it is not kept (any more), or it is somebody else's.
        """
        kept = self._kept.get(key)
        if kept is None or kept.who != who:
            raise api_error(404, "the stream is not kept any more: ask anew", status="NOT_FOUND")
        return kept

    def enter(self, kept: Kept) -> None:
        """Take note of a reader."""
        kept.readers += 1
        if kept.timer is not None:
            kept.timer.cancel()
            kept.timer = None

    def leave(self, kept: Kept) -> None:
        """Take note that a reader has gone; when it was the last, its time begins to run."""
        kept.readers -= 1
        if kept.readers == 0:
            kept.timer = asyncio.get_running_loop().call_later(kept.seconds, self._drop, kept)

    def _drop(self, kept: Kept) -> None:
        self._kept.pop(kept.generation.key, None)
        kept.generation.cancel()
        kept.held.close()
        task = asyncio.ensure_future(self._recorder.log.drop(kept.generation.key))
        self._dropping.add(task)
        task.add_done_callback(self._dropping.discard)


def keep_asked(headers: Mapping[str, str]) -> float | None:
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


def resume_asked(headers: Mapping[str, str]) -> tuple[str, int] | None:
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

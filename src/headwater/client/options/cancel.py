"""``CancelToken``: one switch that stops any number of streams, from any thread, task or signal handler."""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from typing import Protocol


class Cancellable(Protocol):
    """What can be stopped."""

    def cancel(self, reason: str = "") -> None:
        """Stop, from any thread."""


class CancelToken:
    """Stops every stream that it was given to, those made later too.

    It takes no lock, so that a signal handler may use it. It holds no stream that nobody else has any more.
    """

    def __init__(self) -> None:
        self.reason = ""
        self._is_cancelled = False
        self._streams: dict[int, weakref.ref[Cancellable]] = {}

    @property
    def is_cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._is_cancelled

    def cancel(self, reason: str = "") -> None:
        """Stop all streams at once. May be called any number of times; the first ``reason`` counts."""
        if not self._is_cancelled:
            self.reason = reason
            self._is_cancelled = True  # before the look at the streams: add() does it the other way round
        with ExitStack() as every:  # what the hook of one of them raises leaves no other running
            for stream in [known() for known in list(self._streams.values())]:
                if stream is not None:
                    every.callback(stream.cancel, self.reason)

    def add(self, stream: Cancellable) -> None:
        """Have the token stop ``stream``; at once, where it was cancelled before."""
        key = id(stream)
        self._streams[key] = weakref.ref(stream, lambda _: self._streams.pop(key, None))
        if self._is_cancelled:
            stream.cancel(self.reason)

    def __repr__(self) -> str:
        return f"<CancelToken {'cancelled' if self._is_cancelled else 'open'}, {len(self._streams)} streams>"

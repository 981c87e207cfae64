"""``CancelToken`` cancels any number of streams, from any thread, task or signal handler."""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from typing import Protocol


class Cancellable(Protocol):
    """Something that can be cancelled."""

    def cancel(self, reason: str = "") -> None:
        """Cancel it. May be called from any thread."""


class CancelToken:
    """Cancels every stream that it was passed to, including streams made after ``cancel()``.

    It takes no lock, so that a signal handler may call it: a handler that interrupts the holder of a lock would wait
    for ever. It holds weak references only, and so keeps no stream alive.
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
        """Cancel all streams. May be called any number of times; the first ``reason`` counts."""
        if not self._is_cancelled:
            self.reason = reason
            # Flag first, streams second; add() stores the stream first and reads the flag second. So in any
            # interleaving at least one of the two cancels a stream that is being added.
            self._is_cancelled = True
        with ExitStack() as every:  # an exception in the hook of one stream does not leave the others running
            for stream in [known() for known in list(self._streams.values())]:
                if stream is not None:
                    every.callback(stream.cancel, self.reason)

    def add(self, stream: Cancellable) -> None:
        """Register ``stream``, and cancel it at once if the token is cancelled already."""
        # The callback removes the entry when the stream is collected, and so before its id can be reused.
        key = id(stream)
        self._streams[key] = weakref.ref(stream, lambda _: self._streams.pop(key, None))
        if self._is_cancelled:
            stream.cancel(self.reason)

    def __repr__(self) -> str:
        return f"<CancelToken {'cancelled' if self._is_cancelled else 'open'}, {len(self._streams)} streams>"

"""Limits how often a view is drawn: rarely enough to be cheap, and always once after the last change.

Drawing happens in a thread of its own, for two reasons. The last words must appear even if no further chunk arrives to
trigger a drawing. And Ctrl-C is raised in the main thread, where it could break off a drawing between two escape
sequences; the redraw thread never sees it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: Drawing takes at most one part in this many of the time: a slow drawing is followed by a longer pause.
_SHARE = 5


class Redraw:
    """Draws in a thread on request, at most every ``interval`` seconds.

    Every drawing happens under ``lock``: hold it to change what is drawn.
    """

    def __init__(self, draw: Callable[[], None], interval: float) -> None:
        self._draw = draw
        self._interval = interval
        self._wanted = self._stopped = False
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self.lock = threading.Condition()

    def want(self) -> None:
        """Request a drawing.

        Raises:
            OSError: if an earlier drawing failed.
        """
        with self.lock:
            self._raise_error()
            self._wanted = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="headwater-redraw", daemon=True)
                self._thread.start()
            self.lock.notify()

    def stop(self) -> None:
        """Stop the thread. A drawing that was requested and has not happened is left to the caller.

        Raises:
            OSError: if an earlier drawing failed.
        """
        with self.lock:
            self._stopped = True
            self.lock.notify()
            self._raise_error()

    def _run(self) -> None:
        due = 0.0
        with self.lock:
            while not self._stopped:
                rest = due - time.monotonic() if self._wanted else None
                if rest is None or rest > 0:
                    self.lock.wait(rest)
                    continue
                self._wanted = False
                begun = time.monotonic()
                # The lock is held while drawing, so that what is drawn does not change under it.
                try:
                    self._draw()
                except Exception as error:  # raised in the thread that feeds the view
                    self._error, self._stopped = error, True
                ended = time.monotonic()
                # The pause grows with the drawing: four fifths of the time stay free on a slow machine.
                due = ended + max(self._interval, (_SHARE - 1) * (ended - begun))

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

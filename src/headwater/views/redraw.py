"""How often a view is drawn: seldom enough to cost little, and never so seldom that the last words stay unseen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: Drawing takes at most one part in this many of the time, however long one drawing takes.
_SHARE = 5


class Redraw:
    """Has a thread draw when asked to, but not more often than every ``interval`` seconds.

    A thread, since the last words are to be drawn also while nothing more comes, and since Ctrl-C, which only the main
    thread feels, must not break off a drawing. Every drawing happens under ``lock``: take it to change what is drawn.
    """

    def __init__(self, draw: Callable[[], None], interval: float) -> None:
        self._draw = draw
        self._interval = interval
        self._wanted = self._stopped = False
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self.lock = threading.Condition()

    def want(self) -> None:
        """Draw as soon as it is time.

        Raises:
            OSError: what an earlier drawing failed with.
        """
        with self.lock:
            self._complain()
            self._wanted = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="headwater-redraw", daemon=True)
                self._thread.start()
            self.lock.notify()

    def stop(self) -> None:
        """Draw no more; what was asked for and not drawn is the caller's to draw.

        Raises:
            OSError: what an earlier drawing failed with.
        """
        with self.lock:
            self._stopped = True
            self.lock.notify()
            self._complain()

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
                try:
                    self._draw()
                except Exception as error:  # it belongs to whoever feeds the view
                    self._error, self._stopped = error, True
                ended = time.monotonic()
                due = ended + max(self._interval, (_SHARE - 1) * (ended - begun))

    def _complain(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

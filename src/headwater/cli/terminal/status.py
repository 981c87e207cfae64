"""A line on standard error that says what the program waits for, until something else is written."""

from __future__ import annotations

import os
import shutil
from threading import Event, Lock, Thread
from typing import TextIO

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_FRAMES = "|/-\\"
#: Seconds between two frames, and before the first: an answer that starts at once should not flash a spinner.
_INTERVAL = 0.1
_DELAY = 0.4


class StatusLine:
    """One line that is redrawn at a terminal; elsewhere its first text is written once.

    ``clear`` has to be called before anything else is written.
    """

    def __init__(self, file: TextIO, *, dim: bool) -> None:
        self._file = file
        self._redraws = file.isatty() and os.environ.get("TERM") != "dumb"
        self._dim = dim
        self._is_shown = False
        self._width = 0
        # The spinner draws in a thread of its own. Under the lock, a frame cannot follow the clearing of the line.
        self._lock = Lock()
        self._stop: Event | None = None

    def show(self, text: str) -> None:
        """Show ``text`` in place of what the line says now."""
        self._stop_spinner()
        if self._redraws:
            with self._lock:
                self._draw(text)
        elif not self._is_shown:
            self._is_shown = True
            self._put(f"{text}\n")

    def spin(self, text: str) -> None:
        """Show a spinner and ``text`` until the line is cleared; nothing where lines cannot be redrawn."""
        if not self._redraws or self._stop is not None:
            return
        stop = self._stop = Event()
        Thread(target=self._spin, args=(text, stop), daemon=True).start()

    def clear(self) -> bool:
        """Remove the line; return whether there was one at a terminal."""
        if self._stop is None and not self._is_shown:
            return False
        self._stop_spinner()
        with self._lock:
            was_drawn = self._width > 0
            self._erase()
            self._is_shown = False
        return was_drawn

    def _spin(self, text: str, stop: Event) -> None:
        frames = _FRAMES if (self._file.encoding or "").lower().startswith("utf") else _ASCII_FRAMES
        pause, count = _DELAY, 0
        while not stop.wait(pause):
            with self._lock:
                if not stop.is_set():
                    self._draw(f"{frames[count % len(frames)]} {text}")
            pause, count = _INTERVAL, count + 1

    def _stop_spinner(self) -> None:
        if self._stop is not None:
            self._stop.set()
            self._stop = None

    def _draw(self, text: str) -> None:
        # A line that wraps could not be erased by returning to its beginning.
        text = text[: max(1, shutil.get_terminal_size().columns - 1)]
        padding = " " * (self._width - len(text))
        self._is_shown, self._width = True, len(text)
        self._put(f"\r\x1b[2m{text}\x1b[0m{padding}" if self._dim else f"\r{text}{padding}")

    def _erase(self) -> None:
        # With spaces and not with an escape sequence, which NO_COLOR is expected to keep out. Two more than were drawn:
        # Ctrl-C makes the terminal write "^C" there.
        if self._width:
            self._put("\r" + " " * min(self._width + 2, shutil.get_terminal_size().columns - 1) + "\r")
            self._width = 0

    def _put(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()

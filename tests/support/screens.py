"""Terminals to draw on: what they show is read back from a terminal emulator."""

import io
import itertools
import threading
from typing import Any

import pyte
import pyte.modes
import pytest

import headwater.views.terminal as terminal_module
from headwater.views.terminal import TerminalView


class File(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> Any:
        return True


class Screen:
    """A terminal of some size. ``reflows``: it wraps its lines anew when it becomes narrower."""

    def __init__(self, columns: Any = 60, rows: Any = 20, *, reflows: Any = False) -> None:
        self.file = File()
        self.columns, self.rows, self._reflows = columns, rows, reflows
        self._begin()
        self._read = 0

    def _begin(self) -> None:
        self._screen = pyte.HistoryScreen(self.columns, self.rows, history=100_000)
        self._screen.set_mode(pyte.modes.LNM)  # what a tty driver makes of a line's end
        self._stream = pyte.Stream(self._screen)

    def show(self) -> None:
        """Let the emulator read what has been written."""
        data = self.file.getvalue()
        self._stream.feed(data[self._read :])
        self._read = len(data)

    @property
    def cursor(self) -> Any:
        """Column and row."""
        self.show()
        return self._screen.cursor.x, self._screen.cursor.y

    def lines(self) -> Any:
        """Every line, those that have scrolled away included."""
        self.show()
        gone = [_text(line, self.columns) for line in self._screen.history.top]
        lines = gone + [_text(self._screen.buffer[row], self.columns) for row in range(self.rows)]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def resize(self, columns: Any) -> None:
        """Change the width as terminals do."""
        lines = self.lines()
        if not self._reflows:
            self.columns = columns
            self._screen.resize(columns=columns)
            return
        self.columns = columns
        at_end = self._screen.cursor.x
        self._begin()
        wrapped = [line[start : start + columns] for line in lines for start in range(0, max(1, len(line)), columns)]
        self._stream.feed("\n".join(wrapped) + ("\n" if lines and not at_end else ""))


def _text(line: Any, columns: Any) -> Any:
    return "".join(line[column].data for column in range(columns)).rstrip()


class AtOnce:
    """Draws whenever it is asked to, in the thread that asks."""

    def __init__(self, draw: Any, interval: Any) -> None:
        self._draw = draw
        self.lock = threading.RLock()

    def want(self) -> None:
        self._draw()

    def stop(self) -> None:
        pass


def open_view(monkeypatch: pytest.MonkeyPatch, screen: Any, **options: Any) -> Any:
    """A view on ``screen`` that draws every piece it is fed."""
    monkeypatch.setattr(terminal_module, "size", lambda file: (screen.columns, screen.rows))
    monkeypatch.setattr(terminal_module, "Redraw", AtOnce)
    return TerminalView(screen.file, **options)


def pieces(text: Any, cuts: Any) -> Any:
    """``text`` cut at some places."""
    places = [0, *sorted(cuts), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(places)]

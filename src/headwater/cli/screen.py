"""Where an answer goes: standard output, and notes for people beside it on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, TextIO

from headwater.errors import UsageError
from headwater.views.escape import ControlEscaper, escape_controls

if TYPE_CHECKING:
    from headwater.core.answer.progress import Progress
    from headwater.views.terminal import TerminalView

_NO_RICH = "this needs rich: pip install 'headwater[terminal]'"


class OutputClosed(Exception):
    """Whoever read standard output has seen enough, as ``head`` does."""


class Screen:
    """Standard output and standard error of one run. Every write is flushed.

    With ``markdown`` an answer at a terminal is drawn as Markdown; None leaves it to what the terminal can do.
    """

    def __init__(self, *, markdown: bool | None = False) -> None:
        self._out, self._err = sys.stdout or _nowhere(), sys.stderr or _nowhere()
        for stream in (self._out, self._err):
            _never_fail_to_encode(stream)
        self.shows_answers = self._out.isatty()
        self.shows_notes = self._err.isatty()
        self._open_line = False  # whether the last line of the answer has no end yet
        self._open_thought = False
        self._cleaner = ControlEscaper()
        self._markdown = self.shows_answers and (_draws_by_itself(self._out) if markdown is None else markdown)
        if self._markdown and not has_rich():
            raise UsageError(_NO_RICH)
        if self._markdown:  # loaded while the network is waited for
            Thread(target=import_module, args=("headwater.views.markdown",), daemon=True).start()
        self._view: TerminalView | None = None  # the answer, where it is drawn rather than written
        self._bar: TerminalView | None = None  # the bar, where it does not stand below the answer

    def watch(self, measure: Callable[[], Progress]) -> None:
        """Show a bar at a terminal until the end: below the answer, or on standard error.

        Raises:
            UsageError: rich is not installed.
        """
        if not (self.shows_answers or self.shows_notes) or os.environ.get("TERM") == "dumb":
            return
        if not has_rich():
            raise UsageError(_NO_RICH)
        from headwater.views.progress import footer
        from headwater.views.terminal import TerminalView

        file = self._out if self.shows_answers else self._err
        view = TerminalView(file, markdown=self._markdown, footer=footer(file, measure))
        if self.shows_answers:
            self._view = view
        else:
            self._bar = view

    def moved(self) -> None:
        """Draw the bar again, when it is time; below an answer it is drawn with it."""
        if self._bar is not None:
            self._bar.refresh()

    def text(self, piece: str) -> None:
        """Write a piece of the answer: to a pipe as it is, to a terminal without control characters."""
        if not piece:
            return
        self._end_thought()
        view = self._drawing()
        if view is not None:
            view.feed(piece)
            return
        self._write(self._cleaner.feed(piece) if self.shows_answers else piece)
        self._open_line = not piece.endswith("\n")

    def line(self, data: bytes) -> None:
        """Write one line of JSON."""
        text = data.decode("utf-8", "replace")
        self._write((escape_controls(text) if self.shows_answers else text) + "\n")

    def thought(self, piece: str) -> None:
        """Write a piece of the model's reasoning to standard error."""
        view = self._drawing() if self.shows_notes else None
        if piece and view is not None:
            view.thought(piece)
        elif piece:
            self._end_line_on_terminal()
            self._write_note(piece)
            self._open_thought = not piece.endswith("\n")

    def note(self, text: str) -> None:
        """Write a line beside the answer."""
        self._end_line_on_terminal()
        self._end_thought()
        self._write_note(text + "\n")

    def error(self, text: str) -> None:
        """Write the line that says what went wrong."""
        self._end_line_on_terminal()
        self._end_thought()
        self._err.write(f"headwater: {escape_controls(text) if self.shows_notes else text}\n")
        self._err.flush()

    def end(self, *, always: bool = False) -> None:
        """End the last line of the answer where a person reads it; ``always`` in a pipe, too."""
        self._end_thought()
        self._settle()
        if self._open_line and (always or self.shows_answers):
            self._open_line = False
            self._write("\n")

    def after_interrupt(self) -> None:
        """Begin a new line behind the ``^C`` that the terminal shows."""
        if self._settle(afresh=True):
            return
        stream = self._out if self.shows_answers else self._err
        if stream.isatty():
            stream.write("\n")
            stream.flush()
            self._open_line = self._open_thought = False

    def _drawing(self) -> TerminalView | None:
        """What draws the answer; None where it is written as it comes."""
        if self._view is None and self._markdown:
            from headwater.views.terminal import TerminalView

            self._view = TerminalView(self._out)
        return self._view

    def _settle(self, *, afresh: bool = False) -> bool:
        """Finish what is drawn, so that other lines can be written; return whether anything was."""
        views = [view for view in (self._view, self._bar) if view is not None]
        self._view = self._bar = None
        for view in views:
            view.finish(afresh=afresh)
        return bool(views)

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except BrokenPipeError as error:
            raise OutputClosed from error

    def _end_line_on_terminal(self) -> None:
        if self.shows_notes:
            self._settle()
        if self._open_line and self.shows_answers and self.shows_notes:
            self._open_line = False
            self._write("\n")

    def _end_thought(self) -> None:
        if self._open_thought:
            self._open_thought = False
            self._err.write("\n")
            self._err.flush()

    def _write_note(self, text: str) -> None:
        if self.shows_notes:
            text = escape_controls(text)
        self._err.write(f"\x1b[2m{text}\x1b[0m" if self.shows_notes and _wants_colour() else text)
        self._err.flush()


def forget_output() -> None:
    """Keep Python from flushing into a closed pipe at its end, which would complain."""
    os.dup2(_nowhere().fileno(), sys.stdout.fileno())


@cache
def _nowhere() -> TextIO:
    """What stands for a stream that the caller has closed."""
    return Path(os.devnull).open("w")


def has_rich() -> bool:
    """Return whether Markdown and bars can be drawn."""
    from importlib.util import find_spec

    return find_spec("rich") is not None


def _draws_by_itself(out: TextIO) -> bool:
    """Whether Markdown is drawn without being asked for: not where someone wants no escape sequences."""
    from headwater.views.terminal import can_draw

    return _wants_colour() and can_draw(out)


def _wants_colour() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _never_fail_to_encode(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")

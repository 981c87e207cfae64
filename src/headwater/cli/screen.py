"""The terminal or pipe: answers on standard output, notes for people on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, TextIO

from headwater.cli.terminal.status import StatusLine
from headwater.errors import UsageError
from headwater.extras import missing_package
from headwater.views.escape import ControlEscaper, escape_controls

if TYPE_CHECKING:
    from headwater.core.answer.progress import Progress
    from headwater.views.terminal import TerminalView


class OutputClosed(Exception):
    """The reader of standard output closed it, as ``head`` does."""


class Screen:
    """Standard output and standard error of one run. Every write is flushed.

    ``markdown`` renders Markdown at a terminal; None renders it if the terminal can.
    """

    def __init__(self, *, markdown: bool | None = False) -> None:
        self._out, self._err = sys.stdout or _null_stream(), sys.stderr or _null_stream()
        for stream in (self._out, self._err):
            _replace_unencodable(stream)
        self.shows_answers = self._out.isatty()
        self.shows_notes = self._err.isatty()
        #: Whether the last line of the answer has no newline yet.
        self._open_line = False
        self._open_thought = False
        self._cleaner = ControlEscaper()
        self._status = StatusLine(self._err, dim=self.shows_notes and _wants_color())
        self._markdown = self.shows_answers and (_renders_by_default(self._out) if markdown is None else markdown)
        if self._markdown and not has_rich():
            raise UsageError(missing_package("rich", "terminal"))
        if self._markdown:
            # The import takes about as long as the first byte of an answer, which the main thread waits for meanwhile.
            Thread(target=import_module, args=("headwater.views.markdown",), daemon=True).start()
        #: The answer, if it is rendered, and the progress bar, if it is not below the answer.
        self._view: TerminalView | None = None
        self._bar: TerminalView | None = None

    def show_progress(self, measure: Callable[[], Progress]) -> None:
        """At a terminal, show a progress bar until the end: below the answer, or on standard error.

        Raises:
            UsageError: if rich is not installed.
        """
        if not (self.shows_answers or self.shows_notes) or os.environ.get("TERM") == "dumb":
            return
        if not has_rich():
            raise UsageError(missing_package("rich", "terminal"))
        from headwater.views.progress import footer
        from headwater.views.terminal import TerminalView

        file = self._out if self.shows_answers else self._err
        view = TerminalView(file, markdown=self._markdown, footer=footer(file, measure))
        if self.shows_answers:
            self._view = view
        else:
            self._bar = view

    def refresh_progress(self) -> None:
        """Draw the progress bar if it is due. A bar below the answer is drawn with the answer."""
        if self._bar is not None:
            self._status.clear()
            self._bar.refresh()

    def text(self, piece: str) -> None:
        """Write a piece of the answer: unchanged to a pipe, without control characters to a terminal."""
        if not piece:
            return
        self._status.clear()
        self._end_thought()
        # Three cases: rendered; a terminal, which gets no control characters that a model made up (they could retitle
        # it, or hide text); a pipe, which gets the answer byte for byte.
        view = self._answer_view()
        if view is not None:
            view.feed(piece)
            return
        self._write(self._cleaner.feed(piece) if self.shows_answers else piece)
        self._open_line = not piece.endswith("\n")

    def line(self, data: bytes) -> None:
        """Write one line of JSON."""
        self._status.clear()
        text = data.decode("utf-8", "replace")
        self._write((escape_controls(text) if self.shows_answers else text) + "\n")

    def thought(self, piece: str) -> None:
        """Write a piece of the model's reasoning to standard error."""
        if not piece:
            return
        self._status.clear()
        view = self._answer_view() if self.shows_notes else None
        if view is not None:
            view.thought(piece)
        else:
            self._end_line_on_terminal()
            self._write_note(piece)
            self._open_thought = not piece.endswith("\n")

    def note(self, text: str) -> None:
        """Write a line on standard error."""
        self._status.clear()
        self._end_line_on_terminal()
        self._end_thought()
        self._write_note(text + "\n")

    def status(self, text: str) -> None:
        """Say on standard error what the program waits for. At a terminal, what is written next replaces it."""
        self._end_line_on_terminal()
        self._end_thought()
        self._status.show(escape_controls(text) if self.shows_notes else text)

    def spin(self) -> None:
        """Show at a terminal that the answer is waited for, until anything is written."""
        self._status.spin("waiting")

    def error(self, text: str) -> None:
        """Write an error message on standard error."""
        self._status.clear()
        self._end_line_on_terminal()
        self._end_thought()
        self._err.write(f"headwater: {escape_controls(text) if self.shows_notes else text}\n")
        self._err.flush()

    def end(self, *, always: bool = False) -> None:
        """End the last line of the answer at a terminal; with ``always``, in a pipe too."""
        self._status.clear()
        self._end_thought()
        self._finish_views()
        if self._open_line and (always or self.shows_answers):
            self._open_line = False
            self._write("\n")

    def after_interrupt(self) -> None:
        """Begin a new line after the ``^C`` that the terminal shows."""
        # A ^C behind a status line has gone with it.
        was_waiting = self._status.clear()
        if self._finish_views(afresh=True) or was_waiting:
            return
        stream = self._out if self.shows_answers else self._err
        if stream.isatty():
            stream.write("\n")
            stream.flush()
            self._open_line = self._open_thought = False

    def _answer_view(self) -> TerminalView | None:
        """The view that renders the answer; None if it is written as plain text."""
        if self._view is None and self._markdown:
            from headwater.views.terminal import TerminalView

            self._view = TerminalView(self._out)
        return self._view

    def _finish_views(self, *, afresh: bool = False) -> bool:
        """Finish what is rendered, so that other lines can follow; return whether anything was."""
        views = [view for view in (self._view, self._bar) if view is not None]
        self._view = self._bar = None
        for view in views:
            view.finish(afresh=afresh)
        return bool(views)

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        # The reader has seen enough, which is not an error.
        except BrokenPipeError as error:
            raise OutputClosed from error

    def _end_line_on_terminal(self) -> None:
        # A rendered answer redraws its last lines; a note between would be drawn over.
        if self.shows_notes:
            self._finish_views()
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
        if self.shows_notes and _wants_color():
            line = text.removesuffix("\n")
            text = f"\x1b[2m{line}\x1b[0m{text[len(line) :]}"
        self._err.write(text)
        self._err.flush()


def forget_output() -> None:
    """Redirect standard output, so that Python does not fail to flush a closed pipe at exit."""
    # The file descriptor and not sys.stdout: the buffer of the old object is what would fail.
    os.dup2(_null_stream().fileno(), sys.stdout.fileno())


@cache
def _null_stream() -> TextIO:
    """A stand-in for a standard stream that the caller closed."""
    return Path(os.devnull).open("w")


def has_rich() -> bool:
    """Return whether rich is installed, which renders Markdown and progress bars."""
    from importlib.util import find_spec

    return find_spec("rich") is not None


def _renders_by_default(out: TextIO) -> bool:
    """Whether Markdown is rendered without ``--markdown``: not if escape sequences are unwanted."""
    from headwater.views.terminal import can_draw

    return _wants_color() and can_draw(out)


def _wants_color() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _replace_unencodable(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")

"""Where an answer goes: standard output, and notes for people beside it on standard error."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import TextIO

_HARMLESS = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)}
_HARMLESS |= {0x7F: "\u2421"} | {code: f"\\x{code:02x}" for code in range(0x80, 0xA0)}


def harmless(text: str) -> str:
    """Return ``text`` with its control characters made visible, so that it cannot steer the terminal."""
    return text.replace("\r\n", "\n").translate(_HARMLESS)


class OutputClosed(Exception):
    """Whoever read standard output has seen enough, as ``head`` does."""


class Screen:
    """Standard output and standard error of one run. Every write is flushed."""

    def __init__(self) -> None:
        self._out, self._err = sys.stdout or _nowhere(), sys.stderr or _nowhere()
        for stream in (self._out, self._err):
            _never_fail_to_encode(stream)
        self.shows_answers = self._out.isatty()
        self.shows_notes = self._err.isatty()
        self._open_line = False  # whether the last line of the answer has no end yet
        self._open_thought = False

    def text(self, piece: str) -> None:
        """Write a piece of the answer: to a pipe as it is, to a terminal without control characters."""
        if not piece:
            return
        self._end_thought()
        self._write(harmless(piece) if self.shows_answers else piece)
        self._open_line = not piece.endswith("\n")

    def line(self, data: bytes) -> None:
        """Write one line of JSON."""
        text = data.decode("utf-8", "replace")
        self._write((harmless(text) if self.shows_answers else text) + "\n")

    def thought(self, piece: str) -> None:
        """Write a piece of the model's reasoning to standard error."""
        if piece:
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
        self._err.write(f"headwater: {harmless(text) if self.shows_notes else text}\n")
        self._err.flush()

    def end(self, *, always: bool = False) -> None:
        """End the last line of the answer where a person reads it; ``always`` in a pipe, too."""
        self._end_thought()
        if self._open_line and (always or self.shows_answers):
            self._open_line = False
            self._write("\n")

    def after_interrupt(self) -> None:
        """Begin a new line behind the ``^C`` that the terminal shows."""
        stream = self._out if self.shows_answers else self._err
        if stream.isatty():
            stream.write("\n")
            stream.flush()
            self._open_line = self._open_thought = False

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except BrokenPipeError as error:
            raise OutputClosed from error

    def _end_line_on_terminal(self) -> None:
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
            text = harmless(text)
        self._err.write(f"\x1b[2m{text}\x1b[0m" if self.shows_notes and _wants_colour() else text)
        self._err.flush()


def forget_output() -> None:
    """Keep Python from flushing into a closed pipe at its end, which would complain."""
    os.dup2(_nowhere().fileno(), sys.stdout.fileno())


@cache
def _nowhere() -> TextIO:
    """What stands for a stream that the caller has closed."""
    return Path(os.devnull).open("w")


def _wants_colour() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _never_fail_to_encode(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")

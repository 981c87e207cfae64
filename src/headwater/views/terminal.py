"""An answer in a terminal, its Markdown drawn while it grows: the finished scrolls away, the open end is redrawn."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, TextIO, TypedDict, Unpack

from headwater.views.escape import ControlEscaper
from headwater.views.redraw import Redraw
from headwater.views.region import Region, reflows

if TYPE_CHECKING:
    from headwater.genai import AsyncStream, Stream
    from headwater.types import GenerateContentResponse
    from headwater.views.markdown import Lines

Thoughts = Literal["show", "fold", "hide"]
Footer = Callable[[int], list[str]]
_INTERVAL = 0.05


_RULE = "\n\n---\n\n"


class ViewOptions(TypedDict, total=False):
    """How an answer is shown."""

    markdown: bool
    """Whether Markdown is drawn: else it is where that is possible."""
    thoughts: Thoughts
    """Whether the model's reasoning is shown (dim), folded into a count of its words, or left out."""
    progress: bool
    """Whether a bar stands below the answer while it grows, if ``file`` is a terminal."""


def can_draw(file: TextIO) -> bool:
    """Return whether Markdown can be drawn on ``file``: it is a terminal that knows how, and rich is installed."""
    from importlib.util import find_spec

    return file.isatty() and os.environ.get("TERM") != "dumb" and find_spec("rich") is not None


def size(file: TextIO) -> tuple[int, int]:
    """Return the columns and rows of a terminal; 80 and 24 where it does not say."""
    try:
        columns, rows = os.get_terminal_size(file.fileno())
    except (OSError, ValueError):
        columns, rows = 0, 0
    return columns or 80, rows or 24


def show(stream: Stream, *, file: TextIO | None = None, **options: Unpack[ViewOptions]) -> GenerateContentResponse:
    """Show ``stream`` while it comes and return the whole answer. Without a terminal its plain text is written.

    Raises:
        HeadwaterError: the answer did not come to its end; what had come has been shown.
    """
    with view(stream, file=file, **options) as shown, stream:
        for chunk in stream:
            shown.add(chunk)
    return stream.response


async def ashow(
    stream: AsyncStream, *, file: TextIO | None = None, **options: Unpack[ViewOptions]
) -> GenerateContentResponse:
    """Show ``stream`` while it comes and return the whole answer. Without a terminal its plain text is written.

    Raises:
        HeadwaterError: the answer did not come to its end; what had come has been shown.
    """
    with view(stream, file=file, **options) as shown:
        async with stream:
            async for chunk in stream:
                shown.add(chunk)
    return stream.response


def view(
    stream: Stream | AsyncStream, *, file: TextIO | None = None, **options: Unpack[ViewOptions]
) -> TerminalView | PlainView:
    """Return what shows ``stream`` best on ``file`` (standard output): feed it the chunks, then finish it."""
    out = file or sys.stdout
    drawn = can_draw(out)
    markdown, thoughts = options.get("markdown"), options.get("thoughts", "show")
    bar = drawn and options.get("progress", False)
    if not bar and not (drawn if markdown is None else markdown):
        return PlainView(out, thoughts=thoughts)
    from headwater.views.progress import footer

    below = footer(out, lambda: stream.progress) if bar else None
    return TerminalView(out, markdown=markdown is not False, thoughts=thoughts, footer=below)


class View:
    """What can be fed with an answer, piece by piece, and is finished once."""

    def feed(self, text: str) -> None:
        """Take the next piece of the answer."""
        raise NotImplementedError

    def thought(self, text: str) -> None:
        """Take the next piece of the model's reasoning."""
        raise NotImplementedError

    def finish(self) -> None:
        """Show all that has come and leave the cursor on a line of its own. What is fed later begins anew."""
        raise NotImplementedError

    def add(self, chunk: GenerateContentResponse) -> None:
        """Take the next chunk of an answer; where it begins anew, a rule stands between."""
        if chunk.is_reset:
            self.feed(_RULE)
        if chunk.thought_text:
            self.thought(chunk.thought_text)
        if chunk.text:
            self.feed(chunk.text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()


class PlainView(View):
    """The text as it comes; at a terminal without its control characters. Thoughts are left out of a file or a pipe."""

    def __init__(self, file: TextIO, *, thoughts: Thoughts = "show") -> None:
        self._file = file
        self._cleaner = ControlEscaper() if file.isatty() else None
        self._shows_thoughts = thoughts == "show" and file.isatty()
        self._line_is_open = self._in_thought = False

    def feed(self, text: str) -> None:
        """Write the next piece of the answer."""
        self._write(text, thought=False)

    def thought(self, text: str) -> None:
        """Write the next piece of the model's reasoning, at a terminal."""
        if self._shows_thoughts:
            self._write(text, thought=True)

    def finish(self) -> None:
        """End the last line at a terminal."""
        if self._cleaner is not None:
            self._out(self._cleaner.finish())
            self._out("\n" if self._line_is_open else "")

    def _write(self, text: str, *, thought: bool) -> None:
        if thought != self._in_thought:
            self._out("\n" if self._line_is_open else "")
            self._in_thought = thought
        self._out(self._cleaner.feed(text) if self._cleaner is not None else text)

    def _out(self, text: str) -> None:
        if text:
            self._line_is_open = not text.endswith("\n")
            self._file.write(text)
            self._file.flush()


class TerminalView(View):
    """An answer in a terminal, drawn while it grows, at most twenty times a second.

    Below it stand the lines of ``footer``, if there is one. Needs rich.
    """

    def __init__(
        self,
        file: TextIO,
        *,
        markdown: bool = True,
        thoughts: Thoughts = "show",
        footer: Footer | None = None,
    ) -> None:
        from headwater.views.markdown import Painter

        self._file = file
        self._painter = Painter(file)
        self._markdown = markdown
        self._thoughts = thoughts
        self._footer = footer
        self._region = Region(reflows=reflows())
        self._begin()

    def feed(self, text: str) -> None:
        """Take the next piece of the answer."""
        self._take(text, kind="text")

    def thought(self, text: str) -> None:
        """Take the next piece of the model's reasoning: dim, counted or left out."""
        if self._thoughts != "hide":
            self._take(text, kind="thought")

    def refresh(self) -> None:
        """Draw what has changed by itself: the footer."""
        self._redraw.want()

    def finish(self, *, keep_footer: bool = False, afresh: bool = False) -> None:
        """Draw all that has come, without the footer if it is not to stay, and leave the cursor on its own line.

        ``afresh`` draws the last line again, where something else may have written behind it.
        """
        with self._redraw.lock:
            self._redraw.stop()
            self._close_section()
            if keep_footer and self._footer is not None:
                self._add(self._footer(self._width()))
            self._write(self._done, [], afresh=afresh)
            self._file.write(self._region.end())
            self._file.flush()
            self._begin()

    def _begin(self) -> None:
        self._redraw = Redraw(self._draw, _INTERVAL)
        self._kind = ""
        self._lines: Lines | None = None
        self._cleaner = ControlEscaper()
        self._done: list[str] = []  # finished and not drawn yet
        self._has_lines = False  # whether anything has been shown since the beginning

    def _take(self, text: str, *, kind: str) -> None:
        with self._redraw.lock:
            if kind != self._kind:
                self._close_section()
                self._open_section(kind)
            assert self._lines is not None
            self._lines.feed(self._cleaner.feed(text))
            self._redraw.want()

    def _open_section(self, kind: str) -> None:
        from headwater.views.markdown import FoldedLines, MarkdownLines, PlainLines

        self._kind = kind
        style = "dim" if kind == "thought" else "none"
        if kind == "thought" and self._thoughts == "fold":
            self._lines = FoldedLines(self._painter)
        else:
            self._lines = (MarkdownLines if self._markdown else PlainLines)(self._painter, style=style)
        if self._has_lines:
            self._done.append("")

    def _close_section(self) -> None:
        if self._lines is not None:
            self._lines.feed(self._cleaner.finish())
            self._add(self._lines.finish(self._width()))
            self._lines, self._kind = None, ""

    def _add(self, lines: list[str]) -> None:
        self._done += lines
        self._has_lines = self._has_lines or bool(lines)

    def _draw(self) -> None:
        width = self._width()
        tail: list[str] = []
        if self._lines is not None:
            self._add(self._lines.done(width))
            tail = self._lines.open(width)
        self._write(self._done, [*tail, *(self._footer(width) if self._footer else ())])
        self._done = []

    def _width(self) -> int:
        """One column is left free: in the last one terminals differ about where the cursor is."""
        return max(1, size(self._file)[0] - 1)

    def _write(self, done: list[str], tail: list[str], *, afresh: bool = False) -> None:
        columns, rows = size(self._file)
        out = self._region.frame(done, tail, width=columns, height=rows, afresh=afresh)
        if out:
            self._file.write(out)
            self._file.flush()

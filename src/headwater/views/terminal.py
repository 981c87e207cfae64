"""An answer in a terminal: finished Markdown blocks scroll away, the open end is redrawn while it grows."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TextIO, TypedDict, TypeVar, Unpack

from headwater.views.escape import ControlEscaper
from headwater.views.redraw import Redraw
from headwater.views.region import Region, reflows

if TYPE_CHECKING:
    from headwater.client.stream.aio import AsyncAnswerStream
    from headwater.client.stream.sync import AnswerStream
    from headwater.types import GenerateContentResponse
    from headwater.views.markdown import Lines

A = TypeVar("A")
Thoughts = Literal["show", "fold", "hide"]
Footer = Callable[[int], list[str]]
_INTERVAL = 0.05
#: Between an answer that was restarted and the one that replaces it.
_RULE = "\n\n---\n\n"


class ViewOptions(TypedDict, total=False):
    """How an answer is shown."""

    markdown: bool
    """Whether to draw Markdown. By default it is drawn if ``file`` is a terminal and rich is installed."""
    thoughts: Thoughts
    """Whether to show the model's thoughts (dim), fold them into a word count, or hide them."""
    progress: bool
    """Whether to show a progress bar below the growing answer, if ``file`` is a terminal."""


def can_draw(file: TextIO) -> bool:
    """Return whether Markdown can be drawn on ``file``: a capable terminal, and rich is installed."""
    from importlib.util import find_spec

    return file.isatty() and os.environ.get("TERM") != "dumb" and find_spec("rich") is not None


def size(file: TextIO) -> tuple[int, int]:
    """Return the columns and rows of a terminal; 80 and 24 if unknown."""
    try:
        columns, rows = os.get_terminal_size(file.fileno())
    except (OSError, ValueError):
        columns, rows = 0, 0
    return columns or 80, rows or 24


def show(stream: AnswerStream[Any, A], *, file: TextIO | None = None, **options: Unpack[ViewOptions]) -> A:
    """Show ``stream`` while it arrives and return the whole answer. Without a terminal its plain text is written.

    Raises:
        HeadwaterError: if the answer did not come to its end; what arrived has been shown.
    """
    # The view is left last: it draws the final state also when the stream raises.
    with view(stream, file=file, **options) as shown, stream:
        for chunk in stream:
            shown.add(stream.as_chunk(chunk))
    return stream.response


async def ashow(stream: AsyncAnswerStream[Any, A], *, file: TextIO | None = None, **options: Unpack[ViewOptions]) -> A:
    """Show ``stream`` while it arrives and return the whole answer. Without a terminal its plain text is written.

    Raises:
        HeadwaterError: if the answer did not come to its end; what arrived has been shown.
    """
    with view(stream, file=file, **options) as shown:
        async with stream:
            async for chunk in stream:
                shown.add(stream.as_chunk(chunk))
    return stream.response


def view(
    stream: AnswerStream[Any, Any] | AsyncAnswerStream[Any, Any],
    *,
    file: TextIO | None = None,
    **options: Unpack[ViewOptions],
) -> TerminalView | PlainView:
    """Return the best view of ``stream`` on ``file`` (standard output). Add the chunks to it, then finish it."""
    # rich is looked for, not imported: plain text needs nothing.
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
    """A view of an answer. It is fed in pieces, and finished once."""

    def feed(self, text: str) -> None:
        """Add text of the answer."""
        raise NotImplementedError

    def thought(self, text: str) -> None:
        """Add text of the model's thoughts."""
        raise NotImplementedError

    def finish(self) -> None:
        """Show everything and leave the cursor on a line of its own. The view can then be used for another answer."""
        raise NotImplementedError

    def add(self, chunk: GenerateContentResponse) -> None:
        """Add a chunk of an answer; a restarted answer begins below a rule."""
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
    """Plain text. At a terminal control characters are escaped; in a file or pipe thoughts are left out."""

    def __init__(self, file: TextIO, *, thoughts: Thoughts = "show") -> None:
        self._file = file
        self._cleaner = ControlEscaper() if file.isatty() else None
        self._shows_thoughts = thoughts == "show" and file.isatty()
        self._line_is_open = self._in_thought = False

    def feed(self, text: str) -> None:
        """Write text of the answer."""
        self._write(text, thought=False)

    def thought(self, text: str) -> None:
        """Write text of the model's thoughts, at a terminal only."""
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
    """An answer in a terminal, drawn while it grows, at most twenty times a second. Needs rich.

    ``footer`` returns lines to show below it.
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
        """Add text of the answer."""
        self._take(text, kind="text")

    def thought(self, text: str) -> None:
        """Add text of the model's thoughts: shown dim, counted, or left out."""
        if self._thoughts != "hide":
            self._take(text, kind="thought")

    def refresh(self) -> None:
        """Redraw, because the footer has changed."""
        self._redraw.want()

    def finish(self, *, keep_footer: bool = False, afresh: bool = False) -> None:
        """Draw the final state, with or without the footer, and leave the cursor on a line of its own.

        ``afresh`` redraws the last line, for when something else may have written behind it.
        """
        # Under the lock from stop to the last byte: a drawing of the thread cannot come in between.
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
        self._done: list[str] = []  # finished lines, not drawn yet
        self._has_lines = False  # whether anything has been drawn

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
        # A change between thoughts and answer closes one section and opens the next, below an empty line.
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
        """Return the width to draw in. The last column stays free: terminals differ about the cursor behind it."""
        return max(1, size(self._file)[0] - 1)

    def _write(self, done: list[str], tail: list[str], *, afresh: bool = False) -> None:
        columns, rows = size(self._file)
        out = self._region.frame(done, tail, width=columns, height=rows, afresh=afresh)
        if out:
            self._file.write(out)
            self._file.flush()

"""Progress bars: a line in a terminal, a widget in a notebook."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, Protocol, TextIO, TypeVar

from headwater.views.progress import footer
from headwater.views.terminal import TerminalView, can_draw

if TYPE_CHECKING:
    from headwater.core.answer.progress import Progress
    from headwater.genai import AsyncStream, Stream
    from headwater.types import GenerateContentResponse

S = TypeVar("S", "Stream", "AsyncStream")


def progress_bar(stream: S, *, file: TextIO | None = None) -> ProgressBar[S]:
    """Return an iterable of the chunks of ``stream`` that shows a progress bar while it is iterated over.

    The bar goes toward the stream's ``target_words``, else toward ``max_output_tokens``; with neither, only the amounts
    are shown. It is a widget in a notebook, a line on ``file`` (standard error) if that is a terminal, and nothing
    elsewhere.
    """
    return ProgressBar(stream, make_bar(file or sys.stderr))


class Bar(Protocol):
    """Shows progress. ``measure`` is called for each drawing."""

    def begin(self, measure: Callable[[], Progress]) -> None:
        """Show the empty bar."""

    def refresh(self) -> None:
        """Redraw the bar when it is due."""

    def finish(self) -> None:
        """Show the final state."""


class ProgressBar(Generic[S]):
    """The chunks of a stream, with a bar. Lives as long as one loop."""

    def __init__(self, stream: S, bar: Bar) -> None:
        self.stream: S = stream
        self._bar = bar

    def __iter__(self: ProgressBar[Stream]) -> Iterator[GenerateContentResponse]:
        # The bar is finished in ``finally``: also when the loop is left early, and the generator closed.
        with self._displayed():
            for chunk in self.stream:
                self._bar.refresh()
                yield chunk

    async def __aiter__(self: ProgressBar[AsyncStream]) -> AsyncIterator[GenerateContentResponse]:
        with self._displayed():
            async for chunk in self.stream:
                self._bar.refresh()
                yield chunk

    @contextmanager
    def _displayed(self) -> Iterator[None]:
        self._bar.begin(lambda: self.stream.progress)
        try:
            yield
        finally:
            self._bar.finish()


def make_bar(file: TextIO) -> Bar:
    """Return the bar for a notebook, a terminal, or neither."""
    if in_notebook():
        from headwater.views.notebook import NotebookBar

        return NotebookBar()
    return TerminalBar(file) if can_draw(file) else NoBar()


def in_notebook() -> bool:
    """Return whether the program runs in the kernel of a notebook. Does not import IPython."""
    # A kernel has IPython loaded; a terminal session of IPython has no ``kernel``.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class NoBar:
    """A bar where none can be shown."""

    def begin(self, measure: Callable[[], Progress]) -> None:
        """Do nothing."""

    def refresh(self) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


class TerminalBar:
    """A bar in a terminal; its final state stays."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def begin(self, measure: Callable[[], Progress]) -> None:
        """Show the empty bar."""
        self._view = TerminalView(self._file, footer=footer(self._file, measure))
        self._view.refresh()

    def refresh(self) -> None:
        """Redraw the bar when it is due."""
        self._view.refresh()

    def finish(self) -> None:
        """Show the final state, which stays."""
        self._view.finish(keep_footer=True)

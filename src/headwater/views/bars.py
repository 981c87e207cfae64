"""How far an answer has come: a bar in a terminal, a widget in a notebook."""

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
    """Return the chunks of ``stream``, to be iterated over in its place, with a bar that shows how far it has come.

    The bar goes toward the stream's ``target_words``, else toward ``max_output_tokens``; with neither of them the
    amounts are shown without a bar. It stands in a notebook as a widget, else on ``file`` (standard error) if that is a
    terminal; elsewhere there is none.
    """
    return ProgressBar(stream, make_bar(file or sys.stderr))


class Bar(Protocol):
    """What shows progress. ``measure`` is called whenever it is drawn."""

    def begin(self, measure: Callable[[], Progress]) -> None:
        """Get ready."""

    def refresh(self) -> None:
        """Something has come."""

    def finish(self) -> None:
        """The answer is over: show the last state."""


class ProgressBar(Generic[S]):
    """The chunks of a stream, with a bar beside them. Lives as long as one loop."""

    def __init__(self, stream: S, bar: Bar) -> None:
        self.stream: S = stream
        self._bar = bar

    def __iter__(self: ProgressBar[Stream]) -> Iterator[GenerateContentResponse]:
        with self._shown():
            for chunk in self.stream:
                self._bar.refresh()
                yield chunk

    async def __aiter__(self: ProgressBar[AsyncStream]) -> AsyncIterator[GenerateContentResponse]:
        with self._shown():
            async for chunk in self.stream:
                self._bar.refresh()
                yield chunk

    @contextmanager
    def _shown(self) -> Iterator[None]:
        self._bar.begin(lambda: self.stream.progress)
        try:
            yield
        finally:
            self._bar.finish()


def make_bar(file: TextIO) -> Bar:
    """Return the bar that suits the place: a notebook, a terminal, or neither."""
    if in_notebook():
        from headwater.views.notebook import NotebookBar

        return NotebookBar()
    return TerminalBar(file) if can_draw(file) else NoBar()


def in_notebook() -> bool:
    """Return whether this is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class NoBar:
    """A bar for places that cannot show one."""

    def begin(self, measure: Callable[[], Progress]) -> None:
        """Do nothing."""

    def refresh(self) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


class TerminalBar:
    """A bar in a terminal; its last state stays."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def begin(self, measure: Callable[[], Progress]) -> None:
        """Draw the empty bar."""
        self._view = TerminalView(self._file, footer=footer(self._file, measure))
        self._view.refresh()

    def refresh(self) -> None:
        """Draw the bar again, when it is time."""
        self._view.refresh()

    def finish(self) -> None:
        """Leave the bar as it is at the end."""
        self._view.finish(keep_footer=True)

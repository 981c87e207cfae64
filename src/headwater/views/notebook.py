"""An answer in a notebook: its Markdown grows in place, with a button that stops it."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, overload

from headwater.views.escape import ControlEscaper
from headwater.views.html import as_html
from headwater.views.progress import caption
from headwater.views.redraw import Redraw
from headwater.views.terminal import Thoughts

if TYPE_CHECKING:
    from headwater.client.stream.aio import AsyncAnswerStream
    from headwater.client.stream.sync import AnswerStream
    from headwater.core.answer.progress import Progress
    from headwater.types import GenerateContentResponse

A = TypeVar("A")
_INTERVAL = 0.1
#: In characters. A longer output is left as it is at the next end of a block, and another one begins below it.
_OUTPUT_SIZE = 8_000


@overload
def display(
    stream: AsyncAnswerStream[Any, A], *, thoughts: Thoughts = ..., progress: bool = ..., button: bool = ...
) -> Coroutine[Any, Any, A]: ...
@overload
def display(
    stream: AnswerStream[Any, A], *, thoughts: Thoughts = ..., progress: bool = ..., button: bool = ...
) -> A: ...
def display(
    stream: AnswerStream[Any, A] | AsyncAnswerStream[Any, A],
    *,
    thoughts: Thoughts = "fold",
    progress: bool = False,
    button: bool = True,
) -> Any:
    """Show ``stream`` below the cell while it arrives and return the whole answer; ``await`` it for an async stream.

    The button stops the answer; so does interrupting the kernel. What arrived stays. HTML in the answer is shown as
    text. ``progress`` adds a bar. The button needs ipywidgets and a front end that handles widget events while a cell
    runs (JupyterLab 4.4 or later with ipykernel 7); elsewhere use ``display_in_background``.

    Raises:
        HeadwaterError: if the answer did not come to its end; what arrived has been shown.
    """
    from headwater.client.stream.aio import AsyncAnswerStream

    bar = NotebookBar() if progress else None
    if bar is not None:
        bar.begin(lambda: stream.progress)
    view = NotebookView(thoughts=thoughts, stop=stream.cancel if button else None, bar=bar)
    return _show_async(stream, view) if isinstance(stream, AsyncAnswerStream) else _show(stream, view)


def display_in_background(stream: AnswerStream[Any, A], *, thoughts: Thoughts = "fold") -> threading.Thread:
    """Show ``stream`` from a thread while other cells run; return the thread, which ends with the answer.

    An error is shown below the answer; ``stream.ending`` has it, too.
    """
    view = NotebookView(
        thoughts=thoughts, stop=stream.cancel, splits=False
    )  # a second output would appear below the latest cell

    def run() -> None:
        from headwater.errors import HeadwaterError

        try:
            _show(stream, view)
        except HeadwaterError as error:
            view.say(error.summary)

    thread = threading.Thread(target=run, name="headwater-display", daemon=True)
    thread.start()
    return thread


def _show(stream: AnswerStream[Any, A], view: NotebookView) -> A:
    try:
        with stream:
            for chunk in stream:
                view.add(stream.as_chunk(chunk))
    finally:
        view.finish()
    return stream.response


async def _show_async(stream: AsyncAnswerStream[Any, A], view: NotebookView) -> A:
    try:
        async with stream:
            async for chunk in stream:
                view.add(stream.as_chunk(chunk))
    finally:
        view.finish()
    return stream.response


class NotebookView:
    """An answer below a cell, drawn at most ten times a second. ``stop`` is what the button calls.

    With ``splits`` a long answer is split into several outputs, so that the cost of a redraw stays bounded. ``bar`` is
    redrawn with the answer.
    """

    def __init__(
        self,
        *,
        thoughts: Thoughts = "fold",
        stop: Callable[[], object] | None = None,
        splits: bool = True,
        bar: NotebookBar | None = None,
    ) -> None:
        # Text is collected in lists and joined when it is drawn, not for every chunk.
        self._thoughts = thoughts
        self._thought_pieces: list[str] = []
        self._pieces: list[str] = []
        self._cleaner = ControlEscaper()
        self._splits = splits
        self._bar = bar
        self._button = _make_button(stop) if stop is not None else None
        self._output = _Output()
        # Created here, in the thread of the cell: an output belongs to the cell whose thread creates it.
        self._output.show("", "")
        self._redraw = Redraw(self._draw, _INTERVAL)

    def add(self, chunk: GenerateContentResponse) -> None:
        """Add a chunk of the answer."""
        with self._redraw.lock:
            if self._thoughts != "hide" and chunk.thought_text:
                self._thought_pieces.append(chunk.thought_text)
            self._pieces.append(self._cleaner.feed(chunk.text))
            self._redraw.want()
        if self._bar is not None:
            self._bar.refresh()

    def finish(self) -> None:
        """Draw the final state and remove the button."""
        with self._redraw.lock:
            self._redraw.stop()
            self._pieces.append(self._cleaner.finish())
            self._draw()
        if self._bar is not None:
            self._bar.finish()
        if self._button is not None:
            button, handle = self._button
            handle.update({"text/plain": ""}, raw=True)  # so that the saved notebook has no dead button
            button.close()

    def say(self, text: str) -> None:
        """Show a line below the answer."""
        _Output().show(f"<em>{html.escape(text)}</em>", text)

    def _draw(self) -> None:
        # Each update sends the whole output to the browser, so a long answer is split into bounded ones.
        text = "".join(self._pieces)
        whole = _last_end_of_block(text) if self._splits and len(text) > _OUTPUT_SIZE else 0
        if whole:
            self._show(text[:whole])
            self._output, self._thought_pieces, text = _Output(), [], text[whole:]
        self._pieces = [text]
        self._show(text)

    def _show(self, text: str) -> None:
        thought = "".join(self._thought_pieces)
        if thought or text:
            self._output.show(self._folded(thought) + as_html(text), text)

    def _folded(self, thought: str) -> str:
        if not thought:
            return ""
        is_open = " open" if self._thoughts == "show" else ""
        return f'<details{is_open} style="opacity:.6"><summary>thoughts</summary>{as_html(thought)}</details>'


def _last_end_of_block(text: str) -> int:
    """Return where the open end of ``text`` begins; 0 if it is all one block."""
    from headwater.views.blocks import Blocks

    blocks = Blocks(cut=False)
    blocks.feed(text)
    blocks.finished()
    return len(text) - len(blocks.text)


class _Output:
    """One output of a cell: shown once, then updated in place."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._last: str | None = None

    def show(self, page: str, text: str) -> None:
        """Show ``page``, or ``text`` where HTML cannot be shown."""
        if page == self._last:
            return
        self._last = page
        bundle = {"text/html": page, "text/plain": text}
        if self._handle is None:
            self._handle = _ipython().DisplayHandle()
            self._handle.display(bundle, raw=True)
        else:
            self._handle.update(bundle, raw=True)


def _make_button(stop: Callable[[], object]) -> tuple[Any, Any] | None:
    """Return a button above the answer and the handle of its output; None without ipywidgets."""
    widgets = _ipywidgets()
    if widgets is None:
        return None
    button = widgets.Button(description="Stop", icon="stop", tooltip="Stop this answer")

    def pressed(button: Any) -> None:
        button.disabled = True
        stop()

    button.on_click(pressed)
    return button, _ipython().display(button, display_id=True)


class NotebookBar:
    """A bar below a cell: a widget, or a line of text without ipywidgets. Its final state stays."""

    def begin(self, measure: Callable[[], Progress]) -> None:
        """Show the empty bar."""
        self._measure = measure
        self._widget = _make_progress_widget()
        self._output = _Output()
        self._redraw = Redraw(self._draw, _INTERVAL)

    def refresh(self) -> None:
        """Redraw the bar when it is due."""
        self._redraw.want()

    def finish(self) -> None:
        """Show the final state, which stays."""
        with self._redraw.lock:
            self._redraw.stop()
            self._draw()

    def _draw(self) -> None:
        progress = self._measure()
        words = caption(progress)
        percent = "" if progress.percent is None else f"{progress.percent}%, "
        if self._widget is None:
            self._output.show(html.escape(percent + words), percent + words)
            return
        bar, label = self._widget
        bar.value, label.value = progress.fraction or 0.0, percent + words


def _make_progress_widget() -> tuple[Any, Any] | None:
    widgets = _ipywidgets()
    if widgets is None:
        return None
    bar, label = widgets.FloatProgress(min=0.0, max=1.0), widgets.Label()
    _ipython().display(widgets.HBox([bar, label]))
    return bar, label


def _ipython() -> Any:
    return import_module("IPython.display")


def _ipywidgets() -> Any:
    """Return ipywidgets, or None if it is not installed."""
    try:
        return import_module("ipywidgets")
    except ModuleNotFoundError:
        return None

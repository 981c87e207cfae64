"""``show`` and ``ashow``: an answer in the notebook or terminal that the program runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO, TypeVar, Unpack

from headwater.views import terminal
from headwater.views.bars import in_notebook
from headwater.views.terminal import ViewOptions

if TYPE_CHECKING:
    from headwater.client.stream.aio import AsyncAnswerStream
    from headwater.client.stream.sync import AnswerStream

A = TypeVar("A")
_NOTEBOOK_OPTIONS = ("thoughts", "progress", "button")


class ShowOptions(ViewOptions, total=False):
    """How ``show`` shows an answer."""

    button: bool
    """In a notebook: whether a button above the answer stops it (default True)."""


def show(stream: AnswerStream[Any, A], *, file: TextIO | None = None, **options: Unpack[ShowOptions]) -> A:
    """Show ``stream`` while it arrives and return the whole answer.

    In a notebook the Markdown grows below the cell (see ``display``). In a terminal it is drawn in place. Elsewhere,
    with ``markdown=False``, or to a ``file`` that is not a terminal, the plain text is written.

    Raises:
        HeadwaterError: if the answer did not come to its end; what arrived has been shown.
    """
    if _wants_notebook(file, options):
        from headwater.views.notebook import display

        return display(stream, **_only(options, _NOTEBOOK_OPTIONS))
    return terminal.show(stream, file=file, **_only(options, ViewOptions.__optional_keys__))


async def ashow(stream: AsyncAnswerStream[Any, A], *, file: TextIO | None = None, **options: Unpack[ShowOptions]) -> A:
    """Show an async ``stream`` while it arrives and return the whole answer. See ``show``."""
    if _wants_notebook(file, options):
        from headwater.views.notebook import display

        return await display(stream, **_only(options, _NOTEBOOK_OPTIONS))
    return await terminal.ashow(stream, file=file, **_only(options, ViewOptions.__optional_keys__))


def _wants_notebook(file: TextIO | None, options: ShowOptions) -> bool:
    return file is None and options.get("markdown") is not False and in_notebook()


def _only(options: ShowOptions, names: Any) -> Any:
    return {name: value for name, value in options.items() if name in names}

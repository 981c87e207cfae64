"""Views for people: an answer as it grows, in a terminal or a notebook, and bars for its progress."""

from typing import TYPE_CHECKING

from headwater.lazy import lazy_names

if TYPE_CHECKING:
    from headwater.views.bars import ProgressBar, progress_bar
    from headwater.views.dispatch import ashow, show
    from headwater.views.notebook import NotebookView, display, display_in_background
    from headwater.views.terminal import PlainView, TerminalView, View, ViewOptions, view
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "ProgressBar": "bars",
            "progress_bar": "bars",
            "ashow": "dispatch",
            "show": "dispatch",
            "NotebookView": "notebook",
            "display": "notebook",
            "display_in_background": "notebook",
            "PlainView": "terminal",
            "TerminalView": "terminal",
            "View": "terminal",
            "ViewOptions": "terminal",
            "view": "terminal",
        },
    )

__all__ = [
    "NotebookView",
    "PlainView",
    "ProgressBar",
    "TerminalView",
    "View",
    "ViewOptions",
    "ashow",
    "display",
    "display_in_background",
    "progress_bar",
    "show",
    "view",
]

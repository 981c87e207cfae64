"""Progress as text and as a line of a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headwater.core.answer.progress import Progress


def footer(file: TextIO, measure: Callable[[], Progress]) -> Callable[[int], list[str]]:
    """Return a function that draws the bar as the last line of a terminal of a given width."""
    from headwater.views.markdown import Painter

    painter = Painter(file)
    return lambda width: painter.lines(_line(measure(), width), width)[:1]


def caption(progress: Progress) -> str:
    """Return the text beside a bar: amounts, speed and remaining time."""
    about = "~" if progress.is_estimate else ""
    parts = [f"{progress.words} words", f"{about}{progress.tokens} tokens"]
    if progress.tokens_per_second:
        parts.append(f"{progress.tokens_per_second:.0f} tokens/s")
    if progress.eta:
        parts.append(f"{_duration(progress.eta)} left")
    return ", ".join(parts)


def _line(progress: Progress, width: int) -> RenderableType:
    from rich.progress_bar import ProgressBar as Drawing
    from rich.table import Table
    from rich.text import Text

    # In a narrow window the text is worth more than a bar of three cells.
    words = Text(caption(progress), no_wrap=True, overflow="ellipsis")
    if progress.fraction is None or width < 20:
        return words
    grid = Table.grid(padding=(0, 1))
    percent = Text(f"{progress.percent:3}%")
    grid.add_row(Drawing(total=1.0, completed=progress.fraction, width=max(4, min(30, width // 3))), percent, words)
    return grid


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60} min {whole % 60:02} s"

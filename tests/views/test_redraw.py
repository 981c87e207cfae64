"""How often a view is drawn."""

import threading

import pytest

from headwater.views.redraw import Redraw


def test_what_was_asked_for_last_is_drawn() -> None:
    """Drawings asked for at once are few, and one of them comes after the last request."""
    state, seen, drawn = 0, [], threading.Event()

    def draw() -> None:
        seen.append(state)
        if state == 100:
            drawn.set()

    redraw = Redraw(draw, 0.02)
    for number in range(1, 101):
        with redraw.lock:
            state = number
            redraw.want()
    assert drawn.wait(10)
    assert len(seen) <= 3
    redraw.stop()


def test_what_a_drawing_raises_is_raised_to_who_feeds_it() -> None:
    """An error in the thread is raised by the next request or by the end."""
    failed = threading.Event()

    def draw() -> None:
        failed.set()
        raise OSError("the terminal is gone")

    redraw = Redraw(draw, 0.0)
    redraw.want()
    assert failed.wait(10)
    with pytest.raises(OSError, match="gone"):
        redraw.stop()

"""The redrawn lines at the bottom of a terminal: any sequence of frames leaves what was drawn last, once."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.views.region import Region, reflows
from tests.support.screens import Screen

lines = st.lists(st.text("ab ", max_size=9).map(str.rstrip), max_size=4)


@given(st.lists(st.tuples(lines, lines, st.booleans()), max_size=8))
@settings(max_examples=150)
def test_frames(frames: Any) -> None:
    """The finished lines of all frames stand there once, in order, and below them the tail of the last one."""
    screen, region, finished = Screen(12, 6), Region(), []
    for done, tail, afresh in frames:
        screen.file.write(region.frame(done, tail, width=12, height=6, afresh=afresh))
        finished += done
        shown = [*finished, *tail[-5:]]
        while shown and not shown[-1]:
            shown.pop()
        assert screen.lines() == shown
    screen.file.write(region.end())
    assert screen.cursor[0] == 0


def test_which_terminals_reflow() -> None:
    """Most do; xterm, screen and the console of Linux cut what is too long."""
    assert reflows({"TERM": "xterm-256color"})
    assert not reflows({"TERM": "xterm-256color", "XTERM_VERSION": "XTerm(390)"})
    assert not reflows({"TERM": "linux"})
    assert not reflows({"TERM": "screen", "STY": "1234.pts"})

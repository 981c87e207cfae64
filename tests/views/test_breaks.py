"""Single line breaks are kept, as chat interfaces do; code, tables and lists are what they were."""

from __future__ import annotations

import io
import re

import pytest

from headwater.views.html import as_html
from headwater.views.markdown import MarkdownLines, Painter

_POEM = "With rivers I will stand my ground,\nFor *what* was lost\ncan still be found."
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def _drawn(text: str, size: int, width: int = 60) -> list[str]:
    """The lines of a terminal that gets ``text`` in pieces."""
    lines = MarkdownLines(Painter(io.StringIO()))
    found: list[str] = []
    for start in range(0, len(text), size):
        lines.feed(text[start : start + size])
        lines.open(width)
        found += lines.done(width)
    return [_ESCAPES.sub("", line).rstrip() for line in found + lines.finish(width)]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_terminal_keeps_the_lines_of_a_poem(size: int) -> None:
    """However the text is cut; a paragraph is one still, and long lines wrap."""
    assert _drawn(f"{_POEM}\n\nThe end.", size) == [
        "With rivers I will stand my ground,",
        "For what was lost",
        "can still be found.",
        "",
        "The end.",
    ]
    assert _drawn("a long line that wraps\nshort", size, 12) == ["a long line", "that wraps", "short"]


@pytest.mark.parametrize("size", [1, 1000])
def test_a_terminal_keeps_code_tables_and_lists(size: int) -> None:
    """No line is added to them; a break inside an item is one."""
    assert _drawn("```\na = 1\n\nb = 2\n```", size) == ["a = 1", "", "b = 2"]
    assert [line.strip() for line in _drawn("- one\n  more\n- two", size)] == ["• one", "more", "• two"]
    table = [line.split() for line in _drawn("| x | y |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |", size) if line.strip(" ─━")]
    assert table == [["x", "y"], ["1", "2"], ["3", "4"]]


def test_html_keeps_the_lines_of_a_poem() -> None:
    """In a notebook each line ends with ``<br />``."""
    assert as_html(_POEM) == (
        "<p>With rivers I will stand my ground,<br />\nFor <em>what</em> was lost<br />\ncan still be found.</p>\n"
    )


def test_html_keeps_code_tables_and_lists() -> None:
    """Those have no breaks of their own."""
    text = (
        "```\na\nb\n```\n\n- one\n- two\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\nA line with a hard break  \nand the rest."
    )
    assert as_html(text).count("<br />") == 1

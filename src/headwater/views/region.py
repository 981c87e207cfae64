"""The lowest lines of a terminal, which are redrawn, and the finished lines that scroll away above them.

``Region`` computes escape sequences and writes nothing. It never addresses rows of the screen, since it cannot know
where the screen begins: it moves up from the cursor by the rows that its last frame took, and rewrites from there.
What has scrolled off the top cannot be reached any more, so a frame moves up by at most the height of the window.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

#: Synchronized output: terminals that know it show everything in between at once; the others ignore it.
_SYNC_BEGIN, _SYNC_END = "\x1b[?2026h", "\x1b[?2026l"
_ERASE_LINE, _ERASE_BELOW = "\x1b[K", "\x1b[J"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Region:
    """Computes what to write so that a terminal shows new lines. Between frames the cursor is behind the last line.

    Every line is narrower than the terminal, and has no control characters except styles that end within it.
    """

    def __init__(self, *, reflows: bool = True) -> None:
        self._reflows = reflows
        self._drawn: list[str] = []
        self._width = 0
        self._behind_done = False

    def frame(self, done: Sequence[str], tail: Sequence[str], *, width: int, height: int, afresh: bool = False) -> str:
        """Return what draws ``done``, which is final, and ``tail``, which the next frame replaces.

        Of a tail that is higher than the window only the end is drawn. ``afresh`` redraws the last line even if it has
        not changed.
        """
        # A tail higher than the window could not be reached again with the cursor.
        tail = tail[-max(1, height - 1) :]
        new = [*done, *tail]
        # After a resize nothing is known about the rows on the screen: redraw all of them.
        moved = width != self._width
        same = 0 if moved else _common(self._drawn, new)
        unchanged = same == len(new) == len(self._drawn) and not afresh
        out = "" if unchanged else self._replace(new, same, width, height, afresh=afresh or moved)
        if not out.isascii():  # terminals disagree about the width of some characters; a line must not wrap
            out = f"{_NO_WRAP}{out}{_WRAP}"
        self._behind_done = not tail and (bool(done) or (self._behind_done and not self._drawn))
        self._drawn, self._width = list(tail), width
        return out

    def end(self) -> str:
        """Return what moves the cursor to the start of a new line."""
        behind = bool(self._drawn) or self._behind_done
        self._drawn, self._behind_done = [], False
        return "\n" if behind else ""

    def _replace(self, new: list[str], same: int, width: int, height: int, *, afresh: bool) -> str:
        if not self._drawn:
            return ("\n" if self._behind_done and new else "") + "\n".join(new)
        last = len(self._drawn) - 1
        same = max(0, min(same, last, len(new) - 1))  # at least one line is redrawn: the cursor has to end behind it
        old = self._drawn[last]
        # The common case, a growing last line: write only what is new, without any escape sequence.
        if same == last and not afresh and len(new) > last and new[last].startswith(old):
            return "\n".join([new[last][len(old) :], *new[last + 1 :]])
        # No further up than the window is high: the cursor stops at its top anyway.
        up = min(sum(self._rows(line, width) for line in self._drawn[same:]), height) - 1
        lines = f"{_ERASE_LINE}\n".join(new[same:])
        climb = f"\x1b[{up}A" if up > 0 else ""
        return f"{_SYNC_BEGIN}\r{climb}{lines}{_ERASE_BELOW}{_SYNC_END}"

    def _rows(self, line: str, width: int) -> int:
        """Return the number of rows that a line takes after the window became narrower."""
        if not self._reflows or width >= self._width:
            return 1
        from rich.cells import cell_len

        return max(1, -(-cell_len(STYLE.sub("", line)) // max(1, width)))


def reflows(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the terminal rewraps its lines when it becomes narrower: most do, a few old ones cut them."""
    return not ("XTERM_VERSION" in environment or "STY" in environment or environment.get("TERM") == "linux")


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count

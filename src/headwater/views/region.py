"""The lowest lines of a terminal, drawn again and again, and the finished lines that scroll away above them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

_TOGETHER, _SHOWN = "\x1b[?2026h", "\x1b[?2026l"  # a terminal that knows it shows what stands between at once
_ERASE_LINE, _ERASE_BELOW = "\x1b[K", "\x1b[J"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Region:
    """Says what to write so that a terminal shows new lines. Between two frames the cursor stands behind the last line.

    Every line is narrower than the terminal and has no control characters but styles, which end where it ends.
    """

    def __init__(self, *, reflows: bool = True) -> None:
        self._reflows = reflows
        self._drawn: list[str] = []
        self._width = 0
        self._behind_done = False

    def frame(self, done: Sequence[str], tail: Sequence[str], *, width: int, height: int, afresh: bool = False) -> str:
        """Return what draws ``done``, which is never touched again, and ``tail``, which the next frame replaces.

        Of a tail that is too high its end is drawn. ``afresh`` trusts nothing that stands in the last line.
        """
        tail = tail[-max(1, height - 1) :]
        new = [*done, *tail]
        moved = width != self._width
        same = 0 if moved else _common(self._drawn, new)
        unchanged = same == len(new) == len(self._drawn) and not afresh
        out = "" if unchanged else self._replace(new, same, width, height, afresh=afresh or moved)
        if not out.isascii():  # terminals differ about how wide some characters are, but a line must stay one row
            out = f"{_NO_WRAP}{out}{_WRAP}"
        self._behind_done = not tail and (bool(done) or (self._behind_done and not self._drawn))
        self._drawn, self._width = list(tail), width
        return out

    def end(self) -> str:
        """Return what leaves the cursor at the start of a line of its own."""
        behind = bool(self._drawn) or self._behind_done
        self._drawn, self._behind_done = [], False
        return "\n" if behind else ""

    def _replace(self, new: list[str], same: int, width: int, height: int, *, afresh: bool) -> str:
        if not self._drawn:
            return ("\n" if self._behind_done and new else "") + "\n".join(new)
        last = len(self._drawn) - 1
        same = max(0, min(same, last, len(new) - 1))  # the cursor is to stand behind a line that is drawn
        old = self._drawn[last]
        if same == last and not afresh and len(new) > last and new[last].startswith(old):
            return "\n".join([new[last][len(old) :], *new[last + 1 :]])
        up = min(sum(self._rows(line, width) for line in self._drawn[same:]), height) - 1
        lines = f"{_ERASE_LINE}\n".join(new[same:])
        climb = f"\x1b[{up}A" if up > 0 else ""
        return f"{_TOGETHER}\r{climb}{lines}{_ERASE_BELOW}{_SHOWN}"

    def _rows(self, line: str, width: int) -> int:
        """How many rows a line takes since the window has become narrower."""
        if not self._reflows or width >= self._width:
            return 1
        from rich.cells import cell_len

        return max(1, -(-cell_len(STYLE.sub("", line)) // max(1, width)))


def reflows(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the terminal wraps its lines anew when it becomes narrower: most do, a few old ones cut them."""
    return not ("XTERM_VERSION" in environment or "STY" in environment or environment.get("TERM") == "linux")


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count

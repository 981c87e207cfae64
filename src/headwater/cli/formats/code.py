"""The first fenced code block of a Markdown text that arrives in pieces (CommonMark, section 4.5)."""

from __future__ import annotations

import re

#: Indented as deep as it likes: models put blocks into lists, where the indentation belongs to the list.
_OPENING = re.compile(r"([ \t]*)(`{3,}(?=[^`]*$)|~{3,})")


class FirstCodeBlock:
    """Lets only the lines of the first code block pass."""

    def __init__(self) -> None:
        self._line = ""
        self._indent = ""
        self._fence = ""
        #: Whether there was a block, and whether its end was seen.
        self.found = self._is_over = False

    def feed(self, text: str) -> str:
        """Return what ``text`` adds to the block: whole lines, because a line may turn out to be the closing fence."""
        if self._is_over:
            return ""
        *lines, self._line = (self._line + text).split("\n")
        return "".join(f"{code}\n" for line in lines if (code := self._read(line)) is not None)

    def finish(self) -> str:
        """Return the last line, if the text ended inside the block."""
        code = self._read(self._line)
        self._line = ""
        return code or ""

    def _read(self, line: str) -> str | None:
        """One line of the text: its code, or None if it has none."""
        if self._is_over:
            return None
        line = line.removesuffix("\r")
        if not self.found:
            opening = _OPENING.match(line)
            if opening:
                self._indent, self._fence, self.found = opening[1], opening[2], True
            return None
        # A closing fence is at least as long as the opening one, and has nothing after it.
        mark = line.strip()
        if len(mark) >= len(self._fence) and not mark.strip(self._fence[0]):
            self._is_over = True
            return None
        return line.removeprefix(self._indent)

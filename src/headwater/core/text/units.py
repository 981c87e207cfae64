"""``Cutter``: text to units (words, lines, sentences, characters) while it arrives.

Text is cut only between grapheme clusters, and inside a code fence only after lines, whatever the unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from headwater.core.text.graphemes import is_boundary
from headwater.core.text.scripts import UNSPACED

_OPENING, _CLOSING = "「『（《〈【〔｛［", "」』）》〉】〕｝］。、，．！？：；…·"
_WORD = re.compile(
    rf"\s*[{_OPENING}]*(?:[{UNSPACED}]|[^\s{UNSPACED}{_OPENING}]+)[{_CLOSING}]*\s*|\s*[{_OPENING}]+\s*|\s+"
)
_LINE = re.compile(r"\n")
_SENTENCE = re.compile(  # an initial ("J. Doe") and a title end no sentence
    r"[.!?…](?<!\b[A-Z]\.)(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)(?<!\be\.g\.)(?<!\bi\.e\.)[\"'”’»)\]]*\s+"
    r"|[。！？｡][」』”’）】]*\s*|\n\s*"
)
_CHARACTER = re.compile(r"\r\n|[\U0001f1e6-\U0001f1ff]{2}|.", re.DOTALL)
PATTERNS = {"word": _WORD, "line": _LINE, "sentence": _SENTENCE, "character": _CHARACTER}

#: A longer unit is cut: no reader waits for the end of such a line, and rescanning its beginning stays cheap.
LONGEST = 2000
#: How far a cut is moved to spare a cluster. Longer clusters do not occur in any writing.
_LONGEST_CLUSTER = 64

_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_FENCE = re.compile(r"[ \t>]*(?:(`{3,})([^`\n]*)|(~{3,})([^\n]*))$")


class Cutter:
    """Cuts one text. A unit is complete when something follows it, or when it ends in white space.

    ``rest`` is what has arrived after the last complete unit.
    """

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.rest = ""
        self._pattern = pattern
        self._lines = _Lines()

    def feed(self, text: str) -> list[int]:
        """Take more text; return the lengths of the units that are complete now, in order."""
        text = self.rest + text
        lengths: list[int] = []
        since = 0
        for end, is_whole in self._ends(text):
            while end - since > LONGEST:
                at = _boundary(text, since + LONGEST, since)
                lengths.append(at - since)
                since = at
            if is_whole and end > since and is_boundary(text, end, since):
                lengths.append(end - since)
                since = end
        self._pass(text, since)
        return lengths

    def cut(self, length: int) -> None:
        """Declare the first ``length`` characters of ``rest`` a unit."""
        self._pass(self.rest, length)

    def _pass(self, text: str, length: int) -> None:
        self._lines.take(text[:length])
        self.rest = text[length:]

    def _ends(self, text: str) -> Iterator[tuple[int, bool]]:
        """Where units may end, in order, and whether they do: what touches the end of the text may continue."""
        for start, end, is_code in self._lines.segments(text):
            if not is_code:
                for match in self._pattern.finditer(text, start, end):
                    yield match.end(), match.end() < len(text) or text[-1].isspace()
            yield end, end < len(text) or (is_code and text[-1] == "\n")


class _Lines:
    """The state of a text: ``head`` is the current line so far, ``fence`` the marks of an open code fence."""

    def __init__(self, head: str = "", fence: str = "") -> None:
        self.head = head
        self.fence = fence

    def take(self, text: str) -> None:
        """Advance by ``text``."""
        for line in _LINES.findall(text):
            self._take_line(line)

    def segments(self, text: str) -> Iterator[tuple[int, int, bool]]:
        """Yield the stretches of the ``text`` that follows: (start, end, whether it is a line of code)."""
        ahead = _Lines(self.head, self.fence)
        start = 0
        for line in _LINES.finditer(text):
            if ahead._is_code(line[0]):
                if start < line.start():
                    yield start, line.start(), False
                yield line.start(), line.end(), True
                start = line.end()
            ahead._take_line(line[0])
        if start < len(text):
            yield start, len(text), False

    def _is_code(self, line: str) -> bool:
        return bool(self.fence or _FENCE.match(self.head + line))

    def _take_line(self, line: str) -> None:
        whole = self.head + line
        if not whole.endswith("\n"):
            self.head = whole[:LONGEST]  # enough to see whether it is a fence
            return
        self.head = ""
        if found := _FENCE.match(whole):
            marks, info = found[1] or found[3], found[2] or found[4]
            if not self.fence:
                self.fence = marks
            elif marks.startswith(self.fence) and not (info or "").strip():
                self.fence = ""


def _boundary(text: str, at: int, since: int) -> int:
    """The first index from ``at`` on where the text may be cut."""
    for place in range(at, at + _LONGEST_CLUSTER):
        if is_boundary(text, place, since):
            return place
    return at

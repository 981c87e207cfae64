"""Incremental Markdown: finished blocks, each returned once, and the open end behind them.

A block is finished when the next one has begun with a whole line: no text that follows can change it then. (Half a
line can still become anything: ``-`` may turn out to be a list, a rule or a heading above.) Finished blocks leave the
buffer, so the cost of a step depends on the open end and not on the length of the answer. Lists and code may be long,
so with ``cut`` they are finished item by item and line by line; a quotation or a table is one block.

Two things cannot be known in time: a link whose definition comes later, and code whose highlighting depends on lines
that have left the buffer; ``_CONTEXT`` lines are kept for the latter.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

#: Lines at the end of an open code block whose highlighting may still change; those above are finished.
_OPEN_LINES = 24
#: Lines of code that are kept for the highlighting of the lines below them.
_CONTEXT = 48
#: An unfinished last line that may still become a heading, a rule, the end of a code block ...
_UNDECIDED = re.compile(r"(?:^|\n)[ \t]*(?:[`~#>*+=|:_-]+|\d{1,9}[.)]?)[ \t]*\Z")
_LISTS = ("bullet_list_open", "ordered_list_open")


@dataclass(frozen=True)
class MarkdownBlock:
    """A block of Markdown, or a part of one.

    ``continues``: it belongs to the block before it, without an empty line between them. ``shown``: the number of
    lines of its code that were returned before. ``is_open``: more of its code will follow.
    """

    tokens: Sequence[Token]
    continues: bool = False
    shown: int = 0
    is_open: bool = False


def parser() -> MarkdownIt:
    """Return a CommonMark parser with tables and strikethrough, which treats HTML as text and keeps line breaks."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
    markdown.core.ruler.push("keep_breaks", _keep_breaks)
    return markdown


def _keep_breaks(state: StateCore) -> None:
    """Make each line break of a text one that is shown: CommonMark makes spaces of them, and prose of poems."""
    for token in state.tokens:
        for child in token.children or ():
            if child.type == "softbreak":
                child.type, child.tag = "hardbreak", "br"


class Blocks:
    """Splits a growing text into blocks, keeping only the open end.

    With ``cut`` long lists and code are returned item by item and line by line.
    """

    def __init__(self, *, cut: bool = True) -> None:
        self._parser = parser()
        self._cut = cut
        self._definitions: dict[str, Any] = {}
        self._pieces: list[str] = []
        self._has_new_line = False
        self._continues = False
        self._number = 1  # of the next item of a list that was cut
        self._shown = 0  # lines that are kept as context of code that was cut

    @property
    def text(self) -> str:
        """The open end."""
        self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def feed(self, text: str) -> None:
        """Add text."""
        self._pieces.append(text)
        self._has_new_line = self._has_new_line or "\n" in text

    def finished(self) -> list[MarkdownBlock]:
        """Return the blocks finished since the last call."""
        if not self._has_new_line:
            return []
        self._has_new_line = False
        # Only whole lines are parsed: half a line could change the kind of the block that it belongs to.
        text = self.text
        end = text.rfind("\n") + 1
        spans = _spans(self._parser.parse(text[:end], self._definitions))
        if not spans:
            return []
        # The last block is never finished by itself: a line may still continue it.
        *whole, last = spans
        found = [self._block(span) for span in whole]
        lines = text.split("\n")
        rest = lines[_first_line(last) :]
        if self._cut:
            piece, rest = self._cut_off(last, rest)
            found += piece
        self._pieces = ["\n".join(rest)]
        return found

    def open(self) -> list[MarkdownBlock]:
        """Return the open end as blocks, in its current state."""
        text = _UNDECIDED.sub("", self.text)
        # Only a look: parsing may neither add link definitions nor consume the marks of a cut.
        state = self._continues, self._number, self._shown
        found = [self._block(span) for span in _spans(self._parser.parse(text, copy.deepcopy(self._definitions)))]
        self._continues, self._number, self._shown = state
        return found

    def finish(self) -> list[MarkdownBlock]:
        """Return all remaining blocks of the complete text."""
        found = [self._block(span) for span in _spans(self._parser.parse(self.text, self._definitions))]
        self._pieces, self._has_new_line = [], False
        return found

    def _block(self, tokens: list[Token], *, is_open: bool = False) -> MarkdownBlock:
        """Make a block; the first one continues a block that was cut."""
        # The rest of a cut list starts at 1 for the parser, and has to go on counting.
        if self._continues and tokens[0].type == "ordered_list_open":
            tokens[0].attrs["start"] = self._number
        block = MarkdownBlock(tokens, self._continues, self._shown, is_open)
        self._continues, self._shown = False, 0
        return block

    def _cut_off(self, tokens: list[Token], lines: list[str]) -> tuple[list[MarkdownBlock], list[str]]:
        """Return the finished part of the last block, and the remaining lines."""
        if tokens[0].type in _LISTS:
            return self._cut_list(tokens, lines)
        if tokens[0].type == "fence":
            return self._cut_code(tokens[0], lines)
        return [], lines

    def _cut_list(self, tokens: list[Token], lines: list[str]) -> tuple[list[MarkdownBlock], list[str]]:
        """Cut off all items except the last."""
        starts = [index for index, token in enumerate(tokens) if token.level == 1 and token.type == "list_item_open"]
        if len(starts) < 2:
            return [], lines
        first_line = _line(tokens[starts[-1]]) - _line(tokens[0])
        block = self._block([*tokens[: starts[-1]], tokens[-1]])
        self._number = int(tokens[0].attrs.get("start", 1)) + len(starts) - 1
        self._continues = True
        return [block], lines[first_line:]

    def _cut_code(self, fence: Token, lines: list[str]) -> tuple[list[MarkdownBlock], list[str]]:
        """Cut off the lines of code that are far from the end."""
        code = fence.content.split("\n")[:-1]
        # Twice the open lines, so that code is cut in steps and not line by line.
        if len(code) - self._shown < 2 * _OPEN_LINES:
            return [], lines
        count = len(code) - _OPEN_LINES
        while count > self._shown and not code[count - 1].strip():
            count -= 1  # empty lines at the end of a block are not drawn, so they wait for the line behind them
        if count == self._shown:
            return [], lines
        piece = copy.copy(fence)
        piece.content = "\n".join(code[:count])
        block = self._block([piece], is_open=True)
        self._continues, self._shown = True, min(count, _CONTEXT)
        return [block], [lines[0], *lines[1 + count - self._shown :]]


def _spans(tokens: list[Token]) -> list[list[Token]]:
    """Group the tokens by top-level block."""
    spans: list[list[Token]] = []
    begun = False
    for token in tokens:
        if begun:
            spans[-1].append(token)
        else:
            spans.append([token])
        begun = token.level > 0 or token.nesting == 1
        if token.level == 0 and token.nesting == -1:
            begun = False
    return spans


def _first_line(tokens: Sequence[Token]) -> int:
    return _line(tokens[0])


def _line(token: Token) -> int:
    """Return the line on which a block begins."""
    return token.map[0] if token.map else 0

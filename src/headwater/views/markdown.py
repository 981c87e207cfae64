"""Draws blocks of Markdown as lines of a terminal, by rich. Imported only when something is drawn."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Protocol, TextIO

from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markdown import CodeBlock, ListElement, Markdown, MarkdownElement
from rich.syntax import Syntax
from rich.text import Text

from headwater.views.blocks import Blocks, MarkdownBlock
from headwater.views.region import STYLE

_THEME = "monokai"


class Lines(Protocol):
    """A growing text as lines: finished lines are returned once, open lines on every request."""

    def feed(self, text: str) -> None:
        """Add text."""

    def done(self, width: int) -> list[str]:
        """Return the lines finished since the last call."""

    def open(self, width: int) -> list[str]:
        """Return the open lines in their current state."""

    def finish(self, width: int) -> list[str]:
        """Return all remaining lines."""


# rich prints to a file or a console; here it is made to return lines, with the colors of the real terminal.
class Painter:
    """Renders objects of rich to lines, with the colors that the terminal ``file`` supports."""

    def __init__(self, file: TextIO) -> None:
        self._console = Console(
            file=io.StringIO(),
            force_terminal=True,
            color_system=Console(file=file).color_system or "auto",  # type: ignore[arg-type]
            legacy_windows=False,
            highlight=False,
            markup=False,
            emoji=False,
        )

    def lines(self, thing: RenderableType, width: int) -> list[str]:
        """Return the lines of ``thing``, none wider than ``width``, without trailing spaces."""
        self._console.width = width
        with self._console.capture() as captured:
            self._console.print(thing, end="", overflow="fold")
        drawn = captured.get()
        return [line.rstrip(" ") for line in drawn.removesuffix("\n").split("\n")] if drawn else []


class MarkdownLines:
    """Growing Markdown as lines."""

    def __init__(self, painter: Painter, *, style: str = "none") -> None:
        self._painter = painter
        self._style = style
        self._blocks = Blocks()
        self._begun = False

    def feed(self, text: str) -> None:
        """Add text."""
        self._blocks.feed(text)

    def done(self, width: int) -> list[str]:
        """Return the lines finished since the last call."""
        return self._keep(self._blocks.finished(), width)

    def open(self, width: int) -> list[str]:
        """Return the open lines in their current state."""
        return self._draw(self._blocks.open(), width)

    def finish(self, width: int) -> list[str]:
        """Return all remaining lines; a text that consists of markup only is shown as it is."""
        left = self._blocks.text.strip()
        lines = self._keep(self._blocks.finish(), width)
        return lines if lines or self._begun or not left else self._painter.lines(Text(left, self._style), width)

    def _keep(self, blocks: Sequence[MarkdownBlock], width: int) -> list[str]:
        lines = self._draw(blocks, width)
        self._begun = self._begun or bool(lines)
        return lines

    def _draw(self, blocks: Iterable[MarkdownBlock], width: int) -> list[str]:
        found: list[str] = []
        for block in blocks:
            lines = _trim(self._painter.lines(_Document(block, self._style), width), block)
            if lines and not block.continues and (found or self._begun):
                found.append("")
            found += lines
        return found


class PlainLines:
    """Growing plain text as lines, long ones folded."""

    def __init__(self, painter: Painter, *, style: str = "none") -> None:
        self._painter = painter
        self._style = style
        self._pieces: list[str] = []

    def feed(self, text: str) -> None:
        """Add text."""
        self._pieces.append(text)

    def done(self, width: int) -> list[str]:
        """Return the lines finished since the last call."""
        whole, line_end, rest = "".join(self._pieces).rpartition("\n")
        self._pieces = [rest]
        return self._draw(whole, width) if line_end else []

    def open(self, width: int) -> list[str]:
        """Return the last line in its current state."""
        text = "".join(self._pieces)
        return self._draw(text, width) if text else []

    def finish(self, width: int) -> list[str]:
        """Return all remaining lines."""
        lines = self.open(width)
        self._pieces = []
        return lines

    def _draw(self, text: str, width: int) -> list[str]:
        return self._painter.lines(Text(text + "\n", style=self._style), width) if text else [""]


class FoldedLines:
    """A text of which only the word count is shown."""

    def __init__(self, painter: Painter) -> None:
        self._painter = painter
        self._words = 0
        self._in_word = False

    def feed(self, text: str) -> None:
        """Add text."""
        if text:
            starts_in_word = self._in_word and not text[0].isspace()
            self._words += len(text.split()) - starts_in_word
            self._in_word = not text[-1].isspace()

    def done(self, width: int) -> list[str]:
        """Return nothing: no line is finished before the end."""
        return []

    def open(self, width: int) -> list[str]:
        """Return the line shown while the text grows."""
        return self._line("thinking", width)

    def finish(self, width: int) -> list[str]:
        """Return the final line."""
        return self._line("thought", width)

    def _line(self, verb: str, width: int) -> list[str]:
        return self._painter.lines(Text(f"{verb}: {self._words} words", style="dim"), width)[:1]


def _trim(lines: list[str], block: MarkdownBlock) -> list[str]:
    """Remove empty lines around a block: ``_draw`` sets the distance between blocks."""
    if block.tokens[0].type == "fence":
        return lines
    written = [index for index, line in enumerate(lines) if STYLE.sub("", line).strip()]
    return lines[written[0] : written[-1] + 1] if written else []


class _Document(Markdown):
    """One block for rich, with our own code and lists, which come in parts, and with visible link addresses."""

    def __init__(self, block: MarkdownBlock, style: str) -> None:
        super().__init__("", code_theme=_THEME, hyperlinks=False, style=style)
        self.parsed = [_with_image_text(token) for token in block.tokens]
        self.block = block


class _Code(CodeBlock):
    """A code block without a frame, so that it can be copied, and without the lines that were shown before."""

    block: MarkdownBlock

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> _Code:
        made = cls((token.info or "").partition(" ")[0] or "text", markdown.code_theme)
        made.block = markdown.block if isinstance(markdown, _Document) else MarkdownBlock([token])
        return made

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = str(self.text)
        code = code if self.block.is_open else code.rstrip()
        shown = self.block.shown
        if shown and code.count("\n") < shown:
            return
        line_range = (shown + 1, None) if shown else None
        yield Syntax(code, self.lexer_name, theme=self.theme, word_wrap=True, line_range=line_range)


class _List(ListElement):
    """A list whose numbers have room for two digits from the start: its length is unknown while it grows."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.list_type == "bullet_list_open":
            yield from super().__rich_console__(console, options)
            return
        for number, item in enumerate(self.items, self.list_start or 0):
            yield from item.render_number(console, options, number, max(number, 10))


_ELEMENTS: dict[str, type[MarkdownElement]] = {
    "fence": _Code,
    "code_block": _Code,
    "bullet_list_open": _List,
    "ordered_list_open": _List,
}
_Document.elements = Markdown.elements | _ELEMENTS


def _with_image_text(token: Token) -> Token:
    """Return the token with its images as text, their names and addresses."""
    if not token.children or not any(child.type == "image" for child in token.children):
        return token
    return token.copy(children=[_image_text(child) if child.type == "image" else child for child in token.children])


def _image_text(image: Token) -> Token:
    name, address = image.content or "image", image.attrs.get("src", "")
    return Token("text", "", 0, content=f"🖼 {name} ({address})", level=image.level)

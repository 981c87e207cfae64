"""Streamed function call arguments as growing JSON text. Gemini streams them by JSON path."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.core.answer.arguments import has_value, path_keys, piece_value
from headwater.types import PartialArg

_Key = str | int


class ArgumentText:
    """Writes the arguments of one call, starting with those that arrived whole.

    Gemini names a path for each piece (``$.city``, ``$.days[0]``), in document order. If a piece is out of order, the
    text already sent cannot be taken back; the member is then written again at the end, since of two equal keys JSON
    parsers take the last (RFC 8259, 4).
    """

    def __init__(self, args: dict[str, Any]) -> None:
        self._open = [_Container("", is_list=False)]  # the outermost first
        self._text_at: list[_Key] | None = None  # the path of the string whose closing quote is still missing
        self._again: list[str] = []  # members to write again at the end
        self._begin = "{" + "".join([self._member(key, _json(args[key])) for key in args])

    def feed(self, pieces: list[PartialArg]) -> str:
        """Return the text that these pieces add."""
        begin, self._begin = self._begin, ""
        return begin + "".join([self._piece(piece) for piece in pieces])

    def finish(self, args: dict[str, Any]) -> str:
        """Return the rest of the text, where ``args`` are the complete arguments."""
        begin, self._begin = self._begin, ""
        text = begin + self._close_to(0)
        text += "".join([self._member(key, _json(args[key])) for key in self._again if key in args])
        return text + "}"

    def _piece(self, piece: PartialArg) -> str:
        path, content = path_keys(piece.json_path or ""), piece_value(piece)
        # A member that will be written again at the end needs no more pieces.
        if not path or not isinstance(path[0], str) or path[0] in self._again:
            return ""
        if not has_value(piece):
            return self._end_of(path, piece)
        # The next piece of the string that is open: only its content is added, without quotes.
        if path == self._text_at and isinstance(content, str):
            return _inside(content) + ("" if piece.will_continue else self._close_text())
        return self._next(path, content, will_continue=bool(piece.will_continue))

    def _end_of(self, path: list[_Key], piece: PartialArg) -> str:
        """The end of a string, or of a list, which may be empty."""
        if path == self._text_at:
            return self._close_text()
        depth = self._shared(path)
        is_there = depth == len(path) - 1 and path[-1] in self._open[depth].names
        is_list = (piece.json_path or "").endswith("[]")
        return self._next(path, [], will_continue=False) if is_list and not is_there else ""

    def _next(self, path: list[_Key], content: Any, *, will_continue: bool) -> str:
        depth = self._shared(path)
        # Out of order: see the class. Only the outermost member is written again, with all that is in it.
        if not self._is_next(path, depth):
            self._again.append(str(path[0]))
            return ""
        text = self._close_to(depth)
        for place in range(depth, len(path) - 1):
            is_list = isinstance(path[place + 1], int)
            text += self._member(path[place], "[" if is_list else "{")
            self._open.append(_Container(path[place], is_list=is_list))
        if isinstance(content, str) and will_continue:
            self._text_at = path
            return text + self._member(path[-1], '"' + _inside(content))
        return text + self._member(path[-1], _json(content))

    def _shared(self, path: list[_Key]) -> int:
        """How many open containers, not counting the outermost, a path leads through."""
        depth = 0
        while depth + 1 < min(len(self._open), len(path)) and self._open[depth + 1].key == path[depth]:
            depth += 1
        return depth

    def _is_next(self, path: list[_Key], depth: int) -> bool:
        """Whether a path can follow everything written so far."""
        first, *further = path[depth:]
        return self._open[depth].takes(first) and not any(isinstance(key, int) and key > 0 for key in further)

    def _close_text(self) -> str:
        is_open, self._text_at = self._text_at is not None, None
        return '"' if is_open else ""

    def _close_to(self, depth: int) -> str:
        text = self._close_text()
        while len(self._open) > depth + 1:
            text += "]" if self._open.pop().is_list else "}"
        return text

    def _member(self, key: _Key, text: str) -> str:
        """A member of the innermost container."""
        inner = self._open[-1]
        comma = "," if inner.count else ""
        inner.count += 1
        if isinstance(key, int):
            return comma + text
        inner.names.add(key)
        return f"{comma}{_json(key)}:{text}"


class _Container:
    """An object or a list that is still open, and its members so far."""

    def __init__(self, key: _Key, *, is_list: bool) -> None:
        self.key = key
        self.is_list = is_list
        self.count = 0
        self.names: set[str] = set()

    def takes(self, key: _Key) -> bool:
        """Whether ``key`` can be its next member."""
        if self.is_list:
            return isinstance(key, int) and key == self.count
        return isinstance(key, str) and key not in self.names


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _inside(text: str) -> str:
    return _json(text)[1:-1]

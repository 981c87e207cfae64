"""The arguments of a function call as JSON text that only grows, while Gemini streams them by their places."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.core.answer.arguments import has_value, keys, value
from headwater.types import PartialArg

_Key = str | int


class ArgumentText:
    """Writes the arguments of one call, beginning with those that came whole. Lives as long as the call.

    Gemini names a place for each piece (``$.city``, ``$.days[0]``) and goes through the JSON in its order. Where it
    does not, nothing can be taken back: then the member is written again at the end, and of two equal keys readers of
    JSON take the last.
    """

    def __init__(self, args: dict[str, Any]) -> None:
        self._open = [_Container("", is_list=False)]  # the outermost first
        self._text_at: list[_Key] | None = None  # the place of the text whose closing quote is still missing
        self._again: list[str] = []
        self._begin = "{" + "".join([self._member(key, _json(args[key])) for key in args])

    def feed(self, pieces: list[PartialArg]) -> str:
        """Return the text that these pieces add."""
        begin, self._begin = self._begin, ""
        return begin + "".join([self._piece(piece) for piece in pieces])

    def finish(self, args: dict[str, Any]) -> str:
        """Return what is missing, ``args`` being the arguments as they are now."""
        begin, self._begin = self._begin, ""
        text = begin + self._close_to(0)
        text += "".join([self._member(key, _json(args[key])) for key in self._again if key in args])
        return text + "}"

    def _piece(self, piece: PartialArg) -> str:
        path, said = keys(piece.json_path or ""), value(piece)
        if not path or not isinstance(path[0], str) or path[0] in self._again:
            return ""
        if not has_value(piece):
            return self._ended(path, piece)
        if path == self._text_at and isinstance(said, str):
            return _inside(said) + ("" if piece.will_continue else self._close_text())
        return self._next(path, said, goes_on=bool(piece.will_continue))

    def _ended(self, path: list[_Key], piece: PartialArg) -> str:
        """What is at a place has come to its end: a text, or a list, which may be empty."""
        if path == self._text_at:
            return self._close_text()
        depth = self._shared(path)
        is_there = depth == len(path) - 1 and path[-1] in self._open[depth].names
        is_list = (piece.json_path or "").endswith("[]")
        return self._next(path, [], goes_on=False) if is_list and not is_there else ""

    def _next(self, path: list[_Key], said: Any, *, goes_on: bool) -> str:
        depth = self._shared(path)
        if not self._is_next(path, depth):
            self._again.append(str(path[0]))
            return ""
        text = self._close_to(depth)
        for place in range(depth, len(path) - 1):
            is_list = isinstance(path[place + 1], int)
            text += self._member(path[place], "[" if is_list else "{")
            self._open.append(_Container(path[place], is_list=is_list))
        if isinstance(said, str) and goes_on:
            self._text_at = path
            return text + self._member(path[-1], '"' + _inside(said))
        return text + self._member(path[-1], _json(said))

    def _shared(self, path: list[_Key]) -> int:
        """How many of the open containers, without the outermost, a path leads through."""
        depth = 0
        while depth + 1 < min(len(self._open), len(path)) and self._open[depth + 1].key == path[depth]:
            depth += 1
        return depth

    def _is_next(self, path: list[_Key], depth: int) -> bool:
        """Whether a place can follow all that is written."""
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
    """An object or a list that is still open, and what it has."""

    def __init__(self, key: _Key, *, is_list: bool) -> None:
        self.key = key
        self.is_list = is_list
        self.count = 0
        self.names: set[str] = set()

    def takes(self, key: _Key) -> bool:
        """Whether ``key`` can be its next."""
        if self.is_list:
            return isinstance(key, int) and key == self.count
        return isinstance(key, str) and key not in self.names


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _inside(text: str) -> str:
    return _json(text)[1:-1]

"""A push parser: JSON text arrives in pieces of any size and is readable as Python values at any moment."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from headwater.errors import ParseError

#: Deeper values are refused: they are hardly an answer, and Python itself could not print or compare them.
MAX_DEPTH = 500

_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')
_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))')
_OPEN_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_SCALAR = re.compile(r"[-+.0-9A-Za-z]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_FENCE = re.compile(r"```[A-Za-z0-9]{0,20}[ \t]{0,4}\r?\n")
_OPEN_FENCE = re.compile(r"`{1,2}\Z|```[A-Za-z0-9]{0,20}[ \t]{0,4}\r?\Z")
_LETTERS = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS = {"true": True, "false": False, "null": None}

_State = Callable[[str, int], int]


class _Frame:
    """An open object or array, and the key of its next value."""

    __slots__ = ("key", "node", "watched")

    def __init__(self, node: dict[str, Any] | list[Any], *, watched: bool = False) -> None:
        self.node: Any = node
        self.key: Any = -1
        self.watched = watched

    def put(self, value: Any) -> None:
        if type(self.node) is list:
            self.node.append(value)
        else:
            self.node[self.key] = value


class PartialJson:
    """Parses one JSON value while its text arrives. Lives as long as the answer.

    ``value`` is the value so far: one object that grows in place. Text shows as far as it has arrived; a number,
    ``true``, ``false``, ``null`` or a key shows once it is complete. ``take()`` hands out the elements of an array,
    each once it is complete: of the top-level array, or of the one that ``items`` names (``"steps"``, or ``("plan",
    "steps")`` one level down). Each character is looked at once. A Markdown fence around the JSON is skipped.
    """

    def __init__(self, *, items: str | Sequence[str] = ()) -> None:
        self._path = (items,) if isinstance(items, str) else tuple(items)
        self._root: list[Any] = []
        self._stack = [_Frame(self._root)]
        self._state: _State = self._begin
        self._rest = ""  # the end of the last piece: too short to know what it is
        self._at = 0  # where the rest begins, in characters from the start
        self._pieces: list[str] = []  # of the text, key or number that is open
        self._is_growing = False  # whether they belong to a text that already shows
        self._is_fenced = False
        self._ready: list[Any] = []
        self._error: ParseError | None = None

    @property
    def value(self) -> Any:
        """The value so far, None before it begins. Not a copy: the next piece changes it in place."""
        self._settle()
        return self._root[0] if self._root else None

    @property
    def is_whole(self) -> bool:
        """Whether the value is complete."""
        return self._state == self._end

    def feed(self, text: str) -> None:
        """Take the next piece of the text.

        Raises:
            ParseError: if the text is not JSON; ``offset`` says where. What was read before stays.
        """
        if self._error is not None:
            raise self._error
        text, at = self._rest + text, 0
        try:
            while at < len(text) and (following := self._state(text, at)) != -1:
                at = following
        except _Unexpected as problem:
            self._error = ParseError(str(problem), offset=self._at + problem.at)
            raise self._error from None
        self._rest = text[at:]
        self._at += at

    def take(self) -> list[Any]:
        """Return the elements of the array that were completed since the last call."""
        ready, self._ready = self._ready, []
        return ready

    def finish(self) -> Any:
        """Return the value after the end of the text.

        Raises:
            ParseError: if it is incomplete. ``value`` keeps what there is.
        """
        if len(self._stack) == 1 and self._state == self._scalar:
            self.feed(" ")  # ends a number that stands alone
        if self._error is None and not self.is_whole:
            what = "in the middle" if self._root or self._rest else "before it has begun"
            self._error = ParseError(f"the JSON ends {what}", offset=self._at + len(self._rest))
        if self._error is not None:
            raise self._error
        return self.value

    # The parser is a state machine whose states are methods. Each looks at the text from an index on, consumes what it
    # can and returns the next index; -1 asks for more text. A state never looks back: what is too short to decide (an
    # escape, half a surrogate pair, the beginning of a fence) is left in ``_rest`` and looked at again with the next
    # piece, which is why each character is looked at once, apart from those few.

    def _begin(self, text: str, at: int) -> int:
        at = _skip(text, at)
        if at == len(text):
            return at
        if text[at] == "\ufeff":
            return at + 1
        if text[at] == "`" and not self._is_fenced:
            fence = _FENCE.match(text, at)
            if fence is not None:
                self._is_fenced = True
                return fence.end()
            if _OPEN_FENCE.match(text, at):
                return -1
        self._state = self._value
        return at

    def _value(self, text: str, at: int) -> int:
        at = _skip(text, at)
        if at == len(text):
            return at
        match text[at]:
            case "{":
                self._open({}, at)
                self._state = self._first_key
            case "[":
                self._open([], at)
                self._state = self._first_value
            case '"':
                self._stack[-1].put("")
                self._is_growing = True
                self._state = self._text
            case _ if _SCALAR.match(text, at):
                self._state = self._scalar
                return at
            case found:
                raise _Unexpected("a value", found, at)
        return at + 1

    def _first_value(self, text: str, at: int) -> int:
        at = _skip(text, at)
        if text.startswith("]", at):
            return self._close(at)
        if at < len(text):
            self._state = self._value
        return at

    def _first_key(self, text: str, at: int) -> int:
        at = _skip(text, at)
        if text.startswith("}", at):
            return self._close(at)
        return self._key(text, at)

    def _key(self, text: str, at: int) -> int:
        at = _skip(text, at)
        if at == len(text):
            return at
        if text[at] != '"':
            raise _Unexpected("a key in quotes", text[at], at)
        self._state = self._text
        return at + 1

    def _colon(self, text: str, at: int) -> int:
        at = _skip(text, at)
        if at == len(text):
            return at
        if text[at] != ":":
            raise _Unexpected("':'", text[at], at)
        self._state = self._value
        return at + 1

    def _text(self, text: str, at: int) -> int:
        plain = _PLAIN.match(text, at)
        if plain is not None:
            self._pieces.append(plain[0])
            return plain.end()
        match text[at]:
            case '"':
                self._end_text()
                return at + 1
            case "\\":
                return self._escape(text, at)
            case found:
                raise _Unexpected("no control character inside a text", found, at)

    def _escape(self, text: str, at: int) -> int:
        escape = _ESCAPE.match(text, at)
        if escape is None:
            if _OPEN_ESCAPE.match(text, at):
                return -1
            raise _Unexpected("an escape as \\n or \\u00e9", text[at : at + 6], at)
        if escape[1]:
            self._pieces.append(_LETTERS[escape[1]])
            return escape.end()
        code, end = int(escape[2], 16), escape.end()
        if 0xD800 <= code < 0xDC00:  # a high surrogate: with the low one that follows, it is one character
            if end == len(text) or _OPEN_ESCAPE.match(text, end):
                return -1
            second = _ESCAPE.match(text, end)
            low = int(second[2], 16) if second is not None and second[2] else 0
            if second is not None and 0xDC00 <= low < 0xE000:
                code, end = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), second.end()
        self._pieces.append(chr(code))
        return end

    def _scalar(self, text: str, at: int) -> int:
        found = _SCALAR.match(text, at)
        if found is not None:
            self._pieces.append(found[0])
            return found.end()
        word = "".join(self._pieces)
        self._pieces.clear()
        try:
            value = _LITERALS[word] if word in _LITERALS else _number(word)
        except ValueError:
            raise _Unexpected("a value", word, at - len(word)) from None
        self._stack[-1].put(value)
        self._done(value)
        return at

    def _comma(self, text: str, at: int) -> int:
        at = _skip(text, at)
        if at == len(text):
            return at
        in_list = type(self._stack[-1].node) is list
        closing = "]" if in_list else "}"
        if text[at] == closing:
            return self._close(at)
        if text[at] != ",":
            raise _Unexpected(f"',' or '{closing}'", text[at], at)
        self._state = self._value if in_list else self._key
        return at + 1

    def _end(self, text: str, at: int) -> int:
        at = _skip(text, at)
        if at < len(text) and not (self._is_fenced and text[at] == "`"):
            raise _Unexpected("nothing after the end", text[at], at)
        return min(at + 1, len(text))

    # What the states share.

    def _open(self, node: dict[str, Any] | list[Any], at: int) -> None:
        if len(self._stack) > MAX_DEPTH:
            raise _Unexpected(f"at most {MAX_DEPTH} levels", "one more", at)
        self._stack[-1].put(node)
        is_there = type(node) is list and len(self._stack) == len(self._path) + 1
        watched = is_there and all(frame.key == key for frame, key in zip(self._stack[1:], self._path, strict=True))
        self._stack.append(_Frame(node, watched=watched))

    def _close(self, at: int) -> int:
        self._done(self._stack.pop().node)
        return at + 1

    def _done(self, value: Any) -> None:
        """Record that a value is complete."""
        if self._stack[-1].watched:
            self._ready.append(value)
        self._state = self._comma if len(self._stack) > 1 else self._end

    def _end_text(self) -> None:
        frame = self._stack[-1]
        if self._is_growing:
            self._settle()
            self._is_growing = False
            self._done(frame.node[frame.key])
        else:
            frame.key = "".join(self._pieces)
            self._pieces.clear()
            self._state = self._colon

    def _settle(self) -> None:
        """Put what has arrived of the open text into its place.

        The place lets go of the text for a moment, so that ``text`` is the only reference to it. CPython then appends
        in place, and a text that is looked at after each piece is not copied each time.
        """
        if self._is_growing and self._pieces:
            frame, piece = self._stack[-1], "".join(self._pieces)
            self._pieces.clear()
            text = frame.node[frame.key]
            frame.node[frame.key] = ""
            text += piece
            frame.node[frame.key] = text


class _Unexpected(Exception):
    """Something unexpected at this index of the piece."""

    def __init__(self, expected: str, found: str, at: int) -> None:
        super().__init__(f"expected {expected}, found {found[:40]!r}")
        self.at = at


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    assert space is not None  # it also matches nothing
    return space.end()


def _number(word: str) -> int | float:
    number = _NUMBER.fullmatch(word)
    if number is None:
        raise ValueError(word)
    return float(word) if number[1] or number[2] else int(word)

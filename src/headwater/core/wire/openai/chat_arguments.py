"""``ArgumentPieces``: arguments that arrive as JSON text, as the pieces in which the Gemini API streams them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from headwater.core.answer.partial_json import PartialJson

_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class ArgumentPieces:
    """Takes the text of the arguments of one call; returns what is new in them, by JSON path (RFC 9535).

    Only the last value of each object and array can grow, so each character is looked at once.
    """

    def __init__(self) -> None:
        self._json = PartialJson()
        self._root = _Seen()
        self._text_at: str | None = None  # the path of the text that may still grow

    def feed(self, text: str) -> list[dict[str, Any]]:
        """Return the pieces that ``text`` adds.

        Raises:
            ParseError: if it is not JSON.
        """
        self._json.feed(text)
        value = self._json.value
        return list(self._new(value, "$", self._root)) if isinstance(value, dict) else []

    def finish(self) -> list[dict[str, Any]]:
        """Return the piece that ends a text, if one is open."""
        return list(self._close_text(None))

    def _new(self, node: Any, path: str, seen: _Seen) -> Iterator[dict[str, Any]]:
        """What is new in an object or array: the growth of its last known value, and the values after it."""
        first = max(0, seen.count - 1)
        values: Iterable[tuple[str | int, Any]]
        values = enumerate(node[first:], first) if isinstance(node, list) else _last(node, len(node) - first)
        for number, (key, value) in enumerate(values, first):
            is_known = number < seen.count
            if not is_known:
                seen.last = _Seen()
            yield from self._value(value, _step(path, key), seen.last, is_known=is_known)
        seen.count = len(node)

    def _value(self, value: Any, path: str, seen: _Seen, *, is_known: bool) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict | list):
            if value:
                yield from self._new(value, path, seen)
        elif isinstance(value, str):
            new, seen.count = value[seen.count :], len(value)
            if new or not is_known:
                yield from self._close_text(path)
                self._text_at = path
                yield {"jsonPath": path, "stringValue": new, "willContinue": True}
        elif not is_known:
            yield from self._close_text(path)
            yield {"jsonPath": path, **_scalar(value)}

    def _close_text(self, path: str | None) -> Iterator[dict[str, Any]]:
        """End the text that was growing, unless it is the one at ``path``."""
        if self._text_at is not None and self._text_at != path:
            yield {"jsonPath": self._text_at, "stringValue": ""}
            self._text_at = None


class _Seen:
    """How much of a value was given out: its members, or its characters; of its last member the same."""

    __slots__ = ("count", "last")

    def __init__(self) -> None:
        self.count = 0
        self.last: Any = None


def _last(node: dict[str | int, Any], count: int) -> list[tuple[str | int, Any]]:
    """The last members of an object."""
    return list(islice(reversed(node.items()), count))[::-1]


def _step(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    if _SIMPLE.fullmatch(key):
        return f"{path}.{key}"
    return f'{path}["{key}"]' if "'" in key else f"{path}['{key}']"


def _scalar(value: Any) -> dict[str, Any]:
    if value is None:
        return {"nullValue": "NULL_VALUE"}
    return {"boolValue": value} if isinstance(value, bool) else {"numberValue": value}

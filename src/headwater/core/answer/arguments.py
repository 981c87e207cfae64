"""Function calls whose arguments are streamed (Vertex AI): pieces by JSON path, assembled into one call."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from headwater.types import FunctionCall, PartialArg

_STEP = re.compile(r"\[([0-9]{1,9})\]|\.([^.\[\]]+)|\['([^']+)'\]|\[\"([^\"]+)\"\]")


class Arguments:
    """Assembles the streamed calls of one candidate."""

    def __init__(self) -> None:
        self._open: FunctionCall | None = None
        self._growing: dict[tuple[str | int, ...], _Text] = {}  # texts that are not complete, by their path

    def add(self, call: FunctionCall) -> FunctionCall | None:
        """Return the call that ``call`` begins (itself if it is complete), or None if it continues an open one.

        An open call is filled in place by the pieces that follow, its growing texts when ``settle`` is called.
        """
        streamed = call.partial_args is not None or call.will_continue is not None
        if not streamed and (self._open is None or call.name is not None):
            self._end()
            return call
        begun = None
        if call.name is not None or self._open is None:
            self._end()
            begun = self._open = FunctionCall(id=call.id, name=call.name, args=dict(call.args or {}))
        for piece in call.partial_args or ():
            self._put(self._open, piece)
        if not call.will_continue:
            self._end()
        return begun

    def abandon(self) -> FunctionCall | None:
        """Record that nothing more arrives; return the call that is incomplete, if there is one."""
        half = self._open
        self._end()
        return half

    def settle(self) -> None:
        """Put growing texts into their places. They are joined only here: joining at each piece would be quadratic."""
        for text in self._growing.values():
            text.settle()

    def _end(self) -> None:
        self.settle()
        self._growing = {}
        self._open = None

    def _put(self, call: FunctionCall | None, piece: PartialArg) -> None:
        said, steps = piece_value(piece), tuple(path_keys(piece.json_path or ""))
        text = self._growing.pop(steps, None)
        if not has_value(piece):
            if text is not None:
                text.settle()
            elif _is_list(piece) and call is not None and not _is_there(call.args, steps):
                self._place(call, steps, [])
            return
        if text is not None and isinstance(said, str):
            text.pieces.append(said)
        else:
            text = self._place(call, steps, said)
        if text is not None and piece.will_continue:
            self._growing[steps] = text
        elif text is not None:
            text.settle()

    def _place(self, call: FunctionCall | None, steps: tuple[str | int, ...], value: Any) -> _Text | None:
        """Put ``value`` where ``steps`` lead; return it if it is text, which can grow."""
        if call is None or not steps:
            return None
        if call.args is None:
            call.args = {}
        node: Any = call.args
        for key, following in pairwise(steps):
            node = _child(node, key, [] if isinstance(following, int) else {})
        _set(node, steps[-1], value)
        return _Text(node, steps[-1], value) if isinstance(value, str) else None


class _Text:
    """A text that arrives in pieces, and its place in the arguments."""

    def __init__(self, node: Any, key: str | int, text: str) -> None:
        self.pieces = [text]
        self._node = node
        self._key = key

    def settle(self) -> None:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
            _set(self._node, self._key, self.pieces[0])


def path_keys(path: str) -> list[str | int]:
    """Return the keys of a JSON path: ``$.days[0].city`` is ``days``, 0, ``city``."""
    steps = _STEP.findall(path)
    return [int(number) if number else (dotted or single or double) for number, dotted, single, double in steps]


def has_value(piece: PartialArg) -> bool:
    """Return whether a piece has a value, null included; a piece without one ends what is at its place.

    ``$.a[]`` without a value ends a list, which may be empty.
    """
    said = (piece.string_value, piece.number_value, piece.bool_value, piece.null_value)
    return any(field is not None for field in said)


def piece_value(piece: PartialArg) -> str | float | int | bool | None:
    """Return the value of a piece: a text, a number, a boolean, or None for null."""
    if piece.string_value is not None:
        return piece.string_value
    if piece.number_value is not None:
        number = piece.number_value
        return int(number) if number.is_integer() else number
    return piece.bool_value


def _is_list(piece: PartialArg) -> bool:
    return (piece.json_path or "").endswith("[]")


def _is_there(node: Any, steps: tuple[str | int, ...]) -> bool:
    """Whether a path leads to a value, null included."""
    for key in steps:
        is_key = isinstance(key, int) and key < len(node) if isinstance(node, list) else isinstance(node, dict)
        if not is_key or (isinstance(node, dict) and key not in node):
            return False
        node = node[key]
    return True


def _child(node: Any, key: str | int, empty: Any) -> Any:
    child = _get(node, key)
    if not isinstance(child, dict | list):
        child = empty
        _set(node, key, child)
    return child


def _get(node: Any, key: str | int) -> Any:
    if isinstance(node, list):
        return node[key] if isinstance(key, int) and key < len(node) else None
    return node.get(key)


def _set(node: Any, key: str | int, value: Any) -> None:
    if isinstance(node, dict):
        node[key] = value
    elif isinstance(key, int) and key < 100_000:  # the path comes from the server: no list of a billion for it
        node.extend([None] * (key + 1 - len(node)))
        node[key] = value

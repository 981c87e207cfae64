"""Function calls whose arguments are streamed (Vertex AI): pieces by JSON path, put together into one call."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from headwater.types import FunctionCall, PartialArg

_STEP = re.compile(r"\[(\d+)\]|\.([^.\[\]]+)|\['([^']+)'\]|\[\"([^\"]+)\"\]")


class Arguments:
    """Assembles the streamed calls of one candidate."""

    def __init__(self) -> None:
        self._open: FunctionCall | None = None
        self._growing: set[str] = set()  # the paths of text that goes on

    def add(self, call: FunctionCall) -> FunctionCall | None:
        """Return the call that ``call`` begins (itself when it is whole), or None when it continues an open one.

        A call that was begun is filled in place by the pieces that follow.
        """
        streamed = call.partial_args is not None or call.will_continue is not None
        if not streamed and (self._open is None or call.name is not None):
            self._open = None
            return call
        begun = None
        if call.name is not None or self._open is None:
            begun = self._open = FunctionCall(id=call.id, name=call.name, args=dict(call.args or {}))
            self._growing = set()
        for piece in call.partial_args or ():
            self._put(self._open, piece)
        if not call.will_continue:
            self._open = None
        return begun

    def _put(self, call: FunctionCall | None, piece: PartialArg) -> None:
        keys = _keys(piece.json_path or "")
        if call is None or not keys:
            return
        if call.args is None:
            call.args = {}
        node: Any = call.args
        for key, following in pairwise(keys):
            node = _child(node, key, [] if isinstance(following, int) else {})
        value, path = _value(piece), piece.json_path or ""
        if path in self._growing and isinstance(value, str):
            value = str(_get(node, keys[-1]) or "") + value
        _set(node, keys[-1], value)
        (self._growing.add if piece.will_continue else self._growing.discard)(path)


def _keys(path: str) -> list[str | int]:
    steps = _STEP.findall(path)
    return [int(number) if number else (dotted or single or double) for number, dotted, single, double in steps]


def _value(piece: PartialArg) -> str | float | int | bool | None:
    if piece.string_value is not None:
        return piece.string_value
    if piece.number_value is not None:
        number = piece.number_value
        return int(number) if number.is_integer() else number
    return piece.bool_value


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
    elif isinstance(key, int) and key < 100_000:  # a path is the server's word: no list of a billion for it
        node.extend([None] * (key + 1 - len(node)))
        node[key] = value

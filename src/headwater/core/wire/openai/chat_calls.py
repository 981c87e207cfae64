"""``CallAssembler``: function calls put together from the pieces in which chat servers stream them."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from headwater.core.wire.openai.chat_arguments import ArgumentPieces
from headwater.errors import ParseError
from headwater.json_text import JSON_ERRORS


class StreamedCall:
    """One function call so far. ``arguments`` are pieces of a JSON text."""

    __slots__ = ("arguments", "extra", "id", "name", "number", "pieces", "shown")

    def __init__(self, id: str | None, number: int) -> None:
        self.id = id
        self.number = number  # its place among the calls of the candidate
        self.name = ""
        self.arguments: list[str] = []
        self.extra: Any = None  # ``extra_content``: what the server wants back with the call
        self.pieces: ArgumentPieces | None = None  # if its arguments are given out while they arrive
        self.shown = 0  # how many of its pieces were given out

    def new_pieces(self) -> list[dict[str, Any]]:
        """Return what has arrived of the arguments since the last time, as the Gemini API streams them."""
        text, self.shown = "".join(self.arguments[self.shown :]), len(self.arguments)
        try:
            return self.pieces.feed(text) if self.pieces is not None else []
        except ParseError:
            return []  # ``args`` says so at the end

    def args(self) -> dict[str, Any] | None:
        """Return the arguments; None if their text is not a JSON object. A call without arguments may have no text."""
        text = "".join(self.arguments)
        try:
            found = msgspec.json.decode(text) if text.strip() else {}
        except JSON_ERRORS:
            return None
        return found if isinstance(found, dict) else {} if found is None else None


class CallAssembler:
    """Puts the calls of one candidate together.

    A piece belongs to the call with its index. If it has an id, and that call has another, it begins a new one: some
    servers send index 0 for every call. Without an index, a new id begins a call, else the last one continues.
    """

    def __init__(self) -> None:
        self.calls: list[StreamedCall] = []
        self._by_index: dict[int, StreamedCall] = {}
        self._last: StreamedCall | None = None
        self._count = 0

    def feed(self, piece: Any) -> StreamedCall | None:
        """Take one entry of ``delta.tool_calls``; return the call that it belongs to, None if it is not a piece."""
        if not isinstance(piece, dict):
            return None
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        index, name = piece.get("index"), piece.get("id")
        call = self._find(index if type(index) is int else None, name if isinstance(name, str) and name else None)
        if not call.name and isinstance(function.get("name"), str):
            call.name = function["name"]
        if piece.get("extra_content"):
            call.extra = piece["extra_content"]
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call.arguments.append(arguments)
        elif arguments is not None:  # an object, as Ollama's own API has it
            call.arguments.append(msgspec.json.encode(arguments).decode())
        return call

    def take(self) -> list[StreamedCall]:
        """Return the calls, in the order of their first pieces.

        Asked at the end of the candidate only: pieces of several calls may be interleaved.
        """
        taken, self.calls = self.calls, []
        return taken

    def _find(self, index: int | None, id: str | None) -> StreamedCall:
        known = self._last if index is None else self._by_index.get(index)
        if known is None or (id is not None and known.id not in (None, id)):
            known = StreamedCall(id, self._count)
            self._count += 1
            self.calls.append(known)
        elif id is not None:
            known.id = id
        if index is not None:
            self._by_index[index] = known
        self._last = known
        return known


def made_id(*parts: object) -> str:
    """Return an id for a call that the server gave none, the same for the same answer and place."""
    text = "\0".join(map(str, parts))
    return f"call_{hashlib.blake2b(text.encode(), digest_size=9).hexdigest()}"

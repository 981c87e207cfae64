"""``OpaqueState``: what a server wants back in the next turn, packed into thought signatures.

Clients return those as they are, so nothing has to be kept on the server.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from headwater.json_text import JSON_ERRORS

#: What a signature of ours begins with. Another API's is not for a chat server.
_MARK = "headwater.chat."


class OpaqueState:
    """Collects what is to be returned with one choice. ``engine`` is who may read it again."""

    def __init__(self, engine: str, *, keeps_reasoning: bool = False) -> None:
        self._engine = engine
        self._keeps_reasoning = keeps_reasoning
        self._reasoning: list[str] = []
        self._details: list[Any] = []
        self._google: Any = None

    def add_reasoning(self, text: str) -> None:
        """Take a piece of the thoughts, where the server wants them back together with the calls that followed."""
        if self._keeps_reasoning:
            self._reasoning.append(text)

    def add_details(self, details: Any) -> None:
        """Take ``reasoning_details`` (OpenRouter): pieces of one text are merged, everything else is kept as it is."""
        for entry in details if isinstance(details, list) else ():
            last: Any = self._details[-1] if self._details else None
            if _continues(last, entry):
                self._details[-1] = _merged(last, entry)
            else:
                self._details.append(entry)

    def add_google(self, extra: Any) -> None:
        """Take the ``extra_content`` of a delta without a call (Google's endpoint)."""
        self._google = extra or self._google

    def sign_call(self, part: dict[str, Any], extra: Any) -> None:
        """Sign the part of one call with what the server wants back with it."""
        part["thoughtSignature"] = pack(self._engine, {"extra_content": extra})

    def sign(self, parts: list[dict[str, Any]]) -> None:
        """Sign the first call in ``parts``, or an empty text after them, with what was collected."""
        first = next((part for part in parts if "args" in part.get("functionCall", ())), None)
        state: dict[str, Any] = {}
        if self._details:
            state["reasoning_details"] = self._details
        if self._reasoning and first is not None:
            state["reasoning"] = "".join(self._reasoning)
        if self._google:
            state["extra_content"] = self._google
        if not state:
            return
        if first is None:
            first = {"text": ""}
            parts.append(first)
        elif "thoughtSignature" in first:
            state = {**(unpack(self._engine, base64.b64decode(first["thoughtSignature"])) or {}), **state}
        first["thoughtSignature"] = pack(self._engine, state)


def pack(engine: str, state: dict[str, Any]) -> str:
    """Return ``state`` as a thought signature in the API's JSON."""
    return base64.b64encode(f"{_MARK}{engine}:".encode() + msgspec.json.encode(state)).decode()


def unpack(engine: str, signature: bytes | None) -> dict[str, Any] | None:
    """Return the state in a signature; None if it is not ours, or another engine's."""
    head = f"{_MARK}{engine}:".encode()
    if not signature or not signature.startswith(head):
        return None
    try:
        found = msgspec.json.decode(signature[len(head) :])
    except JSON_ERRORS:
        return None
    return found if isinstance(found, dict) else None


def _continues(last: Any, entry: Any) -> bool:
    """Whether ``entry`` is the next piece of the text in ``last``."""
    if not isinstance(last, dict) or not isinstance(entry, dict):
        return False
    same = all(last.get(name) == entry.get(name) for name in ("type", "index"))
    # A signature ends a text. What is encrypted is one value, never a piece.
    return same and entry.get("type") in ("reasoning.text", "reasoning.summary") and not last.get("signature")


def _merged(last: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in entry.items() if value is not None}
    for name in ("text", "summary"):
        if isinstance(last.get(name), str) and isinstance(entry.get(name), str):
            said[name] = last[name] + entry[name]
    return {**last, **said}

"""``AnswerText``: the text of one choice without what a server puts around it: a repeated prefill, tags, a frame."""

from __future__ import annotations

import re

import msgspec

from headwater.core.wire.openai.think_tags import ThinkTags, ThinkTagsMode
from headwater.json_text import JSON_ERRORS

#: The key of the object that is asked for where a server takes no other value at the root of a schema.
FRAME_KEY = "value"
_HEAD = re.compile(r'\s*\{\s*"value"\s*:\s*')
_TAIL = re.compile(r"[\s}]*\Z")
#: Text without a frame within this many characters has no frame.
_LONGEST_HEAD = 64


class AnswerText:
    """Takes the text of one choice in pieces. ``frame`` is ``""``, ``"value"`` or ``"enum"``."""

    def __init__(self, prefill: str, think_tags: ThinkTagsMode, frame: str) -> None:
        self._prefill = prefill
        self._tags: ThinkTags | None = None if think_tags == "off" else ThinkTags(think_tags)
        self._frame = _Frame(frame) if frame else None
        self._held = ""
        #: Whether text passes through unchanged, so that it need not be given.
        self.is_plain = not prefill and self._tags is None and self._frame is None

    def feed(self, text: str) -> list[tuple[bool, str]]:
        """Return what ``text`` adds: whether it is a thought, and the text."""
        if self._prefill:
            text = self._without_prefill(text)
        if not text:
            return []
        found = [(False, text)] if self._tags is None else self._tags.feed(text)
        if self._frame is not None:
            found = [entry for thought, piece in found for entry in self._unframed(thought, piece)]
        elif self._tags is not None and self._tags.is_over and not self._prefill:
            self._tags = None
            self.is_plain = True
        return found

    def flush(self) -> list[tuple[bool, str]]:
        """Return what was held back, at the end of the answer."""
        held, self._held, self._prefill = self._held, "", ""
        found = self.feed(held) if held else []
        if self._tags is not None:
            rest = self._tags.flush()
            found += [entry for thought, piece in rest for entry in self._unframed(thought, piece)]
        if self._frame is not None and (last := self._frame.flush()):
            found.append((False, last))
        return found

    def _without_prefill(self, text: str) -> str:
        """What follows the prefill, if the server repeats it; all of the text if it does not."""
        text, self._held = self._held + text, ""
        if len(text) < len(self._prefill) and self._prefill.startswith(text):
            self._held = text
            return ""
        text, self._prefill = text.removeprefix(self._prefill), ""
        return text

    def _unframed(self, thought: bool, text: str) -> list[tuple[bool, str]]:
        if thought or self._frame is None:
            return [(thought, text)]
        text = self._frame.feed(text)
        return [(False, text)] if text else []


class _Frame:
    """Takes the frame off a value: ``{"value": 3}`` is 3; of an ``enum`` the quotes as well."""

    def __init__(self, kind: str) -> None:
        self._is_enum = kind == "enum"
        self._held = ""
        self._state = "head"

    def feed(self, text: str) -> str:
        text, self._held = self._held + text, ""
        if self._is_enum:  # a word: nothing is gained by showing half of it
            self._held = text
            return ""
        if self._state == "head":
            text = self._begin(text)
        if self._state == "start":
            text = text.lstrip()
            self._state = "value" if text else "start"
        if self._state != "value":
            return text
        tail = _TAIL.search(text)
        assert tail is not None  # it matches the empty end of any text
        self._held = text[tail.start() :]
        return text[: tail.start()]

    def flush(self) -> str:
        """What was held back, without the frame."""
        held, self._held = self._held, ""
        if self._is_enum:
            return _word(held)
        if self._state == "value":
            return held.rstrip().removesuffix("}").rstrip()
        return held

    def _begin(self, text: str) -> str:
        match = _HEAD.match(text)
        if match is not None:
            self._state = "start"
            return text[match.end() :]
        if len(text) < _LONGEST_HEAD and text.lstrip()[:1] in ("", "{"):
            self._held = text
            return ""
        self._state = "none"
        return text


def _word(text: str) -> str:
    """The word in ``"word"``, or in ``{"value": "word"}``; any other text as it is."""
    try:
        found = msgspec.json.decode(text)
    except JSON_ERRORS:
        return text
    if isinstance(found, dict):
        found = found.get(FRAME_KEY)
    return found if isinstance(found, str) else text

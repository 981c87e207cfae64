"""``ThinkTags``: thoughts that a server leaves in the text, between ``<think>`` and ``</think>``."""

from __future__ import annotations

from typing import Literal

_OPEN, _CLOSE = "<think>", "</think>"

#: ``auto``: only if the first text that is not blank is the opening tag. ``on``: the text begins as a thought, with the
#: opening tag or without it, since some templates write it themselves. ``off``: tags are text.
ThinkTagsMode = Literal["auto", "on", "off"]


class ThinkTags:
    """Splits the text of one candidate into ``(is thought, text)``. Holds back what may be the beginning of a tag."""

    def __init__(self, mode: ThinkTagsMode) -> None:
        self._mode = mode
        self._thinking: bool | None = None if mode != "off" else False  # None until the first text says so
        self._held = ""
        self._trims = False  # whether the blank lines between thought and answer are still arriving

    @property
    def is_over(self) -> bool:
        """Whether all text that follows is the answer's, unchanged."""
        return self._thinking is False and not self._trims and not self._held

    def feed(self, text: str) -> list[tuple[bool, str]]:
        """Return what ``text`` adds, in order."""
        text, self._held = self._held + text, ""
        if self._thinking is None:
            text = self._begin(text)
        found: list[tuple[bool, str]] = []
        if self._thinking:
            text = self._until_close(text, found)
        if self._trims:
            text = text.lstrip("\n")
            self._trims = not text
        if text:
            found.append((False, text))
        return found

    def flush(self) -> list[tuple[bool, str]]:
        """Return what was held back, at the end of the answer."""
        held, self._held = self._held, ""
        return [(bool(self._thinking), held)] if held else []

    def _begin(self, text: str) -> str:
        start = text.lstrip()
        if len(start) < len(_OPEN) and _OPEN.startswith(start):
            self._held = text
            return ""
        self._thinking = start.startswith(_OPEN) or self._mode == "on"
        return start.removeprefix(_OPEN) if self._thinking else text

    def _until_close(self, text: str, found: list[tuple[bool, str]]) -> str:
        """Append the thought in ``text``; return what follows the closing tag."""
        thought, close, rest = text.partition(_CLOSE)
        if close:
            self._thinking, self._trims = False, True
        else:
            keep = len(thought) - _open_end(thought)
            thought, self._held = thought[:keep], thought[keep:]
        if thought:
            found.append((True, thought))
        return rest


def _open_end(text: str) -> int:
    """How many of the last characters of ``text`` may be the beginning of the closing tag."""
    return next((size for size in range(len(_CLOSE) - 1, 0, -1) if text.endswith(_CLOSE[:size])), 0)
